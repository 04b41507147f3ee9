"""The neural language model of Bengio, Ducharme, Vincent & Jauvin (2003, JMLR 3).

The embeddings of the last C ids, oldest first, side by side; a hidden layer with tanh; the
logits from it and, as in the paper, directly from the embeddings as well (their equation 1:
`y = b + Wx + U tanh(d + Hx)`). Further hidden layers, which the paper has not, are added to what
they read (`h + tanh(Hh)`).

All positions of a text are a convolution over its embeddings: no window is copied out, and in
bf16 a training step is 1.3 times as fast as with the windows gathered into one matrix. A single
position is one row of that matrix.

Shapes: B rows, T new positions, S = C - 1 + T positions with the past, C context, D width of an
embedding, H hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.architectures.base import LanguageModule
from litteragpt.architectures.decoder import SequenceDropout
from litteragpt.bounds import check_range, check_whole

LARGEST_WINDOW = 65_536
"""What `context * width` may be: the numbers that one prediction reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPConfig:
    """The shape of the model; saved as JSON beside the weights."""

    vocab_size: int
    context: int = 16
    width: int = 32
    """Of an embedding."""
    hidden: int = 512
    layers: int = 1
    """Hidden layers."""
    direct: bool = True
    """Whether the embeddings also reach the logits without the hidden layers."""
    dropout: float = 0.0
    """On the output of each hidden layer, in training only."""

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        check_whole("vocab_size", self.vocab_size, 2, 262_144)
        check_whole("context", self.context, 1, 1_024)
        check_whole("width", self.width, 1, 16_384)
        check_whole("hidden", self.hidden, 1, 65_536)
        check_whole("layers", self.layers, 1, 128)
        check_range("dropout", self.dropout, 0.0, 0.9)
        if self.context * self.width > LARGEST_WINDOW:
            raise ValueError(
                f"width times context must be at most {LARGEST_WINDOW}, "
                f"not {self.width} times {self.context}"
            )


class MLP(LanguageModule[Tensor]):
    """A language model whose state is the last `context` ids of each row, `B, C`.

    Positions before the beginning hold the id V, which has an embedding of its own.
    """

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        config.validate()
        self.config = config
        window = config.context * config.width
        self.embedding = nn.Embedding(config.vocab_size + 1, config.width)
        self.first = nn.Linear(window, config.hidden)
        self.further = nn.ModuleList(
            nn.Linear(config.hidden, config.hidden) for _ in range(config.layers - 1)
        )
        self.direct = nn.Linear(window, config.vocab_size, bias=False) if config.direct else None
        self.head = nn.Linear(config.hidden, config.vocab_size)
        self.dropout = SequenceDropout(config.dropout)

    def initialise(self) -> None:
        """Random weights to train from.

        Embeddings of unit variance, hidden layers that keep it before the tanh; what reaches the
        logits starts at zero, so that the first loss is exactly `ln V`.
        """
        nn.init.normal_(self.embedding.weight)
        for parameter in self.parameters():
            if parameter.ndim == 1:
                nn.init.zeros_(parameter)
        for layer in (self.first, *self.further):
            bound = (3.0 / layer.weight.shape[1]) ** 0.5
            nn.init.uniform_(layer.weight, -bound, bound)
        for layer in (self.head, self.direct):
            if layer is not None:
                nn.init.zeros_(layer.weight)

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def context(self) -> int:
        return self.config.context

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.full(
            (batch_size, self.context), self.vocab_size, device=self.embedding.weight.device
        )

    def forward(self, ids_BT: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits `B, T, V`; see `LanguageModel`."""
        past_BC = self.initial_state(len(ids_BT)) if state is None else state
        seen_BS = torch.cat([past_BC[:, 1:], ids_BT], 1)
        x_BSD = self.embedding(seen_BS)
        h_BTH = self.dropout(torch.tanh(over_windows(self.first, x_BSD, self.context)))
        for layer in self.further:
            h_BTH = h_BTH + self.dropout(torch.tanh(layer(h_BTH)))
        logits_BTV: Tensor = self.head(h_BTH)
        if self.direct is not None:
            logits_BTV = logits_BTV + over_windows(self.direct, x_BSD, self.context)
        return logits_BTV, None if state is None else seen_BS[:, -self.context :]

    def repeat_state(self, state: Tensor, rows: int) -> Tensor:
        assert len(state) == 1, "only a one-row state can be repeated"
        return state.repeat(rows, 1)

    def select_rows(self, state: Tensor, rows: Sequence[int]) -> Tensor:
        return state[list(rows)]


def over_windows(layer: nn.Linear, x_BSD: Tensor, context: int) -> Tensor:
    """A layer's output `B, T, out` for each window of `context` embeddings, side by side."""
    B, S, D = x_BSD.shape
    if context == S:
        one_B1W = x_BSD.view(B, 1, context * D)
        out_B1: Tensor = layer(one_B1W)
        return out_B1
    kernel = layer.weight.view(-1, context, D).transpose(1, 2)
    return functional.conv1d(x_BSD.transpose(1, 2), kernel, layer.bias).transpose(1, 2)
