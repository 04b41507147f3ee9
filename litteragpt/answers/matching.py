"""What speaks for a passage as the place where a question is answered, in figures.

A term of a question (a word that is not empty) may stand in a passage as itself, as another
form of the same stem, or as a word of alike letters. The figures tell how much of the question,
each term weighed by its inverse document frequency, stands in the passage, in its best sentence
and in its best two successive sentences, how close together, and what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from litteragpt.answers.language import EMPTY_WORDS, WORD, Language, fold
from litteragpt.answers.vocabulary import Floats, Ints, Vocabulary

MAX_TERMS: Final = 60
"""Terms of a question; the rest is not read."""
LEAST_COLLECTION: Final = 1000
"""Passages that a collection is taken to have at least, so that in a small one, too, a term that
stands in some passage weighs nearly as much as one that stands in none."""

_TEXT: Final = (
    "exact words",
    "stems",
    "stems, sentence",
    "stems, two sentences",
    "alike",
    "alike, sentence",
    "alike, two sentences",
    "frequency",
    "frequency, alike",
    "near",
)
_MISSING: Final = ("missing", "missing, name", "missing, number")
_BOTH: Final = (*_TEXT, *_MISSING)
FEATURES: Final = (
    *_BOTH,
    *(f"{name}, share" for name in _BOTH),
    "log words",
    "log sentences",
    "terms",
    "bm25",
    "bm25, share",
    "bm25 of letters",
    "bm25 of letters, share",
)
"""Their names, in order. A share is of all the terms' weight, or of the best passage's score."""
SIZELESS: Final = tuple(name for name in FEATURES if not name.startswith("bm25"))
"""The names of those that mean much the same whatever else the collection holds."""

_EXACT, _STEM, _ALIKE = range(3)
_NEAR = 3  # words apart at most
_SATURATION = 0.5
_USUAL_WORDS = 70.0  # content words of a passage


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a question in the words of a collection.

    `ids_M` are, in ascending order, the words that stand for a term, `levels_LMN` how well each
    does for each term (0 to 1) by kind of match, `weights_N` the terms' weights; `kinds_N` is 0
    for a word, 1 for a name (a capital within the question), 2 for a number.
    """

    words: tuple[str, ...]
    stems: tuple[int, ...]
    ids_M: Ints
    levels_LMN: Floats
    weights_N: Floats
    kinds_N: Ints


def content_words(text: str) -> list[tuple[str, int]]:
    """The folded words of a text that are not empty, each once, and their kinds (see `Terms`)."""
    found: dict[str, int] = {}
    for place, match in enumerate(WORD.finditer(text)):
        word = fold(match.group())
        if word and word not in EMPTY_WORDS:
            digits = any(character.isdigit() for character in word)
            name = place > 0 and match.group()[0].isupper()
            found.setdefault(word, 2 if digits else 1 if name else 0)
        if len(found) == MAX_TERMS:
            break
    return list(found.items())


def read_terms(
    question: str,
    vocabulary: Vocabulary,
    languages: Sequence[Language],
    document_frequency_S: Ints,
    passages: int,
) -> Terms:
    """The terms of a question; `document_frequency_S` counts the passages that have each stem."""
    passages = max(passages, LEAST_COLLECTION)
    kept: list[tuple[str, int, set[int]]] = []
    seen: set[int] = set()
    for word, kind in content_words(question):
        stems = vocabulary.stem_ids(word, languages)
        if stems and stems <= seen:
            continue
        seen |= stems
        kept.append((word, kind, stems))
    by_stem = np.full(len(vocabulary.stems) + 1, -1, np.int32)
    matches: list[tuple[int, Ints, Floats, int]] = []
    weights = []
    for number, (word, kind, stems) in enumerate(kept):
        frequency = max((int(document_frequency_S[stem]) for stem in stems), default=0)
        weights.append(math.log1p((passages - frequency + 0.5) / (frequency + 0.5)))
        for stem in stems:
            by_stem[stem] = number
        exact = np.array(vocabulary.ids(word, languages), np.int32)
        matches.append((_EXACT, exact, np.ones(len(exact), np.float32), number))
        if kind != 2:
            matches.append((_ALIKE, *vocabulary.alike(word), number))
    terms_V = by_stem[vocabulary.stem_ids_V]
    same_stem = np.flatnonzero(terms_V >= 0).astype(np.int32)
    ids_M = np.unique(np.concatenate([same_stem, *(match[1] for match in matches)]))
    levels_LMN = np.zeros((3, len(ids_M), max(len(kept), 1)), np.float32)
    levels_LMN[_STEM, np.searchsorted(ids_M, same_stem), terms_V[same_stem]] = 1.0
    for level, ids, degree, number in matches:
        levels_LMN[level, np.searchsorted(ids_M, ids), number] = degree
    levels_LMN[_STEM] = np.maximum(levels_LMN[_STEM], levels_LMN[_EXACT])
    levels_LMN[_ALIKE] = np.maximum(levels_LMN[_ALIKE], levels_LMN[_STEM])
    return Terms(
        tuple(word for word, _, _ in kept),
        tuple(sorted(seen)),
        ids_M.astype(np.int32),
        levels_LMN,
        np.array(weights or [0.0], np.float32),
        np.array([kind for _, kind, _ in kept] or [0], np.int32),
    )


