"""A tiny sentence encoder of Hugging Face's layout that has learned which words mean the same."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tests.tiny_cross_encoder import QUESTION, RIGHT, WRONG
from tests.tiny_hf import bert_config, word_pieces

MODULES = [
    {"type": f"sentence_transformers.models.{kind}", "path": path}
    for kind, path in (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
]


def save_their_sentences(
    folder: Path,
    *,
    steps: int = 60,
    context: int = 64,
    modules: Any = MODULES,
    pooling: str = "mean_tokens",
    prompts: Mapping[str, str] | None = None,
) -> Path:
    """Write a folder with a BERT whose mean over tokens says that QUESTION and RIGHT are alike.

    Without `modules` it does not say what it is.
    """
    import transformers

    pieces = word_pieces([QUESTION, RIGHT, WRONG] * 4, 200, lowercase=True)
    torch.manual_seed(0)
    model = transformers.BertModel(bert_config(len(pieces), context), add_pooling_layer=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        means = [
            model(**pieces(text, return_tensors="pt")).last_hidden_state[0].mean(0)
            for text in (QUESTION, RIGHT, WRONG)
        ]
        question, right, wrong = (torch.nn.functional.normalize(mean, dim=0) for mean in means)
        loss = (1 - question @ right) + (question @ wrong + 0.5).relu()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars
        model.save_pretrained(folder)
        pieces.save_pretrained(folder)
    if modules is not None:
        (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
        (folder / "1_Pooling").mkdir()
        table = {"word_embedding_dimension": 24, f"pooling_mode_{pooling}": True}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(table), "utf-8")
    if prompts is not None:
        path = folder / "config_sentence_transformers.json"
        path.write_text(json.dumps({"prompts": dict(prompts)}), "utf-8")
    return folder
