"""A tagger from its recipe: sets read, an encoder trained, scored on held-out sets, published.

name = "ner-multi"
language = ["es", "pt", "en"]
[model]        `litteragpt.architectures.encoder.EncoderConfig`
[training]     `litteragpt.training.tagging.TaggingConfig`
[pretrain]     `litteragpt.training.masked.MaskedConfig`, for `litteragpt ner-pretrain`
[[sets]]       `litteragpt.entities.sets.SetConfig`, what it learns from
[[validation]] the same, what it is scored on, with `only`, the labels that count there
[card]         description, use, limits
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.entities.calibrate import calibration_of
from litteragpt.entities.card import TaggerCard, write_tagger_card
from litteragpt.entities.folder import TaggerInfo, save_folder
from litteragpt.entities.readers import read_records
from litteragpt.entities.record import Record
from litteragpt.entities.score import MICRO, Scores, score
from litteragpt.entities.sets import Example, SetConfig, read_set, without_edges
from litteragpt.entities.span import Entity, relabelled
from litteragpt.entities.tagger import EntityTagger
from litteragpt.entities.vectors import read_vectors
from litteragpt.protocols import WordTagger
from litteragpt.recipe import override_table
from litteragpt.tables import check_keys, from_table
from litteragpt.training.masked import (
    MaskedConfig,
    pretrain,
    save_pretrained,
    take_pretrained,
)
from litteragpt.training.tagging import Report, TaggingConfig, train_tagger

CPU = torch.device("cpu")

_TABLES = ("model", "training", "pretrain", "card")
_LISTS = ("sets", "validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A held-out set and the labels that count in it."""

    title: str
    records: tuple[Record, ...]
    gold: tuple[tuple[Entity, ...], ...]
    only: frozenset[str]
    unsure: tuple[tuple[Entity, ...], ...]
    """Stretches marked by other customs: what is found there counts neither way."""
    free: bool
    """Whether its licence is stated, so that what ships may depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggerRecipe:
    """A recipe as read."""

    name: str
    languages: tuple[str, ...]
    model: EncoderConfig
    training: TaggingConfig
    pretrain: MaskedConfig
    sets: tuple[SetConfig, ...]
    validation: tuple[tuple[SetConfig, frozenset[str]], ...]
    card: TaggerCard


def load_tagger_recipe(path: Path, overrides: Sequence[str] = ()) -> TaggerRecipe:
    """Read a recipe. Raises ValueError for a file that is none, and for fields it does not know."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the recipe {path}: {error}") from error
    for override in overrides:
        override_table(table, override)
    keys = ("name", "language", "architecture", *_TABLES, *_LISTS)
    check_keys(table, ("name", "language", "model", "sets"), keys, str(path))
    model = from_table(EncoderConfig, table["model"], "model")
    model.validate()
    validation = []
    for each in table.get("validation", []):
        rest = {key: value for key, value in each.items() if key != "only"}
        validation.append((SetConfig.from_table(rest, "validation"), frozenset(each["only"])))
    return TaggerRecipe(
        name=table["name"],
        languages=tuple(table["language"]),
        model=model,
        training=TaggingConfig.from_table(table.get("training", {})),
        pretrain=MaskedConfig.from_table(table.get("pretrain", {})),
        sets=tuple(SetConfig.from_table(each) for each in table["sets"]),
        validation=tuple(validation),
        card=from_table(TaggerCard, table.get("card", {}), "card"),
    )


