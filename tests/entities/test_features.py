"""What an encoder knows of a word."""

from __future__ import annotations

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.entities.features import (
    HASHES,
    LONGEST_WORD,
    SEED,
    WordFeatures,
    gram_rows,
    grams,
    shape,
)


def test_grams_are_the_word_and_its_three_to_five_letters() -> None:
    assert grams("ley") == ["<ley>", "<le", "ley", "ey>", "<ley", "ley>", "<ley>"]


@pytest.mark.parametrize(
    ("word", "due"),
    [("Madrid", "Xxxx"), ("UE", "XX"), ("10:30", "dd:dd"), ("2025", "ddd"), ("e-mail", "x-xxx")],
)
def test_shape(word: str, due: str) -> None:
    assert shape(word) == due


def test_case_is_the_shapes_alone_and_inflections_share_rows() -> None:
    features = WordFeatures(65_536, 512)
    (rows, small, _), (again, large, _) = features("madrid"), features("Madrid")
    assert rows == again
    assert small != large
    plural, *_ = features("ministros")
    single, *_ = features("ministro")
    assert len(set(plural) & set(single)) > len(single) / 2
    assert not set(plural) & set(features("café")[0])


def test_accents_composed_or_not_are_the_same() -> None:
    features = WordFeatures(4_096, 64)
    assert features("canción") == features("cancio\u0301n")


@given(st.text(max_size=30), st.integers(2, 2**20))
def test_rows_are_the_parts_of_the_hash(word: str, rows: int) -> None:
    due = []
    for gram in grams(word):
        whole = mmh3.hash_bytes(gram.encode(), SEED, x64arch=True)
        for part in range(HASHES):
            due.append(int.from_bytes(whole[4 * part : 4 * part + 4], "little") % rows)
    assert gram_rows(word, rows) == due


@given(st.text(min_size=1, max_size=300))
def test_rows_are_in_the_table_and_bounded(word: str) -> None:
    rows, number, _ = WordFeatures(97, 13)(word)
    assert rows
    assert all(0 <= row < 97 for row in rows)
    assert 0 <= number < 13
    assert len(rows) <= 2 * 3 * (3 * LONGEST_WORD + 2)
