"""Decoding speed on one CPU thread: ours, the original's way, and `transformers`, same weights.

    python benchmarks/decode.py --model litteragpt-es
    python benchmarks/decode.py --random --json

- ours: `TextModel.stream`, all that a user gets (stops, figures, pieces) included.
- original: no cache; the whole window (the model's context) through the model for each
  character, and `torch.multinomial`.
- transformers: `generate` of the Qwen3 model with these weights, with its cache.

First greedy texts are compared: all three must write the same. Then each workload is timed in
turn for all three (A B C, A B C, …); given are medians, and the least and the most. A rate
counts characters after the first one, from the first one on: reading the prompt is what "first
character" measures. On a machine that does other things, pin it: `taskset -c 1 python …`.
"""

from __future__ import annotations

import importlib.metadata
import json as json_format
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import tyro
from torch import Tensor

import litteragpt
from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import TextModel
from litteragpt.tokenizers import CharTokenizer

TEMPERATURE = 0.8
GREEDY_CHARACTERS = 200

OPENING = (
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía "
    "un hidalgo de los de lanza en astillero, adarga antigua, rocín flaco y galgo corredor. Una "
    "olla de algo más vaca que carnero, salpicón las más noches, duelos y quebrantos los sábados, "
    "lantejas los viernes, algún palomino de añadidura los domingos, consumían las tres partes de "
    "su hacienda. El resto della concluían sayo de velarte, calzas de velludo para las fiestas, "
    "con sus pantuflos de lo mesmo, y los días de entresemana se honraba con su vellorí de lo más "
    "fino. "
)

CHARACTERS = "\n" + "".join(map(chr, range(32, 127))) + "áéíóúñ¿"
"""With the unknown id 104 entries, about as many as the shipped vocabulary."""


@dataclass(frozen=True)
class Written:
    """What a contender wrote: ids of its first row, and seconds from the call to each step."""

    ids: list[int]
    seconds: list[float]


Contender = Callable[[str, int, int, float], Written]
"""Prompt, rows, characters a row, temperature."""


@dataclass(frozen=True)
class Workload:
    """What is timed."""

    name: str
    prompt: int
    """Characters of the prompt, here and below."""
    rows: int
    characters: int
    """Written in each row."""
    characters_original: int
    """Fewer for the original's way, each of whose characters costs the same."""

    def figure(self, written: Written) -> float:
        """Milliseconds for one character; characters/s of all rows for several."""
        first, last, steps = written.seconds[0], written.seconds[-1], len(written.seconds)
        return 1_000 * first if steps == 1 else self.rows * (steps - 1) / (last - first)


def ours(lm: TextModel) -> Contender:
    def write(prompt: str, rows: int, characters: int, temperature: float) -> Written:
        # Equal rows are computed once: temperatures that hardly differ keep the rows apart.
        configs = [SamplingConfig(temperature=temperature + row * 1e-4) for row in range(rows)]
        began = time.perf_counter()
        stream = lm.stream(prompt, configs, seed=1, sentences=None, max_chars=characters)
        written = [(step.tokens[0], time.perf_counter() - began) for step in stream]
        return Written([token.id for token, _ in written if token], [s for _, s in written])

    return write


def original(lm: TextModel) -> Contender:
    """The same choices as the original's `generate`: whole window, softmax, multinomial."""
    window = lm.model.context
    banned = sorted(lm.tokenizer.special_ids)

    @torch.inference_mode()
    def write(prompt: str, rows: int, characters: int, temperature: float) -> Written:
        began = time.perf_counter()
        ids_BT = torch.tensor([lm.tokenizer.encode(prompt).ids] * rows)
        seconds = []
        for _ in range(characters):
            logits_BTV, _ = lm.model(ids_BT[:, -window:], None)
            logits_BV = logits_BTV[:, -1].index_fill(-1, torch.tensor(banned), -torch.inf)
            ids_B1 = (
                torch.multinomial((logits_BV / temperature).softmax(-1), 1)
                if temperature
                else logits_BV.argmax(-1, keepdim=True)
            )
            ids_BT = torch.cat([ids_BT, ids_B1], 1)
            seconds.append(time.perf_counter() - began)
        return Written(ids_BT[0, -characters:].tolist(), seconds)

    return write


