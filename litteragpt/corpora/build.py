"""Build a corpus: from the works of a recipe to the files that training reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from litteragpt.corpora.books import clean, prepare, read_work
from litteragpt.corpora.leaks import Overlap, count_overlap
from litteragpt.corpora.manifest import CorpusConfig, Work
from litteragpt.corpora.split import split_works
from litteragpt.files import read_json_object, write_text
from litteragpt.tokenizers import CharTokenizer

FORMAT = 1
RUN_LENGTH = 50  # characters in common that count as a leak
_MAX_JSON_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class BuiltWork:
    """A work as it went into the corpus."""

    work: Work
    characters: int
    """Of the cleaned text."""
    sha256: str
    """Of the cleaned text's UTF-8."""


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What was built, and what is different from before."""

    folder: Path
    works: tuple[BuiltWork, ...]
    characters: dict[str, int]
    """Of `train`, `validation` and `honest`."""
    chunks: dict[str, int]
    """Chunks of `train` and `validation`, blocks of `honest`."""
    duplicate_chunks: int
    """Training chunks left out because they were held out too."""
    duplicate_paragraphs: int
    """Training paragraphs left out because they were held out too."""
    overlap: dict[str, Overlap]
    """Runs of 50 characters that `validation` and `honest` share with `train`."""
    vocabulary: int
    """Entries of the tokenizer."""
    changes: tuple[str, ...]
    """A sentence for each work whose text is not what it was, or what the recipe says."""


def build_corpus(
    name: str,
    config: CorpusConfig,
    out: Path,
    *,
    source: Path | None = None,
    cache: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> CorpusReport:
    """Build the corpus of a recipe into the folder `out`.

    Writes `train.txt`, `validation.txt` and `honest.txt` (UTF-8), `tokenizer.json` and
    `corpus.json`, the last one last. Texts come from the folder `source`, or are downloaded and
    kept in `cache` (default: `downloads` beside `out`). `report` gets a line for each step.
    The same texts and configuration give the same files.

    Raises OSError (`books.SourceError`) where a text cannot be had, ValueError where what came
    is no text to train on.
    """
    folder = Path(out)
    raws = (
        read_work(work, source=source, cache=cache or folder.parent / "downloads", report=report)
        for work in config.works
    )
    texts = [clean(raw, work.begin, work.end) for raw, work in zip(raws, config.works, strict=True)]
    works = tuple(
        BuiltWork(work, len(text), hashlib.sha256(text.encode()).hexdigest())
        for work, text in zip(config.works, texts, strict=True)
    )
    for built in works:
        if not built.characters:
            raise ValueError(f"{built.work.title}: nothing is left of the text once cleaned")
        report(f"{built.work.title}: {built.characters:,} characters, sha256 {built.sha256[:12]}…")
    changes = _changes(works, folder / "corpus.json")
    for change in changes:
        report(change)

    split = split_works(
        [prepare(text) for text in texts],
        sentences_per_chunk=config.sentences_per_chunk,
        validation_fraction=config.validation_fraction,
        honest_fraction=config.honest_fraction,
        seed=config.seed,
    )
    pieces = {"train": split.train, "validation": split.validation, "honest": split.honest}
    parts = {part: "".join(f"{text}\n" for text in texts) for part, texts in pieces.items()}
    for part, text in parts.items():
        if not text:
            raise ValueError(f"the texts are too short: nothing is left for {part}")
    overlap = {
        part: count_overlap(parts[part], parts["train"], RUN_LENGTH)
        for part in ("validation", "honest")
    }
    tokenizer = CharTokenizer.from_text("".join(parts.values()))
    result = CorpusReport(
        folder=folder,
        works=works,
        characters={part: len(text) for part, text in parts.items()},
        chunks={part: len(texts) for part, texts in pieces.items()},
        duplicate_chunks=split.duplicate_chunks,
        duplicate_paragraphs=split.duplicate_paragraphs,
        overlap=overlap,
        vocabulary=tokenizer.vocab_size,
        changes=changes,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for part, text in parts.items():
        write_text(folder / f"{part}.txt", text)
    tokenizer.save(folder / "tokenizer.json")
    write_text(folder / "corpus.json", _as_json(name, config, result))
    return result


def _changes(works: tuple[BuiltWork, ...], previous: Path) -> tuple[str, ...]:
    """A sentence for each work that differs from the recipe or from the last build."""
    before = _previous_hashes(previous)
    changes = []
    for built in works:
        for expected, whose in (
            (built.work.sha256, "the recipe's"),
            (before.get(built.work.file), "the last build's"),
        ):
            if expected is not None and expected != built.sha256:
                changes.append(
                    f"{built.work.title} ({built.work.file}) differs: the cleaned text's sha256 "
                    f"is {built.sha256}, {whose} was {expected}"
                )
    return tuple(changes)


def _previous_hashes(path: Path) -> dict[str, str]:
    """The sha256 of each work in a `corpus.json`; none where it is missing or unreadable."""
    if not path.is_file():
        return {}
    try:
        works = read_json_object(path, _MAX_JSON_BYTES)["works"]
        return {str(work["file"]): str(work["sha256"]) for work in works}
    except (ValueError, KeyError, TypeError):
        return {}  # it is about to be replaced


def _as_json(name: str, config: CorpusConfig, result: CorpusReport) -> str:
    """`corpus.json`: what the corpus is made of, and how."""
    works = [
        {
            **{
                key: value
                for key, value in asdict(built.work).items()
                if key not in ("begin", "end", "sha256")
            },
            "characters": built.characters,
            "sha256": built.sha256,
        }
        for built in result.works
    ]
    content: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "seed": config.seed,
        "sentences_per_chunk": config.sentences_per_chunk,
        "validation_fraction": config.validation_fraction,
        "honest_fraction": config.honest_fraction,
        "characters": result.characters,
        "chunks": result.chunks,
        "duplicates_removed": {
            "chunks": result.duplicate_chunks,
            "paragraphs": result.duplicate_paragraphs,
        },
        "overlap_with_train": {part: asdict(found) for part, found in result.overlap.items()},
        "vocabulary": result.vocabulary,
        "works": works,
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
