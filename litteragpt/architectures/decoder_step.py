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
import torch.nn.functional as nnf
from torch import Tensor

if TYPE_CHECKING:
    from litteragpt.architectures.decoder import Block, Decoder


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
    qk_scale_L21D: Tensor
    """What the norms of queries and keys multiply by."""
    qk_scale_rolled_L21D: Tensor
    """The same for the half that a rotation brings in from the other side."""
    floor: Tensor
    """What keeps the norm of a row of width C from zero."""
    head_floor: Tensor
    """The same for a head of width D."""

    @classmethod
    def of(cls, model: Decoder) -> StepWeights:
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
        return cls(
            layers=tuple(layers),
            head=_transposed(model.head.weight * model.norm.weight * C**0.5),
            qk_scale_L21D=scale_L21D,
            qk_scale_rolled_L21D=scale_L21D.roll(D // 2, -1),
            floor=like.new_tensor((C * eps) ** 0.5),
            head_floor=like.new_tensor((D * eps) ** 0.5),
        )


def step(
    weights: StepWeights,
    x_BC: Tensor,
    rotation: tuple[Tensor, Tensor],
    keys_LBHSD: Tensor,
    values_LBHSD: Tensor,
    slot: int,
    seen: int,
) -> Tensor:
    """Logits `B, V` after the token whose embedding is `x_BC`.

    Its keys and values go to `slot` of the cache, of which the first `seen` slots are filled.
    `rotation`: cosines and signed sines `1, D` of the token's position.
    """
    B, C = x_BC.shape
    H, D = keys_LBHSD.shape[2], keys_LBHSD.shape[4]
    cosines = (weights.qk_scale_L21D * rotation[0]).unbind()
    sines = (weights.qk_scale_rolled_L21D * rotation[1]).unbind()
    keys, values = keys_LBHSD.unbind(), values_LBHSD.unbind()
    for layer, w in enumerate(weights.layers):
        qkv_B3HD = torch.mm(_normalised(x_BC, weights.floor), w.qkv).view(B, 3, H, D)
        qk_B2HD = _normalised(qkv_B3HD[:, :2], weights.head_floor)
        turned = qk_B2HD.roll(D // 2, -1).mul_(sines[layer])
        qk_B2HD = qk_B2HD.mul_(cosines[layer]).add_(turned)
        keys_BHSD, values_BHSD = keys[layer], values[layer]
        keys_BHSD[:, :, slot] = qk_B2HD[:, 1]
        values_BHSD[:, :, slot] = qkv_B3HD[:, 2]
        y_BHTD = nnf.scaled_dot_product_attention(
            qk_B2HD[:, 0, :, None], keys_BHSD[:, :, :seen], values_BHSD[:, :, :seen]
        )
        x_BC = torch.addmm(x_BC, y_BHTD.reshape(B, C), w.o)
        gate_BF, up_BF = torch.mm(_normalised(x_BC, weights.floor), w.gate_up).chunk(2, 1)
        x_BC = torch.addmm(x_BC, nnf.silu(gate_BF).mul_(up_BF), w.down)
    return torch.mm(_normalised(x_BC, weights.floor), weights.head)


def _normalised(x: Tensor, floor: Tensor) -> Tensor:
    """Each row over its length: RMSNorm without its weight and without `sqrt` of the width."""
    scaled: Tensor = x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), floor)
    return scaled


def _transposed(weight: Tensor) -> Tensor:
    return weight.detach().t().contiguous()
