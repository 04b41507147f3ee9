"""Annotated sets as a tagger learns from them: sets that know different labels train one model.

A set says which of the model's labels it annotates wherever they stand (`known`). A word outside
its entities may then still be of a label it does not know: an unlabelled type in a set is never a
negative. Labels whose spans follow other customs (`unsure`, such as a date and a time in one
stretch, prepositions included) say no more than that anything may stand there.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from litteragpt.bounds import check_range, check_whole
from litteragpt.entities.bio import OUTSIDE, label_of, repaired, tags_of
from litteragpt.entities.readers import read_records
from litteragpt.entities.record import Record
from litteragpt.entities.span import Entity, entity_at
from litteragpt.tables import from_table

ANYTHING: Final = "?"
"""In place of a tag: nothing is known of this word."""

LONGEST: Final = 160
"""Words of an example; a longer sentence is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConfig:
    """A set of sentences with entities; `file` is relative to the folder of the sets."""

    file: str = ""
    """TSV, JSONL or JSON (`litteragpt.entities.readers`); or else a language to make up:"""
    synth: str = ""
    """es, pt or en: sentences of the grammar generator."""
    count: int = 0
    """How many sentences to make up, or to read at most; 0 reads all."""
    language: str = ""
    """Of the texts, for the card."""
    labels: tuple[str, ...] = ()
    """THEIRS=OURS; a label that is not named is nobody's, its words are outside."""
    known: tuple[str, ...] = ()
    """Our labels that it annotates wherever they stand; without any, those in `labels`."""
    unsure: tuple[str, ...] = ()
    """Their labels whose words may be anything."""
    edges: tuple[str, ...] = ()
    """Words, such as prepositions, that its entities may begin with and ours do not."""
    before: tuple[str, ...] = ()
    """Words, such as titles, of which it is open whether an entity that they stand before begins
    with them."""
    share: float = 1.0
    """How often a sentence is read in an epoch."""
    part: str = "all"
    """all, even or odd: of the sentences in order, so that the other half can be held out."""
    title: str = ""
    address: str = ""
    licence: str = ""

    @classmethod
    def from_table(cls, table: Mapping[str, Any], source: str = "sets") -> SetConfig:
        """From a recipe's table. Raises ValueError for what cannot be."""
        config = from_table(cls, table, source)
        if bool(config.file) == bool(config.synth):
            raise ValueError(f"{source}: exactly one of file and synth must be given")
        check_whole(f"{source}.count", config.count, 1 if config.synth else 0, 10**7)
        check_range(f"{source}.share", config.share, 0.0, 100.0)
        if config.part not in ("all", "even", "odd"):
            raise ValueError(f"{source}.part must be all, even or odd, not {config.part!r}")
        for pair in config.labels:
            if pair.count("=") != 1 or not all(pair.split("=")):
                raise ValueError(f"{source}.labels must be THEIRS=OURS, not {pair!r}")
        return config

    @property
    def renamed(self) -> dict[str, str]:
        """Their label to ours."""
        return dict(pair.split("=") for pair in self.labels)


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence to learn from."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    """IOB2 in our labels, or `ANYTHING`."""
    known: frozenset[str]
    """Labels of which a word tagged `O` is none."""
    intent: str | None = None

    def __post_init__(self) -> None:
        assert len(self.words) == len(self.tags), "a tag for each word"


def read_set(config: SetConfig, folder: Path, *, seed: int = 1) -> Iterator[Example]:
    """The examples of a set in order. Raises ValueError for a file that cannot be read."""
    known = frozenset(config.known or config.renamed.values())
    count = 0
    for number, record in enumerate(_records(config, folder, seed)):
        if config.part != "all" and number % 2 != (config.part == "odd"):
            continue
        if record.words:
            example = example_of(
                without_edges(record, config.edges),
                config.renamed or None,
                known,
                frozenset(config.unsure),
            )
            yield open_before(example, config.before)
            count += 1
            if count == config.count:
                return


def example_of(
    record: Record,
    labels: Mapping[str, str] | None,
    known: frozenset[str],
    unsure: frozenset[str] = frozenset(),
) -> Example:
    """A record in our labels; `labels` (theirs to ours) keeps every label as it is where None."""
    theirs = tags_of(record.words, record.entities, snap=True)
    tags = [_renamed(tag, labels, unsure) for tag in theirs]
    legal = iter(repaired(tag for tag in tags if tag != ANYTHING))
    tags = [tag if tag == ANYTHING else next(legal) for tag in tags]
    words = tuple(record.text[start:end] for start, end in record.words[:LONGEST])
    return Example(words, tuple(tags[:LONGEST]), known, record.intent)


def without_edges(record: Record, edges: Collection[str]) -> Record:
    """The record with its entities begun after any leading words of `edges` (in lower case)."""
    if not edges:
        return record
    found: list[Entity] = []
    for entity in record.entities:
        words = [word for word in record.words if entity.start <= word[0] < entity.end]
        while len(words) > 1 and record.text[slice(*words[0])].lower() in edges:
            del words[0]
        start = words[0][0] if words else entity.start
        found.append(entity_at(record.text, start, entity.end, entity.label, entity.score))
    return Record(record.text, tuple(found), record.words, record.intent)


def open_before(example: Example, words: Collection[str]) -> Example:
    """The example with nothing known of any of `words` (in lower case) before an entity.

    Nor of the entity's first word, which begins it or goes on with it.
    """
    tags = list(example.tags)
    for at, tag in enumerate(example.tags):
        first = at
        while tag.startswith("B-") and first and example.words[first - 1].lower() in words:
            first -= 1
        if first < at:
            tags[first : at + 1] = [ANYTHING] * (at + 1 - first)
    return dataclasses.replace(example, tags=tuple(tags))


def epoch(sets: Sequence[tuple[SetConfig, Sequence[Example]]], rng: random.Random) -> list[Example]:
    """The examples of one epoch in a random order, each set by its share."""
    found: list[Example] = []
    for config, examples in sets:
        whole, rest = divmod(config.share, 1.0)
        found += list(examples) * int(whole)
        found += rng.sample(list(examples), round(rest * len(examples)))
    rng.shuffle(found)
    return found


def _records(config: SetConfig, folder: Path, seed: int) -> Iterator[Record]:
    if config.file:
        return read_records(folder / config.file)
    from litteragpt.entities.synth import synth

    return synth(config.synth, config.count, seed)


def _renamed(tag: str, labels: Mapping[str, str] | None, unsure: frozenset[str]) -> str:
    label = label_of(tag)
    if label in unsure:
        return ANYTHING
    if not label or labels is None:
        return tag
    return f"{tag[:2]}{labels[label]}" if label in labels else OUTSIDE
