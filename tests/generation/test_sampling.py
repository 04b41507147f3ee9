from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from litteragpt.generation.sampling import (
    GumbelNoise,
    RowParameters,
    SamplingConfig,
    choose,
    filtered,
    keep_min_p,
    keep_top_k,
    keep_top_p,
)

NAN, INF = math.nan, math.inf


# --- the oracle: one row, a sorted list, one filter after the other ---


def oracle(logits: list[float], config: SamplingConfig) -> dict[int, float]:
    """The probabilities of the ids that survive the filters."""
    assert config.temperature > 0
    best = max(logits)
    weights = {id: math.exp((x - best) / config.temperature) for id, x in enumerate(logits)}
    kept = sorted(weights, key=lambda id: (-weights[id], id))
    kept = kept[: config.top_k]
    if config.top_p < 1:
        total = sum(weights[id] for id in kept)
        reached, count = 0.0, 0
        while reached < config.top_p and count < len(kept):
            reached += weights[kept[count]] / total
            count += 1
        kept = kept[:count]
    kept = [id for id in kept if weights[id] >= config.min_p * weights[kept[0]]]
    total = sum(weights[id] for id in kept)
    return {id: weights[id] / total for id in kept}


def on_the_edge(logits: list[float], config: SamplingConfig) -> bool:
    """Whether rounding may decide what survives, or weights vanish that an order rests on."""
    scaled = np.array(logits, dtype=np.float64) / config.temperature
    weights = np.sort(np.exp(scaled - scaled.max()))[::-1]
    if np.any(np.abs(weights - config.min_p) < 1e-5):
        return True
    if scaled.max() - scaled.min() > 80:
        return True
    weights = weights[: config.top_k]
    reached = np.cumsum(weights) / weights.sum()
    return bool(np.any(np.abs(reached - config.top_p) < 1e-5))


def scaled(logits_BV: Tensor, parameters: RowParameters) -> Tensor:
    return logits_BV / parameters.temperature_B1


# Multiples of 1/8 make ties likely and keep single precision exact.
logit_rows = st.lists(st.integers(-64, 64).map(lambda i: i / 8), min_size=1, max_size=12)
configs = st.builds(
    SamplingConfig,
    temperature=st.sampled_from([0.25, 0.5, 0.8, 1.0, 1.7, 5.0]),
    top_k=st.none() | st.integers(1, 14),
    top_p=st.floats(0.01, 1.0),
    min_p=st.just(0.0) | st.floats(0.0, 1.0),
)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_filters_agree_with_the_oracle_row_by_row(data: st.DataObject) -> None:
    V = data.draw(st.integers(1, 12))
    rows = data.draw(
        st.lists(
            st.tuples(
                st.lists(st.integers(-64, 64).map(lambda i: i / 8), min_size=V, max_size=V),
                configs,
            ),
            min_size=1,
            max_size=4,
        )
    )
    assume(not any(on_the_edge(logits, config) for logits, config in rows))
    logits_BV = torch.tensor([logits for logits, _ in rows])
    parameters = RowParameters.of([config for _, config in rows])
    probabilities = filtered(scaled(logits_BV, parameters), parameters).softmax(-1)
    for row, (logits, config) in zip(probabilities.tolist(), rows, strict=True):
        expected = oracle(logits, config)
        assert {id for id, p in enumerate(row) if p > 0} == set(expected)
        assert sum(row) == pytest.approx(1, abs=1e-5)
        for id, p in expected.items():
            assert row[id] == pytest.approx(p, abs=1e-5)


@given(logit_rows, configs, st.integers(0, 2**63 - 1))
@settings(max_examples=100, deadline=None)
def test_a_choice_is_one_of_the_survivors(
    logits: list[float], config: SamplingConfig, seed: int
) -> None:
    assume(not on_the_edge(logits, config))
    noise = GumbelNoise([seed], len(logits)).draw()
    (choice,) = choose(torch.tensor([logits]), RowParameters.of([config]), noise)
    assert choice.id in oracle(logits, config)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_top_k_keeps_exactly_k_of_equals_the_lower_ids(k: int) -> None:
    kept = keep_top_k(torch.zeros(1, 5), torch.tensor([[k]])).isfinite()
    assert kept.tolist() == [[id < k for id in range(5)]]


