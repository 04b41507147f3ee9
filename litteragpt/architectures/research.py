"""A decoder with parts that leave the Qwen3 layout, each off by default, for ablations.

With all of them off it is the function of `Decoder`. Sources: Zhou et al. 2024 (value residuals),
Svenstrup et al. 2017 (hashed embeddings), Clark et al. 2022 (of n-grams, in CANINE's manner),
Gloeckle et al. 2024 (multi-token prediction; here each further token has a head alone, no layer).

Shapes: as in `decoder`; N ids kept from before, O orders of n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from litteragpt.architectures.base import LanguageModule, summed_nats
from litteragpt.architectures.decoder import (
    Block,
    DecoderConfig,
    KVCache,
    SequenceDropout,
    initialise,
    rotations,
    window_mask,
)
from litteragpt.architectures.decoder_step import StepWeights, step
from litteragpt.bounds import check_range, check_whole

NO_ID = -1
"""Stands before a text, where an n-gram reaches back beyond its beginning."""
_PRIME = 2**31 - 1
_FACTOR = 1_566_083_941


@dataclass(frozen=True, slots=True, kw_only=True)
class ResearchConfig(DecoderConfig):
    """A decoder's shape and what is added to it."""

    value_residuals: bool = False
    """Whether each layer's values are mixed with the first layer's, by a learned share."""
    ngram_orders: tuple[int, ...] = ()
    """The n-grams, such as 2, 3, 4, 5, whose hashed rows are added to the embedding of the id that
    ends them."""
    ngram_rows: int = 16_384
    """Rows of the table of each order."""
    future: int = 0
    """How many tokens after the next one training predicts, too; nothing else uses their heads."""
    future_weight: float = 0.3
    """Of the mean of their losses, beside the next token's."""

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        DecoderConfig.validate(self)
        check_whole("length of ngram_orders", len(self.ngram_orders), 0, 8)
        for order in self.ngram_orders:
            check_whole("ngram_orders", order, 2, 16)
        if sorted(set(self.ngram_orders)) != list(self.ngram_orders):
            raise ValueError(f"ngram_orders must increase, not be {list(self.ngram_orders)}")
        check_whole("ngram_rows", self.ngram_rows, 1, 2**24)
        check_whole("future", self.future, 0, 8)
        check_range("future_weight", self.future_weight, 0.0, 10.0)
        if self.value_residuals and self.layers == 1:
            raise ValueError("value_residuals need layers to be from 2 to 128, not 1")

    @property
    def ids_before(self) -> int:
        """N: how many ids before an id its n-grams reach back."""
        return max(self.ngram_orders, default=1) - 1


@dataclass(slots=True)
class ResearchState:
    """What the model carries between steps."""

    cache: KVCache
    ids_BN: Tensor
    """The last ids, for the n-grams that the next one ends."""


