"""Addresses that give a list of names again: trusting nothing, as `links` does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.blocks.links import Reading, one_of, reader, say, whole
from app.blocks.name_lists import DEFAULT_COUNT, DEFAULT_TEMPERATURE, MAX_COUNT, NameRequest
from app.blocks.settings import FIELDS, MAX_SEED
from litteragpt.names.generate import MAX_PREFIX_CHARS


@dataclass(frozen=True, slots=True)
class NameLink:
    """What an address asks for. Where it was wrong, the default stands and the name is told."""

    settings: dict[str, Any]
    """`prefix`, `count`, `temperature`, `seed` and, where it names one, `model`."""
    problems: tuple[str, ...]
    """Names of the parameters that could not be used."""


def parameters_of(request: NameRequest) -> dict[str, str]:
    """The query parameters of a request."""
    return {
        "prefix": request.prefix,
        "model": request.model,
        "count": say(request.count),
        "temperature": say(request.temperature),
        "seed": say(request.seed),
    }


def parse(query: Mapping[str, str], *, models: Collection[str]) -> NameLink | None:
    """Read query parameters that anyone may have written; None where they ask for no names."""
    if "prefix" not in query:
        return None
    reading = Reading(query)
    settings = {
        "prefix": reading("prefix", "", _prefix),
        "count": reading("count", DEFAULT_COUNT, lambda text: whole(text, 1, MAX_COUNT)),
        "temperature": reading("temperature", DEFAULT_TEMPERATURE, reader(FIELDS["temperature"])),
        "seed": reading("seed", None, lambda text: whole(text, 0, MAX_SEED)),
    }
    model = reading("model", None, lambda text: one_of(text, models))
    if model is not None:
        settings["model"] = model
    return NameLink(settings, tuple(reading.problems))


def _prefix(text: str) -> str:
    if len(text) > MAX_PREFIX_CHARS or text.splitlines() not in ([], [text]):
        raise ValueError("no beginning of one name")
    return text
