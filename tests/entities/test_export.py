"""Entities as files: read back, they are what they were."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from hypothesis import given

from litteragpt.entities.bio import spans_of
from litteragpt.entities.difference import difference
from litteragpt.entities.export import to_conll, to_csv, to_html, to_jsonl
from litteragpt.entities.readers import read_records
from litteragpt.entities.span import Entity, entity_at
from litteragpt.entities.words import split_words
from tests.entities.test_highlight import HOSTILE, Reader, texts_with_entities

TEXT = "Ana llamó a Eva.\nVino el 3 de mayo."
ENTITIES = [
    entity_at(TEXT, 0, 3, "NAME", 0.75),
    entity_at(TEXT, 12, 15, "NAME", 0.5),
    entity_at(TEXT, 25, 34, "DATE"),
]


@given(texts_with_entities())
def test_jsonl_is_one_line_that_holds_it_all(given_: tuple[str, list[Entity]]) -> None:
    text, entities = given_
    line = to_jsonl(text, entities)
    assert line.splitlines() == [line.removesuffix("\n")]
    record = json.loads(line)
    assert record["text"] == text
    assert [Entity(**each) for each in record["entities"]] == entities
    assert [list(each) for each in record["entities"]] == [
        ["start", "end", "label", "text", "score"] for _ in entities
    ]


def test_jsonl_with_what_utf8_cannot_hold() -> None:
    record = json.loads(to_jsonl("a\ud800b", [entity_at("a\ud800b", 2, 3, "X")]).encode("utf-8"))
    assert record["text"] == "a\ufffdb"
    assert record["entities"][0]["start"] == 2


def test_conll_has_a_word_a_line_and_a_gap_after_each_sentence() -> None:
    assert to_conll(TEXT, ENTITIES) == (
        "Ana\tB-NAME\nllamó\tO\na\tO\nEva\tB-NAME\n.\tO\n\n"
        "Vino\tO\nel\tO\n3\tB-DATE\nde\tI-DATE\nmayo\tI-DATE\n.\tO\n\n"
    )
    assert to_conll("", []) == to_conll(" \n", []) == ""


def test_conll_keeps_an_entity_in_one_sentence() -> None:
    text = "Vive en San\nPedro. Y ya."
    shown = to_conll(text, [entity_at(text, 8, 17, "LOC")])
    assert "San\tB-LOC\nPedro\tI-LOC\n.\tO\n\nY" in shown


@given(texts_with_entities())
def test_conll_has_each_word_once_and_tags_that_can_be_read(
    given_: tuple[str, list[Entity]],
) -> None:
    text, entities = given_
    lines = [line.split("\t") for line in to_conll(text, entities).split("\n") if line]
    words = split_words(text)
    assert [word for word, _ in lines] == [text[start:end] for start, end in words]
    found = spans_of(words, [tag for _, tag in lines], text)
    assert len(found) <= len(entities)


def test_the_readers_read_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(to_jsonl(TEXT, ENTITIES), encoding="utf-8")
    (record,) = read_records(tmp_path / "a.jsonl")
    assert record.text == TEXT
    assert [(e.start, e.end, e.label) for e in record.entities] == [
        (e.start, e.end, e.label) for e in ENTITIES
    ]
    (tmp_path / "a.tsv").write_text(to_conll(TEXT, ENTITIES), encoding="utf-8")
    first, second = read_records(tmp_path / "a.tsv")
    assert [each.text for each in first.entities] == ["Ana", "Eva"]
    assert [(each.text, each.label) for each in second.entities] == [("3 de mayo", "DATE")]


def test_csv_opens_in_a_spreadsheet_and_runs_nothing() -> None:
    text = '=1+2 "x", y\n@z'
    entities = [
        entity_at(text, 0, 4, "=A"),
        entity_at(text, 5, 11, "B"),
        entity_at(text, 12, 14, "C"),
    ]
    rows = list(csv.reader(io.StringIO(to_csv(text, entities), newline="")))
    assert rows == [
        ["start", "end", "label", "text", "score"],
        ["0", "4", "'=A", "'=1+2", "1.0000"],
        ["5", "11", "B", '"x", y', "1.0000"],
        ["12", "14", "C", "'@z", "1.0000"],
    ]
    assert to_csv(text, [], header=False) == ""
    dated = to_csv(TEXT, ENTITIES, normalised=lambda e: "2026-05-03" if e.label == "DATE" else None)
    assert [line.split(",")[-1] for line in dated.splitlines()] == [
        "iso_8601",
        "",
        "",
        "2026-05-03",
    ]


@given(texts_with_entities())
def test_a_page_holds_the_text_and_nothing_that_acts(given_: tuple[str, list[Entity]]) -> None:
    text, entities = given_
    html = to_html(text, entities, title="</title><script>")
    read = Reader(html)
    body = Reader(html.partition('dir="auto">')[2].partition("</div>")[0])
    assert body.text == text
    assert {tag for tag, _ in read.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "article", "p", "span", "div", "mark")
    }
    assert not [name for _, attrs in read.tags for name in attrs if name.startswith("on")]


def test_a_hostile_text_goes_through_every_format() -> None:
    entity = entity_at(HOSTILE, 0, 10, "<b>$x$")
    assert json.loads(to_jsonl(HOSTILE, [entity]))["text"] == HOSTILE
    assert to_conll(HOSTILE, [entity])
    assert "<img" not in to_html(HOSTILE, [entity])
    assert len(list(csv.reader(io.StringIO(to_csv(HOSTILE, [entity]), newline="")))) == 2


def test_a_long_text_takes_no_long_time() -> None:
    text = "Ana y Eva. " * 20_000
    entities = [entity_at(text, at, at + 3, "NAME") for at in range(0, len(text), 11)]
    for export in (to_jsonl, to_conll, to_csv, to_html):
        assert export(text, entities).count("NAME") >= len(entities)


def test_differences_of_two_readings() -> None:
    text = "Ana vio a Eva y a Luz"
    ana, eva, luz = (
        entity_at(text, text.index(n), text.index(n) + 3, "NAME", 0.5)
        for n in ("Ana", "Eva", "Luz")
    )
    place = entity_at(text, eva.start, eva.end, "LOC")
    longer = entity_at(text, 16, 21, "NAME")
    found = difference([ana, eva, luz], [entity_at(text, 0, 3, "NAME", 0.9), place, longer])
    assert found.same == 1
    assert found.relabelled == ((eva, place),)
    assert (found.only_first, found.only_second) == ((luz,), (longer,))
    assert found.of_first == {eva, luz}
    assert found.of_second == {place, longer}