def test_filters_that_ask_for_all_change_nothing() -> None:
    logits_BV = torch.randn(3, 50, generator=torch.Generator().manual_seed(1)) * 10
    assert torch.equal(keep_top_k(logits_BV, torch.tensor([[50], [51], [10**6]])), logits_BV)
    assert torch.equal(keep_top_p(logits_BV, torch.ones(3, 1, dtype=torch.float64)), logits_BV)
    assert torch.equal(keep_min_p(logits_BV, torch.zeros(3, 1)), logits_BV)
    assert RowParameters.of([SamplingConfig()]).top_k_B1 is None


@pytest.mark.parametrize("p", [1e-300, 1e-12, 0.3])
def test_one_token_always_survives(p: float) -> None:
    config = SamplingConfig(temperature=1.0, top_k=1, top_p=p, min_p=1.0)
    parameters = RowParameters.of([config])
    assert filtered(torch.zeros(1, 9), parameters).isfinite().tolist() == [[True] + [False] * 8]


def test_min_p_of_one_keeps_the_equals_of_the_best() -> None:
    kept = keep_min_p(torch.tensor([[1.0, 3.0, 3.0, 2.9]]), torch.tensor([[1.0]])).isfinite()
    assert kept.tolist() == [[False, True, True, False]]


# --- choosing ---


def frequencies(config: SamplingConfig, logits: list[float], draws: int, seed: int) -> list[int]:
    noise = GumbelNoise([seed], len(logits))
    parameters = RowParameters.of([config])
    logits_BV = torch.tensor([logits])
    counts = [0] * len(logits)
    for _ in range(draws):
        counts[choose(logits_BV, parameters, noise.draw())[0].id] += 1
    return counts


def chi_square_p(counts: list[int], probabilities: list[float]) -> float:
    """The probability of a deviation at least as large (regularised upper gamma)."""
    total = sum(counts)
    statistic = sum(
        (n - total * p) ** 2 / (total * p) for n, p in zip(counts, probabilities, strict=True)
    )
    half_freedom = torch.tensor((len(counts) - 1) / 2, dtype=torch.float64)
    half = torch.tensor(statistic / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(half_freedom, half))


@pytest.mark.parametrize(
    "config",
    [
        SamplingConfig(temperature=1.0),
        SamplingConfig(temperature=0.6),
        SamplingConfig(temperature=2.5),
        SamplingConfig(temperature=1.3, top_k=5, top_p=0.9, min_p=0.02),
    ],
)
def test_frequencies_are_those_of_the_softmax(config: SamplingConfig) -> None:
    logits = [0.0, 1.0, -1.0, 0.5, 0.5, -2.0, 1.5]
    counts = frequencies(config, logits, draws=8_000, seed=20)
    expected = oracle(logits, config)
    assert sum(counts) == sum(counts[id] for id in expected)
    ids = sorted(expected)
    assert chi_square_p([counts[id] for id in ids], [expected[id] for id in ids]) > 1e-3


def test_the_chi_square_rejects_another_temperature() -> None:
    logits = [0.0, 1.0, -1.0, 0.5, 0.5, -2.0, 1.5]
    counts = frequencies(SamplingConfig(temperature=1.0), logits, draws=8_000, seed=20)
    expected = oracle(logits, SamplingConfig(temperature=1.1))
    assert chi_square_p(counts, [expected[id] for id in range(7)]) < 1e-3


@pytest.mark.parametrize("temperature", [0.0, 1e-300, 1e-40, 1e-9, 1e-3])
def test_cold_rows_take_the_best(temperature: float) -> None:
    logits_BV = torch.randn(1, 40, generator=torch.Generator().manual_seed(2)) * 5
    noise = GumbelNoise([1], 40)
    parameters = RowParameters.of([SamplingConfig(temperature=temperature)])
    for _ in range(50):
        (choice,) = choose(logits_BV, parameters, noise.draw())
        assert choice.id == logits_BV.argmax().item()
        assert choice.entropy == pytest.approx(0, abs=1e-6)


def test_figures_are_those_of_the_definitions() -> None:
    logits = [0.5, 2.0, -1.0, 0.0]
    config = SamplingConfig(temperature=0.5, top_k=2)
    (choice,) = choose(
        torch.tensor([logits]),
        RowParameters.of([config]),
        GumbelNoise([5], 4).draw(),
        banned=torch.tensor([0]),
        alternatives=9,
    )
    raw = oracle(logits, SamplingConfig(temperature=1.0))
    assert choice.logprob == pytest.approx(math.log(raw[choice.id]), abs=1e-6)
    assert [id for id, _ in choice.alternatives] == [1, 3, 2]
    assert [p for _, p in choice.alternatives] == pytest.approx([raw[1], raw[3], raw[2]])
    tempered = oracle(logits[1:], SamplingConfig(temperature=0.5)).values()
    assert choice.entropy == pytest.approx(-sum(p * math.log(p) for p in tempered), abs=1e-6)


