"""Work in a thread of its own, which a rerun of the page does not touch.

The page keeps the task in its session and draws what has come so far; the task ends by itself, on
`stop`, at a time limit, or when the browser session is gone.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Literal, TypeVar

import streamlit as st
import torch

from app.blocks.slots import Busy, Slots

TIME_LIMIT_S = 120.0

ATTEND_S = 0.1

T = TypeVar("T")

Status = Literal["waiting", "running", "done"]
Finish = Literal["sentences", "words", "line", "length", "end", "stopped", "time", "busy", "error"]

_LOG = logging.getLogger(__name__)


class Task(ABC):
    """Something that is written in one or several rows, once there is a place for it."""

    def __init__(
        self,
        slots: Slots,
        *,
        rows: int = 1,
        alive: Callable[[], bool] = lambda: True,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        self.finish: list[Finish] = []
        """Why each row ended; empty until the task is done."""
        self.error: str | None = None
        """What the core said, where it refused."""
        self.status: Status = "waiting"
        self._rows = rows
        self._slots = slots
        self._began = 0.0
        self._alive = alive
        self._time_limit_s = time_limit_s
        self._stop = threading.Event()
        self._late = False
        self._alive_asked = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)

    def start(self) -> None:
        """Begin, or wait for a place."""
        self._thread.start()

    def stop(self) -> None:
        """End within one step; what came is kept."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end."""
        self._thread.join(timeout)

    @property
    def done(self) -> bool:
        """Whether nothing will come any more."""
        return self.status == "done"

    @property
    def place_in_line(self) -> int:
        """1 for the next to run; 0 where it does not wait."""
        return self._slots.position(self)

    @abstractmethod
    def _carry_out(self) -> list[Finish]:
        """Do the work, in the thread, and say why each row ended; ValueError for a refusal."""

    def _run(self) -> None:
        torch.set_num_threads(1)  # a place is a core; it is a setting of the calling thread
        try:
            with self._slots.place(self, give_up=self._cancelled) as entered:
                if entered:
                    self.status = "running"
                    self._began = time.monotonic()
                    reasons = self._carry_out()
                else:
                    reasons = [self._cancel_reason()] * self._rows
        except Busy:
            reasons = ["busy"] * self._rows
        except ValueError as error:
            self.error = str(error)
            reasons = ["error"] * self._rows
        except Exception:
            _LOG.exception("generation failed")
            reasons = ["error"] * self._rows
        self.finish = reasons
        self.status = "done"

    def _cancel_reason(self) -> Finish:
        return "time" if self._late else "stopped"

    def _cancelled(self) -> bool:
        if self._stop.is_set():
            return True
        now = time.monotonic()
        if self.status == "running" and now - self._began > self._time_limit_s:
            self._late = True
            return True
        if now - self._alive_asked > 1:
            self._alive_asked = now
            if not self._alive():
                self._stop.set()
        return self._stop.is_set()


def attended(work: Callable[[], T]) -> T:
    """What `work` gives or raises, done in a thread of its own for a page that waits for it.

    The page is not deaf meanwhile: whatever the user does ends this run of it, and `work` goes
    on unheard.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="attended", daemon=True).start()
    while not wait([outcome], ATTEND_S).done:
        st.session_state.get("attended")  # where Streamlit looks whether the user has done anything
    return outcome.result()
