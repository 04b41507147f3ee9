"""The policy gradient against the gradient of the enumerated objective."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from litteragpt.training.policy import Hopes, policy_terms

V, LONGEST, END = 3, 3, 0
PREFIXES = [p for n in range(LONGEST) for p in itertools.product(range(1, V), repeat=n)]


def sequences() -> Iterator[tuple[int, ...]]:
    """All that can be sampled: up to the end, or cut."""
    for prefix in PREFIXES:
        yield (*prefix, END)
        if len(prefix) == LONGEST - 1:
            yield from ((*prefix, id) for id in range(1, V))


def random(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


REWARDS = dict(zip(sequences(), random(len(list(sequences())), seed=1).tolist(), strict=True))
REFERENCE_PV = random(len(PREFIXES), V, seed=2)


def rows(table_PV: Tensor, ids: tuple[int, ...]) -> Tensor:
    """`T, V`: what a table has for each of a sequence's prefixes."""
    return torch.stack([table_PV[PREFIXES.index(ids[:t])] for t in range(len(ids))])


def logprob(logits_PV: Tensor, ids: tuple[int, ...]) -> Tensor:
    steps_T = rows(logits_PV, ids).log_softmax(-1)
    return steps_T[torch.arange(len(ids)), torch.tensor(ids)].sum()


def objective(logits_PV: Tensor, kl: float, entropy: float) -> Tensor:
    """Straight from the definitions, over whole sequences."""
    total = torch.zeros((), dtype=torch.float64)
    for ids in sequences():
        own, reference = logprob(logits_PV, ids), logprob(REFERENCE_PV, ids)
        total = total + own.exp() * (REWARDS[ids] - kl * (own - reference) - entropy * own)
    return total


def expected_estimate(logits_PV: Tensor, control_PV: Tensor, kl: float, entropy: float) -> Tensor:
    """The estimate's exact expectation: every sequence, weighed by its probability."""
    total = torch.zeros_like(logits_PV)
    for ids in sequences():
        total += logprob(logits_PV, ids).exp().detach() * estimate(
            logits_PV, control_PV, ids, kl, entropy
        )
    return total


def estimate(
    logits_PV: Tensor, control_PV: Tensor, ids: tuple[int, ...], kl: float, entropy: float
) -> Tensor:
    """From one sequence, padded by one position that must not count."""
    pad_1V = torch.full((1, V), 3.0, dtype=torch.float64)
    terms = policy_terms(
        torch.cat([rows(logits_PV, ids), pad_1V])[None],
        torch.cat([rows(REFERENCE_PV, ids), -pad_1V.cumsum(1)])[None],
        torch.tensor([[*ids, END]]),
        torch.tensor([[True] * len(ids) + [False]]),
        torch.tensor([REWARDS[ids]], dtype=torch.float64),
        torch.cat([rows(control_PV, ids), pad_1V])[None],
        kl=kl,
        entropy=entropy,
    )
    (gradient,) = torch.autograd.grad(-terms.loss, logits_PV)
    return gradient


@pytest.mark.parametrize("control_scale", [0.0, 2.0], ids=["plain REINFORCE", "any control"])
@pytest.mark.parametrize(("kl", "entropy"), [(0.0, 0.0), (0.7, 0.0), (0.0, 0.4), (0.7, 0.4)])
def test_the_expected_estimate_is_the_gradient_of_the_objective(
    control_scale: float, kl: float, entropy: float
) -> None:
    logits_PV = random(len(PREFIXES), V, seed=3).requires_grad_()
    control_PV = control_scale * random(len(PREFIXES), V, seed=4)
    (gradient,) = torch.autograd.grad(objective(logits_PV, kl, entropy), logits_PV)
    found = expected_estimate(logits_PV, control_PV, kl, entropy)
    assert gradient.abs().max() > 0.01
    torch.testing.assert_close(found, gradient, rtol=1e-9, atol=1e-12)


def true_returns(logits_PV: Tensor) -> Tensor:
    """The expected reward after each prefix and token: the best of controls."""
    returns_PV = torch.zeros(len(PREFIXES), V, dtype=torch.float64)
    p = {ids: logprob(logits_PV, ids).exp().item() for ids in REWARDS}
    for index, prefix in enumerate(PREFIXES):
        for id in range(V):
            begun = [ids for ids in REWARDS if ids[: len(prefix) + 1] == (*prefix, id)]
            weight = sum(p[ids] for ids in begun)
            returns_PV[index, id] = sum(p[ids] * REWARDS[ids] for ids in begun) / weight
    return returns_PV


def test_the_true_returns_as_control_take_variance_away() -> None:
    logits_PV = random(len(PREFIXES), V, seed=3).requires_grad_()
    mean_PV = expected_estimate(logits_PV, torch.zeros_like(REFERENCE_PV), 0.0, 0.0)

    def variance(control_PV: Tensor) -> float:
        total = 0.0
        for ids in sequences():
            apart_PV = estimate(logits_PV, control_PV, ids, 0.0, 0.0) - mean_PV
            total += logprob(logits_PV, ids).exp().item() * apart_PV.square().sum().item()
        return total

    plain = variance(torch.zeros_like(REFERENCE_PV))
    assert variance(true_returns(logits_PV)) < 0.6 * plain  # what is left is which prefixes are met


def test_figures_are_those_of_the_definitions() -> None:
    logits_PV = random(len(PREFIXES), V, seed=3)
    ids = (1, 2, END)
    terms = policy_terms(
        rows(logits_PV, ids)[None],
        rows(REFERENCE_PV, ids)[None],
        torch.tensor([ids]),
        torch.ones(1, 3, dtype=torch.bool),
        torch.tensor([1.0], dtype=torch.float64),
        torch.zeros(1, 3, V, dtype=torch.float64),
        kl=0.5,
        entropy=0.25,
    )
    p_TV, q_TV = rows(logits_PV, ids).softmax(-1), rows(REFERENCE_PV, ids).softmax(-1)
    divergences_T = (p_TV * (p_TV / q_TV).log()).sum(-1)
    entropies_T = -(p_TV * p_TV.log()).sum(-1)
    torch.testing.assert_close(terms.divergences_N, divergences_T.sum()[None])
    torch.testing.assert_close(terms.entropies_N, entropies_T.sum()[None])
    now_T = 0.25 * entropies_T - 0.5 * divergences_T
    expected = torch.stack([1 + now_T[1:].sum(), 1 + now_T[2], torch.tensor(1.0)])
    torch.testing.assert_close(terms.returns_NT[0], expected.double())


def test_hopes_are_fading_means_and_the_unseen_get_that_of_all() -> None:
    hopes = Hopes(3, decay=0.5)
    hopes.update(torch.tensor([0, 0, 1]), torch.tensor([1.0, 3.0, 5.0]))
    assert hopes.values_K.tolist() == [2.0, 5.0, 3.0]
    hopes.update(torch.tensor([1]), torch.tensor([2.0]))
    assert hopes.values_K.tolist() == pytest.approx([2.0, 3.0, 2.6])
