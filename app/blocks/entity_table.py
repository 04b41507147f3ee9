"""Entities as a table, as a chart of their labels, and as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from app.blocks.streamed_text import escape
from app.blocks.taggers import Reading, label
from app.i18n import Words
from litteragpt.entities import export, highlight
from litteragpt.entities.colours import ink_of
from litteragpt.entities.span import Entity

MAX_ROWS = 100
"""Rows that are drawn; the files have them all."""

Normalise = Callable[[Entity], str | None]

_PATTERNS = ("", "/", "x", "\\")
"""Fills of the bars, one a tagger: apart without colour."""
_BAR_PX = 34


def table_html(t: Words, entities: Sequence[Entity], normalised: Normalise | None) -> str:
    """The first entities for `st.html`; on a phone each is two lines.

    The roles say to screen readers what the style, laid out anew on a phone, would hide.
    """
    columns = ["text", "label", "place", "score"]
    if normalised is not None:
        columns.insert(2, "iso")
    heads = "".join(
        f'<th scope="col" role="columnheader">{escape(t(f"entities.columns.{column}"))}</th>'
        for column in columns
    )
    rows = "".join(_row(t, each, normalised) for each in entities[:MAX_ROWS])
    return (
        '<table class="lg-names lg-entities" role="table" '
        f'aria-label="{escape(t("entities.table"))}">'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )


def counts_figure(
    t: Words, readings: Sequence[Reading], entities: Sequence[Sequence[Entity]]
) -> go.Figure:
    """How many entities there are of each label; a bar for each tagger."""
    counts = [Counter(each.label for each in found) for found in entities]
    total = sum(counts, Counter())
    labels = [name for name, _ in reversed(total.most_common())]
    figure = go.Figure()
    bars = list(zip(readings, counts, _PATTERNS, strict=False))
    for reading, count, pattern in reversed(bars):  # plotly draws upwards
        figure.add_bar(
            y=[escape(name) for name in labels],
            x=[count[name] for name in labels],
            text=[t.count(count[name]) for name in labels],
            name=label(t, reading.tagger),
            orientation="h",
            marker={
                "color": [ink_of(name) for name in labels],
                "pattern": {"shape": pattern, "fillmode": "overlay"},
            },
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x}<extra></extra>",
        )
    figure.update_layout(
        height=60 + _BAR_PX * len(labels) * len(readings),
        margin={"l": 8, "r": 40, "t": 8, "b": 8},
        legend={
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.02,
            "x": 0,
            "traceorder": "reversed",
        },
        showlegend=len(readings) > 1,
        dragmode=False,
        bargap=0.3,
        separators=".," if t.language == "en" else ",.",
    )
    figure.update_xaxes(visible=False, rangemode="tozero")
    figure.update_yaxes(title=None, automargin=True)
    return figure


def downloads(
    t: Words, text: str, entities: Sequence[Entity], normalised: Normalise | None
) -> None:
    """A button for each kind of file; none reruns the page, and a file is made once asked for."""
    kinds: tuple[tuple[str, str, Callable[[], str], str], ...] = (
        ("jsonl", "application/jsonl", partial(export.to_jsonl, text, entities), "data_object"),
        ("conll", "text/plain", partial(export.to_conll, text, entities), "view_list"),
        (
            "csv",
            "text/csv",
            partial(export.to_csv, text, entities, normalised=normalised),
            "download",
        ),
        ("html", "text/html", partial(export.to_html, text, entities), "code"),
    )
    for kind, mime, make, icon in kinds:
        # Excel looks for the mark; others might take it for a character.
        encoding = "utf-8-sig" if kind == "csv" else "utf-8"
        st.download_button(
            t(f"entities.files.{kind}"),
            partial(_encoded, make, encoding),
            file_name=f"entidades.{kind}",
            mime=f"{mime}; charset=utf-8",
            key=f"entidades.{kind}",
            on_click="ignore",
            icon=f":material/{icon}:",
        )


def _row(t: Words, entity: Entity, normalised: Normalise | None) -> str:
    (badge,) = highlight.legend([entity.label])
    date = "" if normalised is None else f'<td role="cell">{escape(normalised(entity) or "—")}</td>'
    return (
        f'<tr role="row"><th scope="row" role="rowheader">{escape(entity.text)}</th>'
        f'<td role="cell">{badge}</td>{date}'
        f'<td role="cell">{entity.start}–{entity.end}</td>'
        f'<td role="cell">{escape(t.percent(entity.score))}</td></tr>'
    )


def _encoded(make: Callable[[], str], encoding: str) -> bytes:
    return make().encode(encoding, "replace")
