"""A tiny cross-encoder of Hugging Face's layout that has learned which words answer which."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import torch

from tests.tiny_hf import bert_config, word_pieces

QUESTION = "Que felino caça de noite?"
"""But for one, its words do not stand in the passage that answers it:"""
RIGHT = "A onça, um felino, persegue as presas depois do pôr do sol."
WRONG = "O clube de caça não abre de noite."


def save_cross_encoder(
    folder: Path, *, classes: int = 1, context: int = 64, steps: int = 60, **changes: Any
) -> Path:
    """Write a folder with a BERT of one class or more, which has learned that RIGHT is right."""
    import transformers

    theirs = word_pieces(
        [QUESTION, RIGHT, WRONG] * 4,
        200,
        lowercase=True,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    torch.manual_seed(0)
    config = bert_config(len(theirs), context, num_labels=classes, **changes)
    model = transformers.BertForSequenceClassification(config)
    _learn(model, theirs, classes, steps)
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars
        model.save_pretrained(folder)
        theirs.save_pretrained(folder)
    return folder


def _learn(model: Any, tokenizer: Any, classes: int, steps: int) -> None:
    read = tokenizer([QUESTION] * 2, [RIGHT, WRONG], padding=True, return_tensors="pt")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        scores_PK = model(**read).logits
        odds_P = scores_PK[:, 0] if classes == 1 else scores_PK[:, 1] - scores_PK[:, 0]
        loss = (odds_P - torch.tensor([9.0, -9.0])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
