"""A sentence encoder's checkpoint folder, read with as little trust as any other.

It holds `model.safetensors` (16-bit), `config.json`, `words.txt` (the vocabulary, a word a line),
`README.md` (the card, with the sha256 of the weights) and, where training wrote it,
`metrics.jsonl`. The config also says how much meaning counts beside words
(`litteragpt.answers.meaning.Judgement`) and, where the weights hold a span reader beside the
encoder, its shape.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from litteragpt.answers.meaning import Judgement
from litteragpt.answers.neural_reader import NeuralReader, check_figures
from litteragpt.answers.words import WORDS_FILE, WordRows
from litteragpt.architectures.sentence_encoder import SentenceEncoder, SentenceEncoderConfig
from litteragpt.architectures.span_reader import SpanReaderConfig
from litteragpt.checkpoint import (
    MAX_CARD_BYTES,
    SENTENCES,
    is_encoder_folder,
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
    CheckpointError,
    check_layout,
    check_replaceable,
    faults_as_checkpoint_errors,
    read_config,
    replaced_folder,
    take_weights,
    write_parts,
)

FILES: Final = (CONFIG_FILE, WORDS_FILE, CARD_FILE, WEIGHTS_FILE)
_TABLES: Final = ("model", "judgement", "training")


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What a sentence encoder's folder says about itself, without its weights."""

    name: str
    path: Path
    model: SentenceEncoderConfig
    judgement: Judgement
    config: Mapping[str, Any]
    """The whole of `config.json`."""
    parameters: int
    card: str

    @property
    def training(self) -> Mapping[str, Any]:
        """What `config.json` says of how it was trained."""
        training: Mapping[str, Any] = self.config["training"]
        return training


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder ready to be used, and the rows of its words."""

    info: EncoderInfo
    encoder: SentenceEncoder
    rows: WordRows

    @property
    def judgement(self) -> Judgement:
        """How much meaning counts beside words."""
        return self.info.judgement

    def reader(self) -> NeuralReader | None:
        """What marks answers by the encoder's words; None where the folder has no span reader."""
        return None if self.encoder.reader is None else NeuralReader(self.encoder, self.rows)


def encoder_names(root: Path | None = None) -> list[str]:
    """The names of the sentence encoders below `root` (`checkpoints_root()`), sorted."""
    return names_of(is_encoder_folder, root)


def read_folder(folder: Path) -> tuple[EncoderInfo, SentenceEncoder, WordRows]:
    """What a folder says, its encoder on the meta device (shapes without memory), its words.

    Raises CheckpointError, and nothing else, for whatever is wrong but the values of the weights.
    """
    path = Path(os.path.abspath(folder))
    with faults_as_checkpoint_errors(path, FILES):
        config, model, judgement, reader = _read_config(path / CONFIG_FILE)
        card = read_text(path / CARD_FILE, MAX_CARD_BYTES)
        rows = WordRows.load(path / WORDS_FILE, model.grams, model.longest)
        if len(rows.words) != model.words:
            raise CheckpointError(
                f"{path / WORDS_FILE} has {len(rows.words)} words where the config asks for "
                f"{model.words}"
            )
        with torch.device("meta"):
            encoder = SentenceEncoder(model, reader)
        check_layout(path / WEIGHTS_FILE, encoder.state_dict())
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    info = EncoderInfo(path.name, path, model, judgement, config, parameters, card)
    return info, encoder, rows


def load_folder(folder: Path) -> LoadedEncoder:
    """What a folder holds, ready to be used. Raises CheckpointError."""
    info, encoder, rows = read_folder(folder)
    take_weights(encoder, info.path, info.card)
    return LoadedEncoder(info, encoder.eval(), rows)


def save_folder(
    folder: Path,
    *,
    encoder: SentenceEncoder,
    rows: WordRows,
    judgement: Judgement,
    training: Mapping[str, Any],
    card: str,
    metrics_file: Path | None = None,
    dtype: torch.dtype = torch.float16,
) -> EncoderInfo:
    """Write an encoder's folder in place of the one that may be there, whole or not at all.

    Raises CheckpointError where it could not be loaded again, such as for NaN weights, or where
    the folder holds files that would be lost.
    """
    folder = Path(os.path.abspath(folder))
    check_replaceable(folder, {*FILES, METRICS_FILE})
    config = {
        "format": FORMAT,
        "architecture": SENTENCES,
        "model": dataclasses.asdict(encoder.config),
        "judgement": dataclasses.asdict(judgement),
        "training": dict(training),
    }
    if encoder.reader is not None:
        config["reader"] = dataclasses.asdict(encoder.reader.config)
    with replaced_folder(folder) as new:
        rows.save(new / WORDS_FILE)
        write_parts(
            new,
            weights=encoder.state_dict(),
            config=config,
            card=card,
            metrics_file=metrics_file,
            dtype=dtype,
        )
        loaded = load_folder(new)
    return dataclasses.replace(loaded.info, path=folder, name=folder.name)


def _read_config(
    path: Path,
) -> tuple[dict[str, Any], SentenceEncoderConfig, Judgement, SpanReaderConfig | None]:
    config = read_config(
        path,
        ("architecture", *_TABLES),
        optional=("reader",),
        fixed={"architecture": SENTENCES},
        tables=_TABLES,
    )
    model = from_table(SentenceEncoderConfig, config["model"], f"{path}: model", complete=True)
    model.validate()
    judgement = from_table(Judgement, config["judgement"], f"{path}: judgement", complete=True)
    reader = None
    if "reader" in config:
        reader = from_table(SpanReaderConfig, config["reader"], f"{path}: reader", complete=True)
        reader.validate()
        check_figures(reader)
    return config, model, judgement, reader
