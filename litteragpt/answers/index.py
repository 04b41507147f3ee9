"""The index of a collection of documents: finds the passages in which a question is answered.

Two BM25 scores, of stems and of the words' 4-grams of letters, pick candidates; a linear score
over the figures of `matching`, with weights learned from questions whose passage is known, puts
them in order. The index is kept as JSON: the documents with the marks that tell whether their
files have changed. Everything else is laid out anew when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

import bm25s
import numpy as np

from litteragpt.answers.documents import (
    Document,
    DocumentError,
    document_paths,
    read_file,
)
from litteragpt.answers.formats import MAX_CHARACTERS
from litteragpt.answers.language import EMPTY_WORDS, LANGUAGES, Language, words
from litteragpt.answers.matching import Terms, read_terms, text_features
from litteragpt.answers.passages import Passage, sentence_spans
from litteragpt.answers.reader import PassageReader
from litteragpt.answers.vocabulary import Floats, Ints, Vocabulary, letter_grams
from litteragpt.answers.weights import Weights, load_weights, probability_of
from litteragpt.bounds import check_whole
from litteragpt.files import read_json_object, write_text
from litteragpt.tables import check_keys, typed

FORMAT: Final = 1
INDEX_FILE: Final = "index.json"
MAX_INDEX_BYTES: Final = 2**30
MAX_QUESTION: Final = 20_000
"""Characters of a question; the rest is not read."""
CANDIDATES: Final = 40
"""Passages that BM25 hands on to be put in order."""
RERANKED: Final = 20
"""The first of them, which a reranker judges."""

_K1 = 0.9
_B = 0.75
_LETTERS = 4
_REPORTED = 200
"""Passages between two reports."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found: its number in the index, and the score that it is ordered by."""

    number: int
    score: float
    probability: float
    """That it holds the answer, as far as the search can tell."""


class Reranker(Protocol):
    """Judges the passages that were found: by their meaning (`meaning`), or a `cross_encoder`."""

    reader: PassageReader | None
    """What marks the answer in the best one; None: the reader of the package."""

    @property
    def threshold(self) -> float | None:
        """The probability from which on there is an answer; None: the index's own."""
        ...

    def judge(
        self, question: str, passages: Sequence[str], scores_P: Floats, log_odds_P: Floats
    ) -> tuple[Floats, Floats]:
        """New scores to order the passages by, and log-odds that they hold the answer."""
        ...