class Research(LanguageModule[ResearchState]):
    """A language model made of a decoder's parts and of what its config adds."""

    def __init__(self, config: ResearchConfig) -> None:
        super().__init__()
        config.validate()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, config.norm_eps)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        self.dropout = SequenceDropout(config.dropout)
        # What is added comes last: `initialise` draws the weights before it as a decoder's.
        self.value_shares: nn.Parameter | None = None
        if config.value_residuals:
            self.value_shares = nn.Parameter(torch.empty(config.layers - 1))
        self.ngrams: nn.Embedding | None = None
        if config.ngram_orders:
            rows = len(config.ngram_orders) * config.ngram_rows
            self.ngrams = nn.Embedding(rows, config.width)
        self.future_heads = nn.ModuleList(
            nn.Linear(config.width, config.vocab_size, bias=False) for _ in range(config.future)
        )

    def initialise(self) -> None:
        """Random weights as a decoder's; n-grams that add nothing, values half the first's."""
        initialise(self)
        if self.value_shares is not None:
            nn.init.constant_(self.value_shares, 0.5)
        for module in (self.ngrams, *self.future_heads):
            if module is not None:
                nn.init.zeros_(cast(Tensor, module.weight))

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def context(self) -> int:
        return self.config.context

    def initial_state(self, batch_size: int) -> ResearchState:
        c = self.config
        like = self.embedding.weight
        shape = (c.layers, batch_size, 2, c.heads, c.context, c.head_width)
        return ResearchState(KVCache(like.new_zeros(shape), 0), self._no_ids(batch_size))

    def forward(
        self, ids_BT: Tensor, state: ResearchState | None = None
    ) -> tuple[Tensor, ResearchState | None]:
        """Logits `B, T, V`; see `LanguageModel`."""
        x_BTC = self._embedded(ids_BT, state)
        if ids_BT.shape[1] == 1 and state is not None and self.value_shares is None:
            logits_BV = self._step(x_BTC[:, 0], state.cache)
            return logits_BV[:, None], state
        y_BTC = self._read(x_BTC, None if state is None else state.cache)
        logits_BTV: Tensor = self.head(y_BTC)
        return logits_BTV, state

    def loss(self, inputs_BT: Tensor, targets_BT: Tensor) -> tuple[Tensor, Tensor]:
        """See `LanguageModule`: the further tokens count in what training makes smaller."""
        y_BTC = self._read(self._embedded(inputs_BT, None), None)
        nats = summed_nats(self.head(y_BTC), targets_BT)
        loss = nats
        for number, head in enumerate(self.future_heads, start=1):
            further = summed_nats(head(y_BTC[:, :-number]), targets_BT[:, number:])
            loss = loss + self.config.future_weight / self.config.future * further
        return loss, nats

    def repeat_state(self, state: ResearchState, rows: int) -> ResearchState:
        assert len(state.ids_BN) == 1, "only a one-row state can be repeated"
        return self.select_rows(state, [0] * rows)

    def select_rows(self, state: ResearchState, rows: Sequence[int]) -> ResearchState:
        index = torch.tensor(rows, device=state.ids_BN.device)
        kv_LB2HSD = state.cache.kv_LB2HSD.index_select(1, index)
        cache = KVCache(kv_LB2HSD, state.cache.position, state.cache.weights)
        return ResearchState(cache, state.ids_BN.index_select(0, index))

    def _embedded(self, ids_BT: Tensor, state: ResearchState | None) -> Tensor:
        """Embeddings `B, T, C` with those of the n-grams; the state takes up the ids."""
        x_BTC: Tensor = self.embedding(ids_BT)
        if self.ngrams is not None:
            before_BN = self._no_ids(len(ids_BT)) if state is None else state.ids_BN
            ids_BS = torch.cat([before_BN, ids_BT], 1)
            if state is not None:
                state.ids_BN = ids_BS[:, -self.config.ids_before :]
            rows_BTO = hashed_rows(ids_BS, self.config.ngram_orders, self.config.ngram_rows)
            x_BTC = x_BTC + self.ngrams(rows_BTO).sum(2)
        out: Tensor = self.dropout(x_BTC)
        return out

    def _read(self, x_BTC: Tensor, cache: KVCache | None) -> Tensor:
        """The normalised stream after the last block."""
        T = x_BTC.shape[1]
        position = cache.position if cache is not None else 0
        rotation = rotations(
            position, T, self.config.rope_theta, self.config.head_width, x_BTC.device
        )
        mask_TS = window_mask(position, T, self.context, x_BTC.device)
        first_BTC: Tensor | None = None
        for layer, block in enumerate(cast("list[Block]", list(self.blocks))):
            held = (
                (cache.kv_LB2HSD[layer, :, 0], cache.kv_LB2HSD[layer, :, 1], position)
                if cache is not None
                else None
            )
            normed_BTC = block.attention_norm(x_BTC)
            values_BTC = block.attention.v(normed_BTC)
            if first_BTC is None:
                first_BTC = values_BTC
            elif self.value_shares is not None:
                share = self.value_shares[layer - 1]
                values_BTC = values_BTC + share * (first_BTC - values_BTC)
            attended = block.attention.attend(normed_BTC, values_BTC, rotation, held, mask_TS)
            x_BTC = x_BTC + block.dropout(attended)
            x_BTC = x_BTC + block.dropout(block.mlp(block.mlp_norm(x_BTC)))
        if cache is not None:
            cache.position += T
        y_BTC: Tensor = self.norm(x_BTC)
        return y_BTC

    def _step(self, x_BC: Tensor, cache: KVCache) -> Tensor:
        """The decoder's fast way for one token a row; it knows of no mixed values."""
        if cache.weights is None:
            cache.weights = StepWeights.of(self)
        logits_BV = step(cache.weights, x_BC, cache.kv_LB2HSD, cache.position)
        cache.position += 1
        return logits_BV

    def _no_ids(self, rows: int) -> Tensor:
        shape = (rows, self.config.ids_before)
        return torch.full(shape, NO_ID, device=self.embedding.weight.device)


def hashed_rows(ids_BS: Tensor, orders: Sequence[int], rows: int) -> Tensor:
    """Rows `B, T, O` of the tables, which stand one after another, for each id but the first N.

    The hash is a polynomial of the n-gram's ids modulo a prime, the last id first, and stirred,
    since n-grams of neighbouring ids would lie side by side. No product is beyond 2^62 (ids are
    below 2^18), so that every machine gives the same rows.
    """
    N = orders[-1] - 1
    T = ids_BS.shape[1] - N
    hashes_BT = ids_BS[:, N:] + 1
    found: list[Tensor] = []
    for before in range(1, N + 1):
        ids_BT = ids_BS[:, N - before : N - before + T]
        hashes_BT = (hashes_BT * _FACTOR + ids_BT + 1) % _PRIME
        if before + 1 in orders:
            stirred_BT = (hashes_BT ^ (hashes_BT >> 15)) * _FACTOR % _PRIME
            found.append(stirred_BT % rows + len(found) * rows)
    return torch.stack(found, 2)
