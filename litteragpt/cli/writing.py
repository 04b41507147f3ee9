"""What a language model writes: generate, names."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional

from litteragpt.cli.common import DEFAULT_MODEL, tell_replaced


def generate(
    prompt: Positional[str],
    /,
    *,
    model: str = DEFAULT_MODEL,
    mix: Path | None = None,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float = 1.0,
    min_p: float = 0.0,
    seed: int | None = None,
    max_chars: int | None = None,
    sentences: int | None = 2,
    words: int | None = None,
    json: bool = False,
) -> None:
    """Continue a prompt; the text streams to standard output, the prompt first.

    Args:
        prompt: What to continue; an empty one starts a paragraph.
        model: Name or folder of a checkpoint, or a Hugging Face folder.
        mix: Folder of counts to mix in, as `litteragpt mix` writes it.
        temperature: 0 (always the most probable character) to 5.
        top_k: Keep the k most probable characters at each step.
        top_p: Keep the most probable characters that together reach this probability.
        min_p: Drop characters less probable than this share of the best one.
        seed: Same seed, same text; one is drawn and told without it.
        max_chars: Stop at this many characters; 400 without it, or 30 a word.
        sentences: Stop after so many sentences; None goes on to max-chars.
        words: Stop after exactly so many words, in place of sentences.
        json: Print one JSON object when all is done.
    """
    import litteragpt

    lm = litteragpt.load(model, mix=mix)
    if json:
        completion = lm.complete(
            prompt,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            seed=seed,
            max_chars=max_chars,
            sentences=sentences,
            words=words,
        )
        print(json_format.dumps(completion.to_dict(), ensure_ascii=False))
        return
    sampling = litteragpt.SamplingConfig(
        temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p
    )
    stream = lm.stream(
        prompt, [sampling], seed=seed, max_chars=max_chars, sentences=sentences, words=words
    )
    tell_replaced(stream.encoding.replacements)
    if seed is None:
        print(f"seed {stream.seed}", file=sys.stderr)
    print(prompt, end="", flush=True)
    for step in stream:
        print("".join(token.text for token in step.tokens if token), end="", flush=True)
    print()


def names(
    *,
    prefix: str = "",
    count: int = 20,
    model: str = "toponimos-mlp",
    temperature: float = 0.9,
    top_k: int | None = None,
    top_p: float = 1.0,
    min_p: float = 0.0,
    seed: int | None = None,
    max_chars: int = 100,
    json: bool = False,
) -> None:
    """Invent names of places, `neighbourhood - city`.

    Args:
        prefix: How the names begin, within one line; may hold the separator.
        count: How many, up to 10000.
        model: Name or folder of a checkpoint.
        temperature: 0 (always the most probable character) to 5.
        top_k: Keep the k most probable characters at each step.
        top_p: Keep the most probable characters that together reach this probability.
        min_p: Drop characters less probable than this share of the best one.
        seed: Same seed, same names; one is drawn and told without it.
        max_chars: Cut a name that goes on for longer after the prefix.
        json: Print a JSON list.
    """
    from litteragpt.names.generate import load_names

    found = load_names(model).sample(
        prefix,
        count=count,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        seed=seed,
        max_chars=max_chars,
    )
    tell_replaced(found.replaced)
    if seed is None:
        print(f"seed {found.seed}", file=sys.stderr)
    if json:
        print(json_format.dumps([each.to_dict() for each in found.names], ensure_ascii=False))
        return
    table = Table("name", "", "city", "log-probability, nats")
    for each in found.names:
        city = (each.uf or "real") if each.city_is_real else "not real" if each.city else "–"
        kind = "exists" if each.known else "invented"
        table.add_row(Text(each.name), kind, city, f"{each.logprob:.2f}")
    Console(highlight=False).print(table)