def train_recipe(
    recipe: TaggerRecipe,
    source: Path,
    *,
    made: Path,
    checkpoints: Path,
    runs: Path,
    vectors: Path | None = None,
    pretrained: Path | None = None,
    device: torch.device = CPU,
    report: Report = lambda line: None,
) -> tuple[TaggerInfo, dict[str, dict[str, Scores]]]:
    """Train the tagger of a recipe and publish it in `checkpoints/NAME`.

    `source` is the folder of the annotated sets, `made` that of the sets made from them
    (`litteragpt ner-data`); `vectors` a file to start the table of n-grams from, `pretrained` one
    to start everything below the tags from (`litteragpt ner-pretrain`). Gives the published folder
    and the figures on each held-out set. Raises ValueError for what is missing.
    """
    encoder = _fresh(recipe, recipe.training.seed, vectors)
    if pretrained is not None:
        take_pretrained(encoder, pretrained)
    encoder.to(device)
    sets: list[tuple[SetConfig, list[Example]]] = []
    for config in recipe.sets:
        sets.append((config, list(read_set(config, folder_of(config, source, made)))))
        report({"set": config.file or config.synth, "sentences": len(sets[-1][1])})
    held_out = [read_validation(config, only, source) for config, only in recipe.validation]
    runs.mkdir(parents=True, exist_ok=True)
    metrics = runs / "metrics.jsonl"
    began = time.monotonic()
    with metrics.open("w", encoding="utf-8") as file:
        line: dict[str, Any] = {}

        def tell(figures: Mapping[str, Any]) -> None:
            line.update(figures)

        def after_epoch(number: int) -> None:
            tagger = EntityTagger(encoder)
            for each in held_out:
                line[f"f1 {each.title}"] = round(evaluate(tagger, each)[MICRO].f1, 4)
            report(dict(line))
            file.write(json.dumps(line) + "\n")
            file.flush()

        train_tagger(encoder, sets, recipe.training, report=tell, after_epoch=after_epoch)
    minutes = (time.monotonic() - began) / 60
    tagger = EntityTagger(encoder.eval(), name=recipe.name)
    free = [(each.records, each.gold, each.only) for each in held_out if each.free]
    calibration = calibration_of(tagger, free)
    figures = {each.title: evaluate(tagger, each) for each in held_out}
    reached = {
        title: {label: dataclasses.asdict(scores) for label, scores in found.items()}
        for title, found in figures.items()
    }
    info = save_folder(
        checkpoints / recipe.name,
        encoder=encoder,
        training={
            **dataclasses.asdict(recipe.training),
            "languages": list(recipe.languages),
            "calibration": calibration,
            "reached": reached,
        },
        card=write_tagger_card(
            recipe.name,
            recipe.languages,
            recipe.card,
            sets=[config for config, _ in sets],
            sentences=[len(examples) for _, examples in sets],
            parameters=sum(p.numel() for p in encoder.parameters()),
            labels=recipe.model.labels,
            figures=figures,
            minutes=minutes,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        ),
        metrics_file=metrics,
    )
    return info, figures


def pretrain_recipe(
    recipe: TaggerRecipe,
    texts: Sequence[Path],
    out: Path,
    *,
    vectors: Path | None = None,
    device: torch.device = CPU,
    report: Report = lambda line: None,
) -> None:
    """Train the encoder of a recipe to foretell hidden words; write what a tagger starts from.

    Raises ValueError for what is missing or malformed.
    """
    encoder = _fresh(recipe, recipe.pretrain.seed, vectors).to(device)
    pretrain(encoder, texts, recipe.pretrain, report=report)
    save_pretrained(encoder, out)


def _fresh(recipe: TaggerRecipe, seed: int, vectors: Path | None) -> Encoder:
    """An encoder with random weights, its table of n-grams from a file where one is given."""
    torch.manual_seed(seed)
    encoder = Encoder(recipe.model)
    encoder.initialise()
    if vectors is not None:
        with torch.no_grad():
            table = read_vectors(vectors, recipe.model.rows, recipe.model.width)
            encoder.grams.weight.copy_(table)
    return encoder


def read_validation(config: SetConfig, only: frozenset[str], source: Path) -> Validation:
    """A held-out set in our labels."""
    records = list(read_records(source / config.file))
    if config.part != "all":
        records = records[config.part == "odd" :: 2]
    records = [without_edges(each, config.edges) for each in records if each.words]
    gold = tuple(tuple(relabelled(each.entities, config.renamed, only)) for each in records)
    unsure = frozenset(config.unsure)
    return Validation(
        title=config.title or config.file,
        records=tuple(records),
        gold=gold,
        only=only,
        unsure=tuple(tuple(relabelled(each.entities, {}, unsure)) for each in records),
        free=bool(config.licence),
    )


def evaluate(tagger: WordTagger, validation: Validation) -> dict[str, Scores]:
    """Strict span F1 of a tagger on a held-out set, over the labels that count there."""
    return score(validation.gold, predicted(tagger, validation))


def predicted(tagger: WordTagger, validation: Validation) -> list[list[Entity]]:
    """What a tagger finds in a held-out set, read by its words, of what counts there."""
    records = validation.records
    found = tagger.tag_words([each.text for each in records], [each.words for each in records])
    return [
        [
            each
            for each in entities
            if each.label in validation.only
            and not any(each.start < gap.end and gap.start < each.end for gap in gaps)
        ]
        for entities, gaps in zip(found, validation.unsure, strict=True)
    ]


def folder_of(config: SetConfig, source: Path, made: Path) -> Path:
    """Where the file of a set is: among the made ones, or else among the annotated ones."""
    return made if (made / config.file).is_file() and config.file else source
