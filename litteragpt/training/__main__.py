"""`python -m litteragpt.training RECIPE`: for a bare machine with torch, numpy, safetensors and
tokenizers alone, from a checkout; also what `torchrun -m litteragpt.training` starts."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from litteragpt.training import TrainingError, train


def show(line: dict[str, Any]) -> None:
    """One plain line a report."""
    print(" ".join(f"{key}={value!r}" for key, value in line.items()), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="litteragpt.training", description=train.__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--override", action="append", default=[], metavar="TABLE.FIELD=VALUE")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"))
    parser.add_argument("--resume", action="store_true")
    try:
        train(**vars(parser.parse_args()), report=show)
    except (ValueError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
