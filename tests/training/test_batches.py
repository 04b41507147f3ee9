"""What a step trains on: whole lines, each once an epoch, the same for any number of processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from litteragpt.recipe import TrainingConfig
from litteragpt.training.batches import Batch, Lines

NEWLINE = 1
DEVICE = torch.device("cpu")


def config(**changes: Any) -> TrainingConfig:
    figures: dict[str, Any] = {"steps": 100, "batch": 8, "window": 16, "long_window": 16}
    return TrainingConfig(**figures | changes)


def lines_of(batch: Batch) -> list[tuple[int, ...]]:
    """The lines of a batch as its targets spell them, after checking the inputs against them."""
    lines = []
    for inputs, targets in zip(batch.inputs_BT.tolist(), batch.targets_BT.tolist(), strict=True):
        line = [id for id in targets if id != -100]
        assert targets == line + [-100] * (len(targets) - len(line))
        assert inputs[: len(line)] == [NEWLINE, *line[:-1]]
        lines.append(tuple(line))
    return lines


@pytest.fixture
def text() -> list[tuple[int, ...]]:
    """161 different lines of 1 to 20 ids."""
    generator = np.random.default_rng(0)
    lines = [(*generator.integers(2, 90, generator.integers(0, 20)).tolist(), NEWLINE)]
    while len(lines) < 161:
        line = (*generator.integers(2, 90, generator.integers(1, 20)).tolist(), NEWLINE)
        lines += [line] if line not in lines else []
    return lines


def built(text: list[tuple[int, ...]], **changes: Any) -> Lines:
    ids = np.array([id for line in text for id in line], dtype=np.uint8)
    return Lines(ids, NEWLINE, config(**changes), DEVICE)


def test_every_line_once_an_epoch_but_for_a_rest(text: list[tuple[int, ...]]) -> None:
    batches = built(text)
    for epoch in range(3):
        seen = [line for step in range(20) for line in lines_of(batches.batch(epoch * 20 + step))]
        assert len(seen) == len(set(seen)) == 160
        assert set(seen) <= set(text)


def test_a_batch_depends_on_seed_and_step_alone(text: list[tuple[int, ...]]) -> None:
    forwards, backwards = built(text), built(text)
    first = [lines_of(forwards.batch(step)) for step in range(40)]
    assert [lines_of(backwards.batch(step)) for step in reversed(range(40))] == first[::-1]
    assert [lines_of(built(text, seed=9).batch(step)) for step in range(40)] != first


def test_processes_share_a_batch_and_its_divisor(text: list[tuple[int, ...]]) -> None:
    batches = built(text)
    whole, halves = batches.batch(3), [batches.batch(3, rank, 2) for rank in range(2)]
    assert sorted(lines_of(whole)) == sorted(lines_of(halves[0]) + lines_of(halves[1]))
    assert whole.tokens == sum(len(line) for line in lines_of(whole))
    assert halves[0].tokens == halves[1].tokens == whole.tokens / 2


def test_batches_hold_lines_of_like_lengths(text: list[tuple[int, ...]]) -> None:
    batches = built(text)
    padded = sum(batches.batch(step).inputs_BT.numel() for step in range(20))
    real = sum(batches.batch(step).tokens for step in range(20))
    assert padded < 1.2 * real
    assert batches.tokens(20) == pytest.approx(real, rel=0.02)


def test_too_few_lines_are_refused(text: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="7 lines"):
        built(text[:7])
