"""Names of persons, places and companies for the grammars, from `faker`."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from faker import Faker

_ABROAD: Final = ("es_ES", "pt_BR", "en_US", "it_IT", "fr_FR", "de_DE")
_FOREIGN: Final = 0.12
"""Share of the texts whose persons have names of any of those countries."""
_PARTICLES: Final = re.compile(r"(?<= )(?:De|Del|La|Las|Los|Da|Do|Das|Dos|E|Y)(?= )")


class Outside:
    """Words by the name that a grammar calls them, of one country at a time."""

    def __init__(
        self,
        locales: Sequence[str],
        cities: Sequence[str],
        companies: Sequence[str],
        rng: random.Random,
    ) -> None:
        """Of faker's locales: those of persons, and those whose cities and companies are like
        real ones. Raises ImportError where faker is missing."""
        try:
            from faker import Faker
        except ImportError as error:
            raise ImportError(
                "texts with entities need faker: pip install 'litteragpt[data]'"
            ) from error
        self._fakers: Final[dict[str, Faker]] = {}
        for locale in dict.fromkeys((*locales, *cities, *companies, *_ABROAD)):
            self._fakers[locale] = Faker(locale)
            self._fakers[locale].seed_instance(rng.getrandbits(64))
        self._locales: Final = tuple(locales)
        self._cities: Final = tuple(cities)
        self._companies: Final = tuple(companies)
        self._rng: Final = rng
        self._persons = self._fakers[locales[0]]

    def move(self) -> None:
        """Go on in another country; now and then its people come from abroad."""
        foreign = self._rng.random() < _FOREIGN
        self._persons = self._one_of(_ABROAD if foreign else self._locales)

    def __call__(self, name: str) -> str:
        """The word of `{@name}`."""
        match name:
            case "first":
                word = self._persons.first_name()
            case "first_f":
                word = self._persons.first_name_female()
            case "first_m":
                word = self._persons.first_name_male()
            case "last":
                word = self._persons.last_name()
            case "city":
                word = self._one_of(self._cities).city()
            case "company":
                word = self._one_of(self._companies).company().replace("Corporacin", "Corporación")
            case "login_first":
                return _ascii(self._persons.first_name().split()[0])
            case "login_last":
                return _ascii(self._persons.last_name().split()[-1])
            case _:
                raise AssertionError(f"no word is called {name}")
        return _PARTICLES.sub(lambda match: match.group().lower(), str(word))

    def _one_of(self, locales: Sequence[str]) -> Faker:
        return self._fakers[self._rng.choice(locales)]


def _ascii(name: str) -> str:
    parts = unicodedata.normalize("NFKD", name.lower())
    return "".join(part for part in parts if part.isascii() and part.isalnum())
