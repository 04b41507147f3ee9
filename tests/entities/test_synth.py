"""Texts from the grammars: exact entities, the same for the same seed, every rule in use."""

from __future__ import annotations

import random
import re
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.entities.bio import spans_of, tags_of
from litteragpt.entities.emails import find_emails
from litteragpt.entities.record import INTENTS, Record
from litteragpt.entities.span import check_entities
from litteragpt.entities.synth import LABELS, LANGUAGES, grammar, synth
from litteragpt.entities.synth.grammar import Grammar
from litteragpt.entities.synth.noise import capitalised, roughened

pytest.importorskip("faker")
COUNT = 400


def nothing(name: str) -> str:
    return name


def expanded(rules: dict[str, str], seed: int = 0) -> list[tuple[str, str]]:
    return Grammar(rules).expand("start", random.Random(seed), nothing)


@pytest.fixture(scope="module", params=LANGUAGES)
def records(request: pytest.FixtureRequest) -> list[Record]:
    return list(synth(request.param, COUNT, seed=7))


def test_entities_are_exact_and_end_where_words_do(records: list[Record]) -> None:
    assert len(records) == COUNT
    for record in records:
        check_entities(record.text, record.entities)
        assert record.text == record.text.strip()
        assert "\0" not in record.text
        tags = tags_of(record.words, record.entities)
        assert tuple(spans_of(record.words, tags, record.text)) == record.entities
        for entity in record.entities:
            assert entity.text == entity.text.strip()
            assert not re.search(r"[{}<>|\\\n]", entity.text)


def test_every_label_and_intent_occurs_and_some_texts_have_no_entity(
    records: list[Record],
) -> None:
    assert {each.label for record in records for each in record.entities} == set(LABELS)
    assert {record.intent for record in records} == {*INTENTS, None}
    assert any(not record.entities for record in records)
    assert len({record.text for record in records}) > 0.95 * COUNT
    assert any(record.text.islower() for record in records)
    assert any(record.text.isupper() for record in records)


def test_addresses_are_those_of_the_rule(records: list[Record]) -> None:
    for record in records:
        marked = [entity for entity in record.entities if entity.label == "EMAIL"]
        assert find_emails(record.text) == marked


def test_no_preposition_or_title_begins_an_entity(records: list[Record]) -> None:
    outside = re.compile(r"(?:at|on|el|las|a las|às|no|na|dr\.?|sra?\.|mrs?\.)\s", re.IGNORECASE)
    for record in records:
        for entity in record.entities:
            if entity.label in ("DATE", "TIME", "NAME"):
                assert not outside.match(entity.text), record.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_seed_gives_the_same(language: str) -> None:
    first = list(synth(language, 20, seed=3))
    assert list(synth(language, 20, seed=3)) == first
    assert list(synth(language, 5, seed=3)) == first[:5]
    assert list(synth(language, 20, seed=4)) != first


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_is_in_use_and_there_are_many_frames(language: str) -> None:
    file = resources.files("litteragpt.entities.synth") / f"{language}.toml"
    rules: dict[str, str] = tomllib.loads(file.read_text("utf-8"))["rules"]
    known, todo = set[str](), {*INTENTS, "command", "news", "negative"}
    while todo:
        name = todo.pop()
        known.add(name)
        todo |= set(re.findall(r"\{([a-z]\w*)\}", rules[name])) - known
    assert known == set(rules)
    frames = ("inq", "canc", "do", "story", "not_one")
    assert all(grammar(language).alternatives(name) >= 20 for name in frames)
    assert sum(grammar(language).alternatives(name) for name in frames) >= 150


@pytest.mark.parametrize(("language", "count"), [("fr", 1), ("", 1), ("es", -1)])
def test_what_cannot_be_made(language: str, count: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        synth(language, count, seed=0)


def test_without_faker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faker", None)
    with pytest.raises(ImportError, match=r"litteragpt\[data\]"):
        synth("es", 1, seed=0)


def test_the_notation() -> None:
    assert expanded({"start": "^a <DATE {d}>\\(b\\)", "d": "{07..07} (x)"}) == [
        ("\0a ", ""),
        ("07 x", "DATE"),
        ("(b)", ""),
    ]
    assert expanded({"start": "<A {@first}> <A b>"}) == [("first", "A"), (" ", ""), ("b", "A")]
    found = {expanded({"start": "*9 (a|b)[c]\n{10..30/10}"}, seed)[0][0] for seed in range(200)}
    assert found == {"a", "b", "ac", "bc", "10", "20", "30"}


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"start": "{no}"}, "calls 'no'"),
        ({"start": "(a"}, r"'\)' is missing"),
        ({"start": "[a"}, "missing"),
        ({"start": "<DATE a"}, "missing"),
        ({"start": "{a"}, "substring"),
        ({"start": "a)"}, "closes nothing"),
        ({"start": "\n"}, "no alternative"),
    ],
)
def test_rules_that_are_none(rules: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Grammar(rules)


def test_capitals() -> None:
    segments = [("\0", ""), ("ana@x.org", "EMAIL"), (" \0¿élla", ""), ("\0", ""), ("b", "NAME")]
    assert capitalised(segments) == [
        ("ana@x.org", "EMAIL"),
        (" ¿Élla", ""),
        ("B", "NAME"),
    ]


@given(
    st.lists(st.tuples(st.text(min_size=1), st.sampled_from(["", "NAME", "EMAIL"]))),
    st.integers(0, 999),
)
def test_haste_keeps_every_entity(segments: list[tuple[str, str]], seed: int) -> None:
    found = roughened(segments, random.Random(seed))
    assert all(text for text, _ in found)
    names = [label for text, label in segments if label and not _all_marks(text)]
    assert [label for _, label in found if label].count("NAME") >= names.count("NAME")


def _all_marks(text: str) -> bool:
    """Whether a text is of combining marks alone, of which nothing is left without accents."""
    import unicodedata

    return all(unicodedata.combining(each) for each in unicodedata.normalize("NFD", text))
