"""Perguntar's answer in a model's own words, citing the passages: where a model of others is."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.blocks import facts, live, models
from app.blocks.composer import go_button
from app.blocks.jobs import process_slots, session_watch
from app.blocks.library import Asked
from app.blocks.session_jobs import desk, launch
from app.blocks.slots import Slots
from app.blocks.streamed_text import Segment, escape, render
from app.blocks.tasks import TIME_LIMIT_S, Finish, Task
from app.i18n import Words
from litteragpt.answers.language import detect_language
from litteragpt.answers.written import WrittenAnswer, write_answer
from litteragpt.checkpoint import CheckpointInfo, CheckpointList
from litteragpt.generation.text import TextModel

WRITER = "perguntar.writer"
"""What the session's desk knows the writing by."""


class Writing(Task):
    """A model writing the answer to a question from the passages that were found."""

    def __init__(
        self,
        asked: Asked,
        model: TextModel,
        slots: Slots,
        *,
        alive: Callable[[], bool] = lambda: True,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        super().__init__(slots, alive=alive, time_limit_s=time_limit_s)
        self.asked = asked
        self.model = model.name
        self.answer: WrittenAnswer | None = None
        """What was written, up to where it was stopped, with its citations; None until then."""
        self._lm = model
        self._pieces: list[str] = []

    def text(self) -> str:
        """What has come so far."""
        return "".join(list(self._pieces))

    def _carry_out(self) -> list[Finish]:
        self.answer = write_answer(
            self.asked.question,
            self.asked.answer.passages,
            self._lm,
            language=detect_language(self.asked.question),
            report=self._pieces.append,
            cancel=self._cancelled,
        )
        return [self._cancel_reason() if self._cancelled() else "end"]


def section(t: Words, asked: Asked) -> Callable[[], None]:
    """A choice of model, a button, and what it wrote; nothing where there is no model of others.

    Nor where nothing was found: then there is nothing to write from. Gives what the page does
    last: it draws what comes, where the model is writing.
    """
    found = [info for info in models.found().found if info.library == "transformers"]
    if not found or asked.answer.answer is None:
        return _nothing
    with st.expander(t("writer.title"), icon=":material/edit_note:"):
        st.caption(t("writer.explained"))
        info = models.choose(t, CheckpointList(found, []), key=f"{WRITER}.model")
        with st.container():  # always there: else the button below would be drawn anew elsewhere
            if desk().intents.get(WRITER) is not None:
                start(t, asked, info)
        desk().settle(WRITER)
        writing = present(asked)
        label = t("writer.button", model=info.name)
        running = go_button(t, WRITER, writing, label=label, main=False)
        if writing is None:
            return _nothing
        text, status = st.empty(), st.empty()

        def draw() -> None:
            shown = [Segment(writing.text())]
            text.html(render(shown, label=t("writer.title"), running=True))
            status.html(status_html(t, writing))

        if running:
            return lambda: live.follow(writing, draw)
        if html := written_html(t, writing):
            text.html(html)
        status.html(status_html(t, writing))
        facts.failure(t, writing)
    return _nothing


def present(asked: Asked) -> Writing | None:
    """What a model writes, or has written, for this question."""
    task = desk().jobs.get(WRITER)
    return task if isinstance(task, Writing) and task.asked == asked else None


def stop() -> None:
    """End what is being written, if anything is."""
    if (task := desk().jobs.get(WRITER)) is not None:
        task.stop()


def start(t: Words, asked: Asked, info: CheckpointInfo) -> None:
    """Let the model write."""
    lm = models.load(t, info)
    if lm is not None:
        launch(WRITER, Writing(asked, lm, process_slots(), alive=session_watch()))


def status_html(t: Words, writing: Writing) -> str:
    """Whether it waits, writes, or was stopped; an empty line where it came to its end."""
    place = writing.place_in_line
    if place:
        said = t("status.waiting", place=t.count(place))
    elif not writing.done:
        said = t("status.running")
    else:
        said = " · ".join(t(f"status.{x}") for x in writing.finish if x in ("stopped", "time"))
    return f'<div class="lg-facts" role="status"><span>{escape(said)}</span></div>'


def written_html(t: Words, writing: Writing) -> str:
    """An answer for `st.html`: sentences without a source underlined, and the sources below.

    Nothing where the writing was stopped before its first piece.
    """
    answer = writing.answer
    if answer is None or answer.text is None:
        said = t("writer.nothing", model=writing.model)
        refused = writing.finish == ["end"] or writing.text().strip()
        return f'<p class="lg-nothing">{escape(said)}</p>' if refused else ""
    parts, last = [], 0
    for each in answer.sentences:
        parts.append(escape(answer.text[last : each.start]))
        sentence = escape(answer.text[each.start : each.end])
        parts.append(sentence if each.citations else f"<u>{sentence}</u>")
        last = each.end
    parts.append(escape(answer.text[last:]))
    notes = [
        f"[{number}] {writing.asked.answer.passages[number - 1].source}"
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


def _nothing() -> None:
    """The page has nothing left to do."""
