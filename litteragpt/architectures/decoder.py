"""A Transformer decoder in the Qwen3 layout, with a sliding-window KV cache.

RMSNorm before each block, rotary positions, RMS-normalised queries and keys, SwiGLU, no biases,
an untied head: each weight has its twin in `transformers`' `Qwen3ForCausalLM`
(`litteragpt.export`). Sources: Vaswani et al. 2017 (attention), Su et al. 2021 (rotary
positions), Zhang & Sennrich 2019 (RMSNorm), Shazeer 2020 (SwiGLU), Dehghani et al. 2023
(query-key norm), Beltagy et al. 2020 (sliding windows).

Shapes: B rows, T new positions, S key positions, H heads, D width of a head, C model width,
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from litteragpt.architectures.base import LanguageModule
from litteragpt.architectures.decoder_step import StepWeights, rotation_frequencies, step
from litteragpt.bounds import check_range, check_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """The shape of a decoder; saved as JSON beside the weights."""

    vocab_size: int
    context: int = 576
    """A position sees itself and the `context - 1` before it."""
    layers: int = 6
    width: int = 256
    heads: int = 4
    hidden: int = 704
    """Width inside the SwiGLU block."""
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6
    dropout: float = 0.0
    """On the output of each block and of the embedding, in training only."""

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        check_whole("vocab_size", self.vocab_size, 2, 262_144)
        check_whole("context", self.context, 1, 65_536)
        check_whole("layers", self.layers, 1, 128)
        check_whole("width", self.width, 2, 16_384)
        check_whole("heads", self.heads, 1, 128)
        check_whole("hidden", self.hidden, 1, 65_536)
        check_range("rope_theta", self.rope_theta, 1.0, 1e9)
        check_range("norm_eps", self.norm_eps, 1e-12, 1e-2)
        check_range("dropout", self.dropout, 0.0, 0.9)
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a multiple of twice the heads ({2 * self.heads}), not {self.width}"
            )

    @property
    def head_width(self) -> int:
        """D: the width of one head."""
        return self.width // self.heads


@dataclass(slots=True)
class KVCache:
    """What a decoder carries between steps: the last `context` keys and values of every layer.

    A ring: the token at position p stands in slot `p % context`. Keys are stored rotated, so
    the order of the slots does not matter to attention.
    """

    kv_LB2HSD: Tensor
    """Keys and values of L layers."""
    position: int
    """Tokens seen so far."""
    weights: StepWeights | None = None
    """The model's weights laid out for single steps; made at the first one."""


