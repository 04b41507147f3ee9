"""The catalogue, and a speaker of one of its languages: words and numbers."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from string import Formatter

LANGUAGES: dict[str, str] = {"es": "Español", "pt": "Português", "en": "English"}
DEFAULT_LANGUAGE = "es"
CATALOGUE = Path(__file__).with_name("catalogue.toml")

_NARROW_SPACE = "\u202f"


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Key to language to words; the keys are the dotted paths of the file's tables."""
    entries: dict[str, dict[str, str]] = {}

    def collect(table: dict[str, object], path: str) -> None:
        words = {key: value for key, value in table.items() if isinstance(value, str)}
        if words:
            entries[path] = words
        for key, value in table.items():
            if isinstance(value, dict):
                collect(value, f"{path}.{key}" if path else key)

    collect(tomllib.loads(CATALOGUE.read_text(encoding="utf-8")), "")
    return entries


def placeholders(words: str) -> set[str]:
    """The names in braces that an entry expects to be filled."""
    return {name for _, name, _, _ in Formatter().parse(words) if name is not None}


class Words:
    """Says everything in one language.

    Numbers follow it too: a decimal comma and a point between thousands in Spanish and
    Portuguese, the reverse in English.
    """

    def __init__(self, language: str = DEFAULT_LANGUAGE) -> None:
        assert language in LANGUAGES, language
        self.language = language

    def __call__(self, key: str, **values: str) -> str:
        """The entry of the catalogue, its placeholders filled."""
        words = catalogue()[key][self.language]
        return words.format(**values) if values else words

    def number(self, value: float, digits: int = 0) -> str:
        """A number with this many decimals."""
        text = f"{value:,.{digits}f}"
        if self.language == "en":
            return text
        return text.translate(str.maketrans(",.", ".,"))

    def short(self, value: float) -> str:
        """A number with only the decimals it needs, at most four."""
        text = f"{value:.4f}".rstrip("0").rstrip(".")
        return text if self.language == "en" else text.replace(".", ",")

    def percent(self, share: float) -> str:
        """A share of one as a percentage, with a decimal where it is small."""
        digits = 0 if share >= 0.0995 or share == 0 else 1
        sign = "%" if self.language == "en" else f"{_NARROW_SPACE}%"
        if 0 < share < 0.0005:
            return f"<\u2009{self.number(0.1, 1)}{sign}"
        return f"{self.number(100 * share, digits)}{sign}"

    def count(self, value: int) -> str:
        """A whole number."""
        return self.number(value)
