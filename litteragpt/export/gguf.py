"""One file for llama.cpp and what is built on it: `model.gguf`, weights and tokenizer.

The architecture is llama.cpp's `qwen3`. Its rotation is of the NEOX kind, which turns the pair
(d, d + D/2) of a head as our `rotate` does: queries and keys need no permutation. Its `qwen3` knows
no sliding window: `context_length` is ours, and up to there the logits are equal; past it,
llama.cpp would let a position see more than we do, which no training has shown the model.

llama.cpp has no tokenizer of characters, but byte-level BPE (`gpt2`) whose merges join the UTF-8
bytes of each known character, and nothing else, is one: a merge never reaches over the end of a
character, so that the way in which llama.cpp first cuts a text into words does not matter. A
character that the vocabulary lacks leaves bytes that are no token, and llama.cpp drops them, where
ours puts a close character.

Our byte-level BPE keeps its merges. Of the cuts that llama.cpp knows, GPT-2's comes nearest: it
does not cut numbers into threes, so that a number of four digits and more, such as a year, may
be read as other tokens, and it takes apart what follows an apostrophe as in English ('s, 't, 'm).

Neither is NFC applied to a prompt, nor a Windows line end changed: llama.cpp does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from litteragpt.architectures.decoder import DecoderConfig
from litteragpt.checkpoint import LoadedCheckpoint
from litteragpt.export.common import load_decoder, new_folder, optional_library
from litteragpt.export.qwen3 import LLAMA_CPP, renamed
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import START
from litteragpt.protocols import Tokenizer
from litteragpt.tokenizers import END_OF_TEXT, UNKNOWN, BPETokenizer, CharTokenizer
from litteragpt.tokenizers.bpe import Merge, symbols_of_bytes

GGUF_FILE: Final = "model.gguf"
ARCHITECTURE: Final = "qwen3"

_IDLE: Final[Merge] = (b"\xc3", b"\xa9")
"""Of a character that is no token either: merged or not, llama.cpp drops it."""


def export_gguf(name: str | Path, folder: Path) -> Path:
    """Write a checkpoint as a folder with `model.gguf`.

    Matrices are 16-bit floats where that loses nothing, as for every checkpoint of ours, and
    32-bit ones elsewhere; the weights of norms are 32-bit. Raises `CheckpointError` for a
    checkpoint that is malformed or no decoder, `ValueError` where the folder exists and is not
    empty, `ImportError` where `gguf` is not installed.
    """
    gguf = optional_library("gguf", "export")
    loaded, model = load_decoder(name, "llama.cpp")
    tensors = {name: _array(tensor) for name, tensor in renamed(model, LLAMA_CPP).items()}
    half = any(array.dtype == np.float16 for array in tensors.values())
    with new_folder(folder) as new:
        writer = gguf.GGUFWriter(new / GGUF_FILE, ARCHITECTURE)
        kind = gguf.LlamaFileType
        writer.add_file_type(kind.MOSTLY_F16 if half else kind.ALL_F32)
        _describe(writer, loaded)
        _add_shape(writer, model.config)
        _add_tokenizer(writer, loaded.tokenizer, gguf.TokenType)
        for tensor_name, array in tensors.items():
            writer.add_tensor(tensor_name, array)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return folder


def _describe(writer: Any, loaded: LoadedCheckpoint) -> None:
    writer.add_type("model")
    writer.add_name(loaded.info.name)
    writer.add_size_label(f"{loaded.info.parameters / 1e6:.1f}M")
    if loaded.info.language is not None:
        writer.add_languages([loaded.info.language])
    # As ours by default: llama.cpp would keep the 40 best, and of those the more probable.
    sampling = SamplingConfig()
    writer.add_sampling_temp(sampling.temperature)
    writer.add_sampling_top_k(sampling.top_k or 0)
    writer.add_sampling_top_p(sampling.top_p)
    writer.add_sampling_min_p(sampling.min_p)


def _add_shape(writer: Any, config: DecoderConfig) -> None:
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.context)
    writer.add_block_count(config.layers)
    writer.add_embedding_length(config.width)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.heads)
    writer.add_key_length(config.head_width)
    writer.add_value_length(config.head_width)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_eps)


def _add_tokenizer(writer: Any, tokenizer: Tokenizer, kinds: Any) -> None:
    tokens, merges = vocabulary(tokenizer)
    special = kinds.UNKNOWN if isinstance(tokenizer, CharTokenizer) else kinds.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([special, *[kinds.NORMAL] * (len(tokens) - 1)])
    writer.add_token_merges([" ".join(map(symbols_of_bytes, merge)) for merge in merges])
    # Left out, the first and the last token would be that of id 11, whatever it is.
    writer.add_bos_token_id((tokenizer.encode(START).ids or [tokenizer.unknown_id])[0])
    writer.add_eos_token_id(tokenizer.unknown_id)
    writer.add_unk_token_id(tokenizer.unknown_id)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def vocabulary(tokenizer: Tokenizer) -> tuple[list[str], list[Merge]]:
    """The tokens by their ids, bytes spelt as GPT-2 does, and the merges that make them."""
    if isinstance(tokenizer, CharTokenizer):
        characters = [character.encode() for character in tokenizer.characters]
        merges = dict.fromkeys(
            (data[:end], data[end : end + 1]) for data in characters for end in range(1, len(data))
        )
        # llama.cpp refuses a file without merges, which plain ASCII would be.
        return [UNKNOWN, *map(symbols_of_bytes, characters)], list(merges) or [_IDLE]
    assert isinstance(tokenizer, BPETokenizer)
    ids = range(1, tokenizer.vocab_size)
    tokens = [symbols_of_bytes(tokenizer.token_bytes(id)) for id in ids]
    return [END_OF_TEXT, *tokens], list(tokenizer.merges)


def _array(tensor: Tensor) -> npt.NDArray[np.floating[Any]]:
    array: npt.NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if array.ndim > 1 and np.array_equal(half, array) else array
