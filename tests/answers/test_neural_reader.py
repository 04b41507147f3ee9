"""Answers marked by an encoder's span reader: learned, saved, and asked."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from litteragpt.answers import Index, answer
from litteragpt.answers.encoder_folder import load_folder, save_folder
from litteragpt.answers.meaning import load_meaning
from litteragpt.answers.measure import marked_f1
from litteragpt.answers.neural_reader import NeuralReader, prepare, reader_config
from litteragpt.answers.reader import LONGEST
from litteragpt.answers.sets import Question
from litteragpt.answers.words import WordRows
from litteragpt.architectures.sentence_encoder import SentenceEncoder
from litteragpt.architectures.span_reader import SpanReader
from litteragpt.training.span_reader import ReaderTraining, train_reader
from litteragpt.weights import CheckpointError
from tests.answers.samples import document
from tests.tiny_sentences import CARD, JUDGEMENT, tiny_encoder

TOWNS = ("Olinda", "Santos", "Braga", "Recife", "Paris", "Natal", "Lima", "Oeiras")
PRAISE = ("bela", "velha", "grande", "alegre")


def asked() -> tuple[list[Question], list[str]]:
    """Questions for a word that no figure of its own tells: the last but one of its sentence."""
    questions: list[Question] = []
    passages: list[str] = []
    for number, town in enumerate(TOWNS):
        for word in PRAISE:
            text = f"Todos sabem que {town} é muito {word} agora. Há {number} pontes ali."
            start = text.index(word)
            answers = (word,)
            spans = ((start, start + len(word)),)
            questions.append(
                Question(f"Como é {town}?", "made", len(passages), answers, spans, number > 5)
            )
            passages.append(text)
    return questions, passages


@pytest.fixture(scope="module")
def encoder() -> tuple[SentenceEncoder, WordRows]:
    return tiny_encoder(steps=5)


def learned(encoder: tuple[SentenceEncoder, WordRows], **more: Any) -> tuple[SpanReader, list[Any]]:
    questions, passages = asked()
    lines: list[Any] = []
    config = ReaderTraining(epochs=12, batch=4, lr=1e-2, width=24, dropout=0.1, **more)
    given = [question for question in questions if not question.test]
    return train_reader(*encoder, given, passages, config, report=lines.append), lines


@pytest.fixture(scope="module")
def reader(encoder: tuple[SentenceEncoder, WordRows]) -> NeuralReader:
    net, _ = learned(encoder)
    own, rows = encoder
    copy = SentenceEncoder(own.config)
    copy.load_state_dict(own.state_dict())
    copy.reader = net
    return NeuralReader(copy.eval(), rows)


def test_it_marks_what_it_has_not_seen(reader: NeuralReader) -> None:
    questions, passages = asked()
    unseen = [question for question in questions if question.test]
    assert unseen
    found = [marked_f1(reader, question, passages[question.passage]) for question in unseen]
    assert sum(found) / len(found) > 0.9


def test_spans_stay_in_bounds(reader: NeuralReader) -> None:
    assert reader.read("Quem?", "") is None
    assert reader.read("Quem?", " \n ") is None
    for text in ("a", "?", "Ana foi. " * 400, "x" * 5_000, "\U0001f30a é 3,5 km—fim", "é\u0301"):
        for question in ("", "?", "Onde?", "palavra " * 500):
            span = reader.read(question, text)
            assert span is not None
            assert 0 <= span.start < span.end <= len(text)
            assert len(text[span.start : span.end].split()) <= LONGEST
            assert 0 < span.probability <= 1


def test_the_same_seed_gives_the_same_reader(encoder: tuple[SentenceEncoder, WordRows]) -> None:
    (one, lines), (other, _) = learned(encoder), learned(encoder)
    assert [line["epoch"] for line in lines] == list(range(1, 13))
    assert lines[-1]["loss"] < 0.2 * lines[0]["loss"]
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name])
    assert not one.training
    before = tiny_encoder(steps=5)[0].state_dict()
    for name, tensor in encoder[0].state_dict().items():
        assert torch.equal(tensor, before[name]), "the encoder's weights stay as they are"


def test_nothing_to_learn_from_is_told(encoder: tuple[SentenceEncoder, WordRows]) -> None:
    question = Question("Quem?", "made", 0, ("Rui",), (), False)
    with pytest.raises(ValueError, match="no question's answer stands"):
        train_reader(*encoder, [question], ["Ana foi."], ReaderTraining())
    assert prepare(*encoder, "Quem?", "…") is not None
    assert prepare(*encoder, "Quem?", "") is None


@pytest.mark.parametrize("table", [{"epochs": 0}, {"lr": -1.0}, {"kernel": 2}, {"speed": 1}])
def test_figures_out_of_bounds_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="reader"):
        ReaderTraining.from_table(table)


def saved(folder: Path, encoder: tuple[SentenceEncoder, WordRows], net: SpanReader | None) -> Path:
    own, rows = encoder
    copy = SentenceEncoder(own.config)
    copy.load_state_dict(own.state_dict())
    copy.reader = net
    save_folder(folder, encoder=copy, rows=rows, judgement=JUDGEMENT, training={}, card=CARD)
    return folder


def test_a_folder_keeps_it(
    tmp_path: Path, encoder: tuple[SentenceEncoder, WordRows], reader: NeuralReader
) -> None:
    folder = saved(tmp_path / "with", encoder, reader._net)
    judge = load_meaning(folder)
    assert judge.reader is not None
    questions, passages = asked()
    for question in questions[::5]:
        text = passages[question.passage]
        mine, theirs = reader.read(question.text, text), judge.reader.read(question.text, text)
        assert mine is not None
        assert theirs is not None
        assert (mine.start, mine.end) == (theirs.start, theirs.end)
        assert mine.probability == pytest.approx(theirs.probability, abs=0.02)  # 16-bit weights
    index = Index([document("a.txt", passages[-1])])
    found = answer("Como é Oeiras agora, muito o quê?", index, reranker=judge)
    assert found.answer == PRAISE[-1]
    bare = saved(tmp_path / "bare", encoder, None)
    assert load_folder(folder).info.parameters > load_folder(bare).info.parameters
    assert load_meaning(bare).reader is None


def test_one_of_other_figures_is_refused(
    tmp_path: Path, encoder: tuple[SentenceEncoder, WordRows]
) -> None:
    own, rows = encoder
    with pytest.raises(ValueError, match="no span reader"):
        NeuralReader(own, rows)
    other = SpanReader(dataclasses.replace(reader_config(), kinds=2), 16, 8)
    with pytest.raises(ValueError, match="other figures"):
        saved(tmp_path / "other", encoder, other)
    folder = saved(tmp_path / "one", encoder, SpanReader(reader_config(width=8), 16, 8))
    path = folder / "config.json"
    table = json.loads(path.read_text("utf-8"))
    for change, fault in (
        ({"kinds": 2}, "other figures"),
        ({"width": 9}, "where its config asks"),
        ({"width": 10**9}, "must be a whole number"),
        ({"more": 1}, "unknown"),
    ):
        path.write_text(json.dumps({**table, "reader": {**table["reader"], **change}}), "utf-8")
        with pytest.raises(CheckpointError, match=fault):
            load_meaning(folder)
