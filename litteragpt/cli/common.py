"""What the sub-commands share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litteragpt.checkpoint import CheckpointInfo
    from litteragpt.protocols import Replacement

DEFAULT_MODEL = "litteragpt-es"


def validation_loss(info: CheckpointInfo) -> float | None:
    """What a checkpoint says of its loss on validation, after reinforcement where there was any."""
    training = info.config["training"]
    after = training.get("reinforce", {}).get("after", {})
    loss = after.get("val_nats_per_char", training.get("reached", {}).get("val_loss"))
    return loss if isinstance(loss, float) else None


def tell_replaced(replaced: Sequence[Replacement]) -> None:
    """Say on standard error what of a prompt the model reads otherwise."""
    for each in replaced:
        read = f"read as {each.target!r}" if each.target else "left out"
        print(f"unknown to the model: {each.source!r}, {read}", file=sys.stderr)


def recipe_path(name: str) -> Path:
    """The file of a recipe given by its path or by its name in `models/`."""
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    for root in (Path(), Path(__file__).resolve().parents[2]):
        if (root / "models" / f"{name}.toml").exists():
            return root / "models" / f"{name}.toml"
    raise ValueError(f"there is no recipe {name!r}: give a path, or a name in models/")
