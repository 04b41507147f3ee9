"""The checkpoint folder of a tagger that writes, read with as little trust as any other.

It holds `model.safetensors` (16-bit weights of a decoder), `config.json` with `"task": "entities"`
and the labels, `tokenizer.json`, `README.md` (the card, with the sha256 of the weights) and, where
training wrote it, `metrics.jsonl`.
"""

from __future__ import annotations

import dataclasses
import os
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import (
    MAX_CARD_BYTES,
    TAGGING,
    TOKENIZER_FILE,
)
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.readers import MAX_LABEL
from litteragpt.entities.vocabulary import OwnVocabulary
from litteragpt.files import read_text
from litteragpt.tables import from_table
from litteragpt.tokenizers import load_tokenizer
from litteragpt.weights import (
    CARD_FILE,
    CONFIG_FILE,
    FORMAT,
    METRICS_FILE,
    WEIGHTS_FILE,
    CheckpointError,
    check_layout,
    check_replaceable,
    faults_as_checkpoint_errors,
    read_config,
    replaced_folder,
    take_weights,
    write_parts,
)

ARCHITECTURE: Final = "decoder"
FILES: Final = (CONFIG_FILE, TOKENIZER_FILE, CARD_FILE, WEIGHTS_FILE)
MAX_LABELS: Final = 256


@dataclass(frozen=True, slots=True)
class CausalInfo:
    """What such a folder says about itself, without its weights."""

    name: str
    path: Path
    labels: tuple[str, ...]
    model: DecoderConfig
    training: Mapping[str, Any]
    parameters: int
    card: str


def read_causal(folder: Path) -> tuple[CausalInfo, Decoder, OwnVocabulary]:
    """What a folder says, its decoder on the meta device, and its vocabulary.

    Raises CheckpointError, and nothing else, for whatever is wrong but the values of the weights.
    """
    path = Path(os.path.abspath(folder))
    with faults_as_checkpoint_errors(path, FILES):
        config, labels, model = _read_config(path / CONFIG_FILE)
        vocabulary = OwnVocabulary(load_tokenizer(path / TOKENIZER_FILE), labels)
        if vocabulary.vocab_size != model.vocab_size:
            raise CheckpointError(
                f"{path / TOKENIZER_FILE} and the labels make {vocabulary.vocab_size} ids where "
                f"{CONFIG_FILE} says vocab_size {model.vocab_size}"
            )
        card = read_text(path / CARD_FILE, MAX_CARD_BYTES)
        with torch.device("meta"):
            decoder = Decoder(model)
        check_layout(path / WEIGHTS_FILE, decoder.state_dict())
    parameters = sum(parameter.numel() for parameter in decoder.parameters())
    info = CausalInfo(path.name, path, labels, model, config["training"], parameters, card)
    return info, decoder, vocabulary


def load_causal(folder: Path) -> tuple[CausalInfo, GenerativeTagger]:
    """What a folder says, and its tagger, ready to be used. Raises CheckpointError."""
    info, decoder, vocabulary = read_causal(folder)
    take_weights(decoder, info.path, info.card)
    return info, GenerativeTagger(decoder.eval(), vocabulary, info.labels, name=info.name)


def save_causal(
    folder: Path,
    *,
    decoder: Decoder,
    vocabulary: OwnVocabulary,
    labels: Sequence[str],
    training: Mapping[str, Any],
    card: str,
    metrics_file: Path | None = None,
    dtype: torch.dtype = torch.float16,
) -> CausalInfo:
    """Write the folder in place of the one that may be there, whole or not at all.

    Raises CheckpointError where it could not be loaded again, such as for NaN weights, or where
    the folder holds files that would be lost.
    """
    folder = Path(os.path.abspath(folder))
    check_replaceable(folder, {*FILES, METRICS_FILE})
    config = {
        "format": FORMAT,
        "task": TAGGING,
        "architecture": ARCHITECTURE,
        "labels": list(labels),
        "model": dataclasses.asdict(decoder.config),
        "training": dict(training),
    }
    with replaced_folder(folder) as new:
        write_parts(
            new,
            weights=decoder.state_dict(),
            config=config,
            card=card,
            metrics_file=metrics_file,
            dtype=dtype,
        )
        vocabulary.tokenizer.save(new / TOKENIZER_FILE)
        info, _ = load_causal(new)
    return dataclasses.replace(info, path=folder)


def check_labels(labels: Sequence[str], source: str) -> tuple[str, ...]:
    """The labels, if a tag can be made of each. Raises ValueError, naming `source`, otherwise."""
    for label in labels:
        printable = isinstance(label, str) and label.isprintable() and " " not in label
        if not printable or not 0 < len(label) <= MAX_LABEL:
            raise ValueError(
                f"{source}: a label must be 1 to {MAX_LABEL} printable characters without spaces, "
                f"not {reprlib.repr(label)}"
            )
    if not 1 <= len(labels) <= MAX_LABELS or len(set(labels)) < len(labels):
        raise ValueError(f"{source}: there must be 1 to {MAX_LABELS} labels, each of them once")
    return tuple(labels)


def _read_config(path: Path) -> tuple[dict[str, Any], tuple[str, ...], DecoderConfig]:
    fixed = {"task": TAGGING, "architecture": ARCHITECTURE}
    config = read_config(path, (*fixed, "labels", "model", "training"), fixed=fixed)
    if not isinstance(config["labels"], list):
        raise CheckpointError(f"{path}: labels must be a list")
    labels = check_labels(config["labels"], str(path))
    model = from_table(DecoderConfig, config["model"], f"{path}: model", complete=True)
    model.validate()
    return config, labels, model
