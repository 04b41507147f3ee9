"""The policy gradient, as a loss to differentiate: REINFORCE with what it needs to be of use.

The objective is the expected reward of a sampled sequence, less `kl` times its divergence from
a reference (Ziegler et al. 2019), plus `entropy` times its entropy. Divergence and entropy are
taken at each sampled position over the whole vocabulary.

REINFORCE (Williams 1992) weighs the gradient of each chosen token's log-probability by what came
after it. From that a control is taken off, a guess of the return for each possible token, and
its exact expectation over the vocabulary is added in its place (Gu et al. 2017): the
expectation of the gradient is the same whatever the guess, as long as it depends on the tokens
before alone, and its variance falls by all that the guess explains. A guess that is the same for
all tokens is a baseline.

Shapes: N sequences, T positions, V vocabulary entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """The loss and the figures it was made of; all but the loss are without gradient."""

    loss: Tensor
    """Its gradient is minus an estimate of the objective's, summed over the sequences; its value
    means nothing."""
    returns_NT: Tensor
    """What came of the choice at each position: reward, and divergence and entropy after it."""
    divergences_N: Tensor
    """Nats from the reference, here and below: sums over a sequence's positions."""
    entropies_N: Tensor


def policy_terms(
    logits_NTV: Tensor,
    reference_NTV: Tensor,
    ids_NT: Tensor,
    mask_NT: Tensor,
    rewards_N: Tensor,
    control_NTV: Tensor,
    *,
    kl: float,
    entropy: float,
) -> PolicyTerms:
    """The loss of sampled sequences, drawn from the softmax of `logits_NTV`.

    `mask_NT` is true where `ids_NT` was chosen. `control_NTV` guesses the return of each
    possible choice; zeros make plain REINFORCE. Logits must be finite.
    """
    logprobs_NTV = logits_NTV.log_softmax(-1)
    p_NTV = logprobs_NTV.exp()
    divergence_NT = (p_NTV * (logprobs_NTV - reference_NTV.log_softmax(-1))).sum(-1) * mask_NT
    entropy_NT = -(p_NTV * logprobs_NTV).sum(-1) * mask_NT
    now_NT = entropy * entropy_NT - kl * divergence_NT
    now_detached_NT = now_NT.detach()
    later_NT = now_detached_NT.flip(1).cumsum(1).flip(1) - now_detached_NT
    returns_NT = rewards_N[:, None] + later_NT
    index_NT1 = ids_NT[..., None]
    chosen_NT = logprobs_NTV.gather(-1, index_NT1)[..., 0]
    surprise_NT = returns_NT - control_NTV.gather(-1, index_NT1)[..., 0]
    expected_NT = (p_NTV * control_NTV).sum(-1)
    objective_NT = (chosen_NT * surprise_NT + expected_NT) * mask_NT + now_NT
    return PolicyTerms(
        -objective_NT.sum(),
        returns_NT,
        divergence_NT.detach().sum(1),
        entropy_NT.detach().sum(1),
    )


class Hopes:
    """What return each kind of state has led to of late: the means that make up a control."""

    def __init__(self, kinds: int, decay: float = 0.9) -> None:
        """`decay` is what the past counts for after each update."""
        self._decay = decay
        self._sums_K = torch.zeros(kinds)
        self._counts_K = torch.zeros(kinds)

    @property
    def values_K(self) -> Tensor:
        """The mean return after each kind of state; of a kind never seen, that of all."""
        overall = self._sums_K.sum() / self._counts_K.sum().clamp(min=1e-9)
        return torch.where(self._counts_K > 0, self._sums_K / self._counts_K, overall)

    def update(self, kinds_M: Tensor, returns_M: Tensor) -> None:
        """Take in the kinds that choices led to, and the returns of these choices."""
        ones_M = torch.ones_like(returns_M)
        self._sums_K = self._decay * self._sums_K.index_add(0, kinds_M, returns_M)
        self._counts_K = self._decay * self._counts_K.index_add(0, kinds_M, ones_M)
