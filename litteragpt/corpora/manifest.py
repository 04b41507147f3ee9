"""What a corpus is made of: the `[corpus]` and `[[corpus.works]]` tables of a recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litteragpt.corpora.sources import Source
from litteragpt.tables import from_table

_STEM = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One work, in one volume or several."""

    title: str
    author: str
    year: str
    """Of publication, as a person writes it: `1605/1615`."""
    gutenberg: tuple[int, ...]
    """Project Gutenberg numbers, one a volume."""
    url: tuple[str, ...]
    """Addresses of the plain texts, one a volume, in reading order."""
    licence: str
    file: str
    """The stem of its file in a local source, and of its place in the download cache."""
    begin: str | None = None
    """The first line of the work itself, whole: what stands before (title page, list of
    contents) is cut. Where a text has no such line nothing is cut."""
    end: str | None = None
    """The line that closes the work: it and what stands after (index, notes) is cut."""
    sha256: str | None = None
    """Of the cleaned text that the recipe was made with."""

    def __post_init__(self) -> None:
        if not _STEM.fullmatch(self.file):
            raise ValueError(
                f"file must be lower-case letters, digits, _ and - (no path or ending), "
                f"not {self.file!r}"
            )
        for name in ("title", "author", "year", "licence"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} of the work {self.file!r} must not be empty")
        if any(number < 1 for number in self.gutenberg):
            raise ValueError(f"gutenberg of {self.file!r} must be a positive number or several")
        if not self.url or not all(u.startswith(("https://", "http://")) for u in self.url):
            raise ValueError(f"url of {self.file!r} must be an http(s) address or several")
        for name in ("begin", "end"):
            if getattr(self, name) is not None and not getattr(self, name).strip():
                raise ValueError(f"{name} of {self.file!r} must not be empty")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 of {self.file!r} must be 64 lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusConfig:
    """The works and how they are cut into training, validation and honest text."""

    works: tuple[Work, ...]
    sentences_per_chunk: int = 20
    validation_fraction: float = 0.05
    """Of the characters of the shuffled chunks."""
    honest_fraction: float = 0.05
    """Of the characters of each work, in contiguous blocks."""
    seed: int = 1605

    def __post_init__(self) -> None:
        if not self.works:
            raise ValueError("works must name at least one work")
        files = [work.file for work in self.works]
        for file in files:
            if files.count(file) > 1:
                raise ValueError(f"works has two works with the file {file!r}")
        if not 1 <= self.sentences_per_chunk <= 1000:
            raise ValueError(
                f"sentences_per_chunk must be from 1 to 1000, not {self.sentences_per_chunk}"
            )
        for name in ("validation_fraction", "honest_fraction"):
            value = getattr(self, name)
            if not 0 < value <= 0.5:
                raise ValueError(f"{name} must be above 0 and at most 0.5, not {value}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2^63 - 1, not {self.seed}")

    def sources(self) -> tuple[Source, ...]:
        """The works as a card lists them."""
        return tuple(
            Source(
                title=work.title,
                author=work.author,
                year=work.year,
                address=", ".join(f"Project Gutenberg {number}" for number in work.gutenberg),
                licence=work.licence,
            )
            for work in self.works
        )

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> CorpusConfig:
        """What a recipe's `[corpus]` table describes, with defaults for what it leaves out.

        Raises ValueError for a missing, unknown, ill-typed or out-of-range entry, naming it.
        """
        works = table.get("works")
        if not isinstance(works, list) or not works:
            raise ValueError("the recipe has no [[corpus.works]] tables")
        rest = {name: value for name, value in table.items() if name != "works"}
        ready = {"works": tuple(_work(work) for work in works)}
        return from_table(cls, rest, "corpus", ready=ready)


def _work(table: object) -> Work:
    if not isinstance(table, Mapping):
        raise ValueError("every entry of corpus.works must be a table")
    year = table.get("year")
    written = {**table, "year": str(year)} if type(year) is int else table
    return from_table(Work, written, f"corpus.works {table.get('file', table.get('title', ''))!r}")
