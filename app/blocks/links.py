"""Addresses that give a text again: a request to query parameters and back, trusting nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from app.blocks.jobs import Request
from app.blocks.settings import FIELDS, MAX_SEED, Field, Value
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import MAX_PROMPT_CHARS

MAX_LINK_CHARS = 4000
"""Longer addresses are cut by some browsers, servers and messengers."""
MAX_PARTS = 40
ROWS = (2, 6)
"""How many temperatures may be compared."""

_OFF = "none"
_NUMBER = re.compile(r"\d{1,16}|\d{0,4}\.\d{1,17}")
_WHOLE = re.compile(r"\d{1,16}")


@dataclass(frozen=True, slots=True)
class Link:
    """What an address asks for. Where it was wrong, the default stands and the name is told."""

    prompt: str
    settings: dict[str, Any]
    """Values of `settings.FIELDS` and `seed`; a missing one is its default."""
    temperatures: tuple[float, ...]
    """For a comparison; empty otherwise."""
    model: str | None
    parts: tuple[int, ...]
    cut: int | None
    problems: tuple[str, ...]
    """Names of the parameters that could not be used."""


def parameters_of(request: Request) -> dict[str, str]:
    """The query parameters of a request."""
    first = request.rows[0]
    values: dict[str, str] = {"prompt": request.prompt, "model": request.model}
    if len(request.rows) == 1:
        values["temperature"] = say(first.temperature)
    else:
        values["temperatures"] = ",".join(say(row.temperature) for row in request.rows)
    values |= {
        "top_k": say(first.top_k),
        "top_p": say(first.top_p),
        "min_p": say(first.min_p),
        "max_chars": say(request.max_chars),
        "sentences": say(request.sentences),
        "seed": say(request.seed),
    }
    if request.words is not None:
        values["words"] = say(request.words)
    if request.parts:
        values["parts"] = ",".join(map(str, request.parts))
    if request.cut is not None:
        values["cut"] = say(request.cut)
    return values


def address(base: str, parameters: Mapping[str, str]) -> str | None:
    """The link itself; None where it would be too long to travel."""
    link = f"{base}?{urlencode(parameters, quote_via=quote)}"
    return link if len(link) <= MAX_LINK_CHARS else None


class Reading:
    """Parameters being read one by one; those that cannot be used are noted."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._query = query

    def __call__(self, name: str, default: Any, reader: Callable[[str], Any]) -> Any:
        """The parameter's value; the default where it is missing or its reader refuses it."""
        if name not in self._query:
            return default
        try:
            return reader(self._query[name])
        except ValueError:
            self.problems.append(name)
            return default


def parse(query: Mapping[str, str], *, models: Collection[str]) -> Link | None:
    """Read query parameters that anyone may have written; None where they ask for no text."""
    if "prompt" not in query:
        return None
    read = Reading(query)
    settings = {name: read(name, field.default, reader(field)) for name, field in FIELDS.items()}
    settings["seed"] = read("seed", None, lambda text: whole(text, 0, MAX_SEED))
    return Link(
        prompt=read("prompt", "", _prompt),
        settings=settings,
        temperatures=read("temperatures", (), _temperatures),
        model=read("model", None, lambda text: one_of(text, models)),
        parts=read("parts", (), _parts),
        cut=read("cut", None, _length),
        problems=tuple(read.problems),
    )


def rows_of(
    temperatures: Collection[float], settings: Mapping[str, Any]
) -> tuple[SamplingConfig, ...]:
    """A row for each temperature, the other settings shared."""
    return tuple(
        SamplingConfig(
            temperature=temperature,
            top_k=settings["top_k"],
            top_p=settings["top_p"],
            min_p=settings["min_p"],
        )
        for temperature in temperatures
    )


def say(value: Value) -> str:
    """A setting as an address has it."""
    if value is None:
        return _OFF
    # Fixed point, exactly: never an exponent, which the reader refuses.
    return str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")


def reader(field: Field) -> Callable[[str], Value]:
    """Reads a setting, `ValueError` where it is not allowed."""

    def read(text: str) -> Value:
        value: Value
        if field.off and text == _OFF:
            value = None
        elif field.whole:
            value = whole(text)
        else:
            value = _number(text)
        if not field.accepts(value):
            raise ValueError(field.name)
        return value

    return read


def _number(text: str) -> float:
    # Only plain decimals: float() would also take "nan", "1e999" and "١".
    if not (text.isascii() and _NUMBER.fullmatch(text)):
        raise ValueError(text)
    value = float(text)
    assert math.isfinite(value)
    return value


def whole(text: str, low: int = 0, high: int = 10**16) -> int:
    """A whole number in plain digits; `ValueError` for all else and out of its range."""
    if not (text.isascii() and _WHOLE.fullmatch(text) and low <= int(text) <= high):
        raise ValueError(text)
    return int(text)


def _prompt(text: str) -> str:
    if len(text) > MAX_PROMPT_CHARS:
        raise ValueError("too long")
    return text


def one_of(text: str, allowed: Collection[str]) -> str:
    """A name that is among those allowed, else `ValueError`."""
    if text not in allowed:
        raise ValueError(text)
    return text


def _length(text: str) -> int:
    return whole(text, 1, int(FIELDS["max_chars"].high))


def _parts(text: str) -> tuple[int, ...]:
    parts = tuple(_length(part) for part in text.split(",", MAX_PARTS))
    if len(parts) > MAX_PARTS:
        raise ValueError(text)
    return parts


def _temperatures(text: str) -> tuple[float, ...]:
    field = FIELDS["temperature"]
    values = sorted({_number(part) for part in text.split(",", ROWS[1])})
    if not ROWS[0] <= len(values) <= ROWS[1] or not all(map(field.accepts, values)):
        raise ValueError(text)
    return tuple(values)
