"""What each part of the decoder, and of its training, is worth.

Variants of one small recipe (0.8 M parameters, 3 M characters, about two minutes on a quiet core)
are trained by the real loop, once for each seed, and evaluated over the whole validation text.
Each result is a JSON line; a run whose line is there is not run again, so that a broken-off
series goes on where it was. The table at the end has means over the seeds, and differences from
the baseline of the same seed.

    litteragpt data litteragpt-es
    python benchmarks/ablations.py --list
    python benchmarks/ablations.py --seeds 3 --out ablations.jsonl
    python benchmarks/ablations.py --only baseline value-residuals --steps 750 --out long.jsonl

`mixing` puts counts of n-grams beside each seed's baseline, `ensemble` is the mean of the
probabilities of all of them, and `distilled` is trained as the baseline and to agree with that
ensemble; all three need the baseline's checkpoints.

With `--characters 300000` the training text is cut to so many and read ten times: there dropout
and weight decay have something to do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

import litteragpt
from litteragpt.evaluation import evaluate_file
from litteragpt.generation.text import TextModel
from litteragpt.mixing.folder import count
from litteragpt.mixing.mixture import Mixture, evenly
from litteragpt.training import train

SMALL = (
    "base=",
    "model.layers=4",
    "model.width=128",
    "model.heads=2",
    "model.hidden=352",
    "model.context=288",
    "model.dropout=0.0",
    "training.batch=28",
    "training.window=288",
    "training.long_window=288",
    "training.long_fraction=0.0",
    "training.muon_lr=0.02",
    "training.adam_lr=0.003",
    "training.weight_decay=0.1",
    "training.warmup_steps=50",
    "training.decay_fraction=0.4",
    "training.ema_decay=0.0",
    "training.sample_chars=1",
    "training.evaluate_every=1000000",
    "training.save_every=1000000",
)
"""What makes a pilot of `models/litteragpt-es.toml`, whatever that recipe comes to be."""

RESEARCH = "architecture=research"
CONSTANT = "training.decay_fraction=0.0"


def context(length: int) -> tuple[str, ...]:
    """Windows of another length, as many characters a step."""
    windows = f"training.window={length}", f"training.long_window={length}"
    return (f"model.context={length}", *windows, f"training.batch={28 * 288 // length}")


def ngrams(rows: int) -> tuple[str, ...]:
    return (RESEARCH, "model.ngram_orders=[2, 3, 4, 5]", f"model.ngram_rows={rows}")


VARIANTS: Mapping[str, tuple[str, ...]] = {
    "baseline": (),
    "value-residuals": (RESEARCH, "model.value_residuals=true"),
    "ngrams-4k": ngrams(4_096),
    "ngrams-16k": ngrams(16_384),
    "future-1": (RESEARCH, "model.future=1"),
    "future-3": (RESEARCH, "model.future=3"),
    "decay-0.4": ("training.weight_decay=0.4",),
    "decay-1.6": ("training.weight_decay=1.6",),
    "dropout-0.1": ("model.dropout=0.1",),
    "dropout-0.2": ("model.dropout=0.2",),
    "adamw": ("training.optimizer=adamw",),
    "adamw-fast": ("training.optimizer=adamw", "training.adam_lr=1e-2"),
    "adamw-slow": ("training.optimizer=adamw", "training.adam_lr=1e-3"),
    "constant": (CONSTANT,),
    "constant-ema-0.99": (CONSTANT, "training.ema_decay=0.99"),
    "constant-ema-0.999": (CONSTANT, "training.ema_decay=0.999"),
    "distilled": ("training.teacher_share=0.5",),
    "context-144": context(144),
    "context-576": context(576),
}
"""Overrides of the pilot. The baseline has Muon, weight decay 0.1, no dropout, context 288.
`distilled` gets its teachers when it is run."""


@dataclass
class Clock:
    """Processor seconds of the steps but the first, which compiles."""

    first: float = 0.0
    last: float = 0.0
    train_loss: list[float] = field(default_factory=list)

    def __call__(self, line: dict[str, Any]) -> None:
        if "train_loss" in line:
            self.last = time.process_time()
            self.first = self.first or self.last
            self.train_loss.append(line["train_loss"])


def run(variant: str, overrides: Sequence[str], corpus: Path, checkpoints: Path) -> dict[str, Any]:
    """Train one variant with one seed; its figures. The checkpoint is kept in `checkpoints`."""
    torch.compiler.reset()
    clock = Clock()
    with TemporaryDirectory() as folder:
        figures = train(
            Path(__file__).parents[1] / "models" / "litteragpt-es.toml",
            device="cpu",
            override=overrides,
            corpus=corpus,
            runs=Path(folder),
            checkpoints=checkpoints,
            report=clock,
        )
    if figures is None:
        raise KeyboardInterrupt
    info = litteragpt.load(checkpoints / "litteragpt-es").info
    assert info is not None
    return {
        "variant": variant,
        "overrides": list(overrides),
        "nats": figures.val_loss,
        "honest": figures.honest_loss,
        "train": statistics.mean(clock.train_loss[-5:]),
        "parameters": info.parameters,
        "seconds": round(clock.last - clock.first, 1),
    }


def mixing(baselines: Sequence[TextModel], corpus: Path) -> list[TextModel]:
    """Each baseline with counts of the training text."""
    text = (corpus / "train.txt").read_text(encoding="utf-8")
    return [TextModel(count(lm, text), lm.tokenizer, name="mixing") for lm in baselines]


def ensemble(baselines: Sequence[TextModel], corpus: Path) -> list[TextModel]:
    """The mean of the baselines' probabilities."""
    models = Mixture([lm.model for lm in baselines], evenly)
    return [TextModel(models, baselines[0].tokenizer, name="ensemble")]


