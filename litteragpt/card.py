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

from litteragpt.corpora.manifest import Work

_LANGUAGES: Final = {"es": "Spanish", "pt": "Portuguese", "en": "English"}
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|$~])")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLosses:
    """Mean losses in nats per character; None for one that was not measured."""

    validation: float
    """On the shuffled split: its chunks come from the same chapters as the training text."""
    honest: float | None = None
    """On contiguous blocks that were held out whole."""
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
    title: str,
    language: str,
    works: Sequence[Work],
    architecture: str,
    model_config: Mapping[str, Any],
    parameters: int,
    losses: CardLosses,
    training: CardTraining,
    reproduce: Sequence[str],
) -> str:
    """The README.md of a checkpoint.

    `name` is the checkpoint's, `title` a heading, `language` an ISO 639-1 code, `reproduce` the
    commands that lead from the raw books to these weights. The line `sha256:` is left for
    `save_checkpoint` to fill in.
    """
    sections = [
        _front_matter(language, title),
        f"# {_escape(title)}",
        _introduction(name, language, architecture, parameters, works),
        f"## Data\n\n{_data(works)}",
        "## Licence\n\nThe weights: Apache-2.0. The texts: as in the table above.",
        f"## Model\n\n{_model(architecture, model_config, parameters)}",
        f"## Losses\n\n{_losses(losses)}",
        f"## Training\n\n{_training(training)}",
        f"## Intended use\n\n{_USE}",
        f"## Limits\n\n{_LIMITS}",
        f"## How to reproduce\n\n{_code(reproduce)}",
        f"## Integrity\n\nOf `model.safetensors`:\n\n{_code(['sha256:'])}",
    ]
    return "\n\n".join(sections) + "\n"


_USE: Final = """\
Play, teaching and study: to continue a prompt in the manner of the works above, and to see how \
temperature and the other sampling settings change what comes out. It runs on one CPU core."""

_LIMITS: Final = """\
- It is no assistant: it follows no instructions and answers no questions. It continues text.
- Nothing it writes is factual. Names, places and events are invented or mixed up.
- The language is that of its works: archaic in vocabulary, spelling and grammar.
- The works carry the views of their time, on women, classes, peoples and religions among \
others; the model repeats them. It has no filter.
- Memorisation is possible: it has read few books many times, and may give back passages of \
them word for word, above all at low temperatures.
- It reads characters. One that the works never use is replaced by a close one or dropped.
- Over more than a sentence or two it loses the thread."""


def _front_matter(language: str, title: str) -> str:
    # A JSON string is a YAML string, whatever it holds.
    lines = [
        "---",
        "language:",
        f"- {json.dumps(language, ensure_ascii=False)}",
        "license: apache-2.0",
        "pipeline_tag: text-generation",
        f"model_name: {json.dumps(title, ensure_ascii=False)}",
        "tags:",
        "- character-level",
        "- literature",
        "---",
    ]
    return "\n".join(lines)


def _introduction(
    name: str, language: str, architecture: str, parameters: int, works: Sequence[Work]
) -> str:
    return (
        f"`{name}` is a character-level language model ({architecture}, "
        f"{parameters / 1e6:.1f} M parameters) for {_LANGUAGES.get(language, language)} literary "
        f"prose, trained from scratch on {len(works)} work{'s' if len(works) != 1 else ''}. "
        "It continues a text one character at a time."
    )


def _data(works: Sequence[Work]) -> str:
    rows = [
        (
            work.title,
            work.author,
            work.year,
            ", ".join(str(number) for number in work.gutenberg) or "–",
            work.licence,
        )
        for work in works
    ]
    return _table(("Title", "Author", "Year", "Project Gutenberg", "Licence"), rows)


def _model(architecture: str, config: Mapping[str, Any], parameters: int) -> str:
    rows = [("architecture", architecture), ("parameters", f"{parameters:,}")]
    rows += [(key, str(value)) for key, value in config.items()]
    return _table(("Setting", "Value"), rows)


def _losses(losses: CardLosses) -> str:
    measured = (
        ("validation (shuffled chunks)", losses.validation),
        ("honest (contiguous held-out blocks)", losses.honest),
        ("training", losses.train),
    )
    rows = [
        (label, f"{nats:.4f}", f"{nats / math.log(2):.4f}")
        for label, nats in measured
        if nats is not None
    ]
    table = _table(("Split", "nats/char", "bits/char"), rows)
    note = (
        "The chunks of the validation split come from the same chapters as the training text; "
        "the honest split holds out whole passages, and is the fairer figure for unseen prose."
    )
    return f"{table}\n\n{note}"


def _training(training: CardTraining) -> str:
    rows = (
        ("steps", f"{training.steps:,}"),
        ("characters seen", f"{training.characters:,}"),
        ("device", training.device),
        ("hours", f"{training.hours:.2f}"),
        ("date", training.date),
    )
    return _table(("", ""), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(text: str) -> str:
    """Text on one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(lines: Sequence[str]) -> str:
    return "\n".join(["```", *lines, "```"])
