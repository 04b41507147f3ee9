from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from litteragpt.names.known import UFS, KnownNames

CITIES = [
    *[("Bom Jesus", uf) for uf in ("SC", "PB", "RS")],
    ("Jaú", "SP"),
    ("Borá", "SP"),
]
PAIRS = [
    ("Centro", "Bom Jesus", "RS"),
    ("Aparecida", "Bom Jesus", "RS"),
    ("Centro", "Bom Jesus", "PB"),
    ("Varjota", "Bom Jesus", "PB"),
    ("Rio do Sul", "Bom Jesus", "SC"),
    ("Centro", "Jaú", "SP"),
    ("Centro", "Jaú", "SP"),
]


@pytest.fixture
def known() -> KnownNames:
    return KnownNames.from_tables(PAIRS, CITIES)


def test_pairs(known: KnownNames) -> None:
    assert len(known) == 5
    assert known.is_known("Centro - Jaú")
    assert known.is_known(unicodedata.normalize("NFD", "Centro - Jaú"))
    for name in (
        "Centro - Jau",
        "centro - Jaú",
        "Centro - Borá",
        "Centro",
        "",
        "Centro - Jaú ",
        "\ud800",
    ):
        assert not known.is_known(name)


def test_cities(known: KnownNames) -> None:
    assert known.is_city("Borá")  # without a bairro
    assert not known.is_city("Bora")
    assert known.ufs("Bom Jesus") == ("PB", "RS", "SC")
    assert known.ufs("Jaú") == ("SP",)
    assert known.ufs("Nowhere") == ()


def test_the_state(known: KnownNames) -> None:
    assert known.uf("Qualquer", "Nowhere") is None
    assert known.uf("Qualquer", "Borá") == "SP"
    assert known.uf("Rio do Sul", "Bom Jesus") == "SC"
    assert known.uf("Qualquer", "Bom Jesus") == "PB"  # two pairs as in RS, earlier in the alphabet
    assert known.uf("Centro", "Bom Jesus") == "PB"


def test_the_state_with_the_most_pairs() -> None:
    more = [*PAIRS, ("Vila", "Bom Jesus", "RS"), ("Vila", "Bom Jesus", "RS")]
    known = KnownNames.from_tables(more, CITIES)
    assert known.uf("Qualquer", "Bom Jesus") == "RS"
    assert known.uf("Centro", "Bom Jesus") == "RS"
    assert known.uf("Varjota", "Bom Jesus") == "PB"


def test_wrong_tables() -> None:
    with pytest.raises(ValueError, match=r"UF must be one of AC, .*'XX'"):
        KnownNames.from_tables([], [("Jaú", "XX")])
    with pytest.raises(ValueError, match=r"Jaú \(SP\), which is not among"):
        KnownNames.from_tables([("Centro", "Jaú", "SP")], [("Jaú", "MG")])


def test_the_file(known: KnownNames, tmp_path: Path) -> None:
    known.save(tmp_path / "a")
    KnownNames.from_tables(reversed(PAIRS), reversed(CITIES)).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"Centro" not in (tmp_path / "a").read_bytes()
    read = KnownNames.load(tmp_path / "a")
    assert len(read) == len(known)
    assert read.is_known("Centro - Jaú")
    assert read.uf("Rio do Sul", "Bom Jesus") == "SC"


def test_nothing_known(tmp_path: Path) -> None:
    KnownNames.from_tables([], []).save(tmp_path / "a")
    read = KnownNames.load(tmp_path / "a")
    assert not read.is_known("Centro - Jaú")
    assert not read.is_city("Jaú")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("pairs", lambda table: table[::-1].copy(), "pairs must increase"),
        ("pairs", lambda table: np.repeat(table[:1], len(table)), "pairs must increase"),
        ("pairs", lambda table: table.astype(np.int64), "of type uint64"),
        ("pairs", lambda table: table.reshape(-1, 1), "one-dimensional"),
        ("pair_ufs", lambda table: table[1:], "as long as pairs"),
        ("pair_ufs", lambda table: table + np.uint8(len(UFS)), "from 0 to 26"),
        ("cities", lambda table: table[::-1].copy(), "cities must increase"),
        ("city_ufs", lambda table: np.zeros_like(table), "within a city"),
        ("city_pairs", lambda table: table[:-1], "as long as cities"),
        ("more", lambda table: np.zeros(1), "unknown 'more'"),
    ],
)
def test_hostile_tables(
    known: KnownNames, tmp_path: Path, name: str, change: object, message: str
) -> None:
    assert callable(change)
    known.save(tmp_path / "known")
    tables = load_file(tmp_path / "known")
    tables[name] = change(tables.get(name))
    save_file(tables, tmp_path / "known")
    with pytest.raises(ValueError, match=f"known holds no known names: .*{message}"):
        KnownNames.load(tmp_path / "known")


def test_hostile_files(known: KnownNames, tmp_path: Path) -> None:
    path = tmp_path / "known"
    with pytest.raises(ValueError, match="missing"):
        KnownNames.load(path)
    known.save(path)
    whole = path.read_bytes()
    for data in (b"", b"{}", whole[:-1], whole[:40], b"\xff" * 64, whole.replace(b'"U8"', b'"F8"')):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="known"):
            KnownNames.load(path)
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(ValueError, match="larger than"):
        KnownNames.load(path)
