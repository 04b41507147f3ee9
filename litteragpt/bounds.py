"""One check for every figure that a person, or a file, may set."""

from __future__ import annotations

import math


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise `ValueError`, naming the range, unless `low <= value <= high` (NaN never is)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
    if math.isnan(value) or not low <= value <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g}, not {value!r}")


def check_whole(name: str, value: int, low: int, high: int) -> None:
    """Raise `ValueError`, naming the allowed range, unless `value` is an integer within it."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
