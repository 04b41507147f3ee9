"""What a step trains on, as a pure function of the step: windows of a text, or whole lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from litteragpt.corpora.shards import Shards
from litteragpt.evaluation import pad_lines, split_lines
from litteragpt.recipe import TrainingConfig
from litteragpt.training.order import Order


@dataclass(frozen=True, slots=True)
class Batch:
    """One process's share of a step's batch."""

    inputs_BT: Tensor
    targets_BT: Tensor
    """-100 where nothing is to be predicted."""
    tokens: float
    """Targets of the whole batch over the number of processes: what the sum of the losses is
    divided by, so that the mean over the processes is the mean over the batch."""


class Batches(Protocol):
    """The batches of a run, any of which can be had without those before it."""

    def batch(self, step: int, rank: int = 0, processes: int = 1) -> Batch:
        """One process's share of the batch at a step."""
        ...

    def window(self, step: int) -> int:
        """Length of the windows at a step, and so of those to evaluate in."""
        ...

    def tokens(self, steps: int) -> float:
        """About how many tokens `steps` steps go through."""
        ...


class Tokens(Protocol):
    """The ids of a training text, wherever they are."""

    def __len__(self) -> int: ...

    def rows(self, starts: np.ndarray, length: int) -> Tensor:
        """Stretches of `length` ids from each start on, `B, length`, on the device."""
        ...


class HeldTokens:
    """Ids that live on the device as one array."""

    def __init__(self, ids: np.ndarray, device: torch.device) -> None:
        held = ids if ids.dtype == np.uint8 else ids.astype(np.int32)
        self._ids = torch.from_numpy(held.copy()).to(device)

    def __len__(self) -> int:
        return len(self._ids)

    def rows(self, starts: np.ndarray, length: int) -> Tensor:
        device = self._ids.device
        index = on_device(torch.from_numpy(starts), device)[:, None]
        return self._ids[index + torch.arange(length, device=device)].long()


class MappedTokens:
    """Ids in shards on disk, of which a step reads what it needs."""

    def __init__(self, shards: Shards, device: torch.device) -> None:
        self._shards, self._device = shards, device

    def __len__(self) -> int:
        return len(self._shards)

    def rows(self, starts: np.ndarray, length: int) -> Tensor:
        windows = [self._shards.window(start, length) for start in starts.tolist()]
        return on_device(torch.from_numpy(np.stack(windows).astype(np.int64)), self._device)


