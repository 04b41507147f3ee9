"""A person's own labelled records: what a tagger is adapted to, and how well that went."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from litteragpt.entities.adapter import MAX_NAMES
from litteragpt.entities.readers import read_records
from litteragpt.entities.record import Record
from litteragpt.entities.score import Scores, score
from litteragpt.entities.span import relabelled
from litteragpt.entities.tagger import TokenTagger
from litteragpt.protocols import WordTagger

HELD_OUT: Final = 0.2
"""The share of the records that nothing learns from."""
LEAST_RECORDS: Final = 5


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of a training on a person's own records."""

    path: Path
    labels: tuple[str, ...]
    intents: tuple[str, ...]
    learned_from: int
    held_out: int
    before: Mapping[str, Scores]
    """Of the base on the held-out records, over these labels: those it lacks it cannot find."""
    after: Mapping[str, Scores]
    intents_right: float | None
    """The share of held-out intents that come out right; None where none was given."""


@dataclass(frozen=True, slots=True)
class OwnRecords:
    """A person's own records, a part of them held out."""

    labels: tuple[str, ...]
    intents: tuple[str, ...]
    learned: tuple[Record, ...]
    held_out: tuple[Record, ...]

    def score(self, tagger: WordTagger) -> dict[str, Scores]:
        """Strict span F1 of a tagger on what is held out, over these labels."""
        records = self.held_out
        found = tagger.tag_words([each.text for each in records], [each.words for each in records])
        only = frozenset(self.labels)
        return score(
            [each.entities for each in records], [relabelled(each, {}, only) for each in found]
        )

    def intents_right(self, tagger: TokenTagger) -> float | None:
        """The share of held-out intents that a tagger gets right."""
        marked = [each for each in self.held_out if each.intent is not None]
        if not marked or not tagger.intents:
            return None
        right = 0
        for record in marked:
            odds = tagger.intent(record.text)
            right += max(odds, key=lambda name: odds[name]) == record.intent
        return right / len(marked)


def read_own(file: Path, *, seed: int, first: Sequence[str] = ()) -> OwnRecords:
    """The records of a file, a fifth of them held out at random; labels in `first` come first.

    Labels are those of the records to learn from. Raises ValueError for a malformed file, for
    fewer than `LEAST_RECORDS` records, and for no label or too many.
    """
    records = [record for record in read_records(file) if record.words]
    if len(records) < LEAST_RECORDS:
        raise ValueError(f"{file} must hold {LEAST_RECORDS} or more records, not {len(records)}")
    chosen = set(
        random.Random(seed).sample(range(len(records)), max(1, int(HELD_OUT * len(records))))
    )
    learned = [record for k, record in enumerate(records) if k not in chosen]
    found = {entity.label for record in learned for entity in record.entities}
    intents = {record.intent for record in learned if record.intent is not None}
    for name, names in (("labels", found), ("intents", intents)):
        if len(names) > MAX_NAMES:
            raise ValueError(f"{file} has {len(names)} {name}; {MAX_NAMES} is the most")
    if not found:
        raise ValueError(f"{file} marks no entity to learn from")
    labels = [label for label in first if label in found]
    labels += sorted(found - set(labels))
    return OwnRecords(
        tuple(labels),
        tuple(sorted(intents)),
        tuple(learned),
        tuple(records[k] for k in sorted(chosen)),
    )
