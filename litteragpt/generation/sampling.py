"""Logits to a token: temperature, top-k, top-p and min-p, each with its own value for each row.

A token is chosen by the Gumbel-max trick (Gumbel 1954; Maddison et al. 2014): the argmax of
`logits / temperature + noise` is a draw from the softmax. Rows with one seed see one noise, so
that two temperatures of one prompt differ by the temperature alone. Filters come in the order of
Hugging Face's `transformers`: temperature, top-k (Fan et al. 2018), top-p (Holtzman et al.
2020), min-p (Nguyen et al. 2024).

Everything here runs on the CPU, whatever the model runs on: a text does not depend on the
device's random numbers.

Shapes: B rows, V vocabulary entries; `B1` is one figure a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from litteragpt.bounds import check_range, check_whole

MAX_TEMPERATURE = 5.0
MAX_TOP_K = 1_000_000
MAX_SEED = 2**63 - 1

_COLDEST = 1e-30
"""Stands in for temperatures that single precision would round to zero."""
_NOISE_BLOCK = 1 << 14
"""About how many random numbers a seed draws at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """How one row picks its tokens. `ValueError` where a figure is out of its range."""

    temperature: float = 0.8
    """0 to 5. Under 1 sharpens the distribution, over 1 flattens it; 0 always takes the best."""
    top_k: int | None = None
    """Keep the k most probable tokens; at least 1, None keeps all."""
    top_p: float = 1.0
    """Keep the most probable tokens that together reach this probability; over 0, up to 1."""
    min_p: float = 0.0
    """Drop tokens less probable than this share of the best one's probability; 0 to 1."""

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0.0, MAX_TEMPERATURE)
        if self.top_k is not None:
            check_whole("top_k", self.top_k, 1, MAX_TOP_K)
        number = isinstance(self.top_p, int | float) and not isinstance(self.top_p, bool)
        if not number or not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be more than 0 and at most 1, not {self.top_p!r}")
        check_range("min_p", self.min_p, 0.0, 1.0)

    @property
    def greedy(self) -> bool:
        """Whether the most probable token is always taken."""
        return self.temperature == 0


@dataclass(frozen=True, slots=True)
class RowParameters:
    """The configs of B rows as tensors, made once so that a step costs few operations."""

    temperature_B1: Tensor
    """1 for greedy rows, whose choice it cannot change."""
    randomness_B1: Tensor
    """1, or 0 for greedy rows: what noise and entropy are multiplied by."""
    top_k_B1: Tensor | None
    """None where no row uses the filter, here and below."""
    top_p_B1: Tensor | None
    min_p_B1: Tensor | None

    @classmethod
    def of(cls, configs: Sequence[SamplingConfig]) -> RowParameters:
        """The tensors of these rows; greedy rows need no filter."""
        drawn = [config for config in configs if not config.greedy]
        any_k = any(config.top_k is not None for config in drawn)
        any_p = any(config.top_p < 1 for config in drawn)
        any_min = any(config.min_p > 0 for config in drawn)
        return cls(
            temperature_B1=torch.tensor(
                [[1.0 if c.greedy else max(c.temperature, _COLDEST)] for c in configs]
            ),
            randomness_B1=torch.tensor([[0.0 if c.greedy else 1.0] for c in configs]),
            top_k_B1=torch.tensor([[c.top_k or MAX_TOP_K] for c in configs]) if any_k else None,
            top_p_B1=(
                torch.tensor([[c.top_p] for c in configs], dtype=torch.float64) if any_p else None
            ),
            min_p_B1=torch.tensor([[c.min_p] for c in configs]) if any_min else None,
        )

    def select(self, rows: Sequence[int]) -> RowParameters:
        """The parameters of some of the rows, in the order given."""
        index = torch.tensor(rows)
        return RowParameters(
            self.temperature_B1[index],
            self.randomness_B1[index],
            None if self.top_k_B1 is None else self.top_k_B1[index],
            None if self.top_p_B1 is None else self.top_p_B1[index],
            None if self.min_p_B1 is None else self.min_p_B1[index],
        )


