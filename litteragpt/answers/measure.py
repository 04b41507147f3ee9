"""How well an index and its reader do on questions whose passage and answer are known."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from litteragpt.answers.answer import reader_of
from litteragpt.answers.index import CANDIDATES, Index, Reranker
from litteragpt.answers.reader import PassageReader
from litteragpt.answers.sets import Question

_ARTICLES = frozenset({"o", "a", "os", "as", "um", "uma", "uns", "umas"})


def f1(given: str, marked: str) -> float:
    """The harmonic mean of precision and recall of the words of two answers."""
    mine, theirs = _words(given), _words(marked)
    if not mine or not theirs:
        return float(mine == theirs)
    shared = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * shared / (len(mine) + len(theirs))


def _words(text: str) -> list[str]:
    plain = re.sub(r"[^\w\s]", " ", text.lower())
    return [word for word in plain.split() if word not in _ARTICLES]


def ranks(
    index: Index, questions: Sequence[Question], rerankers: Mapping[str, Reranker] | None = None
) -> dict[str, list[int]]:
    """The rank, from 0, of each question's passage for BM25 alone, for our score by words, and
    for each of the rerankers, by name."""
    searches: dict[str, Reranker | None] = {"words": None, **(rerankers or {})}
    found: dict[str, list[int]] = {"BM25 alone": [], **{who: [] for who in searches}}
    for question in questions:
        plain_P = index.plain_scores(question.text)
        order = np.argsort(-plain_P, kind="stable")
        found["BM25 alone"].append(int(np.flatnonzero(order == question.passage)[0]))
        for who, judge in searches.items():
            hits = index.search(question.text, CANDIDATES, reranker=judge)
            numbers = [hit.number for hit in hits]
            rank = numbers.index(question.passage) if question.passage in numbers else len(index)
            found[who].append(rank)
    return found


def marked_f1(reader: PassageReader, question: Question, text: str) -> float:
    """F1 of the words that a reader marks in a text, by the likest of the marked answers."""
    span = reader.read(question.text, text)
    words = text[span.start : span.end] if span else ""
    return max(f1(words, marked) for marked in question.answers)


def spans(
    index: Index, questions: Sequence[Question], reranker: Reranker | None = None
) -> dict[str, float]:
    """Mean F1 of what is read from the right passage, and from the first one found."""
    reader = reader_of(reranker)
    right, found = [], []
    for question in questions:
        if not question.spans:
            continue
        texts = [index.text(question.passage)]
        hits = index.search(question.text, 1, reranker=reranker)
        texts += [index.text(hit.number) for hit in hits]
        scores = []
        for text in texts:
            scores.append(marked_f1(reader, question, text))
        right.append(scores[0])
        found.append(scores[1] if len(scores) > 1 else 0.0)
    if not right:
        return {"questions": 0}
    return {
        "questions": len(right),
        "F1, right passage": statistics.mean(right),
        "F1, found passage": statistics.mean(found),
    }


def unanswered(
    index: Index, questions: Sequence[Question], reranker: Reranker | None = None
) -> dict[str, float]:
    """How the threshold parts questions that have their passage from those that have not."""
    silent_with = silent_without = 0
    asked = reranker.threshold if reranker is not None else None
    threshold = index.weights.threshold if asked is None else asked
    for question in questions:
        hits = index.search(question.text, 2, reranker=reranker)
        left = [hit for hit in hits if hit.number != question.passage]
        for kept, with_it in ((hits, True), (left, False)):
            sure = kept and kept[0].probability >= threshold
            silent_with += with_it and not sure
            silent_without += not with_it and not sure
    return {
        "questions": len(questions),
        "answered of those with their passage": 1 - silent_with / len(questions),
        "precision": silent_without / max(silent_with + silent_without, 1),
        "recall": silent_without / len(questions),
    }
