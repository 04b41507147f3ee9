"""The learned weights of the search: a file of the package, or a caller's own.

What the package's own were learned from, under which licences, and how well they do is in their
card, `README.md` beside them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from litteragpt.answers.matching import FEATURES, SIZELESS
from litteragpt.answers.vocabulary import Floats
from litteragpt.files import read_json_object, write_text
from litteragpt.tables import check_keys, typed

WEIGHTS_FILE: Final = Path(__file__).with_name("weights.json")
_MAX_BYTES: Final = 2**16
_SIZELESS: Final = [FEATURES.index(name) for name in SIZELESS]


@dataclass(frozen=True, slots=True)
class Weights:
    """A linear score of a passage's figures, and the score from which on there is an answer.

    `ranking` weighs `matching.FEATURES`. `confidence` weighs `matching.SIZELESS`, and has a bias
    in its last place: their sum is the logarithm of the odds that the best passage found holds
    the answer. `threshold` is the probability from which on an answer is given.
    """

    ranking: tuple[float, ...]
    confidence: tuple[float, ...]
    threshold: float

    def score(self, features_KF: Floats) -> Floats:
        """The score of each passage, `K`."""
        return np.asarray(features_KF @ np.array(self.ranking, np.float32))

    def log_odds(self, features_KF: Floats) -> Floats:
        """The logarithms of the odds that passages with these figures hold the answer, `K`."""
        *weights, bias = self.confidence
        return np.asarray(features_KF[:, _SIZELESS] @ np.array(weights, np.float32) + bias)

    def save(self, path: Path) -> None:
        """Write the weights as JSON."""
        table: dict[str, Any] = {
            "ranking": dict(zip(FEATURES, self.ranking, strict=True)),
            "confidence": dict(zip((*SIZELESS, "bias"), self.confidence, strict=True)),
            "threshold": self.threshold,
        }
        write_text(path, json.dumps(table, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Weights:
        """The weights in a JSON file; ValueError where it is malformed."""
        table = read_json_object(path, _MAX_BYTES)
        keys = ("ranking", "confidence", "threshold")
        check_keys(table, keys, keys, str(path))
        return cls(
            _figures(table["ranking"], FEATURES, f"{path}: ranking"),
            _figures(table["confidence"], (*SIZELESS, "bias"), f"{path}: confidence"),
            typed(table["threshold"], float, f"{path}: threshold"),
        )


def probability_of(log_odds: float) -> float:
    """The probability of an event whose odds have this logarithm."""
    return float(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))))


@cache
def load_weights() -> Weights:
    """The weights that come with the package."""
    return Weights.load(WEIGHTS_FILE)


def _figures(table: Any, names: tuple[str, ...], source: str) -> tuple[float, ...]:
    if not isinstance(table, dict):
        raise ValueError(f"{source} must be an object")
    check_keys(table, names, names, source)
    return tuple(typed(table[name], float, f"{source}.{name}") for name in names)
