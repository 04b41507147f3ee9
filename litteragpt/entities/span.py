"""An entity as everything here passes it on: a stretch of a text, and what it is.

Offsets count code points of the text exactly as it was given, before any normalisation.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of a text with a label: `text == whole[start:end]`."""

    start: int
    end: int
    """The offset after its last character."""
    label: str
    text: str
    score: float = 1.0
    """How sure whoever found it is, from 0 to 1."""

    def to_dict(self) -> dict[str, int | float | str]:
        """The entity as a line of JSON holds it, in this order."""
        return {
            "start": self.start,
            "end": self.end,
            "label": self.label,
            "text": self.text,
            "score": self.score,
        }


def entity_at(text: str, start: int, end: int, label: str, score: float = 1.0) -> Entity:
    """The entity of a stretch of `text`."""
    return Entity(start, end, label, text[start:end], score)


def check_entities(text: str, entities: Iterable[Entity]) -> None:
    """Raise ValueError unless each entity is a stretch of the text and none overlaps another.

    Their order does not matter. A span that is empty, lies outside the text, or whose own text is
    not what stands there is an error too.
    """
    last: Entity | None = None
    for entity in sorted(entities, key=lambda each: (each.start, each.end)):
        where = f"{entity.label} {entity.start}:{entity.end}"
        if not 0 <= entity.start < entity.end <= len(text):
            raise ValueError(
                f"the entity {where} must be a stretch of 1 character or more within the text "
                f"of {len(text):,}"
            )
        if text[entity.start : entity.end] != entity.text:
            raise ValueError(
                f"the entity {where} must have the text that stands there, "
                f"{text[entity.start : entity.end][:40]!r}, not {entity.text[:40]!r}"
            )
        if last is not None and entity.start < last.end:
            raise ValueError(
                f"the entity {where} overlaps {last.label} {last.start}:{last.end}: entities must "
                "not overlap"
            )
        last = entity


def without_overlaps(entities: Iterable[Entity]) -> list[Entity]:
    """The entities in order, of overlapping ones the best alone.

    That is the one of the higher score, then the longer one, then the earlier one.
    """
    ranked = sorted(
        entities, key=lambda each: (-each.score, each.start - each.end, each.start, each.label)
    )
    starts: list[int] = []
    kept: list[Entity] = []
    for entity in ranked:
        at = bisect_left(starts, entity.start)
        if at > 0 and kept[at - 1].end > entity.start:
            continue
        if at < len(kept) and kept[at].start < entity.end:
            continue
        starts.insert(at, entity.start)
        kept.insert(at, entity)
    return kept


def relabelled(
    entities: Sequence[Entity], names: dict[str, str], only: frozenset[str] | None = None
) -> list[Entity]:
    """The entities under other names of their labels; with `only`, those labels alone remain."""
    renamed = (
        Entity(each.start, each.end, names.get(each.label, each.label), each.text, each.score)
        for each in entities
    )
    return [each for each in renamed if only is None or each.label in only]
