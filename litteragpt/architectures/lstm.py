"""Stacked LSTM layers between an embedding and a softmax.

Sources: Hochreiter & Schmidhuber 1997 and Gers et al. 2000 (LSTM with a forget gate), Graves
2013 (stacked, as a language model), Jozefowicz et al. 2015 (forget bias 1), Gal & Ghahramani
2016 (one dropout mask for a whole row), Press & Wolf 2017 and Inan et al. 2017 (the embedding as
output matrix).

`nn.LSTM` reads many positions in one call; for a single one it would lay out its weights anew
each time, so `torch.lstm_cell` does that, four times as fast for one row.

Shapes: B rows, T new positions, D width of an embedding, H hidden width, L layers, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.architectures.base import LanguageModule
from litteragpt.architectures.decoder import SequenceDropout
from litteragpt.bounds import check_range, check_whole

LSTMState = tuple[Tensor, Tensor]
"""Outputs and cells of all layers, each `L, B, H`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LSTMConfig:
    """The shape of the model; saved as JSON beside the weights."""

    vocab_size: int
    context: int = 256
    """How much of a prompt is read: the length of the windows it was trained on."""
    width: int = 128
    """Of an embedding."""
    hidden: int = 256
    layers: int = 2
    dropout: float = 0.0
    """On the embeddings and on the output of each layer, in training only."""
    tied: bool = False
    """Whether the output matrix is the embedding: the last layer is then projected to `width`."""

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        check_whole("vocab_size", self.vocab_size, 2, 262_144)
        check_whole("context", self.context, 1, 65_536)
        check_whole("width", self.width, 1, 16_384)
        check_whole("hidden", self.hidden, 1, 16_384)
        check_whole("layers", self.layers, 1, 128)
        check_range("dropout", self.dropout, 0.0, 0.9)


class LSTM(LanguageModule[LSTMState]):
    """A language model whose state is what its LSTM layers carry."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        config.validate()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        # A module each: between two, a dropout mask is one for all positions.
        self.layers = nn.ModuleList(
            nn.LSTM(config.hidden if layer else config.width, config.hidden, batch_first=True)
            for layer in range(config.layers)
        )
        self.dense = nn.Linear(config.hidden, config.width if config.tied else config.vocab_size)
        self.dropout = SequenceDropout(config.dropout)

    def initialise(self) -> None:
        """Random weights to train from.

        Embeddings of unit variance, orthogonal recurrent matrices, forget gates that start open;
        the dense layer starts at zero, so that the first loss is exactly `ln V`.
        """
        nn.init.normal_(self.embedding.weight)
        for layer in self._lstm_layers():
            from_input, from_output, bias, second_bias = layer.all_weights[0]
            bound = (3.0 / layer.input_size) ** 0.5
            nn.init.uniform_(from_input, -bound, bound)
            for gate_HH in from_output.chunk(4):
                nn.init.orthogonal_(gate_HH)
            nn.init.zeros_(bias)
            nn.init.zeros_(second_bias)
            _, forget_H, _, _ = bias.chunk(4)
            nn.init.ones_(forget_H)
        nn.init.zeros_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def context(self) -> int:
        return self.config.context

    def initial_state(self, batch_size: int) -> LSTMState:
        shape = (self.config.layers, batch_size, self.config.hidden)
        like = self.embedding.weight
        return like.new_zeros(shape), like.new_zeros(shape)

    def forward(
        self, ids_BT: Tensor, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState | None]:
        """Logits `B, T, V`; see `LanguageModel`."""
        x_BTH = self.dropout(self.embedding(ids_BT))
        ends = []
        for number, layer in enumerate(self._lstm_layers()):
            before = None if state is None else (state[0][number], state[1][number])
            x_BTH, end = read(layer, x_BTH, before)
            x_BTH = self.dropout(x_BTH)
            ends.append(end)
        logits_BTV: Tensor = self.dense(x_BTH)
        if self.config.tied:
            logits_BTV = functional.linear(logits_BTV, self.embedding.weight)
        if state is None:
            return logits_BTV, None
        outputs, cells = zip(*ends, strict=True)
        return logits_BTV, (torch.stack(outputs), torch.stack(cells))

    def repeat_state(self, state: LSTMState, rows: int) -> LSTMState:
        assert state[0].shape[1] == 1, "only a one-row state can be repeated"
        return state[0].repeat(1, rows, 1), state[1].repeat(1, rows, 1)

    def select_rows(self, state: LSTMState, rows: Sequence[int]) -> LSTMState:
        index = torch.tensor(rows, device=state[0].device)
        return state[0].index_select(1, index), state[1].index_select(1, index)

    def _lstm_layers(self) -> list[nn.LSTM]:
        return cast("list[nn.LSTM]", list(self.layers))


def read(
    layer: nn.LSTM, x_BTD: Tensor, before: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """A layer's outputs `B, T, H`, and its last output and cell, each `B, H`."""
    if before is not None and x_BTD.shape[1] == 1:
        h_BH, c_BH = torch.lstm_cell(x_BTD[:, 0], before, *layer.all_weights[0])
        return h_BH[:, None], (h_BH, c_BH)
    start = None if before is None else (before[0][None], before[1][None])
    y_BTH, (h_1BH, c_1BH) = layer(x_BTD, start)
    return y_BTH, (h_1BH[0], c_1BH[0])
