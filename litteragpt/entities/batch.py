"""Sentences as an encoder reads them, many at a time."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import repeat

import torch
from torch import Tensor

from litteragpt.architectures.encoder import Words
from litteragpt.entities.features import WordFeatures


def words_of(sentences: Sequence[Sequence[str]], features: WordFeatures) -> Words:
    """A batch of sentences, each of one word or more; every different word is looked up once."""
    numbers: dict[str, int] = {}
    longest = max(len(sentence) for sentence in sentences)
    words = array("q")
    for sentence in sentences:
        words.extend([numbers.setdefault(word, len(numbers)) for word in sentence])
        words.extend(repeat(0, longest - len(sentence)))
    rows, offsets, shapes = array("q"), array("q"), array("q")
    for word in numbers:
        word_rows, shape = features(word)
        offsets.append(len(rows))
        rows.extend(word_rows)
        shapes.append(shape)
    return Words(
        rows_N=_tensor(rows),
        offsets_U=_tensor(offsets),
        shapes_U=_tensor(shapes),
        words_BT=_tensor(words).view(len(sentences), longest),
        lengths_B=torch.tensor([len(sentence) for sentence in sentences]),
    )


def _tensor(numbers: array[int]) -> Tensor:
    """The numbers where they are: a list of so many would be read one by one."""
    return torch.frombuffer(numbers, dtype=torch.int64)
