"""A tagger's recipe trained with several seeds: mean and spread of F1 on each held-out set.

    python benchmarks/ner_seeds.py models/ner-bosque.toml --source DIR
    python benchmarks/ner_seeds.py models/ner-multi.toml --source DIR --made data/ner \
        --vectors data/ner/vectors.floret --seeds 1 2 3 --device cuda --out multi.jsonl
    python benchmarks/ner_seeds.py models/ner-bosque.toml --source DIR \
        --override model.decoding=softmax --out softmax.jsonl

Each seed is a run of the real trainer; its line is kept in `--out`, and a run whose line is there
(of the same recipe, overrides and files to start from) is not run again, so that a broken-off
series goes on where it was. What is printed are JSON lines: one a seed as it is done, then one a
held-out set, its F1 strict and over the labels that count there. The weights are not kept.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro
from tyro.conf import Positional, UseAppendAction

from litteragpt.entities.score import MICRO, Scores
from litteragpt.precision import pick_device
from litteragpt.training.causal_recipe import (
    is_causal_recipe,
    load_causal_recipe,
    train_causal_recipe,
)
from litteragpt.training.tagger_recipe import load_tagger_recipe, train_recipe
from litteragpt.training.tagging import encoder_device


def run(
    recipe: Path,
    overrides: Sequence[str],
    source: Path,
    made: Path,
    device: str,
    start: Mapping[str, Path],
) -> dict[str, dict[str, Scores]]:
    """Train once; the figures on each held-out set."""

    def tell(line: Mapping[str, Any]) -> None:
        print(" ".join(f"{key} {value}" for key, value in line.items()), file=sys.stderr)

    with TemporaryDirectory() as folder:
        checkpoints, runs = Path(folder, "checkpoints"), Path(folder, "runs")
        if is_causal_recipe(recipe):
            if start:
                sys.exit("--vectors and --pretrained are for a tagger that classifies")
            return train_causal_recipe(
                load_causal_recipe(recipe, overrides),
                source,
                made=made,
                checkpoints=checkpoints,
                runs=runs,
                device=pick_device(device),
                report=tell,
            )[1]
        return train_recipe(
            load_tagger_recipe(recipe, overrides),
            source,
            made=made,
            checkpoints=checkpoints,
            runs=runs,
            vectors=start.get("vectors"),
            pretrained=start.get("pretrained"),
            device=encoder_device(device),
            report=tell,
        )[1]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The results so far; a last line cut short is passed over."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def summary(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each held-out set: mean, standard deviation and values of F1, in per cent."""
    found = []
    for title in results[0]["f1"]:
        values = [each["f1"][title] for each in results]
        found.append(
            {
                "set": title,
                "mean": round(statistics.mean(values), 2),
                "stdev": round(statistics.stdev(values), 2) if len(values) > 1 else None,
                "f1": values,
                "seeds": [each["seed"] for each in results],
            }
        )
    return found


def main(
    recipe: Positional[Path],
    /,
    *,
    source: Path,
    made: Path = Path("data/ner"),
    seeds: tuple[int, ...] = (1, 2, 3),
    vectors: Path | None = None,
    pretrained: Path | None = None,
    device: str = "auto",
    override: UseAppendAction[tuple[str, ...]] = (),
    out: Path = Path("ner_seeds.jsonl"),
) -> None:
    """Train a recipe with several seeds.

    Args:
        recipe: a tagger's recipe, of either kind.
        source: folder of the annotated sets.
        made: folder of the sets made from them.
        seeds: of the runs.
        vectors: word vectors to start from.
        pretrained: encoder to start from.
        device: auto, cpu, cuda or mps.
        override: TABLE.FIELD=VALUE in place of the recipe's.
        out: file of the results, a line a run.
    """
    start = {
        name: path
        for name, path in (("vectors", vectors), ("pretrained", pretrained))
        if path is not None
    }
    results = []
    for seed in seeds:
        due = {
            "recipe": recipe.name,
            "sha256": hashlib.sha256(recipe.read_bytes()).hexdigest(),
            "overrides": list(override),
            "start": {name: str(path) for name, path in start.items()},
            "seed": seed,
        }
        done = [line for line in read_lines(out) if due.items() <= line.items()]
        if done:
            results.append(done[-1])
            continue
        began = time.perf_counter()
        with_seed = (*override, f"training.seed={seed}")
        figures = run(recipe, with_seed, source, made, device, start)
        f1 = {title: round(100 * scores[MICRO].f1, 2) for title, scores in figures.items()}
        result = {**due, "f1": f1, "seconds": round(time.perf_counter() - began, 1)}
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
        print(json.dumps(result, ensure_ascii=False), flush=True)
        results.append(result)
    for each in summary(results):
        print(json.dumps(each, ensure_ascii=False))


if __name__ == "__main__":
    tyro.cli(main)
