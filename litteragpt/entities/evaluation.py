"""A tagger scored on an annotated file: strict span F1, and how fast it was."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from litteragpt.entities.readers import read_records
from litteragpt.entities.record import Record
from litteragpt.entities.score import MICRO, score
from litteragpt.entities.span import Entity, relabelled
from litteragpt.protocols import WordTagger

_CHUNK = 2_048


def evaluate_tagger(
    tagger: WordTagger,
    file: Path,
    renamed: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Precision, recall and F1 over all and of each label; the words are those of the file.

    `renamed` gives the file's labels other names, `only` limits both sides to these labels. The
    file is read in parts, however long it is. Raises ValueError for a malformed file.
    """
    wanted = frozenset(only) or None
    names = dict(renamed or {})
    gold: list[list[Entity]] = []
    found: list[list[Entity]] = []
    seconds = 0.0
    records = (record for record in read_records(file) if record.words)
    for part in _parts(records):
        began = time.perf_counter()
        read = tagger.tag_words([each.text for each in part], [each.words for each in part])
        seconds += time.perf_counter() - began
        gold += [relabelled(each.entities, names, wanted) for each in part]
        found += [relabelled(each, {}, wanted) for each in read]
    scores = score(gold, found)
    figures = {
        label: {"precision": each.precision, "recall": each.recall, "f1": each.f1}
        for label, each in scores.items()
    }
    return {
        "micro": figures.pop(MICRO),
        "labels": figures,
        "sentences": len(gold),
        "sentences_per_second": round(len(gold) / seconds, 1) if seconds else 0.0,
    }


def _parts(records: Iterator[Record]) -> Iterator[list[Record]]:
    while part := list(islice(records, _CHUNK)):
        yield part
