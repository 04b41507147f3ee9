"""A linear-chain conditional random field over IOB2 tags, as pure functions.

Sources: Lafferty et al. 2001; for sentences of which only some labels are annotated, Tsuboi et al.
2008: the loss sums over every tagging that agrees with what is known. Tags that may not follow
one another have a transition of `FORBIDDEN`, so no decoding can give them.

Shapes: B sentences, T words, K tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from litteragpt.entities.bio import illegal

FORBIDDEN: Final = -1e4
"""The score of what cannot be: finite, so that no gradient becomes NaN."""


def transition_mask(tags: Sequence[str]) -> tuple[Tensor, Tensor]:
    """`K, K` (from, to) and `K` (at the beginning): 0 where legal, `FORBIDDEN` where not."""
    between = [[FORBIDDEN if illegal(a, b) else 0.0 for b in tags] for a in tags]
    start = [FORBIDDEN if illegal("O", tag) else 0.0 for tag in tags]
    return torch.tensor(between), torch.tensor(start)


def forward_scores(
    emissions_BTK: Tensor, transitions_KK: Tensor, start_K: Tensor, mask_BT: Tensor
) -> Tensor:
    """`B, T, K`: log of the summed weight of all taggings up to a word that end in a tag.

    After a sentence's last word the last value is kept.
    """
    alpha_BK = emissions_BTK[:, 0] + start_K
    found = [alpha_BK]
    for t in range(1, emissions_BTK.shape[1]):
        step_BK = torch.logsumexp(alpha_BK[:, :, None] + transitions_KK, 1) + emissions_BTK[:, t]
        alpha_BK = torch.where(mask_BT[:, t, None], step_BK, alpha_BK)
        found.append(alpha_BK)
    return torch.stack(found, 1)


def backward_scores(emissions_BTK: Tensor, transitions_KK: Tensor, mask_BT: Tensor) -> Tensor:
    """`B, T, K`: log of the summed weight of all ways to go on from a word's tag to the end."""
    beta_BK = torch.zeros_like(emissions_BTK[:, 0])
    found = [beta_BK]
    for t in range(emissions_BTK.shape[1] - 1, 0, -1):
        ahead_BK = emissions_BTK[:, t] + beta_BK
        step_BK = torch.logsumexp(transitions_KK + ahead_BK[:, None, :], 2)
        beta_BK = torch.where(mask_BT[:, t, None], step_BK, beta_BK)
        found.append(beta_BK)
    return torch.stack(found[::-1], 1)


def log_partition(
    emissions_BTK: Tensor, transitions_KK: Tensor, start_K: Tensor, mask_BT: Tensor
) -> Tensor:
    """`B`: log of the summed weight of all taggings of each sentence."""
    return torch.logsumexp(
        forward_scores(emissions_BTK, transitions_KK, start_K, mask_BT)[:, -1], 1
    )


def loss(
    emissions_BTK: Tensor,
    transitions_KK: Tensor,
    start_K: Tensor,
    mask_BT: Tensor,
    allowed_BTK: Tensor,
) -> Tensor:
    """`B`: minus the log-probability, in nats, that each word has one of its allowed tags."""
    kept_BTK = emissions_BTK.masked_fill(~allowed_BTK, FORBIDDEN)
    both = torch.cat((emissions_BTK, kept_BTK)), torch.cat((mask_BT, mask_BT))
    whole_B, kept_B = log_partition(both[0], transitions_KK, start_K, both[1]).chunk(2)
    return whole_B - kept_B


def word_loss(emissions_BTK: Tensor, mask_BT: Tensor, allowed_BTK: Tensor) -> Tensor:
    """`B`: minus the log-probability of `loss` where each word's tag is drawn by itself."""
    kept_BTK = emissions_BTK.masked_fill(~allowed_BTK, FORBIDDEN)
    nats_BT = torch.logsumexp(emissions_BTK, 2) - torch.logsumexp(kept_BTK, 2)
    return nats_BT.masked_fill(~mask_BT, 0.0).sum(1)


