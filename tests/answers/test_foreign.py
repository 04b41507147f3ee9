"""Models of others that judge passages: found by what they say they are, and asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytest.importorskip("bm25s")

import litteragpt
from litteragpt.answers import Index, answer
from litteragpt.answers.cross_encoder import CrossEncoder
from litteragpt.answers.encoder_folder import save_folder
from litteragpt.answers.foreign import judges, load_judge
from litteragpt.answers.meaning import DEFAULT_ENCODER, Meaning
from litteragpt.answers.neural_reader import NeuralReader, reader_config
from litteragpt.architectures.span_reader import SpanReader
from litteragpt.checkpoint import ROOT_VARIABLE
from litteragpt.cli import main
from tests.answers.samples import document
from tests.tiny_cross_encoder import QUESTION, RIGHT, WRONG, save_cross_encoder
from tests.tiny_hf import save_hf
from tests.tiny_sentences import CARD, JUDGEMENT, tiny_encoder
from tests.tiny_their_sentences import save_their_sentences


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_their_sentences(tmp_path_factory.mktemp("others") / "frases")


def test_what_means_the_same_comes_first(folder: Path) -> None:
    index = Index([document("a.txt", WRONG), document("b.txt", RIGHT)])
    judge = load_judge(folder)
    assert isinstance(judge, Meaning)
    assert answer(QUESTION, index).passages[0].passage == WRONG
    assert answer(QUESTION, index, reranker=judge).passages[0].passage == RIGHT
    assert answer(QUESTION, Index([document("b.txt", RIGHT)]), reranker=judge).passages


def test_both_kinds_are_loaded(folder: Path, tmp_path: Path) -> None:
    assert isinstance(load_judge(save_cross_encoder(tmp_path / "juez", steps=0)), CrossEncoder)
    silent = save_their_sentences(tmp_path / "calla", steps=0, modules=None)
    assert isinstance(load_judge(silent), Meaning)
    with pytest.raises(ValueError, match="no encoder of text"):
        load_judge(save_hf(tmp_path / "writer"))
    with pytest.raises(ValueError, match="nowhere"):
        load_judge(tmp_path / "nowhere")


def test_answers_are_marked_by_our_own_reader(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    assert load_judge(folder).reader is None
    encoder, rows = tiny_encoder(steps=0)
    encoder.reader = SpanReader(reader_config(width=8), encoder.config.word_width, 8)
    ours = tmp_path / DEFAULT_ENCODER
    save_folder(ours, encoder=encoder, rows=rows, judgement=JUDGEMENT, training={}, card=CARD)
    assert isinstance(load_judge(folder).reader, NeuralReader)
    judge = load_judge(save_cross_encoder(tmp_path / "juez", steps=0))
    assert isinstance(judge.reader, NeuralReader)
    (ours / "words.txt").write_text("a\na\n", "utf-8")
    assert load_judge(folder).reader is None, "told where it is asked for itself"


def test_of_two_with_one_name_the_first_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = save_cross_encoder(tmp_path / folder.name, steps=0)
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path / "none"))
    monkeypatch.setenv("LITTERAGPT_MODELS", f"{folder}:{other}")
    assert judges() == [folder]


def test_they_are_found_and_no_writers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_hf(tmp_path / "models" / "writer")
    save_cross_encoder(tmp_path / "models" / "judge", steps=0)
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path / "none"))
    monkeypatch.setenv("LITTERAGPT_MODELS", f"{folder}:{tmp_path / 'models'}:/nowhere")
    assert [path.name for path in judges()] == ["frases", "judge"]
    listed = litteragpt.list_checkpoints()
    assert [info.name for info in listed.found] == ["writer"]
    assert listed.broken == []


@pytest.mark.parametrize("save", [save_their_sentences, save_cross_encoder])
def test_ask_with_one(
    save: Callable[[Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in (("a.txt", WRONG), ("b.txt", RIGHT)):
        (docs / name).write_text(f"{text}\n", encoding="utf-8")
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path / "none"))

    def first(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", [*ask, "--json", *options])
        assert main() == 0
        return str(json.loads(capsys.readouterr().out)["passages"][0]["source"])

    ask = ["litteragpt", "ask", QUESTION, "--docs", str(docs)]
    assert first() == "a.txt"
    assert first("--reranker", str(save(tmp_path / "judge"))) == "b.txt"
    monkeypatch.setattr(sys, "argv", [*ask, "--reranker", str(docs)])
    assert main() == 2
    assert "config.json" in capsys.readouterr().err
