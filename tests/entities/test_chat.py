"""The conversation about a sentence, and what an answer is understood to say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from litteragpt.entities.bio import repaired
from litteragpt.entities.chat import answer_of, messages, read_answer, text_of, written

LABELS = ("DATE", "TIME", "NAME")
WORDS = ("Call", "me", "at", "6", "pm", "on", "Friday", ".")
TAGS = ("O", "O", "O", "B-TIME", "I-TIME", "O", "B-DATE", "O")


def test_the_original_s_example() -> None:
    asked = messages(WORDS, TAGS)
    assert [each.role for each in asked] == ["system", "user", "assistant"]
    assert asked[1].content == "Call me at 6 pm on Friday ."
    assert asked[2].content == "6: B-TIME\npm: I-TIME\nFriday: B-DATE\n[stop]"
    assert text_of(asked).startswith("<|system|>\nPlease do entity recognition")
    assert text_of(asked).startswith(text_of(messages(WORDS)))
    assert [each.role for each in messages(WORDS)] == ["system", "user"]


def test_an_answer_is_read_as_it_was_written() -> None:
    answer = read_answer(answer_of(WORDS, TAGS), WORDS, LABELS)
    assert answer.tags == TAGS
    assert answer.lines == (3, 4, 6)
    assert answer.stopped
    assert not answer.hallucinated + answer.disordered + answer.illegal


def test_what_is_wrong_is_told_and_passed_over() -> None:
    text = "Friday: B-DATE\nAna: B-NAME\n6: B-TIME\non: B-PLACE\nnothing\n.: I-DATE"
    answer = read_answer(text, WORDS, LABELS)
    assert answer.hallucinated == ("Ana",)
    assert answer.disordered == ("6",)
    # An I- that goes on with what came before is legal even where a line between was dropped.
    assert answer.illegal == ("on: B-PLACE", "nothing")
    assert answer.tags == ("O", "O", "O", "O", "O", "O", "B-DATE", "I-DATE")
    assert answer.lines == (6, None, None, None, None, 7)
    assert not answer.stopped


def test_a_stray_inside_tag_begins_an_entity_and_is_told() -> None:
    answer = read_answer("at: I-TIME\npm: I-TIME\n[stop]", WORDS, LABELS)
    assert answer.tags == ("O", "O", "B-TIME", "O", "B-TIME", "O", "O", "O")
    assert answer.illegal == ("at: I-TIME", "pm: I-TIME")


def test_an_entity_is_the_leftmost_run_of_words_that_reads_so() -> None:
    words = ("May", "I", "come", "on", "May", "5", "or", "May", "5", "?")
    answer = read_answer("May: B-DATE\n5: I-DATE\n[stop]", words, LABELS)
    assert answer.lines == (4, 5)
    twice = read_answer("May: B-DATE\n5: I-DATE\nMay: B-DATE\n5: I-DATE\n[stop]", words, LABELS)
    assert twice.lines == (4, 5, 7, 8)
    other = read_answer("May: B-DATE\n5: I-TIME\n[stop]", words, LABELS)
    assert other.tags[0] == "B-DATE"
    assert other.tags[5] == "B-TIME"
    assert other.illegal == ("5: I-TIME",)


def test_a_word_may_hold_what_the_form_is_made_of() -> None:
    words = (":", "[stop]", "B-DATE", "::")
    tags = ("B-DATE", "B-TIME", "I-TIME", "B-NAME")
    assert read_answer(answer_of(words, tags), words, LABELS).tags == tags


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["O", "B", "I"]))))
def test_no_answer_is_wrong_about_words_that_stand_once(pairs: list[tuple[str, str]]) -> None:
    words = [f"{word}{number}" for number, (word, _) in enumerate(pairs)]
    kinds = ("O" if kind == "O" else f"{kind}-{LABELS[ord(w) % 3]}" for w, kind in pairs)
    tags = repaired(kinds)
    answer = read_answer(answer_of(words, tags), words, LABELS)
    assert list(answer.tags) == tags
    assert not answer.hallucinated + answer.disordered + answer.illegal


@given(st.text(), st.lists(st.text(min_size=1, max_size=3)))
def test_any_text_is_an_answer(text: str, words: list[str]) -> None:
    answer = read_answer(text, words, LABELS)
    assert len(answer.tags) == len(words)
    assert list(answer.tags) == repaired(answer.tags)


def test_a_word_is_written_short_and_composed() -> None:
    assert written("cafe\u0301") == "café"
    assert written("\ud800x") == "\ufffdx"
    assert len(written("a" * 10**6)) == 64
