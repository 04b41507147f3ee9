"""What the parts promise each other.

Every language model here, whatever it is made of, is one function: token ids and a state in,
logits and a new state out. The state is what a model carries between steps (a KV cache, a
window of ids, an LSTM state); only the model looks inside it. One sampling engine
(`litteragpt.generation.engine`) therefore drives them all.

Shapes: B rows of a batch, T positions, V vocabulary entries, D width.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor

if TYPE_CHECKING:
    from litteragpt.entities.span import Entity

State = TypeVar("State")

Reads = Literal["text", "lines"]
"""What a model was trained to read: running text, or lines each by itself (such as names), from
a newline with a fresh state to the next newline."""


class LanguageModel(Protocol[State]):
    """Token ids and a state in, logits and a new state out."""

    @property
    def vocab_size(self) -> int:
        """V: the number of vocabulary entries."""
        ...

    @property
    def context(self) -> int:
        """How many tokens, the last one included, a prediction can look at directly."""
        ...

    def initial_state(self, batch_size: int) -> State:
        """The state before any token, for `batch_size` rows."""
        ...

    def __call__(self, ids_BT: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """Logits `B, T, V` for the token after each position, and the state after the last one.

        With a state, the ids continue what the state has seen; the state passed in is consumed
        (it may be updated in place) and must not be used again. Without one, the rows start
        fresh and no state is kept: the form for training and evaluation.
        """
        ...

    def repeat_state(self, state: State, rows: int) -> State:
        """A copy of a one-row state for `rows` rows: prefill once, then branch."""
        ...

    def select_rows(self, state: State, rows: Sequence[int]) -> State:
        """The state of some of its rows, in the order given: rows that have ended are dropped."""
        ...


@dataclass(frozen=True, slots=True)
class Replacement:
    """Characters of a text that the vocabulary lacks, and what stands in for them."""

    source: str
    """The characters as the user wrote them."""
    target: str
    """What the model reads in their place; empty where they are dropped."""
    index: int
    """Where `source` begins, in code points of the text as the user wrote it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A text as a model reads it."""

    ids: list[int]
    text: str
    """The text that `ids` stands for: NFC, unknown characters replaced."""
    replacements: tuple[Replacement, ...]


@runtime_checkable
class Tokenizer(Protocol):
    """Text to ids and back. On disk it is a `tokenizer.json` of the `tokenizers` library."""

    @property
    def kind(self) -> str:
        """What a token is: "char" or "bpe", as a checkpoint says it; else "pieces"."""
        ...

    @property
    def vocab_size(self) -> int: ...

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids that are no text (such as `<unk>`) and must never be sampled."""
        ...

    @property
    def unknown_id(self) -> int:
        """The id that stands for text outside the vocabulary."""
        ...

    def encode(self, text: str) -> Encoding:
        """Ids of the NFC of any text; what is unknown is replaced or dropped, and reported."""
        ...

    def encode_array(self, text: str) -> tuple[npt.NDArray[np.unsignedinteger[Any]], int]:
        """Ids of a whole text, and how many of its characters are unknown; none is dropped."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids; special ids give nothing."""
        ...

    def piece(self, id: int) -> str:
        """A token as a person may be shown it."""
        ...

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        ...


class Tagger(Protocol):
    """Marks the entities of a text, however it finds them."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that its entities can have, such as NAME."""
        ...

    def tag(
        self, text: str, *, labels: Collection[str] | None = None, threshold: float = 0.0
    ) -> list[Entity]:
        """The entities of a text in order, none overlapping another.

        `labels` keeps those labels alone; `threshold` (0 to 1) drops entities of a lower score.
        """
        ...

    def pipe(
        self,
        texts: Iterable[str],
        *,
        labels: Collection[str] | None = None,
        threshold: float = 0.0,
        batch_size: int = 512,
    ) -> Iterator[list[Entity]]:
        """`tag` for many texts, streamed, at most `batch_size` of them at a time."""
        ...


class WordTagger(Tagger, Protocol):
    """A tagger that can be told where the words are."""

    def tag_words(
        self, texts: Sequence[str], words: Sequence[Sequence[tuple[int, int]]]
    ) -> list[list[Entity]]:
        """The entities of texts whose words (start, end) are given; each text is one sentence."""
        ...
