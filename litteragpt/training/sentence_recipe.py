"""A sentence encoder from its recipe: texts gathered, a teacher asked, a student trained, shipped.

name = "sentences-pt"
language = ["pt", "es"]
[vocabulary]   words with a row of their own, by language: pt = 30_000
[model]        `SentenceEncoderConfig`, without `words`
[training]     `litteragpt.training.sentences.SentenceTraining`
[teacher]      `litteragpt.huggingface.sentence_encoder.Roles`
[[sets]]       `litteragpt.training.sentence_texts.TextSet`
[made]         `litteragpt.training.sentence_texts.MadeTexts`
[reader]       `litteragpt.training.span_reader.ReaderTraining`; without it, none is trained
[card]         description, use, limits
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import random
import statistics
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from litteragpt.answers import Index
from litteragpt.answers.encoder_folder import EncoderInfo, save_folder
from litteragpt.answers.fit import fit_judgement
from litteragpt.answers.meaning import FIGURES, Judgement, Meaning, Vectors
from litteragpt.answers.measure import marked_f1, ranks
from litteragpt.answers.neural_reader import NeuralReader
from litteragpt.answers.reader import PassageReader, load_reader
from litteragpt.answers.sets import QuestionSets
from litteragpt.answers.words import WordRows
from litteragpt.architectures.sentence_encoder import SentenceEncoder, SentenceEncoderConfig
from litteragpt.card import code_block, table_of
from litteragpt.huggingface.sentence_encoder import Roles
from litteragpt.recipe import override_table
from litteragpt.tables import check_keys, from_table
from litteragpt.training.sentence_texts import MadeTexts, Text, TextSet, gather, vocabulary
from litteragpt.training.sentences import Lesson, SentenceTraining, begin_table, targets_of, train
from litteragpt.training.span_reader import ReaderTraining, train_reader
from litteragpt.training.tagging import Report
from litteragpt.training.taught import Teaching, taught

Recalls = dict[str, dict[str, tuple[float, float]]]
"""By set and way: recall@1 and @5 of passages."""
Marked = dict[str, dict[str, float]]
"""By set, with its number of questions, and reader: F1 of the words marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What a recipe's `[card]` table says."""

    description: str = "A sentence encoder."
    use: str = "To find passages by their meaning."
    limits: tuple[str, ...] = ()
    teacher: str = ""
    """Which it was, where it can be had, and under which licence."""
    reproduce: tuple[str, ...] = ()
    """The commands that lead to these weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderRecipe:
    """A recipe as read."""

    name: str
    languages: tuple[str, ...]
    vocabulary: Mapping[str, int]
    model: Mapping[str, Any]
    training: SentenceTraining
    teacher: Roles
    sets: tuple[TextSet, ...]
    made: MadeTexts
    reader: ReaderTraining | None
    card: EncoderCard


def load_encoder_recipe(path: Path, overrides: Sequence[str] = ()) -> EncoderRecipe:
    """Read a recipe. Raises ValueError for a file that is none, and for fields it does not know."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the recipe {path}: {error}") from error
    for override in overrides:
        override_table(table, override)
    needed = ("name", "language", "vocabulary", "sets")
    tables = ("architecture", "model", "training", "teacher", "made", "reader", "card")
    check_keys(table, needed, (*needed, *tables), str(path))
    words = table["vocabulary"]
    if not words or not all(type(most) is int and most > 0 for most in words.values()):
        raise ValueError(f"{path}: vocabulary must give a number of words for each language")
    model = dict(table.get("model", {}))
    from_table(SentenceEncoderConfig, {**model, "words": 1}, "model").validate()
    return EncoderRecipe(
        name=table["name"],
        languages=tuple(table["language"]),
        vocabulary=words,
        model=model,
        training=SentenceTraining.from_table(table.get("training", {})),
        teacher=from_table(Roles, table.get("teacher", {}), "teacher"),
        sets=tuple(TextSet.from_table(each) for each in table["sets"]),
        made=MadeTexts.from_table(table.get("made", {})),
        reader=ReaderTraining.from_table(table["reader"]) if "reader" in table else None,
        card=from_table(EncoderCard, table.get("card", {}), "card"),
    )


def train_encoder_recipe(
    recipe: EncoderRecipe,
    *,
    teach: Teaching,
    folders: Sequence[Path],
    asked: QuestionSets,
    checkpoints: Path,
    runs: Path,
    device: torch.device,
    report: Report = lambda line: None,
) -> tuple[EncoderInfo, Recalls]:
    """Train an encoder and publish it, with what it finds of the questions held out.

    The teacher's vectors are kept in `runs`, a folder of this teacher's alone, for another try.
    Raises ValueError for texts that are missing or malformed.
    """
    texts = gather(recipe.sets, recipe.made, folders, asked, seed=recipe.training.seed)
    asks = [each.question for each in texts]
    vectors_NE = taught([each.text for each in texts], asks, teach, runs)
    config = from_table(
        SentenceEncoderConfig,
        {**recipe.model, "words": len(words := vocabulary(recipe.sets, recipe.vocabulary))},
        "model",
    )
    config.validate()
    targets_ND = torch.from_numpy(targets_of(vectors_NE, np.array(asks), config.dimensions))
    rows = WordRows(words, config.grams, config.longest)
    torch.manual_seed(recipe.training.seed)
    encoder = SentenceEncoder(config)
    encoder.initialise()
    single = [number for number, each in enumerate(texts) if each.single]
    begin_table(encoder, rows, [texts[number].text for number in single], targets_ND[single])
    encoder.to(device)
    order = _repeated(texts, random.Random(recipe.training.seed))
    lesson = Lesson([texts[n].text for n in order], targets_ND[order].half(), config.longest)
    began = time.monotonic()
    train(encoder, rows, lesson, recipe.training, report=report)
    minutes = (time.monotonic() - began) / 60
    judgement, recalls = judge(encoder.cpu(), rows, asked)
    if recipe.reader is not None:
        encoder.reader = train_reader(
            encoder,
            rows,
            [question for question in asked.questions if not question.test],
            asked.passages,
            recipe.reader,
            report=report,
        )
    marked = read_spans(encoder, rows, asked)
    training = {
        **dataclasses.asdict(recipe.training),
        "texts": len(texts),
        "minutes": round(minutes, 1),
    }
    info = save_folder(
        checkpoints / recipe.name,
        encoder=encoder,
        rows=rows,
        judgement=judgement,
        training=training,
        card=write_encoder_card(recipe, encoder, recalls, marked, minutes),
    )
    return info, recalls


