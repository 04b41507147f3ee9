"""A text as the model reads it: its pieces, their numbers, and how much of the context they are."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.blocks.streamed_text import escape
from app.i18n import Words
from litteragpt.generation.text import TextModel
from litteragpt.tokenizers import TokenView, pieces_of

MAX_CHARS = 1_000
MAX_PIECES = 300
"""Pieces that are drawn; all are counted."""


def section(t: Words, model: TextModel, prompt: str) -> None:
    """The pieces of a prompt, and its share of what a prediction can look at."""
    if not prompt:
        st.caption(t("pieces.empty"))
        return
    read = model.encode_prompt(prompt)
    count, context = len(read.ids), model.model.context
    st.progress(
        min(1.0, count / context),
        text=t("pieces.context", count=t.count(count), context=t.count(context)),
    )
    if count > context:
        st.caption(t("pieces.beyond", context=t.count(context)))
    views = pieces_of(model.tokenizer, read.text[:MAX_CHARS])[:MAX_PIECES]
    st.html(pieces_html(t, views))
    if views and views[-1].end < len(read.text):
        st.caption(t("pieces.first", count=t.count(len(views))))
    distinct = t.count(len(set(read.ids)))
    st.caption(t("pieces.explained", distinct=distinct, vocabulary=t.count(model.model.vocab_size)))


def pieces_html(t: Words, views: Sequence[TokenView]) -> str:
    """A list of pieces for `st.html`, each with its number and how often it is there."""
    items = "".join(
        f"<li><span>{escape(view.piece)}</span>"
        f"<small>{view.id}{f' ×{view.count}' if view.count > 1 else ''}</small></li>"
        for view in views
    )
    return f'<ol class="lg-pieces" aria-label="{escape(t("pieces.title"))}">{items}</ol>'
