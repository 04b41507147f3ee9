"""How people write in haste: lower case, no accents, no full stops, a slip of the finger.

Each change is made to one segment at a time, so entities keep their edges.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from litteragpt.entities.synth.grammar import CAPITAL, Segment

_STYLES: Final[Sequence[tuple[int, tuple[str, ...]]]] = (
    (58, ()),
    (12, ("lower",)),
    (10, ("lower", "plain")),
    (8, ("lower", "bare")),
    (6, ("bare",)),
    (3, ("plain",)),
    (3, ("upper",)),
)
"""Weights, and what is done to a record."""
_TYPOS: Final = 0.08
"""Share of the records with a slip in them."""
_MARKS: Final = re.compile(r"[.,;:!?¡¿]+(?=\s|$)|[¡¿]")
_LETTERS: Final = re.compile(r"[^\W\d_]{4,}")
_SPELLED: Final = frozenset({"", "DATE", "TIME"})
"""Labels whose words a slip may change; names and addresses stay as they are."""


def capitalised(segments: Sequence[Segment]) -> list[Segment]:
    """The segments with capitals where they were asked for; an address keeps its case."""
    due = False
    found: list[Segment] = []
    for text, label in segments:
        characters: list[str] = []
        for character in text:
            if character == CAPITAL:
                due = True
                continue
            if due and character.isalnum():
                due = False
                if label != "EMAIL":
                    character = _upper(character)
            characters.append(character)
        found.append(("".join(characters), label))
    return [segment for segment in found if segment[0]]


def roughened(segments: Sequence[Segment], rng: random.Random) -> list[Segment]:
    """The segments as somebody of a random style writes them: most carefully, some in haste."""
    weights = [weight for weight, _ in _STYLES]
    (_, steps), *_ = rng.choices(_STYLES, weights)
    found = list(segments)
    if rng.random() < _TYPOS:
        found = _slipped(found, rng)
    for step in steps:
        found = [(_STEPS[step](text, label), label) for text, label in found]
    return [segment for segment in found if segment[0]]


def _slipped(segments: list[Segment], rng: random.Random) -> list[Segment]:
    """One word of four letters or more with two letters swapped, one lost, or one doubled."""
    places = [
        (number, match)
        for number, (text, label) in enumerate(segments)
        if label in _SPELLED
        for match in _LETTERS.finditer(text)
    ]
    if not places:
        return segments
    number, match = rng.choice(places)
    text, label = segments[number]
    at = rng.randrange(match.start() + 1, match.end() - 1)
    pair = text[at : at + 2]
    wrong = rng.choice((pair[::-1], pair[0], pair[1], pair[0] + pair))
    return [
        *segments[:number],
        (text[:at] + wrong + text[at + 2 :], label),
        *segments[number + 1 :],
    ]


def _upper(character: str) -> str:
    upper = character.upper()
    return upper if len(upper) == 1 else character


def _plain(text: str, _: str) -> str:
    """Without accents; ñ and ç are letters of their own that haste loses too."""
    parts = unicodedata.normalize("NFD", text)
    kept = "".join(part for part in parts if not unicodedata.combining(part))
    return unicodedata.normalize("NFC", kept)


def _bare(text: str, label: str) -> str:
    return text if label else _MARKS.sub("", text)


_STEPS: Final[dict[str, Callable[[str, str], str]]] = {
    "lower": lambda text, _: text.lower(),
    "upper": lambda text, _: "".join(map(_upper, text)),
    "plain": _plain,
    "bare": _bare,
}
