"""One language model of several: at each place, a weighted mean of their probabilities.

Source: Jelinek & Mercer 1980 (interpolated estimation; weights by the context, fitted by
expectation and maximisation on text that was held out).

Shapes: A models, B rows, T positions, V vocabulary, P places of a text; I and J classes of
confidence of the first and the second of two models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from litteragpt.protocols import LanguageModel

Weigh = Callable[[Tensor], Tensor]
"""Of log-probabilities `A, B, T, V`, the logarithms of the models' weights `A, B, T`."""

EDGES = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92, 0.97)
"""Between classes of confidence: the probability that a model gives to what it thinks likeliest."""


class Mixture(nn.Module):
    """A `LanguageModel` whose state is those of its models. They must have one vocabulary."""

    def __init__(self, models: Sequence[LanguageModel[Any]], weigh: Weigh) -> None:
        super().__init__()
        assert len({model.vocab_size for model in models}) == 1, "models of several vocabularies"
        self.parts = list(models)
        # Those that are modules are known as such, so that the mixture is where their weights are.
        self.modules_of_parts = nn.ModuleList(m for m in models if isinstance(m, nn.Module))
        self.weigh = weigh
        self.eval()

    @property
    def vocab_size(self) -> int:
        return self.parts[0].vocab_size

    @property
    def context(self) -> int:
        return max(part.context for part in self.parts)

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        return tuple(part.initial_state(batch_size) for part in self.parts)

    def forward(
        self, ids_BT: Tensor, state: tuple[Any, ...] | None = None
    ) -> tuple[Tensor, tuple[Any, ...] | None]:
        """Log-probabilities `B, T, V`; see `LanguageModel`."""
        states = [None] * len(self.parts) if state is None else state
        read = [part(ids_BT, each) for part, each in zip(self.parts, states, strict=True)]
        log_p_ABTV = torch.stack([logits.float().log_softmax(-1) for logits, _ in read])
        mixed_BTV = (log_p_ABTV + self.weigh(log_p_ABTV)[..., None]).logsumexp(0)
        return mixed_BTV, None if state is None else tuple(new for _, new in read)

    def repeat_state(self, state: tuple[Any, ...], rows: int) -> tuple[Any, ...]:
        pairs = zip(self.parts, state, strict=True)
        return tuple(part.repeat_state(each, rows) for part, each in pairs)

    def select_rows(self, state: tuple[Any, ...], rows: Sequence[int]) -> tuple[Any, ...]:
        pairs = zip(self.parts, state, strict=True)
        return tuple(part.select_rows(each, rows) for part, each in pairs)


def evenly(log_p_ABTV: Tensor) -> Tensor:
    """All models count alike: an ensemble."""
    return -log_p_ABTV.new_full(log_p_ABTV.shape[:3], len(log_p_ABTV)).log()


class ByConfidence:
    """Of two models, the second one's weight by how sure either is."""

    def __init__(self, shares_IJ: Tensor, edges: Sequence[float] = EDGES) -> None:
        """`shares_IJ`: from 0 to 1, in double precision; without edges, one share for all."""
        assert shares_IJ.shape == (len(edges) + 1,) * 2
        self.shares_IJ = shares_IJ
        self.edges = tuple(edges)

    def __call__(self, log_p_ABTV: Tensor) -> Tensor:
        first_BT, second_BT = classes(log_p_ABTV, self.edges)
        shares_BT = self.shares_IJ.to(log_p_ABTV)[first_BT, second_BT]
        return torch.stack([(-shares_BT).log1p(), shares_BT.log()])


def classes(log_p: Tensor, edges: Sequence[float]) -> Tensor:
    """The class of confidence of each distribution, the last axis of `log_p`."""
    bounds = torch.tensor(edges, dtype=log_p.dtype, device=log_p.device)
    return torch.bucketize(log_p.amax(-1).exp().contiguous(), bounds)


def fitted(
    log_p_2P: Tensor, classes_2P: Tensor, edges: Sequence[float] = EDGES, *, rounds: int = 50
) -> ByConfidence:
    """The shares under which a text that neither model counted on is likeliest.

    `log_p_2P` are the log-probabilities that both give to what stands at each place. A class of
    few places leans to the share that is best for all places, as if 10 more had shown it.
    """
    odds_P = (log_p_2P[1] - log_p_2P[0]).double().exp()
    count = len(edges) + 1
    cells_P = classes_2P[0] * count + classes_2P[1]
    places_C = torch.bincount(cells_P, minlength=count * count).double()
    overall = torch.tensor(0.5, dtype=torch.float64)
    for _ in range(rounds):
        overall = (overall * odds_P / (1 - overall + overall * odds_P)).mean()
    shares_C = overall.expand(count * count)
    for _ in range(rounds):
        share_P = shares_C[cells_P]
        due_P = share_P * odds_P / (1 - share_P + share_P * odds_P)
        due_C = torch.bincount(cells_P, due_P, minlength=count * count)
        shares_C = (due_C + 10 * overall) / (places_C + 10)
    return ByConfidence(shares_C.view(count, count), edges)
