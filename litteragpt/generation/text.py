"""A language model that reads and writes text: the public object that `litteragpt.load` gives."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from litteragpt.bounds import check_whole
from litteragpt.generation.engine import Decoding
from litteragpt.generation.healing import Healer
from litteragpt.generation.sampling import MAX_SEED, Choice, SamplingConfig
from litteragpt.generation.stopping import MAX_CHARS, FinishReason, StopConfig, Stopper
from litteragpt.protocols import Encoding, LanguageModel, Reads, Replacement, Tokenizer

if TYPE_CHECKING:
    from litteragpt.checkpoint import CheckpointInfo

MAX_PROMPT_CHARS = 20_000
MAX_ROWS = 16
MAX_ALTERNATIVES = 20

START = "\n"
"""What an empty prompt stands for: the start of a paragraph, or of a line."""

DEFAULT_MAX_CHARS = 400
CHARS_PER_WORD = 30
"""Room for each word where a number of words is asked for and no length."""


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a continuation and what the model thought of it."""

    text: str
    """What it adds to the continuation; the last one may be cut at the end of the text, and one
    that is only part of a character adds nothing: the character comes with its last part."""
    id: int
    logprob: float
    """Nats, under the model's own distribution: temperature 1, no filter."""
    entropy: float
    """Nats, of the distribution after temperature, before the filters; 0 when greedy."""
    alternatives: tuple[tuple[str, float], ...]
    """The most probable pieces, as a person may be shown them, and their probabilities under
    the model's own distribution, best first."""


