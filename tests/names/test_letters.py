"""The plane in which a model's letters are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import litteragpt
from litteragpt.names.letters import embedding_plane, embedding_table, principal_plane
from tests.tiny import save_tiny


def test_points_in_a_plane_keep_their_distances() -> None:
    generator = torch.Generator().manual_seed(3)
    flat_P2 = torch.randn(12, 2, generator=generator, dtype=torch.float64)
    basis, _ = torch.linalg.qr(torch.randn(7, 7, generator=generator, dtype=torch.float64))
    places_P2, share = principal_plane(flat_P2 @ basis[:2] + 5.0)
    assert share == pytest.approx(1.0)
    torch.testing.assert_close(torch.cdist(places_P2, places_P2), torch.cdist(flat_P2, flat_P2))
    assert places_P2[:, 0].var() >= places_P2[:, 1].var()


def test_mirrored_points_give_the_same_picture() -> None:
    points = torch.tensor([[3.0, 0.1], [0.0, 0.0], [-1.0, -0.3]], dtype=torch.float64)
    there, _ = principal_plane(points)
    mirrored, _ = principal_plane(-points)
    torch.testing.assert_close(there[:, 0].abs().max(), there[:, 0].max())
    torch.testing.assert_close(mirrored[:, 0].abs().max(), mirrored[:, 0].max())


@pytest.mark.parametrize(
    "points", [torch.zeros(5, 3), torch.ones(1, 4), torch.arange(4.0)[:, None]]
)
def test_points_that_span_no_plane_are_no_error(points: torch.Tensor) -> None:
    places_P2, share = principal_plane(points.double())
    assert places_P2.shape == (len(points), 2)
    assert torch.isfinite(places_P2).all()
    assert 0.0 <= share <= 1.0 + 1e-9


def test_the_letters_of_a_model_have_their_places(tmp_path: Path) -> None:
    lm = litteragpt.load(save_tiny(tmp_path))
    plane = embedding_plane(lm)
    assert plane is not None
    assert plane.width == 16
    assert len(plane.pieces) == lm.tokenizer.vocab_size - 1
    assert [each.text for each in plane.pieces[:2]] == ["\n", " "]
    assert [each.piece for each in plane.pieces[:2]] == ["↵", "␣"]
    table = embedding_table(lm.model)
    assert table is not None
    assert 0 < plane.share < 1


def test_a_model_without_embeddings_has_none() -> None:
    class Bare:
        vocab_size = context = 4

    assert embedding_table(Bare()) is None  # type: ignore[arg-type]
