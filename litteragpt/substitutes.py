"""What can stand in for a character that a vocabulary lacks.

The table is explicit. NFKC would do some of this, but it also turns ª, º, « and … into other
things where nobody asked; here a character is replaced only once it is known to be unknown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

_DOUBLE: Final = ('"', "”", "»")
_SINGLE: Final = ("'", "’", "´", "`")

CLOSE: Final = MappingProxyType(
    {
        # Quotation marks: the typographic pair first, then the plain one.
        "“": ("«", '"'),
        "”": ("»", '"'),
        "«": ("“", '"'),
        "»": ("”", '"'),
        "„": ("“", "«", '"'),
        "‟": ("“", "«", '"'),
        "‹": ("‘", "«", "'", '"'),
        "›": ("’", "»", "'", '"'),
        '"': ("”", "»", "''"),
        "″": _DOUBLE,
        "‘": _SINGLE,
        "’": _SINGLE,
        "‚": ("‘", *_SINGLE),
        "‛": ("‘", *_SINGLE),
        "'": ("’", "´", "`"),
        "′": _SINGLE,
        "´": ("'", "’"),
        "`": ("'", "‘"),
        "ʼ": _SINGLE,
        "ʻ": _SINGLE,
        # Dashes: the nearest in length first.
        "-": ("‐", "–", "—"),
        "‐": ("-", "–", "—"),
        "‑": ("-", "–", "—"),
        "‒": ("–", "-", "—"),
        "–": ("—", "-"),
        "—": ("―", "–", "-"),
        "―": ("—", "–", "-"),
        "⸺": ("—", "–", "-"),
        "−": ("-", "–", "—"),
        "•": ("-", "—"),
        # Dots.
        "…": ("...",),
        "...": ("…",),
        "‥": ("..",),
        "·": (".",),
        "․": (".",),
        # Brackets.
        "[": ("(",),
        "]": (")",),
        "{": ("[", "("),
        "}": ("]", ")"),
        "⟨": ("<", "("),
        "⟩": (">", ")"),
        # Letters that no canonical decomposition takes apart.
        "ß": ("ss",),
        "ẞ": ("SS",),
        "œ": ("oe",),
        "Œ": ("OE",),
        "æ": ("ae",),
        "Æ": ("AE",),
        "ø": ("o",),
        "Ø": ("O",),
        "ł": ("l",),
        "Ł": ("L",),
        "đ": ("d",),
        "Đ": ("D",),
        "ð": ("d",),
        "Ð": ("D",),
        "þ": ("th",),
        "Þ": ("Th", "TH"),
        "ħ": ("h",),
        "Ħ": ("H",),
        "ŧ": ("t",),
        "Ŧ": ("T",),
        "ŋ": ("n",),
        "Ŋ": ("N",),
        "ı": ("i",),
        "ſ": ("s",),
        "ŉ": ("'n", "’n", "n"),
        "ﬀ": ("ff",),
        "ﬁ": ("fi",),
        "ﬂ": ("fl",),
        "ﬃ": ("ffi",),
        "ﬄ": ("ffl",),
        "ﬅ": ("st",),
        "ﬆ": ("st",),
        "ª": ("a",),
        "º": ("°", "o"),
        "°": ("º", "o"),
        # Signs.
        "×": ("x",),
        "÷": ("/",),
        "⁄": ("/",),
        "¹": ("1",),
        "²": ("2",),
        "³": ("3",),
        "¼": ("1/4",),
        "½": ("1/2",),
        "¾": ("3/4",),
        "№": ("N.º", "No"),
        # Line ends of other systems, and the tabulator.
        "\v": ("\n", " "),
        "\f": ("\n", " "),
        "\x85": ("\n", " "),
        "\u2028": ("\n", " "),
        "\u2029": ("\n", " "),
        "\n": (" ",),
        "\t": (" ",),
    }
)
"""Close characters, in order of preference; "..." is the one key of several characters."""

_FULLWIDTH: Final = range(0xFF01, 0xFF5F)
_FULLWIDTH_TO_ASCII: Final = 0xFEE0


def is_mark(character: str) -> bool:
    """Whether the character is a combining mark: it belongs to the one before it."""
    return unicodedata.combining(character) != 0 or unicodedata.category(character)[0] == "M"


def substitute(text: str, known: frozenset[str]) -> str:
    """The closest text made of known characters for one unknown character, or "" for none.

    `text` is one character, or a longer key of `CLOSE`. The closest in the table is tried first,
    then the letter without its accents (the innermost kept longest), then the other case.
    """
    for candidate in _candidates(text):
        candidate = unicodedata.normalize("NFC", candidate)  # a change of case can decompose
        if all(character in known for character in candidate):
            return candidate
    return ""


def _candidates(text: str) -> Iterator[str]:
    close = [*CLOSE.get(text, ()), *(_computed(text) if len(text) == 1 else ())]
    yield from close
    yield text.swapcase()
    for candidate in close:
        yield candidate.swapcase()


def _computed(character: str) -> Iterator[str]:
    if unicodedata.category(character) == "Zs":
        yield " "
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        yield str(digit)
    if ord(character) in _FULLWIDTH:
        yield chr(ord(character) - _FULLWIDTH_TO_ASCII)
    letters = unicodedata.normalize("NFD", character)
    while len(letters) > 1 and is_mark(letters[-1]):
        letters = letters[:-1]
        yield unicodedata.normalize("NFC", letters)
        yield from CLOSE.get(letters, ())
