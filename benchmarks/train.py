"""Our training step against nanoGPT's recipe at the same size, in one paired run.

Ours is the step of the training loop as it is (`litteragpt.training.loop.Run`): batches from an
array on the device, the recipe's decoder, `torch.compile` where there is a compiler, clipping,
Muon and AdamW. nanoGPT's recipe is written out plainly below: the layout of GPT-2 (Radford et al.
2019) with learned positions, LayerNorm, GELU, a tied head, dropout an element at a time, AdamW,
batches gathered on the host; as it comes and compiled. Both have the same layers, width, batch,
window, dropout and precision, and parameters within 3 %; a third form on a CPU is in single
precision, which is what nanoGPT takes there. The forms take turns; given are medians, the least
and the most. Of what is gained on a CPU dropout has the largest part (`benchmarks/train_step.py`):
`--override model.dropout=0` shows the rest. On a CPU training keeps its memory
(`litteragpt.training.memory`); that is of a process, so all forms do or, with `--plain-memory`,
none does.

    OMP_NUM_THREADS=1 python benchmarks/train.py
    OMP_NUM_THREADS=1 python benchmarks/train.py --override model.dropout=0 --plain-memory
    python benchmarks/train.py --device cuda --override model.width=512 --override model.heads=8 \
        --override model.hidden=1376 --override training.batch=128 --override training.window=576

Model-FLOPs utilisation is `6 N + 6 L C T` a character (N weights that are multiplied, L layers of
width C, windows of T, causal attention counted once) over the device's peak: the maker's dense
figure for a GPU that is known here or what `--peak` says, else what a large product of matrices
reaches in this run. With one thread on a CPU the clock is the process's own, so that other work
disturbs little; everywhere else it is the wall's.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from litteragpt.architectures.decoder import DecoderConfig
from litteragpt.precision import autocast_for, obstacle_to_compiling, pick_device
from litteragpt.recipe import Recipe, TrainingConfig, load_recipe
from litteragpt.tokenizers import CharTokenizer
from litteragpt.training.distributed import Processes
from litteragpt.training.loop import Run
from litteragpt.training.memory import keep_memory

RECIPE = Path(__file__).parents[1] / "models" / "litteragpt-es.toml"
CHARACTERS = "\n" + "".join(map(chr, range(32, 126))) + "áéíóúñ¿"
"""102 and the unknown one, as the Spanish corpus has."""

PEAKS = {
    torch.bfloat16: {
        "B200": 2250.0, "H200": 989.0, "H100 PCIe": 756.0, "H100": 989.0, "A100": 312.0,
        "L40S": 362.0, "L4": 121.0, "A10": 125.0, "4090": 165.0, "3090": 71.0,
    },
    torch.float32: {"V100": 15.7, "T4": 8.1, "P100": 10.6},
}  # fmt: skip
"""TFLOP/s, dense, of the cards whose name has the word; a longer word goes before its part."""


class Block(nn.Module):
    """A block of GPT-2 without biases, as nanoGPT has it."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.p = heads, dropout
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        B, T, C = x_BTC.shape
        qkv = self.qkv(self.attention_norm(x_BTC)).split(C, 2)
        q_BHTD, k_BHTD, v_BHTD = (x.view(B, T, self.heads, -1).transpose(1, 2) for x in qkv)
        y_BHTD = F.scaled_dot_product_attention(
            q_BHTD, k_BHTD, v_BHTD, dropout_p=self.p, is_causal=True
        )
        x_BTC = x_BTC + self.dropout(self.o(y_BHTD.transpose(1, 2).reshape(B, T, C)))
        out: Tensor = x_BTC + self.dropout(self.down(F.gelu(self.up(self.mlp_norm(x_BTC)))))
        return out


class GPT(nn.Module):
    """GPT-2's layout; `forward` gives the loss."""

    def __init__(self, shape: DecoderConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocab_size, shape.width)
        self.positions = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.heads, shape.dropout) for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(shape.width, bias=False)
        self.dropout = nn.Dropout(shape.dropout)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, inputs_BT: Tensor, targets_BT: Tensor) -> Tensor:
        positions_TC = self.positions.weight[: inputs_BT.shape[1]]
        x_BTC = self.dropout(self.embedding(inputs_BT) + positions_TC)
        for block in self.blocks:
            x_BTC = block(x_BTC)
        logits_BTV = F.linear(self.norm(x_BTC), self.embedding.weight)
        return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten())


def nanogpt_step(
    shape: DecoderConfig,
    config: TrainingConfig,
    ids: np.ndarray,
    device: torch.device,
    *,
    compiled: bool = False,
) -> tuple[Callable[[], None], GPT]:
    """nanoGPT's training step."""
    model = GPT(shape).to(device).train()
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    gains = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.99),
        fused=device.type == "cuda",
    )
    forward = cast(GPT, torch.compile(model)) if compiled else model
    autocast = autocast_for(device, config.precision)

    def batch() -> tuple[Tensor, Tensor]:
        starts = torch.randint(len(ids) - config.window, (config.batch,)).tolist()
        rows = [ids[start : start + config.window + 1].astype(np.int64) for start in starts]
        both = torch.stack([torch.from_numpy(row) for row in rows])
        if device.type == "cuda":
            both = both.pin_memory().to(device, non_blocking=True)
        return both[:, :-1], both[:, 1:]

    def step() -> None:
        inputs_BT, targets_BT = batch()
        with autocast():
            loss = forward(inputs_BT, targets_BT)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step, model


