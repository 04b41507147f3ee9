"""Many lines at once from a model of lines: sampled side by side, each with its own noise.

Line i of a seed is the same however many lines are asked for, and whatever becomes of those
beside it (but for rounding: a matrix product may add up another batch in another order).

Shapes: N lines, T tokens of the longest one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from litteragpt.generation.engine import Decoding
from litteragpt.generation.sampling import RowNoise, SamplingConfig
from litteragpt.protocols import LanguageModel

BLOCK = 1_000
"""Lines that are written side by side; each block draws from a stream of its own."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Sampled continuations of one prompt."""

    ids_NT: Tensor
    """What was written, the end included; after it, end ids."""
    lengths_N: Tensor
    """Tokens of each line, the end included."""
    ended_N: Tensor
    """Whether a line came to its end; where not, it was cut."""
    logprobs_N: Tensor
    """Nats of a line's tokens together, under the model's own distribution (temperature 1, no
    filter)."""
    entropies_N: Tensor
    """Nats: the entropies, after temperature and before filters, of all of a line's choices."""


def sample_lines(
    model: LanguageModel[Any],
    prompt_ids: Sequence[int],
    config: SamplingConfig,
    *,
    count: int,
    seed: int,
    end_id: int,
    max_tokens: int,
    banned: Collection[int] = (),
    progress: Callable[[int], None] = lambda done: None,
    cancel: Callable[[], bool] | None = None,
    device: torch.device | str = "cpu",
) -> Lines:
    """Continue a prompt `count` times, each until `end_id` or `max_tokens`.

    `progress` is told after each step how many lines are over. `cancel` is asked before each
    forward: once it says true, the lines that are not over are cut where they are.
    """
    assert min(count, max_tokens) > 0, "there is something to write"
    lines = Lines(
        ids_NT=torch.full((count, max_tokens), end_id),
        lengths_N=torch.zeros(count, dtype=torch.long),
        ended_N=torch.zeros(count, dtype=torch.bool),
        logprobs_N=torch.zeros(count),
        entropies_N=torch.zeros(count),
    )
    done = 0
    for first in range(0, count, BLOCK):
        rows = min(BLOCK, count - first)
        decoding = Decoding(
            model,
            prompt_ids,
            [config] * rows,
            seeds=RowNoise(seed, rows, model.vocab_size, stream=first // BLOCK),
            banned=banned,
            cancel=cancel,
            device=device,
        )
        for position in range(max_tokens):
            if (choices := decoding.advance()) is None:
                break
            index_B = torch.tensor(decoding.rows)
            line_B = index_B + first
            ended_B = choices.ids_B == end_id
            lines.ids_NT[line_B, position] = choices.ids_B
            lines.lengths_N[line_B] = position + 1
            lines.ended_N[line_B] = ended_B
            lines.logprobs_N[line_B] += choices.logprobs_B
            lines.entropies_N[line_B] += choices.entropies_B
            for row in index_B[ended_B].tolist():
                decoding.finish(row)
                done += 1
            progress(done)
    longest = max(1, int(lines.lengths_N.max()))
    return Lines(
        lines.ids_NT[:, :longest].clone(),
        lines.lengths_N,
        lines.ended_N,
        lines.logprobs_N,
        lines.entropies_N,
    )
