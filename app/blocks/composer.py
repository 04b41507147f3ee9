"""The prompt, its one-click examples, and the button that starts or stops."""

from __future__ import annotations

import secrets

import streamlit as st

from app.blocks.examples import examples_for
from app.blocks.session_jobs import Intent, desk, intend
from app.blocks.settings import get, put, state_key
from app.blocks.tasks import Task
from app.i18n import Words
from litteragpt.checkpoint import CheckpointInfo
from litteragpt.generation.text import MAX_PROMPT_CHARS

RANDOM_SEEDS = 1_000_000
"""Seeds that are drawn stay short enough to be read aloud."""


def prompt_area(t: Words, page: str, info: CheckpointInfo, *, height: int = 96) -> None:
    """The prompt, and examples for the chosen model that fill it in and start at once."""
    st.session_state.setdefault(state_key(page, "prompt"), "")
    st.text_area(
        t("composer.prompt"),
        key=state_key(page, "prompt"),
        height=height,
        max_chars=MAX_PROMPT_CHARS,
        placeholder=t(f"composer.placeholder.{info.reads}"),
        persist_state="session",
    )
    with st.container(horizontal=True, wrap=False, gap="xsmall", key=f"{page}-examples"):
        for index, example in enumerate(examples_for(info)):
            st.button(
                example,
                key=f"{page}.example{index}",
                on_click=_take_example,
                args=(page, example),
            )


def go_button(
    t: Words,
    page: str,
    job: Task | None,
    *,
    label: str,
    disabled: bool = False,
    main: bool = True,
) -> bool:
    """Start; or, while a job runs, stop it. Says whether it is there to stop.

    A job may end at any moment: the rest of the page's run goes by what its button is.
    Drawn before the prompt, wherever it stands: who can type can then press Ctrl+Enter, which
    starts the page's `main` thing alone.
    """
    # A form of this button alone: the client (1.67) fetches the code of a plain button when it
    # first draws one, hears no shortcut until then, and may put it off for as long as a text
    # streams; a form's is there at once.
    running = job is not None and not job.done
    with st.form(f"{page}.form", border=False, width="content"):
        if job is not None and running:
            st.form_submit_button(
                t("composer.stop"),
                key=f"{page}.stop",
                on_click=job.stop,
                icon=":material/stop_circle:",
                shortcut="Escape",
            )
        else:
            st.form_submit_button(
                label,
                key=f"{page}.go",
                type="primary" if main else "secondary",
                on_click=desk().intend,
                args=(page, "generate"),
                shortcut="Ctrl+Enter" if main else None,
                disabled=disabled,
            )
    return running


def seed_for(page: str, intent: Intent) -> int:
    """The seed that the user set, or a new one; for "again" always a new one."""
    chosen: int | None = get(page, "seed")
    if chosen is not None and intent != "again":
        return chosen
    drawn = secrets.randbelow(RANDOM_SEEDS)
    if chosen is not None:
        put(page, {"seed": drawn})
    return drawn


def _take_example(page: str, example: str) -> None:
    put(page, {"prompt": example})
    intend(page, "generate")