def judge(
    encoder: SentenceEncoder, rows: WordRows, asked: QuestionSets
) -> tuple[Judgement, Recalls]:
    """How much meaning counts, learned from questions that the encoder has not read, and what is
    found of the test part."""
    index = Index(asked.documents())
    vectors = Vectors(encoder, rows)
    none = (0.0,) * len(FIGURES)
    blank = Judgement(1.0, none, (1.0, *none, 0.0), None)
    _, unread = asked.tuning()
    figures = Meaning(vectors, blank, name="").figures
    judgement = fit_judgement(index, unread, figures)
    ours = Meaning(vectors, judgement, name="ours")
    recalls: Recalls = {}
    tested = [question for question in asked.questions if question.test]
    for name in sorted({question.set for question in tested}):
        own = [question for question in tested if question.set == name]
        recalls[name] = {
            who: (sum(r < 1 for r in each) / len(each), sum(r < 5 for r in each) / len(each))
            for who, each in ranks(index, own, {"meaning": ours}).items()
        }
    return judgement, recalls


def read_spans(encoder: SentenceEncoder, rows: WordRows, asked: QuestionSets) -> Marked:
    """How well answers are marked in the right passages of the test part: F1 of the words, by the
    reader of the package and, where the encoder has one, by its own."""
    readers: dict[str, PassageReader] = {"log-linear": load_reader()}
    if encoder.reader is not None:
        readers["convolutions"] = NeuralReader(encoder, rows)
    found: Marked = {}
    tested = [question for question in asked.questions if question.test and question.spans]
    for name in sorted({question.set for question in tested}):
        own = [question for question in tested if question.set == name]
        found[f"{name}, {len(own)} questions"] = {
            who: statistics.mean(
                marked_f1(reader, question, asked.passages[question.passage]) for question in own
            )
            for who, reader in readers.items()
        }
    return found


def write_encoder_card(
    recipe: EncoderRecipe,
    encoder: SentenceEncoder,
    recalls: Recalls,
    marked: Marked,
    minutes: float,
) -> str:
    """The README.md of an encoder's folder; `save_folder` fills in the line `sha256:`."""
    front = [
        "---",
        "language:",
        *(f"- {json.dumps(language)}" for language in recipe.languages),
        "license: apache-2.0",
        "pipeline_tag: sentence-similarity",
        f"model_name: {json.dumps(recipe.name)}",
        "---",
    ]
    sets = [(each.title, each.licence, each.address or "–") for each in recipe.sets]
    found = [
        (name, *(f"{ways[who][0]:.3f} / {ways[who][1]:.3f}" for who in ways))
        for name, ways in recalls.items()
    ]
    ways = list(next(iter(recalls.values()))) if recalls else []
    spans = [(name, *(f"{each[who]:.3f}" for who in each)) for name, each in marked.items()]
    readers = list(next(iter(marked.values()))) if marked else []
    parts = [
        "\n".join(front),
        f"# {recipe.name}",
        recipe.card.description.strip(),
        "## Intended use\n\n" + recipe.card.use.strip(),
        "## Limits\n\n" + "\n".join(f"- {each.strip()}" for each in recipe.card.limits),
        "## Model\n\n" + _shape(encoder),
        "## Data\n\n" + recipe.card.teacher.strip(),
        table_of(("Set", "Licence", "Address"), sets),
        "## Figures\n\nPassages of questions held out by document, recall@1 / @5:",
        table_of(("Set", *ways), found),
        "F1 of the words that are marked as the answer, in the right passage:",
        table_of(("Set", *readers), spans),
        f"## Training\n\n{recipe.training.steps:,} steps, {minutes:.0f} minutes, seed "
        f"{recipe.training.seed}, {datetime.date.today().isoformat()}.",
        code_block(recipe.card.reproduce),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _shape(encoder: SentenceEncoder) -> str:
    """What an encoder's card says of its shape."""
    c, reader = encoder.config, encoder.reader
    parameters = sum(each.numel() for each in encoder.parameters())
    beside = sum(each.numel() for each in reader.parameters()) if reader is not None else 0
    text = (
        f"{parameters - beside:,} parameters: {c.words:,} words and {c.grams:,} rows for n-grams, "
        f"{c.word_width} wide; {c.layers} bidirectional blocks of width {c.width}; vectors of "
        f"{c.dimensions} dimensions."
    )
    if reader is None:
        return text
    return text + (
        f" Beside it a span reader of {beside:,} parameters: {reader.config.layers} convolutions "
        f"of width {reader.config.width} over {reader.config.kernel} words."
    )


def _repeated(texts: Sequence[Text], rng: random.Random) -> list[int]:
    """The number of each text as often as it is due; a share of one at random."""
    found: list[int] = []
    for number, each in enumerate(texts):
        whole = int(each.repeats)
        found += [number] * (whole + (rng.random() < each.repeats - whole))
    return found
