"""Training: the curve is a function of the recipe, whatever is stopped, resumed or shared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import litteragpt
from litteragpt.corpora.shards import write_shards
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


@pytest.mark.parametrize(
    "override",
    [
        (),
        ("training.ema_decay=0.9", "model.dropout=0.2"),
        ("training.optimizer=adamw",),
    ],
)
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


@pytest.mark.parametrize("override", [(), ("architecture=research", "model.future=2")])
def test_micro_batches_change_nothing_but_memory(recipe: Path, override: tuple[str, ...]) -> None:
    whole = losses(run(recipe, "whole", *override))
    micro = losses(run(recipe, "micro", *override, "training.micro_batch=3"))
    assert micro == pytest.approx(whole, abs=1e-4)


def run_by_two(recipe: Path, name: str, *options: str) -> list[dict[str, Any]]:
    """Train with two processes."""
    folder = recipe.parent / name
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--master-addr=127.0.0.1", "--master-port=0", "--rdzv-backend=c10d"]
    command += ["--rdzv-endpoint=127.0.0.1:0", "-m", "litteragpt.training", str(recipe)]
    command += ["--device=cpu", f"--corpus={recipe.parent / 'data' / 'tiny'}", *options]
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
    return curve(folder)


def test_two_processes_have_the_curve_of_one_with_micro_batches_too(recipe: Path) -> None:
    alone = losses(run(recipe, "alone"))
    shared = run_by_two(recipe, "shared", "--override=training.micro_batch=2")
    assert losses(shared) == pytest.approx(alone, abs=1e-4)


def test_a_run_is_resumed_by_another_number_of_processes(recipe: Path) -> None:
    alone = run(recipe, "alone")

    def stop(line: dict[str, Any]) -> None:
        if line.get("step") == 6 and "train_loss" in line:
            signal.raise_signal(signal.SIGINT)

    stopped = run(recipe, "shared", report=stop)
    assert max(line["step"] for line in stopped) == 6
    resumed = run_by_two(recipe, "shared", "--resume")
    assert [line["step"] for line in resumed] == [line["step"] for line in alone]
    assert losses(resumed) == pytest.approx(losses(alone), abs=1e-4)


def test_shards_have_the_curve_of_the_text(recipe: Path) -> None:
    corpus = recipe.parent / "data" / "tiny"
    held = run(recipe, "held")
    write_shards([corpus / "train.txt"], corpus, shard_bytes=100)
    (corpus / "train.txt").unlink()
    assert run(recipe, "mapped") == held


def test_a_base_gives_the_weights_to_start_from(recipe: Path) -> None:
    first = run(recipe, "whole")
    reached = next(line["val_loss"] for line in reversed(first) if "val_loss" in line)
    base = recipe.parent / "whole" / "checkpoints" / "tiny"
    still = ("training.muon_lr=0", "training.adam_lr=0", "training.weight_decay=0")
    again = run(recipe, "again", f"base={base}", *still)
    # The checkpoint's weights are 16-bit.
    assert [line["val_loss"] for line in again if "val_loss" in line] == pytest.approx(
        [reached] * 2, abs=1e-2
    )
    card = (recipe.parent / "again" / "checkpoints" / "tiny" / "README.md").read_text("utf-8")
    assert str(base) in card
    # A name means the checkpoint that was trained beside this one.
    assert run(recipe, "again", "base=tiny", *still)[-2:] == again[-2:]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.layers=3", "layers"),
        ("architecture=lstm", "architecture"),
        ("base=none-such", "none-such"),
        ("base=7", "base"),
    ],
)
def test_a_base_that_does_not_fit_is_named(recipe: Path, override: str, message: str) -> None:
    run(recipe, "whole", "training.steps=2")
    base = f"base={recipe.parent / 'whole' / 'checkpoints' / 'tiny'}"
    shape = ("model={}",) if "lstm" in override else ()
    with pytest.raises(ValueError, match=message):
        run(recipe, "wrong", base, *shape, override)


def test_a_student_learns_from_its_teachers(recipe: Path) -> None:
    run(recipe, "whole", "training.steps=40")
    folder = recipe.parent / "whole" / "checkpoints" / "tiny"
    teachers = f'teachers=["{folder}", "{folder}"]'
    alone = run(recipe, "alone", "training.seed=2")
    no_share = run(recipe, "none", "training.seed=2", teachers, "training.teacher_share=0")
    assert losses(no_share) == pytest.approx(losses(alone), abs=1e-6)
    # Without the text: what it knows of it, the teachers have told it.
    whole = ("training.steps=40", "training.teacher_share=1")
    taught = run(recipe, "taught", "training.seed=2", teachers, *whole)
    curve = [line["train_loss"] for line in taught if "train_loss" in line]
    assert curve[-1] < curve[0] - 0.5
    card = (recipe.parent / "taught" / "checkpoints" / "tiny" / "README.md").read_text("utf-8")
    assert str(folder) in card


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('teachers=["none-such"]', "none-such"),
        ("teachers=tiny", "teachers must be a list"),
        ("teachers=[7]", "teachers must be a list"),
        ("training.teacher_share=2", "teacher_share"),
    ],
)
def test_teachers_that_will_not_do_are_named(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(recipe, "wrong", override)


def test_a_teacher_of_another_alphabet_is_named(recipe: Path) -> None:
    run(recipe, "whole", "training.steps=2")
    corpus = recipe.parent / "data" / "tiny"
    tokenizer = CharTokenizer.from_file(corpus / "tokenizer.json")
    CharTokenizer(tokenizer.characters[::-1]).save(corpus / "tokenizer.json")
    folder = recipe.parent / "whole" / "checkpoints" / "tiny"
    with pytest.raises(ValueError, match="another tokenizer"):
        run(recipe, "wrong", f'teachers=["{folder}"]')


def test_a_base_of_another_alphabet_is_named(recipe: Path) -> None:
    run(recipe, "whole", "training.steps=2")
    corpus = recipe.parent / "data" / "tiny"
    tokenizer = CharTokenizer.from_file(corpus / "tokenizer.json")
    CharTokenizer(tokenizer.characters[::-1]).save(corpus / "tokenizer.json")
    with pytest.raises(ValueError, match="another tokenizer"):
        run(recipe, "wrong", f"base={recipe.parent / 'whole' / 'checkpoints' / 'tiny'}")


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
