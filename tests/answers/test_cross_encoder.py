"""A cross-encoder of others as the judge of passages, on a tiny one that has learned a question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from litteragpt.answers import Index, answer
from litteragpt.answers.cross_encoder import BATCH, CrossEncoder, load_cross_encoder
from litteragpt.answers.index import RERANKED
from litteragpt.answers.reader import PassageReader
from litteragpt.answers.vocabulary import Floats
from tests.answers.samples import document
from tests.tiny_cross_encoder import QUESTION, RIGHT, WRONG, save_cross_encoder
from tests.tiny_hf import save_hf

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("judges") / "juez")


@pytest.fixture(scope="module")
def judge(folder: Path) -> CrossEncoder:
    return load_cross_encoder(folder)


@pytest.fixture(scope="module")
def index() -> Index:
    """The wrong passage has most of the question's words."""
    return index_of([RIGHT, WRONG, *(f"Nota {n}: um felino dorme na casa {n}." for n in range(5))])


def index_of(texts: list[str]) -> Index:
    return Index([document(f"{n:02}.txt", text) for n, text in enumerate(texts)])


def test_scores_are_the_models_own(folder: Path, judge: CrossEncoder) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    passages = [RIGHT, WRONG, "sol", *(f"{'noite ' * n}presas" for n in range(BATCH))]
    found = judge(QUESTION, passages)
    for passage, odds in zip(passages, found, strict=True):
        read = tokenizer(QUESTION, passage, return_tensors="pt")
        with torch.no_grad():
            alone = model(**read).logits[0, 0]
        assert odds == pytest.approx(float(alone), abs=1e-4)
    assert judge(QUESTION, []) == []


def test_two_classes_are_odds(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path / "dos", classes=2)
    right, wrong = load_cross_encoder(folder)(QUESTION, [RIGHT, WRONG])
    assert right > 5 > -5 > wrong


def test_it_finds_what_shares_no_words(index: Index, judge: CrossEncoder) -> None:
    plain = answer(QUESTION, index)
    judged = answer(QUESTION, index, reranker=judge)
    assert plain.passages[0].passage != RIGHT
    assert judged.passages[0].passage == RIGHT
    assert judged.passages[0].score > next(
        (each.score for each in plain.passages if each.passage == RIGHT), 0.0
    )
    wrong = next((each for each in judged.passages if each.passage == WRONG), None)
    assert wrong is None or wrong.score < judged.passages[0].score


def test_it_judges_the_first_passages_alone() -> None:
    index = index_of([f"Nota {n}: um felino dorme na casa {n}." for n in range(RERANKED + 5)])
    seen: list[str] = []

    class Indifferent:
        threshold = None
        reader: PassageReader | None = None

        def judge(
            self, question: str, passages: Sequence[str], scores_P: Floats, log_odds_P: Floats
        ) -> tuple[Floats, Floats]:
            seen.extend(passages)
            return scores_P, log_odds_P

    hits = index.search(QUESTION, 40, reranker=Indifferent())
    plain = index.search(QUESTION, RERANKED)
    assert len(seen) == len(hits) == RERANKED
    assert hits == plain


def test_long_texts_are_cut(judge: CrossEncoder) -> None:
    long = "A onça " * 5_000
    (found,) = judge("noite " * 10_000, [long])
    assert found == pytest.approx(judge("noite " * 10_000, [long + "sol"])[0], abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 3}, "has 3 classes where a cross-encoder has one or two"),
        ({"context": 17}, "reads 17 tokens, fewer than 18"),
    ],
)
def test_models_that_will_not_do(tmp_path: Path, change: dict[str, int], message: str) -> None:
    folder = save_cross_encoder(tmp_path / "malo", steps=0, **{"context": 64, **change})
    with pytest.raises(ValueError, match=f"malo cannot be used: it {message}"):
        load_cross_encoder(folder)


def test_folders_that_will_not_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cross-encoder: the names of those end in"):
        load_cross_encoder(save_hf(tmp_path / "writer"))
    with pytest.raises(ValueError, match=r"config\.json"):
        load_cross_encoder(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in folder.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    weights = load_file(broken / "model.safetensors")
    weights["classifier.bias"] = torch.tensor([float("nan")])
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="holds NaN or infinite values"):
        load_cross_encoder(broken)


def test_a_model_that_fails_at_a_question_is_told_of(tmp_path: Path) -> None:
    judge = load_cross_encoder(save_cross_encoder(tmp_path / "malo", steps=0))
    judge._theirs.bert.embeddings.word_embeddings = torch.nn.Embedding(5, 24)  # too few words
    with pytest.raises(ValueError, match="malo cannot be used: "):
        judge(QUESTION, [RIGHT])
