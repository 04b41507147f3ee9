"""Precision, recall and F1 of entities: one counts only if its span and its label are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from litteragpt.entities.span import Entity

MICRO = "micro"
"""The key of the figures over all labels."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of one label, or of all of them."""

    precision: float
    recall: float
    f1: float
    correct: int
    predicted: int
    gold: int
    """How many entities there are in truth."""


def score(
    gold: Iterable[Sequence[Entity]], predicted: Iterable[Sequence[Entity]]
) -> dict[str, Scores]:
    """The figures over all labels (`micro`) and of each label, in the order of the alphabet.

    Both give one list of entities a text, in the same order of texts; they are read once, one
    text at a time. A figure whose denominator is 0 is 0. Raises ValueError where one has more
    texts than the other.
    """
    correct, found, due = Counter[str](), Counter[str](), Counter[str]()
    for truth, guess in zip(gold, predicted, strict=True):
        right = {(each.start, each.end, each.label) for each in truth}
        given = {(each.start, each.end, each.label) for each in guess}
        due.update(label for _, _, label in right)
        found.update(label for _, _, label in given)
        correct.update(label for _, _, label in right & given)
    scores = {MICRO: _scores(correct.total(), found.total(), due.total())}
    for label in sorted(due | found):
        scores[label] = _scores(correct[label], found[label], due[label])
    return scores


def _scores(correct: int, predicted: int, gold: int) -> Scores:
    precision = correct / predicted if predicted else 0.0
    recall = correct / gold if gold else 0.0
    f1 = 2 * correct / (predicted + gold) if predicted + gold else 0.0
    return Scores(precision, recall, f1, correct, predicted, gold)