class Noise(Protocol):
    """Standard Gumbel noise for one step after another, for the rows that go on."""

    def draw(self) -> Tensor:
        """The next step's noise, `B, V`; `1, V` where all rows share it."""
        ...

    def select(self, rows: Sequence[int]) -> None:
        """Go on with some of the rows, in the order given."""
        ...


class GumbelNoise:
    """Noise from a seed a row: rows with one seed see the same."""

    def __init__(self, seeds: Sequence[int], vocab_size: int) -> None:
        self._streams = {seed: _noise_stream(seed, vocab_size) for seed in dict.fromkeys(seeds)}
        self._seeds = list(seeds)

    def draw(self) -> Tensor:
        drawn = {seed: next(stream) for seed, stream in self._streams.items()}
        if len(drawn) == 1:
            return drawn[self._seeds[0]][None]
        return torch.stack([drawn[seed] for seed in self._seeds])

    def select(self, rows: Sequence[int]) -> None:
        self._seeds = [self._seeds[row] for row in rows]
        self._streams = {seed: self._streams[seed] for seed in self._seeds}


def _noise_stream(seed: int, vocab_size: int) -> Iterator[Tensor]:
    """Noise `V` for one step after another, the same for a seed on every machine.

    Uniform doubles, because those of single precision would cut the tail of the noise off.
    """
    generator = torch.Generator().manual_seed(seed)
    steps = max(1, _NOISE_BLOCK // vocab_size)
    while True:
        uniform = torch.rand(steps, vocab_size, generator=generator, dtype=torch.float64)
        yield from _gumbel(uniform).unbind()


class RowNoise:
    """Noise from one seed for many rows, each its own: what a row sees depends on the seed, the
    stream and its number alone, not on how many rows there are nor on which have ended.

    One generator for all rows instead of one each; it counts (Philox, Salmon et al. 2011), so
    that every step has its place in it, however much the steps before have drawn.
    """

    def __init__(self, seed: int, rows: int, vocab_size: int, *, stream: int = 0) -> None:
        """`stream` tells batches of one seed apart."""
        self._seed, self._stream, self._vocab_size = seed, stream, vocab_size
        self._rows = torch.arange(rows)
        self._step = 0

    def draw(self) -> Tensor:
        place = np.random.Philox(key=self._seed, counter=[0, self._step, self._stream, 0])
        self._step += 1
        reached = int(self._rows.max()) + 1
        uniform = np.random.Generator(place).random((reached, self._vocab_size))
        return _gumbel(torch.from_numpy(uniform)[self._rows])

    def select(self, rows: Sequence[int]) -> None:
        self._rows = self._rows[torch.tensor(rows)]


def _gumbel(uniform: Tensor) -> Tensor:
    """Standard Gumbel noise, single precision, from uniform doubles, which are overwritten."""
    exponential = -uniform.clamp_(min=2.0**-54).log_()
    return (-exponential.log_()).float()


@dataclass(frozen=True, slots=True)
class Choice:
    """What one row chose in one step, and the figures about it (nats)."""

    id: int
    logprob: float
    """Of the chosen id, under the model's own distribution (temperature 1, no filter)."""
    entropy: float
    """Of the distribution after temperature, before the filters; 0 for a greedy row."""
    alternatives: tuple[tuple[int, float], ...]
    """The most probable ids and their probabilities under the model's own distribution."""


@dataclass(frozen=True, slots=True)
class Choices:
    """One choice for each of B rows, as tensors; a `Choice` is made where one is asked for."""

    ids_B: Tensor
    logprobs_B: Tensor
    """See `Choice`, here and below."""
    entropies_B: Tensor
    top_ids_BK: Tensor
    """The K most probable ids that may be chosen, best first; K may be 0."""
    top_probabilities_BK: Tensor

    def __len__(self) -> int:
        return len(self.ids_B)

    def __getitem__(self, row: int) -> Choice:
        return next(iter(self._rows(slice(row, row + 1 or None))))

    def __iter__(self) -> Iterator[Choice]:
        return self._rows(slice(None))

    def _rows(self, rows: slice) -> Iterator[Choice]:
        figures = (self.ids_B, self.logprobs_B, self.entropies_B)
        tops = (self.top_ids_BK, self.top_probabilities_BK)
        columns = [column[rows].tolist() for column in (*figures, *tops)]
        for id, logprob, entropy, ids, probabilities in zip(*columns, strict=True):
            shown = tuple((i, p) for i, p in zip(ids, probabilities, strict=True) if p > 0)
            yield Choice(id, logprob, entropy, shown)


def choose(
    logits_BV: Tensor,
    parameters: RowParameters,
    noise_BV: Tensor,
    *,
    banned: Tensor | None = None,
    alternatives: int = 0,
) -> Choices:
    """One choice for each row of `logits_BV` (CPU, single precision).

    `banned` holds ids that are never chosen nor shown. `ValueError` where a row's logits are
    NaN, infinite, or leave nothing to choose.
    """
    logprobs_BV = logits_BV.log_softmax(-1)
    allowed_BV = logprobs_BV if banned is None else logprobs_BV.index_fill(-1, banned, -math.inf)
    best_B1 = allowed_BV.amax(-1, keepdim=True)
    if not math.isfinite(best_B1.sum().item()):
        raise ValueError("the model gave no valid logits")
    scaled_BV = (allowed_BV - best_B1) / parameters.temperature_B1
    noisy_BV = filtered(scaled_BV, parameters) + noise_BV * parameters.randomness_B1
    ids_B1 = noisy_BV.argmax(-1, keepdim=True)
    entropy_B1 = torch.special.entr(scaled_BV.softmax(-1)).sum(-1, keepdim=True)
    top = allowed_BV.topk(min(alternatives, allowed_BV.shape[-1]), dim=-1)
    return Choices(
        ids_B=ids_B1[:, 0],
        logprobs_B=logprobs_BV.gather(-1, ids_B1)[:, 0],
        entropies_B=(entropy_B1 * parameters.randomness_B1)[:, 0],
        top_ids_BK=top.indices,
        top_probabilities_BK=top.values.exp(),
    )


def filtered(scaled_BV: Tensor, parameters: RowParameters) -> Tensor:
    """Logits after temperature with what the rows' filters drop at -inf; one always survives."""
    if parameters.top_k_B1 is not None:
        scaled_BV = keep_top_k(scaled_BV, parameters.top_k_B1)
    if parameters.top_p_B1 is not None:
        scaled_BV = keep_top_p(scaled_BV, parameters.top_p_B1)
    if parameters.min_p_B1 is not None:
        scaled_BV = keep_min_p(scaled_BV, parameters.min_p_B1)
    return scaled_BV


def keep_top_k(logits_BV: Tensor, top_k_B1: Tensor) -> Tensor:
    """Keep exactly the k best of each row (all where k >= V); of equals, the lower ids."""
    order_BV = logits_BV.argsort(stable=True, dim=-1, descending=True)
    rank_V = torch.arange(logits_BV.shape[-1])
    return _drop(logits_BV, order_BV, rank_V >= top_k_B1)


def keep_top_p(logits_BV: Tensor, top_p_B1: Tensor) -> Tensor:
    """Keep the fewest best of each row whose probabilities reach p; all where p is 1."""
    sorted_BV, order_BV = logits_BV.sort(stable=True, dim=-1, descending=True)
    p_BV = sorted_BV.softmax(-1, dtype=torch.float64)
    before_BV = p_BV.cumsum(-1) - p_BV
    drop_BV = (before_BV >= top_p_B1) & (top_p_B1 < 1)
    drop_BV[:, 0] = False
    return _drop(logits_BV, order_BV, drop_BV)


def keep_min_p(logits_BV: Tensor, min_p_B1: Tensor) -> Tensor:
    """Keep what is at least `min_p` times as probable as the row's best."""
    best_B1 = logits_BV.amax(-1, keepdim=True)
    return logits_BV.masked_fill(logits_BV - best_B1 < min_p_B1.log(), -math.inf)


def _drop(logits_BV: Tensor, order_BV: Tensor, drop_BV: Tensor) -> Tensor:
    """Put -inf where `drop_BV`, which is in the order of `order_BV`, says so."""
    drop_BV = torch.zeros_like(logits_BV, dtype=torch.bool).scatter(-1, order_BV, drop_BV)
    return logits_BV.masked_fill(drop_BV, -math.inf)
