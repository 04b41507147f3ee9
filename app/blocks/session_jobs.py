"""The jobs of a browser session: one a page is remembered, one at a time runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.blocks.jobs import Job, Request, process_slots, session_watch
from litteragpt.generation.text import TextModel, Token

_STATE = "jobs"


def current(page: str) -> Job | None:
    """The page's latest job, running or done."""
    return _jobs().get(page)


def begin(
    page: str,
    request: Request,
    model: TextModel,
    *,
    alternatives: int = 0,
    before: Sequence[Token] = (),
) -> Job:
    """Start a job on a page in place of the session's running one.

    Raises `ValueError` where the core refuses the prompt.
    """
    job = Job(
        request,
        model,
        process_slots(),
        alternatives=alternatives,
        before=before,
        alive=session_watch(),
    )
    for other in _jobs().values():
        other.stop()
    _jobs()[page] = job
    job.start()
    return job


def _jobs() -> dict[str, Job]:
    jobs: dict[str, Job] = st.session_state.setdefault(_STATE, {})
    return jobs
