"""What an encoder knows of a word: rows of hashed tables, so that no word is unknown.

A word is the sum of vectors of itself and of its character n-grams (Bojanowski et al. 2017,
"Enriching Word Vectors with Subword Information"), each kept at several rows of one small table
(Tito Svenstrup et al. 2017, "Hash Embeddings", as `floret` and spaCy do): what is new, misspelt or
inflected shares most of its rows with what is known. Case does not count there; a second table
knows the shape of the word as it was written.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import mmh3

SHORTEST_GRAM: Final = 3
LONGEST_GRAM: Final = 5
HASHES: Final = 2
"""Rows of an n-gram."""
LONGEST_WORD: Final = 40
"""Characters of a word that are looked at, half of them at each end."""
CACHE_SIZE: Final = 100_000

SEED: Final = 2166136261
_SHAPES_SEED: Final = 1

WordRows = tuple[tuple[int, ...], int, tuple[int, ...]]


class WordFeatures:
    """The rows of words in tables of a given size, remembered for words seen before."""

    def __init__(self, rows: int, shapes: int, *, attributes: bool = False) -> None:
        """With `attributes`, what feature templates ask of a word is given, too."""
        self._rows = rows
        self._shapes = shapes
        self._attributes = attributes
        self._known: dict[str, WordRows] = {}

    def __call__(self, word: str) -> WordRows:
        """The word's rows in the table of n-grams, its row in that of shapes, its attributes."""
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            found = self._known[word] = self._look(word)
        return found

    def _look(self, word: str) -> WordRows:
        word = unicodedata.normalize("NFC", word)
        if len(word) > LONGEST_WORD:
            word = word[: LONGEST_WORD // 2] + word[-LONGEST_WORD // 2 :]
        rows = gram_rows(word.lower(), self._rows)
        looks = shape(word)
        return (
            tuple(rows),
            mmh3.hash(looks, _SHAPES_SEED, signed=False) % self._shapes,
            attributes(word, looks) if self._attributes else (),
        )


def attributes(word: str, looks: str) -> tuple[int, ...]:
    """Hashes above 0 of a word and of its parts, in the order that `templates` has them."""
    low = word.lower()
    parts = (low, word, looks, low[:2], low[:3], low[:4], low[-2:], low[-3:], low[-4:])
    return tuple(1 + mmh3.hash(part, number, signed=False) for number, part in enumerate(parts))


def grams(word: str) -> list[str]:
    """A word between `<` and `>`, and its character n-grams."""
    whole = f"<{word}>"
    found = [whole]
    for size in range(SHORTEST_GRAM, LONGEST_GRAM + 1):
        found += [whole[at : at + size] for at in range(len(whole) - size + 1)]
    return found


def shape(word: str) -> str:
    """Its letters as `x` and `X`, its digits as `d`, the rest as it is; runs of at most three."""
    found: list[str] = []
    for letter in word:
        if letter.isalpha():
            kind = "X" if letter.isupper() else "x"
        else:
            kind = "d" if letter.isdigit() else letter
        if found[-3:] != [kind] * 3:
            found.append(kind)
    return "".join(found)


def gram_rows(word: str, rows: int) -> list[int]:
    """For each n-gram of a word, the `HASHES` rows of a table that it has.

    They are the first two 32-bit parts of its MurmurHash3, one after the other, as in `floret`.
    """
    found: list[int] = []
    for gram in grams(word):
        both, _ = mmh3.mmh3_x64_128_utupledigest(gram.encode(), SEED)
        found.append((both & 0xFFFFFFFF) % rows)
        found.append((both >> 32) % rows)
    return found
