"""Six colours and line styles that stay apart for every eye, on light and on dark.

After Okabe & Ito (2008), from cold to warm, darkened or lightened until each has a contrast of
at least 3 to 1 with its background; the dash styles tell them apart without colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

_LIGHT = ("#0072b2", "#2d8fc4", "#008a66", "#a67300", "#d55e00", "#b1477f")
_DARK = ("#4ba3e0", "#8ccdf2", "#2fc39a", "#f0b429", "#ff8a3d", "#e39ac2")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKS = ((24,), (6, 3), (3, 3), (8, 3, 3, 3), (11, 4), (11, 3, 5, 3))
"""The same dashes as lengths of ink and gap in pixels."""


@dataclass(frozen=True, slots=True)
class Ink:
    """How one line is drawn."""

    colour: str
    dash: str
    """As plotly names it."""
    gradient: str
    """The same dashes as a CSS background."""


def inks() -> tuple[Ink, ...]:
    """Six inks for the theme that the browser shows."""
    colours = _DARK if st.context.theme.type == "dark" else _LIGHT
    return tuple(
        Ink(colour, dash, _gradient(colour, marks))
        for colour, dash, marks in zip(colours, _DASHES, _MARKS, strict=True)
    )


def _gradient(colour: str, marks: tuple[int, ...]) -> str:
    stops, at = [], 0
    for index, length in enumerate(marks):
        shade = "transparent" if index % 2 else colour
        stops.append(f"{shade} {at}px {at + length}px")
        at += length
    return f"repeating-linear-gradient(to right,{','.join(stops)})"