class Windows:
    """Windows of one text.

    An epoch cuts the tokens into windows from a random first offset and shuffles them; the
    next epoch cuts and shuffles anew. Batch `step` depends on the seed and the step alone, so
    a resumed run, or one on another number of processes, sees the same batches.
    """

    def __init__(self, tokens: Tokens, config: TrainingConfig) -> None:
        if len(tokens) < config.long_window + 2:
            raise ValueError(
                f"the training text has {len(tokens)} tokens: too few for windows of "
                f"{config.long_window}"
            )
        self._config, self._tokens = config, tokens
        # The order of the epoch in hand: (epoch, length), offset, order of the windows.
        self._order: tuple[tuple[int, int], int, Order] | None = None

    def shape(self, step: int) -> tuple[int, int]:
        """Windows in the batch over all processes, and their length."""
        c = self._config
        if step < self._long_from():
            return c.batch, c.window
        return max(1, c.batch * c.window // c.long_window), c.long_window

    def window(self, step: int) -> int:
        """Length of the windows at a step."""
        return self.shape(step)[1]

    def tokens(self, steps: int) -> float:
        """How many tokens `steps` steps go through."""
        return steps * self._config.batch * self._config.window

    def batch(self, step: int, rank: int = 0, processes: int = 1) -> Batch:
        """One process's share of the batch at a step."""
        size, length = self.shape(step)
        if size % processes:
            raise ValueError(f"a batch of {size} windows does not divide by {processes} processes")
        first = 0 if step < self._long_from() else self._long_from()
        begin = (step - first) * size
        share = size // processes
        starts = np.array([self._start(begin + rank * share + row, length) for row in range(share)])
        rows = self._tokens.rows(starts, length + 1)
        return Batch(rows[:, :-1], rows[:, 1:], share * length)

    def _long_from(self) -> int:
        return self._config.steps - round(self._config.long_fraction * self._config.steps)

    def _start(self, window: int, length: int) -> int:
        per_epoch = (len(self._tokens) - 1) // length - 1
        epoch, place = divmod(window, per_epoch)
        offset, order = self._epoch(epoch, length, per_epoch)
        return offset + order[place] * length

    def _epoch(self, epoch: int, length: int, per_epoch: int) -> tuple[int, Order]:
        key = (epoch, length)
        if self._order is None or self._order[0] != key:
            generator = np.random.Generator(np.random.PCG64([self._config.seed, epoch, length]))
            offset = int(generator.integers(length))
            self._order = (key, offset, Order(per_epoch, generator))
        return self._order[1], self._order[2]


class Lines:
    """Whole lines, each by itself, `config.batch` of them a step.

    Every line is seen once an epoch. Lines of like lengths share a batch, since all of a batch
    are as long as its longest: an epoch's order is cut into stretches of batches, each stretch
    is sorted by length, and its batches are shuffled.
    """

    _STRETCH = 50

    def __init__(
        self, ids: np.ndarray, newline_id: int, config: TrainingConfig, device: torch.device
    ) -> None:
        """`ids` end with a newline."""
        self._lines = split_lines(ids, newline_id)
        if len(self._lines) < config.batch:
            raise ValueError(
                f"the training text has {len(self._lines)} lines: too few for batches of "
                f"{config.batch}"
            )
        self._lengths = np.array([len(line) for line in self._lines])
        self._newline_id, self._config, self._device = newline_id, config, device
        self._order: tuple[int, np.ndarray] | None = None

    def window(self, step: int) -> int:
        """Evaluation reads whole lines; this is the recipe's figure."""
        return self._config.window

    def tokens(self, steps: int) -> float:
        """About how many tokens `steps` steps go through."""
        return steps * self._config.batch * float(self._lengths.mean())

    def batch(self, step: int, rank: int = 0, processes: int = 1) -> Batch:
        """One process's share of the lines at a step."""
        size = self._config.batch
        if size % processes:
            raise ValueError(f"a batch of {size} lines does not divide by {processes} processes")
        epoch, place = divmod(step, len(self._lines) // size)
        chosen = self._batches(epoch)[place]
        share = chosen[rank::processes]
        inputs, targets = pad_lines([self._lines[line] for line in share], self._newline_id)
        tokens = float(self._lengths[chosen].sum()) / processes
        return Batch(on_device(inputs, self._device), on_device(targets, self._device), tokens)

    def _batches(self, epoch: int) -> np.ndarray:
        """The lines of each of an epoch's batches; a rest too small for one is left out."""
        if self._order is None or self._order[0] != epoch:
            generator = np.random.Generator(np.random.PCG64([self._config.seed, epoch]))
            size = self._config.batch
            order = generator.permutation(len(self._lines))
            batches = []
            for first in range(0, len(order), self._STRETCH * size):
                stretch = order[first : first + self._STRETCH * size]
                stretch = stretch[np.argsort(self._lengths[stretch], kind="stable")]
                whole = len(stretch) // size * size
                # What is left out must not always be the longest.
                start = int(generator.integers(len(stretch) - whole + 1))
                batches.append(stretch[start : start + whole].reshape(-1, size))
            self._order = (epoch, generator.permutation(np.concatenate(batches)))
        return self._order[1]


def on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A copy on the device that, on CUDA, does not wait for the steps still in the queue."""
    return tensor.to(device, non_blocking=device.type == "cuda")
