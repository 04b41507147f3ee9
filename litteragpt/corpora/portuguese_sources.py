"""Read a set of Portuguese texts, from a folder or from its address, as documents of raw lines."""

from __future__ import annotations

import lzma
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from litteragpt.corpora.books import (
    MAX_BYTES,
    SourceError,
    clean,
    decode,
    download,
    strip_gutenberg,
)
from litteragpt.corpora.markup import conllu_documents, html_paragraphs, tei_paragraphs
from litteragpt.corpora.portuguese_config import LITERATURE, TextSet
from litteragpt.corpora.table_rows import is_table, rows, table_files
from litteragpt.corpora.wikipedia import DumpStream, dump_articles, without_category
from litteragpt.sentences import split_sentences

_DUMPS = "*pages-articles*.xml.bz2"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Document:
    """What belongs together: an article, a work, or a block of sentences."""

    kind: str
    """`wiki` or `lit`."""
    name: str
    lines: tuple[str, ...]
    whole: bool = True
    """False for lines of unknown origin: they are cut into blocks, each a document."""


def read_text_set(
    texts: TextSet, *, source: Path | None, cache: Path, report: Report
) -> Iterator[Document]:
    """The documents of a set as they come, uncleaned: from `source` where given, else downloaded.

    `source` is a folder. A set of sentences is the file `FILE.txt` in it or below it, or a table
    FILE with a column `text` (`table_rows`); Wikipedia may also be a dump
    (`…pages-articles….xml.bz2`). Works of literature are the files `FILE….txt` in it, below it,
    or within a `.tar.xz` there. A source that is itself one table, such as a set that `datasets`
    has saved, is Wikipedia; the other sets are then downloaded. Raises SourceError where the set
    cannot be had.
    """
    if source is not None and is_table(source):
        if texts.format == "wikipedia":
            yield from _from_table(texts, table_files(source))
            return
        source = None
    if source is None:
        yield from _download(texts, cache, report)
        return
    if not source.is_dir():
        raise SourceError(f"the source {source} is not a folder")
    found = False
    for document in _local(texts, source):
        found = True
        yield document
    if not found:
        kind = "works" if texts.kind == LITERATURE else "sentences"
        name = f"{texts.file}….txt" if texts.kind == LITERATURE else f"{texts.file}.txt"
        raise SourceError(f"{texts.title} is not in the source {source}: no {kind} {name} there")


def _download(texts: TextSet, cache: Path, report: Report) -> Iterator[Document]:
    if not texts.url:
        report(f"{texts.title}: left out, since it has no address and is only read from a source")
        return
    if texts.format == "wikipedia":
        with DumpStream(texts.url, cache / f"{texts.file}.xml.bz2", report=report) as stream:
            for article in dump_articles(stream):
                yield Document(texts.kind, article.title, article.sentences)
        return
    for name, url in texts.addresses():
        data = download(url, cache / name, report=report).read_bytes()
        yield from _parse(texts.kind, texts.format, name, data)


def _parse(kind: str, form: str, name: str, data: bytes) -> Iterator[Document]:
    if form == "conllu":
        for document, lines in conllu_documents(decode(data)):
            yield Document(kind, document or name, tuple(lines), whole=bool(document))
    elif form == "tei":
        yield Document(kind, name, tuple(tei_paragraphs(data, name)))
    elif form == "html":
        yield Document(kind, name, tuple(html_paragraphs(decode(data))))
    elif form == "gutenberg":
        yield Document(kind, name, tuple(clean(strip_gutenberg(decode(data))).split("\n")))
    else:
        yield Document(kind, name, tuple(decode(data).split("\n")), whole=kind == LITERATURE)


def _local(texts: TextSet, source: Path) -> Iterator[Document]:
    works = texts.kind == LITERATURE
    pattern = f"{texts.file}*.txt" if works else f"{texts.file}.txt"
    paths = [path for path in sorted(source.rglob(pattern)) if path.is_file()]
    for path in paths if works else paths[:1]:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
        for document in _parse(texts.kind, "lines", path.stem, path.read_bytes()):
            if texts.format == "wikipedia":
                lines = tuple(without_category(line) for line in document.lines)
                document = replace(document, lines=lines)
            yield document
    if paths:
        return
    if not works and (tables := table_files(source, texts.file)):
        yield from _from_table(texts, tables)
    elif works:
        for archive in sorted(source.rglob("*.tar.xz")):
            yield from _from_archive(archive, texts)
    elif texts.format == "wikipedia":
        for dump in sorted(source.rglob(_DUMPS))[:1]:
            with dump.open("rb") as file:
                for article in dump_articles(file):
                    yield Document(texts.kind, article.title, article.sentences)


def _from_table(texts: TextSet, files: list[Path]) -> Iterator[Document]:
    """Each row is a document; its lines are the sentences of its paragraphs."""
    for number, row in enumerate(rows(files), 1):
        sentences = (
            sentence.strip()
            for paragraph in row.text.split("\n")
            for sentence in split_sentences(paragraph)
        )
        lines = tuple(filter(None, sentences))
        yield Document(texts.kind, row.title or f"{texts.file}-{number}", lines)


def _from_archive(archive: Path, texts: TextSet) -> Iterator[Document]:
    """A set's works in an archive; only regular files are read, and nothing is written."""
    found: list[Document] = []
    try:
        with tarfile.open(archive, "r:xz") as tar:
            for member in tar:
                name = member.name.rsplit("/", 1)[-1]
                wanted = name.startswith(texts.file) and name.endswith(".txt")
                if not (member.isreg() and wanted):
                    continue
                if member.size > MAX_BYTES:
                    raise SourceError(f"{name} in {archive} is larger than {MAX_BYTES >> 20} MiB")
                file = tar.extractfile(member)
                assert file is not None, "a regular member has content"
                found.extend(_parse(texts.kind, "lines", name[:-4], file.read()))
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise SourceError(f"{archive} is not a readable .tar.xz: {error}") from error
    yield from sorted(found, key=lambda document: document.name)
