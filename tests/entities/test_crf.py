"""The conditional random field against the enumeration of every tagging."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from litteragpt.entities import crf
from litteragpt.entities.bio import illegal

TAGS = ("O", "B-A", "I-A", "B-B", "I-B")


@pytest.fixture
def scores() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    between_KK, start_K = crf.transition_mask(TAGS)
    emissions_BTK = torch.randn(3, 4, len(TAGS))
    return emissions_BTK, torch.randn(len(TAGS), len(TAGS)) + between_KK, start_K


LENGTHS = [4, 2, 1]


def weight(scores: tuple[Tensor, Tensor, Tensor], row: int, path: tuple[int, ...]) -> float:
    emissions_BTK, transitions_KK, start_K = scores
    total = start_K[path[0]].item()
    total += sum(transitions_KK[a, b].item() for a, b in itertools.pairwise(path))
    return math.exp(total + sum(emissions_BTK[row, t, tag].item() for t, tag in enumerate(path)))


def legal_paths(length: int) -> list[tuple[int, ...]]:
    return [
        path
        for path in itertools.product(range(len(TAGS)), repeat=length)
        if not any(illegal(a, b) for a, b in itertools.pairwise(["O", *(TAGS[k] for k in path)]))
    ]


def mask() -> Tensor:
    return torch.arange(4) < torch.tensor(LENGTHS)[:, None]


def test_the_partition_sums_every_legal_tagging(scores: tuple[Tensor, Tensor, Tensor]) -> None:
    found_B = crf.log_partition(*scores, mask())
    for row, length in enumerate(LENGTHS):
        whole = sum(weight(scores, row, path) for path in legal_paths(length))
        assert found_B[row].item() == pytest.approx(math.log(whole), abs=1e-4)


def test_viterbi_finds_the_best_legal_tagging(scores: tuple[Tensor, Tensor, Tensor]) -> None:
    found = crf.viterbi(*scores, LENGTHS)
    for row, length in enumerate(LENGTHS):
        best = max(legal_paths(length), key=lambda path: weight(scores, row, path))
        assert tuple(found[row]) == best


def test_the_loss_sums_what_is_allowed(scores: tuple[Tensor, Tensor, Tensor]) -> None:
    torch.manual_seed(4)
    allowed_BTK = torch.rand(3, 4, len(TAGS)) < 0.6
    allowed_BTK[:, :, 0] = True
    loss_B = crf.loss(*scores, mask(), allowed_BTK)
    for row, length in enumerate(LENGTHS):
        paths = legal_paths(length)
        whole = sum(weight(scores, row, path) for path in paths)
        kept = sum(
            weight(scores, row, path)
            for path in paths
            if all(allowed_BTK[row, t, tag] for t, tag in enumerate(path))
        )
        assert loss_B[row].item() == pytest.approx(math.log(whole / kept), abs=1e-4)


def test_a_span_is_as_probable_as_the_taggings_that_have_it(
    scores: tuple[Tensor, Tensor, Tensor],
) -> None:
    spans = [[(0, 1, 1), (1, 3, 3), (2, 4, 1), (3, 4, 3)], [(0, 2, 1)], [(0, 1, 3)]]
    found = crf.span_scores(*scores, LENGTHS, spans)
    for row, length in enumerate(LENGTHS):
        paths = legal_paths(length)
        whole = sum(weight(scores, row, path) for path in paths)
        for (first, end, tag), odds in zip(spans[row], found[row], strict=True):
            having = [
                path
                for path in paths
                if path[first] == tag
                and all(path[t] == tag + 1 for t in range(first + 1, end))
                and (end == length or path[end] != tag + 1)
            ]
            exact = sum(weight(scores, row, path) for path in having) / whole
            assert odds == pytest.approx(exact, abs=1e-4)


def test_padding_changes_nothing(scores: tuple[Tensor, Tensor, Tensor]) -> None:
    emissions_BTK, transitions_KK, start_K = scores
    other_BTK = emissions_BTK.clone()
    other_BTK[~mask()] = 7.0
    for each in (emissions_BTK, other_BTK):
        assert crf.viterbi(each, transitions_KK, start_K, LENGTHS) == crf.viterbi(*scores, LENGTHS)
        torch.testing.assert_close(
            crf.log_partition(each, transitions_KK, start_K, mask()),
            crf.log_partition(*scores, mask()),
        )


def test_sums_by_products_are_the_sums_of_logarithms(
    scores: tuple[Tensor, Tensor, Tensor],
) -> None:
    emissions_BTK, transitions_KK, start_K = scores
    alpha_BTK, beta_BTK = crf._both_scores(emissions_BTK * 5, transitions_KK, start_K, mask())
    slow = crf.forward_scores(emissions_BTK * 5, transitions_KK, start_K, mask())
    torch.testing.assert_close(alpha_BTK.exp(), slow.exp(), rtol=1e-4, atol=1e-6)
    slow = crf.backward_scores(emissions_BTK * 5, transitions_KK, mask())
    torch.testing.assert_close(beta_BTK.exp(), slow.exp(), rtol=1e-4, atol=1e-6)
