"""Where the texts of a corpus come from, as a card tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One work or one data set."""

    title: str
    author: str
    year: str
    """Of publication, as a person writes it: `1605/1615`."""
    address: str
    """Where it can be had: a catalogue number or an http(s) address."""
    licence: str
