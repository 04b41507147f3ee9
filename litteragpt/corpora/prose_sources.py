"""Read many works of prose, from a folder or archive at hand or from collections' addresses."""

from __future__ import annotations

import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from litteragpt.corpora.books import (
    MAX_BYTES,
    SourceError,
    clean,
    decode,
    download,
    prepare,
    strip_gutenberg,
)
from litteragpt.corpora.markup import tei_paragraphs

MAX_ARCHIVE_BYTES = 2**30
_STEM = re.compile(r"[a-z0-9][a-z0-9_-]*")
FORMATS = ("gutenberg", "tei")

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Works that are published together."""

    title: str
    author: str
    year: str
    licence: str
    format: str
    """`gutenberg`: each address is one plain text of Project Gutenberg. `tei`: each is a
    `.tar.gz` with one TEI file a work."""
    file: str
    """How the names of its works begin in a local source, and of its downloads in the cache."""
    url: tuple[str, ...]
    pattern: str = "*.xml"
    """Which members of the archives are works."""

    def __post_init__(self) -> None:
        if not _STEM.fullmatch(self.file):
            raise ValueError(f"file must be lower-case letters, digits, _ and -, not {self.file!r}")
        if self.format not in FORMATS:
            raise ValueError(f"format of {self.file!r} must be one of {', '.join(FORMATS)}")
        if not self.url or not all(u.startswith(("https://", "http://")) for u in self.url):
            raise ValueError(f"url of {self.file!r} must be an http(s) address or several")


@dataclass(frozen=True, slots=True)
class Prose:
    """One work, cleaned: one paragraph or verse line a line."""

    name: str
    text: str


def read_prose(
    collections: tuple[Collection, ...], *, source: Path | None, cache: Path, report: Report
) -> Iterator[Prose]:
    """The works of the collections one by one, in the order of their names.

    `source` is a folder, in which or below which the works are `FILE….txt`, each by itself or in
    a `.tar.xz`, or one such archive. Without it the collections are downloaded through `cache`.
    Raises SourceError where a collection has no work there, or cannot be had.
    """
    for collection in collections:
        found = False
        texts = (
            _download(collection, cache, report)
            if source is None
            else _local(source, f"{collection.file}*.txt")
        )
        for name, text in texts:
            found = True
            yield Prose(name, prepare(clean(text)))
        if not found:
            raise SourceError(f"{collection.title}: there is no work of it in {source or cache}")


def _local(source: Path, pattern: str) -> Iterator[tuple[str, str]]:
    if not source.exists():
        raise SourceError(f"the source {source} does not exist")
    for path in sorted(source.rglob(pattern)):
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
        yield path.stem, strip_gutenberg(decode(path.read_bytes()))
    for archive in [source] if source.is_file() else sorted(source.rglob("*.tar.xz")):
        for name, data in _members(archive, "r|xz", pattern):
            yield name, strip_gutenberg(decode(data))


def _download(collection: Collection, cache: Path, report: Report) -> Iterator[tuple[str, str]]:
    for number, url in enumerate(collection.url, start=1):
        stem = f"{collection.file}-{number}"
        if collection.format == "gutenberg":
            path = download(url, cache / f"{stem}.txt", report=report)
            yield stem, strip_gutenberg(decode(path.read_bytes()))
            continue
        path = download(url, cache / f"{stem}.tar.gz", report=report, max_bytes=MAX_ARCHIVE_BYTES)
        for name, data in _members(path, "r|gz", collection.pattern):
            yield name, "\n".join(tei_paragraphs(data, name))


def _members(
    archive: Path, mode: Literal["r|xz", "r|gz"], pattern: str
) -> Iterator[tuple[str, bytes]]:
    """The regular files of an archive whose names fit, as it is read; nothing is written."""
    try:
        with tarfile.open(archive, mode) as tar:
            for member in tar:
                name = member.name.rsplit("/", 1)[-1]
                if not member.isreg() or not fnmatch(name, pattern):
                    continue
                if member.size > MAX_BYTES:
                    raise SourceError(f"{name} in {archive} is larger than {MAX_BYTES >> 20} MiB")
                file = tar.extractfile(member)
                assert file is not None, "a regular member has content"
                yield name.rsplit(".", 1)[0], file.read()
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{archive} is not a readable archive: {error}") from error
