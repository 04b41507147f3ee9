"""The page of entities, from opening to a corrected text and its files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.blocks import entity_links, entity_text, taggers, uploads
from app.blocks.entity_edits import clean_label, corrected, places_of, rows_of, to_record
from app.blocks.examples import TO_MARK
from app.blocks.markdown import literally
from app.blocks.taggers import Marked
from app.i18n import Words
from litteragpt.entities.export import to_jsonl
from litteragpt.entities.span import Entity, entity_at
from tests import rule_taggers
from tests.app.conftest import Open, calm, desk_of, finish, shown
from tests.rule_taggers import INFOS, RuleTagger

HOSTILE = (
    "<img src=x onerror=alert(1)> $x$ *a* y HOSTILE y Jose\u0301 👩\u200d👩\u200d👧 \u202eabc\u202c"
)


@pytest.fixture(autouse=True)
def by_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The taggers of `rule_taggers` in the place of what the checkpoints have.

    A folder with a tiny encoder would do as well: `found` and `load` are all that the page asks.
    """
    monkeypatch.setattr(taggers, "found", rule_taggers.found)
    monkeypatch.setattr(taggers, "load", rule_taggers.load)


def marked_on(at: Any) -> Marked:
    found = at.session_state["entidades.marked"]
    assert isinstance(found, Marked)
    return found


def mark(at: Any, text: str) -> Any:
    """Write a text and press the button."""
    at.text_area(key="entidades.text").set_value(text)
    at.button(key="entidades.go").click().run()
    return at


def edit(at: Any, **rows: Any) -> Any:
    """Change cells of the table as its browser side would: `edit(at, r0={"label": "ORG"})`."""
    (editor,) = at.data_editor
    edits = {int(name[1:]): cells for name, cells in rows.items()}
    at.session_state[editor.key] = {"edited_rows": edits, "added_rows": [], "deleted_rows": []}
    return at.run()


def labels_shown(at: Any) -> list[tuple[str, str]]:
    """Text and label of each entity that is kept after all corrections."""
    rows = at.session_state["entidades.edited"]
    return [(row.entity.text, row.entity.label) for row in rows if row.keep]


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_the_page_opens_in_its_language(open_app: Open, language: str) -> None:
    at = open_app("entidades", lang=language)
    calm(at)
    assert at.title[0].value == Words(language)("entities.title")
    assert at.button(key="entidades.go").label == Words(language)("entities.button")
    assert "entidades.marked" not in at.session_state


@pytest.mark.parametrize("name", TO_MARK)
def test_an_example_is_marked_at_once(open_app: Open, name: str) -> None:
    at = open_app("entidades")
    at.button(key=f"entidades.{name}").click().run()
    calm(at)
    assert at.text_area(key="entidades.text").value == TO_MARK[name]
    found = marked_on(at).readings[0].entities
    assert len(found) >= 3
    html = shown(at)
    assert html.count("<mark ") == len(found)
    assert html.count('role="rowheader"') == len(found)
    assert len(at.get("plotly_chart")) == 1
    assert len(at.get("download_button")) == 4


def test_hostile_text_and_labels_are_shown_as_typed(open_app: Open) -> None:
    at = mark(open_app("entidades"), HOSTILE)
    calm(at)
    html = shown(at)
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt; $x$ *a* " in html
    assert "Jose\u0301</mark> 👩\u200d👩\u200d👧 \u202eabc\u202c" in html
    assert 'data-label="$x$&lt;b&gt;*"' in html
    assert at.get("button_group")
    assert literally("$x$<b>*") == r"\$x\$\<b\>\*"


