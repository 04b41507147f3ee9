"""Corpora larger than memory: texts line by line, marked as they come."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from litteragpt.entities.reading import BATCH, MAX_CHARS, batches_of
from litteragpt.entities.span import Entity
from litteragpt.entities.tagger import TokenTagger
from litteragpt.protocols import Tagger

MAX_LINE_BYTES: Final = 4 * MAX_CHARS
_PART_BATCHES: Final = 4
_PART_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and what was found in it."""

    text: str
    entities: list[Entity]
    intent: str | None = None
    """What the whole text is most probably for, where that was asked and is known."""


def mark(
    tagger: Tagger,
    texts: Iterable[str],
    *,
    labels: Collection[str] | None = None,
    threshold: float = 0.0,
    intent: bool = False,
) -> Iterator[Marked]:
    """The texts as they are marked, a batch of them in memory at a time.

    Raises ValueError where an intent is asked of a tagger that tells none.
    """
    if intent and not intents_of(tagger):
        raise ValueError("the tagger tells no intent of a text")
    # Both hands of the tee are read in step, so it never holds more than a batch.
    shown, read = itertools.tee(texts)
    found = tagger.pipe(read, labels=labels, threshold=threshold)
    for text, entities in zip(shown, found, strict=True):
        odds = tagger.intent(text) if intent and isinstance(tagger, TokenTagger) else {}
        yield Marked(text, entities, max(odds, key=lambda name: odds[name]) if odds else None)


def intents_of(tagger: Tagger) -> tuple[str, ...]:
    """What a tagger tells of a whole text."""
    return tagger.intents if isinstance(tagger, TokenTagger) else ()


def lines_of(file: Path, start: int = 0, end: int | None = None) -> Iterator[str]:
    """The lines of a UTF-8 file, without their ends, from one byte to another.

    Raises ValueError, naming file and place, for a line that is too long or no UTF-8; OSError
    where the file cannot be read.
    """
    return (line for _, line in _placed(file, start, end))


def parts_of(file: Path) -> Iterator[tuple[int, int]]:
    """Where the parts of a file begin and end, in bytes: whole batches of lines, some MB each.

    The file is read through once, and checked as `lines_of` does.
    """
    start = at = batches = 0
    placed = iter(_placed(file, 0, None))
    ends: list[int] = []

    def lines() -> Iterator[str]:
        for end, line in placed:
            ends.append(end)
            yield line

    for _ in batches_of(lines(), BATCH):
        batches += 1
        at = ends[-1]
        if batches == _PART_BATCHES or at - start >= _PART_BYTES:
            yield start, at
            start, batches = at, 0
        ends.clear()
    if at > start:
        yield start, at


def _placed(file: Path, start: int, end: int | None) -> Iterator[tuple[int, str]]:
    """Each line, and the byte after its end."""
    at = start
    with file.open("rb") as lines:
        lines.seek(start)
        while (end is None or at < end) and (data := lines.readline(MAX_LINE_BYTES + 1)):
            if len(data) > MAX_LINE_BYTES:
                raise ValueError(
                    f"{file} has a line of more than {MAX_LINE_BYTES:,} bytes at byte {at}"
                )
            try:
                text = data.decode("utf-8" if at else "utf-8-sig")
            except UnicodeDecodeError as error:
                raise ValueError(f"{file} is not UTF-8 text (byte {at + error.start})") from error
            at += len(data)
            yield at, text.removesuffix("\n")
