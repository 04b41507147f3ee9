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
    ends_BT = torch.stack(scores, 1).argmax(2)
    last_B = torch.tensor(lengths) - 1
    tag_B = torch.zeros_like(last_B)
    path: list[Tensor] = []
    for t in range(emissions_BTK.shape[1] - 1, -1, -1):
        tag_B = torch.where(last_B == t, ends_BT[:, t], tag_B)
        path.append(tag_B)
        if t:
            tag_B = pointers[t - 1].gather(1, tag_B[:, None])[:, 0]
    tags_BT = torch.stack(path[::-1], 1).tolist()
    return [tags[:length] for tags, length in zip(tags_BT, lengths, strict=True)]


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
    flat = [(row, *span) for row, each in enumerate(spans) for span in each]
    rows_S, firsts_S, ends_S, tags_S = torch.tensor(flat, dtype=torch.long).reshape(-1, 4).T
    whole_B = torch.logsumexp(alpha_BTK[:, -1], 1)
    logs_S = alpha_BTK[rows_S, firsts_S, tags_S] - whole_B[rows_S]
    # The words after the first, whose emissions are differences of sums from the beginning on.
    longer_S = ends_S - firsts_S > 1
    inner_S = torch.where(longer_S, tags_S + 1, tags_S)
    sums_BTK = emissions_BTK.double().cumsum(1)
    logs_S += (sums_BTK[rows_S, ends_S - 1, inner_S] - sums_BTK[rows_S, firsts_S, inner_S]).float()
    steps_S = transitions_KK[tags_S, inner_S]
    steps_S = steps_S + (ends_S - firsts_S - 2) * transitions_KK[inner_S, inner_S]
    logs_S += torch.where(longer_S, steps_S, 0.0)
    # The word behind, where there is one, is anything but more of the same.
    followed_S = ends_S < torch.tensor(lengths)[rows_S]
    behind_S = ends_S.clamp(max=emissions_BTK.shape[1] - 1)
    ahead_SK = transitions_KK[inner_S] + (emissions_BTK + beta_BTK)[rows_S, behind_S]
    ahead_SK.scatter_(1, (tags_S + 1)[:, None], FORBIDDEN * 2)
    logs_S += torch.where(followed_S, torch.logsumexp(ahead_SK, 1), 0.0)
    odds = iter(logs_S.exp().clamp(0.0, 1.0).tolist())
    return [[next(odds) for _ in each] for each in spans]


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
