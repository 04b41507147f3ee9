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
_STROKES = ("", "7 3", "2 3", "7 3 2 3", "12 4", "12 4 2 4")


@dataclass(frozen=True, slots=True)
class Ink:
    """How one line is drawn."""

    colour: str
    dash: str
    """As plotly names it."""
    stroke: str
    """The same dashes as an SVG `stroke-dasharray`."""


def inks() -> tuple[Ink, ...]:
    """Six inks for the theme that the browser shows."""
    colours = _DARK if st.context.theme.type == "dark" else _LIGHT
    return tuple(map(Ink, colours, _DASHES, _STROKES))
