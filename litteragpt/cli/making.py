"""From texts to weights: data, train, reinforce."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from tyro.conf import Positional, UseAppendAction

from litteragpt.cli.common import recipe_path


def data(
    recipe: Positional[str],
    /,
    *,
    source: Path | None = None,
    out: Path | None = None,
    override: UseAppendAction[tuple[str, ...]] = (),
) -> None:
    """Build the corpus of a recipe: download or read its texts, clean and split them.

    Args:
        recipe: Name of a recipe in models/, or the path of one.
        source: Folder (or .tar.xz) with the texts, instead of downloading them; for Portuguese
            also a data set with a column `text` (datasets, Parquet, Arrow, JSON lines); for a
            corpus of plain text, the file.
        out: Folder of the built corpus; default data/NAME.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as corpus.seed=2.
    """
    from litteragpt.corpora.kinds import kind_of
    from litteragpt.recipe import load_corpus_recipe

    read = load_corpus_recipe(recipe_path(recipe), override)
    kind, config = kind_of(read.corpus)
    console = Console(stderr=True, highlight=False)
    report = kind.build(
        read.name,
        config,
        out or Path("data") / read.name,
        source=source,
        report=lambda line: console.print(line, markup=False),
    )
    table = Table("part", "characters", "pieces", "runs shared with train")
    for part, characters in report.characters.items():
        overlap = report.overlap.get(part)
        runs = f"{overlap.runs} ({overlap.share:.3%} of characters)" if overlap else "–"
        table.add_row(part, f"{characters:,}", f"{report.chunks[part]:,}", runs)
    console.print(table)
    print(report.folder)


def shard(
    corpus: Positional[Path],
    /,
    *,
    text: UseAppendAction[tuple[Path, ...]] = (),
    workers: int = 1,
    shard_bytes: int = 2**26,
) -> None:
    """Encode a corpus's training text into shards: training maps them and holds none in memory.

    Args:
        corpus: Folder that `litteragpt data` built (data/NAME), with its tokenizer.json.
        text: A text to encode instead of the folder's train.txt; may be given many times.
        workers: Processes that encode at once.
        shard_bytes: Bytes of text a shard.
    """
    from litteragpt.corpora.shards import write_shards

    console = Console(stderr=True, highlight=False)
    shards = write_shards(
        text or (corpus / "train.txt",),
        corpus,
        shard_bytes=shard_bytes,
        workers=workers,
        report=lambda line: console.print(line, markup=False),
    )
    console.print(f"{len(shards):,} tokens of {shards.characters:,} characters")


def train(
    recipe: Positional[str],
    /,
    *,
    device: str = "auto",
    override: UseAppendAction[tuple[str, ...]] = (),
    corpus: Path | None = None,
    runs: Path = Path("runs"),
    checkpoints: Path = Path("checkpoints"),
    resume: bool = False,
) -> None:
    """Train a recipe on its built corpus and publish the best checkpoint.

    Args:
        recipe: Path of a recipe (TOML), or its name in models/.
        device: auto, cpu, cuda or mps.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as training.steps=100.
        corpus: Folder that `litteragpt data` built; default data/NAME.
        runs: Where the run keeps its state and curve.
        checkpoints: Where the checkpoint is published.
        resume: Go on from the run's saved state.
    """
    from litteragpt.training import train as train_recipe

    path = recipe_path(recipe)
    console = Console(stderr=True, highlight=False)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        task = progress.add_task("preparing", total=None)

        def show(line: dict[str, Any]) -> None:
            if "message" in line:
                console.print(line["message"], markup=False)
            elif "sample" in line:
                console.print(f"step {line['step']}: {line['sample']!r}", markup=False)
            elif "val_loss" in line:
                losses = " ".join(f"{k} {v:.4f}" for k, v in line.items() if k.endswith("loss"))
                console.print(f"step {line['step']}: {losses} nats/char", markup=False)
            else:
                minutes, seconds = divmod(line["seconds_left"], 60)
                total = line["step"] + line["steps_left"]
                text = (
                    f"step {line['step']}/{total} loss {line['train_loss']:.4f} "
                    f"{line['chars_per_second']:,} chars/s, {minutes} min {seconds:02} s left"
                )
                progress.update(task, description=text, completed=line["step"], total=total)

        figures = train_recipe(
            path,
            device=device,
            override=override,
            corpus=corpus,
            runs=runs,
            checkpoints=checkpoints,
            resume=resume,
            report=show,
        )
    if figures:
        honest = "" if figures.honest_loss is None else f", honest {figures.honest_loss:.4f}"
        console.print(
            f"best: validation {figures.val_loss:.4f}{honest} nats/char at step {figures.step}"
        )


def reinforce(
    recipe: Positional[str],
    /,
    *,
    device: str = "cpu",
    override: UseAppendAction[tuple[str, ...]] = (),
    corpus: Path | None = None,
    runs: Path = Path("runs"),
    checkpoints: Path = Path("checkpoints"),
    json: bool = False,
) -> None:
    """Reinforce a trained model of names: real cities, exactly one separator, no copies.

    Args:
        recipe: Path of a recipe (TOML) with a table [reinforce], or its name in models/.
        device: auto, cpu, cuda or mps.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as reinforce.steps=100.
        corpus: Folder that `litteragpt data` built; default data/CORPUS.
        runs: Where the trained model is kept and the curve is written.
        checkpoints: Where the trained model is, and the reinforced one is published.
        json: Print the figures before and after as JSON.
    """
    from litteragpt.precision import pick_device
    from litteragpt.recipe import load_recipe
    from litteragpt.training.reinforce import ReinforceConfig
    from litteragpt.training.reinforced import reinforce_checkpoint

    read = load_recipe(recipe_path(recipe), override)
    console = Console(stderr=True, highlight=False)
    reached = reinforce_checkpoint(
        read.name,
        ReinforceConfig.from_table(read.reinforce),
        corpus or Path("data") / read.corpus_name,
        runs=runs,
        checkpoints=checkpoints,
        device=pick_device(device),
        report=lambda line: console.print(
            " ".join(f"{key} {value:.4g}" for key, value in line.items()), markup=False
        ),
    )
    if json:
        print(json_format.dumps(reached.to_dict()))
        return
    before, after = reached.before.to_dict(), reached.after.to_dict()
    table = Table("", "before", "after")
    for key in before:
        table.add_row(key, f"{before[key]:.4f}", f"{after[key]:.4f}")
    Console(highlight=False).print(table)
