"""Small models in checkpoint folders, for tests that need text but not sense."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import save_checkpoint
from litteragpt.names.known import KnownNames
from litteragpt.protocols import Reads, Tokenizer
from litteragpt.tokenizers import BPETokenizer, CharTokenizer

ALPHABET = "\n !,-.:;?abcdefghijlmnopqrstuvxyzABCDEFGHLMNPQRSTáéíóúñü¡¿—"
"""No `$`, `*`, `<`, `k` or `w`: tests write them to see what happens."""

METRICS: list[dict[str, Any]] = [
    {"step": 0, "chars": 0, "seconds": 0.0, "train_loss": 4.1, "lr": 0.0},
    {"step": 10, "chars": 5_000, "val_loss": 3.2, "sample": " muestra de diez", "prompt": "En un"},
    {"step": 20, "chars": 10_000, "seconds": 2.0, "train_loss": 2.5, "lr": 0.01, "surplus": [1]},
    {"step": 20, "chars": 10_000, "val_loss": 2.4, "honest_loss": 2.6},
    {"step": 1234, "sample": " muestra final", "prompt": "En un"},
]

PLACES = (
    ("Santa Luzia", "Embu das Artes", "SP"),
    ("Santa Rita", "Recife", "PE"),
    ("Santa Cruz", "Manaus", "AM"),
    ("Vila Nova", "Sorocaba", "SP"),
    ("Jardim Europa", "Porto Alegre", "RS"),
    ("Centro", "Alta Floresta D'Oeste", "RO"),
    ("Parque das Flores", "Salvador", "BA"),
    ("Novo Horizonte", "Ipatinga", "MG"),
)
"""What the model of names has learnt by heart; the last two are not among those it says exist."""


def save_tiny(
    root: Path,
    name: str = "tiny",
    *,
    seed: int = 0,
    layers: int = 1,
    width: int = 16,
    context: int = 64,
    tokenizer: Tokenizer | None = None,
    language: str | None = None,
) -> Path:
    """Write a checkpoint of random weights, by default a few thousand, below `root`."""
    tokenizer = tokenizer or CharTokenizer.from_text(ALPHABET)
    torch.manual_seed(seed)
    model = Decoder(_config(tokenizer, layers=layers, width=width, context=context))
    _save(root / name, model, tokenizer, language=language)
    return root / name


def tiny_bpe() -> BPETokenizer:
    """A vocabulary of bytes and a few merges of Portuguese."""
    return BPETokenizer.train(["Marte é um planeta. O planeta é um lugar.\n"] * 4, 280)


def save_names(root: Path, name: str = "tiny-names", *, seed: int = 0) -> Path:
    """Write a checkpoint that has learnt `PLACES` by heart, with its file of known names."""
    lines = [f"{bairro} - {city}\n" for bairro, city, _ in PLACES]
    tokenizer = CharTokenizer.from_text("".join(lines) + "0123456789")
    torch.manual_seed(seed)
    model = Decoder(_config(tokenizer, layers=1, width=32, context=48))
    model.initialise()
    _learn(model, [tokenizer.encode(f"\n{line}").ids for line in lines])
    cities = {(city, uf) for _, city, uf in PLACES}
    known = root / f"{name}.known"
    KnownNames.from_tables(PLACES[:-2], cities).save(known)
    _save(root / name, model, tokenizer, language="pt", reads="lines", known_file=known)
    known.unlink()
    return root / name


def _config(tokenizer: Tokenizer, *, layers: int, width: int, context: int) -> DecoderConfig:
    return DecoderConfig(
        vocab_size=tokenizer.vocab_size,
        context=context,
        layers=layers,
        width=width,
        heads=2,
        hidden=2 * width,
    )


def _learn(model: Decoder, lines: Sequence[Sequence[int]], steps: int = 80) -> None:
    longest = max(map(len, lines))
    padded = [[*line, *[-100] * (longest - len(line))] for line in lines]
    ids_BT = torch.tensor(padded)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(steps):
        logits_BTV, _ = model(ids_BT[:, :-1].clamp(min=0))
        loss = functional.cross_entropy(logits_BTV.flatten(0, 1), ids_BT[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _save(
    folder: Path,
    model: Decoder,
    tokenizer: Tokenizer,
    *,
    language: str | None,
    reads: Reads = "text",
    known_file: Path | None = None,
) -> None:
    metrics = folder.with_name(f"{folder.name}.jsonl")
    metrics.write_text("".join(json.dumps(line) + "\n" for line in METRICS), encoding="utf-8")
    save_checkpoint(
        folder,
        architecture="decoder",
        model=model,
        model_config=model.config,
        tokenizer=tokenizer,
        training={},
        metrics_file=metrics,
        card="# Tiny\n\nRandom weights. <script>alert(1)</script>\n",
        reads=reads,
        language=language,
        known_file=known_file,
    )
    metrics.unlink()
