"""Where the words of a text are.

A word is a run of letters, digits and combining marks, with single hyphens and apostrophes in it
(`sexta-feira`, `O'Brien`, `7h30`); between digits also `.`, `,`, `:` and `/` (`10:30`,
`20/02/2025`, `1.234,56`). E-mail addresses and URLs are one word each. Any other character that
is no space is a word by itself.
"""

from __future__ import annotations

import re
from typing import Final

# Blocks of combining marks, which `\w` lacks: text in NFD keeps its words whole.
_MARKS: Final = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_CORE: Final = rf"[\w{_MARKS}]++"
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"

EMAIL: Final = rf"(?<!\w)[^\W_](?:[\w.+%'-]{{0,63}}+)@(?:{_LABEL}\.){{1,8}}[^\W\d_]{{2,24}}(?!\w)"
"""An e-mail address; the local part has at most 64 characters."""
_URL: Final = r"(?<!\w)(?:https?://|www\.)[^\s<>\"]{0,2000}[^\s<>\".,;:!?')\]}]"
_WORD: Final = rf"{_CORE}(?:(?:['’\u2010\u2011-]|(?<=\d)[.,:/](?=\d)){_CORE})*+"
# Quantifiers that would be tried again from every character are possessive or bounded: the time
# is linear in the length of any text.
_PATTERN: Final = re.compile(rf"{EMAIL}|{_URL}|{_WORD}|\S")


def split_words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word, in order: every character but white space is in exactly one."""
    return [match.span() for match in _PATTERN.finditer(text)]
