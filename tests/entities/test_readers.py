"""Records from files, and their scores."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.entities.emails import find_emails
from litteragpt.entities.readers import labelled_record, read_records
from litteragpt.entities.record import Record, record_of
from litteragpt.entities.score import score
from litteragpt.entities.span import Entity, entity_at

SENTENCE = "Schedule a meeting with John at john@gmail.com at 7:30 PM on 25 May 2025"
LABELS = "John NAME|john@gmail.com EMAIL|7:30 PM TIME|25 May 2025 DATE"


def shown(record: Record) -> str:
    return "|".join(f"{each.text} {each.label}" for each in record.entities)


def labels(text: str) -> list[dict[str, str]]:
    """`John/B-NAME …` as the original's file has it."""
    return [dict(zip(("word", "label"), each.rsplit("/", 1), strict=True)) for each in text.split()]


def one(entity: str) -> str:
    """A line of JSON with one entity."""
    return f'{{"text": "a", "entities": [{{{entity}}}]}}'


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "mail", ["john@gmail.com/B-EMAIL", "john/B-EMAIL @/I-EMAIL gmail/I-EMAIL .com/I-EMAIL"]
)
def test_the_originals_example(tmp_path: Path, mail: str) -> None:
    words = f"John/B-NAME {mail} 7:30/B-TIME PM/I-TIME 25/B-DATE May/I-DATE 2025/I-DATE"
    item = {"text": SENTENCE, "labels": labels(words), "intent": "inquiry"}
    path = write(tmp_path, "data.json", json.dumps({"model": "m", "dataset": [item]}))
    (record,) = read_records(path)
    assert shown(record) == LABELS
    assert record.intent == "inquiry"
    assert [SENTENCE[start:end] for start, end in record.words] == SENTENCE.split()


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        # No part of a word: the original marked every occurrence of the letters.
        ("Annabel met Ann on 15th at 1", "Ann/B-NAME 1/B-TIME", "Ann NAME|1 TIME"),
        ("mail ana at ana@x.org", "ana/B-EMAIL @/I-EMAIL x.org/I-EMAIL", "ana@x.org EMAIL"),
        ("the 15th of June", "15th/B-DATE June/I-DATE", "15th of June DATE"),
        ("Dr. Lee at 2, Dr. Lee at 4", "Dr./B-NAME Lee/I-NAME 4/B-TIME", "Dr. Lee NAME|4 TIME"),
        ("cancel at 5", "cancel/O 5/I-TIME", "5 TIME"),
        ("Ana Rui", "Ana/B-NAME Rui/B-NAME", "Ana NAME|Rui NAME"),
    ],
)
def test_labelled_words(text: str, given: str, expected: str) -> None:
    assert shown(labelled_record({"text": text, "labels": labels(given)}, "here")) == expected


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ([], "must be a JSON object"),
        ({"text": "a"}, "lacks 'labels'"),
        ({"text": "a", "labels": {}}, "must be a list"),
        ({"text": "a", "labels": ["a"]}, "must be a JSON object"),
        ({"text": 1, "labels": []}, "type str"),
        ({"text": "a", "labels": [{"word": "a"}]}, "lacks 'label'"),
        ({"text": "a", "labels": [{"word": " ", "label": "B-X"}]}, "not be empty"),
        ({"text": "a", "labels": [{"word": "a", "label": "X"}]}, "B-LABEL"),
        ({"text": "a", "labels": [{"word": "a", "label": "B-" + "X" * 65}]}, "1 to 64"),
        ({"text": "a", "labels": [{"word": "b", "label": "B-X"}]}, "does not hold 'b'"),
        ({"text": "a b", "labels": labels("b/B-X a/B-Y")}, "does not hold 'a' in order"),
        ({"text": "a. Then it is b", "labels": labels("a/B-X b/I-X")}, "does not hold 'a b'"),
        ({"text": "a", "labels": labels("a/B-X " + "a/I-X " * 60)}, "at most 50 words"),
        ({"text": "a", "labels": [], "intent": 3}, "type str"),
    ],
)
def test_records_that_are_none(item: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"^here.*{re.escape(says)}"):
        labelled_record(item, "here")


def test_labelled_words_that_almost_stand_there_everywhere() -> None:
    item = {"text": "a " * 2_000, "labels": labels("a/B-X " + "a/I-X " * 40 + "b/I-X")}
    with pytest.raises(ValueError, match="does not hold"):
        labelled_record(item, "here")


def test_tables_of_tokens(tmp_path: Path) -> None:
    head = "\ufeffAna\tX\tB-PER\r\nPaz\tX\tI-PER\r\n\r\n\r\n"
    table = head + "\ufeff\tX\tO\nen\tO\nRoma\tI-LOC"
    first, second = read_records(write(tmp_path, "a.tsv", table))
    assert (first.text, shown(first), first.words) == ("Ana Paz", "Ana Paz PER", ((0, 3), (4, 7)))
    assert (second.text, shown(second)) == ("\ufeff en Roma", "Roma LOC")


