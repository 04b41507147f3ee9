"""Where texts part, and what the figures draw."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.blocks.charts import smooth, training_figure
from app.blocks.palette import inks
from app.blocks.panes import Pane, divergence, forks, pane_segments, render_panes
from app.blocks.probabilities import BINS, explorer_data, kind_of
from app.i18n import Words
from litteragpt.generation.text import Token
from tests.tiny import METRICS

TEXTS = st.text("ab<", max_size=6)


@given(TEXTS, TEXTS)
def test_divergence_is_the_first_difference(a: str, b: str) -> None:
    place = divergence(a, b)
    if place is None:
        assert a.startswith(b) or b.startswith(a)
    else:
        assert a[:place] == b[:place]
        assert a[place] != b[place]


@given(TEXTS, st.none() | st.integers(0, 6), st.booleans())
def test_segments_keep_the_text(text: str, fork: int | None, first: bool) -> None:
    assert "".join(s.text for s in pane_segments(text, fork, first=first)) == text


def test_a_text_that_ends_early_parts_there_and_one_that_lags_does_not() -> None:
    over = Pane(0.2, "abc", True)
    assert forks([over, Pane(0.6, "abcd", False)]) == [None, 3]
    lagging = Pane(0.2, "abc", False)
    assert forks([lagging, Pane(0.6, "abcd", False)]) == [None, None]
    assert forks([over, Pane(0.6, "abx", False)]) == [None, 2]


def test_panes_escape_and_count_from_one() -> None:
    panes = [Pane(0.2, "a<b", True), Pane(1.0, "a<i>", True)]
    document = render_panes(Words("es"), "<p>", panes, inks())
    assert "&lt;p&gt;" in document
    assert "Se separa en la letra 3" in document
    assert "<i>" not in document
    assert "Temperatura 0,2" in document


@given(st.lists(st.floats(0, 5), max_size=40), st.integers(1, 9))
def test_smoothing_keeps_length_and_range(values: list[float], width: int) -> None:
    smoothed = smooth(values, width)
    assert len(smoothed) == len(values)
    if values:
        assert min(values) - 1e-9 <= min(smoothed)
        assert max(smoothed) <= max(values) + 1e-9


def test_training_curves_leave_out_what_is_no_number() -> None:
    hostile: list[dict[str, Any]] = [
        {"chars": 1, "val_loss": float("nan")},
        {"chars": "x", "val_loss": 1.0},
        {},
    ]
    figure = training_figure(Words("en"), [*METRICS, *hostile], inks())
    curves = {trace.name: list(trace.y) for trace in figure.data}
    assert curves == {
        "Training": [4.1, 2.5],
        "Validation": [3.2, 2.4],
        "Honest validation": [2.6],
    }


def test_the_explorer_is_given_text_and_its_alternatives_as_data() -> None:
    token = Token(" ", 3, math.log(0.84), 0.5, (("␣", 0.84), ("<i>", 0.16)))
    data = explorer_data(Words("es"), "<b>", [token])
    assert data["prompt"] == "<b>"
    (given,) = data["tokens"]
    assert (given["text"], given["shown"], given["percent"]) == (" ", "␣", "84\u202f%")
    assert given["alternatives"] == [
        ["␣", "84\u202f%", 0.84, True],
        ["<i>", "16\u202f%", 0.16, False],
    ]


@given(st.floats(0.0, 1.0))
def test_every_probability_has_a_colour(probability: float) -> None:
    kind = kind_of(probability)
    floors = {kind: floor for floor, kind in BINS}
    assert probability >= floors[kind]
    assert all(probability < floor for floor in floors.values() if floor > floors[kind])