def our_step(
    recipe: Recipe, text: str, folder: Path, device: torch.device
) -> tuple[Callable[[], None], nn.Module]:
    """The training loop's step, on a corpus of this text."""
    for part in ("train", "validation"):
        (folder / f"{part}.txt").write_text(text, encoding="utf-8")
    CharTokenizer(CHARACTERS).save(folder / "tokenizer.json")
    run = Run(
        recipe,
        folder,
        folder / "run",
        folder / "checkpoint",
        device=device,
        processes=Processes(0, 1, 0),
        report=lambda line: None,
    )
    loss_of, steps = run.compiled(), iter(range(recipe.training.steps))
    return lambda: cast(None, run.step(loss_of, next(steps))), run.model


class Clock:
    """Seconds of something done on a device."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        alone = device.type == "cpu" and torch.get_num_threads() == 1
        self._now = time.process_time if alone else time.perf_counter

    def seconds(self, action: Callable[[], object], count: int = 1) -> float:
        """Seconds of one, the mean of `count` in a row."""
        self._settle()
        began = self._now()
        for _ in range(count):
            action()
        self._settle()
        return (self._now() - began) / count

    def _settle(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()


def peak_of(device: torch.device, dtype: torch.dtype, clock: Clock) -> tuple[float, str]:
    """FLOP/s that the device can reach, and how that is known."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for word, peak in PEAKS.get(dtype, {}).items():
            if word in name:
                return peak * 1e12, f"the maker's figure for {word}"
    size = 2048 if device.type == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(clock.seconds(lambda: a @ b) for _ in range(8))
    return 2 * size**3 / best, f"a product of {size} × {size} in this run"


def flops_per_char(model: nn.Module, shape: DecoderConfig, window: int) -> float:
    """Of forward and backward; what is looked up is not multiplied."""
    looked_up = "positions" if isinstance(model, GPT) else "embedding"
    weights = sum(p.numel() for n, p in model.named_parameters() if not n.startswith(looked_up))
    return 6 * weights + 6 * shape.layers * shape.width * window


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--override", action="append", default=[], metavar="TABLE.FIELD=VALUE")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the device in this precision")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, help="in a row, timed together; 1 on a CPU, else 20")
    parser.add_argument("--plain-memory", action="store_true")
    arguments = parser.parse_args()
    device = pick_device(arguments.device)
    kept = device.type == "cpu" and not arguments.plain_memory and keep_memory()
    torch.set_float32_matmul_precision("high")  # TF32 for both, where the hardware has it
    recipe = load_recipe(arguments.recipe, arguments.override)
    endless = dataclasses.replace(recipe.training, steps=10**6, long_fraction=0.0)
    recipe = dataclasses.replace(recipe, training=endless)
    shape = recipe.model_config(vocab_size=len(CHARACTERS) + 1)
    if not isinstance(shape, DecoderConfig):
        parser.error(f"{arguments.recipe} must be a recipe of the architecture decoder")
    generator = random.Random(1605)
    text = "".join(generator.choices(CHARACTERS, k=max(10**6, 4 * endless.batch * endless.window)))
    ids = np.array([CHARACTERS.index(c) + 1 for c in CHARACTERS], dtype=np.uint16)
    ids = ids[np.random.default_rng(1605).integers(len(ids), size=len(text))]

    obstacle = obstacle_to_compiling(device)
    if obstacle:
        print(f"torch.compile is off: {obstacle}")
    with tempfile.TemporaryDirectory() as folder:
        forms = {"ours": our_step(recipe, text, Path(folder), device)}
    forms["nanoGPT's recipe, eager"] = nanogpt_step(shape, endless, ids, device)
    if not obstacle:
        compiled = nanogpt_step(shape, endless, ids, device, compiled=True)
        forms["nanoGPT's recipe, compiled"] = compiled
    if device.type == "cpu":
        single = dataclasses.replace(endless, precision="fp32")
        forms["nanoGPT's recipe, eager, fp32"] = nanogpt_step(shape, single, ids, device)
    sizes = {name: sum(p.numel() for p in model.parameters()) for name, (_, model) in forms.items()}
    if max(sizes.values()) > 1.03 * min(sizes.values()):
        parser.error(f"the sizes differ by over 3 %: {sizes}; give model.hidden about 8/3 width")

    clock = Clock(device)
    with autocast_for(device, endless.precision)():
        one = torch.ones(1, 1, device=device)
        dtype = (one @ one).dtype
    peak, source = peak_of(device, dtype, clock)
    if arguments.peak:
        peak, source = arguments.peak * 1e12, "given"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(
        f"{name}, {torch.get_num_threads()} threads, {str(dtype).removeprefix('torch.')}; "
        f"peak {peak / 1e12:.2f} TFLOP/s ({source}); batch {endless.batch}, "
        f"windows of {endless.window}, dropout {shape.dropout:g}{', memory kept' if kept else ''}"
    )
    count = arguments.steps or (1 if device.type == "cpu" else 20)
    for step, _ in forms.values():
        clock.seconds(step, 3)  # compiles, and finds its memory
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(arguments.repeats):
        for form, (step, _) in forms.items():
            seconds[form].append(clock.seconds(step, count))
    chars = endless.batch * endless.window
    ours = statistics.median(seconds["ours"])
    for form, times in seconds.items():
        median = statistics.median(times)
        flops = flops_per_char(forms[form][1], shape, endless.window) * chars / median
        print(
            f"{form}: {sizes[form]:,} parameters, {chars / median:,.0f} characters/s "
            f"({chars / max(times):,.0f} to {chars / min(times):,.0f}), "
            f"{flops / peak:.1%} of the peak; ours is {median / ours:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
