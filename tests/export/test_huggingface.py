"""The export is the same function in `transformers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import litteragpt
from litteragpt.export import export_transformers
from litteragpt.protocols import Tokenizer
from litteragpt.weights import CheckpointError
from tests.export.others import save_lstm
from tests.tiny import save_tiny, tiny_bpe

TEXT = "En un lugar de la Mancha , de cuyo nombre ¿no quiero acordarme ?\n"


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


@pytest.mark.parametrize("tokenizer", [None, tiny_bpe()], ids=["characters", "bpe"])
def test_transformers_gives_the_same_ids_and_logits(
    tmp_path: Path, tokenizer: Tokenizer | None
) -> None:
    transformers = pytest.importorskip("transformers", reason="the optional extra hf is missing")
    checkpoint = save_tiny(tmp_path, layers=3, width=32, context=24, tokenizer=tokenizer)
    lm = litteragpt.load(checkpoint)
    folder = export_transformers(checkpoint, tmp_path / "exported")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    reader = transformers.AutoTokenizer.from_pretrained(folder)
    assert len(reader) == lm.tokenizer.vocab_size
    ids = lm.tokenizer.encode(TEXT).ids
    assert reader(TEXT)["input_ids"] == ids
    assert reader.decode(ids) == TEXT
    with torch.inference_mode():
        ours = lm.model(torch.tensor([ids]))[0]
        # The text is longer than the context: the windows must slide alike.
        torch.testing.assert_close(theirs(torch.tensor([ids])).logits, ours, atol=1e-4, rtol=0)
        written = theirs.generate(torch.tensor([ids[:8]]), max_new_tokens=200)
    assert not set(written[0, 8:].tolist()) & lm.tokenizer.special_ids
    assert theirs.generation_config.temperature == 0.8


def test_the_folder_says_what_vllm_asks_for(tmp_path: Path) -> None:
    folder = export_transformers(save_tiny(tmp_path, layers=3), tmp_path / "exported")
    config, sampling = read(folder / "config.json"), read(folder / "generation_config.json")
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert config["max_window_layers"] == config["num_hidden_layers"] == 3
    assert config["sliding_window"] == 64
    assert (sampling["temperature"], sampling["top_k"], sampling["top_p"]) == (0.8, 0, 1.0)


def test_what_cannot_be_exported_is_a_clear_error(tmp_path: Path) -> None:
    checkpoint = save_tiny(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ValueError, match="not empty"):
        export_transformers(checkpoint, tmp_path / "mine")
    with pytest.raises(ValueError, match="not a folder"):
        export_transformers(checkpoint, tmp_path / "mine" / "novel.txt")
    with pytest.raises(CheckpointError, match="no decoder but of the architecture lstm"):
        export_transformers(save_lstm(tmp_path), tmp_path / "new")
    tagger = tmp_path / "tagger"
    tagger.mkdir()
    (tagger / "config.json").write_text('{"architecture": "encoder"}', encoding="utf-8")
    with pytest.raises(CheckpointError, match="tagger"):
        export_transformers(tagger, tmp_path / "new")
    exported = export_transformers(checkpoint, tmp_path / "exported")
    pytest.importorskip("transformers", reason="the optional extra hf is missing")
    with pytest.raises(CheckpointError, match="already"):
        export_transformers(exported, tmp_path / "new")
    assert not (tmp_path / "new").exists()
