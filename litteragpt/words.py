"""What a word is: a run of letters, with single hyphens and apostrophes between letters in it.

`guarda-chuva` and `d'água` are one word each, `1822` is none. The rule is one automaton that
reads each character once, so a text can be fed to it in any pieces.
"""

from __future__ import annotations

import unicodedata

JOINERS = frozenset("-'’\u2010\u2011")
"""Hyphens and apostrophes."""


class WordCounter:
    """Tells, while text is being generated, when its first words have ended.

    `before` is the end of the prompt: letters that go on with its last word are no new word.
    """

    def __init__(self, limit: int, before: str = "") -> None:
        if limit < 1:
            raise ValueError(f"words must be at least 1, not {limit}")
        self._left = limit
        self._in_word = False
        self._joined = False
        """Whether a joiner has just followed a letter: the word may go on."""
        self._counted = False
        """Whether the word in hand is one of those counted."""
        self._length = 0
        self._word_end = 0
        self._end: int | None = None
        for character in before:
            self._read(character)
        self._counted = False

    @property
    def settled(self) -> int:
        """So many characters of what was fed certainly belong to the first words or before them."""
        if self._end is not None:
            return self._end
        return self._word_end if self._last and not self._in_word else self._length

    def feed(self, text: str) -> int | None:
        """Read the next piece of the generated text, of any length.

        Returns None while the last of the words may go on; then, and on every later call, the
        number of characters of all that was fed up to its end.
        """
        for character in text:
            if self._end is not None:
                break
            began = self._read(character)
            self._length += 1
            if began:
                self._left -= 1
                self._counted = True
            if self._in_word:
                self._word_end = self._length
            elif self._last and not self._joined:
                self._end = self._word_end
        return self._end

    @property
    def _last(self) -> bool:
        """Whether the last of the words is in hand or over."""
        return self._left == 0 and self._counted

    def _read(self, character: str) -> bool:
        """Take one character; whether a new word begins with it."""
        letter = character.isalpha() or (
            (self._in_word or self._joined) and unicodedata.category(character).startswith("M")
        )
        goes_on = self._in_word or self._joined
        self._joined = self._in_word and character in JOINERS
        self._in_word = letter
        return letter and not goes_on
