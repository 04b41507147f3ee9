"""Corrections by hand: rows that a person may change, and the entities that they say.

The rows are given to a table that can be edited; what comes back may be anything. A row that
cannot be stands as it was, and the person is told why; what was typed stays where it was typed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from litteragpt.entities.span import Entity, entity_at

MAX_LABEL_CHARS = 40

Fault = Literal["place", "label", "overlap"]


@dataclass(frozen=True, slots=True)
class Row:
    """An entity, and whether it is kept."""

    entity: Entity
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row's change could not be taken."""

    row: int
    """From 1."""
    text: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Corrected:
    """The rows after a person's changes, in the same order, and what could not be taken."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]

    @property
    def entities(self) -> tuple[Entity, ...]:
        """Those that are kept, in the order of the text."""
        return kept(self.rows)


def rows_of(entities: Iterable[Entity]) -> tuple[Row, ...]:
    """A row for each entity."""
    return tuple(Row(entity) for entity in entities)


def kept(rows: Iterable[Row]) -> tuple[Entity, ...]:
    """The entities of the rows that are kept, in the order of the text."""
    return tuple(sorted((row.entity for row in rows if row.keep), key=lambda each: each.start))


def to_record(row: Row) -> dict[str, Any]:
    """A row as the table shows it."""
    entity = row.entity
    return {
        "keep": row.keep,
        "text": entity.text,
        "label": entity.label,
        "start": entity.start,
        "end": entity.end,
        "score": entity.score,
    }


def corrected(text: str, rows: Sequence[Row], records: Sequence[Mapping[str, Any]]) -> Corrected:
    """Take the changes of an edited table whose lines answer to `rows`.

    An entity that a person changed has the score 1. Lines that were not changed come first:
    where a changed one overlaps another, it is the changed one that cannot be.
    """
    assert len(records) == len(rows)
    after: list[Row] = []
    faults: dict[int, Fault] = {}
    changed: list[int] = []
    for index, (row, record) in enumerate(zip(rows, records, strict=True)):
        new = _read(text, row, record)
        if isinstance(new, Row):
            after.append(new)
            if new != row and new.keep:
                changed.append(index)
        else:
            after.append(row)
            faults[index] = new
    # Change by change, so that the first of two that are in each other's way stands.
    waiting = frozenset(changed)
    settled = [row.entity for i, row in enumerate(after) if row.keep and i not in waiting]
    for index in changed:
        if overlaps(after[index].entity, settled):
            faults[index] = "overlap"
            before = rows[index]
            free = before.keep and not overlaps(before.entity, settled)
            after[index] = replace(before, keep=free)
        if after[index].keep:
            settled.append(after[index].entity)
    problems = (Problem(i + 1, rows[i].entity.text, fault) for i, fault in sorted(faults.items()))
    return Corrected(tuple(after), tuple(problems))


def places_of(text: str, words: str, taken: Sequence[Entity]) -> list[tuple[int, int]]:
    """Where in the text these words stand and no entity does yet, from left to right."""
    places: list[tuple[int, int]] = []
    start = text.find(words) if words else -1
    while start >= 0:
        end = start + len(words)
        places.append((start, end))
        start = text.find(words, end)
    ordered = sorted(taken, key=lambda each: each.start)
    free: list[tuple[int, int]] = []
    at = 0
    for start, end in places:
        while at < len(ordered) and ordered[at].end <= start:
            at += 1
        if at == len(ordered) or ordered[at].start >= end:
            free.append((start, end))
    return free


def added(
    text: str, rows: Sequence[Row], places: Iterable[tuple[int, int]], label: str
) -> tuple[Row, ...]:
    """The rows and one more for each place, in the order of the text."""
    new = [Row(entity_at(text, start, end, label)) for start, end in places]
    return tuple(sorted([*rows, *new], key=lambda row: (row.entity.start, row.entity.end)))


def clean_label(label: object) -> str | None:
    """A label as a person may write it, without white space around; None where it cannot be."""
    if not isinstance(label, str):
        return None
    stripped = label.strip()
    fits = 0 < len(stripped) <= MAX_LABEL_CHARS and len(stripped.split()) == 1
    return stripped if fits else None


def overlaps(entity: Entity, others: Iterable[Entity]) -> bool:
    """Whether an entity shares a character with one of the others."""
    return any(entity.start < other.end and other.start < entity.end for other in others)


def _read(text: str, row: Row, record: Mapping[str, Any]) -> Row | Fault:
    """A line of the table as a row, or what is wrong with it."""
    if dict(record) == to_record(row):
        return row
    start, end = _whole(record.get("start")), _whole(record.get("end"))
    if start is None or end is None or not 0 <= start < end <= len(text):
        return "place"
    label = record.get("label")
    if label != row.entity.label:
        label = clean_label(label)
    if label is None:
        return "label"
    old = row.entity
    same = (start, end, label) == (old.start, old.end, old.label)
    entity = old if same else entity_at(text, start, end, label)
    return Row(entity, bool(record.get("keep")))


def _whole(value: object) -> int | None:
    """A cell as a whole number; tables may give whole numbers as floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None
