"""What every tokenizer here shares: the form in which a text is read, and the limit of a file."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_FILE_BYTES: Final = 16 * 2**20

SURROGATES: Final = re.compile("[\ud800-\udfff]+")
"""Code points that a Python `str` can hold but that are no characters, and have no UTF-8."""


def normalize(text: str) -> str:
    """The form in which every tokenizer reads a text: NFC with "\\n" line ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text)
