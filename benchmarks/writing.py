"""Characters a second that language models write, one row on one core.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/writing.py --models mygpt-pt lstm-pt

Every model continues the same prompt with the same seeds, in turn (A B, A B, …), by
`TextModel.complete`: all that a user gets is included. Given are the medians, the least and the
most, in characters a CPU second.
"""

from __future__ import annotations

import statistics
import time

import torch
import tyro

import litteragpt


def main(
    models: tuple[str, ...] = ("mygpt-pt", "lstm-pt"),
    prompt: str = "Marte é um planeta",
    characters: int = 600,
    repetitions: int = 5,
) -> None:
    """Print a table.

    Args:
        models: Names or folders of checkpoints.
        prompt: What each of them continues.
        characters: How many each writes, at most.
        repetitions: How often; a seed each.
    """
    torch.set_num_threads(1)
    loaded = {name: litteragpt.load(name) for name in models}
    rates: dict[str, list[float]] = {name: [] for name in models}
    for model in loaded.values():
        model.complete(prompt, seed=0, max_chars=100, sentences=None)  # the first pass is slow
    for seed in range(repetitions):
        for name, model in loaded.items():
            began = time.process_time()
            written = model.complete(
                prompt, seed=seed, temperature=0.8, max_chars=characters, sentences=None
            )
            rates[name].append(len(written.continuation) / (time.process_time() - began))
    print("| model | characters/s |\n|---|---|")
    for name, found in rates.items():
        print(f"| {name} | {statistics.median(found):.0f} ({min(found):.0f} to {max(found):.0f}) |")


if __name__ == "__main__":
    tyro.cli(main)
