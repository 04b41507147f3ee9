"""Entities by classification and by generation, side by side, on one core.

    python benchmarks/ner.py --source DIR
    python benchmarks/ner.py --source DIR --sets seed/dataset_e00a.json --repetitions 7 --json

`DIR` holds the annotated sets; a set is a file below it, with the labels that count in it and,
where they differ, what they are called there. Of each tagger and each set:

- F1: strict span and label, over the labels that both taggers have and the set marks.
- sentences a second: the whole set at once, words given; the median of the repetitions, and the
  least and the most. Taggers are timed in turn (A B, A B, …).
- ms: of one sentence by itself, the median over the set's first sentences.
- hallucinated: of a tagger that writes, words a hundred sentences that the sentence does not hold,
  held to its automaton (`with`) and not (`without`); besides, lines out of order or illegal.

Size is that of the weights and the tokenizer on disk. On a machine that does other things, pin it:
`OMP_NUM_THREADS=1 taskset -c 1 python …`.
"""

from __future__ import annotations

import json as json_format
import statistics
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import tyro

from litteragpt import load_tagger
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.loading import tagger_folder
from litteragpt.entities.readers import read_records
from litteragpt.entities.record import Record
from litteragpt.entities.score import MICRO, score
from litteragpt.entities.span import relabelled
from litteragpt.protocols import WordTagger

ALONE = 50  # sentences read one by one
FILES = ("model.safetensors", "tokenizer.json")

MAILS = ("DATE", "TIME", "EMAIL", "NAME")
SETS: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "seed/dataset_e00a.json": (MAILS, {}),
    "recognizers_es/all.tsv": (("DATE", "TIME"), {}),
    "recognizers_pt/all.tsv": (("DATE", "TIME"), {}),
    "recognizers_en/all.tsv": (("DATE", "TIME"), {}),
    "conll2002_es/dev.tsv": (("NAME", "LOC", "ORG"), {"PER": "NAME"}),
    "uner_pt_bosque/dev.tsv": (("NAME", "LOC", "ORG"), {"PER": "NAME"}),
    "uner_en_ewt/dev.tsv": (("NAME", "LOC", "ORG"), {"PER": "NAME"}),
}
"""What counts in a set, and its labels that ours call otherwise."""


@dataclass(frozen=True)
class Marked:
    """A set: its sentences, and what counts in it."""

    records: tuple[Record, ...]
    labels: Collection[str]
    names: Mapping[str, str]

    def f1(self, tagger: WordTagger, only: Collection[str]) -> float:
        counted = frozenset(only) & frozenset(self.labels)
        texts = [each.text for each in self.records]
        found = tagger.tag_words(texts, [each.words for each in self.records])
        gold = [relabelled(each.entities, dict(self.names), counted) for each in self.records]
        return score(gold, [relabelled(each, {}, counted) for each in found])[MICRO].f1


def read_set(source: Path, file: str, limit: int) -> Marked:
    """The first sentences of a set; one that is not listed counts with every label it has."""
    records = tuple(islice((each for each in read_records(source / file) if each.words), limit))
    every = {entity.label for record in records for entity in record.entities}
    labels, names = SETS.get(file, (tuple(sorted(every)), {}))
    return Marked(records, labels, names)


def seconds_of(tagger: WordTagger, records: Sequence[Record]) -> float:
    began = time.perf_counter()
    tagger.tag_words([each.text for each in records], [each.words for each in records])
    return time.perf_counter() - began


def hallucinated(tagger: GenerativeTagger, records: Sequence[Record]) -> dict[str, float]:
    """Faults a hundred sentences, with the constraint and without."""
    sentences = [[each.text[start:end] for start, end in each.words] for each in records]
    held = [each.answer for each in tagger.answers(sentences, held=True)]
    free = [each.answer for each in tagger.answers(sentences, held=False)]
    per_hundred = 100 / len(records)
    return {
        "with": per_hundred * sum(len(each.hallucinated) for each in held),
        "without": per_hundred * sum(len(each.hallucinated) for each in free),
        "out of order without": per_hundred * sum(len(each.disordered) for each in free),
        "illegal without": per_hundred * sum(len(each.illegal) for each in free),
        "unfinished without": per_hundred * sum(not each.stopped for each in free),
    }


