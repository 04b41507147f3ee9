"""Perguntar's answer in a model's own words, citing the passages: where a model of others is."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st
import torch

from app.blocks import models
from app.blocks.jobs import TIME_LIMIT_S, process_slots, session_watch
from app.blocks.library import Asked
from app.blocks.slots import Busy
from app.blocks.streamed_text import Segment, escape, render
from app.i18n import Words
from litteragpt.answers.language import detect_language
from litteragpt.answers.written import WrittenAnswer, write_answer
from litteragpt.checkpoint import CheckpointInfo, CheckpointList

_MODEL = "perguntar.writer"
_WRITTEN = "perguntar.written"


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote for a question."""

    asked: Asked
    model: str
    answer: WrittenAnswer


def section(t: Words, asked: Asked) -> None:
    """A choice of model, a button, and what it wrote; nothing where there is no model of others.

    Nor where nothing was found: then there is nothing to write from.
    """
    found = [info for info in models.found().found if info.library == "transformers"]
    if not found or asked.answer.answer is None:
        return
    with st.expander(t("writer.title"), icon=":material/edit_note:"):
        st.caption(t("writer.explained"))
        info = models.choose(t, CheckpointList(found, []), key=_MODEL)
        wanted = st.button(t("writer.button", model=info.name), key="perguntar.write")
        box = st.empty()
        if wanted:
            write(t, asked, info)
        written: Written | None = st.session_state.get(_WRITTEN)
        if written is not None and (written.asked, written.model) == (asked, info.name):
            box.html(written_html(t, written))


def write(t: Words, asked: Asked, info: CheckpointInfo) -> None:
    """Let the model write, its text drawn as it comes; a refusal is told."""
    lm = models.load(t, info)
    if lm is None:
        return
    alive, began = session_watch(), time.monotonic()
    box = st.empty()
    pieces: list[str] = []

    def report(piece: str) -> None:
        pieces.append(piece)
        box.html(render([Segment("".join(pieces))], label=t("writer.title"), running=True))

    def over() -> bool:
        return not alive() or time.monotonic() - began > TIME_LIMIT_S

    torch.set_num_threads(1)  # a place is a core; it is a setting of the calling thread
    try:
        with process_slots().place(object(), give_up=over) as entered:
            if entered:
                answer = write_answer(
                    asked.question,
                    asked.answer.passages,
                    lm,
                    language=detect_language(asked.question),
                    report=report,
                    cancel=over,
                )
                st.session_state[_WRITTEN] = Written(asked, info.name, answer)
    except Busy:
        st.warning(t("status.busy"), icon=":material/hourglass_top:")
    except ValueError as error:
        st.error(t("errors.refused"), icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)
    box.empty()


def written_html(t: Words, written: Written) -> str:
    """An answer for `st.html`: sentences without a source underlined, and the sources below."""
    answer = written.answer
    if answer.text is None:
        return f'<p class="lg-nothing">{escape(t("writer.nothing", model=written.model))}</p>'
    parts, last = [], 0
    for each in answer.sentences:
        parts.append(escape(answer.text[last : each.start]))
        sentence = escape(answer.text[each.start : each.end])
        parts.append(sentence if each.citations else f"<u>{sentence}</u>")
        last = each.end
    parts.append(escape(answer.text[last:]))
    notes = [
        f"[{number}] {written.asked.answer.passages[number - 1].source}"
        for number in answer.citations
    ]
    notes += [t("writer.unknown", number=str(number)) for number in answer.unknown]
    if answer.uncited:
        notes.append(t("writer.uncited"))
    items = "".join(f"<span>{escape(note)}</span>" for note in notes)
    return (
        f'<div class="lg-text" role="region" aria-label="{escape(t("writer.title"))}">'
        f'{"".join(parts)}</div><div class="lg-facts">{items}</div>'
    )
