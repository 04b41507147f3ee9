"""The export is the same function in `transformers`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import save_checkpoint
from litteragpt.export import export_transformers
from litteragpt.tokenizers import CharTokenizer

TEXT = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme.\n"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = CharTokenizer.from_text(TEXT)
    config = DecoderConfig(
        vocab_size=tokenizer.vocab_size, context=24, layers=3, width=32, heads=2, hidden=48
    )
    model = Decoder(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    folder = tmp_path / "tiny"
    save_checkpoint(
        folder,
        architecture="decoder",
        model=model,
        model_config=config,
        tokenizer=tokenizer,
        training={},
        metrics_file=None,
        card="# Tiny\n",
    )
    return folder


def test_transformers_gives_the_same_ids_and_logits(checkpoint: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the optional extra hf is missing")
    import litteragpt

    lm = litteragpt.load(checkpoint)
    folder = export_transformers(checkpoint, tmp_path / "exported")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = lm.tokenizer.encode(TEXT).ids
    assert tokenizer(TEXT)["input_ids"] == ids
    assert tokenizer.decode(ids) == TEXT
    with torch.inference_mode():
        ours = lm.model(torch.tensor([ids]))[0]
        # The text is longer than the context: the windows must slide alike.
        torch.testing.assert_close(theirs(torch.tensor([ids])).logits, ours, atol=1e-4, rtol=0)


def test_a_folder_that_is_not_empty_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ValueError, match="not empty"):
        export_transformers(checkpoint, tmp_path / "mine")
