"""What a model has learnt about its letters: the vectors that it reads them as, in a plane.

Shapes: P pieces, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from litteragpt.generation.text import TextModel
from litteragpt.protocols import LanguageModel


@dataclass(frozen=True, slots=True)
class PlacedPiece:
    """A piece and its place in the plane."""

    id: int
    text: str
    piece: str
    """As it may be shown: see `Tokenizer.piece`."""
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class EmbeddingPlane:
    """The two directions in which a model's pieces differ the most."""

    pieces: tuple[PlacedPiece, ...]
    width: int
    """D: of how many dimensions these are two."""
    share: float
    """Of the variance of the vectors, what is in the plane; 0 to 1."""


def embedding_table(model: LanguageModel[Any]) -> Tensor | None:
    """The vectors that a model reads ids as, a row an id; None where it has none.

    There may be more rows than ids, such as one for padding.
    """
    embedding = getattr(model, "embedding", None)
    return embedding.weight.detach() if isinstance(embedding, nn.Embedding) else None


def embedding_plane(lm: TextModel) -> EmbeddingPlane | None:
    """The pieces of a model's vocabulary in a plane; None where it has no embedding.

    Ids that are no text are left out.
    """
    table = embedding_table(lm.model)
    if table is None:
        return None
    ids = [id for id in range(lm.tokenizer.vocab_size) if id not in lm.banned_ids]
    table_PD = table[torch.tensor(ids, device=table.device)].to("cpu", torch.float64)
    places_P2, share = principal_plane(table_PD)
    pieces = tuple(
        PlacedPiece(id, lm.tokenizer.decode([id]), lm.tokenizer.piece(id), x, y)
        for id, (x, y) in zip(ids, places_P2.tolist(), strict=True)
    )
    return EmbeddingPlane(pieces, table_PD.shape[1], share)


def principal_plane(points_PD: Tensor) -> tuple[Tensor, float]:
    """The first two principal components `P, 2` of points, and their share of the variance.

    Each axis points to where its farthest point is, so that the same points give one picture.
    """
    centred_PD = points_PD - points_PD.mean(0)
    u, s, _ = torch.linalg.svd(centred_PD, full_matrices=False)
    places_P2 = points_PD.new_zeros(len(points_PD), 2)
    found = min(2, len(s))
    places_P2[:, :found] = (u * s)[:, :found]
    farthest_2 = places_P2.gather(0, places_P2.abs().argmax(0)[None])[0]
    variance = float((s**2).sum())
    share = float((s[:2] ** 2).sum()) / variance if variance > 0 else 0.0
    return torch.where(farthest_2 < 0, -places_P2, places_P2), share
