"""A generation in a thread of its own, which a rerun of the page does not touch.

The page keeps the job in its session and draws what has come so far; the job ends by itself, on
`stop`, at a time limit, or when the browser session is gone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import streamlit as st
import torch
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.blocks.slots import Busy, Slots
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import TextModel, Token

TIME_LIMIT_S = 120.0
SESSION_GRACE_S = 10.0
"""A session that was lost for so long is gone; a shorter gap is a network's hiccup."""

Status = Literal["waiting", "running", "done"]
Finish = Literal["sentences", "words", "line", "length", "end", "stopped", "time", "busy", "error"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All that a text depends on."""

    model: str
    prompt: str
    rows: tuple[SamplingConfig, ...]
    seed: int
    max_chars: int = 400
    sentences: int | None = 2
    words: int | None = None
    """Exactly so many; then neither `sentences` nor `max_chars` ends the text."""
    parts: tuple[int, ...] = ()
    """Lengths of the parts that were there before the text was last continued (one row only).
    The part at place i has the seed `seed + i`."""
    cut: int | None = None
    """Where the last part was stopped before its own end."""


class Job:
    """One request being carried out; the page reads it while the thread writes."""

    def __init__(
        self,
        request: Request,
        model: TextModel,
        slots: Slots,
        *,
        alternatives: int = 0,
        before: Sequence[Token] = (),
        alive: Callable[[], bool] = lambda: True,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        """`before` are the tokens of `request.parts` where the session still has them."""
        assert not request.parts or len(request.rows) == 1, "only one row can be continued"
        self.request = request
        self.replaced = model.encode_prompt(request.prompt).replacements
        self.tokens: list[list[Token]] = [[] for _ in request.rows]
        self.tokens[0].extend(before)
        self.finish: list[Finish] = []
        """Why each row ended; empty until the job is done."""
        self.by_letters = model.tokenizer.kind == "char"
        """Whether a token is a character."""
        self.error: str | None = None
        """What the core said, where it refused."""
        self.seconds_to_first: float | None = None
        self.status: Status = "waiting"
        self._given = len(before)
        self._fresh = 0
        self._began = self._first = self._last = 0.0
        self._model = model
        self._slots = slots
        self._alternatives = alternatives
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

    def text(self, row: int = 0) -> str:
        """A row's continuation so far, earlier parts included."""
        return "".join(token.text for token in list(self.tokens[row]))

    def row_over(self, row: int) -> bool:
        """Whether nothing will be added to a row."""
        longest = max(len(tokens) for tokens in self.tokens)
        return self.done or len(self.tokens[row]) < longest

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens of one row after the first, by the time they took."""
        elapsed = self._last - self._first
        return (self._fresh - 1) / elapsed if self._fresh > 1 and elapsed > 0 else None

    def exact_request(self) -> Request:
        """The request that gives this very text again, also where it was stopped."""
        if not any(reason in ("stopped", "time") for reason in self.finish):
            return self.request
        length = max(len(self.text(row)) for row in range(len(self.tokens)))
        cut = length - sum(self.request.parts)
        return replace(self.request, cut=cut if cut > 0 else None)

    def _run(self) -> None:
        torch.set_num_threads(1)  # a place is a core; it is a setting of the calling thread
        try:
            with self._slots.place(self, give_up=self._cancelled) as entered:
                if entered:
                    self.status = "running"
                    self._began = time.monotonic()
                    reasons = self._generate()
                else:
                    reasons = [self._cancel_reason()] * len(self.tokens)
        except Busy:
            reasons = ["busy"] * len(self.tokens)
        except ValueError as error:
            self.error = str(error)
            reasons = ["error"] * len(self.tokens)
        except Exception:
            _LOG.exception("generation failed")
            reasons = ["error"] * len(self.tokens)
        self.finish = reasons
        self.status = "done"

    def _generate(self) -> list[Finish]:
        request = self.request
        reasons: list[Finish] = []
        if self._given == 0:
            for index, length in enumerate(request.parts):
                reasons = self._part(index, max_chars=length, sentences=None, words=None)
                if "length" not in reasons:
                    return reasons
        return self._part(
            len(request.parts),
            max_chars=request.cut or (request.max_chars if request.words is None else None),
            sentences=request.sentences,
            words=request.words,
        )

    def _part(
        self, index: int, *, max_chars: int | None, sentences: int | None, words: int | None
    ) -> list[Finish]:
        request = self.request
        with self._model.stream(
            request.prompt + (self.text() if index else ""),
            request.rows,
            seed=request.seed + index,
            max_chars=max_chars,
            sentences=sentences if words is None else None,
            words=words,
            alternatives=self._alternatives,
            cancel=self._cancelled,
        ) as stream:
            for step in stream:
                now = time.monotonic()
                if self.seconds_to_first is None:
                    self.seconds_to_first = now - self._began
                    self._first = now
                self._last = now
                self._fresh += 1
                for row, token in zip(self.tokens, step.tokens, strict=True):
                    if token is not None:
                        row.append(token)
            return [
                self._cancel_reason() if reason is None or reason == "cancelled" else reason
                for reason in stream.finish_reasons
            ]

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


@st.cache_resource(show_spinner=False)
def process_slots() -> Slots:
    """The places of this process: one a core that it may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return Slots(len(usable(0)) if usable else os.cpu_count() or 1)


def session_watch() -> Callable[[], bool]:
    """Tells, from any thread, whether the browser session that called this is still there."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: True
    session_id = context.session_id
    seen = time.monotonic()

    def alive() -> bool:
        nonlocal seen
        now = time.monotonic()
        if runtime.exists() and runtime.get_instance().is_active_session(session_id):
            seen = now
        return now - seen <= SESSION_GRACE_S

    return alive
