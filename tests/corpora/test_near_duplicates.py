from __future__ import annotations

import random

import pytest

from litteragpt.corpora.near_duplicates import find_duplicates

WORDS = [f"palavra{number}" for number in range(500)]


def sentences(count: int, seed: int) -> list[list[str]]:
    rng = random.Random(seed)
    return [rng.choices(WORDS, k=30) for _ in range(count)]


def find(texts: list[str], threshold: float = 0.8, seed: int = 1) -> list[int]:
    return find_duplicates(texts, threshold=threshold, seed=seed)


def test_the_same_words_are_a_copy_even_where_few() -> None:
    assert find(["Ó pá!", "Sim.", "o PA", "Não."]) == [-1, -1, 0, -1]


def test_copies_with_a_word_changed_are_found_and_no_others() -> None:
    originals = sentences(100, 1)
    changed = [[*words[:-1], "outra"] for words in originals]  # similarity 27 / 29
    texts = [" ".join(words) for words in originals + changed]
    assert find(texts) == [-1] * 100 + list(range(100))


def test_what_is_half_the_same_is_no_copy() -> None:
    texts = sentences(100, 2)
    half = [words[:15] + other[15:] for words, other in zip(texts, sentences(100, 3), strict=True)]
    assert find([" ".join(words) for words in texts + half]) == [-1] * 200


def test_the_threshold_decides() -> None:
    words = sentences(1, 4)[0]
    texts = [" ".join(words), " ".join([*words[:-4], *"abcd"])]  # similarity 24 / 32
    assert find(texts, threshold=0.7) == [-1, 0]
    assert find(texts, threshold=0.8) == [-1, -1]


def test_all_copies_are_of_the_first_of_them() -> None:
    text = " ".join(sentences(1, 5)[0])
    assert find([text, f"{text} a", f"{text} b", f"{text} c"]) == [-1, 0, 0, 0]


def test_many_of_one_kind_take_no_quadratic_time() -> None:
    # All begin alike, so that all meet in a bucket, and no two are copies.
    start = " ".join(WORDS[:12])
    texts = [f"{start} {' '.join(words[:12])}" for words in sentences(400, 6)]
    assert find(texts) == [-1] * 400


def test_the_seed_changes_only_what_is_missed() -> None:
    texts = [" ".join(words) for words in sentences(50, 7)]
    assert find(texts + texts, seed=2) == find(texts + texts, seed=3)


def test_nothing() -> None:
    assert find([]) == []
    assert find(["", "..."]) == [-1, 0]


@pytest.mark.parametrize("threshold", [0.0, 1.1, -1.0])
def test_the_threshold_has_bounds(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be above 0 and at most 1"):
        find(["a"], threshold=threshold)
