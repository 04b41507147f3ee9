"""Ten samples at three temperatures, as they come, in Markdown: what a model writes, unselected.

    python benchmarks/samples.py --model litteragpt-es --prompt "En un lugar"

Seeds 1 to 10, the same random numbers at each temperature; each text ends with its second
sentence or after 240 characters.
"""

from __future__ import annotations

import argparse

import litteragpt

TEMPERATURES = (0.5, 0.8, 1.0)
SEEDS = range(1, 11)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="litteragpt-es")
    parser.add_argument("--prompt", default="En un lugar")
    arguments = parser.parse_args()
    lm = litteragpt.load(arguments.model)
    for temperature in TEMPERATURES:
        print(f"\n**Temperature {temperature}**\n")
        for seed in SEEDS:
            completion = lm.complete(
                arguments.prompt, temperature=temperature, seed=seed, sentences=2, max_chars=240
            )
            text = (arguments.prompt + completion.continuation).strip()
            print(f"{seed}. {text.replace(chr(10), ' / ')}")


if __name__ == "__main__":
    main()
