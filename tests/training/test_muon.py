"""Muon over whole shapes: the library's, one matrix at a time, is the oracle."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from litteragpt.training.muon import Muon, orthogonalised

SHAPES = [(8, 8), (12, 8), (8, 8), (8, 12), (12, 8), (1, 5)]


def matrices() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def gradients(step: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(step + 1)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def test_every_step_equals_the_library_s() -> None:
    ours, theirs = matrices(), matrices()
    mine = Muon(ours, lr=0.02, momentum=0.9, weight_decay=0.3)
    library = torch.optim.Muon(theirs, lr=0.02, momentum=0.9, weight_decay=0.3)
    for step in range(5):
        for own, other, gradient in zip(ours, theirs, gradients(step), strict=True):
            own.grad, other.grad = gradient.clone(), gradient.clone()
        for optimizer in (mine, library):
            optimizer.param_groups[0]["lr"] = 0.02 / (step + 1)
            optimizer.step()
        for own, other in zip(ours, theirs, strict=True):
            # The products are in bf16, whose sums may be taken in another order.
            torch.testing.assert_close(own, other, atol=1e-3, rtol=0)
            fields = mine.state[own].keys(), library.state[other].keys()
            assert fields[0] == fields[1]


def test_a_matrix_without_a_gradient_stays_as_it_is() -> None:
    ours = matrices()
    before = [matrix.detach().clone() for matrix in ours]
    for matrix, gradient in list(zip(ours, gradients(0), strict=True))[1:]:
        matrix.grad = gradient
    Muon(ours, lr=0.1, momentum=0.9, weight_decay=0.1).step()
    same = [torch.equal(matrix, old) for matrix, old in zip(ours, before, strict=True)]
    assert same == [True, *[False] * (len(SHAPES) - 1)]


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 32, 8), (2, 8, 32)])
def test_singular_values_become_alike(shape: tuple[int, int, int]) -> None:
    x_NRC = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    singular = torch.linalg.svdvals(orthogonalised(x_NRC).float())
    assert singular.shape == (shape[0], min(shape[1:]))
    assert singular.median() > 0.6
    assert singular.max() < 1.3
