"""Entities in text: data to learn them from."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import track
from tyro.conf import Positional


def ner_data(
    source: Positional[Literal["synth", "llm"]],
    /,
    *,
    language: Literal["es", "pt", "en"] = "es",
    count: int = 100,
    seed: int = 1,
    out: Path | None = None,
) -> None:
    """Texts with their entities, as lines of JSON: from a grammar, or from a language model.

    `llm` asks the OpenAI-compatible endpoint of OPENAI_BASE_URL, OPENAI_MODEL (default
    gpt-4.1-mini) and OPENAI_API_KEY; it needs --out, and goes on with a file that is there.

    Args:
        source: synth (a grammar with faker's names), or llm.
        language: es, pt or en.
        count: How many records; with llm, how many the file is to hold.
        seed: Of synth: the same seed gives the same records.
        out: File to write (JSONL); synth without it writes to standard output.
    """
    if source == "llm":
        _ask(language, count, out)
        return
    from litteragpt.entities.synth import synth

    records = synth(language, count, seed)
    console = Console(stderr=True, highlight=False)
    if out is not None:
        records = iter(track(records, "writing", count, console=console, transient=True))
    with nullcontext(sys.stdout) if out is None else out.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record.to_dict(), ensure_ascii=False) + "\n")


def _ask(language: str, count: int, out: Path | None) -> None:
    from litteragpt.entities.llm import Endpoint, gather

    if out is None:
        raise ValueError("llm needs --out, the file to write or to go on with")
    names = {"es": "Spanish", "pt": "Portuguese", "en": "English"}
    console = Console(stderr=True, highlight=False)
    gathered = gather(
        out,
        count,
        Endpoint.from_environment(os.environ),
        language=names[language],
        report=lambda line: console.print(line, markup=False),
    )
    console.print(
        f"{gathered.kept} records; dropped: {gathered.bad} bad, {gathered.duplicates} duplicates"
    )
    print(out)
