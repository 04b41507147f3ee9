"""Spans, words and tags: the laws between them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.entities.bio import illegal, repaired, spans_of, tags_of
from litteragpt.entities.span import (
    Entity,
    check_entities,
    entity_at,
    relabelled,
    without_overlaps,
)
from litteragpt.entities.words import split_words

TAGS = st.sampled_from(["O", "B-DATE", "I-DATE", "B-NAME", "I-NAME"])
TEXTS = st.text(st.sampled_from("aZé9 \n.,:/@-'’_\u0301👩\u200dº(") | st.characters(), max_size=60)


def words_in(text: str) -> list[str]:
    return [text[start:end] for start, end in split_words(text)]


@given(TEXTS)
def test_each_character_but_white_space_is_in_exactly_one_word(text: str) -> None:
    at = 0
    for start, end in split_words(text):
        assert at <= start < end
        assert not text[at:start].strip()
        assert not any(map(str.isspace, text[start:end]))
        at = end
    assert not text[at:].strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("On sexta-feira, O'Brien d’água.", ["On", "sexta-feira", ",", "O'Brien", "d’água", "."]),
        ("10:30 20/02/2025 1.234,56 3-2 7h30", ["10:30", "20/02/2025", "1.234,56", "3-2", "7h30"]),
        ("às 8.", ["às", "8", "."]),
        ("mail john.o'hara+x@mail.co.uk.", ["mail", "john.o'hara+x@mail.co.uk", "."]),
        ("<ana_b@x.org>,b@y.pt", ["<", "ana_b@x.org", ">", ",", "b@y.pt"]),
        ("@ana a@b @", ["@", "ana", "a", "@", "b", "@"]),
        ("(https://a.b/c?d=1).", ["(", "https://a.b/c?d=1", ")", "."]),
        ("e\u0301poca", ["e\u0301poca"]),
        ("¿Sí? 👩‍👧", ["¿", "Sí", "?", "👩", "\u200d", "👧"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_in(text) == words


@pytest.mark.parametrize("unit", ["a", "@", ".", "a.", "a-", "a@a.", "x@a.a.a.", "http://", "1."])
def test_the_words_of_a_long_text_of_one_thing(unit: str) -> None:
    # A pattern that backtracks would not come to its end here.
    text = (unit * 2**18)[: 2**18]
    assert sum(end - start for start, end in split_words(text)) == 2**18


@given(st.lists(TAGS, max_size=12))
def test_tags_to_spans_and_back(tags: list[str]) -> None:
    text = "w " * len(tags)
    words = split_words(text)
    entities = spans_of(words, tags, text)
    check_entities(text, entities)
    assert tags_of(words, entities) == repaired(tags)
    assert spans_of(words, repaired(tags), text) == entities
    legal = not any(illegal(*pair) for pair in zip(["O", *tags], tags, strict=False))
    assert legal == (repaired(tags) == tags)


@given(TEXTS, st.data())
def test_spans_to_tags_and_back(text: str, data: st.DataObject) -> None:
    words = split_words(text)
    edges = sorted(data.draw(st.sets(st.integers(0, len(words)), max_size=6)))
    entities = [
        entity_at(text, words[first][0], words[last - 1][1], data.draw(st.sampled_from("AB")))
        for first, last in pairwise(edges)
    ]
    assert spans_of(words, tags_of(words, entities), text) == entities


def test_an_entity_is_as_sure_as_its_least_sure_word() -> None:
    text = "Ana Paz vino"
    (entity,) = spans_of(split_words(text), ["B-NAME", "I-NAME", "O"], text, [0.9, 0.6, 0.1])
    fields = [("start", 0), ("end", 7), ("label", "NAME"), ("text", "Ana Paz"), ("score", 0.6)]
    assert list(entity.to_dict().items()) == fields
    with pytest.raises(ValueError, match="one tag"):
        spans_of(split_words(text), ["O"], text)
    with pytest.raises(ValueError, match="B-LABEL"):
        spans_of(split_words(text), ["O", "NAME", "O"], text)


def test_edges_inside_words() -> None:
    text = "ver 10:30hs ya"
    words = split_words(text)
    inside = entity_at(text, 4, 9, "TIME")
    with pytest.raises(ValueError, match="inside a word"):
        tags_of(words, [inside])
    assert tags_of(words, [inside], snap=True) == ["O", "B-TIME", "O"]
    both = [entity_at(text, 4, 6, "TIME"), entity_at(text, 7, 14, "DATE")]
    assert tags_of(words, both, snap=True) == ["O", "B-TIME", "B-DATE"]
    blank = [entity_at(text, 3, 4, "X")]
    with pytest.raises(ValueError, match="no word"):
        tags_of(words, blank)
    assert tags_of(words, blank, snap=True) == ["O", "O", "O"]


@pytest.mark.parametrize(
    ("entities", "says"),
    [
        ([Entity(0, 4, "A", "abcd")], "within the text"),
        ([Entity(-1, 2, "A", "ab")], "within the text"),
        ([Entity(1, 1, "A", "")], "within the text"),
        ([Entity(0, 2, "A", "ba")], "that stands there"),
        ([Entity(1, 3, "B", "bc"), Entity(0, 2, "A", "ab")], "overlaps A 0:2"),
    ],
)
def test_entities_that_are_none(entities: list[Entity], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_entities("abc", entities)


SPANS = st.lists(
    st.builds(
        lambda start, size, label, score: entity_at("x" * 40, start, start + size, label, score),
        st.integers(0, 30),
        st.integers(1, 9),
        st.sampled_from("AB"),
        st.sampled_from([0.2, 0.5, 1.0]),
    ),
    max_size=12,
)


@given(SPANS)
def test_without_overlaps(entities: list[Entity]) -> None:
    kept = without_overlaps(entities)
    check_entities("x" * 40, kept)
    assert kept == sorted(kept, key=lambda each: each.start)
    assert without_overlaps(kept) == kept
    for each in entities:
        rivals = [k for k in kept if k.start < each.end and each.start < k.end]
        assert each in kept or any(
            (k.score, k.end - k.start) >= (each.score, each.end - each.start) for k in rivals
        )


def test_the_better_of_two() -> None:
    short, long = entity_at("abcdef", 0, 2, "A"), entity_at("abcdef", 1, 5, "B")
    assert without_overlaps([short, long]) == [long]
    assert without_overlaps([short, entity_at("abcdef", 1, 5, "B", 0.9)]) == [short]
    assert without_overlaps([entity_at("abcdef", 1, 3, "B"), short]) == [short]


def test_other_names_of_labels() -> None:
    entities = [entity_at("ab", 0, 1, "PER"), entity_at("ab", 1, 2, "MISC", 0.5)]
    assert relabelled(entities, {"PER": "NAME"}, frozenset({"NAME"})) == [
        entity_at("ab", 0, 1, "NAME")
    ]
    assert relabelled(entities, {})[1] == entities[1]
