"""The model card: what a person should know before using a checkpoint.

Markdown with the YAML front matter that model hubs read (Mitchell et al. 2019, "Model Cards for
Model Reporting", for what belongs in it).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litteragpt.corpora.sources import Source
from litteragpt.tables import from_table

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|$~])")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardText:
    """What a recipe's `[card]` table says of its model."""

    description: str = "A small language model trained from scratch."
    """What it is, in a sentence or two."""
    use: str = "Play, teaching and study. It runs on one CPU core."
    limits: tuple[str, ...] = ()
    """What a user must know; a sentence or two each."""
    splits: str = ""
    """How the held-out parts were cut, so that their losses can be judged."""
    tags: tuple[str, ...] = ()

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> CardText:
        """From a recipe's table. `ValueError` for an unknown or ill-typed entry."""
        return from_table(cls, table, "card")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLosses:
    """Mean losses in nats per character; None for one that was not measured."""

    validation: float
    honest: float | None = None
    """On whole passages held out, where the validation text is shuffled chunks."""
    train: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTraining:
    """How the weights came to be."""

    steps: int
    characters: int
    """Characters seen, repetitions included."""
    device: str
    hours: float
    date: str
    """ISO 8601, such as 2026-11-22."""


def write_card(
    *,
    name: str,
    language: str,
    text: CardText,
    sources: Sequence[Source],
    architecture: str,
    model_config: Mapping[str, Any],
    parameters: int,
    losses: CardLosses,
    training: CardTraining,
    reproduce: Sequence[str],
) -> str:
    """The README.md of a checkpoint.

    `name` is the checkpoint's and the heading, `language` an ISO 639-1 code, `reproduce` the
    commands that lead from the raw texts to these weights. The line `sha256:` is left for
    `save_checkpoint` to fill in.
    """
    limits = "\n".join(f"- {' '.join(limit.split())}" for limit in (*text.limits, *_LIMITS))
    sections = [
        _front_matter(language, name, text.tags),
        f"# {escape_cell(name)}",
        " ".join(text.description.split()),
        f"## Data\n\n{_data(sources)}",
        "## Licence\n\nThe weights: Apache-2.0. The texts: as in the table above.",
        f"## Model\n\n{_model(architecture, model_config, parameters)}",
        f"## Losses\n\n{_losses(losses, text.splits)}",
        f"## Training\n\n{_training(training)}",
        f"## Intended use\n\n{' '.join(text.use.split())}",
        f"## Limits\n\n{limits}",
        f"## How to reproduce\n\n{code_block(reproduce)}",
        f"## Integrity\n\nOf `model.safetensors`:\n\n{code_block(['sha256:'])}",
    ]
    return "\n\n".join(sections) + "\n"


_LIMITS: Final = (
    "It is no assistant: it follows no instructions. It continues text.",
    "Nothing it writes is factual. Names, places and events are invented or mixed up.",
    "Memorisation is possible: it may give back passages of what it read word for word, above "
    "all at low temperatures.",
)
"""What is true of every language model here."""


def _front_matter(language: str, name: str, tags: Sequence[str]) -> str:
    # A JSON string is a YAML string, whatever it holds.
    lines = [
        "---",
        "language:",
        f"- {json.dumps(language, ensure_ascii=False)}",
        "license: apache-2.0",
        "pipeline_tag: text-generation",
        f"model_name: {json.dumps(name, ensure_ascii=False)}",
        *(["tags:", *(f"- {json.dumps(tag, ensure_ascii=False)}" for tag in tags)] if tags else []),
        "---",
    ]
    return "\n".join(lines)


def _data(sources: Sequence[Source]) -> str:
    rows = [(s.title, s.author, s.year, s.address or "–", s.licence) for s in sources]
    return table_of(("Title", "Author", "Year", "Where", "Licence"), rows)


def _model(architecture: str, config: Mapping[str, Any], parameters: int) -> str:
    rows = [("architecture", architecture), ("parameters", f"{parameters:,}")]
    rows += [(key, str(value)) for key, value in config.items()]
    return table_of(("Setting", "Value"), rows)


def _losses(losses: CardLosses, splits: str) -> str:
    measured = (
        ("validation", losses.validation),
        ("honest", losses.honest),
        ("training", losses.train),
    )
    rows = [
        (label, f"{nats:.4f}", f"{nats / math.log(2):.4f}")
        for label, nats in measured
        if nats is not None
    ]
    table = table_of(("Split", "nats/char", "bits/char"), rows)
    return f"{table}\n\n{' '.join(splits.split())}" if splits else table


def _training(training: CardTraining) -> str:
    rows = (
        ("steps", f"{training.steps:,}"),
        ("characters seen", f"{training.characters:,}"),
        ("device", training.device),
        ("hours", f"{training.hours:.2f}"),
        ("date", training.date),
    )
    return table_of(("", ""), rows)


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the cells show as they are."""
    lines = [head, ["---"] * len(head), *([escape_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_cell(text: str) -> str:
    """Text on one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code_block(lines: Sequence[str]) -> str:
    """Lines as a Markdown block of code."""
    return "\n".join(["```", *lines, "```"])
