"""Which words of a passage answer a question: a few convolutions over what is known of each word.

A word comes as figures of its own (a number, a name, near the question's words, …) and as a row of
a sentence encoder's table, whose weights stay as they are; the question as the rows of its words,
its own vector and its kind. A span's score is what its first word says as a start, its last as an
end, each of its words as one inside, and its length, so that all spans are scored at once by
running sums. After the readers that stood before pre-trained ones (Chen et al. 2017, "DrQA"; Yu et
al. 2018, "QANet"), small enough for some thousand questions.

Shapes: B passages, T words, F figures, E width of the table's rows, D dimensions of a sentence's
vector, Q words of a question, C width, L words of a span at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.bounds import check_range, check_whole

_ROWS_SCALE = 4.0
"""What brings vectors of length one near the figures' size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanReaderConfig:
    """The shape of a span reader; saved as JSON beside the weights."""

    figures: int
    """Of a word."""
    kinds: int
    """Of questions."""
    lengths: int
    """Bins of a span's length."""
    words: int = 32
    """Width that a word's row is brought to."""
    question: int = 48
    width: int = 96
    layers: int = 2
    kernel: int = 5
    dropout: float = 0.3

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        for name in ("figures", "kinds", "lengths", "words", "question", "width"):
            check_whole(f"reader.{name}", getattr(self, name), 1, 4_096)
        check_whole("reader.layers", self.layers, 0, 16)
        check_whole("reader.kernel", self.kernel, 1, 31)
        if self.kernel % 2 == 0:
            raise ValueError(f"reader.kernel must be odd, not {self.kernel}")
        check_range("reader.dropout", self.dropout, 0.0, 0.9)


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages and the question that is asked of each, as a reader sees them."""

    figures_BTF: Tensor
    rows_BTE: Tensor
    there_BT: Tensor
    """Whether there is a word, and not what fills up a shorter passage."""
    question_BD: Tensor
    asked_BQE: Tensor
    asked_there_BQ: Tensor
    kind_B: Tensor


@dataclass(frozen=True, slots=True)
class Spans:
    """What a reader says of each word, and of each length by its bin."""

    starts_BT: Tensor
    ends_BT: Tensor
    inside_BT: Tensor
    lengths_BN: Tensor


class SpanReader(nn.Module):
    """From passages and questions to what speaks for each span."""

    mean_F: Tensor
    scale_F: Tensor

    def __init__(self, config: SpanReaderConfig, row_width: int, dimensions: int) -> None:
        """`row_width` and `dimensions` are those of the sentence encoder's rows and vectors."""
        super().__init__()
        config.validate()
        self.config = config
        c = config
        self.register_buffer("mean_F", torch.zeros(c.figures))
        self.register_buffer("scale_F", torch.ones(c.figures))
        self.words = nn.Linear(row_width, c.words)
        self.whole = nn.Linear(dimensions, c.words)
        self.weigh = nn.Linear(row_width, 1)
        self.asked = nn.Linear(row_width, c.question)
        self.kind = nn.Embedding(c.kinds, c.question // 4 + 1)
        known = c.figures + 2 + 2 * c.words + c.question + c.question // 4 + 1
        self.join = nn.Linear(known, c.width)
        self.layers = nn.ModuleList(
            nn.Conv1d(c.width, c.width, c.kernel, padding=2**n * (c.kernel // 2), dilation=2**n)
            for n in range(c.layers)
        )
        self.gate = nn.Linear(c.question + c.question // 4 + 1, c.width)
        self.say = nn.Linear(c.width, 3)
        self.lengths = nn.Embedding(c.kinds, c.lengths)
        self.dropout = nn.Dropout(c.dropout)

    def initialise(self, mean_F: Tensor, scale_F: Tensor) -> None:
        """To train from: by the figures' means and standard deviations, no span before another."""
        self.mean_F.copy_(mean_F)
        self.scale_F.copy_(scale_F)
        nn.init.zeros_(self.say.weight)
        nn.init.zeros_(self.say.bias)
        nn.init.zeros_(self.lengths.weight)

    def forward(self, given: Passages) -> Spans:
        """What speaks for the spans of each passage."""
        T = given.there_BT.shape[1]
        there_BT1 = given.there_BT[:, :, None]
        asked_there_BQ = given.asked_there_BQ
        asked_BQE = given.asked_BQE * asked_there_BQ[:, :, None]
        alike_BTQ = given.rows_BTE @ asked_BQE.mT
        nearest_BT = alike_BTQ.masked_fill(~asked_there_BQ[:, None], -1.0).amax(2)
        usual_BT = alike_BTQ.sum(2) / asked_there_BQ.sum(1, keepdim=True).clamp(min=1)
        weights_BQ = (self.weigh(asked_BQE)[:, :, 0] * 6).masked_fill(~asked_there_BQ, -1e4)
        pooled_BE = (self.dropout(asked_BQE) * weights_BQ.softmax(1)[:, :, None]).sum(1)
        kind_BK = self.kind(given.kind_B)
        question_BC = torch.cat([self.asked(2 * _ROWS_SCALE * pooled_BE), kind_BK], 1)
        whole_BC = self.whole(_ROWS_SCALE * given.question_BD)
        known_BTC = torch.cat(
            [
                (given.figures_BTF - self.mean_F) / self.scale_F,
                _ROWS_SCALE * torch.stack([nearest_BT, usual_BT], 2),
                self.words(self.dropout(_ROWS_SCALE * given.rows_BTE)),
                torch.cat([whole_BC, question_BC], 1)[:, None].expand(-1, T, -1),
            ],
            2,
        )
        x_BTC = functional.relu(self.join(self.dropout(known_BTC))) * there_BT1
        for layer in self.layers:
            x_BTC = x_BTC + functional.relu(layer(self.dropout(x_BTC).mT).mT) * there_BT1
        gates_BC = self.gate(question_BC).sigmoid()
        said_BT3 = self.say(self.dropout(x_BTC) * gates_BC[:, None])
        starts_BT, ends_BT, inside_BT = said_BT3.unbind(2)
        return Spans(starts_BT, ends_BT, inside_BT, self.lengths(given.kind_B))


def score_spans(
    starts_T: Tensor, ends_T: Tensor, inside_T: Tensor, lengths_L: Tensor, sentence_T: Tensor
) -> Tensor:
    """The score of each span, `T, L`: from word t on, `l + 1` words; -inf where it would leave its
    sentence."""
    words = len(starts_T)
    sums_T = torch.cat([inside_T.new_zeros(1), inside_T.cumsum(0)])
    first_T1 = torch.arange(words)[:, None]
    last_TL = first_T1 + torch.arange(len(lengths_L))
    there_TL = last_TL < words
    last_TL = last_TL.clamp(max=words - 1)
    there_TL &= sentence_T[first_T1] == sentence_T[last_TL]
    scores_TL = starts_T[:, None] + ends_T[last_TL] + lengths_L
    scores_TL = scores_TL + sums_T[last_TL + 1] - sums_T[first_T1]
    return scores_TL.masked_fill(~there_TL, -torch.inf)
