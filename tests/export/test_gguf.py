"""The file for llama.cpp holds our shape, our weights and our tokenizer; llama.cpp agrees."""

from __future__ import annotations

import json
import unicodedata
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers

import litteragpt
from litteragpt.architectures.decoder import Decoder
from litteragpt.checkpoint import load_checkpoint
from litteragpt.export import export_gguf
from litteragpt.export.gguf import vocabulary
from litteragpt.export.qwen3 import LLAMA_CPP, renamed
from litteragpt.protocols import Tokenizer
from litteragpt.tokenizers import CharTokenizer
from litteragpt.tokenizers.bpe import symbols_of_bytes
from litteragpt.weights import CheckpointError, read_tensors, with_sha256, write_weights
from tests.export.others import save_mlp
from tests.tiny import save_names, save_tiny, tiny_bpe

gguf = pytest.importorskip("gguf", reason="the optional extra export is missing")

TEXT = "¿En un lugar, de la Mancha — 605?\n\n «Sí»,  dijo él.\n"


def fields(folder: Path) -> dict[str, Any]:
    reader = gguf.GGUFReader(folder / "model.gguf")
    return {name: field.contents() for name, field in reader.fields.items()}


@pytest.mark.parametrize("tokenizer", [None, tiny_bpe()], ids=["characters", "bpe"])
def test_every_field_says_what_ours_says(tmp_path: Path, tokenizer: Tokenizer | None) -> None:
    checkpoint = save_tiny(
        tmp_path, layers=3, width=32, context=24, tokenizer=tokenizer, language="es"
    )
    tokenizer = load_checkpoint(checkpoint).tokenizer
    found = fields(export_gguf(checkpoint, tmp_path / "exported"))
    own = {name: value for name, value in found.items() if name.startswith("qwen3.")}
    assert own == pytest.approx(
        {
            "qwen3.vocab_size": tokenizer.vocab_size,
            "qwen3.context_length": 24,
            "qwen3.block_count": 3,
            "qwen3.embedding_length": 32,
            "qwen3.feed_forward_length": 64,
            "qwen3.attention.head_count": 2,
            "qwen3.attention.head_count_kv": 2,
            "qwen3.attention.key_length": 16,
            "qwen3.attention.value_length": 16,
            "qwen3.rope.dimension_count": 16,
            "qwen3.rope.freq_base": 10_000.0,
            "qwen3.attention.layer_norm_rms_epsilon": 1e-6,
        }
    )
    assert found["general.architecture"] == "qwen3"
    assert (found["general.name"], found["general.languages"]) == ("tiny", ["es"])
    assert found["general.sampling.top_k"] == 0
    tokens, merges = vocabulary(tokenizer)
    read = {
        name.removeprefix("tokenizer.ggml."): value
        for name, value in found.items()
        if name.startswith("tokenizer.")
    }
    newline = tokenizer.encode("\n").ids[0]
    kinds = gguf.TokenType
    assert read == {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": tokens,
        "token_type": [
            kinds.UNKNOWN if tokenizer.kind == "char" else kinds.CONTROL,
            *[kinds.NORMAL] * (len(tokens) - 1),
        ],
        "merges": [" ".join(map(symbols_of_bytes, merge)) for merge in merges],
        "bos_token_id": newline,
        "eos_token_id": 0,
        "unknown_token_id": 0,
        "add_bos_token": False,
        "add_eos_token": False,
        "add_space_prefix": False,
    }


@pytest.mark.parametrize("wide", [False, True], ids=["F16", "F32"])
def test_every_weight_is_ours(tmp_path: Path, wide: bool) -> None:
    checkpoint = save_tiny(tmp_path, layers=2)
    if wide:  # a checkpoint that 16 bits would not hold
        weights, card = checkpoint / "model.safetensors", checkpoint / "README.md"
        tensors = read_tensors(weights, torch.float32)
        write_weights(weights, {name: t * 1.0001 for name, t in tensors.items()}, torch.float32)
        card.write_text(with_sha256(card.read_text("utf-8"), weights), encoding="utf-8")
    model = load_checkpoint(checkpoint).model
    assert isinstance(model, Decoder)
    folder = export_gguf(checkpoint, tmp_path / "exported")
    reader = gguf.GGUFReader(folder / "model.gguf")
    expected = renamed(model, LLAMA_CPP)
    assert [tensor.name for tensor in reader.tensors] == list(expected)
    assert {"token_embd.weight", "blk.1.attn_q_norm.weight", "output.weight"} < set(expected)
    for tensor in reader.tensors:
        np.testing.assert_array_equal(tensor.data, expected[tensor.name].numpy())
        assert tensor.tensor_type.name == ("F16" if tensor.data.ndim > 1 and not wide else "F32")
    kind = gguf.LlamaFileType.ALL_F32 if wide else gguf.LlamaFileType.MOSTLY_F16
    assert fields(folder)["general.file_type"] == kind