def test_a_text_without_words_and_one_too_long_are_told(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    t = Words("es")
    at = mark(open_app("entidades"), "Ana")
    before = marked_on(at)
    mark(at, " \n ")
    assert [each.value for each in at.info] == [t("entities.empty")]
    monkeypatch.setattr(taggers, "MAX_CHARS", 9)
    mark(at, "Ana y Eva ")
    assert [each.value for each in at.warning] == [t("entities.too_long", count="10", limit="9")]
    calm(at)
    assert marked_on(at) is before


def test_a_text_without_entities_can_be_given_some(open_app: Open) -> None:
    at = mark(open_app("entidades"), "nada de nada")
    calm(at)
    assert [each.value for each in at.info] == [Words("es")("entities.nothing")]
    at.text_input(key="entidades.words").set_value("nada")
    at.checkbox(key="entidades.everywhere").set_value(True)
    at.button(key="entidades.add").click().run()
    calm(at)
    assert labels_shown(at) == [("nada", "NAME"), ("nada", "NAME")]
    assert shown(at).count("<mark ") == 2


def test_filters_hide_and_keep_the_result(open_app: Open) -> None:
    at = mark(open_app("entidades"), "Ana el 20/02/2026 en Madrid")
    assert shown(at).count("<mark ") == 3
    at.select_slider(key="entidades.threshold").set_value(0.85).run()
    assert shown(at).count("<mark ") == 2
    at.session_state["entidades.labels"] = ["NAME"]
    at.run()
    assert shown(at).count("<mark ") == 0
    assert [each.value for each in at.info] == [Words("es")("entities.filtered")]
    at.session_state["entidades.labels"] = ["DATE"]
    at.session_state["language"] = "pt"
    at.run()
    calm(at)
    assert shown(at).count("<mark ") == 1
    assert "1 de 3 entidades" in shown(at)
    assert at.text_area(key="entidades.text").value == "Ana el 20/02/2026 en Madrid"


def test_two_methods_side_by_side(open_app: Open) -> None:
    at = open_app("entidades")
    at.selectbox(key="entidades.second").set_value("escribe").run()
    mark(at, "Inés, de Iberdrola, fue a Madrid")
    calm(at)
    html = shown(at)
    t = Words("es")
    assert [each.tagger.name for each in marked_on(at).readings] == ["reglas", "escribe"]
    assert html.count('<section class="lg-pane">') == 2
    assert html.count('class="lg-differs"') == 4
    assert t("entities.relabelled", count="2") in html
    assert t("entities.same", count="1") in html
    at.selectbox(key="entidades.tagger").set_value("escribe").run()
    assert at.selectbox(key="entidades.second").value == ""


def test_one_tagger_alone_is_no_choice(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taggers, "found", lambda: [INFOS[0]])
    at = mark(open_app("entidades"), "Ana")
    calm(at)
    assert at.selectbox[0].key == "entidades.new_label"


def test_without_a_tagger_the_page_says_how_to_get_one(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taggers, "found", list)
    at = open_app("entidades")
    calm(at)
    assert at.warning[0].value == Words("es")("entities.none")


def test_corrections_by_hand(open_app: Open) -> None:
    at = mark(open_app("entidades"), "Ana y Eva Paz en Madrid")
    assert labels_shown(at) == [("Ana", "NAME"), ("Eva Paz", "NAME"), ("Madrid", "LOC")]
    edit(at, r0={"keep": False}, r2={"label": "ORG"})
    calm(at)
    assert labels_shown(at) == [("Eva Paz", "NAME"), ("Madrid", "ORG")]
    assert shown(at).count("<mark ") == 2
    at.session_state["language"] = "en"
    at.run()
    assert labels_shown(at) == [("Eva Paz", "NAME"), ("Madrid", "ORG")]
    edit(at, r0={"keep": False}, r1={"end": 9}, r2={"label": "ORG"})
    assert labels_shown(at) == [("Eva", "NAME"), ("Madrid", "ORG")]
    assert at.data_editor[0].value["text"].tolist() == ["Ana", "Eva", "Madrid"]
    at.button(key="entidades.reset").click().run()
    assert labels_shown(at) == [("Ana", "NAME"), ("Eva Paz", "NAME"), ("Madrid", "LOC")]
    calm(at)


def test_corrections_survive_another_page(open_app: Open) -> None:
    at = edit(mark(open_app("entidades"), "Ana y Eva en Madrid"), r0={"keep": False})
    at.switch_page("views/modelos.py").run()
    at.switch_page("views/entidades.py").run()
    calm(at)
    assert labels_shown(at) == [("Eva", "NAME"), ("Madrid", "LOC")]
    assert at.data_editor[0].value["keep"].tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"end": 99}, "place"),
        ({"start": -1}, "place"),
        ({"start": 3}, "place"),
        ({"end": None}, "place"),
        ({"end": 8}, "overlap"),
        ({"label": ""}, "label"),
        ({"label": None}, "label"),
    ],
)
def test_a_change_that_cannot_be_is_told_and_loses_nothing(
    open_app: Open, cells: dict[str, Any], fault: str
) -> None:
    at = mark(open_app("entidades"), "Ana y Eva en Madrid")
    edit(at, r0=cells, r2={"label": "ORG"})
    assert [each.value for each in at.exception] == []
    t = Words("es")
    assert [each.value for each in at.error] == [t("entities.correct.problems")]
    told = t(f"entities.correct.faults.{fault}", **({"length": "19"} if fault == "place" else {}))
    assert [each for each in at.code if told in each.value]
    assert labels_shown(at) == [("Ana", "NAME"), ("Eva", "NAME"), ("Madrid", "ORG")]
    assert at.session_state[at.data_editor[0].key]["edited_rows"][0] == cells


