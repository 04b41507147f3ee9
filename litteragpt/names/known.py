"""Which names are in the training data, which cities are real, and in which state (UF) they are.

The file `known.safetensors` holds sorted 64-bit hashes, no text: BLAKE2b of 8 bytes, read
big-endian, of the UTF-8 of the NFC text. P pairs, C rows of a city in a state:

    pairs       P, uint64   `bairro - city` of the training data, increasing
    pair_ufs    P, uint8    position in `UFS`
    cities      C, uint64   names of municipalities; one row for each state that has one
    city_ufs    C, uint8    increasing within a city
    city_pairs  C, uint32   training pairs there are in that city
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors import numpy as safetensors_numpy

from litteragpt.files import read_bytes, write_bytes
from litteragpt.names.structure import SEPARATOR
from litteragpt.tables import check_keys

FILE: Final = "known.safetensors"
MAX_FILE_BYTES: Final = 16 * 2**20
# fmt: off
UFS: Final = (
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA",
    "PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
)
# fmt: on
"""The 26 states and the Federal District, in the order of the alphabet."""

_TYPES: Final[Mapping[str, Any]] = {
    "pairs": np.uint64,
    "pair_ufs": np.uint8,
    "cities": np.uint64,
    "city_ufs": np.uint8,
    "city_pairs": np.uint32,
}


class KnownNames:
    """Membership by exact text: case, accents and punctuation count; NFC does not."""

    def __init__(self, tables: Mapping[str, npt.NDArray[Any]]) -> None:
        """Of tables as the file holds them. Raises ValueError where they are not in order."""
        check_keys(tables, _TYPES, _TYPES, "known names")
        for name, table in tables.items():
            if table.dtype != _TYPES[name] or table.ndim != 1:
                expected = np.dtype(_TYPES[name])
                raise ValueError(f"{name} must be one-dimensional, of type {expected}")
        for name, others in (("pairs", ("pair_ufs",)), ("cities", ("city_ufs", "city_pairs"))):
            if any(len(tables[other]) != len(tables[name]) for other in others):
                raise ValueError(f"{' and '.join(others)} must be as long as {name}")
        for name in ("pair_ufs", "city_ufs"):
            if (tables[name] >= len(UFS)).any():
                raise ValueError(f"{name} must hold numbers from 0 to {len(UFS) - 1}")
        pairs, cities = tables["pairs"], tables["cities"]
        if (pairs[1:] <= pairs[:-1]).any():
            raise ValueError("pairs must increase")
        same = cities[1:] == cities[:-1]
        later = tables["city_ufs"][1:] > tables["city_ufs"][:-1]
        if ((cities[1:] < cities[:-1]) | (same & ~later)).any():
            raise ValueError("cities must increase, and city_ufs within a city")
        self._tables: Final = dict(tables)

    @classmethod
    def from_tables(
        cls, pairs: Iterable[tuple[str, str, str]], cities: Iterable[tuple[str, str]]
    ) -> KnownNames:
        """Of training pairs (bairro, city, UF) and of all municipalities (city, UF).

        A pair that several states have in cities of the same name gets the state in whose city
        there are the most pairs. Raises ValueError for an unknown UF, and for a pair whose city
        is none of the municipalities.
        """
        real = {(_nfc(city), _uf_number(uf)) for city, uf in cities}
        distinct = {(_nfc(bairro), _nfc(city), _uf_number(uf)) for bairro, city, uf in pairs}
        counts = Counter((city, uf) for _, city, uf in distinct)
        if unknown := sorted(set(counts) - real):
            city, uf = unknown[0]
            raise ValueError(f"the pairs name {city} ({UFS[uf]}), which is not among the cities")
        ufs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for bairro, city, uf in distinct:
            name = f"{bairro}{SEPARATOR}{city}"
            ufs[_hash(name)].append((-counts[city, uf], uf))
        rows = sorted((_hash(city), uf, counts[city, uf]) for city, uf in real)
        found = sorted((name, min(candidates)[1]) for name, candidates in ufs.items())
        columns = {
            "pairs": [name for name, _ in found],
            "pair_ufs": [uf for _, uf in found],
            "cities": [city for city, _, _ in rows],
            "city_ufs": [uf for _, uf, _ in rows],
            "city_pairs": [count for _, _, count in rows],
        }
        return cls({name: np.array(column, _TYPES[name]) for name, column in columns.items()})

    @classmethod
    def load(cls, path: Path) -> KnownNames:
        """Read a file of at most 16 MiB; ValueError where it is not what `save` would write."""
        data = read_bytes(Path(path), MAX_FILE_BYTES)
        try:
            return cls(safetensors_numpy.load(data))
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} holds no known names: {error}") from error

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all; the same names give the same bytes."""
        write_bytes(Path(path), safetensors_numpy.save(self._tables))

    def __len__(self) -> int:
        """How many training pairs there are."""
        return len(self._tables["pairs"])

    def is_known(self, name: str) -> bool:
        """Whether a name, `bairro - city`, is a pair of the training data."""
        return self._pair(name) is not None

    def is_city(self, city: str) -> bool:
        """Whether Brazil has a municipality of this name."""
        return bool(self._rows(city))

    def ufs(self, city: str) -> tuple[str, ...]:
        """The states that have a municipality of this name, in the order of the alphabet."""
        return tuple(UFS[uf] for _, uf in self._rows(city))

    def uf(self, bairro: str, city: str) -> str | None:
        """The state of a place; None where its city is not real.

        That of the training pair, where it is one; else that of the city of this name with the
        most training pairs, the first in the alphabet among equals.
        """
        rows = self._rows(city)
        if not rows:
            return None
        known = self._pair(f"{bairro}{SEPARATOR}{city}")
        number = int(self._tables["pair_ufs"][known]) if known is not None else None
        return UFS[number if number is not None else min((-pairs, uf) for pairs, uf in rows)[1]]

    def _pair(self, name: str) -> int | None:
        pairs, wanted = self._tables["pairs"], np.uint64(_hash(_nfc(name)))
        at = int(np.searchsorted(pairs, wanted))
        return at if at < len(pairs) and pairs[at] == wanted else None

    def _rows(self, city: str) -> list[tuple[int, int]]:
        """The number of training pairs and the UF, of each municipality of this name."""
        cities, wanted = self._tables["cities"], np.uint64(_hash(_nfc(city)))
        first = int(np.searchsorted(cities, wanted))
        last = int(np.searchsorted(cities, wanted, side="right"))
        counts, ufs = self._tables["city_pairs"], self._tables["city_ufs"]
        return [(int(counts[row]), int(ufs[row])) for row in range(first, last)]


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _uf_number(uf: str) -> int:
    if uf not in UFS:
        raise ValueError(f"the UF must be one of {', '.join(UFS)}, not {uf!r}")
    return UFS.index(uf)
