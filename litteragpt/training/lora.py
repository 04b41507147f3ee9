"""A tagger's labels made one's own: low-rank updates of a base, from a few dozen records.

Source: Hu et al. 2021, "LoRA", through the library `peft`. Two layers of the base learn an update
of low rank, the layers of tags and intents are new (the rows of labels that the base knows are
where it left them), and the table of n-grams and the LSTM stay as they are.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor

from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.bounds import check_range, check_whole
from litteragpt.card import code_block, escape_cell, table_of
from litteragpt.entities.adapter import (
    FILES,
    FORMAT,
    MAX_RANK,
    SHARED,
    TABLE_FILE,
    TARGETS,
    heads_of,
    load_adapter,
)
from litteragpt.entities.calibrate import calibration_of
from litteragpt.entities.loading import load_encoder, tagger_folder
from litteragpt.entities.score import MICRO
from litteragpt.entities.sets import SetConfig, example_of
from litteragpt.entities.tagger import EntityTagger
from litteragpt.recipe import override_table
from litteragpt.tables import check_keys, from_table
from litteragpt.training.own_records import Tuned, read_own
from litteragpt.training.tagging import Report, TaggingConfig, train_tagger
from litteragpt.weights import (
    CARD_FILE,
    WEIGHTS_FILE,
    check_replaceable,
    replaced_folder,
    sha256_of,
)

LEAST_TO_CALIBRATE: Final = 30
"""Held-out entities below which scores are read at the base's temperature."""
TRAINING: Final[Mapping[str, Any]] = MappingProxyType(
    {"epochs": 30, "batch": 8, "lr": 5e-3, "table_lr": 0.0, "warmup_steps": 10}
)
"""What fits a few dozen records, in place of a recipe's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRank:
    """The size of the updates."""

    rank: int = 8
    alpha: float = 16.0
    """An update counts alpha / rank."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> LowRank:
        """From a table. Raises ValueError for a figure out of bounds."""
        config = from_table(cls, table, "lora")
        check_whole("lora.rank", config.rank, 1, MAX_RANK)
        check_range("lora.alpha", config.alpha, 1e-3, 1024.0)
        return config


def read_overrides(overrides: Sequence[str]) -> tuple[LowRank, TaggingConfig]:
    """How to adapt, with `lora.FIELD=VALUE` and `training.FIELD=VALUE` in place of what fits."""
    table: dict[str, Any] = {"lora": {}, "training": dict(TRAINING)}
    for override in overrides:
        override_table(table, override)
    check_keys(table, (), ("lora", "training"), "override")
    return LowRank.from_table(table["lora"]), TaggingConfig.from_table(table["training"])


def train_adapter(
    base: str | Path,
    file: Path,
    out: Path,
    overrides: Sequence[str] = (),
    *,
    report: Report = lambda line: None,
) -> Tuned:
    """Adapt a tagger of ours to the labels and intents of a file; write the adapter's folder.

    Raises ValueError for what is missing or malformed, and where `peft` is not installed.
    """
    low_rank, training = read_overrides(overrides)
    check_replaceable(out, FILES)
    tagger = load_encoder(tagger_folder(base))
    own = read_own(file, seed=training.seed, first=tagger.labels)
    before = own.score(tagger)
    torch.manual_seed(training.seed)
    encoder = with_new_heads(tagger.encoder, own.labels, own.intents)
    theirs, parameters = low_rank_of(encoder, low_rank)
    examples = [example_of(each, None, frozenset(own.labels)) for each in own.learned]
    config = SetConfig(file=file.name)
    train_tagger(encoder, [(config, examples)], training, parameters=parameters, report=report)
    trained = EntityTagger(encoder, calibration=tagger.calibration)
    gold = [each.entities for each in own.held_out]
    if sum(map(len, gold)) >= LEAST_TO_CALIBRATE:
        held_out = [(own.held_out, gold, own.labels)]
        trained = trained.calibrated(calibration_of(trained, held_out))
    tuned = Tuned(
        out,
        own.labels,
        own.intents,
        len(own.learned),
        len(own.held_out),
        before,
        own.score(trained),
        own.intents_right(trained),
    )
    assert tagger.weights is not None, "what was loaded has a file"
    table = {
        "format": FORMAT,
        "base": tagger.name,
        "base_sha256": sha256_of(tagger.weights),
        "labels": own.labels,
        "intents": own.intents,
        "calibration": trained.calibration,
        "training": {**dataclasses.asdict(training), "records": len(own.learned)},
    }
    with replaced_folder(out) as new:
        theirs.save_pretrained(str(new), save_embedding_layers=False)
        (new / TABLE_FILE).write_text(json.dumps(table, ensure_ascii=False, indent=2) + "\n")
        (new / CARD_FILE).write_text(_card(out.name, tagger.name, tuned), "utf-8", newline="\n")
        for name in FILES:
            (new / name).chmod(0o644)
        load_adapter(new, tagger.encoder.config, tagger.weights)
    return tuned


