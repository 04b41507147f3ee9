"""A text with its entities: what a tagger learns from and is scored on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from litteragpt.entities.span import Entity, check_entities
from litteragpt.entities.words import split_words

INTENTS: Final = ("inquiry", "cancel")
"""What the writer of a mail about a meeting can be after."""


@dataclass(frozen=True, slots=True)
class Record:
    """A text, its entities in order, its words (start, end), and what its writer is after."""

    text: str
    entities: tuple[Entity, ...]
    words: tuple[tuple[int, int], ...]
    intent: str | None = None
    """What the whole text asks for, such as one of `INTENTS`; None where that is unknown."""

    def to_dict(self) -> dict[str, Any]:
        """The record as a line of JSONL holds it; `read_jsonl` reads it back."""
        entities = [entity.to_dict() for entity in self.entities]
        intent = {} if self.intent is None else {"intent": self.intent}
        return {"text": self.text, "entities": entities, **intent}


def record_of(text: str, entities: Iterable[Entity], intent: str | None = None) -> Record:
    """The record of a text split into words here.

    Raises ValueError for entities that overlap or are no stretches of the text.
    """
    ordered = tuple(sorted(entities, key=lambda each: each.start))
    check_entities(text, ordered)
    return Record(text, ordered, tuple(split_words(text)), intent)