def viterbi(
    emissions_BTK: Tensor, transitions_KK: Tensor, start_K: Tensor, lengths: Sequence[int]
) -> list[list[int]]:
    """The most probable tagging of each sentence (Viterbi 1967)."""
    score_BK = emissions_BTK[:, 0] + start_K
    pointers: list[Tensor] = []
    scores = [score_BK]
    for t in range(1, emissions_BTK.shape[1]):
        best_BK, from_BK = (score_BK[:, :, None] + transitions_KK).max(1)
        score_BK = best_BK + emissions_BTK[:, t]
        pointers.append(from_BK)
        scores.append(score_BK)
    ends = torch.stack(scores, 1).argmax(2).tolist()
    back = torch.stack(pointers, 1).tolist() if pointers else [[]] * len(lengths)
    found: list[list[int]] = []
    for row, length in enumerate(lengths):
        tag = ends[row][length - 1]
        path = [tag]
        for t in range(length - 2, -1, -1):
            tag = back[row][t][tag]
            path.append(tag)
        found.append(path[::-1])
    return found


def span_scores(
    emissions_BTK: Tensor,
    transitions_KK: Tensor,
    start_K: Tensor,
    lengths: Sequence[int],
    spans: Sequence[Sequence[tuple[int, int, int]]],
) -> list[list[float]]:
    """For each span (first word, word after the last, its B- tag): how probable it is, 0 to 1.

    That is the share of all taggings' weight in those that tag exactly these words as one entity.
    The I- tag of a label stands right behind its B- tag.
    """
    mask_BT = torch.arange(emissions_BTK.shape[1]) < torch.tensor(lengths)[:, None]
    alpha_BTK, beta_BTK = _both_scores(emissions_BTK, transitions_KK, start_K, mask_BT)
    whole_B = torch.logsumexp(alpha_BTK[:, -1], 1)
    found: list[list[float]] = []
    for row, length in enumerate(lengths):
        odds: list[float] = []
        for first, end, tag in spans[row]:
            weight = alpha_BTK[row, first, tag] - whole_B[row]
            last = tag
            for t in range(first + 1, end):
                weight = weight + transitions_KK[last, tag + 1] + emissions_BTK[row, t, tag + 1]
                last = tag + 1
            if end < length:
                ahead_K = transitions_KK[last] + emissions_BTK[row, end] + beta_BTK[row, end]
                ahead_K[tag + 1] = FORBIDDEN * 2
                weight = weight + torch.logsumexp(ahead_K, 0)
            odds.append(min(1.0, max(0.0, float(weight.exp()))))
        found.append(odds)
    return found


def _both_scores(
    emissions_BTK: Tensor, transitions_KK: Tensor, start_K: Tensor, mask_BT: Tensor
) -> tuple[Tensor, Tensor]:
    """`forward_scores` and `backward_scores`, each step one product of matrices: no gradients.

    Weights are summed as they are, relative to the largest of a row. One that is 0 beside it in
    32 bits becomes minus infinity, which the gradient of a logarithm could not bear.
    """
    weights_KK = transitions_KK.exp()
    alpha_BK = emissions_BTK[:, 0] + start_K
    beta_BK = torch.zeros_like(alpha_BK)
    forward, backward = [alpha_BK], [beta_BK]
    for t in range(1, emissions_BTK.shape[1]):
        step_BK = _log_product(alpha_BK, weights_KK) + emissions_BTK[:, t]
        alpha_BK = torch.where(mask_BT[:, t, None], step_BK, alpha_BK)
        forward.append(alpha_BK)
        back = emissions_BTK.shape[1] - t
        step_BK = _log_product(emissions_BTK[:, back] + beta_BK, weights_KK.T)
        beta_BK = torch.where(mask_BT[:, back, None], step_BK, beta_BK)
        backward.append(beta_BK)
    return torch.stack(forward, 1), torch.stack(backward[::-1], 1)


def _log_product(logs_BK: Tensor, weights_KK: Tensor) -> Tensor:
    largest_B1 = logs_BK.amax(1, keepdim=True)
    return ((logs_BK - largest_B1).exp() @ weights_KK).log() + largest_B1