def with_new_heads(base: Encoder, labels: tuple[str, ...], intents: tuple[str, ...]) -> Encoder:
    """An encoder of the base's layers, with new ones for these labels and intents.

    The rows of tags and intents that the base knows begin as they are there; the others are
    drawn from torch's default generator.
    """
    config = dataclasses.replace(base.config, labels=labels, intents=intents)
    encoder = Encoder(_small(config))
    encoder.config = config
    for name in (*SHARED, *TARGETS):
        setattr(encoder, name, getattr(base, name))
    if base.templates is not None:
        encoder.templates = base.templates.for_tags(base.config.tags, config.tags)
    with torch.no_grad():
        _copy_rows(encoder.tags, config.tags, base.tags, base.config.tags)
        if encoder.intents is not None and base.intents is not None:
            _copy_rows(encoder.intents, intents, base.intents, base.config.intents)
        old = [base.config.tags.index(tag) for tag in config.tags if tag in base.config.tags]
        new = [k for k, tag in enumerate(config.tags) if tag in base.config.tags]
        between_KK = base.chain.between_KK[old][:, old]
        encoder.chain.between_KK[torch.tensor(new)[:, None], torch.tensor(new)] = between_KK
        encoder.chain.start_K[new] = base.chain.start_K[old]
    return encoder


def low_rank_of(encoder: Encoder, config: LowRank) -> tuple[Any, list[Tensor]]:
    """`peft`'s model around an encoder, changed in place, and the parameters that learn.

    Raises ValueError where `peft` is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise ValueError("--lora needs the package peft: pip install 'litteragpt[hf]'") from error
    low_rank = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        target_modules=list(TARGETS),
        modules_to_save=list(heads_of(encoder.config)),
    )
    theirs = peft.get_peft_model(encoder, low_rank)
    return theirs, [each for each in encoder.parameters() if each.requires_grad]


def _small(config: EncoderConfig) -> EncoderConfig:
    """The same without a large table, which is the base's anyway."""
    return dataclasses.replace(config, rows=2, shapes=1, templates=0)


def _copy_rows(
    new: torch.nn.Linear,
    names: Sequence[str],
    old: torch.nn.Linear,
    known: Sequence[str],
) -> None:
    for row, name in enumerate(names):
        if name in known:
            new.weight[row] = old.weight[known.index(name)]
            new.bias[row] = old.bias[known.index(name)]


def _card(name: str, base: str, tuned: Tuned) -> str:
    rows = [
        (label, *(f"{100 * value:.1f}" for value in (s.precision, s.recall, s.f1)), str(s.gold))
        for label, s in tuned.after.items()
    ]
    intents = f" Intents: {', '.join(tuned.intents)}." if tuned.intents else ""
    right = "" if tuned.intents_right is None else f" Intents right: {tuned.intents_right:.0%}."
    head = ("Label", "Precision", "Recall", "F1", "Entities")
    sections = (
        "---\nlibrary_name: litteragpt\npipeline_tag: token-classification\n---",
        f"# {escape_cell(name)}",
        escape_cell(
            f"An adapter of the tagger {base}, trained on "
            f"{datetime.datetime.now(datetime.UTC).date().isoformat()} with "
            f"{tuned.learned_from} records. Labels: {', '.join(tuned.labels)}.{intents}"
        ),
        f"## Figures\n\nStrict span and label, per cent, on {tuned.held_out} records held out; "
        f"the base by itself reaches F1 {100 * tuned.before[MICRO].f1:.1f}.{right}\n\n"
        + table_of(head, rows),
        "## Use\n\n" + code_block([f"litteragpt tag --model {base} --adapter DIR TEXT"]),
        f"It needs exactly the `{WEIGHTS_FILE}` of the base that it was trained on.",
    )
    return "\n\n".join(sections) + "\n"