@dataclass(frozen=True, slots=True)
class Step:
    """The tokens at one place of the continuations, one per row; None where a row has ended."""

    tokens: tuple[Token | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A finished continuation and how it came about."""

    prompt: str
    """As it was given."""
    continuation: str
    seed: int
    model: str
    tokens: tuple[Token, ...]
    replaced: tuple[Replacement, ...]
    """What of the prompt the model does not know, and what it read instead."""
    finish_reason: FinishReason
    seconds_to_first: float
    """From the call to the first token."""
    tokens_per_second: float
    """Of the tokens after the first; 0 where there is none."""

    def to_dict(self) -> dict[str, Any]:
        """What `litteragpt generate --json` writes."""
        return {
            "prompt": self.prompt,
            "continuation": self.continuation,
            "seed": self.seed,
            "model": self.model,
            "tokens": [{"text": token.text, "logprob": token.logprob} for token in self.tokens],
            "replaced": [
                {"from": each.source, "to": each.target, "index": each.index}
                for each in self.replaced
            ],
            "seconds_to_first": self.seconds_to_first,
            "tokens_per_second": self.tokens_per_second,
        }


class Stream(Iterator[Step]):
    """The steps of a running generation. Closing it, or letting it go, frees all that it holds."""

    def __init__(
        self,
        steps: Iterator[Step],
        rows: Sequence[_Row],
        *,
        seed: int,
        encoding: Encoding,
    ) -> None:
        self.seed = seed
        """What gives the same text again."""
        self.encoding = encoding
        """The prompt as the model reads it, with what was replaced."""
        self._steps: Iterator[Step] | None = steps
        self._rows = rows

    @property
    def finish_reasons(self) -> tuple[FinishReason | None, ...]:
        """Why each row ended; None where it goes on."""
        return tuple(row.stopper.finish_reason for row in self._rows)

    def __next__(self) -> Step:
        if self._steps is None:
            raise StopIteration
        return next(self._steps)

    def close(self) -> None:
        """Stop at once: no further step; rows that had not ended count as cancelled."""
        self._steps = None
        for row in self._rows:
            row.stopper.cancel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class TextModel:
    """A language model and its tokenizer: prompts in, continuations out.

    The model must be in evaluation mode.
    """

    def __init__(
        self,
        model: LanguageModel[Any],
        tokenizer: Tokenizer,
        *,
        name: str,
        info: CheckpointInfo | None = None,
        reads: Reads = "text",
        end_ids: Collection[int] = (),
    ) -> None:
        """`end_ids` are those by which the model ends a text, where it can.

        `ValueError` where the model has fewer ids than the tokenizer.
        """
        if model.vocab_size < tokenizer.vocab_size:
            raise ValueError(
                f"the model has {model.vocab_size} ids, its tokenizer {tokenizer.vocab_size}"
            )
        assert not (isinstance(model, nn.Module) and model.training), "call model.eval() first"
        self.name = name
        self.info = info
        self.reads = reads
        """Running text, or lines each by itself: then a continuation ends where its line does."""
        self.model = model
        self.tokenizer = tokenizer
        self.end_ids = frozenset(end_ids)
        padding = range(tokenizer.vocab_size, model.vocab_size)
        self.banned_ids = (tokenizer.special_ids | frozenset(padding)) - self.end_ids
        """Never written: ids that are no text, and those by which the vocabulary was padded."""
        self._healer = Healer(tokenizer, self.banned_ids)

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        parameters = self.model.parameters() if isinstance(self.model, nn.Module) else iter(())
        first = next(parameters, None)
        return torch.device("cpu") if first is None else first.device

    def encode_prompt(self, prompt: str) -> Encoding:
        """The prompt as the model reads it; one without any known character is `START`.

        A model of lines reads the last line of the prompt, from the line break before it.
        `ValueError` for a prompt longer than `MAX_PROMPT_CHARS`.
        """
        if not isinstance(prompt, str):
            raise ValueError(f"prompt must be text, not {type(prompt).__name__}")
        if len(prompt) > MAX_PROMPT_CHARS:
            raise ValueError(
                f"prompt must have at most {MAX_PROMPT_CHARS} characters, not {len(prompt)}"
            )
        encoding = self.tokenizer.encode(prompt)
        if self.reads == "lines":
            line = encoding.text.rpartition("\n")[2]
            ids = [*self._start_ids(), *self.tokenizer.encode(line).ids]
            return Encoding(ids, line, encoding.replacements)
        if encoding.ids:
            return encoding
        return Encoding(self._start_ids(), START, encoding.replacements)

    def _start_ids(self) -> list[int]:
        return self.tokenizer.encode(START).ids or [self.tokenizer.unknown_id]

    def generate(
        self,
        prompt: str,
        *,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int | None = None,
        max_chars: int | None = None,
        sentences: int | None = 2,
        words: int | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """The continuation, piece by piece. Arguments are checked at once: see `stream`."""
        config = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        stream = self.stream(
            prompt,
            [config],
            seed=seed,
            max_chars=max_chars,
            sentences=sentences,
            words=words,
            cancel=cancel,
        )
        return (token.text for step in stream for token in step.tokens if token and token.text)

    def complete(
        self,
        prompt: str,
        *,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int | None = None,
        max_chars: int | None = None,
        sentences: int | None = 2,
        words: int | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Completion:
        """The whole continuation. `ValueError` where an argument is out of range: see `stream`."""
        began = time.perf_counter()
        config = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        stream = self.stream(
            prompt,
            [config],
            seed=seed,
            max_chars=max_chars,
            sentences=sentences,
            words=words,
            cancel=cancel,
        )
        tokens: list[Token] = []
        first = began
        for step in stream:
            tokens += [token for token in step.tokens if token]
            if len(tokens) == 1:
                first = time.perf_counter()
        rest = time.perf_counter() - first
        (reason,) = stream.finish_reasons
        assert reason is not None, "a stream that is over says why"
        return Completion(
            prompt=prompt,
            continuation="".join(token.text for token in tokens),
            seed=stream.seed,
            model=self.name,
            tokens=tuple(tokens),
            replaced=stream.encoding.replacements,
            finish_reason=reason,
            seconds_to_first=first - began,
            tokens_per_second=(len(tokens) - 1) / rest if len(tokens) > 1 else 0.0,
        )

    def stream(
        self,
        prompt: str | Encoding,
        rows: Sequence[SamplingConfig],
        *,
        seed: int | None,
        max_chars: int | None = None,
        sentences: int | None = 2,
        words: int | None = None,
        alternatives: int = 0,
        cancel: Callable[[], bool] | None = None,
    ) -> Stream:
        """Continuations of one prompt in one batched pass, one row per config.

        A space at the end of a prompt is read as the beginning of the word to come, where the
        model's words begin with one: see `healing`. An `Encoding` in place of the prompt is what
        the model reads, as it is.
        All rows share one seed and its random numbers, so that only their configs differ; equal
        configs are one computation and give equal text. Without a seed one is drawn, see
        `Stream.seed`. A step is given as soon as it is known of all rows whether they have come
        to their end before it. `cancel` is asked before each forward; once it says true, what
        was held back is given and the rows end.

        `ValueError`, at once, for a prompt over 20000 characters, other than 1 to 16 rows, a
        seed outside of 0 to 2**63 - 1, `max_chars` outside of 1 to 20000, `sentences` outside
        of 1 to 100 (None: no such limit), `alternatives` outside of 0 to 20; while running,
        where the model gives NaN.
        """
        if max_chars is None:
            longest = DEFAULT_MAX_CHARS if words is None else CHARS_PER_WORD * words
            max_chars = min(longest, MAX_CHARS)
        stop = StopConfig(
            max_chars=max_chars,
            sentences=None if words is not None or self.reads == "lines" else sentences,
            words=words,
            line=self.reads == "lines",
        )
        if not 1 <= len(rows) <= MAX_ROWS:
            raise ValueError(f"rows must be 1 to {MAX_ROWS} configs, not {len(rows)}")
        check_whole("alternatives", alternatives, 0, MAX_ALTERNATIVES)
        if seed is None:
            seed = secrets.randbelow(2**31)
        check_whole("seed", seed, 0, MAX_SEED)
        encoding = prompt if isinstance(prompt, Encoding) else self.encode_prompt(prompt)
        healing = None if isinstance(prompt, Encoding) else self._healer.look(encoding)
        read = self.encode_prompt(encoding.text[:-1]) if healing else encoding
        configs = list(dict.fromkeys(rows))
        decoding = Decoding(
            self.model,
            read.ids,
            configs,
            seeds=[seed] * len(configs),
            banned=self.banned_ids,
            openers=healing.openers if healing else (),
            alternatives=alternatives,
            cancel=cancel,
            device=self.device,
        )
        removed = healing.removed if healing else ""
        lanes = [
            _Row(self.tokenizer, Stopper(stop, before=encoding.text), self.end_ids, removed)
            for _ in configs
        ]
        lane_of_row = [configs.index(row) for row in rows]
        return Stream(
            _steps(decoding, lanes, lane_of_row),
            [lanes[lane] for lane in lane_of_row],
            seed=seed,
            encoding=encoding,
        )


class _Row:
    """Takes a row's choices and gives its tokens, once they are known to be part of its text."""

    def __init__(
        self, tokenizer: Tokenizer, stopper: Stopper, end_ids: Collection[int], removed: str
    ) -> None:
        """`removed` is what the first choice begins with and the text does not."""
        self.stopper = stopper
        self._end_ids = end_ids
        self._removed = removed
        self.ready: deque[Token] = deque()
        self._tokenizer = tokenizer
        self._unread: list[int] = []
        self._waiting: deque[tuple[int, str, Choice]] = deque()
        self._length = 0

    @property
    def over(self) -> bool:
        """Whether no token will come any more."""
        return self.stopper.finish_reason is not None and not self.ready

    def add(self, choice: Choice) -> None:
        """The row's next choice; one that ends the text adds nothing to it."""
        if choice.id in self._end_ids:
            self.stopper.end_text()
            self._release()
            return
        text = self._read(choice.id).removeprefix(self._removed)
        self._removed = ""
        self.stopper.feed(text)
        self._waiting.append((self._length, text, choice))
        self._length += len(text)
        self._release()

    def cancel(self) -> None:
        """End the row, unless it has ended, with all that came."""
        self.stopper.cancel()
        self._release()

    def _read(self, id: int) -> str:
        """What an id adds to the text: a character in parts comes with the last of them.

        A U+FFFD at the end may be the beginning of a character, so it waits for the next id;
        what is before it can change no more.
        """
        waits = 1 if self._unread else 0
        read = len(self._tokenizer.decode(self._unread)) - waits
        self._unread.append(id)
        text = self._tokenizer.decode(self._unread)
        if not text.endswith("\ufffd"):
            self._unread.clear()
            return text[read:]
        # What waits has at most three bytes, which are in the last three ids.
        del self._unread[:-3]
        return text[read:-1]

    def _release(self) -> None:
        settled = self.stopper.settled
        ended = self.stopper.finish_reason is not None
        while self._waiting:
            start, text, choice = self._waiting[0]
            if ended and start >= settled:
                self._waiting.clear()
            elif ended or start + len(text) <= settled:
                self._waiting.popleft()
                self.ready.append(self._token(text[: settled - start], choice))
            else:
                return

    def _token(self, text: str, choice: Choice) -> Token:
        shown = tuple((self._tokenizer.piece(id), p) for id, p in choice.alternatives)
        return Token(text, choice.id, choice.logprob, choice.entropy, shown)


def _steps(
    decoding: Decoding[Any], lanes: Sequence[_Row], lane_of_row: Sequence[int]
) -> Iterator[Step]:
    """Drive the engine; give a step once each lane has a token for it, or is over."""
    while (choices := decoding.step()) is not None:
        for index, choice in choices.items():
            lanes[index].add(choice)
            if lanes[index].stopper.finish_reason:
                decoding.finish(index)
        yield from _ready_steps(lanes, lane_of_row)
    for lane in lanes:
        lane.cancel()
    yield from _ready_steps(lanes, lane_of_row)


def _ready_steps(lanes: Sequence[_Row], lane_of_row: Sequence[int]) -> Iterator[Step]:
    while any(lane.ready for lane in lanes) and all(lane.ready or lane.over for lane in lanes):
        tokens = [lane.ready.popleft() if lane.ready else None for lane in lanes]
        yield Step(tuple(tokens[lane] for lane in lane_of_row))
