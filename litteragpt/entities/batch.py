"""Sentences as an encoder reads them, many at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from litteragpt.architectures.encoder import Words
from litteragpt.entities.features import WordFeatures


def words_of(sentences: Sequence[Sequence[str]], features: WordFeatures) -> Words:
    """A batch of sentences, each of one word or more; every different word is looked up once."""
    numbers: dict[str, int] = {}
    longest = max(len(sentence) for sentence in sentences)
    words_BT = [
        [numbers.setdefault(word, len(numbers)) for word in sentence]
        + [0] * (longest - len(sentence))
        for sentence in sentences
    ]
    rows: list[int] = []
    offsets: list[int] = []
    shapes: list[int] = []
    for word in numbers:
        word_rows, shape = features(word)
        offsets.append(len(rows))
        rows.extend(word_rows)
        shapes.append(shape)
    return Words(
        rows_N=torch.tensor(rows),
        offsets_U=torch.tensor(offsets),
        shapes_U=torch.tensor(shapes),
        words_BT=torch.tensor(words_BT),
        lengths_B=torch.tensor([len(sentence) for sentence in sentences]),
    )
