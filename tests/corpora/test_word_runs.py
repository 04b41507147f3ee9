from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.corpora.word_runs import Shared, number_words, shared_runs


def shared(text: list[str], other: list[str], length: int) -> Shared:
    table: dict[str, int] = {}
    return shared_runs(number_words(text, table), number_words(other, table), length)


def test_a_run_is_found_whatever_its_typography() -> None:
    text = ["nada aqui", "Era uma VEZ, três — gatos!", "e foi tudo"]
    assert shared(text, ["era uma vez tres gatos"], 5) == Shared(1, (1,))
    assert shared(text, ["era uma vez tres gatos"], 6) == Shared(0, ())


def test_a_run_may_go_over_the_ends_of_lines_in_both() -> None:
    assert shared(["x a b", "c", "d y"], ["z a", "b c d"], 4) == Shared(1, (0, 1, 2))


def test_nothing_is_shared_with_nothing() -> None:
    assert shared([], ["a b c"], 2) == shared(["a b c"], [], 2) == Shared(0, ())
    assert shared(["...", ""], ["a"], 3) == Shared(0, ())


def test_a_run_has_words() -> None:
    with pytest.raises(ValueError, match="at least 1 word"):
        shared(["a"], ["a"], 0)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_as_the_plain_definition_says(seed: int, length: int) -> None:
    rng = random.Random(seed)

    def lines() -> list[str]:
        return [" ".join(rng.choices("abc", k=rng.randint(0, 6))) for _ in range(rng.randint(1, 6))]

    def runs(words: list[str]) -> list[tuple[str, ...]]:
        return [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]

    text, other = lines(), lines()
    known = set(runs(" ".join(other).split()))
    line_of = [index for index, line in enumerate(text) for _ in line.split()]
    starts = [i for i, run in enumerate(runs(" ".join(text).split())) if run in known]
    touched = sorted({line_of[i + k] for i in starts for k in range(length)})
    assert shared(text, other, length) == Shared(len(starts), tuple(touched))
