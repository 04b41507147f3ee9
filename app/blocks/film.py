"""The training film: what the model wrote at each stage of its training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.blocks.streamed_text import Segment, escape, render
from app.i18n import Words

FRAME_S = 0.7


def film(t: Words, samples: Sequence[dict[str, Any]], *, key: str) -> bool:
    """A slider over the samples, and a button that plays them; says whether it plays."""
    place = f"film.{key}.frame"
    playing = f"film.{key}.playing"
    last = len(samples) - 1
    st.session_state.setdefault(place, last)
    st.session_state[place] = min(st.session_state[place], last)
    st.session_state[f"film.{key}.slider"] = st.session_state[place]
    is_playing = bool(st.session_state.get(playing))

    def play() -> None:
        st.session_state[playing] = True
        if st.session_state[place] >= last:
            st.session_state[place] = 0

    def pause() -> None:
        st.session_state[playing] = False

    def seek() -> None:
        st.session_state[place] = st.session_state[f"film.{key}.slider"]
        pause()

    def say(index: int) -> str:
        step = samples[index].get("step")
        return t.count(step) if isinstance(step, int) else t.count(index + 1)

    if last > 0:
        st.button(
            t("film.pause") if is_playing else t("film.play"),
            key=f"film.{key}.button",
            on_click=pause if is_playing else play,
            icon=":material/pause:" if is_playing else ":material/play_arrow:",
        )
        st.select_slider(
            t("film.step"),
            range(last + 1),
            format_func=say,
            key=f"film.{key}.slider",
            on_change=seek,
        )
    frame(t, samples[st.session_state[place]])
    return is_playing


def frame(t: Words, sample: dict[str, Any]) -> None:
    """One sample and the loss of its time."""
    prompt = sample.get("prompt")
    written = str(sample["sample"])
    opening = prompt if isinstance(prompt, str) else ""
    segments = [Segment(opening, "prompt"), Segment(written.removeprefix(opening))]
    with st.container(border=True):
        st.html(render(segments, label=t("film.sample")))
    loss = sample.get("val_loss")
    if isinstance(loss, float):
        st.html(f'<div class="lg-facts">{escape(t("film.loss", loss=t.number(loss, 3)))}</div>')


def advance(samples: Sequence[dict[str, Any]], *, key: str) -> None:
    """Show the next sample after a moment; to be called at the end of the page."""
    time.sleep(FRAME_S)
    place = f"film.{key}.frame"
    last = len(samples) - 1
    st.session_state[place] = min(st.session_state[place] + 1, last)
    st.session_state[f"film.{key}.playing"] = st.session_state[place] < last
    st.rerun()
