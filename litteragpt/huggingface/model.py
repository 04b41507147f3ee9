"""A causal language model of `transformers` as one of ours: ids and state in, logits and state out.

Shapes: B rows, T new positions, V vocabulary entries.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_TOLERANCE = {torch.float32: 1e-3}
_COARSE = 5e-2
"""Of 16-bit weights; a share of the largest logit, like the above."""


@dataclass(slots=True)
class CacheState:
    """What such a model carries between steps."""

    cache: Any
    """Keys and values, a `transformers` cache."""
    ids_BT: Tensor
    """The ids that the cache has seen."""


class HuggingFaceModel(nn.Module):
    """A `LanguageModel` whose state is a `CacheState`.

    These models count positions from the beginning and know only so many. Where a text goes
    beyond them, the last half of the context is read again from position 0 and the text goes on:
    a prediction sees between half the context and all of it.
    """

    def __init__(self, theirs: Any, context: int) -> None:
        """`theirs` is a `PreTrainedModel`; ValueError where it does not behave as a causal one."""
        super().__init__()
        self.theirs = theirs
        self.context = context
        self.vocab_size = int(theirs.config.get_text_config().vocab_size)
        known = inspect.signature(theirs.forward).parameters
        self._cache = "cache" if "cache" in known else "past_key_values"  # its former name
        self.eval()
        self._check()

    def initial_state(self, batch_size: int) -> CacheState:
        """The state before any token."""
        none_BT = torch.empty(batch_size, 0, dtype=torch.long, device=self._device)
        return CacheState(self._new_cache(), none_BT)

    def forward(
        self, ids_BT: Tensor, state: CacheState | None = None
    ) -> tuple[Tensor, CacheState | None]:
        """Logits `B, T, V`; see `LanguageModel`. At most `context` ids at once."""
        T = ids_BT.shape[1]
        assert self.context >= T, "more ids at once than the model has positions"
        if state is None:
            return self._logits(self.theirs(input_ids=ids_BT, use_cache=False), T), None
        seen_BT = torch.cat([state.ids_BT, ids_BT], 1)
        cache, new_BT = state.cache, ids_BT
        if seen_BT.shape[1] > self.context:
            seen_BT = new_BT = seen_BT[:, -max(T, self.context // 2) :]
            cache = self._new_cache()
        output = self.theirs(input_ids=new_BT, use_cache=True, **{self._cache: cache})
        cache = getattr(output, self._cache, None)
        if not (hasattr(cache, "reorder_cache") and hasattr(cache, "layers")):
            raise ValueError(f"{type(self.theirs).__name__} keeps no cache that can be branched")
        return self._logits(output, T), CacheState(cache, seen_BT)

    def repeat_state(self, state: CacheState, rows: int) -> CacheState:
        """A copy of a one-row state for `rows` rows."""
        assert state.ids_BT.shape[0] == 1, "only a one-row state can be repeated"
        return self.select_rows(state, [0] * rows)

    def select_rows(self, state: CacheState, rows: Sequence[int]) -> CacheState:
        """The state of some of its rows, in the order given."""
        index = torch.tensor(rows, device=state.ids_BT.device)
        cache = copy.copy(state.cache)
        cache.layers = [_copied(layer) for layer in state.cache.layers]
        cache.reorder_cache(index)
        return CacheState(cache, state.ids_BT.index_select(0, index))

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.theirs.parameters()).device
        return device

    def _new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self.theirs.config)

    def _logits(self, output: Any, T: int) -> Tensor:
        logits_BTV: Tensor = output.logits[:, -T:]
        return logits_BTV

    @torch.inference_mode()
    def _check(self) -> None:
        """The future is not seen, and reading in two steps gives what reading at once does."""
        name = type(self.theirs).__name__
        if self.vocab_size < 2:
            raise ValueError(f"{name} has a vocabulary of {self.vocab_size}: at least 2 are needed")
        last = self.vocab_size - 1
        rows_BT = torch.tensor([[last // 2, 0, 0], [last // 2, 0, last]], device=self._device)
        rows_BT = rows_BT[:, -min(3, self.context) :]
        T = rows_BT.shape[1]
        whole_BTV = self(rows_BT)[0].float()
        if whole_BTV.shape != (2, T, self.vocab_size):
            raise ValueError(f"{name} gives logits of the shape {list(whole_BTV.shape)}")
        if not whole_BTV.isfinite().all():
            raise ValueError(f"{name} gives NaN or infinite logits")
        near = whole_BTV.abs().max() * _TOLERANCE.get(self.theirs.dtype, _COARSE)
        if (whole_BTV[0, :-1] - whole_BTV[1, :-1]).abs().max() > near:
            raise ValueError(f"{name} sees what follows: it is no causal language model")
        _, state = self(rows_BT[:1, :-1], self.initial_state(1))
        step_BTV, _ = self(rows_BT[:, -1:], self.repeat_state(state, 2))
        if (step_BTV[:, 0].float() - whole_BTV[:, -1]).abs().max() > near:
            raise ValueError(f"{name} gives other logits step by step than at once")


def _copied(layer: Any) -> Any:
    """A layer of a cache that can be given other tensors while the first keeps its own."""
    copied = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, list):
            setattr(copied, name, list(value))
    return copied
