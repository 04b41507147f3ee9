"""A folder for `transformers`' `AutoModelForCausalLM` and `AutoTokenizer`, and so for vLLM.

`transformers` (`pip install 'litteragpt[hf]'`) is needed only to load it. vLLM reads the same
files: its Qwen3 loader takes the weights by these names, the sliding window from `config.json` and
the sampling from `generation_config.json`. Its attention is fast for heads of the widths 32, 64, 96
and so on; FlexAttention takes any.

Both read a text that spells a special token, such as `<unk>`, as that token, where ours reads its
characters; what a vocabulary of characters lacks becomes `<unk>`, where ours puts a close one.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file

from litteragpt.architectures.decoder import Decoder
from litteragpt.checkpoint import TOKENIZER_FILE
from litteragpt.export.common import load_decoder, new_folder, optional_library
from litteragpt.export.qwen3 import HUGGING_FACE, qwen3_config, renamed
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.protocols import Tokenizer
from litteragpt.tokenizers import END_OF_TEXT, UNKNOWN
from litteragpt.weights import CONFIG_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM


def to_transformers(model: Decoder) -> Qwen3ForCausalLM:
    """The model as a `Qwen3ForCausalLM` with the same weights, in evaluation mode.

    Raises `ImportError` where `transformers` is not installed.
    """
    transformers = optional_library("transformers", "hf")
    theirs = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**qwen3_config(model.config)))
    theirs.load_state_dict(renamed(model, HUGGING_FACE))
    return theirs.eval()


def export_transformers(name: str | Path, folder: Path) -> Path:
    """Write a checkpoint as a folder that `AutoModelForCausalLM` and `AutoTokenizer` load.

    Raises `CheckpointError` for a checkpoint that is malformed or no decoder, `ValueError` where
    the folder exists and is not empty.
    """
    loaded, model = load_decoder(name, "Qwen3")
    files = {
        CONFIG_FILE: qwen3_config(model.config),
        "generation_config.json": generation_config(loaded.tokenizer),
        "tokenizer_config.json": tokenizer_config(loaded.tokenizer),
    }
    with new_folder(folder) as new:
        for file, content in files.items():
            (new / file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        save_file(renamed(model, HUGGING_FACE), new / WEIGHTS_FILE, {"format": "pt"})
        shutil.copyfile(loaded.info.path / TOKENIZER_FILE, new / TOKENIZER_FILE)
    return folder


def generation_config(tokenizer: Tokenizer) -> dict[str, Any]:
    """Sampling by default as ours: our temperature, no filter, no special token.

    `transformers` would take the 50 best otherwise, and vLLM the temperature 1.
    """
    sampling = SamplingConfig()
    return {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k or 0,
        "top_p": sampling.top_p,
        "suppress_tokens": sorted(tokenizer.special_ids),
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": tokenizer.unknown_id,
    }


def tokenizer_config(tokenizer: Tokenizer) -> dict[str, Any]:
    """What makes `AutoTokenizer` give our ids and our text back, space before a full stop kept."""
    special = UNKNOWN if tokenizer.kind == "char" else END_OF_TEXT
    role = "unk_token" if tokenizer.kind == "char" else "eos_token"
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        role: special,
        "pad_token": special,
    }
