"""From rows of bairros to the lines of a corpus: clean, without copies, and split.

Pure functions; each decision about a row is counted.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from litteragpt.corpora.place_tables import Bairro, City
from litteragpt.names.structure import one_part, write

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("’‘´`", "'"),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("–—‐‑", "-"),
        "°": "º",
    }
)
_NO_NAME = re.compile(r"[AÁÀ]rea (?:Rural d[aeo]s?\b|N[aã]o Identificada\b)", re.IGNORECASE)
_CODE = re.compile(r"(?!K[Mm]\b)[A-Z]{0,2}[ -]?\d+(?:-\d+)?[A-Z]?|(?!JK$)[A-Z]{1,2}")
_SMALL_WORDS = frozenset({"da", "das", "de", "do", "dos", "e"})


class Line(NamedTuple):
    """A place as the corpus holds it."""

    text: str
    """`bairro - cidade`, without a line end."""
    bairro: str
    """As it stands in the line, with an en dash for an inner ` - `."""
    city: str
    ufs: tuple[str, ...]
    """Of the cities of this name that have the bairro."""
    key: str
    """What near copies of the line have in common: see `fold`."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that are left, in no order that matters, and what became of the rows."""

    lines: tuple[Line, ...]
    counts: dict[str, int]
    dropped_characters: str
    """Too rare to be learned; the lines with them are left out."""


