"""One decoding step of a decoder, with its weights laid out for it.

A step of a small model on a CPU is bound by the number of operations and by reading the weights
once. So the weights are rearranged, once for a state: the norms' weights are folded into the
matrices (and into the rotation) that follow them, queries, keys and values become one matrix,
gate and up another, and all are stored the way a row vector is multiplied fastest. What is left
of RMSNorm is `x / hypot(|x|, sqrt(C * eps))`, with the factor `sqrt(C)` folded in as well.

`Decoder.forward` without a state is the slow, obvious way; the tests hold the two together.

Shapes: B rows, C model width, F width inside the block, H heads, D head width, S slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from litteragpt.architectures.decoder import Block, Decoder
    from litteragpt.architectures.research import Research


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """A block's weights, transposed, norms folded in."""

    qkv: Tensor
    """`C, 3C`"""
    o: Tensor
    """`C, C`"""
    gate_up: Tensor
    """`C, 2F`"""
    down: Tensor
    """`F, C`"""


@dataclass(frozen=True, slots=True)
class StepWeights:
    """All that a step reads, but for the embedding."""

    layers: tuple[LayerWeights, ...]
    head: Tensor
    """`C, V`"""
    frequencies_D: Tensor
    """Of the rotation: radians a position."""
    qk_scale_L21D: Tensor
    """What the norms of queries and keys multiply by."""
    qk_scale_rolled_L21D: Tensor
    """The same, with its sign, for the half that a rotation brings in from the other side."""
    floor: Tensor
    """What keeps the norm of a row of width C from zero."""
    head_floor: Tensor
    """The same for a head of width D."""

    @classmethod
    def of(cls, model: Decoder | Research) -> StepWeights:
        """Rearranged copies of a model's weights, as they are now."""
        C, D, eps = model.config.width, model.config.head_width, model.config.norm_eps
        like = model.head.weight
        layers, scales = [], []
        for block in cast("list[Block]", list(model.blocks)):
            attention, mlp = block.attention, block.mlp
            qkv = torch.cat([attention.q.weight, attention.k.weight, attention.v.weight])
            gate_up = torch.cat([mlp.gate.weight, mlp.up.weight])
            scales.append(torch.stack([attention.q_norm.weight, attention.k_norm.weight]))
            layers.append(
                LayerWeights(
                    qkv=_transposed(qkv * block.attention_norm.weight * C**0.5),
                    o=_transposed(attention.o.weight),
                    gate_up=_transposed(gate_up * block.mlp_norm.weight * C**0.5),
                    down=_transposed(mlp.down.weight),
                )
            )
        scale_L21D = torch.stack(scales)[:, :, None].detach() * D**0.5
        signs_D = torch.where(torch.arange(D, device=like.device) < D // 2, -1.0, 1.0)
        return cls(
            layers=tuple(layers),
            head=_transposed(model.head.weight * model.norm.weight * C**0.5),
            frequencies_D=rotation_frequencies(model.config.rope_theta, D, like.device).repeat(2),
            qk_scale_L21D=scale_L21D,
            qk_scale_rolled_L21D=scale_L21D.roll(D // 2, -1) * signs_D,
            floor=like.new_tensor((C * eps) ** 0.5),
            head_floor=like.new_tensor((D * eps) ** 0.5),
        )


def step(weights: StepWeights, x_BC: Tensor, kv_LB2HSD: Tensor, position: int) -> Tensor:
    """Logits `B, V` after the token at `position`, whose embedding is `x_BC`.

    Its keys and values are written into the cache, a ring of S slots.
    """
    B, C = x_BC.shape
    _, _, _, H, S, D = kv_LB2HSD.shape
    slot, seen = position % S, min(position + 1, S)
    angles_D = weights.frequencies_D * position
    cosines = (weights.qk_scale_L21D * angles_D.cos()).unbind()
    sines = (weights.qk_scale_rolled_L21D * angles_D.sin()).unbind()
    for w, kv_B2HSD, cosine, sine in zip(
        weights.layers, kv_LB2HSD.unbind(), cosines, sines, strict=True
    ):
        qkv_B3HD = torch.mm(_normalised(x_BC, weights.floor), w.qkv).view(B, 3, H, D)
        qk_B2HD = qkv_B3HD[:, :2]
        qk_B2HD /= _length(qk_B2HD, weights.head_floor)
        turned_B2HD = qk_B2HD.roll(D // 2, -1).mul_(sine)
        qk_B2HD.mul_(cosine).add_(turned_B2HD)
        kv_B2HSD[:, :, :, slot] = qkv_B3HD[:, 1:]
        keys_BHSD, values_BHSD = kv_B2HSD[:, :, :, :seen].unbind(1)
        y_BHTD = functional.scaled_dot_product_attention(
            qkv_B3HD[:, 0, :, None], keys_BHSD, values_BHSD
        )
        x_BC = torch.addmm(x_BC, y_BHTD.reshape(B, C), w.o)
        gate_BF, up_BF = torch.mm(_normalised(x_BC, weights.floor), w.gate_up).chunk(2, 1)
        x_BC = torch.addmm(x_BC, functional.silu(gate_BF, inplace=True).mul_(up_BF), w.down)
    return torch.mm(_normalised(x_BC, weights.floor), weights.head)


def rotation_frequencies(theta: float, head_width: int, device: torch.device) -> Tensor:
    """Radians a position for each pair of a head, `D / 2` (Su et al. 2021)."""
    half = head_width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=device) / half
    return torch.pow(theta, -exponents)


def _normalised(x: Tensor, floor: Tensor) -> Tensor:
    """Each row over its length: RMSNorm without its weight and without `sqrt` of the width."""
    return x / _length(x, floor)


def _length(x: Tensor, floor: Tensor) -> Tensor:
    """The Euclidean length of each row, kept from zero."""
    return torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), floor)


def _transposed(weight: Tensor) -> Tensor:
    return weight.detach().t().contiguous()
