"""Weights to start from: a trained model of the same shape and alphabet."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from litteragpt.architectures.base import LanguageModule
from litteragpt.checkpoint import load_checkpoint, resolve
from litteragpt.protocols import Tokenizer

_FREE = ("context", "dropout")
"""What of a shape may differ: no weight depends on it."""


@torch.no_grad()
def take_base(
    model: LanguageModule[Any], config: Any, tokenizer: Tokenizer, base: str | Path
) -> None:
    """Put the weights of the checkpoint `base` (a name or a folder) in place of the model's.

    Raises `ValueError` where it is not there, or where its shape or tokenizer is another.
    """
    loaded = load_checkpoint(resolve(base))
    theirs: Any = getattr(loaded.model, "config", None)
    if not isinstance(loaded.model, LanguageModule) or type(theirs) is not type(config):
        raise ValueError(f"the base {base} is of another architecture than the recipe")
    for name, ours in dataclasses.asdict(config).items():
        other = getattr(theirs, name)
        if name not in _FREE and ours != other:
            raise ValueError(
                f"the base {base} has {name} {other}, the recipe {ours}: they must be equal"
            )
    if loaded.tokenizer != tokenizer:
        raise ValueError(f"the base {base} has another tokenizer than the corpus")
    model.load_state_dict(loaded.model.state_dict())
