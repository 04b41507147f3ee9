"""How a place is written: `bairro - cidade`, one place a line, one separator a place.

A bairro that has ` - ` in its own name (`Alvorada - 3ª Seção`) is written with an en dash there
(`Alvorada – 3ª Seção - Ibirité`), so that every line has exactly one separator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SEPARATOR: Final = " - "
_INNER: Final = re.compile("(?<= )-(?= )")


@dataclass(frozen=True, slots=True)
class Place:
    """A neighbourhood and the city that it is said to be in."""

    bairro: str
    city: str


def parse(name: str) -> Place | None:
    """The two sides of a name; None unless it is well-formed.

    That is: one line with exactly one separator, both sides non-empty and without white space
    at their ends. (` - - ` holds two separators, one over the other.)
    """
    at = name.find(SEPARATOR)
    if at < 0 or name.find(SEPARATOR, at + 1) >= 0 or len(name.splitlines()) != 1:
        return None
    bairro, city = name[:at], name[at + len(SEPARATOR) :]
    if not bairro or not city or bairro != bairro.strip() or city != city.strip():
        return None
    return Place(bairro, city)


def one_part(bairro: str) -> str:
    """The bairro with an en dash for every hyphen between spaces, as it stands in a line."""
    return _INNER.sub("–", bairro)


def write(bairro: str, city: str) -> str:
    """The line of a place, without its end; `parse` reads it back.

    Raises ValueError for what no line can hold: an empty side, white space at its ends, a line
    break, a city with a separator, or a hyphen where it would make a second separator.
    """
    bairro = one_part(bairro)
    name = f"{bairro}{SEPARATOR}{city}"
    if parse(name) != Place(bairro, city):
        raise ValueError(f"no line can hold the bairro {bairro!r} in the city {city!r}")
    return name
