"""A small random model in a checkpoint folder, for tests that need text but not sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import save_checkpoint
from litteragpt.tokenizers import CharTokenizer

ALPHABET = "\n !,-.:;?abcdefghijlmnopqrstuvxyzABCDEFGHLMNPQRSTáéíóúñü¡¿—"
"""No `$`, `*`, `<`, `k` or `w`: tests write them to see what happens."""

METRICS: list[dict[str, Any]] = [
    {"step": 0, "chars": 0, "seconds": 0.0, "train_loss": 4.1, "lr": 0.0},
    {"step": 10, "chars": 5_000, "val_loss": 3.2, "sample": " muestra de diez", "prompt": "En un"},
    {"step": 20, "chars": 10_000, "seconds": 2.0, "train_loss": 2.5, "lr": 0.01, "surplus": [1]},
    {"step": 20, "chars": 10_000, "val_loss": 2.4, "honest_loss": 2.6},
    {"step": 1234, "sample": " muestra final", "prompt": "En un"},
]


def save_tiny(
    root: Path,
    name: str = "tiny",
    *,
    seed: int = 0,
    layers: int = 1,
    width: int = 16,
    context: int = 64,
) -> Path:
    """Write a checkpoint of random weights, by default a few thousand, below `root`."""
    tokenizer = CharTokenizer.from_text(ALPHABET)
    config = DecoderConfig(
        vocab_size=tokenizer.vocab_size,
        context=context,
        layers=layers,
        width=width,
        heads=2,
        hidden=2 * width,
    )
    torch.manual_seed(seed)
    model = Decoder(config)
    metrics = root / f"{name}.jsonl"
    metrics.write_text("".join(json.dumps(line) + "\n" for line in METRICS), encoding="utf-8")
    save_checkpoint(
        root / name,
        architecture="decoder",
        model=model,
        model_config=config,
        tokenizer=tokenizer,
        training={},
        metrics_file=metrics,
        card="# Tiny\n\nRandom weights. <script>alert(1)</script>\n",
    )
    metrics.unlink()
    return root / name
