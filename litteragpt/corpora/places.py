"""A corpus of place names, `bairro - cidade`, one a line: its recipe table and how it is built.

Rows come from the tables that the recipe names, or from a folder with tab-separated tables:
`municipios.tsv` and `bairros.tsv` or `bairros_ibge.tsv`, each with a header line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from litteragpt.bounds import check_range, check_whole
from litteragpt.corpora.books import MAX_BYTES, SourceError, download
from litteragpt.corpora.leaks import Overlap
from litteragpt.corpora.place_lines import Line, Lines, make_lines, split_lines
from litteragpt.corpora.place_tables import (
    Bairro,
    City,
    bairros_of_cepx,
    bairros_of_json,
    bairros_of_tsv,
    cities_of_json,
    cities_of_tsv,
)
from litteragpt.corpora.sources import Source
from litteragpt.files import read_bytes, read_json_object, write_text
from litteragpt.names.known import FILE as KNOWN_FILE
from litteragpt.names.known import UFS, KnownNames
from litteragpt.protocols import Tokenizer
from litteragpt.tables import from_table
from litteragpt.tokenizers import BPETokenizer, CharTokenizer

FORMAT = 1
_MAX_JSON_BYTES = 4 * 2**20
_STEM = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")

CITIES = "cities-json"
BAIRRO_READERS: Mapping[str, Callable[[bytes, str], list[Bairro]]] = MappingProxyType(
    {"bairros-json": bairros_of_json, "bairros-cepx": bairros_of_cepx}
)
PAIRS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"bairros": ("bairros-json", "bairros-cepx"), "bairros_ibge": ("bairros-json",)}
)
"""What a recipe may choose: IBGE with CEP Aberto, or IBGE alone; and what is read for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTable:
    """One published table."""

    reads: str
    """Its form: `cities-json`, `bairros-json` or `bairros-cepx`."""
    title: str
    author: str
    year: str
    url: str
    licence: str
    file: str
    """The stem of its place in the download cache."""
    sha256: str | None = None
    """Of the file."""

    def __post_init__(self) -> None:
        if self.reads not in (CITIES, *BAIRRO_READERS):
            known = ", ".join((CITIES, *BAIRRO_READERS))
            raise ValueError(f"reads of a corpus table must be one of {known}, not {self.reads!r}")
        if not _STEM.fullmatch(self.file):
            raise ValueError(
                f"file must be lower-case letters, digits, _ and - (no path or ending), "
                f"not {self.file!r}"
            )
        for name in ("title", "author", "year", "licence"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} of the table {self.file!r} must not be empty")
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url of {self.file!r} must be an http(s) address")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 of {self.file!r} must be 64 lower-case hexadecimal digits")
        if self.reads == "bairros-cepx" and self.sha256 is None:
            raise ValueError(f"{self.file!r} holds a database: its sha256 must be given")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacesConfig:
    """Which tables, and what becomes of their rows."""

    tables: tuple[PlaceTable, ...]
    """Of bairros, an earlier one's spelling is preferred."""
    pairs: str = "bairros"
    """A key of `PAIRS`."""
    more_cities: tuple[str, ...] = ()
    """Municipalities younger than the tables, `Name/UF`."""
    validation_fraction: float = 0.05
    """Of the lines."""
    seed: int = 3
    max_chars: int = 100
    """Of a line."""
    rare: int = 10
    """A character in fewer lines than this is left out, with its lines."""
    tokenizer: str = "characters"
    """Or `bpe`."""
    vocabulary: int | None = None
    """Entries of a `bpe` tokenizer."""
    sha256: str | None = None
    """Of the sorted lines that the recipe was made with."""

    def __post_init__(self) -> None:
        if self.pairs not in PAIRS:
            raise ValueError(f"pairs must be one of {', '.join(PAIRS)}, not {self.pairs!r}")
        files = [table.file for table in self.tables]
        if len(set(files)) < len(files):
            raise ValueError("tables has two tables with the same file")
        for form in (CITIES, *PAIRS[self.pairs]):
            if not any(table.reads == form for table in self.tables):
                raise ValueError(f"tables must have one that reads {form!r}")
        for city in self.more_cities:
            name, _, uf = city.rpartition("/")
            if not name.strip() or uf not in UFS:
                raise ValueError(f"more_cities must be written Name/UF, not {city!r}")
        check_range("validation_fraction", self.validation_fraction, 0.001, 0.5)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2^63 - 1, not {self.seed}")
        check_whole("max_chars", self.max_chars, 10, 1000)
        check_whole("rare", self.rare, 1, 10_000)
        if self.tokenizer not in ("characters", "bpe"):
            raise ValueError(f"tokenizer must be characters or bpe, not {self.tokenizer!r}")
        if (self.vocabulary is not None) != (self.tokenizer == "bpe"):
            raise ValueError("vocabulary must be given for the tokenizer bpe, and only for it")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 must be 64 lower-case hexadecimal digits")

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> PlacesConfig:
        """What a recipe's `[corpus]` table describes, with defaults for what it leaves out.

        Raises ValueError for a missing, unknown, ill-typed or out-of-range entry, naming it.
        """
        tables = table.get("tables")
        if not isinstance(tables, list) or not all(isinstance(item, Mapping) for item in tables):
            raise ValueError("the recipe has no [[corpus.tables]] tables")
        ready = tuple(from_table(PlaceTable, item, "corpus.tables") for item in tables)
        rest = {name: value for name, value in table.items() if name != "tables"}
        return from_table(cls, rest, "corpus", ready={"tables": ready})

    def used(self) -> tuple[PlaceTable, ...]:
        """The tables that are read for `pairs`."""
        wanted = (CITIES, *PAIRS[self.pairs])
        return tuple(table for table in self.tables if table.reads in wanted)

    def sources(self) -> tuple[Source, ...]:
        """The tables that are used, as a card lists them."""
        return tuple(
            Source(
                title=table.title,
                author=table.author,
                year=table.year,
                address=table.url,
                licence=table.licence,
            )
            for table in self.used()
        )


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file as it was read."""

    file: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PlacesReport:
    """What was built, and what is different from before."""

    folder: Path
    characters: dict[str, int]
    """Of `train` and `validation`, line ends included."""
    chunks: dict[str, int]
    """Their lines."""
    overlap: dict[str, Overlap]
    """Empty: a line is too short for runs of 50 characters; the next two tell more."""
    near_copies: int
    """Validation lines that differ from a training line in case, accents and punctuation only."""
    same_bairro: int
    """Validation lines whose bairro is in the training text too, with another city."""
    counts: dict[str, int]
    """What became of the rows, by decision (`place_lines.make_lines`)."""
    dropped_characters: str
    vocabulary: int
    """Entries of the tokenizer."""
    pairs: str
    """What was read: for a local folder without `bairros.tsv` this is `bairros_ibge`."""
    read: tuple[ReadFile, ...]
    sha256: str
    """Of the sorted lines."""
    changes: tuple[str, ...]
    """A sentence for each thing that is not what it was, or what the recipe says."""


def build_places(
    name: str,
    config: PlacesConfig,
    out: Path,
    *,
    source: Path | None = None,
    cache: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> PlacesReport:
    """Build the corpus of a recipe into the folder `out`.

    Writes `train.txt` and `validation.txt` (UTF-8, one place a line), `tokenizer.json`,
    `known.safetensors` (pairs of `train.txt`, all municipalities) and `corpus.json`, the last
    one last. Tables come from the folder `source`, or are downloaded and kept in `cache`
    (default: `downloads` beside `out`). `report` gets a line for each step. The same tables and
    configuration give the same files.

    Raises OSError (`books.SourceError`) where a table cannot be had, ValueError where it is
    malformed or leaves too little.
    """
    folder = Path(out)
    if source is not None:
        tables = _from_folder(config, Path(source), report)
    else:
        tables = _from_network(config, cache or folder.parent / "downloads", report)
    cities = {*tables.cities, *(City(*city.rsplit("/", 1)) for city in config.more_cities)}
    made = make_lines(tables.bairros, sorted(cities), max_chars=config.max_chars, rare=config.rare)
    for decision, count in made.counts.items():
        report(f"{decision}: {count:,}")
    train, validation = split_lines(made.lines, config.validation_fraction, config.seed)
    parts = {"train": train, "validation": validation}
    for part, lines in parts.items():
        if not lines:
            raise ValueError(f"the tables are too short: nothing is left for {part}")
    texts = {part: "".join(f"{line.text}\n" for line in lines) for part, lines in parts.items()}
    tokenizer = _tokenizer(config, texts)
    known = KnownNames.from_tables(
        ((line.bairro, line.city, uf) for line in train for uf in line.ufs), cities
    )
    result = _measured(folder, tables, made, parts, texts, tokenizer.vocab_size, config)
    for change in result.changes:
        report(change)
    folder.mkdir(parents=True, exist_ok=True)
    for part, text in texts.items():
        write_text(folder / f"{part}.txt", text)
    tokenizer.save(folder / "tokenizer.json")
    known.save(folder / KNOWN_FILE)
    write_text(folder / "corpus.json", _as_json(name, config, result))
    return result


@dataclass(frozen=True, slots=True)
class _Tables:
    cities: list[City]
    bairros: list[list[Bairro]]
    pairs: str
    read: list[ReadFile]


def _from_folder(config: PlacesConfig, source: Path, report: Callable[[str], None]) -> _Tables:
    if not source.is_dir():
        raise SourceError(f"the source {source} does not exist or is not a folder")
    pairs = config.pairs
    if pairs == "bairros" and _find(source, "bairros.tsv") is None:
        pairs = "bairros_ibge"
        report(f"{source} has no bairros.tsv: the corpus is built of bairros_ibge.tsv alone")
    read: list[ReadFile] = []

    def content(file: str) -> tuple[bytes, str]:
        path = _find(source, file)
        if path is None:
            raise SourceError(f"there is no {file} in the source {source}")
        return read_bytes(path, MAX_BYTES), str(path)

    data, path = content("municipios.tsv")
    cities = cities_of_tsv(data, path)
    read.append(_read_file("municipios.tsv", len(cities), data, report))
    data, path = content(f"{pairs}.tsv")
    bairros = bairros_of_tsv(data, path)
    read.append(_read_file(f"{pairs}.tsv", len(bairros), data, report))
    return _Tables(cities, [bairros], pairs, read)


def _find(source: Path, file: str) -> Path | None:
    """The file of this name in a folder or below it, the one nearest to the top."""
    found = [path for path in source.rglob(file) if path.is_file()]
    return min(found, key=lambda path: (len(path.parts), path), default=None)


def _from_network(config: PlacesConfig, cache: Path, report: Callable[[str], None]) -> _Tables:
    tables = _Tables([], [], config.pairs, [])
    for table in config.used():
        path = download(table.url, cache / table.file, report=report)
        data = read_bytes(path, MAX_BYTES)
        if table.sha256 is not None and hashlib.sha256(data).hexdigest() != table.sha256:
            raise SourceError(
                f"{path} is not the file that the recipe means (its sha256 differs): delete it, "
                f"and if a new download is the same, name a folder of tables by --source"
            )
        if table.reads == CITIES:
            cities = cities_of_json(data, str(path))
            tables.cities.extend(cities)
            rows = len(cities)
        else:
            bairros = BAIRRO_READERS[table.reads](data, str(path))
            tables.bairros.append(bairros)
            rows = len(bairros)
        tables.read.append(_read_file(table.file, rows, data, report))
    return tables


def _read_file(file: str, rows: int, data: bytes, report: Callable[[str], None]) -> ReadFile:
    read = ReadFile(file, rows, hashlib.sha256(data).hexdigest())
    report(f"{file}: {rows:,} rows, sha256 {read.sha256[:12]}…")
    return read


def _tokenizer(config: PlacesConfig, texts: Mapping[str, str]) -> Tokenizer:
    if config.tokenizer == "bpe":
        assert config.vocabulary is not None, "the config was checked"
        return BPETokenizer.train(texts["train"].splitlines(keepends=True), config.vocabulary)
    return CharTokenizer.from_text("".join(texts.values()))


def _measured(
    folder: Path,
    tables: _Tables,
    made: Lines,
    parts: Mapping[str, list[Line]],
    texts: Mapping[str, str],
    vocabulary: int,
    config: PlacesConfig,
) -> PlacesReport:
    train, validation = parts["train"], parts["validation"]
    trained_keys = {line.key for line in train}
    trained_bairros = {line.bairro for line in train}
    lines = "".join(sorted(f"{line.text}\n" for line in made.lines))
    sha256 = hashlib.sha256(lines.encode()).hexdigest()
    return PlacesReport(
        folder=folder,
        characters={part: len(text) for part, text in texts.items()},
        chunks={part: len(lines) for part, lines in parts.items()},
        overlap={},
        near_copies=sum(line.key in trained_keys for line in validation),
        same_bairro=sum(line.bairro in trained_bairros for line in validation),
        counts=made.counts,
        dropped_characters=made.dropped_characters,
        vocabulary=vocabulary,
        pairs=tables.pairs,
        read=tuple(tables.read),
        sha256=sha256,
        changes=_changes(tables.read, sha256, config, folder / "corpus.json"),
    )


def _changes(
    read: list[ReadFile], sha256: str, config: PlacesConfig, previous: Path
) -> tuple[str, ...]:
    """A sentence for each file that differs from the last build, and for lines that differ."""
    files, lines = _previous_hashes(previous)
    changes = [
        f"{item.file} differs: its sha256 is {item.sha256}, the last build's was {files[item.file]}"
        for item in read
        if files.get(item.file, item.sha256) != item.sha256
    ]
    for expected, whose in ((config.sha256, "the recipe's"), (lines, "the last build's")):
        if expected is not None and expected != sha256:
            changes.append(f"the lines differ: their sha256 is {sha256}, {whose} was {expected}")
    return tuple(changes)


def _previous_hashes(path: Path) -> tuple[dict[str, str], str | None]:
    """The sha256 of each file, and of the lines, in a `corpus.json`; none where it will not do."""
    if not path.is_file():
        return {}, None
    try:
        content = read_json_object(path, _MAX_JSON_BYTES)
        files = {str(item["file"]): str(item["sha256"]) for item in content["read"]}
        return files, str(content["sha256"])
    except (ValueError, KeyError, TypeError):
        return {}, None  # it is about to be replaced


def _as_json(name: str, config: PlacesConfig, result: PlacesReport) -> str:
    """`corpus.json`: what the corpus is made of, and how."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "kind": "places",
        "name": name,
        "pairs": result.pairs,
        "seed": config.seed,
        "validation_fraction": config.validation_fraction,
        "max_chars": config.max_chars,
        "rare": config.rare,
        "characters": result.characters,
        "lines": result.chunks,
        "rows": result.counts,
        "dropped_characters": result.dropped_characters,
        "validation_near_copies_in_train": result.near_copies,
        "validation_bairros_in_train": result.same_bairro,
        "tokenizer": config.tokenizer,
        "vocabulary": result.vocabulary,
        "sha256": result.sha256,
        "read": [asdict(item) for item in result.read],
        "sources": [asdict(item) for item in config.sources()],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
