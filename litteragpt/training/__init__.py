"""Training, offline: `train` is `litteragpt train`, and needs no command-line library."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from litteragpt.precision import pick_device
from litteragpt.recipe import load_recipe
from litteragpt.training.distributed import join_processes
from litteragpt.training.loop import Report, Run, TrainingError
from litteragpt.training.memory import keep_memory
from litteragpt.training.publish import Figures

__all__ = ["Figures", "TrainingError", "train"]


def train(
    recipe: Path,
    *,
    device: str = "auto",
    override: Sequence[str] = (),
    corpus: Path | None = None,
    runs: Path = Path("runs"),
    checkpoints: Path = Path("checkpoints"),
    resume: bool = False,
    report: Report = lambda line: None,
) -> Figures | None:
    """Train a recipe on its built corpus and publish the best checkpoint.

    A recipe with a `base` starts from that checkpoint's weights; one with `teachers` learns from
    them, too.
    `corpus` is the folder that `litteragpt data` built (`data/CORPUS`); the run's state and curve
    go to `runs/NAME`, the checkpoint to `checkpoints/NAME`. Ctrl-C ends after the step in hand
    with the state saved; None is given where that came before the first evaluation. Under
    `torchrun` every process calls this.

    Raises `ValueError` for a recipe, device or corpus that will not do, `TrainingError` for a
    loss that is not finite.
    """
    read = load_recipe(recipe, override)
    chosen = pick_device(device)
    if chosen.type == "cpu":
        keep_memory()
    with join_processes(chosen.type) as processes, _interrupted() as asked:
        if chosen.type == "cuda" and processes.count > 1:
            chosen = torch.device("cuda", processes.local_rank)
            torch.cuda.set_device(chosen)
        run = Run(
            read,
            corpus or Path("data") / read.corpus_name,
            runs / read.name,
            checkpoints / read.name,
            device=chosen,
            processes=processes,
            report=report,
            base=_checkpoint(read.base, checkpoints) if read.base else None,
            teachers=[_checkpoint(name, checkpoints) for name in read.teachers],
        )
        return run.train(resume=resume, stopped=lambda: bool(asked))


def _checkpoint(name: str, checkpoints: Path) -> str | Path:
    """Where it is: one that was trained into `checkpoints` goes before one that ships."""
    own = checkpoints / name
    return own if own.is_dir() else name


@contextmanager
def _interrupted() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of breaking off in the middle of a step."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> Any:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: do not wait for the step
        received.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, receive) for number in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
