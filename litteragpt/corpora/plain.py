"""A corpus of one plain text file: its beginning to train on, its end to validate on.

The usual split of tiny Shakespeare: the first nine tenths of the characters, then the last one,
cut wherever that falls. Nothing is cleaned; the text is NFC with `\\n` line ends, as every
tokenizer here reads it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from litteragpt.bounds import check_range
from litteragpt.corpora.books import MAX_BYTES, SourceError, download
from litteragpt.corpora.leaks import Overlap, count_overlap
from litteragpt.corpora.sources import Source
from litteragpt.files import read_json_object, read_text, write_text
from litteragpt.tables import from_table
from litteragpt.tokenizers import CharTokenizer, normalize

FORMAT = 1
RUN_LENGTH = 50  # characters in common that count as a leak
_MAX_JSON_BYTES = 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainConfig:
    """Which text, and how much of it is held out."""

    title: str
    licence: str
    author: str = ""
    year: str = ""
    """Of publication, as a person writes it: `1605/1615`."""
    url: str | None = None
    """Where the text is downloaded from; without it, `--source` must name the file."""
    validation_fraction: float = 0.1
    """Of the characters, at the end."""
    sha256: str | None = None
    """Of the text (NFC, `\\n` line ends) that the recipe was made with."""

    def __post_init__(self) -> None:
        for name in ("title", "licence"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} of a corpus of text must not be empty")
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url must be an http(s) address, not {self.url!r}")
        check_range("validation_fraction", self.validation_fraction, 0.001, 0.5)
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 must be 64 lower-case hexadecimal digits")

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> PlainConfig:
        """What a recipe's `[corpus]` table describes, with defaults for what it leaves out.

        Raises ValueError for a missing, unknown, ill-typed or out-of-range entry, naming it.
        """
        return from_table(cls, table, "corpus")

    def sources(self) -> tuple[Source, ...]:
        """The text as a card lists it."""
        return (
            Source(
                title=self.title,
                author=self.author,
                year=self.year,
                address=self.url or "",
                licence=self.licence,
            ),
        )


@dataclass(frozen=True, slots=True)
class PlainReport:
    """What was built, and what is different from before."""

    folder: Path
    characters: dict[str, int]
    """Of `train` and `validation`."""
    chunks: dict[str, int]
    """Their lines."""
    overlap: dict[str, Overlap]
    """Runs of 50 characters that `validation` shares with `train`."""
    vocabulary: int
    """Entries of the tokenizer."""
    sha256: str
    """Of the text."""
    changes: tuple[str, ...]
    """A sentence where the text is not what it was, or what the recipe says."""


def build_plain(
    name: str,
    config: PlainConfig,
    out: Path,
    *,
    source: Path | None = None,
    cache: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> PlainReport:
    """Build the corpus of a recipe into the folder `out`.

    Writes `train.txt` and `validation.txt` (UTF-8), `tokenizer.json` and `corpus.json`, the last
    one last. The text is the file `source`, or is downloaded and kept in `cache` (default:
    `downloads` beside `out`). `report` gets a line for each step. The same text and configuration
    give the same files.

    Raises OSError (`books.SourceError`) where the text cannot be had, ValueError where it is not
    UTF-8, too large, or too short to be split.
    """
    folder = Path(out)
    text = _read(name, config, source, cache or folder.parent / "downloads", report)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    report(f"{config.title}: {len(text):,} characters, sha256 {sha256[:12]}…")
    cut = int(len(text) * (1 - config.validation_fraction))
    parts = {"train": text[:cut], "validation": text[cut:]}
    for part, content in parts.items():
        if not content.strip():
            raise ValueError(f"the text is too short: nothing is left for {part}")
    tokenizer = CharTokenizer.from_text(text)
    result = PlainReport(
        folder=folder,
        characters={part: len(content) for part, content in parts.items()},
        chunks={part: content.count("\n") + 1 for part, content in parts.items()},
        overlap={"validation": count_overlap(parts["validation"], parts["train"], RUN_LENGTH)},
        vocabulary=tokenizer.vocab_size,
        sha256=sha256,
        changes=_changes(config, sha256, folder / "corpus.json"),
    )
    for change in result.changes:
        report(change)
    folder.mkdir(parents=True, exist_ok=True)
    for part, content in parts.items():
        write_text(folder / f"{part}.txt", content)
    tokenizer.save(folder / "tokenizer.json")
    write_text(folder / "corpus.json", _as_json(name, config, result))
    return result


def _read(
    name: str,
    config: PlainConfig,
    source: Path | None,
    cache: Path,
    report: Callable[[str], None],
) -> str:
    """The text, as tokenizers read it."""
    if source is not None:
        if not source.is_file():
            raise SourceError(f"the source {source} does not exist or is not a file")
        path = source
    elif config.url is not None:
        path = download(config.url, cache / f"{name}.txt", report=report)
    else:
        raise SourceError("the recipe has no url for its text: name the file by --source")
    # A byte order mark is no part of the text.
    return normalize(read_text(path, MAX_BYTES).removeprefix("\ufeff"))


def _changes(config: PlainConfig, sha256: str, previous: Path) -> tuple[str, ...]:
    """A sentence for each hash, the recipe's and the last build's, that is another."""
    known = ((config.sha256, "the recipe's"), (_previous_hash(previous), "the last build's"))
    return tuple(
        f"{config.title} differs: the text's sha256 is {sha256}, {whose} was {expected}"
        for expected, whose in known
        if expected is not None and expected != sha256
    )


def _previous_hash(path: Path) -> str | None:
    """The text's sha256 in a `corpus.json`; None where it will not do."""
    if not path.is_file():
        return None
    try:
        return str(read_json_object(path, _MAX_JSON_BYTES)["sha256"])
    except (ValueError, KeyError):
        return None  # it is about to be replaced


def _as_json(name: str, config: PlainConfig, result: PlainReport) -> str:
    """`corpus.json`: what the corpus is made of, and how."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "kind": "text",
        "name": name,
        "validation_fraction": config.validation_fraction,
        "characters": result.characters,
        "lines": result.chunks,
        "overlap_with_train": {part: asdict(found) for part, found in result.overlap.items()},
        "vocabulary": result.vocabulary,
        "sha256": result.sha256,
        "sources": [asdict(item) for item in config.sources()],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
