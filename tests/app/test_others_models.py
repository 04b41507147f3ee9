"""A model of others on the pages: chosen, written with, compared, linked, described."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

pytest.importorskip("bm25s")

from streamlit.testing.v1 import AppTest

from app.blocks import live, writers
from app.blocks.examples import PORTUGUESE, SPANISH
from app.blocks.library import Asked
from app.blocks.slots import Slots
from app.blocks.tasks import Finish, Task
from app.i18n import Words
from litteragpt.answers import Answer, FoundPassage
from litteragpt.answers.written import WrittenAnswer, checked, write_answer
from litteragpt.generation.text import TextModel
from tests.app.conftest import Open, calm, finish, shown
from tests.generation.fakes import ByteTokenizer, uniform
from tests.tiny import save_tiny
from tests.tiny_hf import CHAT, TEXTS, save_hf

LEARNT = TEXTS[0].strip()
PASSAGE = FoundPassage("Marte é um planeta.", "<a>.txt", "", 0, 19, 0.9)
ASKED = Asked("O que é Marte?", Answer("um", "Marte", "<a>.txt", 0, 2, 0.9, (PASSAGE,)), ())
NAME = "Tiny-Llama"
GO = f"{writers.WRITER}.go"


@pytest.fixture(scope="module")
def mixed_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint of ours and a model of others that has learnt a text."""
    root = tmp_path_factory.mktemp("mixed")
    save_tiny(root)
    save_hf(root / NAME, learn=LEARNT)
    return root


def test_it_is_a_choice_in_generar_and_its_link_gives_the_text_again(
    open_app: Open, mixed_root: Path
) -> None:
    t = Words("es")
    at = open_app(root=mixed_root)
    assert at.selectbox(key="generar.model").options == [
        f"{NAME} · {t('models.writes.others')}",
        f"tiny · {t('models.writes.letters')}",
    ]
    at.selectbox(key="generar.model").set_value(NAME)
    at.text_area[0].set_value("Marte é").run()
    assert "<li>" in shown(at)  # the pieces of the prompt
    at.select_slider(key="generar.temperature").set_value(0.0)
    at.select_slider(key="generar.sentences").set_value(None)
    at.toggle(key="generar.colour").set_value(True)
    at.button(key="generar.go").click().run()
    job = finish(at)
    calm(at)
    assert job.request.model == NAME
    assert "Marte é" + job.text() == LEARNT
    assert job.finish == ["end"]
    assert t("status.end") in shown(at)
    assert all(token.alternatives for token in job.tokens[0])
    again = finish(open_app(root=mixed_root, **at.query_params))
    assert again.text() == job.text()


def test_it_is_a_choice_in_comparar(open_app: Open, mixed_root: Path) -> None:
    query = {"prompt": "Marte é", "temperatures": "0,0.5", "seed": "4", "sentences": "none"}
    at = open_app("comparar", root=mixed_root, model=NAME, **query)
    job = finish(at, "comparar")
    calm(at)
    assert "Marte é" + job.text(0) == LEARNT
    assert len(job.tokens) == 2
    assert Words("es")("compare.entropy_help.pieces") in [each.value for each in at.caption]


def test_exactly_so_many_words(open_app: Open, mixed_root: Path) -> None:
    at = open_app(
        root=mixed_root, model=NAME, prompt="Marte", seed="1", temperature="0.0", words="3"
    )
    job = finish(at)
    calm(at)
    assert job.text() == " é um planeta"
    assert job.finish == ["words"]


def test_modelos_tells_what_is_known(open_app: Open, mixed_root: Path) -> None:
    t = Words("es")
    at = open_app("modelos", root=mixed_root)
    at.selectbox(key="modelos.model").set_value(NAME).run()
    calm(at)
    said = [each.value for each in at.caption]
    assert t("models.no_card") in said
    assert t("models.others") in said
    assert at.metric[1].value == t("models.pieces", count="64")
    assert any("LlamaForCausalLM" in each.value for each in at.code)


def test_examples_are_in_the_language_of_its_card(open_app: Open, tmp_path: Path) -> None:
    folder = save_hf(tmp_path / "outro")
    for card, examples in (("---\nlanguage: pt\n---\n<b>x</b>\n", PORTUGUESE), ("# x\n", SPANISH)):
        (folder / "README.md").write_text(card, "utf-8")
        at = open_app(root=tmp_path)
        calm(at)
        drawn = [each.label for each in at.button if "example" in str(each.key)]
        assert drawn == list(examples)


def test_one_that_cannot_be_used_is_told_and_the_page_stays(open_app: Open, tmp_path: Path) -> None:
    folder = save_hf(tmp_path / "roto")
    data = (folder / "config.json").read_text("utf-8")
    (folder / "config.json").write_text(data.replace('"silu"', '"nothing"'), "utf-8")
    at = open_app(root=tmp_path)
    assert not at.exception
    assert at.error[0].value == Words("es")("models.broken")
    assert any("roto cannot be used" in each.value for each in at.code)


