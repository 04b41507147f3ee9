"""Texts out of tables: what the `datasets` library saves, Parquet, Arrow and JSON lines.

Rows come one after another, a few in memory at a time. The files are read by `pyarrow`, not by
`datasets`: no script that comes with a set can run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from litteragpt.corpora.books import SourceError

TEXT: Final = "text"
"""The column of the texts."""
TITLE: Final = "title"
SUFFIXES: Final = (".parquet", ".arrow", ".jsonl")
MAX_TEXT: Final = 400_000
"""Characters: longer texts are lists and tables, or no texts at all."""

_ROWS: Final = 64
_MAX_LINE: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """A text of a table, and its title where the table has one."""

    title: str
    text: str


def table_files(source: Path, stem: str = "") -> list[Path]:
    """The files of a table: of a source that is one, or of the one named `stem` below a folder.

    A table is a file, or a folder of files as `datasets` saves it or a hub has it (`train-00000-…
    .parquet`, perhaps in a folder of the split). None where there is no such table.
    """
    if not stem:
        return _files_of(source)
    for path in sorted(source.rglob(f"{stem}*")):
        named = path.name == stem or (path.stem == stem and path.suffix in SUFFIXES)
        if named and (files := _files_of(path)):
            return files
    return []


def is_table(source: Path) -> bool:
    """Whether a source is one table, and no folder of several sets.

    So is a file of one, and a folder with nothing but one's files and what describes them.
    """
    if source.is_file():
        return source.suffix in SUFFIXES
    if not source.is_dir() or not _files_of(source):
        return False
    marks = ("dataset_info.json", "dataset_dict.json", "state.json")
    marked = any((source / mark).is_file() for mark in marks)
    return marked or all(
        path.suffix in (*SUFFIXES, ".json", ".md") or path.name.startswith(".")
        for path in source.rglob("*")
        if path.is_file()
    )


def rows(files: list[Path]) -> Iterator[Row]:
    """The rows of a table's files, in order; those without a text, or with too long a one, go.

    Raises SourceError for a file that is damaged or has no column `text`, and where `pyarrow`
    is not installed.
    """
    for path in files:
        found = _json_lines(path) if path.suffix == ".jsonl" else _columns(path)
        for title, text in found:
            if isinstance(text, str) and text.strip() and len(text) <= MAX_TEXT:
                yield Row(title if isinstance(title, str) else "", text)


def _files_of(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix in SUFFIXES else []
    found = [path for path in sorted(source.rglob("*")) if path.suffix in SUFFIXES]
    files = [path for path in found if path.is_file() and not path.name.startswith(("cache-", "."))]
    # A set's test part is no text to train on, where it has a part for that.
    train = [path for path in files if "train" in path.relative_to(source).as_posix()]
    return train or files


def _json_lines(path: Path) -> Iterator[tuple[Any, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_MAX_LINE + 1):
            number += 1
            if len(line) > _MAX_LINE:
                raise SourceError(f"{path}, line {number}, has more than {_MAX_LINE} bytes")
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SourceError(f"{path}, line {number}, is no JSON: {error}") from error
            if not isinstance(row, dict) or TEXT not in row:
                raise SourceError(f"{path}, line {number}, is no object with {TEXT!r}")
            yield row.get(TITLE), row[TEXT]


def _columns(path: Path) -> Iterator[tuple[Any, Any]]:
    """Title and text of the rows of a Parquet or Arrow file."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise SourceError(
            f"{path} needs the package {error.name}: pip install 'litteragpt[data]'"
        ) from error
    try:
        with ExitStack() as opened:
            batches: Iterator[Any]
            if path.suffix == ".parquet":
                table = opened.enter_context(parquet.ParquetFile(path))
                names = table.schema_arrow.names
                columns = [name for name in (TITLE, TEXT) if name in names]
                batches = table.iter_batches(batch_size=_ROWS, columns=columns)
            else:
                batches, names = _arrow_batches(opened.enter_context(pa.memory_map(str(path))))
            if TEXT not in names:
                raise SourceError(f"{path} has no column {TEXT!r}, but {', '.join(names[:9])}")
            for batch in batches:
                yield from _pairs(batch)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path} cannot be read: {str(error).splitlines()[0][:200]}") from error


def _arrow_batches(file: Any) -> tuple[Iterator[Any], list[str]]:
    """The batches of an Arrow stream, which `datasets` writes, or of an Arrow file."""
    import pyarrow as pa

    try:
        stream = pa.ipc.open_stream(file)
        return iter(stream), stream.schema.names
    except pa.ArrowInvalid:
        file.seek(0)
        table = pa.ipc.open_file(file)
        count = table.num_record_batches
        return (table.get_batch(number) for number in range(count)), table.schema.names


def _pairs(batch: Any) -> Iterator[tuple[Any, Any]]:
    names = batch.schema.names
    for start in range(0, batch.num_rows, _ROWS):
        part = batch.slice(start, _ROWS)
        texts = part.column(TEXT).to_pylist()
        titles = part.column(TITLE).to_pylist() if TITLE in names else [None] * len(texts)
        yield from zip(titles, texts, strict=True)
