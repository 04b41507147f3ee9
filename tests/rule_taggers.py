"""Taggers by a few rules, for tests of what is done with entities and not of how they are found.

`install` puts two in the place of the app's own: "reglas", and "escribe", that differs from it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final
from unittest import mock

from app.blocks import taggers
from app.blocks.taggers import TaggerInfo
from litteragpt.entities.span import Entity, entity_at, without_overlaps
from litteragpt.protocols import Tagger

_CAPITAL = r"[A-Z][\w'’\u0301]+"
RULES: Final = {
    "EMAIL": (r"\b[\w.]+@[\w.]+\w", 1.0),
    "DATE": (r"\d{1,2} (?:de )?\w+(?: de)? \d{4}|\d\d/\d\d/\d{4}|12 de marzo|next Tuesday", 0.97),
    "TIME": (r"\d\d?:\d\d(?: [AP]M)?|\d\dh\d\d", 0.91),
    "ORG": (r"Iberdrola|Petrobras|Siemens|UNESCO|Instituto Cervantes", 0.92),
    "LOC": (r"Sevilla|Recife|Dublin|Madrid", 0.86),
    "NAME": (rf"(?!Hola|Podemos|Un|Vamos|Qu|Si|Ven|Sch){_CAPITAL}(?: (?:de )?{_CAPITAL})*", 0.83),
    "$x$<b>*": (r"HOSTILE", 0.99),
}
WAIT: Final = "espera a "
OTHERS: Final = {**RULES, "MISC": (r"Quijote", 0.4), "LOC": (r"Sevilla|Iberdrola", 0.95)}


class RuleTagger:
    """Marks what matches the rules."""

    def __init__(self, rules: dict[str, tuple[str, float]] = RULES) -> None:
        self._rules = rules

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that its entities can have."""
        return tuple(self._rules)

    def tag(
        self, text: str, *, labels: Collection[str] | None = None, threshold: float = 0.0
    ) -> list[Entity]:
        """The entities of a text in order; after `WAIT` and a path, once that file is there."""
        if path := re.search(rf"{WAIT}(\S+)", text):
            for _ in range(600):
                if Path(path[1]).exists():
                    break
                time.sleep(0.1)
        found = without_overlaps(
            entity_at(text, match.start(), match.end(), label, score)
            for label, (pattern, score) in self._rules.items()
            for match in re.finditer(pattern, text)
        )
        return [
            each
            for each in found
            if each.score >= threshold and (labels is None or each.label in labels)
        ]

    def pipe(
        self,
        texts: Iterable[str],
        *,
        labels: Collection[str] | None = None,
        threshold: float = 0.0,
        batch_size: int = 64,
    ) -> Iterator[list[Entity]]:
        """`tag` for many texts."""
        return (self.tag(text, labels=labels, threshold=threshold) for text in texts)


BOTH: Final = {"reglas": RuleTagger(), "escribe": RuleTagger(OTHERS)}
INFOS: Final = (TaggerInfo("reglas", "classification"), TaggerInfo("escribe", "generation"))


def found() -> list[TaggerInfo]:
    """In the place of the app's own."""
    return list(INFOS)


def load(t: object, info: TaggerInfo) -> Tagger:
    """In the place of the app's own."""
    return BOTH[info.name]


def install() -> None:
    """Put the rules in the place of the taggers that the app would find, for this process."""
    mock.patch.object(taggers, "found", found).start()
    mock.patch.object(taggers, "load", load).start()
