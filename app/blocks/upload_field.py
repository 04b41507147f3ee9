"""A field for files in the user's language: Streamlit's own names its button in English only."""

from __future__ import annotations

import json

import streamlit as st

_STYLE = """<style>
[data-testid="stFileUploaderDropzone"] button p,
[data-testid="stFileUploaderDropzoneInstructions"] span { font-size: 0; }
[data-testid="stFileUploaderDropzone"] button p::after { content: BUTTON; font-size: 0.875rem; }
[data-testid="stFileUploaderDropzoneInstructions"] span::after {
  content: HINT; font-size: 0.875rem;
}
</style>"""


def speak(button: str, hint: str) -> None:
    """What the button of this page's field for files says, and the line beside it."""
    said = {"BUTTON": button, "HINT": hint}
    style = _STYLE
    for place, words in said.items():
        style = style.replace(place, json.dumps(words, ensure_ascii=False))
    st.html(style)