def test_words_to_add_that_are_not_there(open_app: Open) -> None:
    at = mark(open_app("entidades"), "Ana y el gato en Madrid")
    t = Words("es")
    for words in ("perro", "Madrid", ""):
        at.text_input(key="entidades.words").set_value(words)
        at.button(key="entidades.add").click().run()
        assert [each.value for each in at.warning] == [t("entities.correct.not_there")]
        assert at.text_input(key="entidades.words").value == words
    at.text_input(key="entidades.words").set_value("gato")
    at.selectbox(key="entidades.new_label").set_value("MISC")
    at.button(key="entidades.add").click().run()
    calm(at)
    assert not at.warning
    assert labels_shown(at)[1] == ("gato", "MISC")
    assert 'data-label="MISC"' in shown(at)


def test_what_can_be_a_label() -> None:
    assert [clean_label(each) for each in (" <i>X ", "", "a b", "a" * 41, None, 3)] == [
        "<i>X",
        *[None] * 5,
    ]


def test_a_link_marks_the_text_again(open_app: Open) -> None:
    at = open_app("entidades", text="Ana y Eva", model="escribe", threshold="0.5")
    calm(at)
    assert marked_on(at).readings[0].tagger.name == "escribe"
    link = entity_links.parse(
        entity_links.parameters_of(marked_on(at), threshold=0.5), taggers=["reglas", "escribe"]
    )
    assert link is not None
    assert link.problems == ()
    assert link.settings == {"text": "Ana y Eva", "threshold": 0.5, "tagger": "escribe"}
    assert entity_links.parse({"prompt": "x"}, taggers=[]) is None
    assert dict(at.query_params)["text"] == "Ana y Eva"


@pytest.mark.parametrize("query", [{"threshold": "nan"}, {"model": "otro"}, {"second": "<b>"}])
def test_a_hostile_link_gets_a_message(open_app: Open, query: dict[str, str]) -> None:
    at = open_app("entidades", **{"text": "Ana", **query})
    calm(at)
    (parameter,) = query
    assert Words("es")(f"links.names.{parameter}") in at.warning[0].value
    assert "entidades.marked" not in at.session_state
    mark(at, "Ana")
    assert desk_of(at).problems == {}


@pytest.mark.parametrize(("language", "iso"), [("es", "2026-05-03"), ("en", "2026-03-05")])
def test_dates_are_written_for_machines(open_app: Open, language: str, iso: str) -> None:
    pytest.importorskip("dateparser")
    at = mark(open_app("entidades", lang=language), "Ana, 03/05/2026, 10:30, Madrid")
    assert iso not in shown(at)
    at.toggle(key="entidades.dates").set_value(True).run()
    calm(at)
    assert f'<td role="cell">{iso}</td>' in shown(at)
    assert shown(at).count('<td role="cell">—</td>') == 2
    at.date_input(key="entidades.reference").set_value(None).run()
    calm(at)


def test_the_text_of_generar_is_carried_over(open_app: Open) -> None:
    at = open_app(prompt="Ana fue a Madrid", max_chars="50", seed="1")
    job = finish(at)
    at.button(key="generar.entities").click().run()
    calm(at)
    assert at.title[0].value == Words("es")("entities.title")
    assert marked_on(at).text == job.request.prompt + job.text()
    assert "Ana" in [each.text for each in marked_on(at).readings[0].entities]


