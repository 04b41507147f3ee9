"""Index, reader and answer over a small collection."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from litteragpt.answers import Index, answer, update_index
from litteragpt.answers.index import INDEX_FILE
from litteragpt.answers.language import detect_language, fold
from litteragpt.answers.matching import FEATURES
from litteragpt.answers.reader import KINDS, PassageReader, Reader, Span, kind_of, load_reader
from litteragpt.answers.vocabulary import Floats
from litteragpt.answers.weights import Weights, load_weights
from tests.answers.samples import OCEAN, SPANISH, UNIVERSITY, collection, document, docx_bytes


@pytest.fixture(scope="module")
def index() -> Index:
    return collection()


@pytest.mark.parametrize(
    ("question", "source", "words"),
    [
        ("Quem fundou a Universidade do Vale?", "universidade.md", "João Ponciano"),
        ("Em que ano foi fundada a Universidade do Vale?", "universidade.md", "1962"),
        ("Quantos livros guarda a biblioteca central?", "universidade.md", "85"),
        ("Quando foi proibida a pesca da baleia no Brasil?", "oceano.txt", "1987"),
        ("¿En qué año fue publicada la novela en Madrid?", "quijote.txt", "1605"),
        ("¿Dónde fue publicada la novela?", "quijote.txt", "Madrid"),
    ],
)
def test_an_answer_stands_in_its_document(
    index: Index, question: str, source: str, words: str
) -> None:
    found = answer(question, index)
    assert found.source == source
    assert found.answer is not None
    assert found.passage is not None
    text = {each.name: each.text for each in index.documents}[source]
    assert text[found.start : found.end] == found.answer
    assert found.answer in found.passage
    assert words in found.answer
    assert (
        found.passages[0].passage
        == found.passage
        == text[found.passages[0].start : found.passages[0].end]
    )
    assert json.loads(json.dumps(found.to_dict()))["answer"] == found.answer
    assert list(found.to_dict()) == [
        "answer", "passage", "source", "start", "end", "score", "passages"
    ]  # fmt: skip


def test_accents_and_their_coding_do_not_matter(index: Index) -> None:
    question = "Quantas refeições serve o restaurante universitário?"
    asked = [question, fold(question), unicodedata.normalize("NFD", question), question.upper()]
    answers = [answer(each, index) for each in asked]
    assert {found.source for found in answers} == {"universidade.md"}
    assert {found.passage for found in answers} == {answers[0].passage}


def test_a_faq_answers_with_its_reply(index: Index) -> None:
    found = answer("Como eu troco minha senha?", index)
    assert found.answer == "Abra o menu Conta, escolha Segurança e clique em Trocar senha."
    assert found.source == "faq.csv"


@pytest.mark.parametrize(
    "question",
    [
        "Qual é a receita do bolo de chocolate?",
        "Quem ganhou a Copa do Mundo de 1994?",
        "xyzzy plugh",
        "漢字は何ですか",
        "¿Cuántos goles marcó Pelé en su carrera?",
    ],
)
def test_where_nothing_fits_there_is_no_answer(index: Index, question: str) -> None:
    found = answer(question, index)
    assert found.answer is None
    assert (found.passage, found.source, found.start, found.end) == (None, None, None, None)
    assert 0 <= found.score < load_weights().threshold


def test_questions_without_words_and_of_great_length(index: Index) -> None:
    for empty in ("", "  \n", "?!…"):
        with pytest.raises(ValueError, match="the question is empty"):
            answer(empty, index)
    answer("o que é que a", index)
    long = "Quem fundou a Universidade do Vale? " + "palavra difícil " * 100_000
    assert answer(long, index).passages
    assert answer("a" * 1_000_000, index).answer is None


def test_an_index_of_nothing_answers_nothing() -> None:
    assert answer("Quem fundou a universidade?", Index([])).to_dict()["passages"] == []
    assert Index([document("a.txt", "…")]).search("Quem fundou?") == []


def test_names_are_told_apart_and_counts_checked(index: Index) -> None:
    with pytest.raises(ValueError, match="same name"):
        Index([document("a.txt", OCEAN), document("a.txt", SPANISH)])
    with pytest.raises(ValueError, match="count must be a whole number from 1 to 40"):
        index.search("baleias", 0)


class LastFirst:
    """Turns the order round; sure of nothing."""

    threshold = 0.9
    reader: PassageReader | None = None

    def judge(
        self, question: str, passages: Sequence[str], scores_P: Floats, log_odds_P: Floats
    ) -> tuple[Floats, Floats]:
        assert question == "livros da biblioteca"
        assert len(passages) == len(scores_P) == len(log_odds_P)
        return -scores_P, np.zeros_like(log_odds_P)


def test_a_reranker_has_its_say(index: Index) -> None:
    plain = index.search("livros da biblioteca", 40)
    turned = index.search("livros da biblioteca", 40, reranker=LastFirst())
    assert [hit.number for hit in turned] == [hit.number for hit in reversed(plain)]
    assert {hit.probability for hit in turned} == {0.5}


def test_a_reranker_has_a_threshold_of_its_own(index: Index) -> None:
    assert answer("livros da biblioteca", index).answer is not None
    assert answer("livros da biblioteca", index, reranker=LastFirst()).answer is None


def test_a_reranker_may_mark_the_answer(index: Index) -> None:
    class First:
        def read(self, question: str, text: str) -> Span | None:
            return Span(0, len(text.split()[0]), 0.5)

    judge = LastFirst()
    judge.threshold = 0.0
    plain = answer("livros da biblioteca", index, reranker=judge)
    judge.reader = First()
    marked = answer("livros da biblioteca", index, reranker=judge)
    assert plain.passage is not None
    assert marked.passage == plain.passage
    assert marked.answer == plain.passage.split()[0] != plain.answer
    assert answer("livros da biblioteca", index, reranker=judge, reader=load_reader()) == plain


def test_a_saved_index_answers_the_same(index: Index, tmp_path: Path) -> None:
    index.save(tmp_path / "kept")
    read = Index.load(tmp_path / "kept")
    assert read.documents == index.documents
    question = "Quantos livros os estudantes podem levar?"
    assert answer(question, read) == answer(question, index)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [INDEX_FILE]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.update(format=2),
        lambda table: table.update(more=1),
        lambda table: table.update(documents={}),
        lambda table: table["documents"].append(1),
        lambda table: table["documents"][0].pop("text"),
        lambda table: table["documents"][0].update(text=3),
        lambda table: table["documents"][0].update(language="xx"),
        lambda table: table["documents"][0].update(sha256="../x"),
        lambda table: table["documents"][0].update(modified=-1),
        lambda table: table["documents"][0].update(passages=[[0, 10**9, "", None]]),
        lambda table: table["documents"][0].update(passages=[[5, 5, "", None]]),
        lambda table: table["documents"][0].update(passages=[[0, 5, "", 7]]),
        lambda table: table["documents"][0].update(passages=[[0, True, "", None]]),
        lambda table: table["documents"].append(table["documents"][0]),
    ],
)
def test_a_hostile_index_is_refused(index: Index, tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    index.save(tmp_path)
    table = json.loads((tmp_path / INDEX_FILE).read_text("utf-8"))
    change(table)
    (tmp_path / INDEX_FILE).write_text(json.dumps(table), "utf-8")
    with pytest.raises(ValueError, match=r"index|document|passages"):
        Index.load(tmp_path)


def test_the_index_follows_the_files(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "mar.txt").write_text(OCEAN, "utf-8")
    (docs / "uni.md").write_text(UNIVERSITY, "utf-8")
    (docs / "ruim.pdf").write_bytes(b"nada")
    (docs / "bom.docx").write_bytes(docx_bytes(paragraphs=("O gato Mingau dorme no sofá.",)))
    told: list[str] = []
    first = update_index(docs, report=told.append)
    assert set(first.read) == {"bom.docx", "mar.txt", "uni.md"}
    assert told == list(first.problems)
    assert len(told) == 1
    assert told[0].startswith("ruim.pdf is not a readable PDF")
    assert answer("Onde dorme o gato Mingau?", first.index).source == "bom.docx"

    same = update_index(docs, first.index)
    assert same.index is first.index
    assert (same.read, same.removed) == ((), ())

    first.index.save(tmp_path / "kept")
    (docs / "mar.txt").unlink()
    (docs / "uni.md").write_text(UNIVERSITY.replace("1962", "1999"), "utf-8")
    (docs / "novo.txt").write_text(SPANISH, "utf-8")
    os.utime(docs / "bom.docx", (1, 1))  # only looks changed
    after = update_index(docs, Index.load(tmp_path / "kept"))
    assert set(after.read) == {"novo.txt", "uni.md"}
    assert (after.kept, after.removed) == (("bom.docx",), ("mar.txt",))
    assert answer("Em que ano foi fundada a Universidade do Vale?", after.index).answer == "1999"
    assert answer("Quando foi proibida a pesca da baleia no Brasil?", after.index).answer is None
    with pytest.raises(ValueError, match="is not a folder"):
        update_index(tmp_path / "nada")
    for path in docs.iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"holds no document that can be read: bom"):
        update_index(docs, after.index)


def test_languages_are_told_apart() -> None:
    assert detect_language(OCEAN) == "pt"
    assert detect_language(SPANISH) == "es"
    assert detect_language("1234 !!") == "pt"


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Quem é o autor?", "who"),
        ("¿Cuándo nació?", "when"),
        ("Em que ano nasceu?", "when"),
        ("Em qual cidade fica?", "where"),
        ("Quantas pessoas?", "how much"),
        ("O que é um átomo?", "what is"),
        ("Por que choveu?", "why"),
        ("Como se faz?", "how"),
        ("Que animal é esse?", "which"),
        ("Fale de animais", "other"),
    ],
)
def test_kinds_of_question(question: str, kind: str) -> None:
    assert KINDS[kind_of(question)] == kind


def test_the_reader_stays_within_a_sentence() -> None:
    text = "Ana nasceu em 1950. Ela morou em Recife até 1980, com Beto."
    reader = load_reader()
    for question in ("Quando nasceu Ana?", "Onde morou Ana?", "Com quem morou Ana?", ""):
        span = reader.read(question, text)
        assert span is not None
        assert ". " not in text[span.start : span.end]
        assert 0 < span.probability <= 1
    assert reader.read("Quem?", " ") is None


def test_hostile_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    load_weights().save(path)
    assert Weights.load(path) == load_weights()
    table = json.loads(path.read_text("utf-8"))
    table["ranking"][FEATURES[0]] = "x"
    path.write_text(json.dumps(table), "utf-8")
    with pytest.raises(ValueError, match="must be of type float"):
        Weights.load(path)
    reader = tmp_path / "r.safetensors"
    reader.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a valid safetensors file"):
        Reader.load(reader)
    Reader(np.zeros(3, np.float32), np.zeros((2, 3), np.float32)).save(reader)
    with pytest.raises(ValueError, match="does not hold the weights of a reader"):
        Reader.load(reader)