COMBINED: Mapping[str, Callable[[Sequence[TextModel], Path], list[TextModel]]] = {
    "mixing": mixing,
    "ensemble": ensemble,
}
"""What is made of trained baselines, one model for each seed or one of all."""


def baselines_in(kept: Path, seeds: Sequence[int]) -> list[Path]:
    """The checkpoints of the baseline's seeds."""
    return [kept / f"baseline-{seed}" / "litteragpt-es" for seed in seeds]


def combine(variant: str, seeds: Sequence[int], corpus: Path, kept: Path) -> list[dict[str, Any]]:
    """The figures of what is made of the baselines; they are quickly had, and not kept."""
    baselines = [litteragpt.load(folder) for folder in baselines_in(kept, seeds)]
    made = COMBINED[variant](baselines, corpus)
    results = []
    for seed, lm in zip(seeds, made, strict=False):
        began = time.process_time()
        nats = evaluate_file(lm, corpus / "validation.txt").nats_per_char
        assert isinstance(lm.model, Mixture)
        results.append(
            {
                "variant": variant,
                "seed": seed if len(made) > 1 else 0,
                "nats": nats,
                "parameters": sum(p.numel() for p in lm.model.parameters()),
                "seconds": round(time.process_time() - began, 1),
            }
        )
        print(f"{variant} seed {seed}: {nats:.4f} nats/char", flush=True)
    return results


def cut_corpus(corpus: Path, characters: int, folder: Path) -> Path:
    """The corpus with the first `characters` of its training text alone."""
    cut = Path(shutil.copytree(corpus, folder / corpus.name))
    text = (cut / "train.txt").read_text(encoding="utf-8")
    (cut / "train.txt").write_text(text[:characters], encoding="utf-8")
    return cut


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The results so far; a last line cut short is passed over."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def table(results: Sequence[dict[str, Any]]) -> str:
    """A row a variant: mean and spread over seeds, and the difference from the baseline.

    Of an ensemble, which has no seed, it is the difference from the baseline's mean.
    """
    by_variant: dict[str, dict[int, dict[str, Any]]] = {}
    for result in results:
        by_variant.setdefault(result["variant"], {})[result["seed"]] = result
    base = {seed: each["nats"] for seed, each in by_variant.get("baseline", {}).items()}
    if base:
        base[0] = statistics.mean(base.values())
    rows = [
        "| variant | parameters | seeds | nats/char | against baseline | s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for variant, seeds in by_variant.items():
        nats = [each["nats"] for each in seeds.values()]
        paired = [each["nats"] - base[s] for s, each in seeds.items() if s in base]
        seconds = statistics.median(each["seconds"] for each in seeds.values())
        parameters = next(iter(seeds.values()))["parameters"]
        rows.append(
            f"| {variant} | {parameters:,} | {len(nats)} | {spread(nats, '.4f')} "
            f"| {spread(paired, '+.4f')} | {seconds:.0f} |"
        )
    return "\n".join(rows)


def spread(values: Sequence[float], form: str) -> str:
    """Mean and, of several, standard deviation."""
    if not values:
        return "–"
    mean = format(statistics.mean(values), form)
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("data/litteragpt-es"))
    parser.add_argument("--only", nargs="+", choices=[*VARIANTS, *COMBINED], default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=375)
    parser.add_argument("--characters", type=int, default=0, help="of the training text; 0: all")
    parser.add_argument("--out", type=Path, default=Path("ablations.jsonl"))
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        for variant, overrides in VARIANTS.items():
            print(f"{variant:20} {' '.join(overrides)}")
        for variant, make in COMBINED.items():
            print(f"{variant:20} {make.__doc__}")
        return
    # Checkpoints stay beside the results: ensembles and mixtures are made of them.
    kept: Path = arguments.out.with_suffix("")
    common = (*SMALL, f"training.steps={arguments.steps}")
    results = []
    with TemporaryDirectory() as folder:
        corpus = arguments.corpus
        if arguments.characters:
            corpus = cut_corpus(corpus, arguments.characters, Path(folder))
        seeds = range(1, arguments.seeds + 1)
        for variant in arguments.only:
            if variant in COMBINED:
                results += combine(variant, seeds, corpus, kept)
                continue
            for seed in seeds:
                overrides = (*common, *VARIANTS[variant], f"training.seed={seed}")
                if variant == "distilled":
                    teachers = [str(folder.resolve()) for folder in baselines_in(kept, seeds)]
                    overrides = (*overrides, f"teachers={json.dumps(teachers)}")
                key = {"seed": seed, "characters": arguments.characters}
                due = {**key, "variant": variant, "overrides": list(overrides)}
                done = [line for line in read_lines(arguments.out) if due.items() <= line.items()]
                if done:
                    results.append(done[-1])
                    continue
                result = run(variant, overrides, corpus, kept / f"{variant}-{seed}") | key
                with arguments.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
                results.append(result)
                print(f"{variant} seed {seed}: {result['nats']:.4f} nats/char", flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
