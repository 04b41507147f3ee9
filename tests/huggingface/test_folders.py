"""Folders of models as strangers give them: found, listed, and refused with one clear sentence."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import litteragpt
from litteragpt import CheckpointError
from litteragpt.checkpoint import load_checkpoint, resolve
from litteragpt.cli import main
from litteragpt.huggingface import read_folder
from tests.huggingface.conftest import Folder
from tests.tiny import save_tiny


def change(folder: Path, file: str = "config.json", **values: Any) -> None:
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


def test_folders_are_found_by_path_and_by_name(
    own_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "checkpoints"
    root.mkdir()
    save_tiny(root)
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(root))
    monkeypatch.delenv("LITTERAGPT_MODELS", raising=False)
    assert resolve(own_copy) == own_copy
    with pytest.raises(CheckpointError, match=r"no checkpoint 'Tiny-Llama'.*: tiny$"):
        resolve("Tiny-Llama", names_only=True)
    for listed in (own_copy, own_copy.parent):
        monkeypatch.setenv("LITTERAGPT_MODELS", os.pathsep.join([str(listed), "/nowhere"]))
        found = litteragpt.list_checkpoints()
        assert [info.name for info in found.found] == ["Tiny-Llama", "tiny"]
        assert found.broken == []
        assert resolve("Tiny-Llama", names_only=True) == own_copy
    shutil.copytree(own_copy, root / "Tiny-Llama")
    found = litteragpt.list_checkpoints()
    assert [info.name for info in found.found] == ["Tiny-Llama", "tiny"]
    assert found.found[0].path == root / "Tiny-Llama"
    assert "has the name of another model" in found.broken[0][1]
    assert [info.name for info in litteragpt.list_checkpoints(root).found] == ["Tiny-Llama", "tiny"]


def test_what_is_known_is_told_without_transformers(own_copy: Path) -> None:
    (own_copy / "README.md").write_text("---\nlanguage:\n- pt\n---\n# Um modelo\n", "utf-8")
    code = f"""
import sys
sys.modules["transformers"] = None
import litteragpt
(info,) = litteragpt.list_checkpoints(__import__("pathlib").Path({str(own_copy.parent)!r})).found
assert (info.architecture, info.library) == ("LlamaForCausalLM", "transformers")
assert info.language == "pt"
assert info.parameters > 10_000 and info.config["model"]["context"] == 64
assert info.card.endswith("# Um modelo\\n")
try:
    litteragpt.load(info.path)
except litteragpt.CheckpointError as error:
    assert "pip install 'litteragpt[hf]'" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("front", "language"),
    [
        ("language: es", "es"),
        ('language: ["pt"]', "pt"),
        ("language:\n- es\n- pt", None),
        ("license: mit", None),
        ("language: spanish", None),
    ],
)
def test_the_language_of_a_card(own_copy: Path, front: str, language: str | None) -> None:
    (own_copy / "README.md").write_text(f"---\n{front}\n---\ntext\n", "utf-8")
    assert read_folder(own_copy).language == language


def test_loading_asks_no_network_and_prints_nothing(
    own_copy: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert litteragpt.load(own_copy).complete("Marte", seed=1, max_chars=5).continuation
    assert capfd.readouterr() == ("", "")


def test_no_code_of_a_folder_is_run(own_copy: Path, tmp_path: Path) -> None:
    witness = tmp_path / "run"
    code = f"open({str(witness)!r}, 'w').close()\n"
    for name in (
        "modeling_evil.py",
        "configuration_evil.py",
        "__init__.py",
        "tokenization_evil.py",
    ):
        (own_copy / name).write_text(code)
    tables = {"AutoConfig": "configuration_evil.C", "AutoModelForCausalLM": "modeling_evil.M"}
    change(own_copy, auto_map=tables)
    change(
        own_copy, "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_evil.T", None]}
    )
    litteragpt.load(own_copy).complete("a", seed=1, max_chars=2)
    change(own_copy, model_type="evil")
    with pytest.raises(CheckpointError, match="cannot be used"):
        litteragpt.load(own_copy)
    assert not witness.exists()


