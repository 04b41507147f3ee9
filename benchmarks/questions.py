"""Questions over documents: our search and reader against BM25 alone, on public Portuguese sets.

    python benchmarks/questions.py --source DIR
    python benchmarks/questions.py --source DIR --texts wiki/*.txt --json
    python benchmarks/questions.py --source DIR --fit OUT

`DIR` holds FaQuAD and SQuAD in Portuguese in SQuAD's format, and Pirá. Everything is told of the
test part alone: the questions of documents none of whose questions were learned from. The
collection is all passages of all sets together.

- recall@1 and @5: whether the question's passage is the first, or among the first five. BM25
  alone: Portuguese Snowball stems without accents and function words, same k1 and b.
- F1 of the answer's words against the marked one (SQuAD's measure in Portuguese: lower case, no
  punctuation, no articles): read from the right passage, and from the one that was found. Only
  questions whose answer stands in their passage; some translated ones do not.
- unanswered: of the questions as they are, and of the same ones with their passage taken out of
  the collection, how many are left unanswered; precision and recall of that.
- ms: median and 95th percentile of a whole `answer`, one thread, the collection filled up to
  10,000 passages with pieces of `--texts`.

`--fit` learns the weights from the tuning part and writes `weights.json` and
`reader.safetensors`, as they stand in the package.
"""

from __future__ import annotations

import json as json_format
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import tyro

from litteragpt.answers import Index, answer
from litteragpt.answers.answer import Answer
from litteragpt.answers.documents import Document
from litteragpt.answers.fit import fit_reader, fit_search
from litteragpt.answers.reader import READER_FILE, load_reader
from litteragpt.answers.sets import Question, QuestionSets, passage_document, read_sets
from litteragpt.answers.weights import WEIGHTS_FILE

ARTICLES = frozenset("o a os as um uma uns umas".split())
COLLECTION = 10_000
TIMED = 300  # questions
FILLING = 800  # characters of a passage


def f1(given: str, marked: str) -> float:
    """The harmonic mean of precision and recall of the words of two answers."""
    mine, theirs = _words(given), _words(marked)
    if not mine or not theirs:
        return float(mine == theirs)
    shared = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * shared / (len(mine) + len(theirs))


def _words(text: str) -> list[str]:
    plain = re.sub(r"[^\w\s]", " ", text.lower())
    return [word for word in plain.split() if word not in ARTICLES]


def ranks(index: Index, questions: Sequence[Question]) -> dict[str, list[int]]:
    """The rank, from 0, of each question's passage for BM25 alone and for us."""
    found: dict[str, list[int]] = {"BM25 alone": [], "ours": []}
    for question in questions:
        plain_P = index.plain_scores(question.text)
        order = np.argsort(-plain_P, kind="stable")
        found["BM25 alone"].append(int(np.flatnonzero(order == question.passage)[0]))
        numbers = [hit.number for hit in index.search(question.text, 40)]
        rank = numbers.index(question.passage) if question.passage in numbers else len(index)
        found["ours"].append(rank)
    return found


def best(index: Index, question: Question, answered: Answer) -> float:
    """F1 of an answer against the nearest of those marked; 0 where there is none."""
    return max(f1(answered.answer or "", marked) for marked in question.answers)


def spans(index: Index, questions: Sequence[Question]) -> dict[str, float]:
    """Mean F1 of what is read from the right passage, and from the first one found."""
    reader = load_reader()
    right, found = [], []
    for question in questions:
        if not question.spans:
            continue
        texts = [index.text(question.passage)]
        texts += [index.text(hit.number) for hit in index.search(question.text, 1)]
        scores = []
        for text in texts:
            span = reader.read(question.text, text)
            words = text[span.start : span.end] if span else ""
            scores.append(max(f1(words, marked) for marked in question.answers))
        right.append(scores[0])
        found.append(scores[1] if len(scores) > 1 else 0.0)
    if not right:
        return {"questions": 0}
    return {
        "questions": len(right),
        "F1, right passage": statistics.mean(right),
        "F1, found passage": statistics.mean(found),
    }


