"""A recipe: what to train, as data that a person can read and change (`models/*.toml`).

name = "litteragpt-es"
language = "es"
architecture = "decoder"
base = "NAME"  the checkpoint to start from, of the same shape and tokenizer; without it, or "":
            from random weights
teachers = ["NAME", …]  checkpoints of the same tokenizer to learn from beside the text
[model]     the architecture's config (`vocab_size` comes from the corpus)
[corpus]    what to read and how to split it (`litteragpt.corpora.kinds`); or `corpus = "NAME"`,
            where several models are trained on the corpus of the recipe NAME beside this one
[training]  `TrainingConfig`
[card]      what the card says beyond the figures (`litteragpt.card.CardText`)
[reinforce] how to reinforce a model of names (`litteragpt.training.reinforce.ReinforceConfig`)

A recipe without `architecture` describes a corpus alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litteragpt.architectures import ARCHITECTURES
from litteragpt.bounds import check_range, check_whole
from litteragpt.tables import check_keys, from_table

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How to train. Lengths are in tokens, the batch in windows over all processes."""

    steps: int
    batch: int
    window: int
    """Length of a training window."""
    long_window: int
    """Length of the windows in the last `long_fraction` of the steps; `batch * window` tokens
    a step stay as they are."""
    long_fraction: float = 0.0
    micro_batch: int = 0
    """Windows in one forward pass of one process; 0: all of its share at once."""
    optimizer: str = "muon"
    """`muon`: Muon for the matrices inside the blocks, where there are any, AdamW for the rest;
    `adamw`: AdamW for all, its weight decay on embeddings and matrices."""
    muon_lr: float = 0.02
    """For the matrices inside the blocks."""
    muon_momentum: float = 0.95
    adam_lr: float = 3e-3
    """For embedding, head and norms; for all where the optimizer is `adamw`."""
    adam_beta1: float = 0.9
    adam_beta2: float = 0.95
    weight_decay: float = 0.1
    """Decoupled, on the matrices."""
    warmup_steps: int = 50
    decay_fraction: float = 0.4
    """The share of the steps, at the end, over which the learning rates fall linearly to zero."""
    clip: float = 1.0
    """Largest global norm of a gradient."""
    teacher_share: float = 0.5
    """Of the loss, where there are teachers: cross entropy with the mean of their probabilities."""
    ema_decay: float = 0.0
    """Decay of the moving average of the weights that is evaluated and shipped; 0: none."""
    precision: str = "auto"
    """`bf16` (autocast), `fp32`, or `auto`: bf16 where the hardware multiplies it natively."""
    compile: bool = True
    """`torch.compile`, where a compiler is at hand."""
    seed: int = 1605
    evaluate_every: int = 500
    patience: int = 0
    """Evaluations in a row without a better loss after which the run ends; 0: it never does."""
    save_every: int = 250
    sample_prompt: str = "\n"
    sample_chars: int = 300

    def validate(self) -> None:
        """Raise `ValueError` for a figure out of bounds."""
        check_whole("steps", self.steps, 1, 10**9)
        check_whole("batch", self.batch, 1, 10**6)
        check_whole("window", self.window, 1, 65_536)
        check_whole("long_window", self.long_window, self.window, 65_536)
        check_range("long_fraction", self.long_fraction, 0.0, 1.0)
        check_whole("micro_batch", self.micro_batch, 0, self.batch)
        check_range("muon_lr", self.muon_lr, 0.0, 10.0)
        check_range("muon_momentum", self.muon_momentum, 0.0, 0.9999)
        check_range("adam_lr", self.adam_lr, 0.0, 10.0)
        check_range("adam_beta1", self.adam_beta1, 0.0, 0.9999)
        check_range("adam_beta2", self.adam_beta2, 0.0, 0.999999)
        check_range("weight_decay", self.weight_decay, 0.0, 100.0)
        check_whole("warmup_steps", self.warmup_steps, 0, self.steps)
        check_range("decay_fraction", self.decay_fraction, 0.0, 1.0)
        check_range("clip", self.clip, 1e-6, 1e6)
        check_range("teacher_share", self.teacher_share, 0.0, 1.0)
        check_range("ema_decay", self.ema_decay, 0.0, 0.99999)
        check_whole("evaluate_every", self.evaluate_every, 1, 10**9)
        check_whole("patience", self.patience, 0, 10**9)
        check_whole("save_every", self.save_every, 1, 10**9)
        check_whole("sample_chars", self.sample_chars, 1, 20_000)
        if self.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(f"precision must be auto, bf16 or fp32, not {self.precision!r}")
        if self.optimizer not in ("muon", "adamw"):
            raise ValueError(f"optimizer must be muon or adamw, not {self.optimizer!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusRecipe:
    """What a corpus is built from."""

    name: str
    """Of the recipe that describes it, and of its folder."""
    language: str
    """ISO 639-1 code of the texts."""
    corpus: Mapping[str, Any]
    """The table, for the kind of corpus that knows its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe as read; those who know the fields of a table make their configs of it."""

    name: str
    language: str
    """ISO 639-1 code of the texts."""
    architecture: str
    base: str | None
    """Name or folder of the checkpoint to start from; None: random weights."""
    teachers: tuple[str, ...]
    """Names or folders of the checkpoints to learn from beside the text."""
    model: Mapping[str, Any]
    corpus_name: str
    """Of the folder that holds the built corpus."""
    corpus: Mapping[str, Any]
    training: TrainingConfig
    card: Mapping[str, Any]
    reinforce: Mapping[str, Any]

    def model_config(self, vocab_size: int) -> Any:
        """The architecture's validated config for a vocabulary of this size."""
        config_type = ARCHITECTURES[self.architecture].config_type
        config = from_table(config_type, {**self.model, "vocab_size": vocab_size}, "model")
        config.validate()
        return config


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe; each override is `table.field=value`, the value in TOML (`training.steps=10`).

    Raises `ValueError` for a file that is no recipe, and for fields it does not know.
    """
    table = _read(path, overrides)
    built = _corpus_of(table, path)
    architecture = table.get("architecture")
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ValueError(f"{path}: architecture must be one of {known}, not {architecture!r}")
    base = table.get("base", "")
    if not isinstance(base, str):
        raise ValueError(f"{path}: base must be the name or folder of a checkpoint, not {base!r}")
    teachers = table.get("teachers", [])
    if not isinstance(teachers, list) or not all(isinstance(t, str) and t for t in teachers):
        raise ValueError(f"{path}: teachers must be a list of names or folders of checkpoints")
    training = from_table(TrainingConfig, table.get("training", {}), "training")
    training.validate()
    return Recipe(
        name=table["name"],
        language=table["language"],
        architecture=architecture,
        base=base or None,
        teachers=tuple(teachers),
        model=table.get("model", {}),
        corpus_name=built.name,
        corpus=built.corpus,
        training=training,
        card=table.get("card", {}),
        reinforce=table.get("reinforce", {}),
    )


def load_corpus_recipe(path: Path, overrides: Sequence[str] = ()) -> CorpusRecipe:
    """Read of a recipe what its corpus is; overrides as in `load_recipe` (`corpus.seed=2`)."""
    return _corpus_of(_read(path, overrides), path)


def _read(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """The tables of a recipe, with a name and a language that can be one."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    for override in overrides:
        override_table(table, override)
    tables = ("model", "training", "card", "reinforce")
    check_keys(
        table,
        ("name", "language", "corpus"),
        ("name", "language", "architecture", "base", "teachers", "corpus", *tables),
        str(path),
    )
    for key in tables:
        if not isinstance(table.get(key, {}), dict):
            raise ValueError(f"{path}: {key} must be a table")
    if not isinstance(table["name"], str) or not _NAME.fullmatch(table["name"]):
        raise ValueError(f"{path}: name must be lower-case letters, digits, '.', '_', '-'")
    language = table["language"]
    if not isinstance(language, str) or not re.fullmatch("[a-z]{2}", language):
        raise ValueError(f"{path}: language must be a code of two letters such as es")
    return table


def _corpus_of(table: Mapping[str, Any], path: Path) -> CorpusRecipe:
    """A recipe's own corpus, or that of the recipe it names."""
    corpus = table["corpus"]
    if isinstance(corpus, dict):
        return CorpusRecipe(name=table["name"], language=table["language"], corpus=corpus)
    if not isinstance(corpus, str) or not _NAME.fullmatch(corpus):
        raise ValueError(f"{path}: corpus must be a table or the name of a recipe that has one")
    other = path.parent / f"{corpus}.toml"
    named = _read(other, ())
    if not isinstance(named["corpus"], dict):
        raise ValueError(f"{other}: corpus must be a table, since {path.name} refers to it")
    return CorpusRecipe(name=corpus, language=named["language"], corpus=named["corpus"])


def override_table(table: dict[str, Any], override: str) -> None:
    """Put `table.field=value` (the value in TOML, or a word) in place of what a table says."""
    key, equals, value = override.partition("=")
    *parents, leaf = key.strip().split(".")
    if not equals or not leaf:
        raise ValueError(f"an override is written table.field=value, not {override!r}")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise ValueError(f"override {override!r}: {parent} is not a table")
    try:
        table[leaf] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        table[leaf] = value.strip()
