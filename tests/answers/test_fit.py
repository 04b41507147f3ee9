"""Learning from sets of questions, and measuring on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from litteragpt.answers import Index
from litteragpt.answers.fit import fit_confidence, fit_judgement, fit_ranking, fit_reader
from litteragpt.answers.matching import FEATURES, SIZELESS
from litteragpt.answers.measure import f1, ranks, spans, unanswered
from litteragpt.answers.sets import QuestionSets, read_sets
from litteragpt.answers.vocabulary import Floats

FACTS = (
    ("Paris", "França", 1163),
    ("Recife", "Pernambuco", 1537),
    ("Braga", "Minho", 1089),
    ("Évora", "Alentejo", 1204),
    ("Olinda", "Nordeste", 1535),
    ("Santos", "Litoral", 1546),
)


@pytest.fixture
def sets(tmp_path: Path) -> QuestionSets:
    articles = []
    for place, region, year in FACTS:
        context = f"A vila de {place} fica na região {region}. Sua igreja foi feita em {year}."
        asked = [
            (f"Quando foi feita a igreja de {place}?", str(year)),
            (f"Em que região fica a vila de {place}?", region),
            (f"Qual é o rio de {place}?", "Sena &amp; Marne"),
        ]
        qas = [
            {"question": question, "answers": [{"text": text, "answer_start": 999}]}
            for question, text in asked
        ]
        articles.append({"title": place, "paragraphs": [{"context": context, "qas": qas}]})
    (tmp_path / "squad.json").write_text(json.dumps({"data": articles}), "utf-8")
    rows = [{"question": "O que é o sal?", "answer": "Um mineral.", "passage": "O sal é branco."}]
    (tmp_path / "pira.json").write_text(json.dumps(rows), "utf-8")
    return read_sets(tmp_path)


def test_sets_are_read_and_parted_by_document(sets: QuestionSets) -> None:
    assert len(sets.passages) == len(FACTS) + 1
    assert {question.set for question in sets.questions} == {"squad", "pira"}
    parts: dict[int, set[bool]] = {}
    for question in sets.questions:
        parts.setdefault(question.passage, set()).add(question.test)
        for start, end in question.spans:
            assert sets.passages[question.passage][start:end] in question.answers
    assert all(len(each) == 1 for each in parts.values())
    assert {test for each in parts.values() for test in each} == {True, False}
    lost = [question for question in sets.questions if "rio" in question.text]
    assert all(question.answers == ("Sena & Marne",) for question in lost)
    assert not any(question.spans for question in lost)


@pytest.mark.parametrize("text", ["{}", "[1]", '{"data": 1}', "x", '[{"question": "?"}]'])
def test_what_is_no_set_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="holds no JSON file"):
        read_sets(tmp_path)
    (tmp_path / "a.json").write_text(text, "utf-8")
    with pytest.raises(ValueError, match="neither in SQuAD's format nor in Pirá's"):
        read_sets(tmp_path)


def test_weights_are_learned(sets: QuestionSets) -> None:
    """A figure that tells the right passage gets weight; one that tells wrong ones loses it."""
    questions = sets.questions[:8]
    rng = np.random.default_rng(1)
    figures = []
    for question in questions:
        numbers = rng.permutation(np.array([question.passage, 91, 92, 93], np.int32))
        features = rng.normal(size=(4, len(FEATURES))).astype(np.float32) * 0.01
        features[:, 0] += numbers == question.passage
        features[:, 1] += numbers != question.passage
        figures.append((numbers, features))
    ranking = fit_ranking(figures, questions, steps=60)
    assert ranking[0] > 0 > ranking[1]

    best = rng.normal(size=(200, len(FEATURES))).astype(np.float32)
    weights = fit_confidence(best, best[:, FEATURES.index(SIZELESS[0])] > 0.5)
    assert weights[0] > max(map(abs, weights[1:-1]))
    assert weights[-1] < 0


@pytest.mark.parametrize("sign", [1, -1])
def test_what_meaning_tells_gets_its_weight(sets: QuestionSets, sign: int) -> None:
    """A figure that tells the right passage, or one that tells wrong ones, and one of noise."""
    index = Index(sets.documents())
    rng = np.random.default_rng(2)
    right = {question.text: question.passage for question in sets.questions}

    def figures(question: str, passages: Sequence[str]) -> Floats:
        is_right = [passage == sets.passages[right[question]] for passage in passages]
        noise = rng.normal(size=(3, len(passages))) * 0.1
        return np.stack([sign * np.array(is_right), *noise], 1).astype(np.float32)

    judgement = fit_judgement(index, sets.questions, figures, steps=100)
    assert sign * judgement.ranking[0] > 5 * abs(judgement.ranking[1])
    assert sign * judgement.confidence[1] > abs(judgement.confidence[2])
    assert judgement.threshold is not None
    assert 0.05 <= judgement.threshold <= 0.95
    with pytest.raises(ValueError, match="no question's passage"):
        fit_judgement(Index([]), sets.questions, figures)


def test_the_reader_learns_to_mark_years(sets: QuestionSets) -> None:
    index = Index(sets.documents())
    reader = fit_reader(sets, epochs=12)
    unseen = [question for question in sets.questions if question.test]
    years = [question for question in unseen if question.text.startswith("Quando")]
    for question in years:
        span = reader.read(question.text, index.text(question.passage))
        assert span is not None
        text = sets.passages[question.passage]
        assert text[span.start : span.end] in question.answers
    assert years


def test_measures(sets: QuestionSets) -> None:
    assert f1("A Casa, azul!", "casa azul") == 1
    assert f1("casa verde", "a casa azul") == 0.5
    assert f1("", "casa") == 0
    index = Index(sets.documents())
    found = ranks(index, sets.questions)
    assert set(found) == {"BM25 alone", "words"}
    assert found["words"][0] == found["BM25 alone"][0] == 0
    assert spans(index, sets.questions)["questions"] == 2 * len(FACTS)
    figures = unanswered(index, sets.questions)
    assert all(0 <= figure <= 1 for name, figure in figures.items() if name != "questions")
