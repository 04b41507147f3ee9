"""A generation as a task, and what every task is given: a place, and its session's end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.blocks.slots import Slots
from app.blocks.tasks import TIME_LIMIT_S, Finish, Task
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import TextModel, Token

SESSION_GRACE_S = 10.0
"""A session that was lost for so long is gone; a shorter gap is a network's hiccup."""


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


class Job(Task):
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
        super().__init__(slots, rows=len(request.rows), alive=alive, time_limit_s=time_limit_s)
        self.request = request
        self.replaced = model.encode_prompt(request.prompt).replacements
        self.tokens: list[list[Token]] = [[] for _ in request.rows]
        self.tokens[0].extend(before)
        self.by_letters = model.tokenizer.kind == "char"
        """Whether a token is a character."""
        self.seconds_to_first: float | None = None
        self._given = len(before)
        self._fresh = 0
        self._first = self._last = 0.0
        self._model = model
        self._alternatives = alternatives

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

    def _carry_out(self) -> list[Finish]:
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
