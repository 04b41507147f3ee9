"""The optimisers of an encoder: AdamW, and sparse Adam for its tables of n-grams and templates.

A step touches few of a table's rows; those that it does not touch stay as they are, and their
moments, too. Gradients are cut to a largest norm, those of the tables apart.
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
        template_lr: float = 0.0,
        parameters: Sequence[Tensor] | None = None,
        besides: Sequence[Tensor] = (),
    ) -> None:
        """`parameters` of the encoder learn (all without), and `besides`, which are not its own.

        Only these want a gradient from here on. A table whose rate is 0 stays as it is.
        """
        self._schedule = _Schedule(steps, config.warmup_steps, config.decay_fraction)
        self._clip = config.clip
        chosen = {id(p) for p in (encoder.parameters() if parameters is None else parameters)}
        bags = [(encoder.grams, config.table_lr)]
        if encoder.templates is not None:
            bags.append((encoder.templates.table, template_lr))
        for parameter in encoder.parameters():
            parameter.requires_grad_(id(parameter) in chosen)
        tables: list[tuple[Tensor, float]] = []
        for bag, lr in bags:
            bag.sparse = id(bag.weight) in chosen and lr > 0
            bag.weight.requires_grad_(bag.sparse)
            if bag.sparse:
                tables.append((bag.weight, lr))
        apart = {id(bag.weight) for bag, _ in bags}
        own = [p for p in encoder.parameters() if p.requires_grad and id(p) not in apart]
        dense: list[Tensor] = [*own, *besides]
        self._learned = [*dense, *(table for table, _ in tables)]
        self._optimizers: list[torch.optim.Optimizer] = []
        if dense:
            group = {"params": dense, "base_lr": config.lr}
            self._optimizers.append(
                torch.optim.AdamW(
                    [group], lr=config.lr, betas=(0.9, 0.98), weight_decay=config.weight_decay
                )
            )
        for table, lr in tables:
            self._optimizers.append(
                torch.optim.SparseAdam([{"params": [table], "base_lr": lr}], lr=lr)
            )

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
