"""The training film: what the model wrote at each stage of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.blocks.streamed_text import Segment, escape, render
from app.i18n import Words

FRAME_S = 0.7


def film(t: Words, samples: Sequence[dict[str, Any]], *, key: str) -> None:
    """A slider over the samples, and a button that plays them."""
    place = f"film.{key}.frame"
    playing = f"film.{key}.playing"
    last = len(samples) - 1
    st.session_state.setdefault(place, last)
    st.session_state[place] = min(st.session_state[place], last)
    is_playing = bool(st.session_state.get(playing))

    def play() -> None:
        st.session_state[playing] = True
        if st.session_state[place] >= last:
            st.session_state[place] = 0

    def pause() -> None:
        st.session_state[playing] = False

    def say(index: int) -> str:
        step = samples[index].get("step")
        return t.count(step) if isinstance(step, int) else t.count(index + 1)

    @st.fragment(run_every=FRAME_S if is_playing else None)
    def view() -> None:
        drawn = f"{place}.drawn"
        if st.session_state.get(playing) and st.session_state.get(drawn):
            st.session_state[place] = min(st.session_state[place] + 1, last)
        st.session_state[drawn] = bool(st.session_state.get(playing))
        if last > 0:
            st.select_slider(
                t("film.step"),
                range(last + 1),
                format_func=say,
                key=place,
                on_change=pause,
                persist_state="session",
            )
        sample = samples[st.session_state[place]]
        prompt = sample.get("prompt")
        written = str(sample["sample"])
        opening = prompt if isinstance(prompt, str) else ""
        with st.container(border=True):
            st.html(
                render(
                    [Segment(opening, "prompt"), Segment(written.removeprefix(opening))],
                    label=t("film.sample"),
                )
            )
        loss = sample.get("val_loss")
        if isinstance(loss, float):
            st.html(f'<div class="lg-facts">{escape(t("film.loss", loss=t.number(loss, 3)))}</div>')
        if is_playing and st.session_state[place] >= last:
            st.session_state[playing] = False
            st.rerun()

    if last > 0:
        st.button(
            t("film.pause") if is_playing else t("film.play"),
            key=f"film.{key}.button",
            on_click=pause if is_playing else play,
            icon=":material/pause:" if is_playing else ":material/play_arrow:",
        )
    view()
