"""Texts that are copies of one another, or nearly: MinHash signatures and banded look-up.

Two texts are as similar as their sets of three-word runs (Jaccard): what they share over what
either has. A signature keeps, for each of 64 hash functions, the least hash of the set; two
signatures agree in as many places as the sets are similar (Broder 1997). Texts whose signatures
agree in one whole band of four are compared in truth. Everything is linear in the words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from litteragpt.corpora.lines import folded_words

RUN = 3  # words: a set of these stands for a text
BANDS = 16
ROWS = 4  # hash functions a band; at similarity 0.8 a pair is missed once in 4,600
_COMPARED = 8  # earlier members of a bucket that a text is compared with: keeps time linear

Numbers = npt.NDArray[np.uint64]


def find_duplicates(
    texts: Sequence[str], *, threshold: float, seed: int, min_words: int = 8
) -> list[int]:
    """For each text the index of an earlier one that it (nearly) repeats, or -1.

    Texts are compared without case, accents and punctuation. Those below `min_words` words are
    the same only where all words are; longer ones where the similarity of their runs of three
    words is at least `threshold`. The earliest of a group is kept, and the same texts and seed
    give the same answer.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
    result = [-1] * len(texts)
    table: dict[str, int] = {}
    first: dict[tuple[int, ...], int] = {}
    rows: list[int] = []
    words: list[Numbers] = []
    for index, text in enumerate(texts):
        ids = tuple(table.setdefault(word, len(table) + 1) for word in folded_words(text))
        earlier = first.setdefault(ids, index)
        if earlier != index:
            result[index] = earlier
        elif len(ids) >= max(min_words, RUN):
            rows.append(index)
            words.append(np.array(ids, dtype=np.uint64))
    if not rows:
        return result
    sets = [_runs(ids) for ids in words]
    for number, copied in _near(sets, threshold, seed).items():
        result[rows[number]] = rows[copied]
    return result


def _near(sets: Sequence[Numbers], threshold: float, seed: int) -> dict[int, int]:
    """Which sets come near which earlier, kept ones."""
    keys = _band_keys(sets, seed)
    buckets: dict[tuple[int, int], list[int]] = {}
    found: dict[int, int] = {}
    for number, ours in enumerate(sets):
        places = list(enumerate(keys[number].tolist()))
        candidates = sorted({other for place in places for other in buckets.get(place, ())})
        for other in candidates:
            if _similarity(ours, sets[other]) >= threshold:
                found[number] = other
                break
        else:
            for place in places:
                bucket = buckets.setdefault(place, [])
                if len(bucket) < _COMPARED:
                    bucket.append(number)
    return found


def _similarity(left: Numbers, right: Numbers) -> float:
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


def _runs(ids: Numbers) -> Numbers:
    """The set of hashes of the runs of `RUN` words, sorted."""
    count = len(ids) - RUN + 1
    result = np.zeros(count, dtype=np.uint64)
    for offset in range(RUN):
        result = _mixed(result + ids[offset : offset + count])
    return np.unique(result)


def _band_keys(sets: Sequence[Numbers], seed: int) -> Numbers:
    """A number for each band of each set's signature: (sets, BANDS)."""
    flat = np.concatenate(sets)
    starts = np.cumsum([0, *(len(each) for each in sets[:-1])])
    # Drawn by hashing the seed, so that no library's generator has to stay the same.
    salts = _mixed(np.arange(1, BANDS * ROWS + 1, dtype=np.uint64) + np.uint64(seed))
    keys = np.zeros((len(sets), BANDS), dtype=np.uint64)
    for function, salt in enumerate(salts):
        least = np.minimum.reduceat(_mixed(flat ^ salt), starts)
        band = function // ROWS
        keys[:, band] = _mixed(keys[:, band] + least)
    return keys


def _mixed(values: Numbers) -> Numbers:
    """The finalizer of SplitMix64: every bit of the result hangs on every bit of the value."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
