"""Texts with their entities from a grammar: dates, times, e-mails, persons, places, companies.

The grammars are `es.toml`, `pt.toml` and `en.toml` beside this file; names come from `faker`
(extra `data`). What is an entity, and where it ends:

- Prepositions, articles and titles are outside: `at <2 PM>`, `el <lunes 20 de febrero>`,
  `Dr. <Smith>`. A modifier is inside: `<next Monday>`, `<semana que viene>`, `<this Friday>`.
- A part of the day after a clock time belongs to it, `<8 de la mañana>`; elsewhere it is a TIME of
  its own, `<tomorrow> <morning>`. `<noon>`, `<tonight>` and `<esta tarde>` are TIME.
- A range is one entity from its first word to its last: `entre las <9 y las 10>`.
- A distance from now is one entity with all its words: DATE `<in two weeks>`, TIME
  `<dentro de media hora>`. A duration, a decade, a century and an age are none.
- A weekday with a date is one DATE, `<Friday, June 21st>`; a year alone and a feast are DATEs.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, Final

from litteragpt.entities.record import INTENTS, Record, record_of
from litteragpt.entities.span import Entity
from litteragpt.entities.synth.grammar import Grammar, Segment
from litteragpt.entities.synth.noise import capitalised, roughened
from litteragpt.entities.synth.outside import Outside

LANGUAGES: Final = ("es", "pt", "en")
LABELS: Final = ("DATE", "TIME", "EMAIL", "NAME", "LOC", "ORG")
"""The labels that the grammars have; there is no MISC in them."""
_START: Final = (*INTENTS, "command", "news", "negative")
"""The rules that texts come from; those without an intent are of neither."""
_WEIGHTS: Final = (22, 18, 24, 18, 18)


def synth(language: str, count: int, seed: int) -> Iterator[Record]:
    """`count` records in `es`, `pt` or `en`; the same seed and version of faker give the same.

    Raises ValueError for another language or a count below 0, ImportError where faker is missing.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}")
    if count < 0:
        raise ValueError(f"count must be at least 0, not {count}")
    rng = random.Random(f"{language} {seed}")
    table = _table(language)
    outside = Outside(table["locales"], table["cities"], table["companies"], rng)
    return (_record(grammar(language), outside, rng) for _ in range(count))


@cache
def grammar(language: str) -> Grammar:
    """The grammar of a language of `LANGUAGES`."""
    return Grammar(_table(language)["rules"])


@cache
def _table(language: str) -> dict[str, Any]:
    file = resources.files(__package__) / f"{language}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _record(grammar: Grammar, outside: Outside, rng: random.Random) -> Record:
    (start,) = rng.choices(_START, _WEIGHTS)
    outside.move()
    segments = grammar.expand(start, rng, outside)
    return _assembled(roughened(capitalised(segments), rng), start if start in INTENTS else None)


def _assembled(segments: list[Segment], intent: str | None) -> Record:
    text = ""
    entities: list[Entity] = []
    for part, label in segments:
        # "at 8 p.m." at the end of a sentence has one full stop.
        if not label and text.endswith(".") and part.startswith("."):
            part = part[1:]
        if label:
            entities.append(Entity(len(text), len(text) + len(part), label, part))
        text += part
    ends = len(text.rstrip())
    return record_of(text[:ends], entities, intent)
