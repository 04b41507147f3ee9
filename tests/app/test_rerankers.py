"""What judges passages on Perguntar: offered where there is any, asked, told of if broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")
pytest.importorskip("bm25s")

from app.blocks import rerankers
from app.blocks.library import Library
from app.i18n import Words
from litteragpt.answers.meaning import DEFAULT_ENCODER
from tests.app.conftest import Open, calm
from tests.tiny_cross_encoder import QUESTION, RIGHT, WRONG, save_cross_encoder
from tests.tiny_sentences import save_encoder
from tests.tiny_their_sentences import save_their_sentences

NAME = "juez"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    save_cross_encoder(tmp_path / NAME)
    return tmp_path


def first_passage(at: Any) -> str:
    """Ask the question of both documents, and the passage that comes first."""
    library = at.session_state["library"]
    assert isinstance(library, Library)
    for name, text in (("a.txt", WRONG), ("b.txt", RIGHT)):
        library.add(name, text.encode())
    at.text_input(key="perguntar.question").set_value(QUESTION)
    at.button(key="perguntar.go").click().run()
    return library.asked[0].answer.passages[0].passage


def test_it_is_not_offered_where_there_is_none(open_app: Open) -> None:
    at = open_app("perguntar")
    calm(at)
    assert rerankers.KEY not in [box.key for box in at.selectbox]


def test_it_is_asked_where_it_is_chosen(open_app: Open, root: Path) -> None:
    at = open_app("perguntar", root=root)
    box = at.selectbox(key=rerankers.KEY)
    assert box.options == [Words("es")("reranker.none"), NAME]
    assert first_passage(at) == WRONG
    at.selectbox(key=rerankers.KEY).set_value(NAME).run()
    assert first_passage(at) == RIGHT
    calm(at)
    at.selectbox(key=rerankers.KEY).set_value("").run()
    assert first_passage(at) == WRONG


def test_a_sentence_encoder_of_others_is_asked(open_app: Open, tmp_path: Path) -> None:
    save_their_sentences(tmp_path / "frases")
    at = open_app("perguntar", root=tmp_path)
    at.selectbox(key=rerankers.KEY).set_value("frases").run()
    assert first_passage(at) == RIGHT
    calm(at)


def test_a_broken_one_is_told_of_and_the_search_goes_on(open_app: Open, root: Path) -> None:
    (root / NAME / "model.safetensors").write_bytes(b"no weights")
    at = open_app("perguntar", root=root)
    at.selectbox(key=rerankers.KEY).set_value(NAME).run()
    assert first_passage(at) == WRONG
    assert [each.value for each in at.error] == [Words("es")("models.broken")]
    assert any("is not a valid safetensors file" in each.value for each in at.code)


def test_one_that_has_gone_is_let_go(open_app: Open, root: Path) -> None:
    at = open_app("perguntar", root=root)
    at.selectbox(key=rerankers.KEY).set_value(NAME).run()
    (root / NAME / "config.json").unlink()
    assert first_passage(at) == WRONG
    assert not at.exception


def test_our_encoder_is_asked_at_first_and_can_be_left_out(open_app: Open, tmp_path: Path) -> None:
    save_encoder(tmp_path / DEFAULT_ENCODER)
    at = open_app("perguntar", root=tmp_path)
    t = Words("es")
    assert at.selectbox(key=rerankers.KEY).options == [t("reranker.meaning"), t("reranker.none")]
    assert at.selectbox(key=rerankers.KEY).value == DEFAULT_ENCODER
    assert first_passage(at) == RIGHT
    at.selectbox(key=rerankers.KEY).set_value(rerankers.WORDS_ALONE).run()
    assert first_passage(at) == WRONG
    calm(at)


def test_a_broken_encoder_of_ours_is_told_of(open_app: Open, tmp_path: Path) -> None:
    save_encoder(tmp_path / DEFAULT_ENCODER)
    (tmp_path / DEFAULT_ENCODER / "words.txt").write_text("a\na\n", "utf-8")
    at = open_app("perguntar", root=tmp_path)
    assert first_passage(at) == WRONG
    assert any("stands twice" in each.value for each in at.code)


def test_our_encoder_stands_among_the_models(open_app: Open, tmp_path: Path) -> None:
    save_encoder(tmp_path / DEFAULT_ENCODER)
    at = open_app("modelos", root=tmp_path)
    t = Words("es")
    calm(at)
    assert [each.label for each in at.metric] == [
        t("models.parameters"),
        t("models.words"),
        t("models.size"),
    ]
    assert any("Learned from three sentences" in each.value for each in at.markdown)
