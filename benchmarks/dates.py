"""Dates and times: our tagger against the rules of Recognizers-Text, on the half held out.

    pip install recognizers-text-date-time 'emoji<2' 'setuptools<70'    # in any Python; see --rules
    python benchmarks/dates.py --source DIR --rules PYTHON

`DIR` holds the sets `recognizers_{es,pt,en}/all.tsv`, which are the rules' own test cases; PYTHON
is the interpreter that has their Python package. Both read the sentences as a person would write
them (no space before a full stop). Strict span and label, DATE and TIME, in two customs:

- ours, as in the card of `ner-multi`: without leading prepositions, in the truth and in what either
  finds; what the truth marks as date and time in one counts neither way.
- theirs: the truth as it is, and what the rules find as they find it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from litteragpt import load_tagger
from litteragpt.entities.readers import read_records
from litteragpt.entities.sets import SetConfig, without_edges
from litteragpt.training.tagger_recipe import load_tagger_recipe

RECIPE = Path(__file__).parents[1] / "models" / "ner-multi.toml"
LABELS = {"date": "DATE", "daterange": "DATE", "time": "TIME", "timerange": "TIME"}
"""Their types that are labels of ours; a date and a time in one is neither."""
ASK = """
import datetime, json, sys
from recognizers_date_time import Culture, recognize_datetime
culture = {"es": Culture.Spanish, "pt": Culture.Portuguese, "en": Culture.English}[sys.argv[1]]
reference = datetime.datetime(2016, 11, 7)
for line in sys.stdin:
    found = recognize_datetime(json.loads(line), culture, reference=reference)
    print(json.dumps([(f.start, f.end + 1, f.type_name.split(".")[-1]) for f in found]))
"""
"""What PYTHON runs: sentences in, what the rules find in each out."""

Span = tuple[int, int, str]
"""First and last word, and label."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it is written, with its words and the truth about them."""

    text: str
    words: tuple[tuple[int, int], ...]
    ours: frozenset[Span]
    """The truth in our customs."""
    theirs: frozenset[Span]
    both: tuple[Span, ...]
    """What is marked as date and time in one."""

    def span(self, start: int, end: int, label: str, edges: Iterable[str] = ()) -> Span:
        """A stretch of the text in words, less what it begins with that is among `edges`."""
        inside = [i for i, (a, b) in enumerate(self.words) if b > start and a < end]
        while len(inside) > 1 and self.text[slice(*self.words[inside[0]])].lower() in edges:
            del inside[0]
        return inside[0], inside[-1], label


def written(words: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The words as a text without the space that stands before a full stop in the sets."""
    text, places = "", []
    for word in words:
        if text and not re.fullmatch(r"[,.;:?!)\]%'’]+", word) and text[-1] not in "¿¡([":
            text += " "
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, tuple(places)


def sentences(config: SetConfig, source: Path) -> list[Sentence]:
    """The held-out half of a set."""
    found = []
    for record in list(read_records(source / config.file))[config.part == "odd" :: 2]:
        words = [record.text[a:b] for a, b in record.words]
        text, places = written(words)
        at = Sentence(record.text, record.words, frozenset(), frozenset(), ())
        stripped = without_edges(record, config.edges)
        theirs = {at.span(e.start, e.end, e.label) for e in record.entities}
        ours = {at.span(e.start, e.end, e.label) for e in stripped.entities}
        kept = frozenset(LABELS.values())
        found.append(
            Sentence(
                text,
                places,
                frozenset(span for span in ours if span[2] in kept),
                frozenset(span for span in theirs if span[2] in kept),
                tuple(span for span in theirs if span[2] in config.unsure),
            )
        )
    return found


def f1(gold: Sequence[frozenset[Span]], found: Sequence[set[Span]]) -> float:
    correct = sum(len(g & f) for g, f in zip(gold, found, strict=True))
    total = sum(len(g) + len(f) for g, f in zip(gold, found, strict=True))
    return 200 * correct / total if total else 0.0


def by_rules(python: str, language: str, texts: Sequence[str]) -> list[list[Span]]:
    """What the rules find: characters from and to, and label."""
    done = subprocess.run(
        [python, "-c", ASK, language],
        input="".join(json.dumps(text) + "\n" for text in texts),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{python} cannot run the rules:\n{done.stderr[-2000:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [[(a, b, LABELS[kind]) for a, b, kind in line if kind in LABELS] for line in lines]


def in_our_customs(
    truth: Sequence[Sentence], found: Iterable[Iterable[Span]], edges: Iterable[str]
) -> list[set[Span]]:
    """What was found, without leading prepositions and what touches a date and time in one."""
    return [
        {
            span
            for start, end, label in spans
            for span in [each.span(start, end, label, edges)]
            if not any(span[0] <= b and a <= span[1] for a, b, _ in each.both)
        }
        for each, spans in zip(truth, found, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--rules", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--model", default="ner-multi")
    arguments = parser.parse_args()
    tagger = load_tagger(arguments.model)
    recipe = load_tagger_recipe(RECIPE)
    for config, _ in recipe.validation:
        if not config.file.startswith("recognizers_"):
            continue
        language = config.file[len("recognizers_") :][:2]
        truth = sentences(config, arguments.source)
        texts = [each.text for each in truth]
        kept = set(LABELS.values())

        tagged = [
            [(e.start, e.end, e.label) for e in entities if e.label in kept]
            for entities in tagger.pipe(texts)
        ]
        ruled = by_rules(arguments.rules, language, texts)
        own = [
            {each.span(*span) for span in spans} for each, spans in zip(truth, ruled, strict=True)
        ]
        gold = [each.ours for each in truth]
        print(
            f"{language}: {len(truth)} sentences, {sum(map(len, gold))} entities; in our customs: "
            f"{arguments.model} {f1(gold, in_our_customs(truth, tagged, config.edges)):.1f}, "
            f"rules {f1(gold, in_our_customs(truth, ruled, config.edges)):.1f}; "
            f"in theirs: rules {f1([each.theirs for each in truth], own):.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