def measure(
    taggers: Mapping[str, WordTagger], marked: Marked, repetitions: int
) -> dict[str, dict[str, Any]]:
    """The figures of each tagger on a set; the first timing, which warms up, is left out."""
    shared = frozenset.intersection(*(frozenset(each.labels) for each in taggers.values()))
    seconds: dict[str, list[float]] = {name: [] for name in taggers}
    for repetition in range(repetitions + 1):
        for name, tagger in taggers.items():
            spent = seconds_of(tagger, marked.records)
            if repetition:
                seconds[name].append(spent)
    figures: dict[str, dict[str, Any]] = {}
    for name, tagger in taggers.items():
        rates = [len(marked.records) / each for each in seconds[name]]
        alone = [1000 * seconds_of(tagger, [each]) for each in marked.records[:ALONE]]
        figures[name] = {
            "f1": marked.f1(tagger, shared),
            "sentences_per_second": {
                "median": statistics.median(rates),
                "least": min(rates),
                "most": max(rates),
            },
            "ms_alone": statistics.median(alone),
        }
        if isinstance(tagger, GenerativeTagger):
            figures[name]["hallucinated_per_100"] = hallucinated(tagger, marked.records)
    return figures


def size_of(name: str) -> int:
    """Bytes of weights and tokenizer."""
    folder = tagger_folder(name)
    return sum((folder / file).stat().st_size for file in FILES if (folder / file).is_file())


def main(
    source: Path,
    classification: str = "ner-multi",
    generation: str = "ner-causal",
    sets: tuple[str, ...] = tuple(SETS),
    limit: int = 500,
    repetitions: int = 5,
    json: bool = False,
) -> None:
    """Compare the two ways of finding entities.

    Args:
        source: folder of the annotated sets.
        classification: tagger that classifies words; "" leaves it out.
        generation: tagger that writes them; "" leaves it out.
        sets: files below the folder.
        limit: sentences read of each set.
        repetitions: of each timing, at least 3.
        json: write JSON, not a table.
    """
    if repetitions < 3:
        sys.exit(f"repetitions must be at least 3, not {repetitions}")
    torch.set_num_threads(1)
    names = [name for name in (classification, generation) if name]
    taggers = {name: load_tagger(name) for name in names}
    sizes = {name: size_of(name) for name in names}
    found_in: dict[str, dict[str, Any]] = {}
    for file in sets:
        marked = read_set(source, file, limit)
        figures = measure(taggers, marked, repetitions)
        found_in[file] = {"sentences": len(marked.records), **figures}
    report = {
        "torch": torch.__version__,
        "threads": 1,
        "repetitions": repetitions,
        "bytes": sizes,
        "sets": found_in,
    }
    if json:
        print(json_format.dumps(report, indent=2))
        return
    told = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())
    print(f"{told}; one thread, median of {repetitions}\n")
    print("| set | tagger | F1 | sentences/s | ms alone | hallucinated/100 with, without |")
    print("|---|---|---|---|---|---|")
    for file, figures in found_in.items():
        for name in names:
            found = figures[name]
            rate, faults = found["sentences_per_second"], found.get("hallucinated_per_100")
            told = f"{faults['with']:.1f}, {faults['without']:.1f}" if faults else "–"
            print(
                f"| {file} ({figures['sentences']}) | {name} | {100 * found['f1']:.1f} "
                f"| {rate['median']:.0f} ({rate['least']:.0f} to {rate['most']:.0f}) "
                f"| {found['ms_alone']:.1f} | {told} |"
            )


if __name__ == "__main__":
    tyro.cli(main)
