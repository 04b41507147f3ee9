"""Tokens as a person may be shown them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from litteragpt.protocols import Tokenizer
from litteragpt.substitutes import is_mark

_VISIBLE: Final = {"\n": "↵", " ": "␣"}
# What Python calls printable though it leaves no ink: joiners, fillers, variation selectors.
_NO_INK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_WINDOW: Final = 3
"""On either side of a place inside a character there are at most so many of its bytes."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """One token of a text."""

    id: int
    piece: str
    """As it may be shown: see `Tokenizer.piece`."""
    start: int
    """Where it begins, in code points of the text as the tokenizer reads it."""
    end: int
    """Where it ends; a token that holds a part of a character covers the whole of it."""
    count: int
    """How many times the id occurs in the text."""


def pieces_of(tokenizer: Tokenizer, text: str) -> list[TokenView]:
    """The tokens of a text with their places in `tokenizer.encode(text).text`.

    Tokens that share a character overlap: each covers the whole of it.
    """
    ids = tokenizer.encode(text).ids
    counts = Counter(ids)
    views: list[TokenView] = []
    first = start = 0  # of the tokens since the last place where a character began
    for index, id in enumerate(ids):
        if index and _between_characters(tokenizer, ids, index):
            first, start = index, views[-1].end
        # A part of a character decodes to one U+FFFD, which stands where the character will.
        before = len(tokenizer.decode(ids[first:index])) - (index > first)
        after = len(tokenizer.decode(ids[first : index + 1]))
        views.append(TokenView(id, tokenizer.piece(id), start + before, start + after, counts[id]))
    return views


def shown(text: str) -> str:
    """A text with nothing in it that is invisible or moves the line.

    A space is "␣" and a newline "↵"; another character that leaves no ink is its escape, such
    as `\\u200b`; a combining mark that has no letter before it stands on "◌".
    """
    parts: list[str] = []
    on_letter = False
    for character in text:
        if character in _VISIBLE:
            parts.append(_VISIBLE[character])
            on_letter = False
        elif not character.isprintable() or _NO_INK.match(character):
            parts.append(character.encode("unicode_escape").decode("ascii"))
            on_letter = False
        elif is_mark(character) and not on_letter:
            parts.append(f"◌{character}")
            on_letter = True
        else:
            parts.append(character)
            on_letter = True
    return "".join(parts)


def shown_bytes(data: bytes) -> str:
    """The same for a run of UTF-8 bytes; one that is only a part of a character is `<C3>`."""
    # A byte that is no UTF-8 becomes a surrogate, which no UTF-8 gives.
    parts = re.split("([\udc80-\udcff])", data.decode("utf-8", errors="surrogateescape"))
    return "".join(
        f"<{ord(part) - 0xDC00:02X}>" if place % 2 else shown(part)
        for place, part in enumerate(parts)
    )


def _between_characters(tokenizer: Tokenizer, ids: Sequence[int], index: int) -> bool:
    """Whether a character ends before the token at `index`, which does not go on with it.

    The two halves of a character decode to at least one U+FFFD each: more than the whole does.
    """
    before, after = ids[max(0, index - _WINDOW) : index], ids[index : index + _WINDOW]
    apart = tokenizer.decode(before) + tokenizer.decode(after)
    return apart == tokenizer.decode([*before, *after])
