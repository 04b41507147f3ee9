"""Questions over documents: our search and reader against BM25 alone, on public Portuguese sets.

    python benchmarks/questions.py --source DIR
    python benchmarks/questions.py --source DIR --texts wiki/*.txt --json
    python benchmarks/questions.py --source DIR --reranker FOLDER
    python benchmarks/questions.py --source DIR --encoder none
    python benchmarks/questions.py --source DIR --fit OUT

`DIR` holds FaQuAD and SQuAD in Portuguese in SQuAD's format, and Pirá. Everything is told of the
test part alone: the questions of documents none of whose questions were learned from. The
collection is all passages of all sets together.

- recall@1 and @5: whether the question's passage is the first, or among the first five. BM25
  alone: Portuguese Snowball stems without accents and function words, same k1 and b. Words: our
  score without the sentence encoder. Meaning: with it, as `litteragpt ask` answers.
- F1 of the answer's words against the marked one (SQuAD's measure in Portuguese: lower case, no
  punctuation, no articles): read from the right passage, and from the one that was found. Only
  questions whose answer stands in their passage; some translated ones do not.
- unanswered: of the questions as they are, and of the same ones with their passage taken out of
  the collection, how many are left unanswered; precision and recall of that.
- gain: of recall over words, on all questions together, with the 95 % interval of a bootstrap.
- ms: median and 95th percentile of a whole `answer`, one thread, the collection filled up to
  10,000 passages with pieces of `--texts`; with the encoder, which keeps what it has read.

`--fit` learns the weights from the tuning part and writes `weights.json` and
`reader.safetensors`, as they stand in the package.
"""

from __future__ import annotations

import json as json_format
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import tyro

from litteragpt.answers import Index, Reranker, answer
from litteragpt.answers.documents import Document
from litteragpt.answers.fit import fit_reader, fit_search
from litteragpt.answers.foreign import load_judge
from litteragpt.answers.meaning import DEFAULT_ENCODER, load_meaning
from litteragpt.answers.measure import ranks, spans, unanswered
from litteragpt.answers.reader import READER_FILE
from litteragpt.answers.sets import Question, QuestionSets, passage_document, read_sets
from litteragpt.answers.weights import WEIGHTS_FILE

COLLECTION = 10_000
TIMED = 300  # questions
FILLING = 500  # characters of a passage


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


def gains(before: Sequence[int], after: Sequence[int]) -> dict[str, float]:
    """What recall gains from one list of ranks to another, of the same questions: the mean, and
    95 % of what 4,000 draws of as many questions give."""
    rng = np.random.default_rng(0)
    report: dict[str, float] = {}
    for k in (1, 5):
        each_N = (np.array(after) < k).astype(float) - (np.array(before) < k)
        means = [rng.choice(each_N, len(each_N)).mean() for _ in range(4_000)]
        low, high = np.percentile(means, [2.5, 97.5])
        report[f"@{k}"], report[f"@{k} low"], report[f"@{k} high"] = each_N.mean(), low, high
    return report


def speed(
    sets: QuestionSets,
    texts: Sequence[Path],
    questions: Sequence[Question],
    judges: Mapping[str, Reranker | None],
) -> dict[str, float]:
    """Milliseconds of an answer over the filled collection, and of laying out the index."""
    documents = sets.documents()
    documents += filling(texts, COLLECTION - len(documents))
    began = time.perf_counter()
    index = Index(documents)
    built = time.perf_counter() - began
    step = max(1, len(questions) // TIMED)
    timed = questions[::step][:TIMED]
    report = {"passages": float(len(index)), "seconds to lay out": built}
    for who, judge in judges.items():
        figures = []
        for question in timed:
            began = time.perf_counter()
            answer(question.text, index, reranker=judge)
            figures.append((time.perf_counter() - began) * 1000)
        report[f"{who}, median ms"] = statistics.median(figures)
        report[f"{who}, 95th percentile ms"] = float(np.percentile(figures, 95))
    return report


def main(
    source: Path,
    texts: tuple[Path, ...] = (),
    fit: Path | None = None,
    encoder: str = DEFAULT_ENCODER,
    reranker: Path | None = None,
    json: bool = False,
) -> None:
    """Measure the search and the reader.

    Args:
        source: folder of the sets, JSON files.
        texts: text files to fill the timed collection with.
        fit: learn the weights instead and write them into this folder.
        encoder: name or folder of a sentence encoder; none for words alone.
        reranker: folder of a model that judges (`litteragpt ask --reranker`), for its recall too.
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
    judges: dict[str, Reranker] = {}
    if encoder != "none":
        judges["meaning"] = load_meaning(encoder)
    if reranker is not None:
        judges[reranker.name] = load_judge(reranker)
    ways: dict[str, Reranker | None] = {"words": None, **judges}
    report: dict[str, dict[str, object]] = {}
    questions = [question for question in sets.questions if question.test]
    ranked: dict[str, list[int]] = {}
    for name in sorted({question.set for question in questions}):
        own = [question for question in questions if question.set == name]
        found = ranks(index, own, judges)
        for who, each in found.items():
            ranked.setdefault(who, []).extend(each)
        report[name] = {
            "questions": len(own),
            **{
                who: {f"recall@{k}": sum(rank < k for rank in each) / len(each) for k in (1, 5)}
                for who, each in found.items()
            },
            **{f"spans, {who}": spans(index, own, judge) for who, judge in ways.items()},
            **{f"unanswered, {who}": unanswered(index, own, judge) for who, judge in ways.items()},
        }
    report["all"] = {
        "questions": len(questions),
        **{f"gain of {who} over words": gains(ranked["words"], ranked[who]) for who in judges},
    }
    timing = speed(sets, texts, questions, ways)
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
