"""What the two choices that make training fast on a CPU are worth, in one paired run.

Forward and backward of the Spanish decoder at its training shapes, compiled, in bf16 where the
machine has it: attention written out in blocks against the library's fused kernel, and dropout
with one mask a row against a mask an element. The variants take turns; medians in characters a
second, and the ratio to the first.

    OMP_NUM_THREADS=1 python benchmarks/train_step.py
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from litteragpt.architectures import decoder
from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.precision import autocast_for, obstacle_to_compiling
from litteragpt.recipe import load_recipe

RECIPE = Path(__file__).parents[1] / "models" / "litteragpt-es.toml"


Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def fused(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q_BHTD, k_BHTD, v_BHTD, is_causal=True)


def stepper(
    config: DecoderConfig, attention: Attend, dropout: type[nn.Module], batch: int, length: int
) -> Callable[[], float]:
    """A compiled training step on random ids; it gives its seconds."""
    decoder.SequenceDropout = dropout  # type: ignore[assignment,misc]
    device = torch.device("cpu")
    model = Decoder(config)
    model.initialise()
    forward = model if obstacle_to_compiling(device) else torch.compile(model, dynamic=False)
    autocast = autocast_for(device, "auto")
    ids = torch.randint(config.vocab_size, (batch, length))

    def step() -> float:
        # The compiler looks at each call whether the function it has compiled still stands there.
        decoder.causal_attention_in_blocks = attention  # type: ignore[assignment]
        began = time.perf_counter()
        with autocast():
            logits, _ = forward(ids)
        F.cross_entropy(logits.float().flatten(0, 1), ids.flatten()).backward()
        return time.perf_counter() - began

    step()
    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    recipe = load_recipe(RECIPE)
    training = recipe.training
    config: DecoderConfig = recipe.model_config(vocab_size=103)
    plain = dataclasses.replace(config, dropout=0.0)
    blocks, by_row = decoder.causal_attention_in_blocks, decoder.SequenceDropout
    variants: dict[str, tuple[DecoderConfig, Attend, type[nn.Module]]] = {
        "blocks, dropout by row": (config, blocks, by_row),
        "blocks, dropout by element": (config, blocks, nn.Dropout),
        "blocks, no dropout": (plain, blocks, by_row),
        "fused kernel, no dropout": (plain, fused, by_row),
    }
    tokens = training.batch * training.window
    for length in (training.window, training.long_window):
        torch.compiler.reset()
        steps = {
            name: stepper(shape, attention, dropout, tokens // length, length)
            for name, (shape, attention, dropout) in variants.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(arguments.repeats):
            for name, step in steps.items():
                seconds[name].append(step())
        first = statistics.median(next(iter(seconds.values())))
        for name, times in seconds.items():
            median = statistics.median(times)
            print(
                f"windows of {length}, {name}: {tokens / median:,.0f} characters/s "
                f"({first / median:.2f}; {tokens / max(times):,.0f} to {tokens / min(times):,.0f})"
            )


if __name__ == "__main__":
    main()
