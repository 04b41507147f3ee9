"""Scores that mean what they say: of entities scored 0.8, four in five should be right.

One temperature for all scores, chosen on held-out text by the likelihood of what was right and
wrong (Guo et al. 2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from litteragpt.entities.record import Record
from litteragpt.entities.span import Entity
from litteragpt.entities.tagger import EntityTagger

TEMPERATURES = (0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)
MOST_RECORDS = 500
"""Of each set."""

HeldOut = tuple[Sequence[Record], Sequence[Sequence[Entity]], Collection[str]]


def calibration_of(tagger: EntityTagger, held_out: Sequence[HeldOut]) -> float:
    """The best temperature of `TEMPERATURES` for a tagger's scores; 1 without held-out text."""
    if not held_out:
        return 1.0
    return min(TEMPERATURES, key=lambda each: log_loss(judged(tagger.calibrated(each), held_out)))


def judged(tagger: EntityTagger, held_out: Iterable[HeldOut]) -> list[tuple[float, bool]]:
    """The score of each entity found, and whether it is right."""
    found: list[tuple[float, bool]] = []
    for records, gold, only in held_out:
        some = records[:MOST_RECORDS]
        read = tagger.tag_words([each.text for each in some], [each.words for each in some])
        for entities, truth in zip(read, gold, strict=False):
            right = {(each.start, each.end, each.label) for each in truth}
            found += [
                (each.score, (each.start, each.end, each.label) in right)
                for each in entities
                if each.label in only
            ]
    return found


def log_loss(scored: Sequence[tuple[float, bool]]) -> float:
    """Mean of minus the log-likelihood, in nats, of what was right and wrong."""
    bounded = [(min(max(score, 1e-4), 1 - 1e-4), right) for score, right in scored]
    if not bounded:
        return 0.0
    return -sum(math.log(p if right else 1 - p) for p, right in bounded) / len(bounded)


def calibration_error(scored: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error: mean gap of score and share of right ones, over equal bins."""
    gaps = 0.0
    for number in range(bins):
        inside = [
            (score, right) for score, right in scored if number == min(bins - 1, int(score * bins))
        ]
        if inside:
            mean = sum(score for score, _ in inside) / len(inside)
            right = sum(right for _, right in inside) / len(inside)
            gaps += abs(mean - right) * len(inside)
    return gaps / len(scored) if scored else 0.0
