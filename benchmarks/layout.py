"""Does the Qwen3 layout cost anything against the pilot's?

The pilot of the Spanish decoder had squared ReLU, a normalised embedding and a logit softcap of
15, none of which `Qwen3ForCausalLM` has. Both layouts are trained here by the same loop, on the
same batches, at nearly the same number of parameters, and evaluated over the whole validation
text, one line a run:

    litteragpt data litteragpt-es
    python benchmarks/layout.py --steps 1000 --seeds 1 2
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.evaluation import start_id, total_nats
from litteragpt.precision import autocast_for, obstacle_to_compiling
from litteragpt.recipe import TrainingConfig
from litteragpt.tokenizers import load_tokenizer
from litteragpt.training.batches import HeldTokens, Windows
from litteragpt.training.optim import Optimizers
from litteragpt.training.schedule import lr_factor


class SquaredReLU(nn.Module):
    """`down(relu(up(x))²)` (So et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x_BTC: Tensor) -> Tensor:
        out: Tensor = self.down(F.relu(self.up(x_BTC)).square())
        return out


class NormalisedEmbedding(nn.Embedding):
    def forward(self, ids_BT: Tensor) -> Tensor:
        return F.rms_norm(super().forward(ids_BT), (self.embedding_dim,))


class SoftcapHead(nn.Linear):
    def forward(self, x_BTC: Tensor) -> Tensor:
        return torch.tanh(super().forward(x_BTC) / 15) * 15


def pilot(config: DecoderConfig) -> Decoder:
    """A decoder whose blocks, embedding and head are the pilot's."""
    model = Decoder(config)
    for block in model.blocks:
        block.mlp = SquaredReLU(config.width)
    model.embedding = NormalisedEmbedding(config.vocab_size, config.width)
    model.head = SoftcapHead(config.width, config.vocab_size, bias=False)
    return model


LAYOUTS = {"qwen3": Decoder, "pilot": pilot}


def train(model: Decoder, windows: Windows, config: TrainingConfig) -> float:
    """Train; the mean loss of the last 50 steps."""
    device = torch.device("cpu")
    autocast = autocast_for(device, config.precision)
    forward = model if obstacle_to_compiling(device) else torch.compile(model, dynamic=False)
    optimizers = Optimizers(model, config)
    losses = []
    model.train()
    for step in range(config.steps):
        torch.manual_seed(config.seed * 1_000_003 + step)
        batch = windows.batch(step)
        with autocast():
            logits, _ = forward(batch.inputs_BT)
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch.targets_BT.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizers.step(lr_factor(step, config))
        losses.append(loss.item())
    return float(np.mean(losses[-50:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("data/litteragpt-es"))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    tokenizer = load_tokenizer(arguments.corpus / "tokenizer.json")
    read = {
        name: tokenizer.encode_array((arguments.corpus / f"{name}.txt").read_text("utf-8"))[0]
        for name in ("train", "validation")
    }
    config = TrainingConfig(
        steps=arguments.steps, batch=28, window=288, long_window=288, warmup_steps=50
    )
    shape = DecoderConfig(
        vocab_size=tokenizer.vocab_size,
        context=288,
        layers=arguments.layers,
        width=arguments.width,
        heads=arguments.width // 64,
        hidden=arguments.width * 11 // 4,
    )
    for seed in arguments.seeds:
        seeded = dataclasses.replace(config, seed=seed)
        windows = Windows(HeldTokens(read["train"].astype(np.uint8), torch.device("cpu")), seeded)
        for name, build in LAYOUTS.items():
            torch.manual_seed(seed)
            model = build(shape)
            model.initialise()
            began = time.perf_counter()
            train_loss = train(model, windows, seeded)
            seconds = time.perf_counter() - began
            model.eval()
            nats = total_nats(model, read["validation"], start_id(tokenizer))
            print(
                f"{name} seed {seed}: {sum(p.numel() for p in model.parameters()):,} parameters, "
                f"train {train_loss:.4f}, validation {nats / len(read['validation']):.4f} "
                f"nats/char, {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
