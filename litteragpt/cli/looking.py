"""Checkpoints, looked at: evaluate, models."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from litteragpt.cli.common import DEFAULT_MODEL, validation_loss


def evaluate(
    file: Positional[Path],
    /,
    *,
    model: str = DEFAULT_MODEL,
    mix: Path | None = None,
    device: str = "cpu",
    json: bool = False,
) -> None:
    """The loss of a model over the whole of a UTF-8 text file.

    Args:
        file: The text.
        model: Name or folder of a checkpoint, or a Hugging Face folder.
        mix: Folder of counts to mix in, as `litteragpt mix` writes it.
        device: auto, cpu, cuda or mps.
        json: Print JSON.
    """
    import litteragpt
    from litteragpt.evaluation import evaluate_file
    from litteragpt.precision import pick_device

    result = evaluate_file(litteragpt.load(model, device=pick_device(device), mix=mix), file)
    if json:
        print(json_format.dumps(result.to_dict()))
        return
    print(
        f"{result.nats_per_char:.4f} nats/char, {result.bits_per_char:.4f} bits/char over "
        f"{result.characters:,} characters, {result.unknown:,} of them unknown"
    )


def models(*, json: bool = False) -> None:
    """List the checkpoints found, and the folders that are none.

    Models of others are looked for in `checkpoints/` and in the folders of $LITTERAGPT_MODELS.

    Args:
        json: Print JSON.
    """
    import litteragpt

    listed = litteragpt.list_checkpoints()
    if json:
        found = [
            {
                "name": info.name,
                "path": str(info.path),
                "library": info.library,
                "architecture": info.architecture,
                "parameters": info.parameters,
                "context": info.config["model"].get("context"),
                "validation": validation_loss(info),
            }
            for info in listed.found
        ]
        broken = [{"path": str(path), "error": error} for path, error in listed.broken]
        print(json_format.dumps({"models": found, "broken": broken}, ensure_ascii=False))
        return
    table = Table("name", "architecture", "parameters", "validation, nats/char")
    for info in listed.found:
        loss = validation_loss(info)
        table.add_row(
            info.name,
            info.architecture,
            f"{info.parameters:,}",
            f"{loss:.4f}" if isinstance(loss, float) else "–",
        )
    Console(highlight=False).print(table)
    for path, error in listed.broken:
        print(f"unusable: {path}: {error}", file=sys.stderr)
