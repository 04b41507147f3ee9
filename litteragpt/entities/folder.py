"""A tagger's checkpoint folder: what it is made of, read with as little trust as any other.

It holds `model.safetensors` (16-bit), `config.json`, `README.md` (the card, with the sha256 of the
weights) and, where training wrote it, `metrics.jsonl`. Words need no tokenizer file: their rows
are hashes (`litteragpt.entities.features`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import reprlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError

from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.checkpoint import (
    MAX_CARD_BYTES,
    MAX_CONFIG_BYTES,
    METRICS_FILE,
    TAGGER,
    checkpoints_root,
    is_tagger_folder,
)
from litteragpt.files import read_json_object, read_text
from litteragpt.tables import check_keys, from_table
from litteragpt.weights import (
    CARD_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    CheckpointError,
    check_layout,
    check_replaceable,
    check_sha256,
    read_tensors,
    replaced_folder,
    with_sha256,
    write_weights,
)

FORMAT: Final = 1
FILES: Final = (CONFIG_FILE, CARD_FILE, WEIGHTS_FILE)
_KEYS: Final = ("format", "architecture", "model", "training")


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
    try:
        paths = sorted((root or checkpoints_root()).iterdir())
    except OSError:
        return []
    return [path.name for path in paths if not path.name.startswith(".") and is_tagger_folder(path)]


def read_folder(folder: Path) -> tuple[TaggerInfo, Encoder]:
    """What a folder says, and its encoder on the meta device: shapes without memory.

    Raises CheckpointError, and nothing else, for whatever is wrong but the values of the weights.
    """
    path = Path(os.path.abspath(folder))
    try:
        for file in FILES:
            if not (path / file).is_file():
                raise CheckpointError(f"{path / file} is missing or is not a file")
        config = _read_config(path / CONFIG_FILE)
        card = read_text(path / CARD_FILE, MAX_CARD_BYTES)
        with torch.device("meta"):
            encoder = Encoder(config["model"])
        check_layout(path / WEIGHTS_FILE, encoder.state_dict())
    except CheckpointError:
        raise
    except (ValueError, OSError, SafetensorError) as error:
        raise CheckpointError(str(error)) from error
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    info = TaggerInfo(path.name, path, config["model"], config["training"], parameters, card)
    return info, encoder


def load_folder(folder: Path) -> tuple[TaggerInfo, Encoder]:
    """What a folder says, and its encoder, ready to be used. Raises CheckpointError."""
    info, encoder = read_folder(folder)
    weights = info.path / WEIGHTS_FILE
    try:
        check_sha256(weights, info.card)
        tensors = read_tensors(weights, torch.float32)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{weights} cannot be read: {error}") from error
    encoder.load_state_dict(tensors, assign=True)
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
    try:
        text = json.dumps(config, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    except ValueError as error:
        raise CheckpointError(f"the training table cannot be saved as JSON: {error}") from error
    with replaced_folder(folder) as new:
        write_weights(new / WEIGHTS_FILE, encoder.state_dict(), dtype)
        (new / CONFIG_FILE).write_text(text, "utf-8", newline="\n")
        card = with_sha256(card, new / WEIGHTS_FILE)
        (new / CARD_FILE).write_text(card, "utf-8", newline="\n")
        if metrics_file is not None:
            shutil.copyfile(metrics_file, new / METRICS_FILE)
        info, _ = load_folder(new)
    return dataclasses.replace(info, path=folder)


def _read_config(path: Path) -> dict[str, Any]:
    config = read_json_object(path, MAX_CONFIG_BYTES)
    check_keys(config, _KEYS, _KEYS, str(path))
    if type(config["format"]) is not int or config["format"] != FORMAT:
        given = reprlib.repr(config["format"])
        raise CheckpointError(f"{path} has format {given}; this version reads format {FORMAT}")
    if config["architecture"] != TAGGER:
        given = reprlib.repr(config["architecture"])
        raise CheckpointError(f"{path} is of the architecture {given}, not {TAGGER!r}")
    for table in ("model", "training"):
        if not isinstance(config[table], dict):
            raise CheckpointError(f"{path}: {table} must be a table of values")
    model = from_table(EncoderConfig, config["model"], f"{path}: model", complete=True)
    model.validate()
    return {**config, "model": model}
