"""What every tagger that reads texts sentence by sentence shares: the outside of a `Tagger`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from litteragpt.bounds import check_range, check_whole
from litteragpt.entities.span import Entity
from litteragpt.entities.words import split_words
from litteragpt.sentences import split_sentences

MAX_CHARS: Final = 4_000_000
"""Of one text."""
BATCH: Final = 512
"""Texts that are read together, unless told otherwise, …"""
BATCH_CHARS: Final = 2**18
"""… and no more of them than the one with which they come to so many characters."""
TOGETHER: Final = 64
"""Sentences that a network reads at once; the longest says how much room each of them takes."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A stretch of a text whose words are read together."""

    text: int
    """Which text of a batch it is of."""
    words: tuple[tuple[int, int], ...]
    """Start and end of each word in the text."""


class SentenceTagger(ABC):
    """A `litteragpt.protocols.Tagger` by what it finds in sentences."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """The labels that its entities can have."""

    @abstractmethod
    def read(
        self, sentences: Sequence[Sentence], texts: Sequence[str], batch_size: int
    ) -> list[list[Entity]]:
        """The entities of each sentence of the texts, in order."""

    def tag(
        self, text: str, *, labels: Collection[str] | None = None, threshold: float = 0.0
    ) -> list[Entity]:
        """The entities of a text in order. Raises ValueError for unknown labels or a huge text."""
        (found,) = self.pipe([text], labels=labels, threshold=threshold)
        return found

    def pipe(
        self,
        texts: Iterable[str],
        *,
        labels: Collection[str] | None = None,
        threshold: float = 0.0,
        batch_size: int = BATCH,
    ) -> Iterator[list[Entity]]:
        """`tag` for many texts, streamed, `batch_size` of them at a time (`batches_of`)."""
        kept = self._checked(labels, threshold)
        check_whole("batch_size", batch_size, 1, 65_536)
        for batch in batches_of(texts, batch_size):
            sentences = sentences_in(batch)
            found: list[list[Entity]] = [[] for _ in batch]
            read = self.read(sentences, batch, min(batch_size, TOGETHER))
            for sentence, entities in zip(sentences, read, strict=True):
                found[sentence.text] += entities
            for text, entities in zip(batch, found, strict=True):
                ruled = self.with_rules(text, entities)
                yield [e for e in ruled if e.label in kept and e.score >= threshold]

    def tag_words(
        self, texts: Sequence[str], words: Sequence[Sequence[tuple[int, int]]]
    ) -> list[list[Entity]]:
        """The entities of texts whose words are given, as in a set with tokens of its own.

        Each text is one sentence.
        """
        sentences = [Sentence(k, tuple(each)) for k, each in enumerate(words) if each]
        found: list[list[Entity]] = [[] for _ in texts]
        for sentence, entities in zip(
            sentences, self.read(sentences, texts, TOGETHER), strict=True
        ):
            found[sentence.text] = self.with_rules(texts[sentence.text], entities)
        return found

    def with_rules(self, text: str, entities: list[Entity]) -> list[Entity]:
        """What was found in a text, and what rules add; none unless a class below has some."""
        return entities

    def _checked(self, labels: Collection[str] | None, threshold: float) -> frozenset[str]:
        check_range("threshold", threshold, 0.0, 1.0)
        unknown = sorted(set(labels or ()) - set(self.labels))
        if unknown:
            raise ValueError(
                f"the tagger {self.name} has no label {unknown[0]!r}: it has "
                f"{', '.join(self.labels)}"
            )
        return frozenset(self.labels if labels is None else labels)


def batches_of(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """The texts in lists of `size`, or of as many as come to `BATCH_CHARS` characters."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        batch.append(text)
        chars += len(text)
        if len(batch) == size or chars >= BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def sentences_in(texts: Sequence[str]) -> list[Sentence]:
    """The sentences of some texts. Raises ValueError for a text of more than `MAX_CHARS`."""
    for text in texts:
        check_whole("the characters of a text", len(text), 0, MAX_CHARS)
    return [
        Sentence(number, words) for number, text in enumerate(texts) for words in sentences_of(text)
    ]


def sentences_of(text: str) -> list[tuple[tuple[int, int], ...]]:
    """The words (start, end) of each sentence of a text; a line break ends a sentence, too."""
    ends: list[int] = []
    at = 0
    for sentence in split_sentences(text):
        for line in sentence.splitlines(keepends=True):
            at += len(line)
            ends.append(at)
    found: list[list[tuple[int, int]]] = [[]]
    number = 0
    for start, end in split_words(text):
        while number < len(ends) and start >= ends[number]:
            number += 1
            if found[-1]:
                found.append([])
        found[-1].append((start, end))
    return [tuple(words) for words in found if words]
