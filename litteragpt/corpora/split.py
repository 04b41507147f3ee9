"""Cut the works into honest blocks, training chunks and validation chunks.

The honest split comes first: whole scenes of every work are set aside, contiguous, so that
nothing of them is next to what the model trains on. What remains is prepared as the original
did it: joined, cut into sentences, put together in chunks of twenty, shuffled, 5 % of them for
validation. Those chunks lie between chunks that the model has read; the honest blocks do not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from litteragpt.sentences import split_sentences

_ORDINAL = (
    r"primer[oa]?|segund[oa]|tercer[oa]?|cuart[oa]|quint[oa]|sext[oa]|s[eé]ptim[oa]|octav[oa]|"
    r"noven[oa]|d[eé]cim[oa]|[uú]ltim[oa]|[uú]nic[oa]|primeir[oa]|terceir[oa]"
)
_HEADING = re.compile(
    rf"""
    [IVXLC]+\.?                                                  # XIV
    | (?:{_ORDINAL})\s+(?:parte|jornada|tomo|livro|libro)\b.{{0,60}}    # PRIMERA PARTE
    | (?:cap[ií]tulo|tratado|libro|livro|tomo|parte|jornada|acto|escena)
      \s+(?:[ivxlc]+|\d+|{_ORDINAL}|d[eé]cimo\w*|vig[eé]simo\w*)\b.{{0,400}}
    | (?:pr[oó]logo|ep[ií]logo|introducci[oó]n|conclusi[oó]n|pref[aá]cio)\b.{{0,60}}
    """,
    re.IGNORECASE | re.VERBOSE,
)
Item = TypeVar("Item")
_TOLERANCE = 0.005  # of a work's characters: how near its share of honest text must come


@dataclass(frozen=True, slots=True)
class Block:
    """A contiguous part of a work, set aside."""

    first_line: int
    last_line: int
    """Exclusive."""
    text: str


@dataclass(frozen=True, slots=True)
class Split:
    """The three texts, each a list of chunks or blocks without white space around them."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    honest: tuple[str, ...]
    duplicate_chunks: int
    """Training chunks left out because a held-out chunk or block is the same."""
    duplicate_paragraphs: int
    """Lines left out of other training chunks because a held-out text has the same line: short
    ones mostly, such as `—Sí.` or the number of a chapter."""


def is_heading(line: str) -> bool:
    """Whether a line is the heading of a chapter or part."""
    return _HEADING.fullmatch(line.strip()) is not None


def chapters(lines: Sequence[str]) -> list[tuple[int, int]]:
    """The ranges of lines of the chapters; headings that follow one another begin one chapter."""
    starts = [
        index
        for index, line in enumerate(lines)
        if index == 0 or (is_heading(line) and not is_heading(lines[index - 1]))
    ]
    return list(zip(starts, [*starts[1:], len(lines)], strict=True))


def honest_blocks(text: str, fraction: float, seed: int) -> list[Block]:
    """Contiguous blocks of a work (one paragraph a line), together `fraction` of its characters.

    Whole chapters in the order of the seed, as long as they fit; what is still missing is a run
    of paragraphs from the start of another chapter, or from anywhere in it where none fits.
    Blocks are in the order of the text. The fraction is met within half a percentage point
    where the paragraphs are short enough for it.
    """
    lines = text.split("\n")
    sizes = [len(line) + 1 for line in lines]
    target = fraction * len(text)
    tolerance = _TOLERANCE * len(text)
    rng = random.Random(seed)
    order = chapters(lines)
    shuffle(order, rng)
    taken: list[tuple[int, int]] = []
    left = target
    for first, last in order:
        size = sum(sizes[first:last])
        if left > tolerance and size <= left + tolerance / 2:
            taken.append((first, last))
            left -= size
    if left > tolerance:
        free = [chapter for chapter in order if chapter not in taken]
        taken.extend(_run(sizes, free, left, rng))
    return [Block(a, b, "\n".join(lines[a:b]).strip()) for a, b in sorted(taken)]


def _run(
    sizes: Sequence[int], free: Sequence[tuple[int, int]], target: float, rng: random.Random
) -> list[tuple[int, int]]:
    """The run of lines within one chapter whose size comes nearest to `target`, if any does.

    Starts of chapters come first, then all others in the order of `rng`; the first that comes
    within a tenth of the target is taken.
    """
    inner = [(line, last) for first, last in free for line in range(first + 1, last)]
    shuffle(inner, rng)
    best: list[tuple[int, int]] = []
    best_error = target
    for first, last in [*free, *inner]:
        size, end = 0, first
        while end < last and abs(size + sizes[end] - target) <= abs(size - target):
            size += sizes[end]
            end += 1
        if abs(size - target) < best_error:
            best, best_error = [(first, end)], abs(size - target)
        if best_error <= target / 10:
            break
    return best


def without(text: str, blocks: Sequence[Block]) -> str:
    """The lines of a work that lie in none of its blocks."""
    lines = text.split("\n")
    for block in sorted(blocks, key=lambda block: -block.first_line):
        del lines[block.first_line : block.last_line]
    return "\n".join(lines)


def chunks_of(text: str, sentences: int) -> list[str]:
    """The text in chunks of so many sentences, verbatim, white space around them left out."""
    pieces = split_sentences(text)
    joined = ("".join(pieces[i : i + sentences]) for i in range(0, len(pieces), sentences))
    return [chunk.strip() for chunk in joined if chunk.strip()]


def split_works(
    texts: Sequence[str],
    *,
    sentences_per_chunk: int,
    validation_fraction: float,
    honest_fraction: float,
    seed: int,
) -> Split:
    """Cut prepared works (one paragraph a line) into the three texts; the seed decides all.

    No paragraph (line) of the validation or honest text is a paragraph of the training text.
    """
    honest: list[str] = []
    rest: list[str] = []
    for index, text in enumerate(texts):
        blocks = honest_blocks(text, honest_fraction, seed + index)
        honest.extend(block.text for block in blocks)
        rest.append(without(text, blocks))
    chunks = chunks_of("\n".join(rest), sentences_per_chunk)
    shuffle(chunks, random.Random(seed))
    wanted = validation_fraction * sum(map(len, chunks))
    count, size = 0, 0
    while count < len(chunks) and size + len(chunks[count]) / 2 <= wanted:
        size += len(chunks[count])
        count += 1
    validation = chunks[:count]
    held_out = {*validation, *honest}
    unseen = [chunk for chunk in chunks[count:] if chunk not in held_out]
    held_out_lines = {line for text in held_out for line in text.split("\n")}
    train, dropped = [], 0
    for chunk in unseen:
        lines = chunk.split("\n")
        kept = [line for line in lines if line not in held_out_lines]
        dropped += len(lines) - len(kept)
        if kept:
            train.append("\n".join(kept))
    return Split(
        train=tuple(train),
        validation=tuple(validation),
        honest=tuple(honest),
        duplicate_chunks=len(chunks) - count - len(unseen),
        duplicate_paragraphs=dropped,
    )


def shuffle(items: list[Item], rng: random.Random) -> None:
    """Fisher and Yates over `random()`, whose stream Python promises to keep for a seed."""
    for last in range(len(items) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        items[last], items[other] = items[other], items[last]
