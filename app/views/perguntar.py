"""Perguntar: the user's documents, a question, and the stretch of them that answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
import torch

from app.blocks import answers, models, rerankers, settings, upload_field, writers
from app.blocks.jobs import process_slots, session_watch
from app.blocks.language import words
from app.blocks.library import (
    MAX_CHARACTERS,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_QUESTION_CHARS,
    Library,
    library,
    reply,
)
from app.blocks.navigation import header
from app.blocks.samples import QUESTIONS, SAMPLES, read_sample
from app.blocks.session_jobs import desk, intend
from app.blocks.slots import Busy
from app.blocks.tasks import attended
from app.i18n import Words
from litteragpt.answers import Answer

PAGE = "perguntar"
MAX_PASTED_CHARS = 200_000
LARGE = 200_000  # characters or bytes from which on the work is worth a progress bar


def page() -> None:
    t = words()
    header(t("ask.title"), t("ask.subtitle"))
    st.session_state.setdefault(_key("question"), "")
    present = library()
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        uploader(t, present)
    with right:
        paster(t, present)
    chosen(t, present)
    if present.problems:
        st.warning(t("ask.problems"), icon=":material/warning:")
        st.html(answers.problems_html(t, present.problems, limits(t)))
    form(t)
    chips(present)
    with st.container():  # always there: where what follows shifts, an open expander closes
        if desk().intents.get(PAGE) is not None:
            start(t, present)
    desk().settle(PAGE)
    finish = result(t, present)
    rerankers.choose(t)
    st.caption(t("ask.small_print"))
    finish()


def _key(name: str) -> str:
    return settings.state_key(PAGE, name)


def limits(t: Words) -> dict[str, str]:
    """The bounds, as messages name them."""
    return {
        "files": t.count(MAX_FILES),
        "megabytes": t.count(MAX_FILE_BYTES // 2**20),
        "characters": t.count(MAX_CHARACTERS),
    }


def uploader(t: Words, present: Library) -> None:
    """Files from the user's disk; once read they are in the library, and the field is empty."""
    upload_field.speak(t("ask.choose_files"), t("ask.files_hint", **limits(t)))
    files = st.file_uploader(
        t("ask.files"),
        accept_multiple_files=True,
        key=f"{PAGE}.files{present.uploads}",
        help=t("ask.files_help", **limits(t)),
    )
    if files:
        given = [(each.name, each.size, each.getvalue) for each in files]
        if take_in(t, present, given):
            present.uploads += 1
            st.rerun()


def paster(t: Words, present: Library) -> None:
    """A text from the clipboard, as a document of its own."""
    with (
        st.popover(
            t("ask.paste"),
            icon=":material/content_paste:",
            width="stretch",
            key=f"{PAGE}.paste{present.pastes}",  # a new one, closed, after each text
        ),
        st.form(f"{PAGE}.paste_form", border=False),
    ):
        text = st.text_area(
            t("ask.pasted"),
            key=f"{PAGE}.pasted{present.pastes}",
            height=160,
            width=480,
            max_chars=MAX_PASTED_CHARS,
            placeholder=t("ask.paste_placeholder"),
            label_visibility="collapsed",
        )
        added = st.form_submit_button(t("ask.add"), key=f"{PAGE}.add", icon=":material/add:")
    if added and text and text.strip():
        name = f"{t('ask.pasted')} {t.count(present.pastes + 1)}"
        data = text.encode("utf-8", "replace")
        if take_in(t, present, [(name, len(data), lambda: data)]) and not present.problems:
            present.pastes += 1
            st.rerun()


def take_in(
    t: Words, present: Library, files: Sequence[tuple[str, int, Callable[[], bytes]]]
) -> bool:
    """Read files, each by its name, its size and what gives its bytes, with a bar for large ones.

    Says whether they were read: not where too many wait for the process, and not in a session
    that has gone.
    """
    total = sum(size for _, size, _ in files)
    alive = session_watch()
    bar = st.empty()
    try:
        with process_slots().place(object(), give_up=lambda: not alive()) as entered:
            if not entered:
                return False
            present.problems = []
            done = 0
            for number, (name, size, give) in enumerate(files, 1):
                if total > LARGE:
                    said = t("ask.reading", number=t.count(number), count=t.count(len(files)))
                    bar.progress(done / total, text=said)
                present.add(name, give())
                done += size
    except Busy:
        st.warning(t("status.busy"), icon=":material/hourglass_top:")
        return False
    bar.empty()
    return True


