"""The words of a collection, each once: its stem, and how alike another word is to it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from litteragpt.answers.language import Language, Stems

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

_ALIKE = 3  # letters of the n-grams by which two words are alike


def letter_grams(word: str, letters: int) -> set[str]:
    """The n-grams of a word between its two ends' marks: `^casa$` has `^ca`, `cas`, …"""
    marked = f"^{word}$"
    return {marked[at : at + letters] for at in range(max(1, len(marked) - letters + 1))}


class Vocabulary:
    """Ids for folded words by language, in order of arrival.

    `V` words; `stem_ids_V` are ids into `stems`. A word of two languages has two ids.
    """

    def __init__(self) -> None:
        self.stems: dict[str, int] = {}
        self._stem = Stems()
        self._ids: dict[tuple[Language, str], int] = {}
        self._words: list[str] = []
        self._stem_ids: list[int] = []
        self.stem_ids_V: Ints = np.empty(0, np.int32)
        self._postings: dict[str, Ints] = {}
        self._grams_V: Floats = np.empty(0, np.float32)

    def __len__(self) -> int:
        return len(self._words)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self._words)

    def add(self, words: Iterable[str], language: Language) -> list[int]:
        """The ids of folded words; new ones are taken up. Call `freeze` after the last."""
        ids = []
        for word in words:
            key = (language, word)
            found = self._ids.get(key)
            if found is None:
                found = self._ids[key] = len(self._words)
                self._words.append(word)
                stem = self._stem(word, language)
                self._stem_ids.append(self.stems.setdefault(stem, len(self.stems)))
            ids.append(found)
        return ids

    def freeze(self) -> None:
        """Lay out what look-ups need."""
        self.stem_ids_V = np.array(self._stem_ids, np.int32)
        postings: dict[str, list[int]] = {}
        counts = []
        for index, word in enumerate(self._words):
            grams = letter_grams(word, _ALIKE)
            counts.append(len(grams))
            # Numbers are the same or they are not.
            if word.isalpha():
                for gram in grams:
                    postings.setdefault(gram, []).append(index)
        self._grams_V = np.array(counts, np.float32)
        self._postings = {gram: np.array(ids, np.int32) for gram, ids in postings.items()}

    def stem_ids(self, word: str, languages: Iterable[Language]) -> set[int]:
        """The known stems of a folded word, one a language at most."""
        stems = (self.stems.get(self._stem(word, language)) for language in languages)
        return {stem for stem in stems if stem is not None}

    def ids(self, word: str, languages: Iterable[Language]) -> list[int]:
        """The ids of a folded word itself."""
        found = (self._ids.get((language, word)) for language in languages)
        return [index for index in found if index is not None]

    def alike(self, word: str, least: float = 0.5) -> tuple[Ints, Floats]:
        """Ids of words that share letters with a folded word, and how many (Dice, 0 to 1)."""
        grams = letter_grams(word, _ALIKE)
        lists = [self._postings[gram] for gram in grams if gram in self._postings]
        if not lists:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        ids, shared = np.unique(np.concatenate(lists), return_counts=True)
        dice = (2 * shared / (len(grams) + self._grams_V[ids])).astype(np.float32)
        close = dice >= least
        return ids[close], dice[close]