def truncate(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def huge_tokenizer(folder: Path) -> None:
    with (folder / "tokenizer.json").open("r+b") as file:
        file.truncate(2**30)  # sparse: it takes no room


def huge_vocabulary_file(folder: Path) -> None:
    with (folder / "vocab.json").open("wb") as file:
        file.truncate(2**30)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def tensors(**changes: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        table = load_file(path)
        name = "model.embed_tokens.weight"
        table[name] = changes["make"](table[name])
        save_file(table, path, {"format": "pt"})

    return spoil


def nothing_left(folder: Path) -> None:
    path = folder / "model.safetensors"
    table = load_file(path)
    extra = table.pop("model.layers.0.mlp.up_proj.weight")
    save_file({**table, "unheard.of": extra}, path, {"format": "pt"})


def index_outside(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
    table = {"metadata": {}, "weight_map": {"lm_head.weight": "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(table))


def foreign_ids(id: int) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        content["model"]["vocab"]["outside"] = id
        (folder / "tokenizer.json").write_text(json.dumps(content))

    return spoil


CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
POST = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "nowhere", "type_id": 0}}],
    "pair": [],
    "special_tokens": {},
}
"""Names a token that is not there: the library's own code panics over it, and over `CHARSMAP`."""


def tokenizer(**values: Any) -> Callable[[Path], None]:
    return lambda folder: change(folder, "tokenizer.json", **values)


def config(**values: Any) -> Callable[[Path], None]:
    return lambda folder: change(folder, **values)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate, "model.safetensors is not a valid safetensors file"),
        (pickled, "pickles, which can hold code"),
        (huge_tokenizer, r"tokenizer.json is larger than"),
        (huge_vocabulary_file, r"vocab.json is larger than"),
        (without("tokenizer.json"), "tokenizer.json is missing"),
        (without("model.safetensors"), "has no model.safetensors"),
        (tensors(make=lambda t: t[:-1]), "asks for .* parameters|cannot be used"),
        (tensors(make=lambda t: t.T.copy()), "cannot be used"),
        (tensors(make=lambda t: t * np.nan), "NaN or infinite"),
        (tensors(make=lambda t: t.astype(np.int64)), "is of type I64"),
        (nothing_left, "the weights lack model.layers.0.mlp.up_proj.weight"),
        (index_outside, "names a file that is not in its folder"),
        (foreign_ids(10**9), "has the token id 1000000000, which is out of bounds"),
        (foreign_ids(10**5), "has ids up to 100000, its model"),
        (
            tokenizer(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            "cannot be",
        ),
        (tokenizer(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(("}}), "cannot be used"),
        (tokenizer(post_processor=POST), "cannot be used: no entry found"),
        (tokenizer(model=None), "cannot be used"),
        (tokenizer(decoder={"type": "Unheard"}), "cannot be used"),
        (config(num_hidden_layers=10**9), "has num_hidden_layers"),
        (config(num_hidden_layers=10**4), "where its weights are 21 tensors"),
        (config(num_hidden_layers=0), "has num_hidden_layers"),
        (config(num_hidden_layers=3), "asks for"),
        (config(hidden_size=2**30), "cannot be used"),
        (config(intermediate_size=2**30), "asks for"),
        (config(vocab_size=10**12), "out of bounds"),
        (config(vocab_size=2**30), "asks for"),
        (config(num_attention_heads=10**6), "has num_attention_heads"),
        (config(num_attention_heads=0), "cannot be used"),
        (config(num_key_value_heads=7), "cannot be used|asks for"),
        (config(max_position_embeddings=10**10), "out of bounds"),
        (config(max_position_embeddings=-1), "must know 2 to"),
        (config(max_position_embeddings="64"), "must know 2 to"),
        (config(hidden_size="16"), "cannot be used"),
        (config(hidden_act="nothing"), "cannot be used"),
        (config(model_type="unheard_of"), "cannot be used"),
        (config(model_type="../../etc"), "unusable model_type"),
        (config(model_type="gpt2"), "cannot be used"),
        (config(architectures="LlamaForCausalLM"), "unusable architectures"),
        (config(architectures=["T5ForConditionalGeneration"]), "no causal language model"),
        (config(architectures=["BertForMaskedLM"], model_type="bert"), "no causal language model"),
        (config(is_encoder_decoder=True), "no causal language model"),
        (config(quantization_config={"bits": 4}), "quantised"),
    ],
)
def test_a_folder_that_will_not_do_is_refused_in_a_sentence(
    own_copy: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(own_copy)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(own_copy)
    assert "\n" not in str(caught.value)
    assert str(own_copy.name) in str(caught.value)
    listed = litteragpt.list_checkpoints(own_copy.parent)
    assert len(listed.found) + len(listed.broken) == 1


def test_weights_in_several_files_are_read(hf_folder: Folder, own_copy: Path) -> None:
    table = load_file(own_copy / "model.safetensors")
    names = sorted(table)
    (own_copy / "model.safetensors").unlink()
    weight_map: dict[str, str] = {}
    for number, part in enumerate((names[:5], names[5:]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: table[name] for name in part}, own_copy / file, {"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    index = own_copy / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    one, several = litteragpt.load(hf_folder()), litteragpt.load(own_copy)
    arguments: dict[str, Any] = {"temperature": 0, "seed": 1, "max_chars": 30}
    assert several.complete("Marte", **arguments).continuation == (
        one.complete("Marte", **arguments).continuation
    )
    assert several.info is not None
    assert one.info is not None
    assert several.info.parameters == one.info.parameters


def test_our_own_export_comes_back_as_a_model_of_others(tmp_path: Path) -> None:
    from litteragpt.export import export_transformers

    own = save_tiny(tmp_path)
    there = litteragpt.load(export_transformers(own, tmp_path / "exported"))
    here = litteragpt.load(own)
    arguments: dict[str, Any] = {"seed": 4, "sentences": None, "max_chars": 40}
    assert there.complete("En un", **arguments).continuation == (
        here.complete("En un", **arguments).continuation
    )


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["litteragpt", *arguments])
    return main()


def test_the_command_line_takes_a_folder(
    hf_folder: Folder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = hf_folder(learnt=True)
    assert call(monkeypatch, "generate", "Marte", "--model", str(folder), "--temperature", "0",
                "--seed", "1", "--words", "3") == 0  # fmt: skip
    assert capsys.readouterr().out == "Marte é um planeta\n"
    text = tmp_path / "text.txt"
    text.write_text("Marte é um planeta.", "utf-8")
    assert call(monkeypatch, "evaluate", str(text), "--model", str(folder), "--json") == 0
    assert json.loads(capsys.readouterr().out)["characters"] == 19
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("LITTERAGPT_MODELS", str(folder))
    assert call(monkeypatch, "models", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["models"]
    assert found["library"] == "transformers"
    assert found["architecture"] == "LlamaForCausalLM"
    assert found["context"] == 64
    assert found["validation"] is None
    assert call(monkeypatch, "models") == 0
    assert "LlamaForCausalLM" in capsys.readouterr().out
    monkeypatch.delenv("LITTERAGPT_MODELS")
    assert call(monkeypatch, "generate", "Marte", "--model", str(tmp_path / "no")) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
