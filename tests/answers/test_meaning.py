"""Passages judged by what they mean, on a tiny encoder that has learned one question."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litteragpt.answers import Index, answer, meaning
from litteragpt.answers.encoder_folder import load_folder, read_folder, save_folder
from litteragpt.answers.index import RERANKED
from litteragpt.answers.meaning import Judgement, Meaning, Vectors, has_encoder, load_meaning
from litteragpt.answers.vocabulary import Floats
from litteragpt.checkpoint import ROOT_VARIABLE, list_checkpoints
from litteragpt.cli import main
from litteragpt.weights import CheckpointError
from tests.answers.samples import document
from tests.tiny_cross_encoder import QUESTION, RIGHT, WRONG
from tests.tiny_sentences import CARD, JUDGEMENT, save_encoder, tiny_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoders") / "sentences-pt")


@pytest.fixture
def ours(folder: Path) -> Meaning:
    return load_meaning(folder)


@pytest.fixture
def index() -> Index:
    others = [document(f"{n}.txt", f"Na noite {n} o navio some no mar.") for n in range(RERANKED)]
    return Index([document("a.txt", WRONG), document("b.txt", RIGHT), *others])


def test_what_means_the_same_comes_first(index: Index, ours: Meaning) -> None:
    plain = answer(QUESTION, index)
    found = answer(QUESTION, index, reranker=ours)
    assert plain.passages[0].passage == WRONG
    assert found.passages[0].passage == RIGHT
    assert found.score > 0.4
    assert found.source == "b.txt"


def test_among_few_the_odds_by_words_count(ours: Meaning) -> None:
    scores, odds = np.zeros(1, np.float32), np.array([-1.5], np.float32)
    assert ours.judge(QUESTION, [RIGHT], scores, odds)[1].tolist() == [-1.5]
    passages = [RIGHT, *(f"{WRONG} {n}" for n in range(RERANKED - 1))]
    found = []
    for count in (2, 8, RERANKED):
        given = passages[:count]
        plain_P = np.full(count, -1.5, np.float32)
        found.append(float(ours.judge(QUESTION, given, plain_P, plain_P)[1][0]))
    assert -1.5 < found[0] < found[1] < found[2]
    figures_F = ours.figures(QUESTION, passages)[0]
    weights = np.array(JUDGEMENT.confidence)
    whole = float(np.concatenate([[-1.5], figures_F, [1.0]]) @ weights)
    assert found[2] == pytest.approx(whole, abs=1e-3)


def test_the_threshold_is_the_encoders(index: Index, folder: Path) -> None:
    loaded = load_folder(folder)
    severe = dataclasses.replace(JUDGEMENT, threshold=0.9999)
    judge = Meaning(Vectors(loaded.encoder, loaded.rows), severe, name="severe")
    assert answer(QUESTION, index, reranker=judge).answer is None


def test_figures_are_the_nearest_sentence_and_the_mean(ours: Meaning) -> None:
    both = f"{WRONG} {RIGHT}"
    (figures,) = ours.figures(QUESTION, [both])
    (question_D,), sentences_SD = ours.encode([QUESTION], [True]), ours.encode([WRONG, RIGHT], [])
    assert figures[0] == pytest.approx(float((sentences_SD @ question_D).max()), abs=1e-5)
    middle = sentences_SD.mean(0)
    expected = float(middle @ question_D / np.linalg.norm(middle))
    assert figures[1] == pytest.approx(expected, abs=1e-5)
    assert figures[2:].tolist() == [0, 0], "there are no others"


def test_figures_among_others_are_in_standard_deviations(ours: Meaning) -> None:
    passages = [RIGHT, WRONG, f"{WRONG} {RIGHT}", "O navio some no mar."]
    figures_PF = ours.figures(QUESTION, passages)
    for plain, among in ((0, 2), (1, 3)):
        spread = statistics.pstdev(figures_PF[:, plain].tolist())
        for row in figures_PF:
            above = row[plain] - figures_PF[:, plain].mean()
            assert row[among] == pytest.approx(above / spread, abs=1e-3)
    assert ours.figures(QUESTION, [RIGHT, RIGHT])[:, 2:].tolist() == [[0, 0], [0, 0]]
    assert ours.figures(QUESTION, []).shape == (0, 4)


def test_a_passage_may_be_read_as_a_whole(ours: Meaning) -> None:
    both = f"{WRONG} {RIGHT}"
    whole = Meaning(ours.encode, JUDGEMENT, name="whole", whole=True)
    (question_D,), (vector_D,) = ours.encode([QUESTION], [True]), ours.encode([both], [False])
    (figures,) = whole.figures(QUESTION, [both])
    assert figures[1] == pytest.approx(float(vector_D @ question_D), abs=1e-5)
    assert figures[0] == ours.figures(QUESTION, [both])[0, 0]


def test_many_texts_are_read_as_each_alone(ours: Meaning) -> None:
    texts = [RIGHT * n for n in (1, 40, 3)] + ["", "?", "x" * 500] + [WRONG] * 300
    together = ours.encode(texts, [])
    alone = np.concatenate([ours.encode([text], []) for text in texts[:7]])
    np.testing.assert_allclose(together[:7], alone, atol=1e-5)


def test_a_passage_is_read_once(ours: Meaning, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    encode = ours.encode

    def count(texts: Sequence[str], questions: Sequence[bool]) -> Floats:
        read.extend(texts)
        return encode(texts, questions)

    monkeypatch.setattr(ours, "encode", count)
    first = ours.figures(QUESTION, [RIGHT, WRONG, RIGHT])
    again = ours.figures(QUESTION, [WRONG, RIGHT])
    assert read.count(RIGHT) == read.count(WRONG) == 1
    np.testing.assert_array_equal(first[:2, :2], again[::-1, :2])
    monkeypatch.setattr(meaning, "MOST_KEPT", 1)
    ours.figures(QUESTION, ["Outra coisa."])
    ours.figures(QUESTION, [RIGHT])
    assert read.count(RIGHT) == 2


def test_a_judgement_has_its_weights() -> None:
    with pytest.raises(ValueError, match="weighs 4 figures, and 6"):
        Judgement(1.0, (1.0,), (1.0, 0.0, 0.0, 0.0), 0.5)


def test_a_folder_is_kept_and_read(folder: Path, tmp_path: Path) -> None:
    info, _, rows = read_folder(folder)
    assert info.judgement == JUDGEMENT
    assert info.name == "sentences-pt"
    assert info.parameters == sum(p.numel() for p in load_folder(folder).encoder.parameters())
    assert "caça" in rows.words
    encoder, rows = tiny_encoder(steps=1)
    encoder.project.weight.data[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match="NaN"):
        save_folder(
            tmp_path / "x", encoder=encoder, rows=rows, judgement=JUDGEMENT, training={}, card=CARD
        )
    assert not (tmp_path / "x").exists()


def _config(**changes: Any) -> Any:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        table = json.loads(path.read_text("utf-8"))
        for place, value in changes.items():
            at = table
            *parents, last = place.split("__")
            for parent in parents:
                at = at[parent]
            at[last] = value
        path.write_text(json.dumps(table), "utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda folder: (folder / "words.txt").unlink(), "words.txt is missing"),
        (lambda folder: (folder / "words.txt").write_text("a\n"), "has 1 words where the config"),
        (lambda folder: (folder / "words.txt").write_bytes(b"\xff"), "words.txt"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 99), "has 99 bytes"),
        (lambda folder: (folder / "README.md").write_text("sha256: 00"), "has the sha256"),
        (_config(format=2), "format 2"),
        (_config(architecture="decoder"), "architecture must be"),
        (_config(model__words=10**9), "words must be a whole number"),
        (_config(model__layers=100), "bytes where its config asks"),
        (_config(judgement__ranking=[1.0]), "weighs 4 figures"),
        (_config(judgement__scale="x"), "must be of type float"),
        (_config(more=1), "unknown"),
        (_config(training=[]), "training must be a table"),
    ],
)
def test_a_broken_folder_is_told_of(folder: Path, tmp_path: Path, change: Any, fault: str) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    change(broken)
    with pytest.raises(CheckpointError, match=fault):
        load_meaning(broken)


def test_it_is_no_language_model_and_no_broken_one(folder: Path) -> None:
    listed = list_checkpoints(folder.parent)
    assert not listed.found
    assert not listed.broken


def test_ask_takes_it_where_it_is_there(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in (("a.txt", WRONG), ("b.txt", RIGHT)):
        (docs / name).write_text(text, "utf-8")

    def ask(*more: str) -> tuple[int, str, str]:
        argv = ["litteragpt", "ask", QUESTION, "--docs", str(docs), "--json", *more]
        monkeypatch.setattr("sys.argv", argv)
        code = main()
        out, err = capsys.readouterr()
        return code, (json.loads(out)["passages"][0]["source"] if out else ""), err

    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    assert not has_encoder()
    assert ask()[:2] == (0, "a.txt")
    monkeypatch.setenv(ROOT_VARIABLE, str(folder.parent))
    assert has_encoder()
    assert ask()[:2] == (0, "b.txt")
    assert ask("--encoder", "none")[:2] == (0, "a.txt")
    assert ask("--encoder", str(folder))[:2] == (0, "b.txt")
    code, _, err = ask("--encoder", "missing")
    assert code == 2
    assert "missing" in err
    code, _, err = ask("--encoder", "none", "--reranker", str(folder))
    assert code == 2
    assert "not both" in err
