"""A tagger's checkpoint folder: what it is made of, read with as little trust as any other.

It holds `model.safetensors` (16-bit), `config.json`, `README.md` (the card, with the sha256 of the
weights) and, where training wrote it, `metrics.jsonl`. Words need no tokenizer file: their rows
are hashes (`litteragpt.entities.features`).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from litteragpt.architectures.encoder import CRF, Encoder, EncoderConfig
from litteragpt.checkpoint import (
    MAX_CARD_BYTES,
    TAGGER,
    is_tagger_folder,
    names_of,
)
from litteragpt.files import read_text
from litteragpt.tables import from_table
from litteragpt.weights import (
    CARD_FILE,
    CONFIG_FILE,
    FORMAT,
    METRICS_FILE,
    WEIGHTS_FILE,
    check_layout,
    check_replaceable,
    faults_as_checkpoint_errors,
    read_config,
    replaced_folder,
    take_weights,
    write_parts,
)

FILES: Final = (CONFIG_FILE, CARD_FILE, WEIGHTS_FILE)
_EARLIER: Final = {"decoding": CRF, "templates": 0, "template_dropout": 0.0}
"""What the first folders do not say: there was nothing to choose when they were written."""


@dataclass(frozen=True, slots=True)
class TaggerInfo:
    """What a tagger's folder says about itself, without its weights."""

    name: str
    path: Path
    model: EncoderConfig
    training: Mapping[str, Any]
    parameters: int
    card: str


def tagger_names(root: Path | None = None) -> list[str]:
    """The names of the taggers below `root` (`checkpoints_root()`), sorted."""
    return names_of(is_tagger_folder, root)


def read_folder(folder: Path) -> tuple[TaggerInfo, Encoder]:
    """What a folder says, and its encoder on the meta device: shapes without memory.

    Raises CheckpointError, and nothing else, for whatever is wrong but the values of the weights.
    """
    path = Path(os.path.abspath(folder))
    with faults_as_checkpoint_errors(path, FILES):
        config = _read_config(path / CONFIG_FILE)
        card = read_text(path / CARD_FILE, MAX_CARD_BYTES)
        with torch.device("meta"):
            encoder = Encoder(config["model"])
        check_layout(path / WEIGHTS_FILE, encoder.state_dict())
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    info = TaggerInfo(path.name, path, config["model"], config["training"], parameters, card)
    return info, encoder


def load_folder(folder: Path) -> tuple[TaggerInfo, Encoder]:
    """What a folder says, and its encoder, ready to be used. Raises CheckpointError."""
    info, encoder = read_folder(folder)
    take_weights(encoder, info.path, info.card)
    return info, encoder.eval()


def save_folder(
    folder: Path,
    *,
    encoder: Encoder,
    training: Mapping[str, Any],
    card: str,
    metrics_file: Path | None = None,
    dtype: torch.dtype = torch.float16,
) -> TaggerInfo:
    """Write a tagger's folder in place of the one that may be there, whole or not at all.

    Raises CheckpointError where it could not be loaded again, such as for NaN weights, or where
    the folder holds files that would be lost.
    """
    folder = Path(os.path.abspath(folder))
    check_replaceable(folder, {*FILES, METRICS_FILE})
    config = {
        "format": FORMAT,
        "architecture": TAGGER,
        "model": dataclasses.asdict(encoder.config),
        "training": dict(training),
    }
    with replaced_folder(folder) as new:
        write_parts(
            new,
            weights=encoder.state_dict(),
            config=config,
            card=card,
            metrics_file=metrics_file,
            dtype=dtype,
        )
        info, _ = load_folder(new)
    return dataclasses.replace(info, path=folder)


def _read_config(path: Path) -> dict[str, Any]:
    config = read_config(
        path, ("architecture", "model", "training"), fixed={"architecture": TAGGER}
    )
    shape = {**_EARLIER, **config["model"]}
    model = from_table(EncoderConfig, shape, f"{path}: model", complete=True)
    model.validate()
    return {**config, "model": model}
