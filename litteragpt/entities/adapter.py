"""Adapters of a tagger: other labels on the same base, in less than a megabyte.

An adapter's folder holds what `peft` writes (`adapter_model.safetensors` and
`adapter_config.json`: low-rank updates of two layers, Hu et al. 2021, and new layers for the tags
and intents), `adapter.json` (labels, intents, and which base they belong to) and a card. It is
read without `peft`, and with as little trust as any checkpoint: the shapes that the base and the
labels ask for are checked before memory is taken, and nothing else is read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.bounds import check_range, check_whole
from litteragpt.checkpoint import ADAPTER_FILE
from litteragpt.files import read_json_object
from litteragpt.tables import check_keys, typed
from litteragpt.weights import CARD_FILE, CheckpointError, check_layout, read_tensors, sha256_of

FORMAT: Final = 1
WEIGHTS_FILE: Final = "adapter_model.safetensors"
CONFIG_FILE: Final = "adapter_config.json"
TABLE_FILE: Final = ADAPTER_FILE
FILES: Final = (WEIGHTS_FILE, CONFIG_FILE, TABLE_FILE, CARD_FILE)

TARGETS: Final = ("mix", "dense")
"""Layers of the base with a low-rank update."""
HEADS: Final = ("tags", "chain", "intents")
"""Layers that are the adapter's own; the last only where it has intents."""
SHARED: Final = ("grams", "shapes", "reader")
"""Layers that are the base's as they are: nearly all of its memory."""

MAX_RANK: Final = 64
MAX_NAMES: Final = 64
"""Labels, and intents."""
MAX_TABLE_BYTES: Final = 2**18
_PREFIX: Final = "base_model.model."
_KEYS: Final = ("format", "base", "base_sha256", "labels", "intents", "calibration", "training")
_OTHER_ARITHMETIC: Final = (
    "alora_invocation_tokens",
    "alpha_pattern",
    "fan_in_fan_out",
    "layer_replication",
    "layers_to_transform",
    "lora_bias",
    "rank_pattern",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "use_rslora",
)
"""Fields of `peft` by which an update would be added in another way than here."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter's folder holds."""

    name: str
    config: EncoderConfig
    """The base's, with the adapter's labels and intents."""
    scale: float
    """Of the low-rank updates: alpha over rank."""
    tensors: Mapping[str, Tensor]
    """By their names in the encoder, such as `mix.lora_A.weight`."""
    calibration: float
    training: Mapping[str, Any]


def heads_of(config: EncoderConfig) -> tuple[str, ...]:
    """The layers that an adapter with these labels and intents has of its own."""
    return HEADS if config.intents else HEADS[:-1]


def is_adapter_folder(folder: Path) -> bool:
    """Whether a folder says that it is of this kind; it may be broken all the same."""
    return (folder / TABLE_FILE).is_file() and (folder / CONFIG_FILE).is_file()


def adapters(root: Path) -> dict[str, str]:
    """The adapters in the folders below `root` by name, each with the name of its base.

    One whose table cannot be read is left out.
    """
    found = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if not folder.name.startswith(".") and is_adapter_folder(folder):
            with contextlib.suppress(ValueError):
                found[folder.name] = str(_read_table(folder / TABLE_FILE)["base"])
    return found


def load_adapter(folder: Path, base: EncoderConfig, weights: Path) -> Adapter:
    """The adapter in a folder, for the base of this shape whose weights are in that file.

    Raises CheckpointError, and nothing else, for whatever is wrong with it, and where it belongs
    to another base.
    """
    path = Path(os.path.abspath(folder))
    try:
        for file in FILES[:3]:
            if not (path / file).is_file():
                raise CheckpointError(f"{path / file} is missing or is not a file")
        table = _read_table(path / TABLE_FILE)
        config = dataclasses.replace(base, labels=table["labels"], intents=table["intents"])
        config.validate()
        if table["base_sha256"] != sha256_of(weights):
            given = reprlib.repr(table["base"])
            raise CheckpointError(
                f"{path} is an adapter of the base {given} with other weights than {weights}"
            )
        rank, alpha = _read_lora(path / CONFIG_FILE, heads_of(config))
        check_layout(path / WEIGHTS_FILE, _layout(config, rank))
        tensors = read_tensors(path / WEIGHTS_FILE, torch.float32)
    except CheckpointError:
        raise
    except (ValueError, OSError, SafetensorError) as error:
        raise CheckpointError(str(error)) from error
    return Adapter(
        path.name,
        config,
        alpha / rank,
        {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()},
        table["calibration"],
        table["training"],
    )


