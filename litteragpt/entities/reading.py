"""What every tagger that reads texts sentence by sentence shares: the outside of a `Tagger`."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence

from litteragpt.bounds import check_range, check_whole
from litteragpt.entities.span import Entity
from litteragpt.entities.tagger import MAX_CHARS, Sentence, sentences_of


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
        batch_size: int = 64,
    ) -> Iterator[list[Entity]]:
        """`tag` for many texts, streamed, `batch_size` of them at a time."""
        kept = self._checked(labels, threshold)
        check_whole("batch_size", batch_size, 1, 65_536)
        left = iter(texts)
        while batch := list(itertools.islice(left, batch_size)):
            sentences = sentences_in(batch)
            found: list[list[Entity]] = [[] for _ in batch]
            read = self.read(sentences, batch, batch_size)
            for sentence, entities in zip(sentences, read, strict=True):
                found[sentence.text] += entities
            for entities in found:
                yield [e for e in entities if e.label in kept and e.score >= threshold]

    def tag_words(
        self, texts: Sequence[str], words: Sequence[Sequence[tuple[int, int]]]
    ) -> list[list[Entity]]:
        """The entities of texts whose words are given, as in a set with tokens of its own.

        Each text is one sentence.
        """
        sentences = [Sentence(k, tuple(each)) for k, each in enumerate(words) if each]
        found: list[list[Entity]] = [[] for _ in texts]
        for sentence, entities in zip(sentences, self.read(sentences, texts, 64), strict=True):
            found[sentence.text] = entities
        return found

    def _checked(self, labels: Collection[str] | None, threshold: float) -> frozenset[str]:
        check_range("threshold", threshold, 0.0, 1.0)
        unknown = sorted(set(labels or ()) - set(self.labels))
        if unknown:
            raise ValueError(
                f"the tagger {self.name} has no label {unknown[0]!r}: it has "
                f"{', '.join(self.labels)}"
            )
        return frozenset(self.labels if labels is None else labels)


def sentences_in(texts: Sequence[str]) -> list[Sentence]:
    """The sentences of some texts. Raises ValueError for a text of more than `MAX_CHARS`."""
    for text in texts:
        check_whole("the characters of a text", len(text), 0, MAX_CHARS)
    return [
        Sentence(number, words) for number, text in enumerate(texts) for words in sentences_of(text)
    ]
