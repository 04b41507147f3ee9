"""Entities as a conversation: a sentence goes in, its words with their tags come out.

    system      Please do entity recognition of the following sentence in the BIO format
    user        Call me at 6 pm on Friday .
    assistant   6: B-TIME
                pm: I-TIME
                Friday: B-DATE
                [stop]

The answer has a line `word: TAG` for each word of an entity, in the order of the text, and
`[stop]` at the end; words outside are left out. Which word of the text a line means is read from
left to right: an entity is the leftmost run of words after the entity before it that read as its
lines do. What an answer holds beyond that is told and passed over: words that the text lacks, or
lacks from there on, and tags that are none or go on with nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from litteragpt.entities.bio import OUTSIDE
from litteragpt.tokenizers.common import SURROGATES

Role = Literal["system", "user", "assistant"]

SYSTEM: Final = "Please do entity recognition of the following sentence in the BIO format"
STOP: Final = "[stop]"
MAX_WORD: Final = 64
"""Characters of a word as it is written; of a longer one its beginning stands for it."""
_SEPARATOR: Final = ": "


@dataclass(frozen=True, slots=True)
class Message:
    """What one side of the conversation says."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far an answer has come in the text."""

    begin: int = 0
    """The first word that an entity may begin at."""
    ends: tuple[int, ...] = ()
    """The words, in order, that the entity in hand may end at: it may stand in several places."""
    label: str = ""
    """Of the entity in hand; empty before the first."""

    def starts(self, words: Sequence[str], word: str) -> tuple[int, ...]:
        """Where an entity that begins with `word` may begin."""
        return tuple(at for at in range(self.begin, len(words)) if words[at] == word)

    def goes_on(self, words: Sequence[str], word: str) -> tuple[int, ...]:
        """Where the entity in hand may go on with `word`."""
        following = (end + 1 for end in self.ends)
        return tuple(at for at in following if at < len(words) and words[at] == word)

    def beginning(self, label: str, starts: tuple[int, ...]) -> Place:
        """After the first word of an entity, which stands at one of `starts`."""
        return Place(starts[0] + 1, starts, label)

    def going_on(self, ends: tuple[int, ...]) -> Place:
        """After another word of the entity in hand, which stands at one of `ends`."""
        return Place(ends[0] + 1, ends, self.label)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was understood, and what was wrong with it."""

    tags: tuple[str, ...]
    """A tag for each word of the text, IOB2."""
    lines: tuple[int | None, ...]
    """The word that each line is about; None for a line passed over."""
    hallucinated: tuple[str, ...]
    """Words that the text does not hold."""
    disordered: tuple[str, ...]
    """Words that the text holds, but not after the entity before."""
    illegal: tuple[str, ...]
    """Lines that are no `word: TAG`, and I- tags that go on with nothing: these begin an entity."""
    stopped: bool
    """Whether it came to its `[stop]`."""


def written(word: str) -> str:
    """A word as the conversation has it: NFC, at most `MAX_WORD` characters, no surrogates."""
    return unicodedata.normalize("NFC", SURROGATES.sub("\ufffd", word[: 4 * MAX_WORD]))[:MAX_WORD]


def answer_of(words: Sequence[str], tags: Sequence[str]) -> str:
    """The right answer about `words`, as written, whose IOB2 `tags` are known."""
    lines = (
        f"{word}{_SEPARATOR}{tag}\n"
        for word, tag in zip(words, tags, strict=True)
        if tag != OUTSIDE
    )
    return "".join(lines) + STOP


def messages(words: Sequence[str], tags: Sequence[str] | None = None) -> tuple[Message, ...]:
    """The conversation about a sentence; without its `tags`, up to where the answer begins."""
    asked = (Message("system", SYSTEM), Message("user", " ".join(words)))
    return asked if tags is None else (*asked, Message("assistant", answer_of(words, tags)))


def text_of(conversation: Sequence[Message]) -> str:
    """A conversation as one text, `<|user|>` before what the user says.

    After what the user says it is the assistant's turn.
    """
    said = "".join(f"<|{each.role}|>\n{each.content}\n" for each in conversation)
    turn = "<|assistant|>\n" if conversation[-1].role == "user" else ""
    return said + turn


def read_answer(answer: str, words: Sequence[str], labels: Collection[str]) -> Answer:
    """What an answer says about `words`, as written. Any text is an answer, if only a wrong one."""
    known = frozenset(words)
    hallucinated, disordered, illegal = list[str](), list[str](), list[str]()
    found: list[tuple[Place, list[int]]] = []
    """Each entity: where it may stand, and the lines that it is of."""
    lines, stopped = _lines(answer)
    place = Place()
    for number, line in enumerate(lines):
        word, separator, tag = line.rpartition(_SEPARATOR)
        if not separator or tag[:2] not in ("B-", "I-") or tag[2:] not in labels:
            illegal.append(line)
            continue
        word, label = word.rstrip(), tag[2:]
        inside = tag[0] == "I"
        if inside and label == place.label and (ends := place.goes_on(words, word)):
            place = place.going_on(ends)
            found[-1] = (place, [*found[-1][1], number])
        elif starts := place.starts(words, word):
            if inside:
                illegal.append(line)
            place = place.beginning(label, starts)
            found.append((place, [number]))
        else:
            (disordered if word in known else hallucinated).append(word)
    tags = [OUTSIDE] * len(words)
    places: list[int | None] = [None] * len(lines)
    for each, numbers in found:
        first = each.ends[0] - len(numbers) + 1
        for at, number in enumerate(numbers, start=first):
            places[number] = at
            tags[at] = f"{'I' if at > first else 'B'}-{each.label}"
    return Answer(
        tuple(tags), tuple(places), tuple(hallucinated), tuple(disordered), tuple(illegal), stopped
    )


def _lines(answer: str) -> tuple[list[str], bool]:
    """The lines before `[stop]`, and whether there is one."""
    found: list[str] = []
    for line in _stripped(answer):
        if line == STOP:
            return found, True
        found.append(line)
    return found, False


def _stripped(answer: str) -> Iterator[str]:
    return (line for each in answer.split("\n") if (line := each.strip()))
