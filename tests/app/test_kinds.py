"""Models of several kinds on the pages of texts: letters, pieces of words, and single lines."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import litteragpt
from app.blocks import charts, probabilities
from app.blocks.examples import NAMES, PORTUGUESE, SPANISH
from app.blocks.palette import Ink
from app.blocks.pieces import pieces_html
from app.i18n import Words
from litteragpt.generation.text import Token
from litteragpt.tokenizers import pieces_of
from tests.app.conftest import Open, calm, finish, shown
from tests.tiny import tiny_bpe


@pytest.mark.parametrize("name", ["generar", "comparar"])
def test_examples_follow_the_model(open_app: Open, kinds_root: Path, name: str) -> None:
    at = open_app(name, root=kinds_root)
    for model, examples in (("tiny-names", NAMES), ("tiny-bpe", PORTUGUESE), ("tiny", SPANISH)):
        at.selectbox(key=f"{name}.model").set_value(model).run()
        calm(at)
        drawn = [each.label for each in at.button if "example" in str(each.key)]
        assert drawn == list(examples)


def test_a_model_is_chosen_by_what_it_writes(open_app: Open, kinds_root: Path) -> None:
    t = Words("es")
    assert open_app(root=kinds_root).selectbox(key="generar.model").options == [
        f"tiny · {t('models.writes.letters')}",
        f"tiny-bpe · Português · {t('models.writes.pieces')}",
        f"tiny-names · Português · {t('models.writes.names')}",
    ]


def test_a_model_of_lines_ends_with_its_line(open_app: Open, kinds_root: Path) -> None:
    at = open_app(root=kinds_root, prompt="Santa ", model="tiny-names", seed="1")
    job = finish(at)
    calm(at)
    assert job.finish == ["line"]
    assert (job.request.prompt + job.text()).count(" - ") == 1
    assert Words("es")("status.line") in shown(at)
    assert at.button(key="generar.continue").disabled
    assert "generar.sentences" not in [each.key for each in at.select_slider]
    assert Words("es")("settings.line") in [each.value for each in at.caption]


def test_a_model_of_pieces_writes_an_exact_number_of_words(
    open_app: Open, kinds_root: Path
) -> None:
    at = open_app(root=kinds_root, model="tiny-bpe", prompt="Marte é um ", seed="4")
    finish(at)
    at.select_slider(key="generar.words").set_value(5).run()
    assert at.select_slider(key="generar.sentences").disabled
    at.button(key="generar.go").click().run()
    job = finish(at)
    calm(at)
    assert job.finish == ["words"]
    assert len(re.findall(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*", job.text())) == 5
    assert Words("es")("status.words") in shown(at)
    assert "piezas/s" in shown(at)
    again = finish(open_app(root=kinds_root, **at.query_params))
    assert again.text() == job.text()


def test_comparar_counts_in_pieces(open_app: Open, kinds_root: Path) -> None:
    query = {"prompt": "Marte", "temperatures": "0.5,1", "seed": "4", "max_chars": "40"}
    at = open_app("comparar", root=kinds_root, model="tiny-bpe", **query)
    finish(at, "comparar")
    calm(at)
    said = [each.value for each in at.caption]
    assert Words("es")("compare.entropy_help.pieces") in said


def test_modelos_says_what_the_context_is_of(open_app: Open, kinds_root: Path) -> None:
    at = open_app("modelos", root=kinds_root)
    at.selectbox(key="modelos.model").set_value("tiny-bpe").run()
    assert at.metric[1].value == Words("es")("models.pieces", count="64")
    at.selectbox(key="modelos.model").set_value("tiny-names").run()
    assert at.metric[1].value == Words("es")("models.characters", count="48")


def test_the_pieces_of_a_beginning(open_app: Open, kinds_root: Path) -> None:
    at = open_app(root=kinds_root)
    t = Words("es")
    assert t("pieces.empty") in [each.value for each in at.caption]
    at.text_area[0].set_value("ala<").run()
    assert shown(at).count("<li>") == 3
    at.selectbox(key="generar.model").set_value("tiny-bpe").run()
    at.text_area[0].set_value("Marte é <b>").run()
    calm(at)
    lm = litteragpt.load(kinds_root / "tiny-bpe")
    expected = pieces_of(lm.tokenizer, "Marte é <b>")
    assert shown(at).count("<li>") == len(expected) < len("Marte é <b>".encode())
    assert "<b>" not in shown(at)
    assert f"<small>{expected[0].id}" in shown(at)


def test_a_long_beginning_is_more_than_the_model_sees(open_app: Open, kinds_root: Path) -> None:
    at = open_app(root=kinds_root)
    at.text_area[0].set_value("a" * 500).run()
    calm(at)
    said = [each.value for each in at.caption]
    t = Words("es")
    assert t("pieces.beyond", context="64") in said
    assert t("pieces.first", count="300") in said
    assert shown(at).count("<li>") == 300


def test_pieces_are_text() -> None:
    html = pieces_html(Words("en"), pieces_of(tiny_bpe(), "<i>&"))
    assert "<i>" not in html
    assert "&lt;" in html
    assert "&amp;" in html


def test_a_part_of_a_character_is_nothing_to_point_at() -> None:
    tokens = [Token("", 1, -1.0, 1.0, ()), Token("é", 2, -1.0, 1.0, ())]
    data = probabilities.explorer_data(Words("es"), "x", tokens)
    assert [each["text"] for each in data["tokens"]] == ["é"]


def test_modelos_tells_of_taggers_too(open_app: Open, tagger_root: Path) -> None:
    at = open_app("modelos", root=tagger_root)
    calm(at)
    assert [metric.value for metric in at.metric][1:] == ["3", "0,1 MB"]
    assert "NAME · DATE · EMAIL" in shown(at)
    assert len(at.get("plotly_chart")) == 1
    assert "# Tiny" in at.markdown[-1].value


def test_modelos_names_a_broken_tagger(open_app: Open, tagger_root: Path, tmp_path: Path) -> None:
    shutil.copytree(tagger_root, tmp_path / "root")
    (tmp_path / "root" / "tiny-ner" / "model.safetensors").write_bytes(b"cut")
    at = open_app("modelos", root=tmp_path / "root")
    assert not at.exception
    assert at.error[0].value == Words("es")("models.broken")


def test_the_curve_of_a_tagger_is_its_f1_on_each_set() -> None:
    lines: list[dict[str, Any]] = [{"step": 1, "f1 a": 0.5}, {"step": 2, "f1 a": 0.75, "f1 <b>": 1}]
    figure = charts.scores_figure(Words("es"), lines, [Ink("#123456", "solid", "")])
    assert [(t.name, list(t.x), list(t.y)) for t in figure.data] == [
        ("a", [1.0, 2.0], [50.0, 75.0]),
        ("&lt;b&gt;", [2.0], [100.0]),
    ]
