"""The prompt, its one-click examples, and the button that starts or stops."""

from __future__ import annotations

import secrets

import streamlit as st

from app.blocks.jobs import Job
from app.blocks.session_jobs import Intent, intend
from app.blocks.settings import get, put, state_key
from app.i18n import Words
from litteragpt.generation.text import MAX_PROMPT_CHARS

EXAMPLES = (
    "En un lugar de la Mancha",
    "Pues sepa vuestra merced",
    "La heroica ciudad dormía",
    "Se puso el sol.",
    "Serían las diez de la mañana",
)
"""How the five works begin: data, and so in no catalogue."""

RANDOM_SEEDS = 1_000_000
"""Seeds that are drawn stay short enough to be read aloud."""


def prompt_area(t: Words, page: str, *, height: int = 96) -> None:
    """The prompt, and examples that fill it in and start at once."""
    st.session_state.setdefault(state_key(page, "prompt"), "")
    st.text_area(
        t("composer.prompt"),
        key=state_key(page, "prompt"),
        height=height,
        max_chars=MAX_PROMPT_CHARS,
        placeholder=t("composer.placeholder"),
        persist_state="session",
    )
    with st.container(horizontal=True, wrap=False, gap="xsmall", key=f"{page}-examples"):
        for index, example in enumerate(EXAMPLES):
            st.button(
                example,
                key=f"{page}.example{index}",
                on_click=_take_example,
                args=(page, example),
            )


def go_button(t: Words, page: str, job: Job | None, *, label: str, disabled: bool = False) -> None:
    """Start; or, while a job runs, stop it."""
    if job is not None and not job.done:
        st.button(
            t("composer.stop"),
            key=f"{page}.stop",
            on_click=job.stop,
            icon=":material/stop_circle:",
            shortcut="Escape",
        )
        return
    st.button(
        label,
        key=f"{page}.go",
        type="primary",
        on_click=intend,
        args=(page, "generate"),
        shortcut="Ctrl+Enter",
        disabled=disabled,
    )


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
