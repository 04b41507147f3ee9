"""Windows of a token array, every one seen once an epoch, as a pure function of the step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from litteragpt.recipe import TrainingConfig


class Windows:
    """The batches of a run.

    An epoch cuts the tokens into windows from a random first offset and shuffles them; the
    next epoch cuts and shuffles anew. Batch `step` depends on the seed and the step alone, so
    a resumed run, or one on another number of processes, sees the same batches.
    """

    def __init__(self, ids: np.ndarray, config: TrainingConfig, device: torch.device) -> None:
        """`ids`: one array of token ids (uint8 or uint16), which lives on the device."""
        if len(ids) < config.long_window + 2:
            raise ValueError(
                f"the training text has {len(ids)} tokens: too few for windows of "
                f"{config.long_window}"
            )
        self._config = config
        self._count = len(ids)
        held = ids if ids.dtype == np.uint8 else ids.astype(np.int32)
        self._ids = torch.from_numpy(held.copy()).to(device)
        # The order of the epoch in hand: (epoch, length), offset, permutation.
        self._order: tuple[tuple[int, int], int, np.ndarray] | None = None

    def shape(self, step: int) -> tuple[int, int]:
        """Windows in the batch over all processes, and their length."""
        c = self._config
        if step < self._long_from():
            return c.batch, c.window
        return max(1, c.batch * c.window // c.long_window), c.long_window

    def batch(self, step: int, rank: int = 0, processes: int = 1) -> tuple[Tensor, Tensor]:
        """Inputs and targets `B, T` of one process's share of the batch at a step."""
        size, length = self.shape(step)
        if size % processes:
            raise ValueError(f"a batch of {size} windows does not divide by {processes} processes")
        first = 0 if step < self._long_from() else self._long_from()
        begin = (step - first) * size
        share = size // processes
        starts = np.array([self._start(begin + rank * share + row, length) for row in range(share)])
        index = torch.from_numpy(starts).to(self._ids.device)[:, None]
        rows = self._ids[index + torch.arange(length + 1, device=self._ids.device)].long()
        return rows[:, :-1], rows[:, 1:]

    def epochs(self, steps: int) -> float:
        """How many times `steps` steps go through the text."""
        return steps * self._config.batch * self._config.window / self._count

    def _long_from(self) -> int:
        return self._config.steps - round(self._config.long_fraction * self._config.steps)

    def _start(self, window: int, length: int) -> int:
        per_epoch = (self._count - 1) // length - 1
        epoch, place = divmod(window, per_epoch)
        offset, order = self._epoch(epoch, length, per_epoch)
        return offset + int(order[place]) * length

    def _epoch(self, epoch: int, length: int, per_epoch: int) -> tuple[int, np.ndarray]:
        key = (epoch, length)
        if self._order is None or self._order[0] != key:
            generator = np.random.Generator(np.random.PCG64([self._config.seed, epoch, length]))
            offset = int(generator.integers(length))
            self._order = (key, offset, generator.permutation(per_epoch))
        return self._order[1], self._order[2]
