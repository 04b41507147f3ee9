from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.generation.engine import Decoding
from litteragpt.generation.sampling import GumbelNoise, RowParameters, SamplingConfig, choose
from litteragpt.protocols import LanguageModel
from tests.generation.fakes import FakeModel, bigram, uniform

WARM = SamplingConfig(temperature=1.2)


def run(
    model: LanguageModel[Any],
    prompt: Sequence[int],
    configs: Sequence[SamplingConfig],
    seeds: Sequence[int],
    steps: int,
) -> list[list[int]]:
    """The ids of each row."""
    decoding = Decoding(model, prompt, configs, seeds=seeds)
    rows: list[list[int]] = [[] for _ in configs]
    for _ in range(steps):
        choices = decoding.step()
        assert choices is not None
        for row, choice in choices.items():
            rows[row].append(choice.id)
    return rows


def run_uncached(
    model: Decoder, prompt: Sequence[int], config: SamplingConfig, seed: int, steps: int
) -> list[int]:
    """The oracle: no state, all ids again for every token."""
    ids = list(prompt)
    noise = GumbelNoise([seed], model.vocab_size)
    parameters = RowParameters.of([config])
    for _ in range(steps):
        with torch.inference_mode():
            logits_BTV, _ = model(torch.tensor([ids]))
        ids.append(choose(logits_BTV[:, -1], parameters, noise.draw())[0].id)
    return ids[len(prompt) :]


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(3)
    config = DecoderConfig(vocab_size=23, context=12, layers=2, width=32, heads=2, hidden=48)
    return Decoder(config).eval()


def test_the_prompt_is_read_once_and_then_one_id_a_row() -> None:
    model = uniform(9)
    run(model, [1, 2, 3, 4], [WARM] * 3, [1, 2, 3], steps=4)
    assert model.shapes == [(1, 4), (3, 1), (3, 1), (3, 1)]


def test_the_first_token_costs_no_forward_beyond_the_prompts() -> None:
    model = uniform(9)
    run(model, [1, 2, 3], [WARM], [1], steps=1)
    assert model.shapes == [(1, 3)]


def test_only_the_end_of_a_long_prompt_is_read() -> None:
    model = bigram(9, context=4)
    long = run(model, [5, 6, 7, 8, 1, 2, 3, 4], [WARM], [1], steps=5)
    assert model.shapes[0] == (1, 4)
    assert long == run(bigram(9, context=4), [1, 2, 3, 4], [WARM], [1], steps=5)


def test_ended_rows_are_dropped_and_the_others_go_on_the_same() -> None:
    model = bigram(9)
    configs = [SamplingConfig(temperature=t) for t in (0.5, 1.0, 2.0)]
    decoding = Decoding(model, [1, 2], configs, seeds=[4, 5, 6])
    rows: list[list[int]] = [[], [], []]
    for step in range(8):
        choices = decoding.step()
        assert choices is not None
        for row, choice in choices.items():
            rows[row].append(choice.id)
        if step == 2:
            decoding.finish(1)
        if step == 5:
            decoding.finish(0)
    assert [len(row) for row in rows] == [6, 3, 8]
    assert [B for B, _ in model.shapes] == [1, 3, 3, 2, 2, 2, 1, 1]
    for row, seed in enumerate([4, 5, 6]):
        (alone,) = run(bigram(9), [1, 2], [configs[row]], [seed], steps=8)
        assert rows[row] == alone[: len(rows[row])]


def test_rows_that_end_at_the_first_step_are_dropped() -> None:
    model = uniform(5)
    decoding = Decoding(model, [1], [WARM] * 3, seeds=[1, 2, 3])
    assert decoding.step() is not None
    decoding.finish(0)
    decoding.finish(2)
    assert list(decoding.step() or {}) == [1]
    decoding.finish(1)
    assert decoding.step() is None
    assert model.shapes == [(1, 1), (1, 1)]


def test_cancel_is_asked_before_each_forward() -> None:
    model = uniform(5)
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    decoding = Decoding(model, [1], [WARM], seeds=[1], cancel=cancel)
    steps = 0
    while decoding.step() is not None:
        steps += 1
    assert steps == 3
    assert len(model.shapes) == 3


def test_a_cancelled_run_reads_no_prompt() -> None:
    model = uniform(5)
    assert Decoding(model, [1], [WARM], seeds=[1], cancel=lambda: True).step() is None
    assert model.shapes == []


def test_inference_mode_does_not_leak() -> None:
    decoding = Decoding(uniform(5), [1], [WARM], seeds=[1])
    decoding.step()
    assert not torch.is_inference_mode_enabled()


def test_a_failing_model_is_a_clear_error() -> None:
    model = FakeModel(3, lambda row: [0.0] * 3 if len(row) < 3 else [float("nan")] * 3)
    decoding = Decoding(model, [1], [WARM], seeds=[1])
    decoding.step()
    decoding.step()
    with pytest.raises(ValueError, match="no valid logits"):
        decoding.step()


@pytest.mark.parametrize("config", [WARM, SamplingConfig(temperature=0)])
def test_the_decoder_writes_what_its_uncached_self_writes(
    decoder: Decoder, config: SamplingConfig
) -> None:
    prompt = [1, 2, 3, 4, 5]
    (row,) = run(decoder, prompt, [config], [11], steps=40)
    assert row == run_uncached(decoder, prompt, config, 11, steps=40)


def test_a_decoder_row_in_a_batch_is_the_same_row_alone(decoder: Decoder) -> None:
    configs = [SamplingConfig(temperature=t, top_p=0.9) for t in (0.0, 0.5, 1.0, 2.0)]
    seeds = [7, 8, 7, 9]
    rows = run(decoder, [1, 2, 3], configs, seeds, steps=40)
    for row, config, seed in zip(rows, configs, seeds, strict=True):
        assert run(decoder, [1, 2, 3], [config], [seed], steps=40) == [row]


def test_equal_rows_of_a_decoder_are_equal(decoder: Decoder) -> None:
    rows = run(decoder, [1, 2, 3], [WARM] * 4, [7] * 4, steps=60)
    assert rows[0] == rows[1] == rows[2] == rows[3]
    (other,) = run(decoder, [1, 2, 3], [WARM], [8], steps=60)
    assert rows[0] != other
