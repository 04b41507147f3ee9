"""Following a job: it writes in its own thread, the page draws what has come, 20 times a second.

This is a plain loop at the end of the page's run, not a fragment on a timer: a timer's reruns cost
a whole round through script, server and browser each time, and Streamlit's client (1.67) loses its
tree when one crosses a full rerun. Whatever the user does interrupts the loop at its next drawing;
the run that follows takes the job up where it is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import streamlit as st

from app.blocks.session_jobs import desk
from app.blocks.tasks import Task

REFRESH_S = 0.05
FIRST_REFRESH_S = 0.25
FIRST_SECONDS = 5.0
"""In a session that a link has just opened the browser is still loading the buttons' code; React
would put that off for as long as updates keep coming."""
REST_S = 1.0
"""Where that browser is short of time, drawing a button whose code has come takes longer than one
refresh, and each update begins it anew: so the updates rest now and then, at times that lie
further apart each time."""


def follow(job: Task, draw: Callable[[], None]) -> None:
    """Draw a running job until it is done, and then run the page anew: it has other buttons."""
    opened, began = desk().began, time.monotonic()
    rest_at = FIRST_REFRESH_S if began - opened < FIRST_SECONDS else math.inf
    while not job.done:
        draw()
        now = time.monotonic()
        pause = FIRST_REFRESH_S if now - opened < FIRST_SECONDS else REFRESH_S
        if now - began > rest_at:
            rest_at = 2 * (now - began) + REST_S
            pause = REST_S
        job.join(pause)
    st.rerun()
