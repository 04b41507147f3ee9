"""The corpus of the Portuguese models: modern sentences and literature, in one text.

Every set is read into documents (an article, a work, or a block of sentences where no more is
known), cleaned line by line, and freed of lines that repeat others or nearly do. Whole documents
are held out, in a fixed proportion of sentences to literature. What remains is shuffled by
document, and loses every line that shares thirteen words in a row with what was held out.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from litteragpt.corpora.leaks import Overlap
from litteragpt.corpora.lines import fault_of_sentence, fault_of_text, tidy, tidy_prose
from litteragpt.corpora.near_duplicates import find_duplicates
from litteragpt.corpora.portuguese_config import LITERATURE, SENTENCES, PortugueseConfig, TextSet
from litteragpt.corpora.portuguese_sources import Document, read_text_set
from litteragpt.corpora.split import shuffle
from litteragpt.corpora.word_runs import number_words, shared_runs
from litteragpt.files import read_json_object, write_text
from litteragpt.protocols import Tokenizer

FORMAT = 1
_MIN_COPY = 60  # characters from which a repeated line of literature is a copy and no idiom
_MIN_BOILERPLATE = 30  # characters from which a line in several works is no one's own
_BOILERPLATE_WORKS = 3
_LARGEST_WORK = 0.4  # of the literature held out: so that no single work is most of it
_SPACED_HYPHEN = re.compile(r"(?<=\w) - (?=\w)")
_MAX_JSON_BYTES = 4 * 2**20

Report = Callable[[str], None]
Dropped = dict[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class BuiltSet:
    """A set of texts as it was read and cleaned, before anything was taken out as a copy."""

    texts: TextSet
    documents: int
    characters: int
    sha256: str
    """Of the cleaned lines, each with its `\\n`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortugueseReport:
    """What was built, and what went on the way."""

    folder: Path
    sets: tuple[BuiltSet, ...]
    characters: Mapping[str, int]
    """Of each file: `train`, `validation`, and `-wiki` and `-lit` of each."""
    chunks: Mapping[str, int]
    """Lines of each file."""
    documents: Mapping[str, int]
    """Documents that each file has lines of."""
    dropped: Mapping[str, Mapping[str, int]]
    """Lines of sentences (`wiki`) and literature (`lit`) left out, by reason."""
    shared_runs_before: int
    """Runs of words that training had in common with validation; none is left in `train`."""
    vocabulary: int
    """Entries of the tokenizer."""
    changes: tuple[str, ...]
    """A sentence for each set whose text is not what it was in the last build."""
    overlap: Mapping[str, Overlap] = field(default_factory=dict)
    """Empty: what is shared is counted in words here."""


