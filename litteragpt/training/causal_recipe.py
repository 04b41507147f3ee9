"""A tagger that writes, from its recipe: sets read, a decoder trained, scored, published.

name = "ner-causal"
language = ["es", "pt", "en"]
architecture = "decoder"
labels = ["DATE", ...]
pieces = 2048  ids of the byte-level BPE that is learned from the sets
[model]        `litteragpt.architectures.decoder.DecoderConfig`
[training]     `litteragpt.recipe.TrainingConfig`; `window` is the most ids of a conversation
[[sets]]       `litteragpt.entities.sets.SetConfig`; each must know all of the labels
[[validation]] the same, what it is scored on, with `only`, the labels that count there
[card]         description, use, limits
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import random
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.bounds import check_whole
from litteragpt.entities.card import TaggerCard, write_tagger_card
from litteragpt.entities.causal_folder import (
    ARCHITECTURE,
    CausalInfo,
    check_labels,
    save_causal,
)
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.score import MICRO, Scores
from litteragpt.entities.sets import Example, SetConfig, epoch, read_set
from litteragpt.entities.vocabulary import OwnVocabulary
from litteragpt.recipe import TrainingConfig, override_table
from litteragpt.tables import check_keys, from_table, typed
from litteragpt.tokenizers import BPETokenizer
from litteragpt.training.tagger_recipe import CPU, evaluate, folder_of, read_validation
from litteragpt.training.tagging_lm import Report, lessons_of, train_writer

_KEYS = ("name", "language", "architecture", "labels", "model", "training", "sets")
_STATE_FILE = "state.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalRecipe:
    """A recipe as read."""

    name: str
    languages: tuple[str, ...]
    labels: tuple[str, ...]
    pieces: int
    model: Mapping[str, Any]
    training: TrainingConfig
    sets: tuple[SetConfig, ...]
    validation: tuple[tuple[SetConfig, frozenset[str]], ...]
    card: TaggerCard


def is_causal_recipe(path: Path) -> bool:
    """Whether a recipe says that its tagger is to write. Raises ValueError where it is none."""
    return _read(path).get("architecture") == ARCHITECTURE


def load_causal_recipe(path: Path, overrides: Sequence[str] = ()) -> CausalRecipe:
    """Read a recipe. Raises ValueError for a file that is none, and for fields it does not know."""
    table = _read(path)
    for override in overrides:
        override_table(table, override)
    check_keys(table, _KEYS, (*_KEYS, "pieces", "validation", "card"), str(path))
    training = from_table(TrainingConfig, table["training"], "training")
    training.validate()
    pieces = typed(table.get("pieces", 2_048), int, "pieces")
    check_whole("pieces", pieces, 300, 60_000)
    validation = []
    for each in table.get("validation", []):
        rest = {key: value for key, value in each.items() if key != "only"}
        validation.append((SetConfig.from_table(rest, "validation"), frozenset(each["only"])))
    return CausalRecipe(
        name=table["name"],
        languages=tuple(table["language"]),
        labels=check_labels(table["labels"], "labels"),
        pieces=pieces,
        model=table["model"],
        training=training,
        sets=tuple(SetConfig.from_table(each) for each in table["sets"]),
        validation=tuple(validation),
        card=from_table(TaggerCard, table.get("card", {}), "card"),
    )


def train_causal_recipe(
    recipe: CausalRecipe,
    source: Path,
    *,
    made: Path,
    checkpoints: Path,
    runs: Path,
    resume: bool = False,
    device: torch.device = CPU,
    report: Report = lambda line: None,
) -> tuple[CausalInfo, dict[str, dict[str, Scores]]]:
    """Train the tagger of a recipe and publish it in `checkpoints/NAME`.

    Folders and figures as in `litteragpt.training.tagger_recipe.train_recipe`; `resume` goes on
    from the state saved in `runs`. Raises ValueError for what is missing.
    """
    sets: list[tuple[SetConfig, list[Example]]] = []
    for config in recipe.sets:
        sets.append((config, list(read_set(config, folder_of(config, source, made)))))
        report({"set": config.file or config.synth, "sentences": len(sets[-1][1])})
    read = epoch(sets, random.Random(recipe.training.seed))
    tokenizer = BPETokenizer.train((f" {' '.join(each.words)}" for each in read), recipe.pieces)
    vocabulary = OwnVocabulary(tokenizer, recipe.labels)
    shape = {**recipe.model, "vocab_size": vocabulary.vocab_size}
    model = from_table(DecoderConfig, shape, "model")
    model.validate()
    torch.manual_seed(recipe.training.seed)
    decoder = Decoder(model)
    decoder.initialise()
    decoder.to(device)
    lessons = list(lessons_of(read, vocabulary, recipe.labels, recipe.training.window))
    report({"conversations": len(lessons), "ids": sum(map(len, lessons))})
    tagger = GenerativeTagger(decoder, vocabulary, recipe.labels, name=recipe.name)
    held_out = [read_validation(config, only, source) for config, only in recipe.validation]
    runs.mkdir(parents=True, exist_ok=True)
    metrics = runs / "metrics.jsonl"
    earlier = _seconds_so_far(metrics) if resume else 0.0
    began = time.monotonic()
    with metrics.open("a" if resume else "w", encoding="utf-8") as file:

        def tell(figures: Mapping[str, Any]) -> None:
            line = {**figures, "seconds": round(earlier + figures["seconds"], 1)}
            report(line)
            file.write(json.dumps(line) + "\n")
            file.flush()

        def evaluated(step: int) -> dict[str, float]:
            found = {each.title: evaluate(tagger, each)[MICRO].f1 for each in held_out}
            return {f"f1 {title}": round(f1, 4) for title, f1 in found.items()}

        train_writer(
            decoder,
            lessons,
            recipe.training,
            state_file=runs / _STATE_FILE,
            resume=resume,
            report=tell,
            evaluated=evaluated,
        )
    minutes = (earlier + time.monotonic() - began) / 60
    figures = {each.title: evaluate(tagger, each) for each in held_out}
    reached = {
        title: {label: dataclasses.asdict(scores) for label, scores in found.items()}
        for title, found in figures.items()
    }
    training = dataclasses.asdict(recipe.training)
    info = save_causal(
        checkpoints / recipe.name,
        decoder=decoder,
        vocabulary=vocabulary,
        labels=recipe.labels,
        training={**training, "languages": list(recipe.languages), "reached": reached},
        card=write_tagger_card(
            recipe.name,
            recipe.languages,
            recipe.card,
            sets=[config for config, _ in sets],
            sentences=[len(examples) for _, examples in sets],
            parameters=sum(p.numel() for p in decoder.parameters()),
            labels=recipe.labels,
            figures=figures,
            minutes=minutes,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        ),
        metrics_file=metrics,
    )
    return info, figures


def _seconds_so_far(metrics: Path) -> float:
    """What the curve of a run that goes on says last."""
    lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.exists() else []
    return float(json.loads(lines[-1])["seconds"]) if lines else 0.0


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the recipe {path}: {error}") from error
