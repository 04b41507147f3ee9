"""What every architecture is: an `nn.Module` that keeps the `LanguageModel` protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic

from torch import Tensor, nn
from torch.nn import functional

from litteragpt.protocols import State


class LanguageModule(nn.Module, ABC, Generic[State]):
    """A language model with weights; see `litteragpt.protocols.LanguageModel`."""

    @property
    @abstractmethod
    def vocab_size(self) -> int: ...

    @property
    @abstractmethod
    def context(self) -> int: ...

    @abstractmethod
    def initialise(self) -> None:
        """Random weights to train from, drawn from torch's default generator."""

    @abstractmethod
    def initial_state(self, batch_size: int) -> State: ...

    @abstractmethod
    def forward(
        self, ids_BT: Tensor, state: State | None = None
    ) -> tuple[Tensor, State | None]: ...

    def loss(self, inputs_BT: Tensor, targets_BT: Tensor) -> tuple[Tensor, Tensor]:
        """What training makes smaller, and the nats of it that a curve shows.

        Both are sums over the targets that are not -100. They are one and the same, except in a
        model that learns from more than the next token.
        """
        nats = summed_nats(self(inputs_BT)[0], targets_BT)
        return nats, nats

    @abstractmethod
    def repeat_state(self, state: State, rows: int) -> State: ...

    @abstractmethod
    def select_rows(self, state: State, rows: Sequence[int]) -> State: ...


def summed_nats(logits_BTV: Tensor, targets_BT: Tensor) -> Tensor:
    """The sum of `-ln p` over the targets that are not -100, in single precision."""
    logits, targets = logits_BTV.float().flatten(0, 1), targets_BT.flatten()
    return functional.cross_entropy(logits, targets, reduction="sum")