def test_a_refusal_loses_nothing(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    at = mark(open_app("entidades"), "Ana")
    before = marked_on(at)

    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise ValueError("text must <b>be</b> better")

    monkeypatch.setattr(RuleTagger, "tag", refuse)
    mark(at, "Eva")
    assert [each.value for each in at.exception] == []
    assert [each.value for each in at.error] == [Words("es")("errors.refused")]
    assert marked_on(at) is before
    assert at.text_area(key="entidades.text").value == "Eva"


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.txt", "Jose\u0301 fue.\r\nY ya.".encode()), ("b.MD", "Jose\u0301 fue.\nY ya.".encode())],
)
def test_a_file_is_read_as_it_is_and_marked(open_app: Open, name: str, data: bytes) -> None:
    at = open_app("entidades")
    at.file_uploader[0].set_value((name, data, "text/plain"))
    at.run()
    calm(at)
    assert at.text_area(key="entidades.text").value == "Jose\u0301 fue.\nY ya."
    assert marked_on(at).text == "Jose\u0301 fue.\nY ya."


def test_a_broken_file_leaves_the_text(open_app: Open) -> None:
    at = mark(open_app("entidades"), "Ana")
    at.file_uploader[0].set_value(("<b>.pdf", b"%PDF-1.4 nothing", "application/pdf"))
    at.run()
    assert [each.value for each in at.exception] == []
    assert [each.value for each in at.error] == [Words("es")("entities.unreadable")]
    assert at.text_area(key="entidades.text").value == "Ana"
    with pytest.raises(ValueError, match="TXT"):
        uploads.text_of("a.exe", b"MZ")


def test_a_long_text_is_cut_on_the_page_alone(open_app: Open) -> None:
    text = "Ana y Eva. " * 6_000
    at = mark(open_app("entidades"), text)
    calm(at)
    html = shown(at)
    assert html.count('role="rowheader"') == 100
    captions = [each.value for each in at.caption]
    assert Words("es")("entities.rows", shown="100", count="12.000") in captions
    assert any("66.000" in each for each in captions)
    part, inside = entity_text.first_part(
        "ab" * 30_000, [entity_at("ab" * 30_000, 10, 60_000, "X")]
    )
    assert (len(part), inside) == (10, [])


def test_what_is_downloaded_is_what_is_shown() -> None:
    text = "Ana y Eva"
    rows = rows_of([entity_at(text, 0, 3, "NAME", 0.5), entity_at(text, 6, 9, "NAME", 0.5)])
    records = [to_record(row) for row in rows]
    records[1] |= {"label": "LOC"}
    entities = corrected(text, rows, records).entities
    assert json.loads(to_jsonl(text, entities))["entities"] == [
        {"start": 0, "end": 3, "label": "NAME", "text": "Ana", "score": 0.5},
        {"start": 6, "end": 9, "label": "LOC", "text": "Eva", "score": 1.0},
    ]


def test_two_changes_in_each_others_way_the_first_stands() -> None:
    text = "Ana y Eva"
    rows = rows_of([entity_at(text, 0, 3, "NAME"), entity_at(text, 6, 9, "NAME")])
    records = [to_record(row) for row in rows]
    records[0] |= {"end": 5.0}
    records[1] |= {"start": 4}
    done = corrected(text, rows, records)
    assert [each.text for each in done.entities] == ["Ana y", "Eva"]
    assert [(each.row, each.fault) for each in done.problems] == [(2, "overlap")]


def test_words_are_found_where_nothing_stands_yet() -> None:
    text = "aaa aaa aa"
    assert places_of(text, "aa", []) == [(0, 2), (4, 6), (8, 10)]
    assert places_of(text, "aa", [Entity(1, 2, "X", "a")]) == [(4, 6), (8, 10)]
    assert places_of(text, "", []) == []


def test_the_rules_are_a_tagger() -> None:
    tagger = rule_taggers.BOTH["reglas"]
    assert [each.text for each in tagger.tag("Ana y Eva", threshold=0.5)] == ["Ana", "Eva"]
    assert next(iter(tagger.pipe(["Ana"])))[0] == Entity(0, 3, "NAME", "Ana", 0.83)
    reading = taggers.read(INFOS[0], tagger, "Ana")
    assert (reading.tagger, reading.entities) == (INFOS[0], (Entity(0, 3, "NAME", "Ana", 0.83),))
