"""Sentences as an encoder reads them, many at a time."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import repeat

import torch
from torch import Tensor

from litteragpt.architectures.encoder import EncoderConfig, Words
from litteragpt.entities.features import WordFeatures


def words_of(sentences: Sequence[Sequence[str]], features: WordFeatures) -> Words:
    """A batch of sentences, each of one word or more; every different word is looked up once."""
    numbers: dict[str, int] = {}
    longest = max(len(sentence) for sentence in sentences)
    words = array("q")
    for sentence in sentences:
        words.extend([numbers.setdefault(word, len(numbers)) for word in sentence])
        words.extend(repeat(0, longest - len(sentence)))
    rows, offsets, shapes, attributes = array("q"), array("q"), array("q"), array("q")
    for word in numbers:
        word_rows, shape, word_attributes = features(word)
        offsets.append(len(rows))
        rows.extend(word_rows)
        shapes.append(shape)
        attributes.extend(word_attributes)
    return Words(
        rows_N=_tensor(rows),
        offsets_U=_tensor(offsets),
        shapes_U=_tensor(shapes),
        attributes_UA=_tensor(attributes).view(len(numbers), -1),
        words_BT=_tensor(words).view(len(sentences), longest),
        lengths_B=torch.tensor([len(sentence) for sentence in sentences]),
    )


def features_of(config: EncoderConfig) -> WordFeatures:
    """What an encoder of this shape asks of words."""
    return WordFeatures(config.rows, config.shapes, attributes=config.templates > 0)


def _tensor(numbers: array[int]) -> Tensor:
    """The numbers where they are: a list of so many would be read one by one."""
    if not numbers:  # an empty buffer is refused
        return torch.empty(0, dtype=torch.int64)
    return torch.frombuffer(numbers, dtype=torch.int64)
