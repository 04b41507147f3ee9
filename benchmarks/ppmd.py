"""PPMd on a built corpus: the bar that a language model of the same texts has to pass.

    python benchmarks/ppmd.py --corpus data/mygpt-pt
    python benchmarks/ppmd.py --corpus data/mygpt-pt --orders 6 8 --json

PPMd (variant H, Shkarin 2002) predicts each byte from those before it, as 7-Zip does. One encoder
reads the training text and then a validation text; what it writes for the second, over the
characters of that text, is the figure: bits per character. It is what `litteragpt evaluate`
gives for a model, with one difference in favour of PPMd: it goes on learning from the validation
text while it reads it.

Needs `pyppmd` (`pip install pyppmd`).
"""

from __future__ import annotations

import importlib.metadata
import json as json_format
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pyppmd
import tyro

TRAINING = ("train", "train-wiki")
VALIDATION = ("validation-wiki", "validation-lit", "validation")


@dataclass(frozen=True)
class Measured:
    """One order, trained on one text, on one validation text."""

    trained_on: str
    order: int
    validation: str
    bits_per_character: float
    bits_per_byte: float
    seconds: float


def main(
    corpus: Path,
    orders: tuple[int, ...] = (6, 8),
    memory: int = 1024,
    json: bool = False,
) -> None:
    """Print bits per character for each training text, order and validation text.

    Args:
        corpus: Folder that `litteragpt data` built.
        orders: Bytes that a prediction looks back at most.
        memory: Bound of the model's memory, in MiB; where it is too small the model starts anew.
        json: Print JSON.
    """
    figures = [
        measure(corpus, trained_on, validation, order, memory * 2**20)
        for trained_on in TRAINING
        if (corpus / f"{trained_on}.txt").exists()
        for order in orders
        for validation in VALIDATION
        if (corpus / f"{validation}.txt").exists()
    ]
    if json:
        version = importlib.metadata.version("pyppmd")
        report = {"pyppmd": version, "memory_mib": memory, "figures": [asdict(f) for f in figures]}
        print(json_format.dumps(report, indent=2))
    else:
        print(table(figures))


def measure(corpus: Path, trained_on: str, validation: str, order: int, memory: int) -> Measured:
    """Read one text, then the other; what the second takes.

    The coder holds back at most a few bytes between the two: an error below 0.001 bits per
    character over 50,000 characters.
    """
    started = time.perf_counter()
    text = (corpus / f"{validation}.txt").read_text(encoding="utf-8")
    encoder = pyppmd.Ppmd7Encoder(order, memory)
    encoder.encode((corpus / f"{trained_on}.txt").read_bytes())
    size = len(encoder.encode(text.encode())) + len(encoder.flush())
    return Measured(
        trained_on=trained_on,
        order=order,
        validation=validation,
        bits_per_character=8 * size / len(text),
        bits_per_byte=8 * size / len(text.encode()),
        seconds=time.perf_counter() - started,
    )


def table(figures: list[Measured]) -> str:
    """Markdown: a row for each training text and order, a column for each validation text."""
    columns = list(dict.fromkeys(figure.validation for figure in figures))
    lines = [
        "| bits per character | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for trained_on, order in dict.fromkeys((f.trained_on, f.order) for f in figures):
        cells = {
            figure.validation: f"{figure.bits_per_character:.3f}"
            for figure in figures
            if (figure.trained_on, figure.order) == (trained_on, order)
        }
        row = " | ".join(cells[column] for column in columns)
        lines.append(f"| PPMd order {order}, {trained_on} | {row} |")
    return "\n".join(lines)


if __name__ == "__main__":
    tyro.cli(main)
