"""The loss of a language model over a whole text: nats and bits per character.

Every token is predicted exactly once, with at least half a context before it (those at the
very beginning with all there is). The text is read as if it began a paragraph: a newline
stands before its first character. A model of lines reads each line by itself, its end included.
Bits per character compare across tokenizers: the sum of nats over the characters of the text,
not over tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from litteragpt.protocols import LanguageModel, Tokenizer
from litteragpt.tokenizers import normalize

if TYPE_CHECKING:
    from litteragpt.generation.text import TextModel


LONGEST_WINDOW = 2048
"""Tokens of a window, where a model's context is longer than that."""
MAX_LOGITS = 2**28
"""Logits of a batch: a large vocabulary makes the batches small."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The loss over a text."""

    nats_per_char: float
    bits_per_char: float
    characters: int
    """Characters predicted (of the NFC of the text)."""
    unknown: int
    """Characters outside the vocabulary: predicted as what replaces them."""

    def to_dict(self) -> dict[str, float | int]:
        return asdict(self)


@torch.inference_mode()
def total_nats(
    model: LanguageModel[Any],
    ids: np.ndarray,
    first_id: int,
    *,
    window: int | None = None,
    batch_size: int = 16,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> float:
    """The sum of `-ln p` over the ids, each given at least half a context of those before it.

    Windows of `window` inputs (the model's context without it) advance by half of that, and only
    the second half of each is counted (of the first window, all). `first_id` stands before the
    first id.
    """
    inputs = torch.from_numpy(np.concatenate([[first_id], ids[:-1]]).astype(np.int64))
    targets = torch.from_numpy(ids.astype(np.int64))
    length = min(window or model.context, len(ids))
    stride = max(1, length // 2)
    starts = [*range(0, len(ids) - length, stride), len(ids) - length]
    total = 0.0
    counted_to = 0
    for first in range(0, len(starts), batch_size):
        group = starts[first : first + batch_size]
        rows = torch.stack([inputs[s : s + length] for s in group]).to(device)
        wanted = torch.stack([targets[s : s + length] for s in group]).to(device)
        with autocast():
            logits_BTV, _ = model(rows)
        nats_BT = F.cross_entropy(
            logits_BTV.float().flatten(0, 1), wanted.flatten(), reduction="none"
        ).view(len(group), length)
        for row, start in enumerate(group):
            total += nats_BT[row, counted_to - start :].double().sum().item()
            counted_to = start + length
    return total


@torch.inference_mode()
def total_nats_of_lines(
    model: LanguageModel[Any],
    ids: np.ndarray,
    newline_id: int,
    *,
    batch_tokens: int = 1 << 14,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> float:
    """The sum of `-ln p` over the ids of lines, each read from a newline with a fresh state.

    `ids` end with a newline; the newlines are predicted, too. Lines go through the model in
    batches of like lengths, of about `batch_tokens` ids.
    """
    lines = sorted(split_lines(ids, newline_id), key=len)
    total, first = 0.0, 0
    while first < len(lines):
        rows = max(1, batch_tokens // len(lines[first]))
        # The longest is the last: its length is that of the batch.
        while rows > 1 and rows * len(lines[min(first + rows, len(lines)) - 1]) > 2 * batch_tokens:
            rows //= 2
        inputs, targets = pad_lines(lines[first : first + rows], newline_id)
        first += rows
        with autocast():
            logits_BTV, _ = model(inputs.to(device))
        nats = F.cross_entropy(
            logits_BTV.float().flatten(0, 1), targets.to(device).flatten(), reduction="none"
        )
        total += nats.double().sum().item()
    return total


def split_lines(ids: np.ndarray, newline_id: int) -> list[np.ndarray]:
    """The lines of an array that ends with a newline; each keeps its newline at the end."""
    ends = np.flatnonzero(ids == newline_id) + 1
    assert ids[-1] == newline_id, "the last line has no end"
    return np.split(ids, ends[:-1])


def pad_lines(lines: Sequence[np.ndarray], newline_id: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets `B, T` of lines, each with its newline at the end.

    A newline stands before each line; where a line is over the targets are -100, which
    `cross_entropy` leaves out.
    """
    length = max(len(line) for line in lines)
    inputs = np.full((len(lines), length), newline_id, dtype=np.int64)
    targets = np.full((len(lines), length), -100, dtype=np.int64)
    for row, line in enumerate(lines):
        inputs[row, 1 : len(line)] = line[:-1]
        targets[row, : len(line)] = line
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def start_id(tokenizer: Tokenizer) -> int:
    """The id that stands before a text: a newline's, as at the start of a paragraph."""
    ids = tokenizer.encode("\n").ids
    return ids[-1] if ids else tokenizer.unknown_id


def evaluate_text(lm: TextModel, text: str, *, batch_size: int = 16) -> Evaluation:
    """The loss of a model over a text; see the module.

    Of a model of lines the blank lines of the text are left out, and every line has an end.
    Raises `ValueError` for a text without a character.
    """
    text = normalize(text)
    if lm.reads == "lines":
        text = "".join(f"{line}\n" for line in text.split("\n") if line.strip())
    ids, unknown = lm.tokenizer.encode_array(text)
    if len(ids) == 0:
        raise ValueError("the text is empty: there is nothing to evaluate")
    first_id = start_id(lm.tokenizer)
    if lm.reads == "lines":
        nats = total_nats_of_lines(lm.model, ids, first_id, device=lm.device)
    else:
        window = min(lm.model.context, LONGEST_WINDOW)
        room = max(1, MAX_LOGITS // (window * lm.model.vocab_size))
        nats = total_nats(
            lm.model,
            ids,
            first_id,
            window=window,
            batch_size=min(batch_size, room),
            device=lm.device,
        )
    nats /= len(text)
    return Evaluation(nats, nats / math.log(2), len(text), unknown)


def evaluate_file(lm: TextModel, path: Path, *, batch_size: int = 16) -> Evaluation:
    """The loss of a model over any UTF-8 text file.

    Raises `ValueError` for a file that cannot be read as UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start})") from error
    return evaluate_text(lm, text, batch_size=batch_size)