def chosen(t: Words, present: Library) -> None:
    """The documents that are asked; one that is taken out is let go."""
    names = list(present.documents)
    if not names:
        return
    labels = {
        name: t("ask.document", name=name, count=t.count(len(each.passages)))
        for name, each in present.documents.items()
    }
    key = _key("documents")
    st.session_state[key] = names

    def drop() -> None:
        present.keep(st.session_state[key])

    st.multiselect(
        t("ask.documents"), names, format_func=lambda name: labels[name], key=key, on_change=drop
    )


def form(t: Words) -> None:
    """The question; Enter in it is the button."""
    with st.form(f"{PAGE}.form", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.text_input(
            t("ask.question"),
            key=_key("question"),
            max_chars=MAX_QUESTION_CHARS,
            placeholder=t("ask.question_placeholder"),
            persist_state="session",
        )
        right.form_submit_button(
            t("ask.button"),
            key=f"{PAGE}.go",
            type="primary",
            on_click=desk().intend,
            args=(PAGE, "generate"),
            width="stretch",
        )


def chips(present: Library) -> None:
    """Questions about the documents at hand, while there are no others: a click asks."""
    if not set(present.documents) <= set(SAMPLES):
        return
    with st.container(horizontal=True, wrap=False, gap="xsmall", key=f"{PAGE}-examples"):
        for number, question in enumerate(QUESTIONS):
            st.button(
                question,
                key=f"{PAGE}.example{number}",
                on_click=_take_example,
                args=(question,),
            )


def _take_example(question: str) -> None:
    """Ask a question of all documents at hand: one history for all examples."""
    settings.put(PAGE, {"question": question})
    for sample in SAMPLES:
        library().add(sample, read_sample(sample))
    intend(PAGE, "generate")


def start(t: Words, present: Library) -> None:
    """Answer the question; what is missing is told, and leaves the page as it was."""
    question = settings.get(PAGE, "question").strip()
    if not present.documents:
        st.info(t("ask.no_documents"), icon=":material/info:")
        return
    if not any(character.isalnum() for character in question):
        st.info(t("ask.no_question"), icon=":material/info:")
        return
    writers.stop()
    judge = rerankers.load(t)
    alive = session_watch()
    bar = st.empty()

    def report(done: int, total: int) -> None:
        if present.characters > LARGE:
            bar.progress(done / total, text=t("ask.indexing"))

    slots = process_slots()

    def work() -> Answer:
        torch.set_num_threads(1)  # a place is a core; it is a setting of the calling thread
        with slots.place(object(), give_up=lambda: not alive()):
            return reply(question, index, judge)

    try:
        with slots.place(object(), give_up=lambda: not alive()) as entered:
            if not entered:
                return
            index = present.index(report)
        present.remember(question, attended(work))
    except Busy:
        st.warning(t("status.busy"), icon=":material/hourglass_top:")
    except ValueError as error:
        models.show_broken(t, rerankers.chosen(), str(error))
    bar.empty()


def result(t: Words, present: Library) -> Callable[[], None]:
    """The newest answer, the other passages, and what was asked before.

    Gives what is left to do once all of the page is there.
    """
    asked = present.asked
    if not asked:
        return lambda: None
    newest, *earlier = asked
    with st.container(border=True):
        st.html(answers.answer_html(t, newest, present.documents))
    nothing = newest.answer.answer is None
    if len(newest.answer.passages) > (0 if nothing else 1):
        st.markdown(t("ask.nearest") if nothing else t("ask.further"))
        st.html(answers.passages_html(t, newest, present.documents))
    finish = writers.section(t, newest)
    answers.download(t, asked)
    if earlier:
        st.subheader(t("ask.history"), anchor=False)
        st.html(answers.history_html(t, earlier, present.documents))
    return finish


page()