def test_merges_of_bytes_read_characters_however_a_text_is_cut() -> None:
    alphabet = unicodedata.normalize("NFC", "\n ¿?—…áéñab«»ﬁ€中😀😁🎉")
    tokenizer = CharTokenizer.from_text(alphabet)
    tokens, merges = vocabulary(tokenizer)
    # What is no token in between must be one for this library; llama.cpp asks for none.
    made = dict.fromkeys(symbols_of_bytes(left + right) for left, right in merges)
    extra = dict.fromkeys([*pre_tokenizers.ByteLevel.alphabet(), *made])
    ids = {token: number for number, token in enumerate(dict.fromkeys([*tokens, *extra]))}
    pairs = [(symbols_of_bytes(left), symbols_of_bytes(right)) for left, right in merges]
    bpe = tokenizers.Tokenizer(models.BPE(ids, pairs))
    bpe.decoder = decoders.ByteLevel()
    text = "ñ — «¿ab?»…\n\n😀🎉 中€  é\n😁ﬁá"
    for cut in (True, False):
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=cut)
        assert bpe.encode(text).ids == tokenizer.encode(text).ids


def test_what_cannot_be_exported_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has a layout for decoders alone"):
        export_gguf(save_mlp(tmp_path), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


class LlamaCpp:
    """llama.cpp's server on this machine, for one file."""

    def __init__(self, file: Path) -> None:
        library = pytest.importorskip("xllamacpp", reason="llama.cpp is missing")
        params = library.CommonParams()
        params.model.path = str(file)
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        self.server = library.Server(params)

    def ask(self, path: str, **body: Any) -> Any:
        address = f"{self.server.listening_address}/{path}"
        request = urllib.request.Request(
            address, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def probabilities(self, ids: Sequence[int], vocab_size: int) -> list[float]:
        answer = self.ask(
            "completion", prompt=list(ids), n_predict=1, n_probs=vocab_size, cache_prompt=False
        )
        found = answer["completion_probabilities"][0]["top_logprobs"]
        by_id = {each["id"]: np.exp(each["logprob"]) for each in found}
        return [by_id[id] for id in range(vocab_size)]


def test_llama_cpp_gives_the_same_ids_and_probabilities(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp is missing")
    checkpoint = save_names(tmp_path)
    lm = litteragpt.load(checkpoint)
    there = LlamaCpp(export_gguf(checkpoint, tmp_path / "exported") / "model.gguf")
    text = "\nJardim Europa - Porto Alegre\nVila Nova - Sorocaba\n"
    ids = lm.tokenizer.encode(text).ids
    assert there.ask("tokenize", content=text)["tokens"] == ids
    assert there.ask("detokenize", tokens=ids)["content"] == text
    defaults = there.ask("completion", prompt=ids[:9], n_predict=1)["generation_settings"]
    settings = {name: defaults[name] for name in ("temperature", "top_k", "top_p", "min_p")}
    assert settings == pytest.approx({"temperature": 0.8, "top_k": 0, "top_p": 1.0, "min_p": 0.0})
    for length in (1, 9, 40):
        with torch.inference_mode():
            ours = lm.model(torch.tensor([ids[:length]]))[0][0, -1].softmax(-1)
        theirs = there.probabilities(ids[:length], lm.tokenizer.vocab_size)
        # llama.cpp multiplies and remembers in 16 bits.
        np.testing.assert_allclose(theirs, ours, atol=0.01, rtol=0)


@pytest.mark.parametrize("tokenizer", [None, tiny_bpe()], ids=["characters", "bpe"])
def test_llama_cpp_reads_and_writes_our_text(tmp_path: Path, tokenizer: Tokenizer | None) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp is missing")
    checkpoint = save_tiny(tmp_path, width=64, tokenizer=tokenizer or CharTokenizer.from_text(TEXT))
    tokenizer = load_checkpoint(checkpoint).tokenizer
    there = LlamaCpp(export_gguf(checkpoint, tmp_path / "exported") / "model.gguf")
    ids = tokenizer.encode(TEXT).ids
    assert there.ask("tokenize", content=TEXT)["tokens"] == ids
    assert there.ask("detokenize", tokens=ids)["content"] == TEXT
