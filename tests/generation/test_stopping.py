from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.generation.stopping import StopConfig, Stopper
from litteragpt.sentences import SentenceCounter

PROSE = st.text(alphabet="aAbñ .…?!¿—«»\n'\"1,", max_size=60)


def settled_after_each(text: str, stopper: Stopper) -> list[int]:
    settled = []
    for character in text:
        if stopper.finish_reason:
            break
        stopper.feed(character)
        settled.append(stopper.settled)
    return settled


def test_a_row_ends_after_its_sentences() -> None:
    stopper = Stopper(StopConfig(sentences=2), before="")
    text = "Vino el Sr. Pérez. ¿Qué? Dijo"
    settled_after_each(text, stopper)
    assert stopper.finish_reason == "sentences"
    assert text[: stopper.settled] == "Vino el Sr. Pérez. ¿Qué?"


def test_the_prompt_begins_the_first_sentence() -> None:
    stopper = Stopper(StopConfig(sentences=1), before="Vino el Sr")
    settled_after_each(". Pérez. Luego", stopper)
    assert (stopper.finish_reason, stopper.settled) == ("sentences", len(". Pérez."))


def test_only_what_may_lie_past_the_end_is_held_back() -> None:
    stopper = Stopper(StopConfig(sentences=9), before="")
    assert settled_after_each("Ay. —Y", stopper) == [1, 2, 3, 3, 3, 6]
    assert settled_after_each("o vi", stopper) == [7, 7, 9, 10]


def test_without_a_sentence_limit_nothing_is_held_back() -> None:
    stopper = Stopper(StopConfig(sentences=None, max_chars=6), before="")
    assert settled_after_each("A. B.  C", stopper) == [1, 2, 3, 4, 5, 6]
    assert stopper.finish_reason == "length"


def test_a_length_ends_a_row_with_what_was_held_back() -> None:
    stopper = Stopper(StopConfig(sentences=1, max_chars=4), before="")
    settled_after_each("Ay. —Y", stopper)
    assert (stopper.finish_reason, stopper.settled) == ("length", 4)


def test_a_piece_longer_than_the_length_is_cut() -> None:
    stopper = Stopper(StopConfig(max_chars=3), before="")
    stopper.feed("palabra")
    assert (stopper.finish_reason, stopper.settled) == ("length", 3)


def test_sentences_that_end_past_the_length_end_by_length() -> None:
    stopper = Stopper(StopConfig(sentences=1, max_chars=3), before="")
    stopper.feed("Casa. Otra")
    assert (stopper.finish_reason, stopper.settled) == ("length", 3)


def test_cancel_settles_everything_but_changes_no_end() -> None:
    stopper = Stopper(StopConfig(sentences=1), before="")
    settled_after_each("Casa. ", stopper)
    stopper.cancel()
    assert (stopper.finish_reason, stopper.settled) == ("cancelled", 6)
    ended = Stopper(StopConfig(sentences=1, max_chars=1), before="")
    ended.feed("a")
    ended.cancel()
    assert ended.finish_reason == "length"


def test_a_row_of_pieces_without_text_ends() -> None:
    stopper = Stopper(StopConfig(max_chars=2), before="")
    for _ in range(7):
        stopper.feed("")
        assert stopper.finish_reason is None
    stopper.feed("")
    assert (stopper.finish_reason, stopper.settled) == ("length", 0)


@given(PROSE, PROSE, st.integers(1, 3), st.data())
def test_what_is_settled_stays_and_the_end_is_the_counters(
    before: str, text: str, sentences: int, data: st.DataObject
) -> None:
    stopper = Stopper(StopConfig(sentences=sentences), before=before)
    expected = SentenceCounter(sentences, before=before).feed(text)
    rest, settled = text, 0
    while rest and stopper.finish_reason is None:
        size = data.draw(st.integers(1, 4))
        stopper.feed(rest[:size])
        rest = rest[size:]
        assert stopper.settled >= settled
        settled = stopper.settled
    if expected is None:
        assert stopper.finish_reason is None
    else:
        assert (stopper.finish_reason, stopper.settled) == ("sentences", expected)


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"max_chars": 0}, "from 1 to 20000"),
        ({"max_chars": 20_001}, "from 1 to 20000"),
        ({"max_chars": 3.5}, "from 1 to 20000"),
        ({"max_chars": True}, "from 1 to 20000"),
        ({"max_chars": None}, "from 1 to 20000"),
        ({"max_chars": math.inf}, "from 1 to 20000"),
        ({"sentences": 0}, "from 1 to 100"),
        ({"sentences": 101}, "from 1 to 100"),
        ({"sentences": math.nan}, "from 1 to 100"),
    ],
)
def test_a_limit_out_of_range_is_named_with_its_range(fields: dict[str, Any], allowed: str) -> None:
    (name,) = fields
    with pytest.raises(ValueError, match=f"{name} .*{allowed}"):
        StopConfig(**fields)


def test_a_row_ends_after_its_words_and_holds_back_what_may_not_belong() -> None:
    stopper = Stopper(StopConfig(sentences=None, words=2), before="um planeta")
    assert settled_after_each("s sol azul-", stopper) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]
    assert stopper.finish_reason is None
    assert settled_after_each("mar. E", stopper)[-1] == len("s sol azul-mar")
    assert stopper.finish_reason == "words"


def test_words_that_never_end_end_at_the_length() -> None:
    stopper = Stopper(StopConfig(sentences=None, words=1, max_chars=5), before="")
    settled_after_each("aaaaaaaa", stopper)
    assert (stopper.finish_reason, stopper.settled) == ("length", 5)


def test_a_line_ends_before_its_break_wherever_the_break_stands_in_a_piece() -> None:
    stopper = Stopper(StopConfig(sentences=None, line=True), before="")
    stopper.feed("Centro - ")
    stopper.feed("Natal\nBom")
    assert (stopper.finish_reason, stopper.settled) == ("line", len("Centro - Natal"))


def test_words_and_sentences_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="not both"):
        StopConfig(sentences=2, words=3)
    with pytest.raises(ValueError, match="words"):
        StopConfig(sentences=None, words=0)
