"""What may be written next: an automaton by which an answer copies words of its sentence in order.

At each step it knows every id that leads on to a legal answer (`litteragpt.entities.chat`) and no
other: a line is a word of the text that stands after the entity before it, then a tag that may
follow there, and an I- tag only stands behind the word before it in the text. Words and tags are
sequences of ids, of any vocabulary; where one is the beginning of another, both stay possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litteragpt.entities.chat import Place

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A sentence whose words are to be copied."""

    words: tuple[str, ...]
    """As written."""
    word_ids: tuple[Ids, ...]
    """Of each word, from the beginning of a line; none where the vocabulary cannot write it."""
    tag_ids: Mapping[str, Ids]
    """Of each tag but `O`, from after the word to the end of the line."""
    stop_ids: Ids
    """What ends an answer."""


@dataclass(frozen=True, slots=True)
class _Tagging:
    """A word has been written, and so many ids of a tag."""

    word: str
    tag: str
    done: int


class Copying:
    """An answer being written; `feed` it each id, one of `allowed`."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._place = Place()
        self._written = 0
        """Ids of the line in hand."""
        self._spelling: list[int] = []
        """Words of the text that they may be the beginning of."""
        self._tagging: list[_Tagging] = []
        """Words that they hold whole, each with the tags that may be following."""
        self._stopping = True
        """Whether they may be the beginning of what ends an answer."""
        self._start_line()
        self.ended = False
        """Whether the answer is complete."""

    @property
    def begins_line(self) -> bool:
        """Whether the next id is the first of a line."""
        return self._written == 0

    def allowed(self) -> list[int]:
        """The ids that may come next, in order; never none before the end."""
        assert not self.ended, "the answer is complete"
        script, done = self._script, self._written
        found = {script.word_ids[at][done] for at in self._spelling}
        found |= {script.tag_ids[each.tag][each.done] for each in self._tagging}
        if self._stopping:
            found.add(script.stop_ids[done])
        return sorted(found)

    def feed(self, id: int) -> None:
        """Take in the id that was written."""
        script, done = self._script, self._written
        tagging = [each for each in self._tagging if script.tag_ids[each.tag][each.done] == id]
        spelling = [at for at in self._spelling if script.word_ids[at][done] == id]
        self._stopping = self._stopping and script.stop_ids[done] == id
        assert tagging or spelling or self._stopping, "the id is not allowed"
        self._written = done = done + 1
        if self._stopping and len(script.stop_ids) == done:
            self.ended = True
            return
        self._tagging = []
        for each in tagging:
            if len(script.tag_ids[each.tag]) == each.done + 1:
                self._end_line(each.word, each.tag)
                return
            self._tagging.append(_Tagging(each.word, each.tag, each.done + 1))
        whole = dict.fromkeys(script.words[at] for at in spelling if self._is_whole(at))
        self._spelling = [at for at in spelling if not self._is_whole(at)]
        for word in whole:
            self._tagging += (_Tagging(word, tag, 0) for tag in self._tags_after(word))

    def _is_whole(self, at: int) -> bool:
        return len(self._script.word_ids[at]) == self._written

    def _tags_after(self, word: str) -> list[str]:
        """The tags that may follow a word at the beginning of a line."""
        place, words = self._place, self._script.words
        begins, goes_on = place.starts(words, word), place.goes_on(words, word)
        return [
            tag
            for tag in self._script.tag_ids
            if (begins if tag[0] == "B" else goes_on and tag[2:] == place.label)
        ]

    def _end_line(self, word: str, tag: str) -> None:
        place, words = self._place, self._script.words
        if tag[0] == "I":
            self._place = place.going_on(place.goes_on(words, word))
        else:
            self._place = place.beginning(tag[2:], place.starts(words, word))
        self._start_line()

    def _start_line(self) -> None:
        """Any word after the entity in hand may come: a word that goes on with it is one of them.

        Its words are sure to be in order; whether a tag may follow is asked when it is whole.
        """
        script = self._script
        self._spelling = [
            at for at in range(self._place.begin, len(script.words)) if script.word_ids[at]
        ]
        self._tagging, self._stopping, self._written = [], True, 0
