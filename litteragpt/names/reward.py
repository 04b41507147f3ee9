"""Whether a name is one that a person would accept: what reinforcement learning rewards."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from litteragpt.bounds import check_range
from litteragpt.names.known import KnownNames
from litteragpt.names.structure import parse

_LOOP: Final = re.compile(r"(.{2,40}?)\1{2}|(.)\2{3}", re.DOTALL)
_LONGEST_READ: Final = 200
"""Characters of a name that are looked through for loops."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true of one name."""

    well_formed: bool
    """It came to its end and has exactly one separator, with a bairro and a city."""
    real_city: bool
    """It is well-formed, and the city exists."""
    new: bool
    """It is well-formed, and no training pair."""
    loops: bool


def judge(name: str, known: KnownNames, *, ended: bool = True) -> Verdict:
    """Judge a name; one that did not come to its end was cut, and is not well-formed."""
    place = parse(name) if ended else None
    if place is None:
        return Verdict(False, False, False, loops(name))
    return Verdict(True, known.is_city(place.city), not known.is_known(name), loops(name))


def loops(text: str) -> bool:
    """Whether something comes three times running: a word, or any other run of 2 to 40 characters.

    Of single characters it takes four, since `VIII` is none. Case does not count. Only the
    first 200 characters are looked at.
    """
    # With a space at the end the last word, too, is followed by one.
    return _LOOP.search(f"{text[:_LONGEST_READ]} ".casefold()) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each part of a verdict is worth."""

    well_formed: float = 1.0
    real_city: float = 1.0
    """Added for a city that exists."""
    copied: float = 0.5
    """Taken off for a training pair."""
    loops: float = 1.0
    """Taken off for a loop."""

    def validate(self) -> None:
        """Raise `ValueError` for a weight outside of 0 to 100."""
        for field in dataclasses.fields(self):
            check_range(field.name, getattr(self, field.name), 0.0, 100.0)


def reward(verdict: Verdict, weights: Weights) -> float:
    """The reward of a name: the sum of what its verdict is worth."""
    total = weights.well_formed * verdict.well_formed + weights.real_city * verdict.real_city
    copied = verdict.well_formed and not verdict.new
    return total - weights.copied * copied - weights.loops * verdict.loops


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What many samples are like. Rates are shares of all samples, but for `new`."""

    samples: int
    well_formed: float
    real_city: float
    new: float
    """Of the well-formed ones, those that are no training pair."""
    distinct: float
    """Different names over samples."""
    loops: float
    mean_chars: float
    """Characters of a name, without its end."""
    entropy_per_name: float
    """Nats: the mean over the samples of the sum of the entropies of a name's steps, which
    estimates the entropy of the distribution of names."""
    entropy_per_char: float
    """The same over characters, ends included."""


def summarise(
    names: Sequence[str], verdicts: Sequence[Verdict], entropies: Sequence[float]
) -> Summary:
    """The summary of samples; `entropies` are nats, one sum a name."""
    assert len(names) == len(verdicts) == len(entropies) > 0, "there are samples, all judged"
    count = len(names)
    well_formed = sum(verdict.well_formed for verdict in verdicts)
    characters = sum(map(len, names))
    return Summary(
        samples=count,
        well_formed=well_formed / count,
        real_city=sum(verdict.real_city for verdict in verdicts) / count,
        new=sum(verdict.new for verdict in verdicts) / max(1, well_formed),
        distinct=len(set(names)) / count,
        loops=sum(verdict.loops for verdict in verdicts) / count,
        mean_chars=characters / count,
        entropy_per_name=sum(entropies) / count,
        entropy_per_char=sum(entropies) / (characters + count),
    )
