"""In which order an epoch goes through its windows: shuffled, and any place of it at once."""

from __future__ import annotations

import numpy as np

_ROUNDS = 4
_WORD = 2**64 - 1


class Order:
    """A random permutation of `range(size)`, any place of which can be had.

    Up to `held` places it is drawn and kept; above, a Feistel network over a power of four,
    walked until it comes back into the range, computes each place (Black & Rogaway 2002), so that
    memory does not grow with the data.
    """

    def __init__(self, size: int, generator: np.random.Generator, held: int = 1 << 22) -> None:
        assert size > 0, "nothing to order"
        self._size = size
        self._permutation = generator.permutation(size) if size <= held else None
        self._keys = [] if size <= held else generator.integers(1 << 62, size=_ROUNDS).tolist()
        self._half = ((size - 1).bit_length() + 1) // 2
        """Bits of each half of a place."""

    def __getitem__(self, place: int) -> int:
        if self._permutation is not None:
            return int(self._permutation[place])
        place = self._scrambled(place)
        while place >= self._size:
            place = self._scrambled(place)
        return place

    def _scrambled(self, place: int) -> int:
        mask = (1 << self._half) - 1
        left, right = place >> self._half, place & mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right + key) & mask)
        return left << self._half | right


def _mixed(number: int) -> int:
    """A hash of 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    number &= _WORD
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _WORD
    return number ^ number >> 31
