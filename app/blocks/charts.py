"""Plotly figures: entropy along a text, and a training run's curves."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.blocks.palette import Ink
from app.i18n import Words

SMOOTHING = 15
"""Pieces of the moving average; single ones jump between nearly 0 and 3."""

SCORE = "f1 "
"""What the name of a figure begins with that is an F1 on a held-out set."""

_MARKS = ("circle", "diamond", "square")

_CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False}


def smooth(values: Sequence[float], width: int = SMOOTHING) -> list[float]:
    """A centred moving average, over what there is at the ends."""
    half = width // 2
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    ends = [(max(0, i - half), min(len(values), i + half + 1)) for i in range(len(values))]
    return [(sums[high] - sums[low]) / (high - low) for low, high in ends]


def entropy_figure(
    t: Words,
    entropies: Sequence[Sequence[float]],
    temperatures: Sequence[float],
    inks: Sequence[Ink],
    *,
    place: str,
) -> go.Figure:
    """A line for each temperature: how open the next piece was, in nats, at each `place`."""
    figure = go.Figure()
    for values, temperature, ink in zip(entropies, temperatures, inks, strict=False):
        figure.add_scatter(
            x=list(range(1, len(values) + 1)),
            y=smooth(values),
            mode="lines",
            name=f"T = {t.short(temperature)}",
            line={"color": ink.colour, "dash": ink.dash, "width": 2.5},
        )
    _dress(t, figure, place, t("charts.entropy"))
    figure.update_yaxes(rangemode="tozero")
    return figure


def training_figure(t: Words, metrics: Sequence[dict[str, Any]], inks: Sequence[Ink]) -> go.Figure:
    """Training, validation and honest loss over the characters seen."""
    figure = go.Figure()
    curves = (
        ("train_loss", "charts.train", inks[1], "lines"),
        ("val_loss", "charts.validation", inks[4], "lines+markers"),
        ("honest_loss", "charts.honest", inks[2], "lines+markers"),
    )
    for name, label, ink, mode in curves:
        points = [
            (float(line["chars"]), float(line[name]))
            for line in metrics
            if is_number(line.get(name)) and is_number(line.get("chars"))
        ]
        if points:
            figure.add_scatter(
                x=[x for x, _ in points],
                y=[y for _, y in points],
                mode=mode,
                name=t(label),
                line={"color": ink.colour, "dash": ink.dash, "width": 2.5},
                marker={"size": 7},
            )
    _dress(t, figure, t("charts.chars"), t("charts.loss"))
    lowest = min((min(trace.y) for trace in figure.data), default=0.0)
    if lowest > 0:
        # The first steps fall from ln V within a moment: the rest is what there is to see.
        figure.update_yaxes(range=[0.95 * lowest, 1.6 * lowest])
    return figure


def scores_figure(t: Words, metrics: Sequence[dict[str, Any]], inks: Sequence[Ink]) -> go.Figure:
    """F1 on each held-out set, in per cent, over the steps: a tagger's curve."""
    figure = go.Figure()
    for number, name in enumerate(score_names(metrics)):
        points = [
            (float(line["step"]), 100 * float(line[name]))
            for line in metrics
            if is_number(line.get(name)) and is_number(line.get("step"))
        ]
        # More sets than inks: the next round has other dashes and marks.
        turn, place = divmod(number, len(inks))
        ink, dashes = inks[place], inks[(place + turn) % len(inks)]
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            mode="lines+markers",
            # Names of sets come from a file, and plotly reads some HTML in them.
            name=html.escape(name.removeprefix(SCORE)),
            line={"color": ink.colour, "dash": dashes.dash, "width": 2.5},
            marker={"size": 8, "symbol": _MARKS[turn % len(_MARKS)]},
        )
    _dress(t, figure, t("charts.steps"), t("charts.f1"))
    # Names of sets are long: one below the other, under the curves.
    figure.update_layout(
        height=360 + 22 * len(figure.data),
        legend={"orientation": "v", "yanchor": "top", "y": -0.2, "x": 0},
        showlegend=True,
    )
    figure.update_yaxes(hoverformat=".1f")
    return figure


def score_names(metrics: Sequence[dict[str, Any]]) -> list[str]:
    """The figures of a tagger's curve that are an F1 on a set, in the order of the file."""
    return list(dict.fromkeys(k for line in metrics for k in line if k.startswith(SCORE)))


def training(t: Words, metrics: Sequence[dict[str, Any]], inks: Sequence[Ink], *, key: str) -> None:
    """The curves with their heading, where a run left any."""
    names = ("train_loss", "val_loss")
    if any(is_number(line.get(name)) for line in metrics for name in names):
        st.subheader(t("models.curves"), anchor=False)
        show(training_figure(t, metrics, inks), key=key, alt=t("models.curves_alt"))


def is_number(value: object) -> bool:
    """Whether a figure from a file can be drawn."""
    finite = isinstance(value, int | float) and value == value and abs(value) != float("inf")
    return finite and not isinstance(value, bool)


def show(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure in the theme's colours, with words for those who cannot see it."""
    st.plotly_chart(figure, key=key, alt=alt, config=_CONFIG, theme="streamlit")


def _dress(t: Words, figure: go.Figure, x: str, y: str) -> None:
    figure.update_layout(
        height=340,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        hovermode="x unified",
        separators=".," if t.language == "en" else ",.",
        dragmode=False,
    )
    figure.update_xaxes(title=x, automargin=True)
    figure.update_yaxes(title=y, automargin=True, hoverformat=".3f")