def text_features(terms: Terms, sentences: Sequence[Sequence[Ints]]) -> Floats:
    """The figures that come from the texts alone, `K` passages by `len(_TEXT + _MISSING) * 2 + 3`.

    Args:
        sentences: For each passage its sentences, each the ids of its content words.
    """
    weights_N = terms.weights_N
    total = float(weights_N.sum()) or 1.0
    rows = []
    for passage in sentences:
        ids_T = np.concatenate([*passage, np.empty(0, np.int32)])
        rows.append(_passage(terms, weights_N, ids_T, [len(sentence) for sentence in passage]))
    features_KF = np.array(rows, np.float32).reshape(len(rows), -1)
    both = len(_BOTH)
    shares_KF = features_KF[:, :both] / total
    return np.concatenate([features_KF[:, :both], shares_KF, features_KF[:, both:]], 1)


def _passage(terms: Terms, weights_N: Floats, ids_T: Ints, lengths: list[int]) -> list[float]:
    places = np.searchsorted(terms.ids_M, ids_T)
    places[places == len(terms.ids_M)] = 0
    hits = np.flatnonzero(terms.ids_M[places] == ids_T) if len(terms.ids_M) else places[:0]
    sentence_T = np.repeat(np.arange(len(lengths)), lengths)
    levels_LHN = terms.levels_LMN[:, places[hits]]
    best_LSN = np.zeros((3, max(len(lengths), 1), len(weights_N)), np.float32)
    for level in range(3):
        np.maximum.at(best_LSN[level], sentence_T[hits], levels_LHN[level])
    in_passage_LN = best_LSN.max(1)
    figures = [float(in_passage_LN[_EXACT] @ weights_N)]
    for level in (_STEM, _ALIKE):
        sentences_S = best_LSN[level] @ weights_N
        pairs_S = np.maximum(best_LSN[level, :-1], best_LSN[level, 1:]) @ weights_N
        figures += [
            float(in_passage_LN[level] @ weights_N),
            float(sentences_S.max()),
            float(max(sentences_S.max(), pairs_S.max(initial=0.0))),
        ]
    norm = _SATURATION * (1 + len(ids_T) / _USUAL_WORDS)
    for level in (_STEM, _ALIKE):
        frequency_N = levels_LHN[level].sum(0)
        figures.append(float((frequency_N / (frequency_N + norm)) @ weights_N))
    figures.append(_nearness(hits, levels_LHN[_STEM], weights_N))
    missing_N = (1 - in_passage_LN[_ALIKE]) * weights_N
    figures += [float(missing_N[terms.kinds_N == kind].sum()) for kind in range(3)]
    return [*figures, math.log1p(len(ids_T)), math.log1p(len(lengths)), float(len(terms.words))]


def _nearness(hits_H: NDArray[np.intp], stems_HN: Floats, weights_N: Floats) -> float:
    """The weight of different terms that stand close together; next to each other counts twice."""
    found = stems_HN.max(1, initial=0.0) > 0
    places = hits_H[found]
    if len(places) < 2:
        return 0.0
    terms = stems_HN[found].argmax(1)
    gaps = np.diff(places)
    close = (gaps <= _NEAR) & (terms[1:] != terms[:-1])
    lesser = np.minimum(weights_N[terms[1:]], weights_N[terms[:-1]])
    return float((lesser * close * np.where(gaps == 1, 1.0, 0.5)).sum())