class Index:
    """The passages of some documents, ready to be searched. Immutable once made."""

    def __init__(
        self,
        documents: Iterable[Document],
        *,
        weights: Weights | None = None,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Lay out an index; ValueError where two documents have one name.

        `report` gets the number of passages that have been read, and of all, from time to time.
        """
        self.documents = tuple(documents)
        names = [document.name for document in self.documents]
        if len(set(names)) < len(names):
            raise ValueError("two documents of an index have the same name")
        self._weights = weights
        self.places = tuple(
            (document, passage) for document in self.documents for passage in document.passages
        )
        present = {document.language for document in self.documents}
        self.languages: tuple[Language, ...] = tuple(x for x in LANGUAGES if x in present)
        self._vocabulary = Vocabulary()
        self._sentences: list[list[Ints]] = []
        for number, place in enumerate(self.places):
            if number % _REPORTED == 0:
                report(number, len(self.places))
            self._sentences.append(self._read(*place))
        self._vocabulary.freeze()
        stems = [
            self._vocabulary.stem_ids_V[np.concatenate(sentences)] for sentences in self._sentences
        ]
        self._frequency_S = np.zeros(len(self._vocabulary.stems), np.int32)
        for ids in stems:
            self._frequency_S[np.unique(ids)] += 1
        self._gram_ids: dict[str, int] = {}
        self._stem_field = _field(stems, len(self._vocabulary.stems))
        self._gram_field = self._letters()

    @property
    def weights(self) -> Weights:
        """The weights that were given, or else those of the package."""
        return self._weights or load_weights()

    def __len__(self) -> int:
        """The number of passages."""
        return len(self.places)

    def search(
        self, question: str, count: int = 5, *, reranker: Reranker | None = None
    ) -> list[Hit]:
        """The passages that fit a question best, best first; none where no word of it occurs.

        A reranker judges the first `RERANKED` of them, and there are no more then.

        Raises ValueError unless `count` is from 1 to 40.
        """
        check_whole("count", count, 1, CANDIDATES)
        question = question[:MAX_QUESTION]
        terms = self.terms(question)
        numbers, features_KF = self.candidates(terms)
        if not len(numbers):
            return []
        scores_K = self.weights.score(features_KF)
        order = np.argsort(-scores_K, kind="stable")[: count if reranker is None else RERANKED]
        numbers, scores_K = numbers[order], scores_K[order]
        odds_K: Floats = self.weights.log_odds(features_KF[order])
        if reranker is not None:
            texts = [self.text(int(number)) for number in numbers]
            scores_K, odds_K = reranker.judge(question, texts, scores_K, odds_K)
        best = np.argsort(-scores_K, kind="stable")[:count]
        return [
            Hit(int(numbers[k]), float(scores_K[k]), probability_of(float(odds_K[k]))) for k in best
        ]

    def terms(self, question: str) -> Terms:
        """The terms of a question, in the words of this index."""
        return read_terms(
            question, self._vocabulary, self.languages, self._frequency_S, len(self.places)
        )

    def candidates(self, terms: Terms) -> tuple[Ints, Floats]:
        """The passages that BM25 finds, by number, and their figures, `K, F`."""
        if not self.places:
            return np.empty(0, np.int32), np.empty((0, 0), np.float32)
        grams = {gram for word in terms.words for gram in letter_grams(word, _LETTERS)}
        gram_ids = [self._gram_ids[gram] for gram in sorted(grams) if gram in self._gram_ids]
        stem_P = self._scores(self._stem_field, terms.stems)
        gram_P = self._scores(self._gram_field, gram_ids)
        stem_most, gram_most = float(stem_P.max()), float(gram_P.max())
        if gram_most <= 0 and stem_most <= 0:
            return np.empty(0, np.int32), np.empty((0, 0), np.float32)
        joint_P = stem_P / (stem_most or 1.0) + gram_P / (gram_most or 1.0)
        order_P = np.argsort(-joint_P, kind="stable")[:CANDIDATES]
        numbers_K = np.asarray(order_P[joint_P[order_P] > 0], np.int32)
        text_KF = text_features(terms, [self._sentences[number] for number in numbers_K])
        bm25 = (
            stem_P[numbers_K],
            stem_P[numbers_K] / (stem_most or 1.0),
            gram_P[numbers_K],
            gram_P[numbers_K] / (gram_most or 1.0),
        )
        return numbers_K, np.concatenate([text_KF, np.stack(bm25, 1)], 1, dtype=np.float32)

    def text(self, number: int) -> str:
        """The text of a passage."""
        document, passage = self.places[number]
        return document.text[passage.start : passage.end]

    def plain_scores(self, question: str) -> Floats:
        """BM25 of stems alone, for every passage: what the index is measured against."""
        return self._scores(self._stem_field, self.terms(question[:MAX_QUESTION]).stems)

    def save(self, folder: Path) -> None:
        """Write the index into a folder, made if need be; `load` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        table = {"format": FORMAT, "documents": [_to_table(each) for each in self.documents]}
        write_text(folder / INDEX_FILE, json.dumps(table, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path, *, weights: Weights | None = None) -> Index:
        """The index in a folder; ValueError where it is missing or malformed."""
        path = folder / INDEX_FILE
        table = read_json_object(path, MAX_INDEX_BYTES)
        check_keys(table, ("format", "documents"), ("format", "documents"), str(path))
        if table["format"] != FORMAT or not isinstance(table["documents"], list):
            raise ValueError(f"{path} is no index of format {FORMAT}")
        documents = [
            _from_table(each, f"{path}: document {number}")
            for number, each in enumerate(table["documents"], 1)
        ]
        return cls(documents, weights=weights)

    def _read(self, document: Document, passage: Passage) -> list[Ints]:
        """The ids of the content words of a passage, sentence by sentence; never empty."""
        spans = sentence_spans(document.text, passage.start, passage.end)
        texts = [document.text[start:end] for start, end in spans]
        if passage.heading and not texts[0].lstrip("# ").startswith(passage.heading):
            texts.insert(0, passage.heading)
        sentences = []
        for text in texts:
            content = [word for word in words(text) if word not in EMPTY_WORDS]
            if content:
                ids = self._vocabulary.add(content, document.language)
                sentences.append(np.array(ids, np.int32))
        return sentences or [np.empty(0, np.int32)]

    def _scores(self, field: bm25s.BM25 | None, ids: Sequence[int]) -> Floats:
        """The score of every passage; all 0 where no id is asked for."""
        if field is None or not ids:
            return np.zeros(len(self.places), np.float32)
        return cast(Floats, field.get_scores_from_ids(list(ids)))

    def _letters(self) -> bm25s.BM25 | None:
        """The field of letters."""
        grams_V = []
        for word in self._vocabulary.words:
            grams = sorted(letter_grams(word, _LETTERS))
            ids = [self._gram_ids.setdefault(gram, len(self._gram_ids)) for gram in grams]
            grams_V.append(np.array(ids, np.int32))
        passages = [
            np.concatenate(
                [np.empty(0, np.int32), *(grams_V[word] for ids in each for word in ids)]
            )
            for each in self._sentences
        ]
        return _field(passages, len(self._gram_ids))


@dataclass(frozen=True, slots=True)
class Update:
    """What `update_index` did: names read anew, kept and gone, and a message a broken file."""

    index: Index
    read: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...]
    problems: tuple[str, ...]


def update_index(
    folder: Path,
    old: Index | None = None,
    *,
    language: Language | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Update:
    """An index of the documents in a folder and those below it; what has not changed is kept.

    A file is unchanged if its time and size are; one that only looks changed is told by its
    sha256. A file that cannot be read is left out with a message, which `report` also gets.
    Raises ValueError where there is no such folder, or where no document could be read.
    """
    before = {document.name: document for document in old.documents} if old else {}
    documents: list[Document] = []
    read: list[str] = []
    problems: list[str] = []
    for name, path in document_paths(folder).items():
        known = before.get(name)
        try:
            if known is not None and _unchanged(known, path, language):
                documents.append(known)
                continue
            documents.append(read_file(path, name, language=language))
            if known is None or documents[-1].sha256 != known.sha256:
                read.append(name)
        except DocumentError as error:
            problems.append(str(error))
            report(str(error))
    if not documents:
        broken = f": {problems[0]}" if problems else ""
        raise ValueError(f"{folder} holds no document that can be read{broken}")
    present = {document.name for document in documents}
    kept = tuple(sorted(present - set(read)))
    same = old is not None and tuple(documents) == old.documents
    index = old if same and old is not None else Index(documents)
    removed = tuple(sorted(set(before) - present))
    return Update(index, tuple(read), kept, removed, tuple(problems))


def _unchanged(document: Document, path: Path, language: Language | None) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    same = (status.st_mtime_ns, status.st_size) == (document.modified, document.size)
    return same and language in (None, document.language)


def _field(passages: Sequence[Ints], size: int) -> bm25s.BM25 | None:
    """BM25 over passages that are ids below `size`; None where none has any."""
    if not any(map(len, passages)):
        return None
    field = bm25s.BM25(k1=_K1, b=_B)
    vocabulary = {str(index): index for index in range(size)}
    tokens = [ids.tolist() for ids in passages]
    field.index((tokens, vocabulary), create_empty_token=False, show_progress=False)
    return field


def _to_table(document: Document) -> dict[str, Any]:
    passages = [[x.start, x.end, x.heading, x.reply] for x in document.passages]
    return {
        "name": document.name,
        "text": document.text,
        "passages": passages,
        "language": document.language,
        "sha256": document.sha256,
        "modified": document.modified,
        "size": document.size,
    }


def _from_table(table: Any, source: str) -> Document:
    """A document that `_to_table` wrote; ValueError for anything else."""
    if not isinstance(table, dict):
        raise ValueError(f"{source} is no object")
    fields = ("name", "text", "passages", "language", "sha256", "modified", "size")
    check_keys(table, fields, fields, source)
    for name in ("name", "text", "language", "sha256"):
        typed(table[name], str, f"{source}.{name}")
    for name in ("modified", "size"):
        if type(table[name]) is not int or not 0 <= table[name] < 2**63:
            raise ValueError(f"{source}.{name} must be a whole number that is not negative")
    if len(table["text"]) > MAX_CHARACTERS or table["language"] not in LANGUAGES:
        raise ValueError(f"{source} is too long or of an unknown language")
    if not _SHA256.fullmatch(table["sha256"]) or not isinstance(table["passages"], list):
        raise ValueError(f"{source} is malformed")
    passages = tuple(
        _passage(each, len(table["text"]), f"{source}.passages") for each in table["passages"]
    )
    return Document(**{**table, "passages": passages})


def _passage(row: Any, length: int, source: str) -> Passage:
    if isinstance(row, list) and len(row) == 4:
        start, end, heading, reply = row
        numbers = (start, end) if reply is None else (start, end, reply)
        if isinstance(heading, str) and all(type(number) is int for number in numbers):
            inside = 0 <= start < end <= length
            if inside and (reply is None or start <= reply < end):
                return Passage(start, end, heading, reply)
    raise ValueError(f"{source} holds what is no stretch of the text")
