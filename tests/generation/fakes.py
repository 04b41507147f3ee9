"""Small language models that show what the engine asks of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from litteragpt.protocols import Encoding

History = tuple[int, ...]


@dataclass
class Histories:
    """The state of a `FakeModel`: all ids that each row has seen."""

    rows: list[History]


class FakeModel:
    """A language model whose logits are a function of a row's whole history."""

    def __init__(
        self, vocab_size: int, logits: Callable[[History], Sequence[float]], context: int = 16
    ) -> None:
        self.vocab_size = vocab_size
        self.context = context
        self.shapes: list[tuple[int, int]] = []
        """B and T of each forward."""
        self._logits = logits

    def initial_state(self, batch_size: int) -> Histories:
        return Histories([()] * batch_size)

    def __call__(
        self, ids_BT: Tensor, state: Histories | None = None
    ) -> tuple[Tensor, Histories | None]:
        self.shapes.append((ids_BT.shape[0], ids_BT.shape[1]))
        before = state.rows if state else [()] * len(ids_BT)
        rows = [(*past, *new) for past, new in zip(before, ids_BT.tolist(), strict=True)]
        T = ids_BT.shape[1]
        logits_BTV = torch.tensor(
            [[self._logits(row[: len(row) - T + t + 1]) for t in range(T)] for row in rows]
        )
        return logits_BTV, Histories(rows) if state else None

    def repeat_state(self, state: Histories, rows: int) -> Histories:
        assert len(state.rows) == 1
        return Histories(state.rows * rows)

    def select_rows(self, state: Histories, rows: Sequence[int]) -> Histories:
        return Histories([state.rows[row] for row in rows])


def uniform(vocab_size: int, context: int = 16) -> FakeModel:
    """All ids are equally probable."""
    return FakeModel(vocab_size, lambda _: [0.0] * vocab_size, context)


def bigram(vocab_size: int, context: int = 16) -> FakeModel:
    """Random logits that depend on the last two ids."""
    generator = torch.Generator().manual_seed(7)
    table = torch.randn(vocab_size, vocab_size, vocab_size, generator=generator).mul(2).tolist()
    return FakeModel(
        vocab_size, lambda row: table[row[-2] if len(row) > 1 else 0][row[-1]], context
    )


def scripted(vocab_size: int, prompt_length: int, script: Sequence[int]) -> FakeModel:
    """Writes the script after a prompt of so many ids, whatever the sampling, then repeats it."""

    def logits(row: History) -> list[float]:
        written = len(row) - prompt_length
        if written < 0:
            return [0.0] * vocab_size
        wanted = script[written % len(script)]
        return [0.0 if id == wanted else -1e9 for id in range(vocab_size)]

    return FakeModel(vocab_size, logits, context=1_000)


class ByteTokenizer:
    """UTF-8 bytes as ids 0 to 255, and 256 as the unknown one: pieces are parts of characters."""

    kind = "bpe"
    vocab_size = 257
    special_ids = frozenset({256})
    unknown_id = 256

    def encode(self, text: str) -> Encoding:
        return Encoding(list(text.encode()), text, ())

    def encode_array(self, text: str) -> tuple[npt.NDArray[np.uint16], int]:
        return np.array(self.encode(text).ids, dtype=np.uint16), 0

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(id for id in ids if id < 256).decode(errors="replace")

    def piece(self, id: int) -> str:
        return f"<{id:02x}>"

    def save(self, path: Path) -> None:
        path.write_text("bytes")


class WordTokenizer:
    """Each of the given pieces is one id, after an unknown one."""

    kind = "bpe"
    unknown_id = 0
    special_ids = frozenset({0})

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = ["", *pieces]
        self.vocab_size = len(self.pieces)

    def encode(self, text: str) -> Encoding:
        ids = []
        rest = text
        while rest:
            id = max(range(1, self.vocab_size), key=lambda id: self._match(rest, id))
            ids.append(id)
            rest = rest[len(self.pieces[id]) :]
        return Encoding(ids, text, ())

    def encode_array(self, text: str) -> tuple[npt.NDArray[np.uint16], int]:
        return np.array(self.encode(text).ids, dtype=np.uint16), 0

    def _match(self, text: str, id: int) -> int:
        return len(self.pieces[id]) if text.startswith(self.pieces[id]) else 0

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.pieces[id] for id in ids)

    def piece(self, id: int) -> str:
        return self.pieces[id]

    def save(self, path: Path) -> None:
        path.write_text("\n".join(self.pieces))
