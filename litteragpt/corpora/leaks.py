"""Exact count of the runs of characters that a held-out text shares with the training text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BASE = 0x9E3779B97F4A7C15  # odd, so that no power of it vanishes modulo 2^64
_BLOCK = 1 << 15  # positions compared at once: 32 Ki × 50 characters × 4 bytes = 6.6 MB

Codes = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a held-out text shares with another, in runs of at least `length` characters."""

    length: int
    positions: int
    """Where in the held-out text a run of `length` characters starts that the other has too."""
    runs: int
    """Maximal stretches of such positions: passages in common, each of `length` or longer."""
    characters: int
    """Characters of the held-out text that lie in such a passage."""
    share: float
    """`characters` over the length of the held-out text; 0 where it is empty."""


def count_overlap(held_out: str, training: str, length: int = 50) -> Overlap:
    """Count the runs of `length` characters of `held_out` that occur in `training`.

    Exact: a rolling hash modulo 2^64 finds candidates, and each is compared with the text.
    Time O(n log n); memory about 30 bytes a character of training.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1, not {length}")
    ours, theirs = _codes(held_out), _codes(training)
    shared = _shared_positions(ours, theirs, length)
    positions = int(shared.sum())
    edges = np.diff(shared.astype(np.int8), prepend=0)
    # Position p covers characters p .. p + length - 1: +1 where one starts, -1 past its end.
    cover = np.zeros(len(ours) + 1, dtype=np.int32)
    cover[: len(shared)] += shared
    cover[length : length + len(shared)] -= shared
    covered = int((np.cumsum(cover) > 0).sum())
    return Overlap(
        length=length,
        positions=positions,
        runs=int((edges == 1).sum()),
        characters=covered,
        share=covered / len(ours) if len(ours) else 0.0,
    )


class KnownRuns:
    """The runs of `length` characters of a text, to be looked for in many others.

    Runs are compared by hash: equal ones always meet, unequal ones by chance once in 2^64 pairs.
    """

    def __init__(self, text: str, length: int) -> None:
        self._length = length
        self._hashes = np.unique(run_hashes(text, length))

    def lines(self, lines: Sequence[str]) -> set[int]:
        """The lines that a known run of their text (joined by line ends) touches."""
        wanted = run_hashes("\n".join(lines), self._length)
        if not len(wanted) or not len(self._hashes):
            return set()
        slot = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        starts = np.flatnonzero(self._hashes[slot] == wanted)
        begins = np.cumsum([0, *(len(line) + 1 for line in lines)])
        first = np.searchsorted(begins, starts, "right") - 1
        last = np.searchsorted(begins, starts + self._length - 1, "right") - 1
        pairs = np.unique(np.stack([first, last]), axis=1).T.tolist()
        return {line for a, b in pairs for line in range(a, b + 1)}


def run_hashes(text: str, length: int) -> Hashes:
    """A hash of every run of `length` characters: `len(text) - length + 1` of them."""
    return _hashes(_codes(text), length)


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)


def _hashes(codes: Codes, length: int) -> Hashes:
    """A polynomial hash of every run of `length` characters, by doubling; (n - length + 1,)."""
    count = len(codes) - length + 1
    result = np.zeros(max(count, 0), dtype=np.uint64)
    if count <= 0:
        return result
    power = codes.astype(np.uint64)  # hashes of the runs of `size` characters
    size, done = 1, 0
    while True:
        if length & size:
            factor = np.uint64(pow(_BASE, size, 1 << 64))
            result = result * factor + power[done : done + count]
            done += size
        if done == length:
            return result
        factor = np.uint64(pow(_BASE, size, 1 << 64))
        power = power[:-size] * factor + power[size:]
        size *= 2


def _shared_positions(ours: Codes, theirs: Codes, length: int) -> npt.NDArray[np.bool_]:
    """For every run of `ours` whether `theirs` has it: (len(ours) - length + 1,)."""
    our_hashes, their_hashes = _hashes(ours, length), _hashes(theirs, length)
    shared = np.zeros(len(our_hashes), dtype=np.bool_)
    if not len(our_hashes) or not len(their_hashes):
        return shared
    wanted = np.unique(our_hashes)
    slot = np.minimum(np.searchsorted(wanted, their_hashes), len(wanted) - 1)
    their_positions = np.flatnonzero(wanted[slot] == their_hashes)
    if not len(their_positions):
        return shared
    hashes = their_hashes[their_positions]
    order = np.argsort(hashes, kind="stable")
    hashes, their_positions = hashes[order], their_positions[order]
    first = np.searchsorted(hashes, our_hashes)
    last = np.searchsorted(hashes, our_hashes, side="right")
    pending = np.flatnonzero(last > first)
    candidate = first[pending]
    # One candidate a position suffices unless hashes collide: then the next one is tried.
    while len(pending):
        equal = _equal_runs(ours, pending, theirs, their_positions[candidate], length)
        shared[pending[equal]] = True
        again = ~equal & (candidate + 1 < last[pending])
        pending, candidate = pending[again], candidate[again] + 1
    return shared


def _equal_runs(
    ours: Codes,
    at_ours: npt.NDArray[np.intp],
    theirs: Codes,
    at_theirs: npt.NDArray[np.intp],
    length: int,
) -> npt.NDArray[np.bool_]:
    """Whether the runs of `length` characters at two lists of positions are the same."""
    equal = np.empty(len(at_ours), dtype=np.bool_)
    offsets = np.arange(length)
    for start in range(0, len(at_ours), _BLOCK):
        block = slice(start, start + _BLOCK)
        left = ours[at_ours[block, None] + offsets]
        right = theirs[at_theirs[block, None] + offsets]
        equal[block] = (left == right).all(axis=1)
    return equal
