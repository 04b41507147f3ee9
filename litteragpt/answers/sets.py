"""Sets of questions with known answers: what the search is learned from and measured on.

FaQuAD (UFMS) and SQuAD in Portuguese come in SQuAD's format, Pirá as a list of questions, each
with its answer and passage. A set's questions are parted by document: no passage of a document
whose questions were learned from is asked about in the test.
"""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litteragpt.answers.documents import Document
from litteragpt.answers.formats import clean
from litteragpt.answers.passages import Passage
from litteragpt.files import read_text

_MAX_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Question:
    """A question; `passage` is the number of its passage, `answers` the marked ones.

    `spans` are where those answers stand in the passage that stand there word for word.
    """

    text: str
    set: str
    passage: int
    answers: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    test: bool


@dataclass(frozen=True, slots=True)
class QuestionSets:
    """The passages of all sets, each once, and the questions."""

    passages: tuple[str, ...]
    titles: tuple[str, ...]
    questions: tuple[Question, ...]

    def tuning(self) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
        """The questions of the tuning part, parted by document, two thirds and one.

        What learns from the questions of the first, and then how much it may count from those of
        the second, counts itself no better than it is.
        """
        parts: tuple[list[Question], list[Question]] = ([], [])
        for question in self.questions:
            if not question.test:
                group = question.set + (
                    self.titles[question.passage] or self.passages[question.passage]
                )
                digest = hashlib.sha256(f"tuning {group}".encode()).digest()
                parts[digest[0] % 3 == 0].append(question)
        return tuple(parts[0]), tuple(parts[1])

    def documents(self) -> list[Document]:
        """Each passage as a document of its own, so that all are searched alike."""
        return [passage_document(f"{n:06}.txt", text) for n, text in enumerate(self.passages)]


def passage_document(name: str, text: str) -> Document:
    """A Portuguese document of one passage."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Document(name, text, (Passage(0, len(text)),), "pt", sha256)


def read_sets(folder: Path) -> QuestionSets:
    """The sets in the JSON files of a folder.

    Raises ValueError where there is none, or where one has neither of the formats.
    """
    numbers: dict[str, int] = {}
    titles: list[str] = []
    questions: list[Question] = []

    def number_of(passage: str, title: str) -> int:
        if passage not in numbers:
            titles.append(title)
        return numbers.setdefault(passage, len(numbers))

    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ValueError(f"{folder} holds no JSON file")
    for path in paths:
        try:
            table = json.loads(read_text(path, _MAX_BYTES))
            for row in _rows(table):
                passage, title, text, answers = row
                group = path.stem + title if title else passage
                test = hashlib.sha256(group.encode()).digest()[0] % 2 == 1
                body = clean(html.unescape(passage))
                marked = tuple(clean(html.unescape(each)) for each in answers)
                spans = tuple(
                    (body.index(each), body.index(each) + len(each))
                    for each in marked
                    if each and each in body
                )
                number = number_of(body, title)
                questions.append(
                    Question(html.unescape(text), path.stem, number, marked, spans, test)
                )
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is neither in SQuAD's format nor in Pirá's") from error
    return QuestionSets(tuple(numbers), tuple(titles), tuple(questions))


def _rows(table: Any) -> list[tuple[str, str, str, list[str]]]:
    """Passage, title of its document, question and answers, of each question."""
    if isinstance(table, list):
        return [(row["passage"], "", row["question"], [row["answer"]]) for row in table]
    return [
        (
            paragraph["context"],
            article["title"],
            each["question"],
            [given["text"] for given in each["answers"]],
        )
        for article in table["data"]
        for paragraph in article["paragraphs"]
        for each in paragraph["qas"]
    ]
