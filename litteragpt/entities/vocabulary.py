"""How a conversation about a sentence (`litteragpt.entities.chat`) is read and written as ids.

Every word is encoded by itself, with one space before it, in what the user says and in the answer:
so to copy a word is to write the same ids again, which attention does well. Byte-level BPE serves
better than characters: no word is unknown to it, and a word takes some two ids, where characters
would make the prompt, and what has to be copied without a slip, three times as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, Protocol

from litteragpt.entities.bio import OUTSIDE
from litteragpt.entities.chat import STOP, written
from litteragpt.entities.copying import Ids, Script
from litteragpt.protocols import Tokenizer

PAD_TO: Final = 8
"""Prompts are as long as a multiple of this, so that many can be read at once."""
_CACHE: Final = 65_536
_ROLES: Final = ("<|system|>", "<|user|>", "<|assistant|>")


class ChatVocabulary(Protocol):
    """What a model that holds such conversations reads and writes."""

    @property
    def tag_ids(self) -> Mapping[str, Ids]:
        """Of each tag but `O`: from after the word to the end of the line."""
        ...

    @property
    def stop_ids(self) -> Ids:
        """What ends an answer."""
        ...

    def prompt(self, words: Sequence[str]) -> list[int]:
        """All up to where the answer about `words`, as written, begins."""
        ...

    def word_ids(self, word: str) -> Ids:
        """A word, as written, at the beginning of a line; none where it cannot be written."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """What an answer says."""
        ...


class OwnVocabulary:
    """The ids of a tokenizer, and one more for each thing that a conversation has besides words.

    `<|system|>` stands for the whole of the system's message, which is always the same; a tag is
    one id, from its colon to the end of the line.
    """

    def __init__(self, tokenizer: Tokenizer, labels: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        tags = [f"{kind}-{label}" for label in labels for kind in "BI"]
        first = tokenizer.vocab_size
        added = [*_ROLES, STOP, *(f": {tag}\n" for tag in tags)]
        self._added: Final = dict(enumerate(added, start=first))
        self._system, self._user, self._assistant, stop = range(first, first + 4)
        self._tag_ids: Final = {tag: (id,) for id, tag in enumerate(tags, start=first + 4)}
        self._stop_ids: Final = (stop,)
        self._word_ids = lru_cache(_CACHE)(self._encode)

    @staticmethod
    def size(tokenizer_size: int, labels: int) -> int:
        """How many ids there are."""
        return tokenizer_size + len(_ROLES) + 1 + 2 * labels

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return self.tokenizer.vocab_size + len(self._added)

    @property
    def pad_id(self) -> int:
        """What fills a prompt up, before it begins."""
        return self.tokenizer.unknown_id

    @property
    def tag_ids(self) -> Mapping[str, Ids]:
        """One id each."""
        return self._tag_ids

    @property
    def stop_ids(self) -> Ids:
        """One id."""
        return self._stop_ids

    def prompt(self, words: Sequence[str]) -> list[int]:
        """See `ChatVocabulary`; padded before it begins, by its own length alone."""
        said = chain.from_iterable(map(self._word_ids, words))
        ids = [self._system, self._user, *said, self._assistant]
        return [self.pad_id] * (-len(ids) % PAD_TO) + ids

    def word_ids(self, word: str) -> Ids:
        """See `ChatVocabulary`."""
        return self._word_ids(word)

    def text(self, ids: Sequence[int]) -> str:
        """What the ids say, those of words decoded together where they stand together."""
        parts: list[str] = []
        run: list[int] = []
        for id in ids:
            if id in self._added:
                parts += (self.tokenizer.decode(run), self._added[id])
                run = []
            else:
                run.append(id)
        return "".join([*parts, self.tokenizer.decode(run)])

    def _encode(self, word: str) -> Ids:
        ids = tuple(self.tokenizer.encode(f" {word}").ids)
        return ids if self.tokenizer.decode(ids) == f" {word}" else ()


def script_of(vocabulary: ChatVocabulary, words: Sequence[str]) -> Script:
    """What may be copied of a sentence of `words`, as written."""
    return Script(
        tuple(words),
        tuple(map(vocabulary.word_ids, words)),
        vocabulary.tag_ids,
        vocabulary.stop_ids,
    )


def right_answer(
    vocabulary: ChatVocabulary, words: Sequence[str], tags: Sequence[str]
) -> list[int]:
    """The ids of the right answer about `words`, whose IOB2 `tags` are known."""
    lines = (
        (*vocabulary.word_ids(written(word)), *vocabulary.tag_ids[tag])
        for word, tag in zip(words, tags, strict=True)
        if tag != OUTSIDE
    )
    return [*chain.from_iterable(lines), *vocabulary.stop_ids]
