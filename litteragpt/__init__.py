"""LitteraGPT: train, use and look inside small language models in Spanish and Portuguese.

import litteragpt

lm = litteragpt.load("litteragpt-es")
for piece in lm.generate("En un lugar", temperature=0.8, seed=7):
    print(piece, end="")
"""

from __future__ import annotations

from pathlib import Path

import torch

from litteragpt.checkpoint import (
    CheckpointInfo,
    CheckpointList,
    list_checkpoints,
    load_checkpoint,
    read_metrics,
    resolve,
)
from litteragpt.entities.loading import load_tagger, taggers
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import Completion, Step, Stream, TextModel, Token
from litteragpt.mixing.folder import mixed
from litteragpt.protocols import Replacement
from litteragpt.weights import CheckpointError

__all__ = [
    "CheckpointError",
    "CheckpointInfo",
    "CheckpointList",
    "Completion",
    "Replacement",
    "SamplingConfig",
    "Step",
    "Stream",
    "TextModel",
    "Token",
    "list_checkpoints",
    "load",
    "load_tagger",
    "read_metrics",
    "taggers",
]

__version__ = "0.10.0"


def load(
    name: str | Path, *, device: torch.device | str = "cpu", mix: Path | None = None
) -> TextModel:
    """The language model of a checkpoint, by its name in `checkpoints/` or by its folder.

    A folder of Hugging Face's layout will do, too: see `litteragpt.huggingface`. `mix` is a folder
    of counts to mix in, as `litteragpt mix` writes it: see `litteragpt.mixing`.
    Raises `CheckpointError` (a `ValueError`) where there is none, or where a file of it is
    malformed.
    """
    loaded = load_checkpoint(resolve(name), device=device)
    info = loaded.info
    lm = TextModel(
        loaded.model,
        loaded.tokenizer,
        name=info.name,
        info=info,
        reads=info.reads,
        end_ids=loaded.end_ids,
    )
    return lm if mix is None else mixed(lm, mix)
