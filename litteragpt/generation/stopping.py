"""When a continuation is over: after some sentences or words, at the line's end, or at a length.

Where a sentence ends is often known only by what follows (`Sr. Pérez`, `? —dijo`), so a row runs
a character or more past its end before that is seen. What may yet turn out to lie past the end
is held back; all else is settled at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from litteragpt.bounds import check_whole
from litteragpt.sentences import OPENERS, SentenceCounter
from litteragpt.words import WordCounter

FinishReason = Literal["sentences", "words", "line", "length", "end", "cancelled"]
"""Why a row ended: its sentences or words are complete, its line is, its length was reached, its
model ended the text, it was asked to stop."""

MAX_CHARS = 20_000
MAX_SENTENCES = 100
MAX_WORDS = 1000

_MAX_PIECES_PER_CHAR = 4
"""A piece may be part of a character, which has up to four bytes; no row goes on for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConfig:
    """When a row ends, whichever comes first. `ValueError` where a figure is out of its range."""

    max_chars: int = 400
    """Characters (code points) of the continuation; 1 to 20000."""
    sentences: int | None = 2
    """Sentences of the continuation; 1 to 100, or None for no such limit."""
    words: int | None = None
    """Words of the continuation, as `litteragpt.words` counts them; 1 to 1000, or None. Not
    together with sentences."""
    line: bool = False
    """Whether a line break ends it; it is no part of the continuation."""

    def __post_init__(self) -> None:
        if self.words is not None:
            check_whole("words", self.words, 1, MAX_WORDS)
            if self.sentences is not None:
                raise ValueError("a continuation ends after words or after sentences, not both")
        if self.sentences is not None:
            check_whole("sentences", self.sentences, 1, MAX_SENTENCES)
        check_whole("max_chars", self.max_chars, 1, MAX_CHARS)


class Stopper:
    """Reads the text of one row as it grows, and says how much of it is settled."""

    def __init__(self, config: StopConfig, *, before: str) -> None:
        """`before` is the prompt, which the first sentence or word may continue."""
        self.settled = 0
        """So many characters certainly belong to the continuation."""
        self.finish_reason: FinishReason | None = None
        """Why the row ended; then `settled` is the length of its text."""
        self._config = config
        self._sentences = (
            SentenceCounter(config.sentences, before=before) if config.sentences else None
        )
        self._words = WordCounter(config.words, before=before) if config.words else None
        self._length = 0
        self._pieces = 0

    def feed(self, piece: str) -> None:
        """Read what a token adds to the text; the row must not have ended."""
        assert self.finish_reason is None, "the row has ended"
        begin = self._length
        self._length += len(piece)
        self._pieces += 1
        longest = self._config.max_chars
        end, reason = self._end_within(piece, begin)
        if end is not None and end <= longest:
            self.settled, self.finish_reason = end, reason
        elif self._length >= longest or self._pieces >= _MAX_PIECES_PER_CHAR * longest:
            self._end("length")
        elif self._words is not None:
            self.settled = self._words.settled
        elif self._sentences is None:
            self.settled = self._length
        elif body := _decided(piece):
            self.settled = begin + body

    def end_text(self) -> None:
        """The model has ended the text: all of it is settled."""
        self._end("end")

    def cancel(self) -> None:
        """End the row, unless it has ended: all of the text is settled."""
        if self.finish_reason is None:
            self._end("cancelled")

    def _end_within(self, piece: str, begin: int) -> tuple[int | None, FinishReason]:
        """Where the text ends, if a piece that begins there shows it, and why."""
        line_end = piece.find("\n") if self._config.line else -1
        if line_end >= 0:
            return begin + line_end, "line"
        if self._words is not None:
            return self._words.feed(piece), "words"
        return self._sentences.feed(piece) if self._sentences else None, "sentences"

    def _end(self, reason: FinishReason) -> None:
        self.settled = min(self._length, self._config.max_chars)
        self.finish_reason = reason


def _decided(piece: str) -> int:
    """How much of a piece cannot lie past the end of a sentence, whatever follows.

    White space and opening marks at its end can: they stand between two sentences, too.
    """
    end = len(piece)
    while end and (piece[end - 1].isspace() or piece[end - 1] in OPENERS):
        end -= 1
    return end
