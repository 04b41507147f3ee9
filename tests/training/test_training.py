"""Training: the curve is a function of the recipe, whatever is stopped, resumed or shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import litteragpt
from litteragpt.tokenizers import CharTokenizer
from litteragpt.training import TrainingError, train

ROOT = Path(__file__).parents[2]

RECIPE = """
name = "tiny"
language = "es"
architecture = "decoder"

[model]
context = 16
layers = 2
width = 16
heads = 2
hidden = 24

[[corpus.works]]
title = "Nada"
author = "Nadie"
year = "1600"
gutenberg = 1
url = "https://example.org/1.txt"
licence = "Public domain"
file = "nada"

[training]
steps = 12
batch = 8
window = 8
long_window = 16
long_fraction = 0.25
warmup_steps = 2
evaluate_every = 6
save_every = 5
sample_chars = 20
precision = "fp32"
compile = false
"""

TEXT = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo. "


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    corpus = tmp_path / "data" / "tiny"
    corpus.mkdir(parents=True)
    (corpus / "train.txt").write_text(TEXT * 20, encoding="utf-8")
    (corpus / "validation.txt").write_text(TEXT[::-1], encoding="utf-8")
    (corpus / "honest.txt").write_text(TEXT.upper() + TEXT, encoding="utf-8")
    CharTokenizer.from_text(TEXT + TEXT.upper()).save(corpus / "tokenizer.json")
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def run(recipe: Path, name: str, *override: str, **options: Any) -> list[dict[str, Any]]:
    """Train; the curve without what differs between two equal runs."""
    folder = recipe.parent / name
    train(
        recipe,
        device="cpu",
        override=override,
        corpus=recipe.parent / "data" / "tiny",
        runs=folder / "runs",
        checkpoints=folder / "checkpoints",
        **options,
    )
    return curve(folder)


def curve(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "runs" / "tiny" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    timed = ("seconds", "chars_per_second", "seconds_left")
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def losses(lines: list[dict[str, Any]]) -> list[float]:
    kinds = ("train_loss", "val_loss", "honest_loss")
    return [line[kind] for line in lines for kind in kinds if kind in line]


@pytest.mark.parametrize("override", [(), ("training.ema_decay=0.9", "model.dropout=0.2")])
def test_a_resumed_run_has_the_curve_of_an_uninterrupted_one(
    recipe: Path, override: tuple[str, ...]
) -> None:
    whole = run(recipe, "whole", *override)

    class Interrupt(Exception):
        pass

    # Break off without warning at step 6, after the last save (step 5)...
    def break_off(line: dict[str, Any]) -> None:
        if line.get("step") == 6:
            raise Interrupt

    with pytest.raises(Interrupt):
        run(recipe, "broken", *override, report=break_off)
    assert run(recipe, "broken", *override, resume=True) == whole


def test_the_same_recipe_gives_the_same_curve_and_another_seed_another(recipe: Path) -> None:
    first = run(recipe, "first")
    assert run(recipe, "second") == first
    assert losses(run(recipe, "other", "training.seed=7")) != losses(first)


def test_micro_batches_change_nothing_but_memory(recipe: Path) -> None:
    whole = losses(run(recipe, "whole"))
    assert losses(run(recipe, "micro", "training.micro_batch=3")) == pytest.approx(whole, abs=1e-4)


def test_two_processes_have_the_curve_of_one(recipe: Path) -> None:
    alone = run(recipe, "alone")
    folder = recipe.parent / "shared"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--master-addr=127.0.0.1", "--master-port=0", "--rdzv-backend=c10d"]
    command += ["--rdzv-endpoint=127.0.0.1:0", "-m", "litteragpt.training", str(recipe)]
    command += ["--device=cpu", f"--corpus={recipe.parent / 'data' / 'tiny'}"]
    command += [f"--runs={folder / 'runs'}", f"--checkpoints={folder / 'checkpoints'}"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert losses(curve(folder)) == pytest.approx(losses(alone), abs=1e-4)


def test_the_published_checkpoint_is_the_best_and_can_be_used(recipe: Path) -> None:
    lines = run(recipe, "whole")
    best = min(line["val_loss"] for line in lines if "val_loss" in line)
    lm = litteragpt.load(recipe.parent / "whole" / "checkpoints" / "tiny")
    assert lm.info is not None
    assert lm.info.config["training"]["reached"]["val_loss"] == best
    assert f"{best:.4f}" in lm.info.card
    assert "Nada" in lm.info.card
    assert len("".join(lm.generate("En un", seed=1, max_chars=30, sentences=None))) == 30


def test_ctrl_c_saves_after_the_step_in_hand(recipe: Path) -> None:
    import signal

    def interrupt(line: dict[str, Any]) -> None:
        if line.get("step") == 6 and "train_loss" in line:
            signal.raise_signal(signal.SIGINT)

    stopped = run(recipe, "stopped", report=interrupt)
    assert max(line["step"] for line in stopped) == 6
    assert run(recipe, "stopped", resume=True) == run(recipe, "whole")


def test_a_loss_that_is_no_number_stops_with_a_clear_error(recipe: Path) -> None:
    with pytest.raises(TrainingError, match="lower the learning rates"):
        run(
            recipe,
            "wild",
            "training.adam_lr=10",
            "training.muon_lr=10",
            "training.clip=1e6",
            "training.steps=2000",
            "training.evaluate_every=2000",
            "model.norm_eps=1e-12",
        )


def test_training_lowers_the_loss(recipe: Path) -> None:
    lines = [line for line in run(recipe, "long", "training.steps=60") if "train_loss" in line]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"] - 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.steps=0", "steps"),
        ("training.nothing=1", "nothing"),
        ("model.width=15", "width"),
        ("model.layers=two", "layers"),
        ("architecture=oracle", "architecture"),
        ("training.window=4000", "long_window"),
        ("steps", "table.field=value"),
    ],
)
def test_a_wrong_override_is_named(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(recipe, "wrong", override)


def test_a_missing_corpus_device_or_state_is_named(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tokenizer"):
        train(recipe, device="cpu", corpus=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="device"):
        train(recipe, device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no cuda device"):
            train(recipe, device="cuda")
    with pytest.raises(ValueError, match="no saved state"):
        run(recipe, "never-started", resume=True)
    with pytest.raises(ValueError, match="cannot read the recipe"):
        train(tmp_path / "none.toml")
