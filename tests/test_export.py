"""The export is the same function in `transformers`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from litteragpt.export import export_transformers
from tests.tiny import save_tiny

TEXT = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme.\n"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save_tiny(tmp_path, layers=3, width=32, context=24)


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
