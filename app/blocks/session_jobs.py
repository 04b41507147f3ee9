"""What a browser session has asked for and got: one task a page is remembered, one runs.

A rerun can interrupt a run of the page wherever it touches Streamlit, its session state included.
So all of this is one plain object, fetched once: what is asked for stays asked for until the
task that answers it is in its place, in one go.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from app.blocks.jobs import Job, Request, process_slots, session_watch
from app.blocks.tasks import Task
from litteragpt.generation.text import TextModel, Token

Intent = Literal["generate", "again", "continue", "entities"]

_STATE = "desk"


@dataclass(slots=True)
class Desk:
    """A session's tasks and wishes, by page, or by what on a page has a button of its own."""

    jobs: dict[str, Task] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    """What the next run of a page shall begin with."""
    opened: set[str] = field(default_factory=set)
    """Pages whose link was looked at: that happens once, when the session first visits them."""
    problems: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameters of a page's link that could not be used; told until the next job."""
    began: float = field(default_factory=time.monotonic)
    """When the session first asked for anything."""

    def intend(self, page: str, intent: Intent) -> None:
        """Say what the next run of the page shall begin with.

        As a button's callback this, and not the function below: a message of the browser that
        comes right behind the button's cannot cut it short, for it touches nothing of Streamlit.
        """
        self.intents[page] = intent

    def settle(self, page: str) -> None:
        """What was asked for on a page has been answered, or refused."""
        self.opened.add(page)
        self.intents.pop(page, None)


def desk() -> Desk:
    """The session's desk."""
    present: Desk = st.session_state.setdefault(_STATE, Desk())
    return present


def intend(page: str, intent: Intent) -> None:
    """Say what the next run of the page shall begin with."""
    desk().intend(page, intent)


def current(page: str) -> Job | None:
    """The page's latest job, running or done."""
    job = desk().jobs.get(page)
    return job if isinstance(job, Job) else None


def begin(
    page: str,
    request: Request,
    model: TextModel,
    *,
    alternatives: int = 0,
    before: Sequence[Token] = (),
) -> None:
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
    launch(page, job)


def launch(page: str, task: Task) -> None:
    """Start a task on a page in place of the session's running one."""
    present = desk()
    for other in present.jobs.values():
        other.stop()
    present.jobs[page] = task
    present.problems.pop(page, None)
    present.settle(page)
    task.start()
