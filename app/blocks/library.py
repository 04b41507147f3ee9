"""A session's documents: what was given, what could not be read, their index, what was asked.

A plain object, fetched once a run: a rerun that interrupts the page between two files leaves
those that were read where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import streamlit as st

from litteragpt.answers import (
    Answer,
    Document,
    DocumentError,
    Index,
    Reranker,
    answer,
    read_document,
)
from litteragpt.answers.formats import Fault

MAX_FILES = 50
MAX_FILE_BYTES = 10 * 2**20
MAX_CHARACTERS = 3_000_000
"""Of all documents together: some two seconds of work and 200 MB of memory."""
MAX_PROBLEMS = 100
MAX_NAME_CHARS = 120
MAX_QUESTION_CHARS = 500
MAX_ASKED = 30
FURTHER = 5
"""Passages shown beside the best one."""

_STATE = "library"


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not among the documents; `fault` is one of the core's, "full" or "many"."""

    name: str
    fault: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, what was found, and the documents it was asked of, by their marks."""

    question: str
    answer: Answer
    collection: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """As `litteragpt ask --json` has it, after the question."""
        return {"question": self.question, **self.answer.to_dict()}


@dataclass(slots=True)
class Library:
    """The documents by name, in the order in which they came."""

    documents: dict[str, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    """Of the files that came last."""
    uploads: int = 0
    """How many times files came: their widget is a new, empty one each time."""
    pastes: int = 0
    _asked: list[Asked] = field(default_factory=list)
    _index: Index | None = None

    @property
    def characters(self) -> int:
        return sum(len(document.text) for document in self.documents.values())

    @property
    def collection(self) -> tuple[tuple[str, str], ...]:
        """What tells these documents from others."""
        return tuple((each.name, each.sha256) for each in self.documents.values())

    def add(self, name: str, data: bytes) -> bool:
        """Take up a file; says whether it is there now. What is wrong with it is a problem.

        A name that other contents have gets a number: `notas (2).txt`.
        """
        fault = self._refused(data)
        document = None
        if fault is None:
            try:
                document = read_document(_shortened(name), data)
            except DocumentError as error:
                fault = error.fault
        if document is not None and self._known(document):
            return True
        if document is not None and self.characters + len(document.text) > MAX_CHARACTERS:
            fault = "full"
        if document is None or fault is not None:
            self.problems = [*self.problems, Problem(name, fault or "damaged")][-MAX_PROBLEMS:]
            return False
        if document.name in self.documents:
            document = replace(document, name=self._numbered(document.name))
        self.documents = {**self.documents, document.name: document}
        return True

    def keep(self, names: Collection[str]) -> None:
        """Let go of all documents but these."""
        self.documents = {name: each for name, each in self.documents.items() if name in names}

    def index(self, report: Callable[[int, int], None] = lambda done, total: None) -> Index:
        """The index of the documents, made once for the same ones."""
        documents = tuple(self.documents.values())
        if self._index is None or self._index.documents != documents:
            self._index = None  # two at once would take twice the memory
            self._index = Index(documents, report=report)
        return self._index

    def remember(self, question: str, found: Answer) -> None:
        """Keep the answer to a question; one asked again comes first again."""
        asked = Asked(question, found, self.collection)
        others = [each for each in self._asked if each != asked]
        self._asked = [asked, *others][:MAX_ASKED]

    @property
    def asked(self) -> list[Asked]:
        """What was asked of the present documents, newest first."""
        return [each for each in self._asked if each.collection == self.collection]

    def _refused(self, data: bytes) -> Fault | str | None:
        if len(self.documents) >= MAX_FILES:
            return "many"
        return "large" if len(data) > MAX_FILE_BYTES else None

    def _known(self, document: Document) -> bool:
        return any(each.sha256 == document.sha256 for each in self.documents.values())

    def _numbered(self, name: str) -> str:
        path = PurePath(name)
        numbers = range(2, MAX_FILES + 2)
        names = (f"{path.stem} ({number}){path.suffix}" for number in numbers)
        return next(each for each in names if each not in self.documents)


def reply(question: str, index: Index, reranker: Reranker | None = None) -> Answer:
    """The answer to a question, with as many passages as the page shows.

    Raises ValueError for a question without a letter or digit, or where the reranker fails.
    """
    return answer(question, index, passages=1 + FURTHER, reranker=reranker)


def library() -> Library:
    """The session's documents."""
    present: Library = st.session_state.setdefault(_STATE, Library())
    return present


def _shortened(name: str) -> str:
    """A file's own name, without folders, short enough to be shown."""
    path = PurePath(name.replace("\\", "/").replace("\0", ""))
    suffix = path.suffix[:10]
    return (path.stem[: MAX_NAME_CHARS - len(suffix)] or "_") + suffix
