"""The card of a tagger: what a person should know before trusting its marks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litteragpt.card import code_block, escape_cell, table_of
from litteragpt.entities.score import MICRO, Scores
from litteragpt.entities.sets import SetConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggerCard:
    """What a recipe's `[card]` table says of its tagger."""

    description: str = "A tagger of entities trained from scratch."
    use: str = "To mark entities in text. It runs on one CPU core."
    limits: tuple[str, ...] = ()
    reproduce: tuple[str, ...] = ()
    """The commands that lead to these weights."""


def write_tagger_card(
    name: str,
    languages: Sequence[str],
    text: TaggerCard,
    *,
    sets: Sequence[SetConfig],
    sentences: Sequence[int],
    parameters: int,
    labels: Sequence[str],
    figures: Mapping[str, Mapping[str, Scores]],
    minutes: float,
    date: str,
) -> str:
    """The README.md of a tagger's folder; `save_folder` fills in the line `sha256:`."""
    front = [
        "---",
        "language:",
        *(f"- {json.dumps(language)}" for language in languages),
        "license: apache-2.0",
        "pipeline_tag: token-classification",
        f"model_name: {json.dumps(name)}",
        "---",
    ]
    read = [
        (
            each.title or each.file or f"made up by the grammar, {each.synth}",
            each.language or each.synth,
            f"{count:,}",
            f"{each.share:g}",
            each.licence or "Apache-2.0",
            each.address or "–",
        )
        for each, count in zip(sets, sentences, strict=True)
    ]
    reached = [
        (title, *(f"{100 * value:.1f}" for value in (s.precision, s.recall, s.f1)), _labels(scores))
        for title, scores in figures.items()
        for s in [scores[MICRO]]
    ]
    limits = "\n".join(f"- {' '.join(limit.split())}" for limit in text.limits)
    sections = [
        "\n".join(front),
        f"# {escape_cell(name)}",
        " ".join(text.description.split()),
        f"Labels: {', '.join(labels)}. {parameters:,} parameters. Trained on {date} in "
        f"{minutes:.0f} minutes on a CPU.",
        "## Data\n\n"
        + table_of(("Set", "Language", "Sentences", "Share", "Licence", "Where"), read),
        "## Licence\n\nThe weights: Apache-2.0. The sets: as in the table above.",
        "## Figures\n\nStrict span and label, per cent, on sentences held out.\n\n"
        + table_of(("Set", "Precision", "Recall", "F1", "F1 of each label"), reached),
        f"## Intended use\n\n{' '.join(text.use.split())}",
        *([f"## Limits\n\n{limits}"] if limits else []),
        f"## How to reproduce\n\n{code_block(text.reproduce)}",
        f"## Integrity\n\nOf `model.safetensors`:\n\n{code_block(['sha256:'])}",
    ]
    return "\n\n".join(sections) + "\n"


def _labels(scores: Mapping[str, Scores]) -> str:
    parts = [f"{label} {100 * s.f1:.1f}" for label, s in scores.items() if label != MICRO]
    return ", ".join(parts)
