"""Our decoder as other software reads it: Hugging Face's `Qwen3ForCausalLM`.

Every weight of ours has one twin there, so an export is a renaming: the same logits.
`transformers` is an optional extra (`pip install litteragpt[hf]`) and needed only to load.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import TOKENIZER_FILE, load_checkpoint, resolve
from litteragpt.weights import CheckpointError

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM

_OUTER = {
    "embedding.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "head.weight": "lm_head.weight",
}
_INNER = {
    "attention_norm.weight": "input_layernorm.weight",
    "attention.q.weight": "self_attn.q_proj.weight",
    "attention.k.weight": "self_attn.k_proj.weight",
    "attention.v.weight": "self_attn.v_proj.weight",
    "attention.o.weight": "self_attn.o_proj.weight",
    "attention.q_norm.weight": "self_attn.q_norm.weight",
    "attention.k_norm.weight": "self_attn.k_norm.weight",
    "mlp_norm.weight": "post_attention_layernorm.weight",
    "mlp.gate.weight": "mlp.gate_proj.weight",
    "mlp.up.weight": "mlp.up_proj.weight",
    "mlp.down.weight": "mlp.down_proj.weight",
}


def qwen3_config(config: DecoderConfig) -> dict[str, Any]:
    """The `config.json` that makes `Qwen3ForCausalLM` the same function.

    `transformers` slides its attention window only past position `context`, as ours does.
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
        "max_window_layers": 0,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "dtype": "float32",
    }


def qwen3_weights(model: Decoder) -> dict[str, Tensor]:
    """The weights under the names of `Qwen3ForCausalLM`."""
    weights = {}
    for name, tensor in model.state_dict().items():
        if name in _OUTER:
            weights[_OUTER[name]] = tensor
        else:
            _, layer, rest = name.split(".", 2)
            weights[f"model.layers.{layer}.{_INNER[rest]}"] = tensor
    return weights


def to_transformers(model: Decoder) -> Qwen3ForCausalLM:
    """The model as a `Qwen3ForCausalLM` with the same weights, in evaluation mode.

    Raises `ImportError` where `transformers` is not installed.
    """
    from transformers import Qwen3Config, Qwen3ForCausalLM

    theirs = Qwen3ForCausalLM(Qwen3Config(**qwen3_config(model.config)))
    theirs.load_state_dict(qwen3_weights(model))
    return theirs.eval()


def export_transformers(name: str | Path, folder: Path) -> Path:
    """Write a checkpoint as a folder that `AutoModelForCausalLM` and `AutoTokenizer` load.

    Raises `CheckpointError` for a checkpoint that is malformed or no decoder, `ValueError` where
    the folder exists and is not empty.
    """
    loaded = load_checkpoint(resolve(name))
    if not isinstance(loaded.model, Decoder):
        raise CheckpointError(f"{name} is no decoder: only decoders have a Qwen3 layout")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} exists and is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps(qwen3_config(loaded.model.config), indent=2) + "\n", encoding="utf-8"
    )
    save_file(qwen3_weights(loaded.model), folder / "model.safetensors", {"format": "pt"})
    shutil.copyfile(loaded.info.path / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}) + "\n",
        encoding="utf-8",
    )
    return folder