class Attention(nn.Module):
    """Multi-head self-attention with normalised, rotated queries and keys."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.context = config.context
        self.q = nn.Linear(config.width, config.width, bias=False)
        self.k = nn.Linear(config.width, config.width, bias=False)
        self.v = nn.Linear(config.width, config.width, bias=False)
        self.o = nn.Linear(config.width, config.width, bias=False)
        self.q_norm = nn.RMSNorm(config.head_width, config.norm_eps)
        self.k_norm = nn.RMSNorm(config.head_width, config.norm_eps)

    def forward(
        self,
        x_BTC: Tensor,
        rotation: tuple[Tensor, Tensor],
        cache: tuple[Tensor, Tensor, int] | None,
        mask_TS: Tensor | None,
    ) -> Tensor:
        """Attend; `cache` is this layer's keys, values and the position of the first id."""
        return self.attend(x_BTC, self.v(x_BTC), rotation, cache, mask_TS)

    def attend(
        self,
        x_BTC: Tensor,
        values_BTC: Tensor,
        rotation: tuple[Tensor, Tensor],
        cache: tuple[Tensor, Tensor, int] | None,
        mask_TS: Tensor | None,
    ) -> Tensor:
        """`forward` with these values."""
        B, T, _ = x_BTC.shape
        q_BHTD = self.q(x_BTC).view(B, T, self.heads, -1).transpose(1, 2)
        k_BHTD = self.k(x_BTC).view(B, T, self.heads, -1).transpose(1, 2)
        v_BHTD = values_BTC.view(B, T, self.heads, -1).transpose(1, 2)
        # Under autocast the projections are bf16; norms and rotation keep full precision.
        precise = self.q_norm.weight.dtype
        q_BHTD = rotate(self.q_norm(q_BHTD.to(precise)), rotation)
        k_BHTD = rotate(self.k_norm(k_BHTD.to(precise)), rotation).to(v_BHTD.dtype)
        if cache is not None:
            k_BHTD, v_BHTD = self._remember(cache, k_BHTD, v_BHTD)
        q_BHTD = q_BHTD.to(v_BHTD.dtype)
        if self.training and q_BHTD.device.type == "cpu":
            y_BHTD = (
                causal_attention_in_blocks(q_BHTD, k_BHTD, v_BHTD)
                if mask_TS is None
                else masked_attention(q_BHTD, k_BHTD, v_BHTD, mask_TS)
            )
        else:
            y_BHTD = F.scaled_dot_product_attention(
                q_BHTD, k_BHTD, v_BHTD, mask_TS, is_causal=mask_TS is None and T > 1
            )
        out: Tensor = self.o(y_BHTD.transpose(1, 2).reshape(B, T, -1))
        return out

    def _remember(
        self, cache: tuple[Tensor, Tensor, int], k_BHTD: Tensor, v_BHTD: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Write the new keys and values into the ring; give all that the queries may see."""
        keys, values, position = cache
        T = k_BHTD.shape[2]
        past = past_positions(position, self.context) % self.context
        k_BHSD = torch.cat([keys[:, :, past], k_BHTD], 2) if position else k_BHTD
        v_BHSD = torch.cat([values[:, :, past], v_BHTD], 2) if position else v_BHTD
        kept = min(T, self.context)
        slots = torch.arange(position + T - kept, position + T) % self.context
        keys[:, :, slots] = k_BHTD[:, :, -kept:]
        values[:, :, slots] = v_BHTD[:, :, -kept:]
        return k_BHSD, v_BHSD


class SequenceDropout(nn.Module):
    """Dropout whose mask is one for all positions of a row (Gal & Ghahramani 2016).

    It needs `B, C` random numbers instead of `B, T, C`: on a CPU, where drawing them took a
    third of a training step (`benchmarks/train_step.py`), this makes it nearly free.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x_BTC: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x_BTC
        return x_BTC * F.dropout(x_BTC.new_ones(x_BTC.shape[0], 1, x_BTC.shape[2]), self.p)


class SwiGLU(nn.Module):
    """`down(silu(gate(x)) * up(x))` (Shazeer 2020)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.width, config.hidden, bias=False)
        self.up = nn.Linear(config.width, config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x_BTC: Tensor) -> Tensor:
        out: Tensor = self.down(F.silu(self.gate(x_BTC)) * self.up(x_BTC))
        return out


class Block(nn.Module):
    """Attention, then SwiGLU, each on the normalised stream and added to it."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(config.width, config.norm_eps)
        self.mlp = SwiGLU(config)
        self.dropout = SequenceDropout(config.dropout)

    def forward(
        self,
        x_BTC: Tensor,
        rotation: tuple[Tensor, Tensor],
        cache: tuple[Tensor, Tensor, int] | None,
        mask_TS: Tensor | None,
    ) -> Tensor:
        attended = self.attention(self.attention_norm(x_BTC), rotation, cache, mask_TS)
        x_BTC = x_BTC + self.dropout(attended)
        out: Tensor = x_BTC + self.dropout(self.mlp(self.mlp_norm(x_BTC)))
        return out


class Decoder(LanguageModule[KVCache]):
    """A language model whose state is a `KVCache`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        config.validate()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, config.norm_eps)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        self.dropout = SequenceDropout(config.dropout)

    def initialise(self) -> None:
        """Random weights to train from; see `initialise`."""
        initialise(self)

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def context(self) -> int:
        return self.config.context

    def initial_state(self, batch_size: int) -> KVCache:
        c = self.config
        like = self.embedding.weight
        shape = (c.layers, batch_size, 2, c.heads, c.context, c.head_width)
        return KVCache(like.new_zeros(shape), 0)

    def forward(
        self, ids_BT: Tensor, state: KVCache | None = None
    ) -> tuple[Tensor, KVCache | None]:
        """Logits `B, T, V`; see `LanguageModel`."""
        T = ids_BT.shape[1]
        if T == 1 and state is not None:
            return self._step(ids_BT, state), state
        position = state.position if state is not None else 0
        rotation = rotations(
            position, T, self.config.rope_theta, self.config.head_width, ids_BT.device
        )
        mask_TS = window_mask(position, T, self.context, ids_BT.device)
        x_BTC = self.dropout(self.embedding(ids_BT))
        for layer, block in enumerate(self.blocks):
            cache = (
                (state.kv_LB2HSD[layer, :, 0], state.kv_LB2HSD[layer, :, 1], position)
                if state is not None
                else None
            )
            x_BTC = block(x_BTC, rotation, cache, mask_TS)
        if state is not None:
            state.position += T
        logits_BTV: Tensor = self.head(self.norm(x_BTC))
        return logits_BTV, state

    def _step(self, ids_B1: Tensor, state: KVCache) -> Tensor:
        """The fast way for one token a row."""
        if state.weights is None:
            state.weights = StepWeights.of(self)
        logits_BV = step(
            state.weights, self.embedding(ids_B1[:, 0]), state.kv_LB2HSD, state.position
        )
        state.position += 1
        return logits_BV[:, None]

    def repeat_state(self, state: KVCache, rows: int) -> KVCache:
        assert state.kv_LB2HSD.shape[1] == 1, "only a one-row state can be repeated"
        return self.select_rows(state, [0] * rows)

    def select_rows(self, state: KVCache, rows: Sequence[int]) -> KVCache:
        index = torch.tensor(rows, device=state.kv_LB2HSD.device)
        return KVCache(state.kv_LB2HSD.index_select(1, index), state.position, state.weights)


def initialise(model: nn.Module) -> None:
    """Random weights for modules that are named as a decoder's.

    The embedding has unit variance, so the stream starts normalised; what is added to the
    stream and the head start at zero, so that the first loss is exactly `ln V`.
    """
    for name, weight in model.named_parameters():
        if name == "embedding.weight":
            nn.init.normal_(weight)
        elif name.endswith(("o.weight", "down.weight", "head.weight")):
            nn.init.zeros_(weight)
        elif weight.ndim == 2:
            bound = (3.0 / weight.shape[1]) ** 0.5
            nn.init.uniform_(weight, -bound, bound)


def causal_attention_in_blocks(
    q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, block: int = 144
) -> Tensor:
    """Causal attention, written out for `torch.compile` on a CPU; equals the library's kernel.

    Compiled, a training step in windows of 288 is 1.2 times as fast as with the fused kernel,
    whose backward pass is slow on a CPU (`benchmarks/train_step.py`). No maximum is subtracted
    before `exp`: normalised queries and keys bound the scores. A block of queries meets only
    the keys up to its end, so half of the work falls away.
    """
    T, D = q_BHTD.shape[2:]
    outputs = []
    for first in range(0, T, block):
        end = min(first + block, T)
        scores = (q_BHTD[:, :, first:end] @ k_BHTD[:, :, :end].transpose(2, 3)).float() * D**-0.5
        visible = torch.ones(end - first, end, device=q_BHTD.device).tril(first)
        weights = scores.exp() * visible
        mixed = weights.to(v_BHTD.dtype) @ v_BHTD[:, :, :end]
        outputs.append(mixed / weights.sum(3, keepdim=True).to(v_BHTD.dtype))
    return torch.cat(outputs, 2)


def masked_attention(q_BHTD: Tensor, k_BHSD: Tensor, v_BHSD: Tensor, mask_TS: Tensor) -> Tensor:
    """Attention to what a mask shows, written out; equals the library's kernel.

    That kernel's backward pass takes eight times as long on a CPU (40 positions of 12 heads).
    """
    scores = (q_BHTD @ k_BHSD.transpose(2, 3)).float() * q_BHTD.shape[-1] ** -0.5
    weights = scores.masked_fill(~mask_TS, -torch.inf).softmax(-1)
    mixed: Tensor = weights.to(v_BHSD.dtype) @ v_BHSD
    return mixed


def past_positions(position: int, context: int) -> Tensor:
    """Positions before `position` that the next token can still see, oldest first."""
    return torch.arange(max(0, position - context + 1), position)


def window_mask(position: int, T: int, context: int, device: torch.device) -> Tensor | None:
    """Which keys each of T queries sees, `T, S` booleans; None where plain causality says it all.

    The keys are the `past_positions` and then the T new ones. A single query sees all of its
    cache, which holds just the window.
    """
    if T == 1 or (position == 0 and context >= T):
        return None
    queries = torch.arange(position, position + T, device=device)
    keys = torch.cat([past_positions(position, context).to(device), queries])
    distance = queries[:, None] - keys[None, :]
    return (distance >= 0) & (distance < context)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def rotations(
    position: int, T: int, theta: float, head_width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines `T, D` of the rotary angles from `position` on.

    A constant to the compiler, which would else work the angles out anew for each element that
    they turn: a tenth of a training step on a CPU.
    """
    frequencies = rotation_frequencies(theta, head_width, device)
    positions = torch.arange(position, position + T, dtype=torch.float32, device=device)
    angles = positions[:, None] * frequencies
    cosines, sines = angles.cos(), angles.sin()
    return torch.cat([cosines, cosines], 1), torch.cat([-sines, sines], 1)


def rotate(x_BHTD: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair (d, d + D/2) of a head by its angle."""
    cosines_TD, sines_TD = rotation
    return x_BHTD * cosines_TD + x_BHTD.roll(x_BHTD.shape[-1] // 2, -1) * sines_TD
