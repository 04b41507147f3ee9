"""Learning rate over the steps: warm up, hold, fall linearly to zero."""

from __future__ import annotations

from typing import Protocol


class Schedule(Protocol):
    """The figures of a config that the learning rate depends on."""

    @property
    def steps(self) -> int: ...

    @property
    def warmup_steps(self) -> int: ...

    @property
    def decay_fraction(self) -> float:
        """The share of the steps, at the end, over which it falls."""
        ...


def lr_factor(step: int, config: Schedule) -> float:
    """The factor, 0 to 1, on every learning rate at a step (counted from 0)."""
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    decay_steps = config.decay_fraction * config.steps
    cool = min(1.0, (config.steps - step) / decay_steps) if decay_steps else 1.0
    return min(warm, cool)