def _section() -> None:
    """A page with nothing but the section."""
    import streamlit as st

    from app.blocks import writers
    from app.i18n import Words

    writers.section(Words("es"), st.session_state["asked"])()


def test_it_writes_an_answer_from_passages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    t = Words("es")
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr(writers, "write_answer", partial(write_answer, max_chars=40))
    at = AppTest.from_function(_section, default_timeout=60)
    at.session_state["asked"] = ASKED
    at.run()
    calm(at)
    assert not at.button
    save_hf(tmp_path / "redactor", context=2048, chat=CHAT)
    at.run()
    assert at.button(key=GO).label == t("writer.button", model="redactor")
    at.button(key=GO).click().run()
    writing = over(at)
    calm(at)
    assert writing.model == "redactor"
    assert writing.finish == ["end"]
    assert writing.answer is not None
    assert writing.answer.passages == 1
    assert writers.written_html(t, writing) in shown(at)
    assert t("status.stopped") not in shown(at)


def test_what_it_wrote_stays_when_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    t = Words("es")
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr(live, "follow", a_glance)
    monkeypatch.setattr(writers, "write_answer", endless)
    save_hf(tmp_path / "redactor", context=2048, chat=CHAT)
    at = AppTest.from_function(_section, default_timeout=60)
    at.session_state["asked"] = ASKED
    at.run()
    at.button(key=GO).click().run()
    writing = writing_of(at)
    assert not writing.done
    assert t("status.running") in shown(at)
    assert at.button(key=f"{writers.WRITER}.stop").label == t("composer.stop")
    at.button(key=f"{writers.WRITER}.stop").click().run()
    writing = over(at)
    calm(at)
    assert writing.finish == ["stopped"]
    assert "Abriu cedo [1]. <u>Foi" in shown(at)
    assert "[1] &lt;a&gt;.txt" in shown(at)
    assert t("status.stopped") in shown(at)
    assert at.button(key=GO).label == t("writer.button", model="redactor")


def endless(*_: object, **given: Any) -> WrittenAnswer:
    """Writes until it is stopped."""
    text = ""
    for piece in chain(["Abriu cedo [1]. Foi"], repeat(" bom")):
        text += piece
        given["report"](piece)
        if given["cancel"]():
            return checked(text, 1)
        time.sleep(0.01)
    raise AssertionError("it never ends by itself")


def a_glance(task: Task, draw: Callable[[], None]) -> None:
    """In place of `live.follow`: waits for a piece, draws once, and leaves the page."""
    assert isinstance(task, writers.Writing)
    deadline = time.monotonic() + 30
    while not task.text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    draw()


def writing_of(at: AppTest) -> writers.Writing:
    task = at.session_state["desk"].jobs[writers.WRITER]
    assert isinstance(task, writers.Writing)
    return task


def over(at: AppTest) -> writers.Writing:
    """Run the page once what is being written is done."""
    writing = writing_of(at)
    writing.join(60)
    at.run()
    return writing


@pytest.mark.parametrize(
    ("text", "finish", "shows"),
    [("", "stopped", ""), ("não encontrei", "stopped", "redactor"), ("", "end", "redactor")],
)
def test_a_model_that_wrote_nothing_is_told_of_unless_it_was_stopped(
    text: str, finish: Finish, shows: str
) -> None:
    writing = writing_with(text)
    writing.finish = [finish]
    html = writers.written_html(Words("es"), writing)
    assert shows in html
    assert bool(html) == bool(shows)


def writing_with(text: str) -> writers.Writing:
    """One that is over; no model was needed."""
    model = TextModel(uniform(257), ByteTokenizer(), name="<redactor>")
    writing = writers.Writing(ASKED, model, Slots(1))
    writing.answer = checked(text, 1)
    writing._pieces = [text]
    writing.finish = ["end"]
    return writing


def test_perguntar_offers_it(open_app: Open, mixed_root: Path) -> None:
    at = open_app("perguntar", root=mixed_root)
    at.button(key="perguntar.example0").click().run()
    calm(at)
    assert at.button(key=GO).label == Words("es")("writer.button", model=NAME)
    at.button(key=GO).click().run()
    assert over(at).finish == ["error"]
    assert [each.value for each in at.error] == [Words("es")("status.error")]
    assert any("context of 64 tokens is too small" in each.value for each in at.code)


def test_what_was_written_is_text_and_marked() -> None:
    t = Words("en")
    text = "Abriu <b>cedo</b> [1]. Foi bom. Havia mapas [9]."
    html = writers.written_html(t, writing_with(text))
    assert "<b>" not in html
    assert "&lt;b&gt;cedo&lt;/b&gt; [1]." in html
    assert "<u>Foi bom.</u>" in html
    assert "[1] &lt;a&gt;.txt" in html
    assert t("writer.unknown", number="9") in html
    assert t("writer.uncited") in html
    assert "&lt;redactor&gt;" in writers.written_html(t, writing_with("não encontrei"))
