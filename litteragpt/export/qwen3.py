"""Our decoder under the names of Qwen3, whose function it is (Yang et al. 2025).

Every weight of ours has one twin there, so an export is a renaming: the same logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from torch import Tensor

from litteragpt.architectures.decoder import Decoder, DecoderConfig

Names = Mapping[str, str]
"""Ours to theirs; `{}` stands for the number of a layer."""

HUGGING_FACE: Final[Names] = MappingProxyType(
    {
        "embedding.weight": "model.embed_tokens.weight",
        "blocks.{}.attention_norm.weight": "model.layers.{}.input_layernorm.weight",
        "blocks.{}.attention.q.weight": "model.layers.{}.self_attn.q_proj.weight",
        "blocks.{}.attention.k.weight": "model.layers.{}.self_attn.k_proj.weight",
        "blocks.{}.attention.v.weight": "model.layers.{}.self_attn.v_proj.weight",
        "blocks.{}.attention.o.weight": "model.layers.{}.self_attn.o_proj.weight",
        "blocks.{}.attention.q_norm.weight": "model.layers.{}.self_attn.q_norm.weight",
        "blocks.{}.attention.k_norm.weight": "model.layers.{}.self_attn.k_norm.weight",
        "blocks.{}.mlp_norm.weight": "model.layers.{}.post_attention_layernorm.weight",
        "blocks.{}.mlp.gate.weight": "model.layers.{}.mlp.gate_proj.weight",
        "blocks.{}.mlp.up.weight": "model.layers.{}.mlp.up_proj.weight",
        "blocks.{}.mlp.down.weight": "model.layers.{}.mlp.down_proj.weight",
        "norm.weight": "model.norm.weight",
        "head.weight": "lm_head.weight",
    }
)

LLAMA_CPP: Final[Names] = MappingProxyType(
    {
        "embedding.weight": "token_embd.weight",
        "blocks.{}.attention_norm.weight": "blk.{}.attn_norm.weight",
        "blocks.{}.attention.q.weight": "blk.{}.attn_q.weight",
        "blocks.{}.attention.k.weight": "blk.{}.attn_k.weight",
        "blocks.{}.attention.v.weight": "blk.{}.attn_v.weight",
        "blocks.{}.attention.o.weight": "blk.{}.attn_output.weight",
        "blocks.{}.attention.q_norm.weight": "blk.{}.attn_q_norm.weight",
        "blocks.{}.attention.k_norm.weight": "blk.{}.attn_k_norm.weight",
        "blocks.{}.mlp_norm.weight": "blk.{}.ffn_norm.weight",
        "blocks.{}.mlp.gate.weight": "blk.{}.ffn_gate.weight",
        "blocks.{}.mlp.up.weight": "blk.{}.ffn_up.weight",
        "blocks.{}.mlp.down.weight": "blk.{}.ffn_down.weight",
        "norm.weight": "output_norm.weight",
        "head.weight": "output.weight",
    }
)


def renamed(model: Decoder, names: Names) -> dict[str, Tensor]:
    """The weights under other names; no number is changed, no row moved."""
    weights = {}
    for name, tensor in model.state_dict().items():
        block, _, rest = name.partition(".")
        if block == "blocks":
            layer, _, rest = rest.partition(".")
            weights[names[f"blocks.{{}}.{rest}"].format(layer)] = tensor
        else:
            weights[names[name]] = tensor
    return weights


def qwen3_config(config: DecoderConfig) -> dict[str, Any]:
    """The `config.json` that makes `Qwen3ForCausalLM` the same function.

    `transformers` slides its attention window only past position `context`, as ours does. It goes
    by `layer_types`; vLLM slides the window of all layers, and refuses a `max_window_layers` other
    than the number of layers.
    """
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "max_position_embeddings": 65_536,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": True,
        "sliding_window": config.context,
        "layer_types": ["sliding_attention"] * config.layers,
        "max_window_layers": config.layers,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "dtype": "float32",
    }
