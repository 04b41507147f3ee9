"""The rows of words: known ones their own, others those of their n-grams."""

from __future__ import annotations

from pathlib import Path

import pytest

from litteragpt.answers.words import EMPTY, WordRows, words_of


def test_words_are_told_apart_in_lower_case() -> None:
    assert words_of("Quem É a Ana-Maria, 2?") == ["quem", "é", "a", "ana", "maria", "2", "?"]
    assert words_of("cafe\u0301_x") == ["café", "x"]
    assert words_of(" …—\n") == []


def test_a_known_word_has_a_row_and_others_share_theirs() -> None:
    rows = WordRows(["casa", "?"], 1_000, 5)
    assert rows("Casa casa?") == [(0,), (0,), (1,)]
    (one,), (other,) = rows("gatinhos"), rows("gatinho")
    assert min(one + other) >= 2
    assert max(one + other) < 1_002
    assert set(one) & set(other)
    assert rows.rows("casa", parts=True) != (0,)
    assert rows("gatinhos")[0] is one
    assert len(rows("a " * 50)) == 5


def test_a_text_without_a_word_and_a_monstrous_word_are_read() -> None:
    rows = WordRows(["casa"], 100, 5)
    assert rows("…") == [rows.rows(EMPTY)]
    assert len(rows("x" * 100_000)[0]) < 1_000


def test_a_vocabulary_is_kept_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    WordRows(["casa", "ação"], 10, 5).save(path)
    assert WordRows.load(path, 10, 5).words == ("casa", "ação")
    for text, fault in (("a\na\n", "stands twice"), ("a b\n", "no word"), ("A,\n", "no word")):
        path.write_text(text, "utf-8")
        with pytest.raises(ValueError, match=fault):
            WordRows.load(path, 10, 5)
