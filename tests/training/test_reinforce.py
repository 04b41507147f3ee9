from __future__ import annotations

import copy
import functools
import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.evaluation import pad_lines
from litteragpt.names.known import KnownNames
from litteragpt.names.reward import Weights
from litteragpt.tokenizers import CharTokenizer
from litteragpt.training.reinforce import ReinforceConfig, Reinforced, reinforce
from tests.generation.fakes import ByteTokenizer

TOKENIZER = CharTokenizer("\n -abcdef")
CITIES = ["ab", "cad", "fed"]
BAIRROS = ["".join(letters) for letters in itertools.product("abcdef", repeat=2)]
LINES = [f"{bairro} - {city}" for bairro in BAIRROS for city in CITIES]
TRAINING, VALIDATION = LINES[::2], LINES[1::2]
KNOWN = KnownNames.from_tables(
    [(*line.split(" - "), "SP") for line in TRAINING],  # type: ignore[misc]
    [(city, "SP") for city in CITIES],
)
SMALL = ReinforceConfig(
    steps=2, batch=32, micro_batch=16, samples=64, max_chars=20, evaluate_every=2, warmup_steps=0
)


def pretrained(steps: int = 45) -> Decoder:
    """A model that has half learned the lines."""
    return copy.deepcopy(_pretrained(steps))


@functools.cache
def _pretrained(steps: int) -> Decoder:
    torch.manual_seed(2)
    config = DecoderConfig(
        vocab_size=TOKENIZER.vocab_size, context=24, layers=1, width=32, heads=2, hidden=48
    )
    model = Decoder(config)
    model.initialise()
    ids = [TOKENIZER.encode_array(f"{line}\n")[0] for line in TRAINING]
    inputs, targets = pad_lines(ids, TOKENIZER.encode("\n").ids[0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        logits_BTV, _ = model(inputs)
        F.cross_entropy(logits_BTV.flatten(0, 1), targets.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


def run(
    config: ReinforceConfig, model: Decoder | None = None
) -> tuple[Reinforced, list[dict[str, Any]], Decoder]:
    model = model or pretrained()
    curve: list[dict[str, Any]] = []
    reached = reinforce(
        model,
        TOKENIZER,
        KNOWN,
        config,
        training=TRAINING,
        validation=VALIDATION,
        report=curve.append,
    )
    return reached, curve, model


def test_it_learns_what_is_rewarded_and_stays_near_what_it_was() -> None:
    config = ReinforceConfig(
        steps=40, batch=96, lr=6e-3, kl=0.05, samples=500, max_chars=20, evaluate_every=20
    )
    reached, curve, _ = run(config)
    before, after = reached.before.summary, reached.after.summary
    assert before.real_city < 0.75
    assert after.real_city > 0.9
    assert after.well_formed > 0.93
    # There are 54 names that are real and new, of which it now writes most.
    assert after.entropy_per_name > 0.75 * math.log(54)
    assert after.distinct * 500 > 40
    rewards = [line["reward"] for line in curve]
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.2
    assert [line["step"] for line in curve if "val_nats_per_char" in line] == [20, 40]
    assert reached.after.val_nats_per_char == curve[-1]["val_nats_per_char"]
    json.dumps([*curve, reached.to_dict()], allow_nan=False)


def test_a_price_on_copies_makes_names_new() -> None:
    shared: dict[str, Any] = {"steps": 20, "batch": 96, "lr": 3e-3, "samples": 500}
    shared |= {"kl": 0.02, "max_chars": 20}
    free, _, _ = run(ReinforceConfig(**shared, reward=Weights(copied=0.0)))
    paid, _, _ = run(ReinforceConfig(**shared, reward=Weights(copied=1.0)))
    assert paid.after.summary.new > free.after.summary.new + 0.1


def test_the_divergence_begins_at_zero_and_its_price_holds_it_down() -> None:
    def divergence(kl: float) -> list[float]:
        _, curve, _ = run(ReinforceConfig(steps=12, batch=64, lr=3e-3, samples=1, kl=kl))
        return [line["kl"] for line in curve]

    free, dear = divergence(0.0), divergence(10.0)
    assert free[0] == pytest.approx(0.0, abs=1e-5)
    assert free[-1] > 5 * dear[-1] > 0.0


def test_the_anchor_learns_real_lines_and_without_reward_nothing_else_moves() -> None:
    worthless = Weights(well_formed=0.0, real_city=0.0, copied=0.0, loops=0.0)
    shared: dict[str, Any] = {"steps": 8, "batch": 16, "lr": 3e-3, "samples": 1, "kl": 0.0}
    shared |= {"warmup_steps": 0, "reward": worthless}
    free, _, _ = run(ReinforceConfig(**shared))
    assert free.after.val_nats_per_char == pytest.approx(free.before.val_nats_per_char, abs=1e-6)
    held, _, _ = run(ReinforceConfig(**shared, anchor=1.0))
    assert held.after.val_nats_per_char < held.before.val_nats_per_char - 0.02


def test_the_same_run_is_the_same() -> None:
    first, curve, model = run(SMALL, pretrained(5))
    again, curve_again, model_again = run(SMALL, pretrained(5))
    assert first == again
    for line, line_again in zip(curve, curve_again, strict=True):
        assert line | {"seconds": 0} == line_again | {"seconds": 0}
    for weight, weight_again in zip(model.parameters(), model_again.parameters(), strict=True):
        assert torch.equal(weight, weight_again)
    assert not model.training


def test_the_figures_before_are_of_the_model_as_it_came() -> None:
    low, _, _ = run(SMALL, pretrained(5))
    high, _, _ = run(SMALL)
    assert high.before.val_nats_per_char < low.before.val_nats_per_char - 0.3
    assert low.before.summary.samples == 64
    # The first 64 names of an untrained model are about as random as its ids.
    assert low.before.summary.entropy_per_char == pytest.approx(math.log(9), abs=0.5)


def test_what_will_not_do_is_a_clear_error() -> None:
    model = pretrained(0)
    with pytest.raises(ValueError, match="needs training lines and validation lines"):
        reinforce(model, TOKENIZER, KNOWN, SMALL, training=[], validation=VALIDATION)
    with pytest.raises(ValueError, match="a tokenizer of characters"):
        reinforce(model, ByteTokenizer(), KNOWN, SMALL, training=TRAINING, validation=VALIDATION)


def test_a_table_makes_a_config() -> None:
    config = ReinforceConfig.from_table({"steps": 7, "warmup_steps": 2, "reward": {"copied": 0.0}})
    assert (config.steps, config.batch, config.reward.copied) == (7, 512, 0.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"stepz": 1}, "reinforce has the unknown 'stepz'"),
        ({"steps": 0}, "steps must be a whole number from 1"),
        ({"batch": 1}, "batch must be a whole number from 2"),
        ({"kl": -0.1}, "kl must be from 0 to 100"),
        ({"lr": "fast"}, "reinforce.lr must be of type float"),
        ({"reward": 3}, "reinforce.reward must be a table"),
        ({"reward": {"loops": 101}}, "loops must be from 0 to 100"),
        ({"reward": {"speed": 1}}, "reinforce.reward has the unknown 'speed'"),
    ],
)
def test_a_table_that_will_not_do_is_a_clear_error(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReinforceConfig.from_table(table)