@lru_cache(maxsize=1 << 14)
def fold(text: str) -> str:
    """The text without case, accents, spaces and punctuation: equal for near copies."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def is_code(bairro: str) -> bool:
    """Whether a bairro is a code of a plan and no name that a person would say.

    Codes are a number (`13`), one or two capitals (`H`, `AB`), and both together (`S-43A`,
    `RP 3-10`). Names are `Km 26`, `14 Bis`, `COHAB II`, and `JK`, which Brazil says for
    Juscelino Kubitschek.
    """
    return _CODE.fullmatch(bairro) is not None


def make_lines(
    tables: Sequence[Sequence[Bairro]], cities: Sequence[City], *, max_chars: int, rare: int
) -> Lines:
    """Clean the rows of all tables and leave one line for each set of near copies.

    Of near copies the one of the first table stays, not all in capitals, with the most accents.
    Counts:

    read, control_characters, empty, no_name (`Área Rural de X` of the post office, `Área Não
    Identificada` of IBGE), unknown_city, codes, unwritable, too_long (over `max_chars`),
    same_pair and near_copies (of a line that stays: from another table or from a city of the
    same name in another state; or written otherwise) and rare_characters (in fewer than `rare`
    lines) are rows left out;
    plain_characters (typographic marks made plain), city_respelled, recased (names all in
    capitals) and en_dashes (for an inner ` - `) are rows changed.
    """
    counts: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
    real = set(cities)
    by_key = {(fold(city.name), city.uf): city for city in sorted(real, reverse=True)}
    groups: defaultdict[str, list[tuple[int, bool, int, str, str, str, str]]] = defaultdict(list)
    for rank, table in enumerate(tables):
        for row in table:
            counts["read"] += 1
            try:
                text, bairro, city, uf = _clean(row, real, by_key, max_chars, counts)
            except _LeftOut as reason:
                counts[str(reason)] += 1
                continue
            key = f"{fold(bairro)}\t{fold(city)}"
            groups[key].append((rank, bairro.isupper(), -_accents(text), text, bairro, city, uf))
    lines = []
    for key, group in groups.items():
        _, _, _, text, bairro, city, _ = min(group)
        same = sum(other[3] == text for other in group)
        counts["same_pair"] += same - 1
        counts["near_copies"] += len(group) - same
        # `Arapuá` and `Arapuã` are two cities, in two states, although their lines are near copies.
        ufs = tuple(sorted({other[6] for other in group if other[5] == city}))
        lines.append(Line(text, bairro, city, ufs, key))
    kept, dropped = _without_rare(lines, rare)
    counts["rare_characters"] = len(lines) - len(kept)
    return Lines(tuple(kept), dict(counts), dropped)


def split_lines(
    lines: Sequence[Line], validation_fraction: float, seed: int
) -> tuple[list[Line], list[Line]]:
    """Training and validation lines, each in an order that the seed decides.

    A hash of seed and key puts each line on its side by itself: a line that is validation in one
    corpus is never training in another of the same seed, whatever else the two hold.
    """
    ordered = sorted((_draw(line.key, seed), line) for line in lines)
    train = [line for draw, line in ordered if draw >= validation_fraction]
    return train, [line for draw, line in ordered if draw < validation_fraction]


def _draw(key: str, seed: int) -> float:
    """A number from 0 to 1, uniform over keys."""
    digest = hashlib.blake2b(f"{seed}\n{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


_COUNTS = (
    "read",
    "control_characters",
    "empty",
    "no_name",
    "unknown_city",
    "codes",
    "unwritable",
    "too_long",
    "same_pair",
    "near_copies",
    "rare_characters",
    "plain_characters",
    "city_respelled",
    "recased",
    "en_dashes",
)


class _LeftOut(Exception):
    """Why a row is left out: one of the counts."""


def _clean(
    row: Bairro,
    real: set[City],
    by_key: dict[tuple[str, str], City],
    max_chars: int,
    counts: Counter[str],
) -> tuple[str, str, str, str]:
    """Line, bairro, city and UF of a row, its changes counted; _LeftOut where it is left out."""
    if any(map(_has_controls, row)):
        raise _LeftOut("control_characters")
    bairro = " ".join(unicodedata.normalize("NFC", row.bairro).split())
    city = City(" ".join(unicodedata.normalize("NFC", row.city).split()), row.uf.strip())
    plain = bairro.translate(_PLAIN)
    if not plain:
        raise _LeftOut("empty")
    if _NO_NAME.match(plain):
        raise _LeftOut("no_name")
    found = city if city in real else by_key.get((fold(city.name), city.uf))
    if found is None:
        raise _LeftOut("unknown_city")
    cased = _recase(plain)
    if is_code(cased):
        raise _LeftOut("codes")
    try:
        text = write(cased, found.name)
    except ValueError:
        raise _LeftOut("unwritable") from None
    if len(text) > max_chars:
        raise _LeftOut("too_long")
    written = one_part(cased)
    counts["plain_characters"] += plain != bairro
    counts["city_respelled"] += found != city
    counts["recased"] += cased != plain
    counts["en_dashes"] += written != cased
    return text, written, found.name, found.uf


def _has_controls(text: str) -> bool:
    return not text.isprintable() and any(
        unicodedata.category(character).startswith("C") for character in text
    )


def _recase(bairro: str) -> str:
    """A name of several words all in capitals as one in lower case with capitals.

    Not where it may be an abbreviation with a number: two words must have four letters.
    """
    words = bairro.split(" ")
    if not bairro.isupper() or sum(len(word) >= 4 and word.isalpha() for word in words) < 2:
        return bairro
    small = (word.lower() for word in words)
    cased = [word if word in _SMALL_WORDS else word.capitalize() for word in small]
    return " ".join([cased[0].capitalize(), *cased[1:]])


def _accents(text: str) -> int:
    return sum(
        unicodedata.combining(character) > 0 for character in unicodedata.normalize("NFD", text)
    )


def _without_rare(lines: list[Line], rare: int) -> tuple[list[Line], str]:
    """The lines whose characters are each in at least `rare` of them; and the other characters."""
    dropped: set[str] = set()
    while True:
        seen = Counter(character for line in lines for character in set(line.text))
        few = {character for character, count in seen.items() if count < rare}
        if not few:
            return lines, "".join(sorted(dropped))
        dropped |= few
        lines = [line for line in lines if few.isdisjoint(line.text)]
