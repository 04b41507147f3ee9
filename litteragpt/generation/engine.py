"""Decoding, one step at a time, for any language model. Knows ids only, no text.

The prompt is read once as one row; its state is then repeated for the rows, and each step is one
forward of all rows that go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Generic

import torch
from torch import Tensor

from litteragpt.generation.sampling import (
    Choice,
    Choices,
    GumbelNoise,
    Noise,
    RowParameters,
    SamplingConfig,
    choose,
)
from litteragpt.protocols import LanguageModel, State


class Decoding(Generic[State]):
    """A prompt being continued in several rows, each with its own sampling and seed.

    A row's choices depend on its own config and seed alone, not on the rows beside it. Of a
    prompt longer than the model's context only the end is read: with windowed attention what
    lies before would reach the prediction only through the deeper layers.
    """

    def __init__(
        self,
        model: LanguageModel[State],
        prompt_ids: Sequence[int],
        configs: Sequence[SamplingConfig],
        *,
        seeds: Sequence[int] | Noise,
        banned: Collection[int] = (),
        openers: Collection[int] = (),
        alternatives: int = 0,
        cancel: Callable[[], bool] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """`seeds` has one for each row, or is the noise that the rows draw from; `banned` ids are
        never chosen; where there are `openers`, the first choice is among them, and its figures
        are those of the model's distribution over them; `cancel` is asked before each forward."""
        assert prompt_ids, "a prediction needs at least one id"
        assert configs, "there is at least one row"
        if isinstance(seeds, Sequence):
            assert len(configs) == len(seeds), "each row has one config and one seed"
            seeds = GumbelNoise(seeds, model.vocab_size)
        self.rows = list(range(len(configs)))
        """The rows that go on."""
        self._model = model
        self._device = device
        self._parameters = RowParameters.of(configs)
        self._noise: Noise = seeds
        self._banned = torch.tensor(sorted(banned)) if banned else None
        self._openers = torch.tensor(sorted(openers)) if openers else None
        self._alternatives = alternatives
        self._cancel = cancel
        self._state: State | None = None
        self._next_ids_BT = torch.tensor([prompt_ids[-model.context :]])
        self._ended: set[int] = set()

    def finish(self, row: int) -> None:
        """Drop a row before the next step."""
        self._ended.add(row)

    def step(self) -> dict[int, Choice] | None:
        """Each row's next choice, by the row's number; None where `advance` gives it."""
        choices = self.advance()
        return None if choices is None else dict(zip(self.rows, choices, strict=True))

    def advance(self) -> Choices | None:
        """The next choice of each of `rows`, in their order, as tensors.

        None, without a forward, where no row goes on or on cancel. `ValueError` where the
        model's logits are NaN or infinite.
        """
        if len(self._ended) == len(self.rows) or (self._cancel is not None and self._cancel()):
            return None
        with torch.inference_mode():
            logits_BV = self._forward()
            choices = choose(
                logits_BV,
                self._parameters,
                self._noise.draw(),
                banned=self._banned,
                alternatives=self._alternatives,
            )
            self._next_ids_BT = choices.ids_B[:, None]
        return choices

    def _forward(self) -> Tensor:
        """Logits `B, V` of the rows that go on, on the CPU in single precision."""
        if self._state is None:
            state: State | None = self._model.initial_state(1)
        else:
            self._drop_ended()
            state = self._state
        logits_BTV, state = self._model(self._next_ids_BT.to(self._device), state)
        assert state is not None, "a model that is given a state gives one back"
        logits_BV = logits_BTV[:, -1].to("cpu", torch.float32)
        if self._state is None:
            if self._openers is not None:
                others_BV = torch.full_like(logits_BV, -math.inf)
                logits_BV = others_BV.index_copy(-1, self._openers, logits_BV[:, self._openers])
            if len(self.rows) > 1:
                state = self._model.repeat_state(state, len(self.rows))
                logits_BV = logits_BV.expand(len(self.rows), -1)
        self._state = state
        return logits_BV

    def _drop_ended(self) -> None:
        if not self._ended or self._state is None:
            return
        kept = [index for index, row in enumerate(self.rows) if row not in self._ended]
        self.rows = [self.rows[index] for index in kept]
        self._ended.clear()
        self._state = self._model.select_rows(self._state, kept)
        self._next_ids_BT = self._next_ids_BT[kept]
        self._parameters = self._parameters.select(kept)
        self._noise.select(kept)
