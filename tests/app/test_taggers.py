"""Taggers as the app finds and loads them, from their folders."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.blocks.taggers import Marked, TaggerInfo
from app.i18n import Words
from litteragpt.entities.span import check_entities
from tests.app.conftest import Open, calm

TEXT = "Ana escribe a eva@example.com hoy"


def test_a_folder_is_found_loaded_and_marks(open_app: Open, tagger_root: Path) -> None:
    at = open_app("entidades", root=tagger_root)
    at.text_area(key="entidades.text").set_value(TEXT)
    at.button(key="entidades.go").click().run()
    calm(at)
    marked = at.session_state["entidades.marked"]
    assert isinstance(marked, Marked)
    (reading,) = marked.readings
    assert reading.tagger == TaggerInfo("tiny-ner", "classification")
    check_entities(TEXT, reading.entities)
    assert ("EMAIL", "eva@example.com") in [(each.label, each.text) for each in reading.entities]


def test_a_broken_folder_is_one_error(open_app: Open, tagger_root: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tagger_root / "tiny-ner", tmp_path / "tiny-ner")
    (broken / "model.safetensors").write_bytes(b"{}" * 40)
    at = open_app("entidades", root=tmp_path)
    at.text_area(key="entidades.text").set_value(TEXT)
    at.button(key="entidades.go").click().run()
    assert [each.value for each in at.exception] == []
    assert [each.value for each in at.error] == [Words("es")("models.broken")]
    assert "tiny-ner" in at.code[0].value
    assert "entidades.marked" not in at.session_state


def test_without_a_tagger_the_page_says_so(open_app: Open) -> None:
    at = open_app("entidades")
    calm(at)
    assert at.warning[0].value == Words("es")("entities.none")
