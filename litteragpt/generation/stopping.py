"""When a continuation is over: after some sentences, or at a length.

Where a sentence ends is often known only by what follows (`Sr. Pérez`, `? —dijo`), so a row runs
a character or more past its end before that is seen. What may yet turn out to lie past the end
is held back; all else is settled at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from litteragpt.bounds import check_whole
from litteragpt.sentences import OPENERS, SentenceCounter

FinishReason = Literal["sentences", "length", "cancelled"]
"""Why a row ended: its sentences are complete, its length was reached, it was asked to stop."""

MAX_CHARS = 20_000
MAX_SENTENCES = 100

_MAX_PIECES_PER_CHAR = 4
"""A piece may be part of a character, which has up to four bytes; no row goes on for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConfig:
    """When a row ends, whichever comes first. `ValueError` where a figure is out of its range."""

    max_chars: int = 400
    """Characters (code points) of the continuation; 1 to 20000."""
    sentences: int | None = 2
    """Sentences of the continuation; 1 to 100, or None to go on to `max_chars`."""

    def __post_init__(self) -> None:
        check_whole("max_chars", self.max_chars, 1, MAX_CHARS)
        if self.sentences is not None:
            check_whole("sentences", self.sentences, 1, MAX_SENTENCES)


class Stopper:
    """Reads the text of one row as it grows, and says how much of it is settled."""

    def __init__(self, config: StopConfig, *, before: str) -> None:
        """`before` is the prompt, which the first sentence may continue."""
        self.settled = 0
        """So many characters certainly belong to the continuation."""
        self.finish_reason: FinishReason | None = None
        """Why the row ended; then `settled` is the length of its text."""
        self._max_chars = config.max_chars
        self._counter = (
            SentenceCounter(config.sentences, before=before) if config.sentences else None
        )
        self._length = 0
        self._pieces = 0

    def feed(self, piece: str) -> None:
        """Read what a token adds to the text; the row must not have ended."""
        assert self.finish_reason is None, "the row has ended"
        self._length += len(piece)
        self._pieces += 1
        end = self._counter.feed(piece) if self._counter else None
        if end is not None and end <= self._max_chars:
            self.settled = end
            self.finish_reason = "sentences"
        elif (
            self._length >= self._max_chars
            or self._pieces >= _MAX_PIECES_PER_CHAR * self._max_chars
        ):
            self._end("length")
        elif self._counter is None:
            self.settled = self._length
        elif body := _decided(piece):
            self.settled = self._length - len(piece) + body

    def cancel(self) -> None:
        """End the row, unless it has ended: all of the text is settled."""
        if self.finish_reason is None:
            self._end("cancelled")

    def _end(self, reason: FinishReason) -> None:
        self.settled = min(self._length, self._max_chars)
        self.finish_reason = reason


def _decided(piece: str) -> int:
    """How much of a piece cannot lie past the end of a sentence, whatever follows.

    White space and opening marks at its end can: they stand between two sentences, too.
    """
    end = len(piece)
    while end and (piece[end - 1].isspace() or piece[end - 1] in OPENERS):
        end -= 1
    return end
