"""The model card."""

from __future__ import annotations

import json
import math
from typing import Any

from litteragpt.card import CardLosses, CardTraining, write_card
from litteragpt.corpora.manifest import Work


def card(**changes: Any) -> str:
    work = Work(
        title="Don Quijote",
        author="Miguel de Cervantes",
        year="1605/1615",
        gutenberg=(2000,),
        url=("https://www.gutenberg.org/ebooks/2000",),
        licence="public domain",
        file="quijote",
    )
    arguments: dict[str, Any] = {
        "name": "litteragpt-es",
        "title": "LitteraGPT: español",
        "language": "es",
        "works": [work],
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
        "# LitteraGPT: español",
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


def test_front_matter_stays_whole_whatever_the_title() -> None:
    title = 'a: "b"\n---\nlicense: other'
    lines = card(title=title).splitlines()
    front = lines[1 : lines.index("---", 1)]
    name = next(line for line in front if line.startswith("model_name: "))
    assert json.loads(name.removeprefix("model_name: ")) == title
    assert [line for line in front if line.startswith("license")] == ["license: apache-2.0"]


def test_facts_are_there() -> None:
    text = card()
    for fact in (
        "| Don Quijote | Miguel de Cervantes | 1605/1615 | 2000 | public domain |",
        "Spanish literary prose, trained from scratch on 1 work.",
        "4.8 M parameters",
        "| parameters | 4,812,345 |",
        "| layers | 6 |",
        f"| validation (shuffled chunks) | 1.1000 | {1.1 / math.log(2):.4f} |",
        "| honest (contiguous held-out blocks) | 1.2500 | 1.8034 |",
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
    work = Work(
        title="A | B\n<script>",
        author="*x*",
        year="1900",
        gutenberg=(),
        url=("https://example.org/a.txt",),
        licence="public domain",
        file="a",
    )
    assert r"| A \| B \<script\> | \*x\* | 1900 | – | public domain |" in card(works=[work])


def test_one_empty_line_for_the_sha256() -> None:
    assert [line for line in card().splitlines() if line.startswith("sha256")] == ["sha256:"]