def with_transformers(lm: TextModel) -> Contender:
    """`generate`; `ModuleNotFoundError` where `transformers` is missing."""
    from transformers import GenerationConfig

    from litteragpt.export import to_transformers

    class Clock:
        """A streamer that notes when each step comes; the first `put` is the prompt."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def put(self, value: Tensor) -> None:
            self.times.append(time.perf_counter())

        def end(self) -> None:
            pass

    assert isinstance(lm.model, Decoder)
    model = to_transformers(lm.model).eval()

    def write(prompt: str, rows: int, characters: int, temperature: float) -> Written:
        sampling: dict[str, Any] = (
            {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
            if temperature
            else {"do_sample": False}
        )
        config = GenerationConfig(
            max_new_tokens=characters,
            use_cache=True,
            suppress_tokens=sorted(lm.tokenizer.special_ids),
            pad_token_id=lm.tokenizer.unknown_id,
            **sampling,
        )
        clock = Clock()
        began = time.perf_counter()
        ids_BT = torch.tensor([lm.tokenizer.encode(prompt).ids] * rows)
        out_BT = model.generate(
            ids_BT,
            attention_mask=torch.ones_like(ids_BT),
            generation_config=config,
            streamer=clock,
        )
        ids = out_BT[0, ids_BT.shape[1] :].tolist()
        return Written(ids, [moment - began for moment in clock.times[1:]])

    return write


def random_model() -> TextModel:
    """Random weights of the default size."""
    torch.manual_seed(1)
    tokenizer = CharTokenizer(CHARACTERS)
    model = Decoder(DecoderConfig(vocab_size=tokenizer.vocab_size)).eval()
    return TextModel(model, tokenizer, name="random weights")


def opening(characters: int) -> str:
    return (OPENING * (characters // len(OPENING) + 1))[:characters]


def check_agreement(contenders: dict[str, Contender], window: int) -> None:
    """Exit unless all write one greedy text, prompt and text within every window."""
    characters = min(GREEDY_CHARACTERS, window // 2)
    prompt = opening(window - characters)
    texts = {name: write(prompt, 1, characters, 0.0).ids for name, write in contenders.items()}
    for name, ids in texts.items():
        if ids != texts["ours"]:
            pairs = enumerate(zip(ids, texts["ours"], strict=True))
            place = next(index for index, pair in pairs if pair[0] != pair[1])
            sys.exit(f"greedy texts differ: ours and {name} from character {place} on")


def workloads(context: int) -> list[Workload]:
    return [
        Workload("ms to the first character after 200", 200, 1, 1, 1),
        Workload("characters/s, 1 row, full window", context, 1, 200, 12),
        Workload("characters/s, 4 rows, full window", context, 4, 200, 4),
    ]


def measure(
    contenders: dict[str, Contender], workload: Workload, repetitions: int
) -> dict[str, list[float]]:
    """Each contender's figures, one a repetition, taken in turn."""
    prompt = opening(workload.prompt)
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for repetition in range(repetitions + 1):
        for name, write in contenders.items():
            count = workload.characters_original if name == "original" else workload.characters
            figure = workload.figure(write(prompt, workload.rows, count, TEMPERATURE))
            if repetition:  # the first one warms up
                figures[name].append(figure)
    return figures


def main(
    model: str = "litteragpt-es", random: bool = False, repetitions: int = 7, json: bool = False
) -> None:
    """Compare decoding speeds on one thread.

    Args:
        model: the checkpoint to load.
        random: take random weights of the default size, not a checkpoint.
        repetitions: of each measurement, at least 5.
        json: write JSON, not a table.
    """
    if repetitions < 5:
        sys.exit(f"repetitions must be at least 5, not {repetitions}")
    torch.set_num_threads(1)
    lm = random_model() if random else litteragpt.load(model)
    contenders = {"ours": ours(lm), "original": original(lm)}
    versions = {"torch": torch.__version__, "transformers": "missing"}
    try:
        contenders["transformers"] = with_transformers(lm)
        versions["transformers"] = importlib.metadata.version("transformers")
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        print(
            "left out: transformers, which is missing (pip install transformers)", file=sys.stderr
        )
    check_agreement(contenders, lm.model.context)
    measured = {w.name: measure(contenders, w, repetitions) for w in workloads(lm.model.context)}
    if json:
        report = {
            "model": lm.name,
            "context": lm.model.context,
            "machine": platform.machine(),
            "threads": 1,
            "repetitions": repetitions,
            **versions,
            "workloads": {
                workload: {name: summary(figures) for name, figures in each.items()}
                for workload, each in measured.items()
            },
        }
        print(json_format.dumps(report, indent=2))
    else:
        print(f"{lm.name}, context {lm.model.context}, one thread, median of {repetitions}")
        print(table(measured))


def summary(figures: list[float]) -> dict[str, float]:
    return {"median": statistics.median(figures), "least": min(figures), "most": max(figures)}


def table(measured: dict[str, dict[str, list[float]]]) -> str:
    """Markdown: a row a workload; how ours compares is in brackets."""
    names = list(next(iter(measured.values())))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for workload, each in measured.items():
        cells = []
        for name, figures in each.items():
            found = summary(figures)
            cell = f"{found['median']:.3g} ({found['least']:.3g} to {found['most']:.3g})"
            if name != "ours":
                ratio = statistics.median(each["ours"]) / found["median"]
                ratio = 1 / ratio if workload.startswith("ms") else ratio
                cell += f" [ours {ratio:.3g}x]"
            cells.append(cell)
        lines.append(f"| {workload} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    tyro.cli(main)
