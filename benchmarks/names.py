"""Names a second on one CPU thread: all at once against one by one in the manner of makemore.

    python benchmarks/names.py --model toponimos-mlp
    python benchmarks/names.py --json                   (random weights of that size)

- batched: `NameModel.sample`, all that a user gets (log-probabilities, UF, known) included.
- one by one: no state, one name at a time; for each character the last window of the name
  through the model, softmax, and `torch.multinomial`.

The two are timed in turn (A B, A B, …); given are medians, and the least and the most. Both
draw from the same distribution, but not the same names: how long their names are is told, too.
On a machine that does other things, pin it: `taskset -c 1 python …`.
"""

from __future__ import annotations

import json as json_format
import platform
import statistics
import sys
import time
from dataclasses import dataclass

import torch
import tyro

from litteragpt.architectures.mlp import MLP, MLPConfig
from litteragpt.generation.text import TextModel
from litteragpt.names.generate import NameModel, load_names
from litteragpt.names.known import KnownNames
from litteragpt.tokenizers import CharTokenizer

TEMPERATURE = 0.9
MAX_CHARS = 100

CHARACTERS = (
    "\n '(),-./0123456789"
    + "".join(map(chr, [*range(65, 91), *range(97, 123)]))
    + ("ÁÂÉÍÓÔÚªºàáâãçéêíóôõú–")
)
"""With the unknown id about as many as the vocabulary of Brazilian place names."""

CONTEXT, WIDTH, HIDDEN = 16, 32, 512
END_BIAS = 1.3
"""Makes a random model's names about as long as real ones."""


@dataclass(frozen=True)
class Timing:
    """One run of one contender."""

    seconds: float
    characters: int
    """Written, ends included."""


def batched(model: NameModel, names: int, seed: int) -> Timing:
    began = time.perf_counter()
    found = model.sample(count=names, temperature=TEMPERATURE, seed=seed, max_chars=MAX_CHARS)
    seconds = time.perf_counter() - began
    return Timing(seconds, sum(len(each.name) + 1 for each in found.names))


@torch.inference_mode()
def one_by_one(model: NameModel, names: int, seed: int) -> Timing:
    lm = model.lm
    window = lm.model.context
    (end,) = lm.tokenizer.encode("\n").ids
    banned = torch.tensor(sorted(lm.banned_ids))
    generator = torch.Generator().manual_seed(seed)
    began = time.perf_counter()
    characters = 0
    for _ in range(names):
        ids = [end]
        while len(ids) <= MAX_CHARS and (len(ids) == 1 or ids[-1] != end):
            logits_BTV, _ = lm.model(torch.tensor([ids[-window:]]))
            logits_V = logits_BTV[0, -1].index_fill(-1, banned, -torch.inf)
            p_V = (logits_V / TEMPERATURE).softmax(-1)
            ids.append(int(torch.multinomial(p_V, 1, generator=generator)))
        lm.tokenizer.decode(ids[1:])
        characters += len(ids) - 1
    return Timing(time.perf_counter() - began, characters)


def random_model() -> NameModel:
    """Random weights of the shipped size."""
    torch.manual_seed(1)
    tokenizer = CharTokenizer(CHARACTERS)
    network = MLP(
        MLPConfig(vocab_size=tokenizer.vocab_size, context=CONTEXT, width=WIDTH, hidden=HIDDEN)
    )
    network.initialise()
    (end,) = tokenizer.encode("\n").ids
    with torch.no_grad():
        network.head.bias[end] += END_BIAS
    lm = TextModel(network.eval(), tokenizer, name="random weights", reads="lines")
    return NameModel(lm, KnownNames.from_tables([("Centro", "Lins", "SP")], [("Lins", "SP")]))


def measure(
    model: NameModel, names: int, slow_names: int, repetitions: int
) -> dict[str, list[Timing]]:
    """Timings of both, taken in turn; the first, which warms up, is left out."""
    timings: dict[str, list[Timing]] = {"batched": [], "one by one": []}
    for repetition in range(repetitions + 1):
        pair = batched(model, names, repetition), one_by_one(model, slow_names, repetition)
        if repetition:
            timings["batched"].append(pair[0])
            timings["one by one"].append(pair[1])
    return timings


def main(
    model: str | None = None,
    names: int = 1_000,
    slow_names: int = 100,
    repetitions: int = 7,
    json: bool = False,
) -> None:
    """Compare names a second on one thread.

    Args:
        model: the checkpoint to load; without it, random weights.
        names: how many are written at once.
        slow_names: how many are written one by one, each of which costs the same.
        repetitions: of each measurement, at least 5.
        json: write JSON, not a table.
    """
    if repetitions < 5:
        sys.exit(f"repetitions must be at least 5, not {repetitions}")
    torch.set_num_threads(1)
    loaded = load_names(model) if model else random_model()
    timings = measure(loaded, names, slow_names, repetitions)
    counts = {"batched": names, "one by one": slow_names}
    rates = {k: [counts[k] / each.seconds for each in found] for k, found in timings.items()}
    lengths = {
        name: sum(each.characters for each in found) / (counts[name] * repetitions)
        for name, found in timings.items()
    }
    seconds = summary([each.seconds for each in timings["batched"]])
    report = {
        "model": loaded.lm.name,
        "machine": platform.machine(),
        "threads": 1,
        "torch": torch.__version__,
        "names": names,
        "repetitions": repetitions,
        "seconds_batched": seconds,
        "names_per_second": {name: summary(figures) for name, figures in rates.items()},
        "characters_a_name": lengths,
    }
    if json:
        print(json_format.dumps(report, indent=2))
        return
    print(f"{loaded.lm.name}, {names} names, one thread, median of {repetitions}")
    print("| | names/s | characters a name |\n|---|---|---|")
    for name, figures in rates.items():
        found = summary(figures)
        print(
            f"| {name} | {found['median']:.4g} ({found['least']:.4g} to {found['most']:.4g}) "
            f"| {lengths[name]:.1f} |"
        )
    quick, slow = (statistics.median(rates[name]) for name in ("batched", "one by one"))
    print(f"\n{names} names in {seconds['median']:.3g} s; {quick / slow:.3g} times one by one")


def summary(figures: list[float]) -> dict[str, float]:
    return {"median": statistics.median(figures), "least": min(figures), "most": max(figures)}


if __name__ == "__main__":
    tyro.cli(main)
