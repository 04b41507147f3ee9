"""Text as text where Streamlit reads Markdown: the labels of its widgets."""

from __future__ import annotations

import re

_MARK = re.compile(r"([!-/:-@\[-`{-~])")


def literally(text: str) -> str:
    """A text as Markdown that shows exactly its characters, in one line."""
    return _MARK.sub(r"\\\1", " ".join(text.split()))
