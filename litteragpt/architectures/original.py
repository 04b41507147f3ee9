"""The decoder of the original LitteraGPT, as a baseline: learned positions, LayerNorm, ReLU.

What it follows was built after Karpathy's video lecture "Let's build GPT" (2023): LayerNorm before
each block (Ba et al. 2016), attention (Vaswani et al. 2017), a feed-forward block of four times the
width with ReLU, dropout an element at a time (Srivastava et al. 2014).

Exact, by its own account: 6 layers of 512, 8 heads, context 528, dropout 0.3. Its vocabulary of 115
and its 19.29 million parameters fix more: with learned positions, no biases on queries, keys and
values, biases everywhere else and a head of its own there are 19,294,323 (tied: 19.24 million;
with all biases: 19.30; sine positions: 19.02). Guessed from the lecture, since no count tells: that
LayerNorm stands before the blocks, ReLU, where dropout acts (attention weights, the output of
either block), the bias of the head, the first weights (normal, deviation 0.02).

Positions are counted from the start of the window, so that no key survives when the window moves
on: the state is the ids, and every step reads them anew, as the original does.

Shapes: B rows, T new positions, S = T and the past, H heads, D width of a head, C model width, V
vocabulary, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.architectures.base import LanguageModule
from litteragpt.bounds import check_range, check_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalConfig:
    """The shape of the model; saved as JSON beside the weights. The defaults are the original's."""

    vocab_size: int
    context: int = 528
    layers: int = 6
    width: int = 512
    heads: int = 8
    dropout: float = 0.3
    """On attention weights and on the output of each block, in training only."""

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        check_whole("vocab_size", self.vocab_size, 2, 262_144)
        check_whole("context", self.context, 1, 65_536)
        check_whole("layers", self.layers, 1, 128)
        check_whole("width", self.width, 1, 16_384)
        check_whole("heads", self.heads, 1, 128)
        check_range("dropout", self.dropout, 0.0, 0.9)
        if self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of the heads ({self.heads}), not {self.width}"
            )


class Attention(nn.Module):
    """Multi-head causal self-attention."""

    def __init__(self, config: OriginalConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.p = config.dropout
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.o = nn.Linear(config.width, config.width)

    def forward(self, x_BSC: Tensor) -> Tensor:
        B, S, _ = x_BSC.shape
        qkv_BSC = self.qkv(x_BSC).chunk(3, 2)
        q_BHSD, k_BHSD, v_BHSD = (x.view(B, S, self.heads, -1).transpose(1, 2) for x in qkv_BSC)
        y_BHSD = functional.scaled_dot_product_attention(
            q_BHSD, k_BHSD, v_BHSD, dropout_p=self.p if self.training else 0.0, is_causal=True
        )
        out: Tensor = self.o(y_BHSD.transpose(1, 2).reshape(B, S, -1))
        return out


class Block(nn.Module):
    """Attention, then the feed-forward block, each on the normalised stream and added to it."""

    def __init__(self, config: OriginalConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, 4 * config.width)
        self.down = nn.Linear(4 * config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BSC: Tensor) -> Tensor:
        x_BSC = x_BSC + self.dropout(self.attention(self.attention_norm(x_BSC)))
        out: Tensor = x_BSC + self.dropout(
            self.down(functional.relu(self.up(self.mlp_norm(x_BSC))))
        )
        return out


class Original(LanguageModule[Tensor]):
    """A language model whose state is the past ids that the next one sees, `B, 0 to context - 1`.

    A position further on than the context sees the `context` ids that end with it, as if the first
    of them began the text.
    """

    def __init__(self, config: OriginalConfig) -> None:
        super().__init__()
        config.validate()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocab_size)

    def initialise(self) -> None:
        """Random weights to train from, all of deviation 0.02; the first loss is nearly `ln V`."""
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
            elif isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def context(self) -> int:
        return self.config.context

    def initial_state(self, batch_size: int) -> Tensor:
        device = self.embedding.weight.device
        return torch.empty(batch_size, 0, dtype=torch.long, device=device)

    def forward(self, ids_BT: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits `B, T, V`; see `LanguageModel`.

        Raises `ValueError` for a training window longer than the context: a window of its own would
        have to be read for each position beyond.
        """
        B, T = ids_BT.shape
        seen_BS = ids_BT if state is None else torch.cat([state, ids_BT], 1)
        C, S = self.context, seen_BS.shape[1]
        if self.training and S > C:
            raise ValueError(f"a training window must be at most the context of {C}, not {S}")
        logits_BTV = self._read(seen_BS[:, :C], T - max(0, S - C))
        if S > C:
            windows_BWC = seen_BS[:, 1:].unfold(1, C, 1)
            further_BWV = self._read(windows_BWC.flatten(0, 1), 1).view(B, S - C, -1)
            logits_BTV = torch.cat([logits_BTV, further_BWV], 1)
        return logits_BTV, None if state is None else seen_BS[:, max(0, S - C + 1) :]

    def _read(self, ids_BS: Tensor, last: int) -> Tensor:
        """Logits after the last positions of rows that begin a window."""
        S = ids_BS.shape[1]
        x_BSC = self.embedding(ids_BS) + self.positions.weight[:S]
        for block in self.blocks:
            x_BSC = block(x_BSC)
        logits_BTV: Tensor = self.head(self.norm(x_BSC[:, S - last :]))
        return logits_BTV

    def repeat_state(self, state: Tensor, rows: int) -> Tensor:
        assert len(state) == 1, "only a one-row state can be repeated"
        return state.repeat(rows, 1)

    def select_rows(self, state: Tensor, rows: Sequence[int]) -> Tensor:
        return state[list(rows)]
