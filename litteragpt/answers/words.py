"""The words that a sentence encoder reads: each known one a row, any other those of its n-grams."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from litteragpt.entities.features import LONGEST_WORD, gram_rows
from litteragpt.files import read_text, write_text

WORDS_FILE: Final = "words.txt"
MAX_BYTES: Final = 16 * 2**20
_READ: Final = re.compile(r"[^\W_]+|\?")
_CACHE: Final = 50_000
EMPTY: Final = "·"
"""What stands for a text without a word."""


class WordRows:
    """From a text to the rows of its words in an encoder's table."""

    def __init__(self, words: Sequence[str], grams: int, longest: int) -> None:
        """ValueError where a word stands twice, or is none.

        Args:
            words: In lower case; the first has row 0.
            grams: Rows after these that n-grams share.
            longest: Words of a text that are read.
        """
        self.words = tuple(words)
        self._row = {word: row for row, word in enumerate(words)}
        if len(self._row) < len(self.words):
            raise ValueError("a word stands twice in a vocabulary")
        if any(not _READ.fullmatch(word) for word in words):
            raise ValueError("a vocabulary holds what is no word")
        self.grams, self.longest = grams, longest
        self._known: dict[str, tuple[int, ...]] = {}

    def __call__(self, text: str) -> list[tuple[int, ...]]:
        """The rows of each word of a text, one word at least."""
        return [self.rows(word) for word in words_of(text)[: self.longest] or [EMPTY]]

    def rows(self, word: str, *, parts: bool = False) -> tuple[int, ...]:
        """The rows of a word in lower case; of its n-grams, too, where `parts` alone count."""
        if not parts and (row := self._row.get(word)) is not None:
            return (row,)
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= _CACHE:
                self._known.clear()
            short = word[: LONGEST_WORD // 2] + word[len(word) - LONGEST_WORD // 2 :]
            seen = word if len(word) <= LONGEST_WORD else short
            found = tuple(len(self.words) + row for row in gram_rows(seen, self.grams))
            self._known[word] = found
        return found

    def save(self, path: Path) -> None:
        """Write the vocabulary, a word a line."""
        write_text(path, "".join(f"{word}\n" for word in self.words))

    @classmethod
    def load(cls, path: Path, grams: int, longest: int) -> WordRows:
        """The vocabulary in a file; ValueError where it is malformed."""
        try:
            return cls(read_text(path, MAX_BYTES).splitlines(), grams, longest)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def words_of(text: str) -> list[str]:
    """The words of a text and its question marks, in lower case."""
    return _READ.findall(unicodedata.normalize("NFC", text).lower())
