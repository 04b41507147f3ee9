"""Cuts a document into passages: stretches short enough to show, whole enough to understand.

A passage ends where a paragraph or at least a sentence ends, and never spans a heading. Where a
paragraph is longer than a passage, the next passage takes up the end of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from litteragpt.bounds import check_whole
from litteragpt.sentences import split_sentences

LENGTH = 900
"""Characters of a passage at most."""
OVERLAP = 200
"""Characters at most that a passage repeats of the one before, in a long paragraph."""

_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*", re.MULTILINE)
_MARK = re.compile(r"#{1,6}\s+")
_LONGEST_HEADING = 100
_WRAPPED = 50  # characters: a line as long, and open at its end, goes on in the next
_CLOSED = (".", "!", "?", ":", ";", "…")


@dataclass(frozen=True, slots=True)
class Passage:
    """`text[start:end]` of a document; `heading` is what stands over it, empty if nothing does.

    In a FAQ, the reply to the passage's question is `text[reply:end]`.
    """

    start: int
    end: int
    heading: str = ""
    reply: int | None = None


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Where the sentences of `text[start:end]` begin and end, white space excluded.

    A line that is long and open at its end was wrapped, and its sentence goes on.
    """
    spans = []
    position = start
    for sentence in split_sentences(_unwrapped(text[start:end])):
        body = sentence.strip()
        if body:
            begin = position + len(sentence) - len(sentence.lstrip())
            spans.append((begin, begin + len(body)))
        position += len(sentence)
    return spans


def cut(text: str, length: int = LENGTH, overlap: int = OVERLAP) -> list[Passage]:
    """The passages of a text, in order; together they cover all of it but white space."""
    check_whole("length", length, 50, 100_000)
    check_whole("overlap", overlap, 0, length // 2)
    passages: list[Passage] = []
    for heading, paragraphs in _sections(text):
        begin: int | None = None
        last = 0
        for start, end in paragraphs:
            if begin is not None and end - begin > length:
                passages.append(Passage(begin, last, heading))
                begin = None
            if end - start > length:
                passages += [
                    Passage(*piece, heading) for piece in _pieces(text, start, end, length, overlap)
                ]
                continue
            begin = start if begin is None else begin
            last = end
        if begin is not None:
            passages.append(Passage(begin, last, heading))
    return passages


def _unwrapped(text: str) -> str:
    """The text with a space for each line break that only wraps a line; the length stays."""
    lines = text.split("\n")
    parts = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        body = line.rstrip()
        wrapped = len(body) >= _WRAPPED and not body.endswith(_CLOSED) and following.strip()
        parts.append(line + (" " if wrapped else "\n"))
    return "".join(parts)[:-1]


def _sections(text: str) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Headings, each with the paragraphs under it; the heading's line belongs to the first one."""
    heading = ""
    paragraphs: list[tuple[int, int]] = []
    opened: int | None = None  # where a heading began that has no paragraph yet
    for found in _PARAGRAPH.finditer(text):
        start, end = found.start(), found.start() + len(found.group().rstrip())
        if title := _heading(text[start:end]):
            if paragraphs:
                yield heading, paragraphs
                paragraphs = []
            heading = title
            opened = start if opened is None else opened
            if "\n" not in text[start:end]:
                continue
        paragraphs.append((start if opened is None else opened, end))
        opened = None
    if opened is not None:
        paragraphs.append((opened, len(text.rstrip())))
    if paragraphs:
        yield heading, paragraphs


def _heading(paragraph: str) -> str:
    """The heading that a paragraph is or begins with; empty where there is none."""
    line, _, rest = paragraph.partition("\n")
    line = line.strip()
    if len(line) > _LONGEST_HEADING:
        return ""
    if mark := _MARK.match(line):
        return line[mark.end() :].strip("# ")
    plain = not rest and not line.endswith((*_CLOSED, ",")) and line[:1].isupper()
    return line if plain else ""


def _pieces(
    text: str, start: int, end: int, length: int, overlap: int
) -> Iterator[tuple[int, int]]:
    """Pieces of a long paragraph: whole sentences, and parts of one that is too long itself."""
    parts = [
        part
        for sentence in sentence_spans(text, start, end)
        for part in _parts(text, *sentence, length)
    ]
    first = 0
    while first < len(parts):
        last = first
        while last + 1 < len(parts) and parts[last + 1][1] - parts[first][0] <= length:
            last += 1
        yield parts[first][0], parts[last][1]
        following = last + 1
        if following < len(parts):
            room = min(overlap, length - (parts[following][1] - parts[following][0]))
            while following - 1 > first and parts[last][1] - parts[following - 1][0] <= room:
                following -= 1
            # The repeated end and the next part have to fit one piece, or nothing is won.
            if parts[last + 1][1] - parts[following][0] > length:
                following = last + 1
        first = following


def _parts(text: str, start: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    """A sentence, cut at white space, or anywhere if there is none, where it is too long."""
    while end - start > length:
        space = text.rfind(" ", start + length // 2, start + length)
        stop = space if space > 0 else start + length
        yield start, stop
        start = stop + 1 if space > 0 else stop
    yield start, end
