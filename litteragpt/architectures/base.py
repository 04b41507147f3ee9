"""What every architecture is: an `nn.Module` that keeps the `LanguageModel` protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic

from torch import Tensor, nn

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

    @abstractmethod
    def repeat_state(self, state: State, rows: int) -> State: ...

    @abstractmethod
    def select_rows(self, state: State, rows: Sequence[int]) -> State: ...
