"""The letters as the model reads them: their learned vectors in a plane."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from app.blocks.charts import show
from app.blocks.palette import Ink
from app.blocks.streamed_text import escape
from app.i18n import Words
from litteragpt.generation.text import TextModel
from litteragpt.names.letters import EmbeddingPlane, embedding_plane

MAX_PIECES = 400
"""More would be a cloud."""

CLASSES = ("charts.vowels", "charts.consonants", "charts.capitals", "charts.digits", "charts.marks")
_INKS = (4, 0, 2, 3, 5)
"""Of each class, by its place in the palette."""


def class_of(text: str) -> str:
    """What sort of letter a piece is, as the catalogue calls it; one of several by its first."""
    letter = text.strip()[:1]
    if letter.isdigit():
        return "charts.digits"
    if not letter.isalpha():
        return "charts.marks"
    if letter.isupper():
        return "charts.capitals"
    base = unicodedata.normalize("NFD", letter)[0]
    return "charts.vowels" if base in "aeiouyªº" else "charts.consonants"


def section(t: Words, lm: TextModel, inks: Sequence[Ink]) -> None:
    """The plane, where the model has one that can be looked at."""
    plane = embedding_plane(lm)
    if plane is None or not 3 <= len(plane.pieces) <= MAX_PIECES:
        return
    st.subheader(t("letters.title"), anchor=False)
    st.caption(t("letters.help", width=t.count(plane.width), share=t.percent(plane.share)))
    show(figure(t, plane, inks), key="toponimos.letters", alt=t("letters.alt"))


def figure(t: Words, plane: EmbeddingPlane, inks: Sequence[Ink]) -> go.Figure:
    """A letter at each place, in the colour of its class."""
    drawn = go.Figure()
    for label, number in zip(CLASSES, _INKS, strict=True):
        pieces = [each for each in plane.pieces if class_of(each.text) == label]
        if pieces:
            shown = [escape(each.piece) for each in pieces]
            drawn.add_scatter(
                x=[each.x for each in pieces],
                y=[each.y for each in pieces],
                mode="text",
                name=t(label),
                text=shown,
                textfont={"color": inks[number].colour, "size": 16},
                hovertext=[f"<b>{each}</b> · {escape(t(label))}" for each in shown],
                hovertemplate="%{hovertext}<extra></extra>",
            )
    drawn.update_layout(
        height=440,
        margin={"l": 4, "r": 4, "t": 8, "b": 4},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
        hovermode="closest",
        dragmode=False,
    )
    drawn.update_xaxes(visible=False)
    drawn.update_yaxes(visible=False)
    return drawn
