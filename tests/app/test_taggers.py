"""Taggers as the app finds and loads them, from their folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.blocks.taggers import Marked, TaggerInfo
from app.i18n import Words
from litteragpt.architectures.decoder import Decoder
from litteragpt.entities.causal_folder import save_causal
from litteragpt.entities.span import check_entities
from litteragpt.entities.vocabulary import OwnVocabulary
from litteragpt.training.lora import train_adapter
from tests.app.conftest import Open, calm
from tests.entities.test_adapter import save_base, save_own
from tests.entities.test_generative import random_tagger

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


def test_an_adapter_is_a_choice_and_has_its_own_labels(open_app: Open, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    save_base(tmp_path / "tiny")
    override = ["training.epochs=20", "training.lr=0.02"]
    train_adapter(tmp_path / "tiny", save_own(tmp_path / "own.jsonl"), tmp_path / "tools", override)
    at = open_app("entidades", root=tmp_path)
    assert at.selectbox(key="entidades.tagger").options == [
        "tiny · clasifica palabras",
        "tools · adaptador de tiny",
    ]
    at.selectbox(key="entidades.tagger").set_value("tools").run()
    at.text_area(key="entidades.text").set_value("Trae el taladro de Eva")
    at.button(key="entidades.go").click().run()
    calm(at)
    (reading,) = at.session_state["entidades.marked"].readings
    assert reading.tagger == TaggerInfo("tools", "classification", "tiny")
    assert [each.label for each in reading.entities] == ["TOOL", "NAME"]
    at = open_app("modelos", root=tmp_path)
    assert not at.error


def test_what_a_writing_tagger_would_write_unheld_is_shown(open_app: Open, tmp_path: Path) -> None:
    tagger = random_tagger()
    assert isinstance(tagger.model, Decoder)
    assert isinstance(tagger.vocabulary, OwnVocabulary)
    save_causal(
        tmp_path / "writes",
        decoder=tagger.model,
        vocabulary=tagger.vocabulary,
        labels=tagger.labels,
        training={},
        card="# Writes\n",
    )
    at = open_app("entidades", root=tmp_path)
    at.text_area(key="entidades.text").set_value("Ana llega hoy. Eva no <b>.")
    at.button(key="entidades.go").click().run()
    calm(at)
    (reading,) = at.session_state["entidades.marked"].readings
    assert len(reading.raw) == 2
    written = {each.value.strip() for each in at.code}
    assert {raw.text.strip() for raw in reading.raw} <= written
    invented = sum(len(raw.answer.hallucinated) for raw in reading.raw)
    assert any(f"inventadas: {invented}." in each.value for each in at.caption)


def test_without_a_tagger_the_page_says_so(open_app: Open) -> None:
    at = open_app("entidades")
    calm(at)
    assert at.warning[0].value == Words("es")("entities.none")