def test_banned_ids_are_never_chosen() -> None:
    parameters = RowParameters.of([SamplingConfig(temperature=5.0), SamplingConfig(temperature=0)])
    noise = GumbelNoise([1, 1], 3)
    banned = torch.tensor([0, 2])
    for _ in range(100):
        choices = choose(torch.tensor([[9.0, 0, 9]] * 2), parameters, noise.draw(), banned=banned)
        assert [choice.id for choice in choices] == [1, 1]


@pytest.mark.parametrize(
    "logits",
    [[NAN, 1.0, 2.0], [-INF, -INF, -INF], [INF, 0.0, 0.0], [5.0, -INF, -INF]],
    ids=["nan", "all -inf", "inf", "all but banned -inf"],
)
def test_invalid_logits_are_a_clear_error(logits: list[float]) -> None:
    parameters = RowParameters.of([SamplingConfig(), SamplingConfig()])
    logits_BV = torch.tensor([[0.0, 1.0, 2.0], logits])
    with pytest.raises(ValueError, match="the model gave no valid logits"):
        choose(logits_BV, parameters, torch.zeros(1, 3), banned=torch.tensor([0]))


def test_some_impossible_ids_are_fine() -> None:
    parameters = RowParameters.of([SamplingConfig(top_p=0.9, min_p=0.1, top_k=3)])
    (choice,) = choose(torch.tensor([[-INF, 0.0, -INF]]), parameters, torch.zeros(1, 3))
    assert (choice.id, choice.logprob, choice.entropy) == (1, 0.0, 0.0)


# --- noise ---


def test_equal_seeds_share_their_noise_and_others_do_not() -> None:
    noise = GumbelNoise([1, 2, 1], 6).draw()
    assert torch.equal(noise[0], noise[2])
    assert not torch.equal(noise[0], noise[1])


def test_noise_of_a_row_depends_on_its_seed_alone() -> None:
    alone = GumbelNoise([9], 100)
    beside = GumbelNoise([4, 9, 5], 100)
    for step in range(400):  # longer than one block of random numbers
        if step == 200:
            beside.select([1])
        assert torch.equal(alone.draw()[0], beside.draw()[0 if step >= 200 else 1])


def test_noise_is_standard_gumbel_and_finite() -> None:
    noise = GumbelNoise([3], 1_000)
    drawn = torch.cat([noise.draw() for _ in range(200)])
    assert drawn.isfinite().all()
    assert drawn.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert drawn.var().item() == pytest.approx(math.pi**2 / 6, abs=0.03)
    assert len(set(drawn.flatten().tolist())) > 190_000


# --- validation ---


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("temperature", NAN, "from 0 to 5"),
        ("temperature", INF, "from 0 to 5"),
        ("temperature", -0.1, "from 0 to 5"),
        ("temperature", 5.01, "from 0 to 5"),
        ("temperature", "hot", "from 0 to 5"),
        ("temperature", True, "from 0 to 5"),
        ("top_k", 0, "from 1 to"),
        ("top_k", -1, "from 1 to"),
        ("top_k", True, "from 1 to"),
        ("top_k", 2.0, "from 1 to"),
        ("top_k", NAN, "from 1 to"),
        ("top_p", 0, "more than 0 and at most 1"),
        ("top_p", 0.0, "more than 0 and at most 1"),
        ("top_p", -1, "more than 0 and at most 1"),
        ("top_p", 1.01, "more than 0 and at most 1"),
        ("top_p", "half", "more than 0 and at most 1"),
        ("top_p", NAN, "more than 0 and at most 1"),
        ("min_p", -0.01, "from 0 to 1"),
        ("min_p", 1.5, "from 0 to 1"),
        ("min_p", NAN, "from 0 to 1"),
        ("min_p", -INF, "from 0 to 1"),
    ],
)
def test_a_figure_out_of_range_is_named_with_its_range(
    field: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ValueError, match=f"^{field}") as error:
        SamplingConfig(**{field: value})
    message = str(error.value)
    assert allowed in message
    assert repr(value) in message


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"temperature": 5},
        {"top_k": 1},
        {"top_p": 1},
        {"top_p": 1e-9},
        {"min_p": 0},
        {"min_p": 1},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(fields: dict[str, Any]) -> None:
    SamplingConfig(**fields)
