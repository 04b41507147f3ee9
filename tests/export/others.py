"""Tiny checkpoints of the architectures that are no decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from litteragpt.architectures.lstm import LSTM, LSTMConfig
from litteragpt.architectures.mlp import MLP, MLPConfig
from litteragpt.architectures.original import Original, OriginalConfig
from litteragpt.checkpoint import save_checkpoint
from litteragpt.tokenizers import CharTokenizer
from tests.tiny import ALPHABET

TOKENIZER = CharTokenizer.from_text(ALPHABET)


def save_lstm(root: Path, *, tied: bool = False) -> Path:
    """Two layers."""
    config = LSTMConfig(
        vocab_size=TOKENIZER.vocab_size, context=20, width=8, hidden=12, layers=2, tied=tied
    )
    return _save(root / "lstm", "lstm", LSTM(config), config)


def save_mlp(root: Path, *, context: int = 5, direct: bool = True) -> Path:
    """Two hidden layers."""
    config = MLPConfig(
        vocab_size=TOKENIZER.vocab_size,
        context=context,
        width=8,
        hidden=12,
        layers=2,
        direct=direct,
    )
    return _save(root / "mlp", "mlp", MLP(config), config)


def save_original(root: Path) -> Path:
    """The original's configuration, which leaves no layout but ours."""
    config = OriginalConfig(vocab_size=TOKENIZER.vocab_size, context=8, layers=1, width=8, heads=2)
    return _save(root / "original", "original", Original(config), config)


def _save(folder: Path, architecture: str, model: nn.Module, config: Any) -> Path:
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    save_checkpoint(
        folder,
        architecture=architecture,
        model=model,
        model_config=config,
        tokenizer=TOKENIZER,
        training={},
        metrics_file=None,
        card="# Tiny\n",
    )
    return folder