def test_lines_of_json(tmp_path: Path) -> None:
    record = record_of(SENTENCE, [entity_at(SENTENCE, 24, 28, "NAME", 0.5)], "cancel")
    plain = record_of("Ana", [])
    lines = "\n\n".join(json.dumps(each.to_dict()) for each in (record, plain))
    bare = '{"text": "Eu", "entities": [{"start": 0, "end": 2, "label": "X"}]}'
    path = write(tmp_path, "a.jsonl", f"{lines}\n{bare}\n")
    assert list(read_records(path)) == [record, plain, record_of("Eu", [Entity(0, 2, "X", "Eu")])]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", "", "must end in"),
        ("a.tsv", "Ana\tO\nAna B-PER\n", "line 2 must hold a token"),
        ("a.tsv", "Ana\tPER\n", "line 1: a tag must be"),
        ("a.tsv", "A na\tO\n", "line 1 must hold a token"),
        ("a.tsv", b"\xff\tO\n", "line 1 is not UTF-8"),
        ("a.json", "[]", "must hold a JSON object"),
        ("a.json", '{"dataset": 3}', "list of records"),
        ("a.json", '{"dataset": [{"text": "a", "labels": []}, 3]}', "record 2 must be"),
        ("a.jsonl", "{", "line 1 is not valid JSON"),
        ("a.jsonl", '{"text": "a", "entities": 3}', "must be a list"),
        ("a.jsonl", one('"start": 0, "end": 2, "label": "X"'), "end must"),
        ("a.jsonl", one('"start": 1, "end": 1, "label": "X"'), "start must"),
        ("a.jsonl", one('"start": 0, "end": 1, "label": ""'), "a label must"),
        ("a.jsonl", one('"start": 0, "end": 1, "label": "X", "text": "b"'), "stands there"),
        ("a.jsonl", one('"start": 0, "end": 1, "label": "X", "score": 2'), "score must be from 0"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}.*{says}"):
        list(read_records(path))


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        list(read_records(tmp_path / "no.tsv"))


def test_a_line_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litteragpt.entities.readers.MAX_LINE_BYTES", 20)
    with pytest.raises(ValueError, match="line 2 is longer than 20 bytes"):
        list(read_records(write(tmp_path, "a.tsv", "a\tO\n" + "a" * 40 + "\tO\n")))


def test_addresses_by_rule() -> None:
    text = "De: <ana.luz@correo.com.ar>, a b@c, @rui e rui+x@dominio.pt."
    found = ["ana.luz@correo.com.ar", "rui+x@dominio.pt"]
    assert [each.text for each in find_emails(text)] == found
    assert all(text[e.start : e.end] == e.text and e.label == "EMAIL" for e in find_emails(text))


SPANS = st.lists(
    st.builds(
        lambda start, label: Entity(start * 2, start * 2 + 2, label, "xx"),
        st.integers(0, 5),
        st.sampled_from(["DATE", "NAME"]),
    ),
    max_size=5,
    unique_by=lambda each: each.start,
)


@given(st.lists(st.tuples(SPANS, SPANS), max_size=4))
def test_scores(pairs: list[tuple[list[Entity], list[Entity]]]) -> None:
    gold, predicted = [a for a, _ in pairs], [b for _, b in pairs]
    scores = score(gold, predicted)
    micro = scores.pop("micro")
    assert micro.correct == sum(len(set(a) & set(b)) for a, b in pairs)
    assert micro.gold == sum(map(len, gold))
    for field in ("correct", "predicted", "gold"):
        assert sum(getattr(each, field) for each in scores.values()) == getattr(micro, field)
    assert score(gold, gold)["micro"].f1 == (1.0 if micro.gold else 0.0)
    back = score(predicted, gold)["micro"]
    assert (back.precision, back.recall, back.f1) == (micro.recall, micro.precision, micro.f1)


def test_both_must_have_as_many_texts() -> None:
    with pytest.raises(ValueError, match="zip"):
        score([[]], [])


def test_the_scores_are_those_of_nervaluate() -> None:
    nervaluate = pytest.importorskip("nervaluate")
    gold = [["B-A", "I-A", "O", "B-B", "O"], ["O", "B-B", "I-B", "B-A", "O"], ["O", "B-A"]]
    guess = [["B-A", "I-A", "O", "B-A", "O"], ["O", "B-B", "O", "B-A", "B-A"], ["O", "B-A"]]
    ours = score(*([_entities(tags) for tags in side] for side in (gold, guess)))
    theirs = nervaluate.Evaluator(gold, guess, tags=["A", "B"], loader="list").evaluate()
    pairs = [(ours["micro"], theirs["overall"]["strict"])]
    pairs += [(ours[label], theirs["entities"][label]["strict"]) for label in "AB"]
    for own, other in pairs:
        assert (own.correct, own.gold, own.predicted) == (
            other.correct,
            other.possible,
            other.actual,
        )
        assert (own.precision, own.recall, own.f1) == pytest.approx(
            (other.precision, other.recall, other.f1)
        )


def _entities(tags: list[str]) -> list[Entity]:
    from litteragpt.entities.bio import spans_of
    from litteragpt.entities.words import split_words

    text = "w " * len(tags)
    return spans_of(split_words(text), tags, text)
