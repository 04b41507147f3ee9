"""The model card."""

from __future__ import annotations

import json
import math
from typing import Any

from litteragpt.card import CardLosses, CardText, CardTraining, write_card
from litteragpt.corpora.sources import Source


def card(**changes: Any) -> str:
    source = Source(
        title="Don Quijote",
        author="Miguel de Cervantes",
        year="1605/1615",
        address="Project Gutenberg 2000",
        licence="public domain",
    )
    text = CardText(
        description="A model\nof prose.",
        use="Play.",
        limits=("The language is archaic.",),
        splits="Honest is the fairer one.",
        tags=("literature",),
    )
    arguments: dict[str, Any] = {
        "name": "litteragpt-es",
        "language": "es",
        "text": text,
        "sources": [source],
        "architecture": "decoder",
        "model_config": {"vocab_size": 103, "layers": 6},
        "parameters": 4_812_345,
        "losses": CardLosses(validation=1.1, honest=1.25, train=1.05),
        "training": CardTraining(
            steps=12_000, characters=98_304_000, device="CPU", hours=3.5, date="2026-11-22"
        ),
        "reproduce": ["litteragpt data litteragpt-es", "litteragpt train models/x.toml"],
    }
    return write_card(**arguments | changes)


def test_sections_in_order() -> None:
    headings = [line for line in card().splitlines() if line.startswith("#")]
    assert headings == [
        "# litteragpt-es",
        "## Data",
        "## Licence",
        "## Model",
        "## Losses",
        "## Training",
        "## Intended use",
        "## Limits",
        "## How to reproduce",
        "## Integrity",
    ]


def test_front_matter() -> None:
    lines = card().splitlines()
    assert lines[0] == "---"
    front = lines[1 : lines.index("---", 1)]
    assert "license: apache-2.0" in front
    assert "pipeline_tag: text-generation" in front
    assert front[front.index("language:") + 1] == '- "es"'


def test_front_matter_stays_whole_whatever_the_tags() -> None:
    tag = 'a: "b"\n---\nlicense: other'
    lines = card(text=CardText(tags=(tag,))).splitlines()
    front = lines[1 : lines.index("---", 1)]
    assert json.loads(front[front.index("tags:") + 1].removeprefix("- ")) == tag
    assert [line for line in front if line.startswith("license")] == ["license: apache-2.0"]


def test_facts_are_there() -> None:
    text = card()
    for fact in (
        "| Don Quijote | Miguel de Cervantes | 1605/1615 | Project Gutenberg 2000 | ",
        "A model of prose.",
        "Honest is the fairer one.",
        "| parameters | 4,812,345 |",
        "| layers | 6 |",
        f"| validation | 1.1000 | {1.1 / math.log(2):.4f} |",
        "| honest | 1.2500 | 1.8034 |",
        "| training | 1.0500 |",
        "| characters seen | 98,304,000 |",
        "| date | 2026-11-22 |",
        "litteragpt data litteragpt-es\nlitteragpt train models/x.toml\n",
        "archaic",
        "Memorisation is possible",
        "Nothing it writes is factual",
    ):
        assert fact in text


def test_losses_that_were_not_measured_are_left_out() -> None:
    text = card(losses=CardLosses(validation=1.1))
    assert "| validation" in text
    assert "| honest" not in text
    assert "| training" not in text


def test_cells_cannot_break_the_table() -> None:
    source = Source(
        title="A | B\n<script>", author="*x*", year="1900", address="", licence="public domain"
    )
    assert r"| A \| B \<script\> | \*x\* | 1900 | – | public domain |" in card(sources=[source])


def test_one_empty_line_for_the_sha256() -> None:
    assert [line for line in card().splitlines() if line.startswith("sha256")] == ["sha256:"]
