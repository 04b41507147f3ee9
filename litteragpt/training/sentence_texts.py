"""What a sentence encoder learns from: texts with a role each, question or sentence.

Besides sentences of running text there are single words, stretches of a few words, and questions
made of such stretches: what a question asks for seldom is a whole sentence. More sentences and
questions are made by putting other content words into them. What ends in a question mark is a
question wherever it stands.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from litteragpt.answers.language import EMPTY_WORDS, fold
from litteragpt.answers.passages import sentence_spans
from litteragpt.answers.sets import QuestionSets
from litteragpt.answers.words import words_of
from litteragpt.bounds import check_range, check_whole
from litteragpt.entities.readers import read_records
from litteragpt.tables import from_table

LINES: Final = "lines"
MARKED: Final = "marked"
WORDS: Final = "words"
FORMATS: Final = (LINES, MARKED, WORDS)
_STRETCH: Final = (2, 8)
"""Words of a stretch, at least and at most."""
_EXCHANGED: Final = (0.3, 0.5, 0.8)
"""Shares of a text's runs of content words."""
_MARKS: Final = '.,;:?!()"“”'
_EMPTY: Final = EMPTY_WORDS | {"por", "porque", "quantos", "ano", "tipo", "nome", "pode", "podem"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSet:
    """A set of sentences, or of words by frequency (of the package `wordfreq`)."""

    title: str
    licence: str
    address: str = ""
    file: str = ""
    """Below the folders of texts; for words, empty."""
    format: str = LINES
    """lines: running text. marked: words and tags (`litteragpt.entities.readers`). words."""
    language: str = "pt"
    most: int = 0
    """Sentences or words, drawn among all; 0 for all."""
    shortest: int = 1
    longest: int = 2_000
    """Characters."""
    repeats: float = 1.0
    """How often each is learned from in a round; below 1, the share that is."""
    stretches: bool = False
    """Whether stretches and questions are made from these."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> TextSet:
        """From a recipe. Raises ValueError for a figure out of bounds."""
        made = from_table(cls, table, "sets")
        if made.format not in FORMATS:
            raise ValueError(f"sets.format must be one of {', '.join(FORMATS)}")
        if (made.format == WORDS) != (not made.file):
            raise ValueError("sets.file is due for running text, and for that alone")
        check_whole("sets.most", made.most, 0, 10**9)
        check_whole("sets.shortest", made.shortest, 1, 10**6)
        check_whole("sets.longest", made.longest, made.shortest, 10**6)
        check_range("sets.repeats", made.repeats, 0.0, 1_000.0)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTexts:
    """What is made of stretches, and how much the questions of the question sets count."""

    stretches: int = 40_000
    questions: int = 40_000
    exchanged_questions: int = 40_000
    """Questions to learn from, with some of their content words exchanged."""
    exchanged_sentences: int = 45_000
    """Sentences of those sets that stretches are made from, likewise."""
    templates: tuple[str, ...] = ("O que é {}?",)
    """Of questions; `{}` stands for a stretch."""
    asked: float = 0.0
    """Repeats of the questions to learn from, and of the sentences of their passages."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> MadeTexts:
        """From a recipe. Raises ValueError for a figure out of bounds."""
        made = from_table(cls, table, "made")
        check_whole("made.stretches", made.stretches, 0, 10**8)
        check_whole("made.questions", made.questions, 0, 10**8)
        check_whole("made.exchanged_questions", made.exchanged_questions, 0, 10**8)
        check_whole("made.exchanged_sentences", made.exchanged_sentences, 0, 10**8)
        check_range("made.asked", made.asked, 0.0, 1_000.0)
        if not made.templates or any(each.count("{}") != 1 for each in made.templates):
            raise ValueError("each of made.templates needs one {}")
        return made


@dataclass(frozen=True, slots=True)
class Text:
    """A text to learn from."""

    text: str
    question: bool
    repeats: float
    single: bool = False
    """Whether it is a word by itself."""


def gather(
    sets: Sequence[TextSet],
    made: MadeTexts,
    folders: Sequence[Path],
    asked: QuestionSets | None,
    *,
    seed: int,
) -> list[Text]:
    """All texts of a recipe. Of `asked`, only what may be learned from is.

    Raises ValueError where a file is missing or malformed.
    """
    rng = random.Random(seed)
    found: list[Text] = []
    sources: list[str] = []
    for each in sets:
        texts = list(_read(each, folders, rng))
        words = each.format == WORDS
        found += [Text(text, text.endswith("?"), each.repeats, words) for text in texts]
        if each.stretches:
            sources += texts
    real: list[str] = []
    for text, question in _learned_from(asked) if asked is not None else ():
        if made.asked:
            found.append(Text(text, question, made.asked))
        if question:
            real.append(text)
        elif made.asked:
            sources.append(text)
    pieces = _stretches(sources, made.stretches + made.questions, rng)
    cut = min(made.stretches, len(pieces))
    found += [Text(text, False, 1.0) for text in pieces[:cut]]
    for text in pieces[cut:]:
        found.append(Text(rng.choice(made.templates).replace("{}", text), True, 1.0))
    for texts, most in ((real, made.exchanged_questions), (sources, made.exchanged_sentences)):
        for text in _exchanged(texts, sources, most, rng):
            found.append(Text(text, text.endswith("?"), 1.0))
    return found


def vocabulary(sets: Sequence[TextSet], words: Mapping[str, int]) -> list[str]:
    """The most frequent words of each language, as many as `words` says, and the question mark."""
    found = ["?"]
    for language, most in words.items():
        found += _frequent(language, most)
    return list(dict.fromkeys(found))


def _read(each: TextSet, folders: Sequence[Path], rng: random.Random) -> Iterator[str]:
    if each.format == WORDS:
        yield from (word for word in _frequent(each.language, each.most) if len(word) > 2)
        return
    path = next((folder / each.file for folder in folders if (folder / each.file).is_file()), None)
    if path is None:
        raise ValueError(f"none of the folders of texts holds {each.file}")
    texts = [
        text
        for text in (_marked(path) if each.format == MARKED else _lines(path))
        if each.shortest <= len(text) <= each.longest
    ]
    if each.most and each.most < len(texts):
        texts = rng.sample(texts, each.most)
    yield from texts


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield from (line[start:end] for start, end in sentence_spans(line.strip()))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _marked(path: Path) -> Iterator[str]:
    yield from (record.text for record in read_records(path))


def _frequent(language: str, most: int) -> list[str]:
    """The most frequent words of a language."""
    try:
        import wordfreq
    except ImportError as error:
        raise ValueError(
            "words by frequency need the package wordfreq: pip install 'litteragpt[data]'"
        ) from error
    found: list[str] = []
    for word in wordfreq.iter_wordlist(language, wordlist="large"):
        if words_of(word) == [word] and not any(character.isdigit() for character in word):
            found.append(word)
            if len(found) == most:
                break
    return found


def _learned_from(asked: QuestionSets) -> Iterator[tuple[str, bool]]:
    """The questions that may be learned from, and the sentences of their passages.

    They are those of the first part of `QuestionSets.tuning`; the second is for the judgement.
    """
    learned, _ = asked.tuning()
    own = {question.passage for question in learned}
    others = {question.passage for question in set(asked.questions) - set(learned)}
    for number in sorted(own - others):
        passage = asked.passages[number]
        yield from ((passage[start:end], False) for start, end in sentence_spans(passage))
    yield from ((question.text, True) for question in learned)


def _stretches(sources: Sequence[str], most: int, rng: random.Random) -> list[str]:
    found: list[str] = []
    for text in sources:
        words = text.split()
        for _ in range(2):
            size = rng.randint(*_STRETCH)
            if len(words) > size:
                at = rng.randrange(len(words) - size)
                found.append(" ".join(words[at : at + size]).strip(_MARKS))
    rng.shuffle(found)
    return [each for each in found if each][:most]


def _exchanged(
    texts: Sequence[str], sources: Sequence[str], most: int, rng: random.Random
) -> list[str]:
    """Texts with runs of content words, one at least, exchanged for runs of the sources."""
    runs = [
        " ".join(words[start:end]).strip(_MARKS)
        for words in map(str.split, sources)
        for start, end in _content_runs(words)
        if end - start <= 3
    ]
    given = [(words, found) for words in map(str.split, texts) if (found := _content_runs(words))]
    made: list[str] = []
    while runs and given and len(made) < most:
        words, found = rng.choice(given)
        words = list(words)
        share = rng.choice(_EXCHANGED)
        for start, end in sorted(rng.sample(found, max(1, round(share * len(found)))))[::-1]:
            last = words[end - 1]
            words[start:end] = [rng.choice(runs) + last[len(last.rstrip(_MARKS)) :]]
        made.append(" ".join(words))
    return made


def _content_runs(words: Sequence[str]) -> list[tuple[int, int]]:
    """Where words of three letters or more that are not function words stand side by side."""
    content = [len(word) > 2 and fold(word.strip(_MARKS)) not in _EMPTY for word in words]
    found: list[tuple[int, int]] = []
    for at, is_content in enumerate(content):
        if is_content and found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + 1)
        elif is_content:
            found.append((at, at + 1))
    return found
