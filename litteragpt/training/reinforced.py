"""From a trained checkpoint of names to a reinforced one, in its place."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch

from litteragpt.architectures import ARCHITECTURES
from litteragpt.architectures.base import LanguageModule
from litteragpt.checkpoint import (
    KNOWN_FILE,
    LoadedCheckpoint,
    load_checkpoint,
    read_metrics,
    save_checkpoint,
)
from litteragpt.names.known import KnownNames
from litteragpt.tables import from_table
from litteragpt.training.reinforce import ReinforceConfig, Reinforced, reinforce
from litteragpt.weights import METRICS_FILE

_BEFORE_SECTION = "## Intended use"


def reinforce_checkpoint(
    name: str,
    config: ReinforceConfig,
    corpus: Path,
    *,
    runs: Path = Path("runs"),
    checkpoints: Path = Path("checkpoints"),
    device: torch.device | str = "cpu",
    report: Callable[[dict[str, Any]], None] = lambda line: None,
) -> Reinforced:
    """Reinforce `checkpoints/NAME` and publish the result in its place.

    What was there is kept in `runs/NAME/pretrained`, from where a later call starts anew; the
    curve goes to `runs/NAME/reinforce.jsonl`, and into the checkpoint's metrics as lines of the
    one key `reinforce`. `corpus` is the folder that `litteragpt data` built.

    Raises `ValueError` where the checkpoint or the corpus will not do.
    """
    published, kept = checkpoints / name, runs / name / "pretrained"
    loaded = _pretrained(published, kept, device)
    if loaded.info.reads != "lines":
        raise ValueError(f"{loaded.info.path} is a model of running text, not of names")
    known = KnownNames.load(loaded.info.path / KNOWN_FILE)
    training, validation = (_lines(corpus / f"{part}.txt") for part in ("train", "validation"))
    curve = runs / name / "reinforce.jsonl"
    with curve.open("w", encoding="utf-8") as file:

        def log(line: dict[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()
            report(line)

        reached = reinforce(
            cast(LanguageModule[Any], loaded.model),
            loaded.tokenizer,
            known,
            config,
            training=training,
            validation=validation,
            report=log,
        )
    _publish(published, loaded, config, reached, curve)
    return reached


def _pretrained(published: Path, kept: Path, device: torch.device | str) -> LoadedCheckpoint:
    """The checkpoint as it was trained, kept before anything else is done to it."""
    loaded = load_checkpoint(published, device=device)
    if "reinforce" not in loaded.info.config["training"]:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(published, kept)
    elif not kept.is_dir():
        raise ValueError(f"{published} is reinforced already, and {kept} is not there: train anew")
    return load_checkpoint(kept, device=device)


def _publish(
    folder: Path,
    loaded: LoadedCheckpoint,
    config: ReinforceConfig,
    reached: Reinforced,
    curve: Path,
) -> None:
    info = loaded.info
    config_type = ARCHITECTURES[info.architecture].config_type
    metrics = [*read_metrics(info.path)]
    with curve.open(encoding="utf-8") as file:
        metrics += [{"reinforce": json.loads(line)} for line in file]
    # Where the curve ends is what the checkpoint is: its loss is no longer the trained model's.
    trained = next((line for line in reversed(metrics) if "val_loss" in line), None)
    if trained is not None:
        metrics.append({**trained, "val_loss": reached.after.val_nats_per_char})
    metrics_file = curve.with_name(METRICS_FILE + ".reinforced")
    lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in metrics]
    metrics_file.write_text("".join(lines), encoding="utf-8")
    settings = {**dataclasses.asdict(config), **reached.to_dict()}
    save_checkpoint(
        folder,
        architecture=info.architecture,
        model=cast(LanguageModule[Any], loaded.model),
        model_config=from_table(config_type, info.config["model"], "model", complete=True),
        tokenizer=loaded.tokenizer,
        training={**info.config["training"], "reinforce": settings},
        metrics_file=metrics_file,
        card=_with_section(info.card, config, reached),
        reads=info.reads,
        language=info.language,
        known_file=info.path / KNOWN_FILE,
    )


def _with_section(card: str, config: ReinforceConfig, reached: Reinforced) -> str:
    """The card with a section about the reinforcement: what was done, and what came of it."""
    before, after = reached.before, reached.after
    rows = [
        ("well-formed", f"{before.summary.well_formed:.2%}", f"{after.summary.well_formed:.2%}"),
        ("city exists", f"{before.summary.real_city:.2%}", f"{after.summary.real_city:.2%}"),
        ("new, of the well-formed", f"{before.summary.new:.2%}", f"{after.summary.new:.2%}"),
        ("distinct", f"{before.summary.distinct:.2%}", f"{after.summary.distinct:.2%}"),
        ("loops", f"{before.summary.loops:.2%}", f"{after.summary.loops:.2%}"),
        (
            "characters a name",
            f"{before.summary.mean_chars:.1f}",
            f"{after.summary.mean_chars:.1f}",
        ),
        (
            "entropy, nats a name",
            f"{before.summary.entropy_per_name:.2f}",
            f"{after.summary.entropy_per_name:.2f}",
        ),
        (
            "entropy, nats a character",
            f"{before.summary.entropy_per_char:.4f}",
            f"{after.summary.entropy_per_char:.4f}",
        ),
        (
            "validation, nats a character",
            f"{before.val_nats_per_char:.4f}",
            f"{after.val_nats_per_char:.4f}",
        ),
    ]
    table = "\n".join(f"| {what} | {was} | {now} |" for what, was, now in rows)
    section = (
        "## Reinforcement\n\n"
        f"After training, {config.steps} steps of REINFORCE on {config.batch} sampled names each, "
        "rewarded for exactly one separator and a city that exists, less for a copy of a training "
        f"pair or a loop, with a price of {config.kl:g} on a nat of divergence from the trained "
        f"model. Over {config.samples:,} samples at temperature 1:\n\n"
        f"| | before | after |\n|---|---|---|\n{table}\n\n"
    )
    if _BEFORE_SECTION not in card:
        return f"{card.rstrip()}\n\n{section}"
    return card.replace(_BEFORE_SECTION, section + _BEFORE_SECTION, 1)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ValueError(f"cannot read {path}: build the corpus first") from error
