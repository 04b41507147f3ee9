"""The page of questions: documents in, answers where they stand, nothing lost on the way."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

pytest.importorskip("bm25s")

from app.blocks import answers
from app.blocks.library import MAX_ASKED, MAX_FILES, Asked, Library, Problem, reply
from app.blocks.samples import QUESTIONS, SAMPLES, read_sample
from app.i18n import Words
from litteragpt.answers import Answer, FoundPassage, Index, formats
from tests.answers.samples import FAQ, OCEAN, docx_bytes, pdf_bytes
from tests.app.conftest import Open, calm, shown

HOSTILE = "O gato <img src=x onerror=alert(1)> custa $5$ e é *muito* **raro** :smile: &amp; `c`."


def library_of(at: Any) -> Library:
    library = at.session_state["library"]
    assert isinstance(library, Library)
    return library


def give(at: Any, *files: tuple[str, bytes]) -> None:
    """Upload files, as a browser would."""
    at.file_uploader[0].set_value(
        [(name, data, "application/octet-stream") for name, data in files]
    )
    at.run()


def ask(at: Any, question: str) -> Asked:
    """Ask, and the answer that came."""
    at.text_input(key="perguntar.question").set_value(question)
    at.button(key="perguntar.go").click().run()
    return library_of(at).asked[0]


def remember(library: Library, question: str, index: Index) -> None:
    library.remember(question, reply(question, index))


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_the_page_opens_in_its_language(open_app: Open, language: str) -> None:
    at = open_app("perguntar", lang=language)
    calm(at)
    t = Words(language)
    assert at.title[0].value == t("ask.title")
    assert at.button(key="perguntar.go").label == t("ask.button")
    assert t("ask.small_print") in [each.value for each in at.caption]
    at.button(key="perguntar.go").click().run()
    assert [each.value for each in at.info] == [t("ask.no_documents")]


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_an_example_is_one_click(open_app: Open, number: int) -> None:
    at = open_app("perguntar")
    at.button(key=f"perguntar.example{number}").click().run()
    calm(at)
    (asked,) = library_of(at).asked
    assert asked.question == QUESTIONS[number] == at.text_input(key="perguntar.question").value
    assert list(library_of(at).documents) == list(SAMPLES)
    if "Júpiter" in asked.question:
        assert asked.answer.answer is None
        assert Words("es")("ask.nothing") in shown(at)
        assert Words("es")("ask.nearest") in [each.value for each in at.markdown]
    else:
        assert asked.answer.answer is not None
        assert f"<mark>{asked.answer.answer}</mark>" in shown(at)


def test_every_kind_of_file_is_asked_at_once(open_app: Open) -> None:
    at = open_app("perguntar")
    give(
        at,
        ("oceano.txt", OCEAN.encode()),
        ("faq.csv", FAQ.encode()),
        ("ata.pdf", pdf_bytes("A ata foi assinada por Helena Prado em Braga.")),
        ("carta.docx", docx_bytes(paragraphs=("O contrato termina em 14 de maio de 2031.",))),
    )
    calm(at)
    assert list(library_of(at).documents) == ["oceano.txt", "faq.csv", "ata.pdf", "carta.docx"]
    assert at.multiselect[0].value == list(library_of(at).documents)
    assert len(at.button) == 2, "no examples among the user's own documents"
    assert ask(at, "Qual é o prazo de entrega?").answer.source == "faq.csv"
    assert ask(at, "Quem assinou a ata?").answer.source == "ata.pdf"
    found = ask(at, "Quando termina o contrato?")
    assert found.answer.source == "carta.docx"
    html = shown(at)
    assert "carta.docx" in html
    assert Words("es").percent(found.answer.score) in html
    assert html.index("Quem assinou a ata?") < html.index("Qual é o prazo de entrega?")
    at.multiselect[0].set_value(["oceano.txt", "faq.csv"]).run()
    calm(at)
    assert "carta.docx" not in shown(at)
    assert ask(at, "Quando termina o contrato?").answer.source != "carta.docx"


def test_the_index_is_made_once_for_the_same_documents(open_app: Open) -> None:
    at = open_app("perguntar")
    give(at, ("oceano.txt", OCEAN.encode()))
    ask(at, "Quando foi proibida a pesca da baleia?")
    before = library_of(at).index()
    ask(at, "Onde nascem os filhotes da baleia?")
    assert library_of(at).index() is before
    give(at, ("faq.csv", FAQ.encode()))
    assert library_of(at).asked == []
    assert library_of(at).index() is not before


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_broken_files_get_a_message_each_and_the_rest_works(open_app: Open, language: str) -> None:
    at = open_app("perguntar", lang=language)
    t = Words(language)
    give(
        at,
        ("roto.pdf", b"%PDF-1.4 nada"),
        ("<b>foto</b>.png", b"\x89PNG"),
        ("vazio.txt", b"  "),
        ("faq.csv", b"a,b\n1,2\n"),
        ("cifrado.pdf", pdf_bytes("Nada", password="x")),
        ("oceano.txt", OCEAN.encode()),
    )
    calm(at)
    assert [each.value for each in at.warning] == [t("ask.problems")]
    html = shown(at)
    for fault in ("damaged", "kind", "empty", "columns", "locked"):
        assert t(f"ask.faults.{fault}") in html
    assert "&lt;b&gt;foto&lt;/b&gt;.png" in html
    assert "<b>foto</b>.png" not in html
    assert ask(at, "Quando foi proibida a pesca da baleia no Brasil?").answer.answer == "1987"


def test_a_pasted_text_becomes_a_document(open_app: Open) -> None:
    at = open_app("perguntar", lang="pt")
    at.text_area[0].set_value(HOSTILE)
    at.button(key="perguntar.add").click().run()
    calm(at)
    assert list(library_of(at).documents) == ["Texto colado 1"]
    assert at.text_area[0].value == ""
    asked = ask(at, "Quanto custa o gato? <img src=x onerror=alert(2)>")
    assert asked.answer.passage == HOSTILE
    html = shown(at).replace("<mark>", "").replace("</mark>", "")
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "&lt;img src=x onerror=alert(2)&gt;" in html
    assert "<img" not in html
    assert "**raro** :smile: &amp;amp; `c`." in html


def test_a_question_without_letters_leaves_all_as_it_was(open_app: Open) -> None:
    at = open_app("perguntar")
    at.button(key="perguntar.example0").click().run()
    before = library_of(at).asked
    at.text_input(key="perguntar.question").set_value(" ¿? ")
    at.button(key="perguntar.go").click().run()
    calm(at)
    assert [each.value for each in at.info] == [Words("es")("ask.no_question")]
    assert library_of(at).asked == before
    assert "<mark>" in shown(at)


def test_the_documents_survive_another_page(open_app: Open) -> None:
    at = open_app("perguntar")
    at.button(key="perguntar.example0").click().run()
    at.switch_page("views/modelos.py").run()
    at.switch_page("views/perguntar.py").run()
    calm(at)
    assert "<mark>" in shown(at)
    assert at.text_input(key="perguntar.question").value == QUESTIONS[0]


def test_names_tell_contents_apart_and_the_same_contents_come_once() -> None:
    library = Library()
    assert library.add("a/notas.txt", b"Um texto sobre o mar.")
    assert library.add("notas.txt", b"Outro texto, sobre a serra.")
    assert library.add("copia.txt", b"Um texto sobre o mar.")
    assert list(library.documents) == ["notas.txt", "notas (2).txt"]
    assert library.documents["notas (2).txt"].name == "notas (2).txt"
    assert library.index().documents == tuple(library.documents.values())
    library.keep(["notas (2).txt"])
    assert list(library.documents) == ["notas (2).txt"]


def test_there_are_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr("app.blocks.library.MAX_FILE_BYTES", 100)
    monkeypatch.setattr("app.blocks.library.MAX_CHARACTERS", 150)
    assert not library.add("grande.txt", b"a" * 101)
    assert library.add("um.txt", b"a " * 50)
    assert not library.add("dois.txt", b"b " * 50)
    assert library.problems == [Problem("grande.txt", "large"), Problem("dois.txt", "full")]
    monkeypatch.setattr("app.blocks.library.MAX_CHARACTERS", 10_000)
    for number in range(MAX_FILES):
        library.add(f"{number}.txt", f"texto {number}".encode())
    assert len(library.documents) == MAX_FILES
    assert library.problems[-1].fault == "many"
    assert len(Library().problems) == 0


def test_every_fault_of_the_core_can_be_told() -> None:
    t = Words("es")
    limits = {"files": "1", "megabytes": "2", "characters": "3"}
    for fault in (*get_args(formats.Fault), "full", "many"):
        html = answers.problems_html(t, [Problem("<x>", fault)], limits)
        assert html.startswith('<ul class="lg-problems"><li><b>&lt;x&gt;</b>: ')
        assert "{" not in html


def test_the_history_is_bounded_and_newest_first() -> None:
    library = Library()
    library.add("luna.md", read_sample("luna.md"))
    index = library.index()
    for number in range(MAX_ASKED + 3):
        remember(library, f"¿Qué es la Luna {number}?", index)
    remember(library, "¿Qué es la Luna 20?", index)
    assert len(library.asked) == MAX_ASKED
    asked = [each.question for each in library.asked]
    assert asked[:2] == ["¿Qué es la Luna 20?", f"¿Qué es la Luna {MAX_ASKED + 2}?"]
    assert len(set(asked)) == MAX_ASKED
    table = json.loads(json.dumps(library.asked[0].to_dict()))
    assert list(table)[:3] == ["question", "answer", "passage"]


def test_the_place_of_an_answer_is_told() -> None:
    library = Library()
    library.add("luna.md", read_sample("luna.md"))
    remember(library, "¿Quién esperaba en órbita a Armstrong y Aldrin?", library.index())
    (asked,) = library.asked
    html = answers.answer_html(Words("en"), asked, library.documents)
    assert "<mark>Michael Collins</mark>" in html
    assert "luna.md · Exploración" in html
    assert "passage 5 of 5" in html
    start = library.documents["luna.md"].text.index("Michael Collins")
    assert f"letters {start + 1:,} to {start + 15:,}" in html
    assert '<p class="lg-passage">La sonda soviética Luna 2' in html, "its heading is in the facts"
    others = answers.passages_html(Words("en"), asked, library.documents)
    assert others.count("<details>") == len(asked.answer.passages) - 1 == 1
    assert "luna.md · Superficie</b>" in others


def test_an_answer_at_the_edge_of_its_passage_is_marked_whole() -> None:
    library = Library()
    library.add("a.txt", b"Um dois.")
    passage = FoundPassage("Um dois.", "a.txt", "", 0, 8, 0.5)
    found = Answer("Um dois.", "Um dois.", "a.txt", 0, 8, 0.5, (passage,))
    html = answers.answer_html(Words("pt"), Asked("?", found, ()), library.documents)
    assert '<p class="lg-passage"><mark>Um dois.</mark></p>' in html


def test_an_answer_in_a_heading_is_shown_there() -> None:
    library = Library()
    library.add("a.md", b"# Serra Azul\n\nFica longe.")
    passage = FoundPassage("# Serra Azul\n\nFica longe.", "a.md", "Serra Azul", 0, 25, 0.5)
    found = Answer("Serra Azul", passage.passage, "a.md", 2, 12, 0.5, (passage,))
    html = answers.answer_html(Words("pt"), Asked("?", found, ()), library.documents)
    assert '<p class="lg-passage"># <mark>Serra Azul</mark>&#10;&#10;Fica longe.</p>' in html
