"""A language model that counts: an interpolated n-gram model with Witten-Bell's weights.

    p(c | h) = (count(h c) + kinds(h) p(c | h')) / (count(h) + kinds(h))

where `kinds` is how many ids were seen after a context h, and h' is h without its first id; below
the empty context stands the uniform distribution. An unseen context leaves p(c | h'). Sources:
Witten & Bell 1991 (method C), Chen & Goodman 1999.

Shapes: B rows, T positions, M positions of all rows, N ids kept from before, V vocabulary, G
n-grams, K contexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy
from torch import Tensor

from litteragpt.bounds import check_whole
from litteragpt.files import read_bytes, write_bytes
from litteragpt.tables import check_keys

MAX_FILE_BYTES: Final = 2**30
MAX_ORDER: Final = 16
NO_ID: Final = -1
"""Stands before a text: no context reaches over it."""

Whole = npt.NDArray[np.int64]
Share = npt.NDArray[np.float32]

_TYPES: Final[dict[str, Any]] = {"ngrams": np.int64, "counts": np.uint32}


@dataclass(frozen=True, slots=True)
class _Level:
    """What was seen after the contexts of one length, which increase."""

    contexts_K: Whole
    starts_K1: Whole
    """Where the ids after each context begin."""
    ids_G: npt.NDArray[np.int32]
    shares_G: Share
    """`count(h c) / (count(h) + kinds(h))`"""
    left_K: Share
    """`kinds(h) / (count(h) + kinds(h))`: what the shorter context shares out."""


class CountModel:
    """A language model whose state is the last ids, `B, N`."""

    def __init__(
        self,
        ngrams: Whole,
        counts: npt.NDArray[np.uint32],
        *,
        order: int,
        vocab_size: int,
    ) -> None:
        """Of n-grams of the highest order and how often each was seen; shorter ones follow.

        An n-gram is a number to the base V, its last id the last digit. Raises `ValueError`
        where they do not increase or are out of range.
        """
        check_whole("order", order, 1, _longest(vocab_size))
        if ngrams.ndim != 1 or ngrams.shape != counts.shape or not len(ngrams):
            raise ValueError("n-grams and counts must be as many, and at least one")
        if (ngrams[1:] <= ngrams[:-1]).any() or ngrams[0] < 0 or ngrams[-1] >= vocab_size**order:
            raise ValueError("n-grams must increase, within the vocabulary")
        if not counts.all():
            raise ValueError("counts must be at least 1")
        self.order, self.vocab_size = order, vocab_size
        self._ngrams, self._counts = ngrams, counts
        self._levels = [self._level(length) for length in range(order)]

    @classmethod
    def of_text(cls, ids: npt.NDArray[Any], *, order: int, vocab_size: int) -> CountModel:
        """Count the n-grams of a text. `ValueError` where it has not one of them."""
        check_whole("order", order, 1, _longest(vocab_size))
        if len(ids) < order:
            raise ValueError(f"the text has {len(ids)} tokens: too few for the order {order}")
        numbers = np.zeros(len(ids) - order + 1, np.int64)
        for place in range(order):
            numbers = numbers * vocab_size + ids[place : place + len(numbers)]
        ngrams, counts = np.unique(numbers, return_counts=True)
        return cls(ngrams, counts.astype(np.uint32), order=order, vocab_size=vocab_size)

    @classmethod
    def load(cls, path: Path, *, order: int, vocab_size: int) -> CountModel:
        """Read a file that `save` wrote; `ValueError` where it is none."""
        data = read_bytes(path, MAX_FILE_BYTES)
        try:
            tables = safetensors_numpy.load(data)
            check_keys(tables, _TYPES, _TYPES, str(path))
            for name, table in tables.items():
                if table.dtype != _TYPES[name]:
                    raise ValueError(f"{name} must be of type {np.dtype(_TYPES[name])}")
            return cls(**tables, order=order, vocab_size=vocab_size)
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} holds no n-gram counts: {error}") from error

    def save(self, path: Path) -> None:
        """Write the n-grams of the highest order and their counts."""
        tables: dict[str, npt.NDArray[Any]] = {"ngrams": self._ngrams, "counts": self._counts}
        write_bytes(path, safetensors_numpy.save(tables))

    def __len__(self) -> int:
        """How many n-grams of the highest order there are."""
        return len(self._ngrams)

    @property
    def context(self) -> int:
        """How many ids a prediction looks at."""
        return max(1, self.order - 1)

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.full((batch_size, self.order - 1), NO_ID)

    def __call__(self, ids_BT: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities `B, T, V`; see `LanguageModel`."""
        B, T = ids_BT.shape
        N = self.order - 1
        before_BN = self.initial_state(B) if state is None else state
        ids_BS = torch.cat([before_BN.to(ids_BT.device), ids_BT], 1)
        p_MV = self._probabilities(ids_BS.cpu().numpy(), T)
        logits_BTV = torch.from_numpy(np.log(p_MV)).view(B, T, -1).to(ids_BT.device)
        return logits_BTV, None if state is None else ids_BS[:, ids_BS.shape[1] - N :]

    def repeat_state(self, state: Tensor, rows: int) -> Tensor:
        assert len(state) == 1, "only a one-row state can be repeated"
        return state.repeat(rows, 1)

    def select_rows(self, state: Tensor, rows: Sequence[int]) -> Tensor:
        return state[torch.tensor(rows, device=state.device)]

    def _probabilities(self, ids_BS: Whole, T: int) -> Share:
        """`M, V` after each of the last T ids of every row."""
        V = self.vocab_size
        p_MV = np.full((len(ids_BS) * T, V), 1 / V, np.float32)
        contexts_M = np.zeros(len(p_MV), np.int64)
        whole_M = np.ones(len(p_MV), bool)
        end = ids_BS.shape[1]
        for length, level in enumerate(self._levels):
            if length:
                ids_M = ids_BS[:, end - T - length + 1 : end - length + 1].reshape(-1)
                whole_M &= ids_M != NO_ID
                contexts_M = contexts_M + ids_M * V ** (length - 1)
            near_M = np.searchsorted(level.contexts_K, contexts_M)
            near_M = np.minimum(near_M, len(level.contexts_K) - 1)
            (rows,) = np.nonzero(whole_M & (level.contexts_K[near_M] == contexts_M))
            found = near_M[rows]
            p_MV[rows] *= level.left_K[found, None]
            firsts, sizes = level.starts_K1[found], np.diff(level.starts_K1)[found]
            # The places of all ids after all contexts found, one context after another.
            skipped = np.repeat(firsts - np.cumsum(sizes) + sizes, sizes)
            places = skipped + np.arange(len(skipped))
            p_MV[np.repeat(rows, sizes), level.ids_G[places]] += level.shares_G[places]
        return p_MV

    def _level(self, length: int) -> _Level:
        V = self.vocab_size
        endings = self._ngrams % V ** (length + 1)
        ngrams_G, places = np.unique(endings, return_inverse=True)
        counts_G = np.bincount(places, self._counts)
        contexts_K, starts_K = np.unique(ngrams_G // V, return_index=True)
        starts_K1 = np.append(starts_K, len(ngrams_G)).astype(np.int64)
        kinds_K = np.diff(starts_K1)
        all_K = np.add.reduceat(counts_G, starts_K) + kinds_K
        return _Level(
            contexts_K=contexts_K,
            starts_K1=starts_K1,
            ids_G=(ngrams_G % V).astype(np.int32),
            shares_G=(counts_G / np.repeat(all_K, kinds_K)).astype(np.float32),
            left_K=(kinds_K / all_K).astype(np.float32),
        )


def _longest(vocab_size: int) -> int:
    """The highest order whose n-grams are numbers of 63 bits."""
    order = 1
    while order < MAX_ORDER and vocab_size ** (order + 1) < 2**63:
        order += 1
    return order
