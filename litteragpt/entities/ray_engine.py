"""A file marked by several processes at once, through Ray Data: the same lines, in order.

`ray` is an optional extra. The file is cut into parts of whole batches, so that every process
computes exactly what a single one would; each loads the tagger by itself. Nothing is reported to
anybody: Ray's statistics of use are switched off.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from litteragpt.bounds import check_whole
from litteragpt.entities.loading import load_tagger
from litteragpt.entities.span import Entity
from litteragpt.entities.streaming import Marked, lines_of, mark, parts_of
from litteragpt.protocols import Tagger


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a process is to do with its parts of a file."""

    file: str
    model: str
    adapter: str | None = None
    labels: tuple[str, ...] | None = None
    threshold: float = 0.0
    intent: bool = False

    def mark(self, texts: Iterable[str], tagger: Tagger) -> Iterator[Marked]:
        """Texts, marked as the task says."""
        return mark(
            tagger,
            texts,
            labels=self.labels,
            threshold=self.threshold,
            intent=self.intent,
        )

    def tagger(self) -> Tagger:
        """The tagger, loaded anew."""
        return load_tagger(self.model, adapter=None if self.adapter is None else Path(self.adapter))


class Worker:
    """A process of its own; Ray calls it with one part after another."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(1)
        self._task = task
        self._tagger = task.tagger()

    def __call__(self, part: dict[str, Any]) -> list[dict[str, str]]:
        """The lines of a part, as a table of texts can hold them."""
        lines = lines_of(Path(self._task.file), part["start"], part["end"])
        return [
            {
                "text": each.text,
                "entities": json.dumps([entity.to_dict() for entity in each.entities]),
                "intent": each.intent or "",
            }
            for each in self._task.mark(lines, self._tagger)
        ]


def mark_over_ray(task: Task, *, workers: int = 2) -> Iterator[Marked]:
    """The lines of the task's file, marked by `workers` processes of this machine.

    Raises ValueError for a malformed file, and where `ray` is not installed.
    """
    check_whole("workers", workers, 1, 1_024)
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray
        import ray.data
    except ImportError as error:
        raise ValueError(
            "the engine ray needs the package ray: pip install 'litteragpt[ray]'"
        ) from error
    parts = [{"start": start, "end": end} for start, end in parts_of(Path(task.file))]
    if not parts:
        return
    # What is wrong with labels, threshold or intent is told here, not by a process far away.
    next(task.mark([""], task.tagger()))
    ours = not ray.is_initialized()
    if ours:
        _start(ray, workers)
    try:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        marked = ray.data.from_items(parts, override_num_blocks=min(len(parts), 1_024)).flat_map(
            Worker,
            fn_constructor_args=(task,),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(parts))),
            num_cpus=1,
        )
        for row in marked.iter_rows():
            yield _marked(row)
    finally:
        if ours:
            ray.shutdown()


def _start(ray: Any, workers: int) -> None:
    root = str(Path(__file__).resolve().parents[2])  # where the package is, installed or not
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ray.init(
        address="local",
        num_cpus=workers + 1,  # one more for what Ray does besides
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}},
    )


def _marked(row: dict[str, Any]) -> Marked:
    found: Sequence[dict[str, Any]] = json.loads(row["entities"])
    return Marked(row["text"], [Entity(**each) for each in found], row["intent"] or None)
