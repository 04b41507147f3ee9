"""Scores of tags by hashed feature templates: what a plain conditional random field goes by.

A template names attributes of a word and of its neighbours, such as "the last three letters of the
word before": each of its values has a row of one hashed table (Weinberger et al. 2009), with a
score for each tag. Beside what a network reads this is the wide part of Cheng et al. 2016, "Wide &
Deep Learning": it learns rare and exact clues by heart, which a network would have to generalise.

Shapes: B sentences, T words, U different words, A attributes, M templates, K tags, P attributes at
places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

LOWER, WORD, SHAPE, PREFIX2, PREFIX3, PREFIX4, SUFFIX2, SUFFIX3, SUFFIX4 = range(9)
ATTRIBUTES: Final = 9
"""A: of each word, in the order of these numbers (`litteragpt.entities.features.attributes`)."""

TEMPLATES: Final[tuple[tuple[tuple[int, int], ...], ...]] = (
    *(((LOWER, place),) for place in (-2, -1, 0, 1, 2)),
    *(((SHAPE, place),) for place in (-2, -1, 0, 1, 2)),
    *(((PREFIX3, place),) for place in (-1, 1)),
    *(((SUFFIX3, place),) for place in (-1, 1)),
    *(((each, 0),) for each in (WORD, PREFIX2, PREFIX3, PREFIX4, SUFFIX2, SUFFIX3, SUFFIX4)),
    ((LOWER, -1), (LOWER, 0)),
    ((LOWER, 0), (LOWER, 1)),
    ((LOWER, -1), (LOWER, 1)),
    ((LOWER, -1), (SHAPE, 0)),
    ((SHAPE, 0), (LOWER, 1)),
    ((SHAPE, -1), (SHAPE, 0)),
    ((SHAPE, 0), (SHAPE, 1)),
    ((SHAPE, -1), (SHAPE, 0), (SHAPE, 1)),
)
"""Each a conjunction of (attribute, places to the right), the shortest first."""
REACH: Final = 2
"""Places to either side that templates look at."""
_SEEN: Final = tuple(dict.fromkeys(each for template in TEMPLATES for each in template))
"""P different attributes at their places."""
_FACTOR: Final = 0x9E3779B97F4A7C15 - 2**64
"""The golden ratio as an odd signed number of 64 bits (Knuth): products spread over all of them."""


class TemplateScores(nn.Module):
    """The sum of the rows of a word's M templates."""

    def __init__(self, rows: int, tags: int, dropout: float) -> None:
        """`dropout` is the share of templates that are left out in training."""
        super().__init__()
        self.table = nn.EmbeddingBag(rows, tags, mode="sum")
        self.dropout = dropout
        self._columns: tuple[int, ...] | None = None

    def initialise(self) -> None:
        """Nothing is known yet."""
        nn.init.zeros_(self.table.weight)

    def for_tags(self, own: Sequence[str], wanted: Sequence[str]) -> TemplateScores:
        """Scores of the same table for other tags, in their order; 0 for one that it lacks."""
        with torch.device("meta"):
            found = TemplateScores(1, 1, self.dropout)
        found.table = self.table
        found._columns = tuple(own.index(tag) if tag in own else len(own) for tag in wanted)
        return found

    def forward(self, attributes_BTA: Tensor, mask_BT: Tensor) -> Tensor:
        """`B, T, K`, for words of which `attributes_BTA` holds the hashes."""
        rows_BTM = template_rows(attributes_BTA, mask_BT, self.table.num_embeddings)
        rows_NM = rows_BTM.flatten(0, 1)
        kept_NM: Tensor | None = None
        if self.training and self.dropout:
            ones_NM = torch.ones(rows_NM.shape, device=rows_NM.device)
            kept_NM = functional.dropout(ones_NM, self.dropout)
        scores_NK: Tensor = self.table(rows_NM, per_sample_weights=kept_NM)
        if self._columns is not None:
            scores_NK = functional.pad(scores_NK, (0, 1))[:, self._columns]
        return scores_NK.view(*mask_BT.shape, -1)


def template_rows(attributes_BTA: Tensor, mask_BT: Tensor, rows: int) -> Tensor:
    """`B, T, M`: the row of each template at each word; beyond a sentence's ends all is 0.

    Products wrap around at 64 bits; `>>` fills with the sign, which is as good.
    """
    known_ABT = attributes_BTA.masked_fill(~mask_BT[:, :, None], 0).permute(2, 0, 1)
    padded_ABT = functional.pad(known_ABT, (REACH, REACH))
    length = mask_BT.shape[1]
    seen_PBT = torch.stack(
        [padded_ABT[each, :, REACH + place :][:, :length] for each, place in _SEEN]
    )
    device = attributes_BTA.device
    numbers_M = torch.arange(1, len(TEMPLATES) + 1, device=device)
    value_MBT = numbers_M[:, None, None].repeat(1, *mask_BT.shape)
    for order in range(len(TEMPLATES[-1])):
        first = next(k for k, template in enumerate(TEMPLATES) if len(template) > order)
        places = torch.tensor([_SEEN.index(each[order]) for each in TEMPLATES[first:]])
        longer_MBT = value_MBT[first:]
        longer_MBT.mul_(_FACTOR).add_(seen_PBT[places.to(device)])
        longer_MBT.bitwise_xor_(longer_MBT >> 29)
    high_MBT = value_MBT.mul_(_FACTOR).bitwise_right_shift_(32).bitwise_and_(2**32 - 1)
    # As good as a remainder, and faster (Lemire 2019, "Fast Random Integer Generation").
    return high_MBT.mul_(rows).bitwise_right_shift_(32).permute(1, 2, 0).contiguous()
