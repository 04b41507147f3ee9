"""The optimisers of an encoder: AdamW, and sparse Adam for the table of n-grams.

A step touches few of the table's rows; those that it does not touch stay as they are, and their
moments, too. Gradients are cut to a largest norm, those of the table apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from litteragpt.architectures.encoder import Encoder
from litteragpt.training.schedule import lr_factor


class LearningRates(Protocol):
    """What a table of training says of them."""

    @property
    def lr(self) -> float:
        """The largest one."""
        ...

    @property
    def table_lr(self) -> float:
        """The table's; 0 leaves it as it is."""
        ...

    @property
    def weight_decay(self) -> float:
        """Of all but the table."""
        ...

    @property
    def warmup_steps(self) -> int:
        """Steps in which the rates rise."""
        ...

    @property
    def decay_fraction(self) -> float:
        """The share of the steps, the last ones, in which they fall."""
        ...

    @property
    def clip(self) -> float:
        """The largest norm of the gradients."""
        ...


@dataclass(frozen=True, slots=True)
class _Schedule:
    steps: int
    warmup_steps: int
    decay_fraction: float


class EncoderOptimizers:
    """The two optimisers as one, for a run of so many steps."""

    def __init__(
        self,
        encoder: Encoder,
        config: LearningRates,
        steps: int,
        *,
        parameters: Sequence[Tensor] | None = None,
        besides: Sequence[Tensor] = (),
    ) -> None:
        """`parameters` of the encoder learn (all without), and `besides`, which are not its own.

        Only these want a gradient from here on.
        """
        self._schedule = _Schedule(steps, config.warmup_steps, config.decay_fraction)
        self._clip = config.clip
        chosen = {id(p) for p in (encoder.parameters() if parameters is None else parameters)}
        table = encoder.grams.weight
        learns_table = id(table) in chosen and config.table_lr > 0
        for parameter in encoder.parameters():
            parameter.requires_grad_(id(parameter) in chosen and parameter is not table)
        table.requires_grad_(learns_table)
        encoder.grams.sparse = learns_table
        own = [p for p in encoder.parameters() if p.requires_grad and p is not table]
        dense: list[Tensor] = [*own, *besides]
        self._learned = [*dense, table] if learns_table else dense
        self._optimizers: list[torch.optim.Optimizer] = []
        if dense:
            group = {"params": dense, "base_lr": config.lr}
            self._optimizers.append(
                torch.optim.AdamW(
                    [group], lr=config.lr, betas=(0.9, 0.98), weight_decay=config.weight_decay
                )
            )
        if learns_table:
            group = {"params": [table], "base_lr": config.table_lr}
            self._optimizers.append(torch.optim.SparseAdam([group], lr=config.table_lr))

    def step(self, step: int) -> None:
        """One update, by the gradients there are; they are cleared."""
        dense = [p for p in self._learned if p.grad is None or not p.grad.is_sparse]
        torch.nn.utils.clip_grad_norm_(dense, self._clip)
        factor = lr_factor(min(step, self._schedule.steps - 1), self._schedule)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
