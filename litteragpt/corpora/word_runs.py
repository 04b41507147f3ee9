"""Runs of words that two texts have in common, over the ends of lines too.

Words are compared without case, accents and punctuation. Every run is hashed, so that equal
runs always meet: a count of zero is proof that nothing is shared. Unequal runs meet by chance
once in 2^64 pairs, which at worst takes one line too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from litteragpt.corpora.lines import folded_words

_BASE = 0x9E3779B97F4A7C15  # odd, so that no power of it vanishes modulo 2^64

Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Shared:
    """What a text has in common with another."""

    runs: int
    """Places where a run of words starts that the other text has too."""
    lines: tuple[int, ...]
    """The lines that such a run touches, in order."""


def number_words(lines: Sequence[str], table: dict[str, int]) -> list[Numbers]:
    """A number for every word of each line, from `table`, which grows by the words it lacks."""
    return [
        np.array(
            [table.setdefault(word, len(table) + 1) for word in folded_words(line)], dtype=np.uint64
        )
        for line in lines
    ]


def shared_runs(text: Sequence[Numbers], other: Sequence[Numbers], length: int) -> Shared:
    """The runs of `length` words of `text` that `other` has too; both as lines of numbered words.

    Linear in the words of `text`.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1 word, not {length}")
    if not len(text) or not len(other):
        return Shared(0, ())
    wanted = _runs(np.concatenate(other), length)
    starts = np.flatnonzero(np.isin(_runs(np.concatenate(text), length), wanted))
    line_of = np.repeat(np.arange(len(text)), [len(line) for line in text])
    touched = np.unique(line_of[starts[:, None] + np.arange(length)])
    return Shared(len(starts), tuple(touched.tolist()))


def _runs(ids: Numbers, length: int) -> Numbers:
    """A polynomial hash modulo 2^64 of every run of `length` numbers: (n - length + 1,)."""
    count = max(len(ids) - length + 1, 0)
    result = np.zeros(count, dtype=np.uint64)
    # Consecutive small numbers would make short polynomials collide: spread them first.
    spread = (ids ^ (ids >> np.uint64(7))) * np.uint64(0xBF58476D1CE4E5B9)
    spread ^= spread >> np.uint64(29)
    for offset in range(length):
        result = result * np.uint64(_BASE) + spread[offset : offset + count]
    return result
