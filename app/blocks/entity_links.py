"""Addresses that mark a text again: trusting nothing, as `links` does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.blocks.links import MAX_LINK_CHARS, Reading, one_of, reader, say
from app.blocks.settings import Field
from app.blocks.taggers import Marked

THRESHOLD = Field("threshold", 0.0, 1.0, tuple(value / 100 for value in range(0, 100, 5)), 0.0)
"""The least score that is shown."""


@dataclass(frozen=True, slots=True)
class EntityLink:
    """What an address asks for. Where it was wrong, the default stands and the name is told."""

    settings: dict[str, Any]
    """`text`, `threshold` and, where it names them, `tagger` and `second`."""
    problems: tuple[str, ...]
    """Names of the parameters that could not be used."""


def parameters_of(marked: Marked, *, threshold: float) -> dict[str, str]:
    """The query parameters of a text and of how it was marked."""
    names = dict(zip(("model", "second"), (r.tagger.name for r in marked.readings), strict=False))
    return {"text": marked.text, **names, "threshold": say(threshold)}


def parse(query: Mapping[str, str], *, taggers: Collection[str]) -> EntityLink | None:
    """Read query parameters that anyone may have written; None where they bring no text."""
    if "text" not in query:
        return None
    reading = Reading(query)
    settings = {
        "text": reading("text", "", _text),
        "threshold": reading("threshold", THRESHOLD.default, reader(THRESHOLD)),
    }
    for parameter, name in (("model", "tagger"), ("second", "second")):
        tagger = reading(parameter, None, lambda text: one_of(text, taggers))
        if tagger is not None:
            settings[name] = tagger
    return EntityLink(settings, tuple(reading.problems))


def _text(text: str) -> str:
    if len(text) > MAX_LINK_CHARS:
        raise ValueError("too long")
    return text
