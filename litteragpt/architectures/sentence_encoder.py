"""A sentence as one vector: word vectors, a few bidirectional blocks, a weighted mean.

Vectors of sentences that mean much the same, and of a question and a sentence that answers it, lie
close together (Reimers & Gurevych 2019, "Sentence-BERT"). A word of the vocabulary has a row of its
own in the table; of any other, the rows of its character n-grams are averaged (Bojanowski et al.
2017). The blocks are the decoder's, each position seeing all.

Shapes: B sentences, T words, U different words, N rows of all of these one after another, C width,
D dimensions of a sentence's vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.architectures.decoder import (
    Block,
    DecoderConfig,
    SequenceDropout,
    initialise,
    rotations,
)
from litteragpt.architectures.span_reader import SpanReader, SpanReaderConfig
from litteragpt.bounds import check_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceEncoderConfig:
    """The shape of a sentence encoder; saved as JSON beside the weights."""

    words: int
    """With a row of their own."""
    grams: int = 16_384
    """Rows that n-grams of other words share."""
    word_width: int = 256
    """Of a row."""
    dimensions: int = 256
    """Of a sentence's vector."""
    longest: int = 96
    """Words of a sentence; the rest is not read."""
    layers: int = 2
    width: int = 256
    heads: int = 4
    hidden: int = 512
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6
    dropout: float = 0.0

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        check_whole("words", self.words, 1, 1_048_576)
        check_whole("grams", self.grams, 2, 1_048_576)
        check_whole("word_width", self.word_width, 1, self.width)
        check_whole("dimensions", self.dimensions, 2, 4_096)
        self.blocks().validate()

    def blocks(self) -> DecoderConfig:
        """The shape of the decoder whose blocks these are."""
        return DecoderConfig(
            vocab_size=self.words + self.grams,
            context=self.longest,
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            hidden=self.hidden,
            rope_theta=self.rope_theta,
            norm_eps=self.norm_eps,
            dropout=self.dropout,
        )


@dataclass(frozen=True, slots=True)
class Sentences:
    """A batch of sentences as an encoder reads them."""

    rows_N: Tensor
    offsets_U: Tensor
    """Where the rows of each different word begin."""
    words_BT: Tensor
    """Which of the different words stands where; anything after a sentence's end."""
    lengths_B: Tensor
    """Words, one at least."""

    def to(self, device: torch.device) -> Sentences:
        """The same for an encoder on a device."""
        return replace(
            self,
            rows_N=self.rows_N.to(device),
            offsets_U=self.offsets_U.to(device),
            words_BT=self.words_BT.to(device),
            lengths_B=self.lengths_B.to(device),
        )


def sentences_of(read: Sequence[Sequence[tuple[int, ...]]]) -> Sentences:
    """A batch of sentences whose words are given by the rows of each, one word at least."""
    different: dict[tuple[int, ...], int] = {}
    numbers = [[different.setdefault(word, len(different)) for word in each] for each in read]
    lengths_B = torch.tensor([len(each) for each in numbers])
    words_BT = torch.zeros(len(numbers), int(lengths_B.max()), dtype=torch.long)
    for row, each in enumerate(numbers):
        words_BT[row, : len(each)] = torch.tensor(each)
    sizes_U = torch.tensor([len(rows) for rows in different])
    return Sentences(
        torch.tensor([row for rows in different for row in rows]),
        sizes_U.cumsum(0) - sizes_U,
        words_BT,
        lengths_B,
    )


class SentenceEncoder(nn.Module):
    """Vectors of length one for sentences of words."""

    def __init__(
        self, config: SentenceEncoderConfig, reader: SpanReaderConfig | None = None
    ) -> None:
        """With `reader`, a span reader that knows words by the encoder's table beside it."""
        super().__init__()
        config.validate()
        self.config = config
        self.reader = SpanReader(reader, config.word_width, config.dimensions) if reader else None
        shape = config.blocks()
        rows = config.words + config.grams
        self.table = nn.EmbeddingBag(rows, config.word_width, mode="mean")
        self.widen = nn.Linear(config.word_width, config.width, bias=False)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, config.norm_eps)
        self.weigh = nn.Linear(config.width, 1)
        self.project = nn.Linear(config.width, config.dimensions, bias=False)
        self.dropout = SequenceDropout(config.dropout)

    def initialise(self) -> None:
        """Random weights to train from: at first, the mean of the words' vectors."""
        initialise(self)
        nn.init.normal_(self.table.weight, std=0.02)
        nn.init.eye_(self.widen.weight)
        nn.init.eye_(self.project.weight)
        nn.init.zeros_(self.weigh.weight)
        nn.init.zeros_(self.weigh.bias)

    @property
    def device(self) -> torch.device:
        """Where its weights are, and so what it reads must be."""
        return self.project.weight.device

    def forward(self, sentences: Sentences) -> Tensor:
        """`B, D`: the vectors of sentences."""
        c, T = self.config, sentences.words_BT.shape[1]
        assert c.longest >= T, "a sentence is longer than the encoder reads"
        there_BT = torch.arange(T, device=self.device) < sentences.lengths_B[:, None]
        rotation = rotations(0, T, c.rope_theta, c.width // c.heads, self.device)
        # Of unit variance, as the blocks want it: else they drown the words at once.
        words_UC = self.widen(self.table(sentences.rows_N, sentences.offsets_U)) * c.width**0.5
        x_BTC = self.dropout(words_UC[sentences.words_BT])
        for block in self.blocks:
            x_BTC = block(x_BTC, rotation, None, there_BT[:, None, None])
        weights_BT = functional.softplus(self.weigh(self.norm(x_BTC)).float())[:, :, 0] * there_BT
        mean_BC = (weights_BT[:, :, None] * x_BTC.float()).sum(1) / weights_BT.sum(1, keepdim=True)
        return functional.normalize(self.project(mean_BC).float(), dim=1)
