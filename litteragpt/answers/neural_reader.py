"""Marks answers by a span reader that was trained beside a sentence encoder, and its word vectors.

Without an encoder the log-linear model of `litteragpt.answers.reader` marks them: a word says the
same there whatever it means, and what stands around it counts by one word on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from litteragpt.answers.language import WORD
from litteragpt.answers.reader import (
    AFTER,
    KINDS,
    LENGTHS,
    START_FIGURES,
    Reading,
    Span,
    kind_of,
    length_bins,
    most_probable,
    read_passage,
)
from litteragpt.answers.words import EMPTY, WordRows
from litteragpt.architectures.sentence_encoder import SentenceEncoder, sentences_of
from litteragpt.architectures.span_reader import (
    Passages,
    SpanReaderConfig,
    Spans,
    score_spans,
)

WORD_FIGURES: Final = START_FIGURES + AFTER.stop - AFTER.start
_MAX_ASKED: Final = 60
"""Words of a question; the rest is not read."""


def reader_config(
    *, width: int = 96, layers: int = 2, kernel: int = 5, dropout: float = 0.3
) -> SpanReaderConfig:
    """The shape of a reader of this version's figures."""
    return SpanReaderConfig(
        figures=WORD_FIGURES,
        kinds=len(KINDS),
        lengths=LENGTHS,
        width=width,
        layers=layers,
        kernel=kernel,
        dropout=dropout,
    )


def check_figures(config: SpanReaderConfig) -> None:
    """Raise ValueError for a reader of other figures, kinds of question or lengths."""
    if (config.figures, config.kinds, config.lengths) != (WORD_FIGURES, len(KINDS), LENGTHS):
        raise ValueError("a span reader of other figures than this version has")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question and a passage as a span reader sees them; `T` words, `Q` of the question."""

    reading: Reading
    figures_TF: Tensor
    rows_TE: Tensor
    question_D: Tensor
    asked_QE: Tensor
    kind: int

    @property
    def sentence_T(self) -> Tensor:
        """The number of each word's sentence."""
        return torch.from_numpy(self.reading.sentence_T[: len(self.figures_TF)])


class NeuralReader:
    """A `litteragpt.answers.reader.PassageReader`: an encoder's span reader."""

    def __init__(self, encoder: SentenceEncoder, rows: WordRows) -> None:
        """ValueError where the encoder has none, or one of other figures."""
        net = encoder.reader
        if net is None:
            raise ValueError("the encoder has no span reader beside it")
        check_figures(net.config)
        self._net, self._encoder, self._rows = net.eval(), encoder, rows

    @torch.inference_mode()
    def read(self, question: str, text: str) -> Span | None:
        """The most probable answer in a passage; None where it has no words."""
        prepared = prepare(self._encoder, self._rows, question, text)
        if prepared is None:
            return None
        (scores_TL,) = scores_of(self._net(joined([prepared])), [prepared])
        return most_probable(scores_TL, prepared.reading.offsets)


@torch.no_grad()
def prepare(
    encoder: SentenceEncoder, rows: WordRows, question: str, text: str, *, most: int | None = None
) -> Prepared | None:
    """A question and a passage for an encoder's span reader; None where there are no words.

    With `most`, no more words of the passage are read.
    """
    reading = read_passage(question, text)
    offsets = reading.offsets[:most]
    if not offsets:
        return None
    asked = [match.group().lower() for match in WORD.finditer(question)][:_MAX_ASKED] or [EMPTY]
    own = [text[start:end].lower() for start, end in offsets]
    vectors_NE = _row_vectors(encoder, rows, [*own, *asked])
    figures = np.concatenate([reading.starts_TF, reading.ends_TF[:, AFTER]], 1)[: len(own)]
    return Prepared(
        reading,
        torch.from_numpy(figures),
        vectors_NE[: len(own)],
        encoder(sentences_of([rows(question)]))[0].cpu(),
        vectors_NE[len(own) :],
        kind_of(question),
    )


def joined(given: Sequence[Prepared]) -> Passages:
    """Prepared passages as one batch."""
    lengths_B = torch.tensor([len(each.figures_TF) for each in given])
    asked_B = torch.tensor([len(each.asked_QE) for each in given])
    return Passages(
        pad_sequence([each.figures_TF for each in given], batch_first=True),
        pad_sequence([each.rows_TE for each in given], batch_first=True),
        torch.arange(int(lengths_B.max())) < lengths_B[:, None],
        torch.stack([each.question_D for each in given]),
        pad_sequence([each.asked_QE for each in given], batch_first=True),
        torch.arange(int(asked_B.max())) < asked_B[:, None],
        torch.tensor([each.kind for each in given]),
    )


def scores_of(said: Spans, given: Sequence[Prepared]) -> list[Tensor]:
    """The scores `T, L` of the spans of each passage of a batch."""
    bins_L = torch.from_numpy(length_bins())
    found = []
    for row, each in enumerate(given):
        words = len(each.figures_TF)
        found.append(
            score_spans(
                said.starts_BT[row, :words],
                said.ends_BT[row, :words],
                said.inside_BT[row, :words],
                said.lengths_BN[row][bins_L],
                each.sentence_T,
            )
        )
    return found


def _row_vectors(encoder: SentenceEncoder, rows: WordRows, words: Sequence[str]) -> Tensor:
    """The words' vectors in the encoder's table, `N, E`, each of length one."""
    different = {word: number for number, word in enumerate(dict.fromkeys(words))}
    read = [rows.rows(word) for word in different]
    sizes_U = torch.tensor([len(each) for each in read])
    flat_N = torch.tensor([row for each in read for row in each])
    device = encoder.device
    table_UE = encoder.table(flat_N.to(device), (sizes_U.cumsum(0) - sizes_U).to(device)).cpu()
    vectors_UE = functional.normalize(table_UE.float(), dim=1)
    return vectors_UE[[different[word] for word in words]]
