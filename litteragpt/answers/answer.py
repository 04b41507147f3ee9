"""A question's answer from an index: the words, the passage they stand in, and its document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litteragpt.answers.index import Hit, Index, Reranker
from litteragpt.answers.reader import PassageReader, load_reader


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage that was found; `start` and `end` are characters of its document's text."""

    passage: str
    source: str
    heading: str
    start: int
    end: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "passage": self.passage,
            "source": self.source,
            "heading": self.heading,
            "start": self.start,
            "end": self.end,
            "score": self.score,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, or that there is none.

    Where nothing fits, `answer`, `passage`, `source`, `start` and `end` are None; `passages`
    still tell what came nearest. `start` and `end` are characters of the source document's text:
    `answer == text[start:end]`. `score` is the probability that the passage holds the answer.
    """

    answer: str | None
    passage: str | None
    source: str | None
    start: int | None
    end: int | None
    score: float
    passages: tuple[FoundPassage, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "answer": self.answer,
            "passage": self.passage,
            "source": self.source,
            "start": self.start,
            "end": self.end,
            "score": self.score,
            "passages": [passage.to_dict() for passage in self.passages],
        }


def answer(
    question: str,
    index: Index,
    *,
    passages: int = 5,
    reranker: Reranker | None = None,
    reader: PassageReader | None = None,
) -> Answer:
    """Answer a question from the documents of an index.

    Args:
        question: In Portuguese or Spanish; what goes beyond 20,000 characters is not read.
        index: The documents.
        passages: How many passages to give along, 1 to 40.
        reranker: Judges the passages that were found, beside the index.
        reader: Marks the answer; default the reranker's, or else that of the package.

    Raises ValueError for a question without a letter or digit.
    """
    if not any(character.isalnum() for character in question):
        raise ValueError("the question is empty")
    hits = index.search(question, passages, reranker=reranker)
    found = tuple(_found(index, hit) for hit in hits)
    if not hits:
        return Answer(None, None, None, None, None, 0.0, ())
    document, passage = index.places[hits[0].number]
    text = index.text(hits[0].number)
    asked = reranker.threshold if reranker is not None else None
    if found[0].score < (index.weights.threshold if asked is None else asked):
        return Answer(None, None, None, None, None, found[0].score, found)
    if passage.reply is not None:
        start, end = passage.reply, passage.end
    else:
        span = (reader or reader_of(reranker)).read(question, text)
        if span is None:
            return Answer(None, None, None, None, None, found[0].score, found)
        start, end = passage.start + span.start, passage.start + span.end
    words = document.text[start:end]
    return Answer(words, text, document.name, start, end, found[0].score, found)


def reader_of(reranker: Reranker | None) -> PassageReader:
    """What marks answers where nothing else is asked for."""
    own = reranker.reader if reranker is not None else None
    return own or load_reader()


def _found(index: Index, hit: Hit) -> FoundPassage:
    document, passage = index.places[hit.number]
    return FoundPassage(
        index.text(hit.number),
        document.name,
        passage.heading,
        passage.start,
        passage.end,
        hit.probability,
    )