def unanswered(index: Index, questions: Sequence[Question]) -> dict[str, float]:
    """How the threshold parts questions that have their passage from those that have not."""
    silent_with = silent_without = 0
    for question in questions:
        hits = index.search(question.text, 2)
        left = [hit for hit in hits if hit.number != question.passage]
        for kept, with_it in ((hits, True), (left, False)):
            sure = kept and (
                index.weights.probability(kept[0].features_F) >= index.weights.threshold
            )
            silent_with += with_it and not sure
            silent_without += not with_it and not sure
    return {
        "questions": len(questions),
        "answered of those with their passage": 1 - silent_with / len(questions),
        "precision": silent_without / max(silent_with + silent_without, 1),
        "recall": silent_without / len(questions),
    }


def filling(texts: Sequence[Path], passages: int) -> Iterator[Document]:
    """Pieces of text files, as documents of a passage each."""
    pieces: list[str] = []
    number = 0
    for path in texts:
        for line in path.read_text(encoding="utf-8").splitlines():
            pieces.append(line.strip())
            if sum(map(len, pieces)) >= FILLING:
                if number == passages:
                    return
                number += 1
                yield passage_document(f"filling {number}.txt", " ".join(pieces))
                pieces = []


def speed(sets: QuestionSets, texts: Sequence[Path], questions: Sequence[Question]) -> dict[str, float]:
    """Milliseconds of an answer over the filled collection, and of laying out the index."""
    documents = sets.documents()
    documents += filling(texts, COLLECTION - len(documents))
    began = time.perf_counter()
    index = Index(documents)
    built = time.perf_counter() - began
    step = max(1, len(questions) // TIMED)
    timed = questions[::step][:TIMED]
    figures = []
    for question in timed:
        began = time.perf_counter()
        answer(question.text, index)
        figures.append((time.perf_counter() - began) * 1000)
    return {
        "passages": len(index),
        "seconds to lay out": built,
        "median ms": statistics.median(figures),
        "95th percentile ms": float(np.percentile(figures, 95)),
    }


def main(
    source: Path,
    texts: tuple[Path, ...] = (),
    fit: Path | None = None,
    json: bool = False,
) -> None:
    """Measure the search and the reader.

    Args:
        source: folder of the sets, JSON files.
        texts: text files to fill the timed collection with.
        fit: learn the weights instead and write them into this folder.
        json: write JSON, not a table.
    """
    torch.set_num_threads(1)
    sets = read_sets(source)
    index = Index(sets.documents())
    if fit is not None:
        fit.mkdir(parents=True, exist_ok=True)
        fit_search(sets, index).save(fit / WEIGHTS_FILE.name)
        fit_reader(sets).save(fit / READER_FILE.name)
        print(f"wrote {WEIGHTS_FILE.name} and {READER_FILE.name} into {fit}", file=sys.stderr)
        return
    report: dict[str, dict[str, object]] = {}
    questions = [question for question in sets.questions if question.test]
    for name in sorted({question.set for question in questions}):
        own = [question for question in questions if question.set == name]
        recall = {
            who: {f"recall@{k}": sum(rank < k for rank in each) / len(each) for k in (1, 5)}
            for who, each in ranks(index, own).items()
        }
        report[name] = {
            "questions": len(own),
            **recall,
            "spans": spans(index, own),
            "unanswered": unanswered(index, own),
        }
    timing = speed(sets, texts, questions)
    if json:
        print(json_format.dumps({"sets": report, "speed": timing}, indent=2))
        return
    print(f"{len(index)} passages; the test part's questions\n")
    for name, figures in report.items():
        print(f"{name}: {figures['questions']} questions")
        for what, figure in figures.items():
            if isinstance(figure, dict):
                cells = (f"{key} {value:.3f}" for key, value in figure.items())
                print(f"  {what}: " + ", ".join(cells))
    print(", ".join(f"{key} {value:,.1f}" for key, value in timing.items()))


if __name__ == "__main__":
    tyro.cli(main)