def adapted(base: Encoder, adapter: Adapter) -> Encoder:
    """The base with the adapter's updates and layers; the large layers are the base's own.

    Raises CheckpointError where the updates are out of a number's range.
    """
    with torch.device("meta"):
        encoder = Encoder(adapter.config)
    for name in SHARED:
        setattr(encoder, name, getattr(base, name))
    if base.templates is not None:
        encoder.templates = base.templates.for_tags(base.config.tags, adapter.config.tags)
    for name in TARGETS:
        old: nn.Linear = getattr(base, name)
        down_RI = adapter.tensors[f"{name}.lora_A.weight"]
        up_OR = adapter.tensors[f"{name}.lora_B.weight"]
        weight_OI = old.weight.detach() + adapter.scale * (up_OR @ down_RI)
        if not torch.isfinite(weight_OI).all():
            raise CheckpointError(f"the adapter {adapter.name} has updates out of bounds")
        merged = {"weight": weight_OI, "bias": old.bias.detach()}
        getattr(encoder, name).load_state_dict(merged, assign=True)
    for name in heads_of(adapter.config):
        head: nn.Module = getattr(encoder, name)
        own = {key: adapter.tensors[f"{name}.{key}"] for key in head.state_dict()}
        head.load_state_dict(own, assign=True)
    return encoder.eval()


def _read_table(path: Path) -> dict[str, Any]:
    table = read_json_object(path, MAX_TABLE_BYTES)
    check_keys(table, _KEYS, _KEYS, str(path))
    if type(table["format"]) is not int or table["format"] != FORMAT:
        given = reprlib.repr(table["format"])
        raise CheckpointError(f"{path} has format {given}; this version reads format {FORMAT}")
    if not isinstance(table["training"], dict):
        raise CheckpointError(f"{path}: training must be a table of values")
    for name in ("base", "base_sha256"):
        typed(table[name], str, f"{path}: {name}")
    for name, least in (("labels", 1), ("intents", 0)):
        if not isinstance(table[name], list):
            raise CheckpointError(f"{path}: {name} must be a list")
        check_whole(f"{path}: the number of {name}", len(table[name]), least, MAX_NAMES)
        table[name] = typed(table[name], tuple[str, ...], f"{path}: {name}")
    calibration = typed(table["calibration"], float, f"{path}: calibration")
    check_range(f"{path}: calibration", calibration, 0.05, 20.0)
    return {**table, "calibration": calibration}


def _read_lora(path: Path, heads: tuple[str, ...]) -> tuple[int, float]:
    """Rank and alpha, where nothing else says that the updates are anything but `B A`."""
    table = read_json_object(path, MAX_TABLE_BYTES)
    check_keys(table, ("peft_type", "r", "lora_alpha", "target_modules"), table, str(path))
    due = {"peft_type": "LORA", "target_modules": sorted(TARGETS), "modules_to_save": sorted(heads)}
    for name, value in due.items():
        given = table.get(name)
        if isinstance(given, list) and all(isinstance(each, str) for each in given):
            given = sorted(given)
        if given != value:
            raise CheckpointError(f"{path}: {name} must be {value}, not {reprlib.repr(given)}")
    if table.get("bias", "none") != "none":
        raise CheckpointError(f"{path}: bias must be none")
    if strange := [name for name in _OTHER_ARITHMETIC if table.get(name)]:
        raise CheckpointError(f"{path} has {strange[0]}, which this version does not read")
    rank = typed(table["r"], int, f"{path}: r")
    check_whole(f"{path}: r", rank, 1, MAX_RANK)
    alpha = typed(table["lora_alpha"], float, f"{path}: lora_alpha")
    check_range(f"{path}: lora_alpha", alpha, 0.0, 1024.0)
    return rank, alpha


def _layout(config: EncoderConfig, rank: int) -> dict[str, Tensor]:
    """The tensors that are due, on the meta device: shapes without memory."""
    with torch.device("meta"):
        encoder = Encoder(config)
        found: dict[str, Tensor] = {}
        for name in TARGETS:
            rows, columns = getattr(encoder, name).weight.shape
            found[f"{_PREFIX}{name}.lora_A.weight"] = torch.empty(rank, columns)
            found[f"{_PREFIX}{name}.lora_B.weight"] = torch.empty(rows, rank)
    for name in heads_of(config):
        for key, tensor in getattr(encoder, name).state_dict().items():
            found[f"{_PREFIX}{name}.{key}"] = tensor
    return found