def build_portuguese(
    name: str,
    config: PortugueseConfig,
    out: Path,
    *,
    source: Path | None = None,
    cache: Path | None = None,
    report: Report = lambda line: None,
) -> PortugueseReport:
    """Build the corpus into the folder `out`.

    Writes `train.txt`, `validation.txt`, `tokenizer.json` and `corpus.json`, and beside them the
    two parts of either text, `…-wiki.txt` (sentences) and `…-lit.txt` (literature):
    `validation.txt` is its parts one after the other, `train.txt` has the documents of both
    shuffled, sentences as often as `sentence_repeats` says. Texts come from the folder `source`,
    or are downloaded and kept in `cache` (default: `downloads` beside `out`). The same texts and
    configuration give the same files.

    Raises OSError (`books.SourceError`) where a text cannot be had, ValueError where what came
    is no text to train on.
    """
    folder = Path(out)
    dropped: Dropped = {SENTENCES: Counter(), LITERATURE: Counter()}
    documents: list[Document] = []
    sets: list[BuiltSet] = []
    for texts in config.sets:
        read = _read(texts, config, source, cache or folder.parent / "downloads", dropped, report)
        sets.append(_built(texts, read))
        documents.extend(read)
        report(f"{texts.title}: {len(read):,} documents, {sets[-1].characters:,} characters")
    changes = _changes(sets, folder / "corpus.json")
    for change in changes:
        report(change)
    documents = _without_copies(_without_boilerplate(documents, dropped), config, dropped)
    report(f"{sum(len(each.lines) for each in documents):,} lines are no copies of others")

    train, held_out = _split(documents, config)
    train, shared = _without_leaks(train, _lines(held_out), config.run_words, dropped)
    report(f"{shared:,} runs of {config.run_words} words shared with validation: taken out")
    text = _repeated(train, config)
    if len(text) > len(train):  # other lines meet in it
        text, again = _without_leaks(text, _lines(held_out), config.run_words, dropped)
        shared += again
    parts = {**_parts("train", train), "train": text, **_parts("validation", held_out)}
    for part, chosen in parts.items():
        if not chosen:
            raise ValueError(f"the texts are too short: nothing is left for {part}")
    tokenizer = _tokenizer(config, _lines(train))
    result = PortugueseReport(
        folder=folder,
        sets=tuple(sets),
        characters={part: _size(chosen) for part, chosen in parts.items()},
        chunks={part: len(_lines(chosen)) for part, chosen in parts.items()},
        documents={part: len(chosen) for part, chosen in parts.items()},
        dropped={kind: dict(sorted(counter.items())) for kind, counter in dropped.items()},
        shared_runs_before=shared,
        vocabulary=tokenizer.vocab_size,
        changes=changes,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for part, chosen in parts.items():
        write_text(folder / f"{part}.txt", _text(chosen))
    tokenizer.save(folder / "tokenizer.json")
    write_text(folder / "corpus.json", _as_json(name, config, result))
    return result


def _read(
    texts: TextSet,
    config: PortugueseConfig,
    source: Path | None,
    cache: Path,
    dropped: Dropped,
    report: Report,
) -> list[Document]:
    """The documents of a set, cleaned, up to its bounds."""
    result: list[Document] = []
    size = 0
    for document in read_text_set(texts, source=source, cache=cache, report=report):
        clean = _clean(document, texts, dropped[texts.kind])
        for each in _blocks(clean, config.block_lines):
            result.append(each)
            size += _size([each])
            # Of lines without articles, `max_articles` bounds the blocks.
            enough = texts.max_articles and len(result) >= texts.max_articles
            if enough or (texts.max_characters and size >= texts.max_characters):
                return result
    return result


def _clean(document: Document, texts: TextSet, dropped: Counter[str]) -> Document:
    prose = document.kind == LITERATURE
    lines = []
    for raw in document.lines:
        if texts.spaced_hyphens:
            raw = _SPACED_HYPHEN.sub("-", raw)
        line = tidy_prose(raw) if prose else tidy(raw)
        fault = fault_of_text(line) if prose else fault_of_sentence(line)
        if fault is None:
            lines.append(line)
        elif line:
            dropped[fault] += 1
    return replace(document, lines=tuple(lines))


def _blocks(document: Document, size: int) -> list[Document]:
    """The document itself, or blocks of lines of one whose lines have no known origin."""
    lines = document.lines
    if document.whole:
        return [document] if lines else []
    return [
        Document(document.kind, f"{document.name}-{start // size + 1}", lines[start : start + size])
        for start in range(0, len(lines), size)
    ]


def _without_boilerplate(documents: Sequence[Document], dropped: Dropped) -> list[Document]:
    """Without the lines of some length that stand in several works: publishers' and editors'."""
    works: Counter[str] = Counter()
    for document in documents:
        if document.kind == LITERATURE:
            works.update({line for line in document.lines if len(line) >= _MIN_BOILERPLATE})
    keep = [
        [document.kind != LITERATURE or works[line] < _BOILERPLATE_WORKS for line in document.lines]
        for document in documents
    ]
    return _kept(documents, keep, "boilerplate", dropped)


def _without_copies(
    documents: Sequence[Document], config: PortugueseConfig, dropped: Dropped
) -> list[Document]:
    """Without the lines that (nearly) repeat an earlier one; short ones of literature stay."""
    places = [
        (index, number)
        for index, document in enumerate(documents)
        for number, line in enumerate(document.lines)
        if document.kind != LITERATURE or len(line) >= _MIN_COPY
    ]
    copied = find_duplicates(
        [documents[index].lines[number] for index, number in places],
        threshold=config.near_duplicate,
        seed=config.seed,
    )
    keep = [[True] * len(document.lines) for document in documents]
    for (index, number), earlier in zip(places, copied, strict=True):
        keep[index][number] = earlier < 0
    return _kept(documents, keep, "copy", dropped)


def _split(
    documents: Sequence[Document], config: PortugueseConfig
) -> tuple[list[Document], list[Document]]:
    """The documents to train on, shuffled, and those held out, sentences first."""
    order = list(documents)
    shuffle(order, random.Random(config.seed))
    sentences = [index for index, document in enumerate(order) if document.kind == SENTENCES]
    works = _drawn_works(order, config.seed + 1)
    held_out: list[int] = []
    for candidates, share in (
        (sentences, config.validation_wiki),
        (works, 1 - config.validation_wiki),
    ):
        left = wanted = share * config.validation_characters
        for index in candidates:
            size = _size([order[index]])
            if size <= left and (order[index].kind == SENTENCES or size <= _LARGEST_WORK * wanted):
                held_out.append(index)
                left -= size
    chosen = set(held_out)
    train = [document for index, document in enumerate(order) if index not in chosen]
    return train, [order[index] for index in held_out]


def _drawn_works(documents: Sequence[Document], seed: int) -> list[int]:
    """Where the works are, in the order in which they are drawn.

    As if characters were drawn, a work comes early by its length (Efraimidis and Spirakis 2006),
    so that novels are held out and not only short stories. What else is in the corpus does not
    change the order.
    """
    works = [index for index, document in enumerate(documents) if document.kind == LITERATURE]
    works.sort(key=lambda index: documents[index].name)
    rng = random.Random(seed)
    keys = {index: rng.random() ** (1 / _size([documents[index]])) for index in works}
    return sorted(works, key=lambda index: -keys[index])


def _without_leaks(
    train: Sequence[Document], held_out: Sequence[str], length: int, dropped: Dropped
) -> tuple[list[Document], int]:
    """Training documents that share no run of words with the held-out lines, and how many did.

    The documents of one kind make a file of their own, where other lines meet than in the file
    of all: each is looked through, until nothing is found in any.
    """
    table: dict[str, int] = {}
    wanted = number_words(held_out, table)
    words = [number_words(document.lines, table) for document in train]
    keep = [[True] * len(document.lines) for document in train]
    kinds = ((SENTENCES, LITERATURE), (SENTENCES,), (LITERATURE,))
    shared, passes_left = 0, len(kinds)
    for kind in itertools.cycle(kinds):
        places = [
            (index, number)
            for index, document in enumerate(train)
            if document.kind in kind
            for number, stays in enumerate(keep[index])
            if stays
        ]
        found = shared_runs([words[index][number] for index, number in places], wanted, length)
        shared += found.runs
        for place in found.lines:
            index, number = places[place]
            keep[index][number] = False
        passes_left = len(kinds) if found.runs else passes_left - 1
        if not passes_left:
            break
    return _kept(train, keep, "shared", dropped), shared


def _repeated(train: Sequence[Document], config: PortugueseConfig) -> list[Document]:
    """The documents with those of sentences as often as is asked for, shuffled again if so."""
    result = list(train)
    sentences = [document for document in train if document.kind == SENTENCES]
    for _ in range(config.sentence_repeats - 1):
        result.extend(sentences)
    if len(result) > len(train):
        shuffle(result, random.Random(config.seed + 2))
    return result


def _kept(
    documents: Sequence[Document],
    keep: Sequence[Sequence[bool]],
    reason: str,
    dropped: Dropped,
) -> list[Document]:
    """The documents with only the lines to keep; those that lose all of them go."""
    result = []
    for document, flags in zip(documents, keep, strict=True):
        lines = tuple(line for line, stays in zip(document.lines, flags, strict=True) if stays)
        if gone := len(document.lines) - len(lines):
            dropped[document.kind][reason] += gone
            document = replace(document, lines=lines)
        if lines:
            result.append(document)
    return result


def _parts(part: str, documents: Sequence[Document]) -> dict[str, list[Document]]:
    return {
        part: list(documents),
        f"{part}-wiki": [document for document in documents if document.kind == SENTENCES],
        f"{part}-lit": [document for document in documents if document.kind == LITERATURE],
    }


def _lines(documents: Sequence[Document]) -> list[str]:
    return [line for document in documents for line in document.lines]


def _text(documents: Sequence[Document]) -> str:
    return "".join(f"{line}\n" for line in _lines(documents))


def _size(documents: Sequence[Document]) -> int:
    """Characters of the documents as a file."""
    return sum(len(line) + 1 for document in documents for line in document.lines)


def _built(texts: TextSet, documents: Sequence[Document]) -> BuiltSet:
    sha256 = hashlib.sha256(_text(documents).encode()).hexdigest()
    return BuiltSet(texts, len(documents), _size(documents), sha256)


def _tokenizer(config: PortugueseConfig, lines: Sequence[str]) -> Tokenizer:
    from litteragpt.tokenizers import BPETokenizer, CharTokenizer

    if config.tokenizer == "characters":
        return CharTokenizer.from_text("\n".join(lines))
    return BPETokenizer.train((f"{line}\n" for line in lines), config.vocabulary)


def _changes(sets: Sequence[BuiltSet], previous: Path) -> tuple[str, ...]:
    """A sentence for each set that differs from the last build."""
    before = _previous_hashes(previous)
    return tuple(
        f"{built.texts.title} ({built.texts.file}) differs: the cleaned text's sha256 is "
        f"{built.sha256}, the last build's was {before[built.texts.file]}"
        for built in sets
        if before.get(built.texts.file, built.sha256) != built.sha256
    )


def _previous_hashes(path: Path) -> dict[str, str]:
    """The sha256 of each set in a `corpus.json`; none where it is missing or unreadable."""
    if not path.is_file():
        return {}
    try:
        sets = read_json_object(path, _MAX_JSON_BYTES)["sets"]
        return {str(each["file"]): str(each["sha256"]) for each in sets}
    except (ValueError, KeyError, TypeError):
        return {}  # it is about to be replaced


def _as_json(name: str, config: PortugueseConfig, result: PortugueseReport) -> str:
    """`corpus.json`: what the corpus is made of, and how."""
    settings = {key: value for key, value in asdict(config).items() if key != "sets"}
    content: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        **settings,
        "characters": result.characters,
        "lines": result.chunks,
        "documents": result.documents,
        "lines_left_out": result.dropped,
        "shared_runs": {"words": config.run_words, "before": result.shared_runs_before, "left": 0},
        "vocabulary": result.vocabulary,
        "sets": [
            {
                **{key: value for key, value in asdict(built.texts).items() if key != "files"},
                "documents": built.documents,
                "characters": built.characters,
                "sha256": built.sha256,
            }
            for built in result.sets
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
