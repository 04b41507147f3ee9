"""The settings of a generation: presets, and everything that folds away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import streamlit as st

from app.i18n import Words
from litteragpt.checkpoint import CheckpointInfo

Value = float | int | None
MAX_SEED = 2**53 - 1
"""The largest whole number that a browser keeps exactly."""


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: what it may be, and the steps its slider offers.

    Sliders of fixed steps, because they can show each figure in the user's own language.
    """

    name: str
    low: float
    high: float
    steps: tuple[Value, ...]
    default: Value
    whole: bool = False
    off: bool = False
    """Whether None, no limit at all, is allowed."""

    def accepts(self, value: Value) -> bool:
        """Whether a value is allowed."""
        if value is None:
            return self.off
        return self.low <= value <= self.high


def _grid(low: int, high: int, step: int, scale: int = 100) -> tuple[float, ...]:
    return tuple(value / scale for value in range(low, high + 1, step))


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("temperature", 0.0, 2.0, _grid(0, 200, 5), 0.8),
            Field("top_k", 1, 500, (*range(1, 11), 15, 20, 30, 40, 60, 80, None), None, True, True),
            Field("top_p", 0.01, 1.0, _grid(5, 100, 5), 0.95),
            Field("min_p", 0.0, 1.0, (*_grid(0, 10, 1), *_grid(15, 50, 5)), 0.0),
            Field("max_chars", 1, 4000, (50, 100, 200, 300, 400, 600, 800, 1200, 2000), 400, True),
            Field("sentences", 1, 50, (*range(1, 11), 15, 20, None), 2, True, True),
            Field("words", 1, 100, (1, 5, 10, 20, 40, 60, 80, 100, None), None, True, True),
        )
    }
)

PRESETS: Mapping[str, Mapping[str, Value]] = MappingProxyType(
    {
        "prudent": {"temperature": 0.5, "top_k": None, "top_p": 0.9, "min_p": 0.0},
        "balanced": {"temperature": 0.8, "top_k": None, "top_p": 0.95, "min_p": 0.0},
        "creative": {"temperature": 1.1, "top_k": None, "top_p": 1.0, "min_p": 0.05},
    }
)


def state_key(page: str, name: str) -> str:
    """Where the session keeps a setting of a page."""
    return f"{page}.{name}"


def prepare(page: str) -> None:
    """Give each setting that has no value yet its default; before any widget is drawn."""
    for name, field in FIELDS.items():
        st.session_state.setdefault(state_key(page, name), field.default)
    st.session_state.setdefault(state_key(page, "seed"), None)


def put(page: str, values: Mapping[str, Any]) -> None:
    """Set some of a page's settings; before its widgets are drawn."""
    for name, value in values.items():
        st.session_state[state_key(page, name)] = value


def get(page: str, name: str) -> Any:
    """A setting of a page."""
    return st.session_state[state_key(page, name)]


def present_preset(page: str) -> str | None:
    """The preset that the settings agree with."""
    for preset, values in PRESETS.items():
        if all(get(page, name) == value for name, value in values.items()):
            return preset
    return None


def presets(t: Words, page: str) -> None:
    """The choice of a preset; none is marked once a setting departs from it."""
    key = state_key(page, "preset")
    st.session_state[key] = present_preset(page)

    def take() -> None:
        chosen = st.session_state[key]
        if chosen is not None:
            put(page, PRESETS[chosen])

    st.segmented_control(
        t("settings.preset"),
        list(PRESETS),
        format_func=lambda preset: t(f"settings.presets.{preset}"),
        key=key,
        on_change=take,
        help=t("settings.preset_help"),
    )


def ends(t: Words, page: str, info: CheckpointInfo) -> None:
    """What ends a text of this model: its length; of running text, sentences or words, too."""
    words = info.reads == "text" and get(page, "words") is not None
    slider(t, page, "max_chars", disabled=words)
    if info.reads == "lines":
        st.caption(t("settings.line"))
        return
    slider(t, page, "sentences", disabled=words)
    slider(t, page, "words")


def slider(t: Words, page: str, name: str, *, disabled: bool = False) -> None:
    """One setting's slider, with its present value among the steps."""
    field = FIELDS[name]
    key = state_key(page, name)
    steps = set(field.steps) | {st.session_state[key]}
    options: list[Value] = sorted(step for step in steps if step is not None)

    def say(value: Value) -> str:
        if value is None:
            return t("settings.no_limit")
        return t.count(int(value)) if field.whole else t.short(value)

    st.select_slider(
        t(f"settings.{name}"),
        [*options, None] if field.off else options,
        format_func=say,
        key=key,
        help=t(f"settings.{name}_help"),
        disabled=disabled,
        persist_state="session",
    )


def seed_input(t: Words, page: str) -> None:
    """The seed; empty draws a new one each time."""
    st.number_input(
        t("settings.seed"),
        min_value=0,
        max_value=MAX_SEED,
        value=None,
        step=1,
        key=state_key(page, "seed"),
        placeholder=t("settings.seed_placeholder"),
        help=t("settings.seed_help"),
        persist_state="session",
    )
