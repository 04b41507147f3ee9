"""An encoder that foretells hidden words: what a tagger may start from, learned from plain text.

Some of a sentence's words are hidden, and the encoder is to say which of the most frequent words
each one was, from the words around it (Devlin et al. 2019, "BERT": of those chosen, eight in ten
are replaced by one mark, one by a random word, and one is left as it is). Only the output layer
is thrown away afterwards; the layers of tags and intents are not touched.
"""

from __future__ import annotations

import collections
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.architectures.encoder import Encoder
from litteragpt.bounds import check_range, check_whole
from litteragpt.entities.batch import features_of, words_of
from litteragpt.entities.words import split_words
from litteragpt.precision import autocast_for
from litteragpt.tables import from_table
from litteragpt.training.encoder_optim import EncoderOptimizers
from litteragpt.training.tagging import Report, mean_of
from litteragpt.weights import CheckpointError, check_layout, read_tensors, write_weights

HIDDEN: Final = "\ue000"
"""What stands in a hidden word's place: a character that no text has."""
LAYERS: Final = ("grams", "shapes", "mix", "reader", "dense")
"""What a tagger takes over."""
LONGEST: Final = 60
"""Words of a sentence; a longer line is cut."""
_STRETCH: Final = 20
"""Batches among which sentences are sorted by length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedConfig:
    """How to learn from hidden words."""

    steps: int = 2_000
    batch: int = 48
    """Sentences in a step."""
    hidden: float = 0.15
    """The share of the words that is to be foretold."""
    vocabulary: int = 10_000
    """The most frequent words, which alone are hidden."""
    lr: float = 2e-3
    table_lr: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    decay_fraction: float = 0.5
    clip: float = 5.0
    precision: str = "fp32"
    report_every: int = 100
    seed: int = 1

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> MaskedConfig:
        """From a table. Raises ValueError for a figure out of bounds."""
        config = from_table(cls, table, "pretrain")
        for name, least, most in (
            ("steps", 1, 10**7),
            ("batch", 1, 65_536),
            ("vocabulary", 2, 1_000_000),
            ("warmup_steps", 0, 10**7),
            ("report_every", 1, 10**7),
        ):
            check_whole(f"pretrain.{name}", getattr(config, name), least, most)
        check_range("pretrain.hidden", config.hidden, 0.01, 0.9)
        check_range("pretrain.lr", config.lr, 0.0, 10.0)
        check_range("pretrain.table_lr", config.table_lr, 0.0, 10.0)
        check_range("pretrain.weight_decay", config.weight_decay, 0.0, 100.0)
        check_range("pretrain.decay_fraction", config.decay_fraction, 0.0, 1.0)
        check_range("pretrain.clip", config.clip, 1e-6, 1e6)
        if config.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(
                f"pretrain.precision must be auto, bf16 or fp32, not {config.precision!r}"
            )
        return config


def pretrain(
    encoder: Encoder,
    texts: Sequence[Path],
    config: MaskedConfig,
    *,
    report: Report = lambda line: None,
) -> None:
    """Train an encoder in place, where it is, on UTF-8 files with a sentence or paragraph a line.

    The files are read from beginning to end, as often as the steps need; the loss is in nats a
    hidden word. Raises ValueError for texts that cannot be read or hold too few words,
    FloatingPointError for a loss that is not finite.
    """
    rng = random.Random(config.seed)
    torch.manual_seed(config.seed)
    known = frequent(sentences(texts), config.vocabulary)
    if len(known) < 2:
        raise ValueError("the texts hold fewer than two different words")
    number = {word: k for k, word in enumerate(known)}
    features = features_of(encoder.config)
    output = nn.Linear(encoder.dense.out_features, len(known)).to(encoder.device)
    optimizers = EncoderOptimizers(encoder, config, config.steps, besides=list(output.parameters()))
    autocast = autocast_for(encoder.device, config.precision)
    losses: list[Tensor] = []
    began = time.monotonic()
    encoder.train()
    read = _batches(texts, config.batch, rng)
    for step in range(config.steps):
        places: list[tuple[int, int]] = []
        while not places:  # rare words alone are not hidden
            shown, places, due = hide(next(read), number, config.hidden, rng)
        words = words_of(shown, features).to(encoder.device)
        rows, columns = torch.tensor(places).T.to(encoder.device)
        with autocast():
            scores_NV = output(encoder.read(words)[rows, columns])
        loss = functional.cross_entropy(scores_NV.float(), torch.tensor(due, device=encoder.device))
        loss.backward()
        optimizers.step(step)
        losses.append(loss.detach())
        if (step + 1) % config.report_every == 0 or step + 1 == config.steps:
            seconds = round(time.monotonic() - began, 1)
            mean = mean_of(losses, step + 1)
            report({"step": step + 1, "seconds": seconds, "nats": round(mean, 4)})
            losses.clear()
    encoder.eval()


def hide(
    sentences: Sequence[Sequence[str]], number: Mapping[str, int], share: float, rng: random.Random
) -> tuple[list[list[str]], list[tuple[int, int]], list[int]]:
    """The sentences with some words hidden, where these are (row, word), and which they were.

    `number` holds the words that may be hidden, in lower case. At least one word is, where there
    is any such.
    """
    known = list(number)
    shown = [list(sentence) for sentence in sentences]
    may = [
        (row, at)
        for row, sentence in enumerate(sentences)
        for at, word in enumerate(sentence)
        if word.lower() in number
    ]
    places = sorted(rng.sample(may, min(len(may), max(1, round(share * len(may))))))
    for row, at in places:
        chance = rng.random()
        if chance < 0.8:
            shown[row][at] = HIDDEN
        elif chance < 0.9:
            shown[row][at] = rng.choice(known)
    return shown, places, [number[sentences[row][at].lower()] for row, at in places]


def frequent(sentences: Iterable[Sequence[str]], most: int) -> list[str]:
    """The most frequent words, in lower case, the first first; equals in alphabetical order."""
    counts = collections.Counter(word.lower() for sentence in sentences for word in sentence)
    return sorted(counts, key=lambda word: (-counts[word], word))[:most]


def sentences(texts: Sequence[Path]) -> Iterator[list[str]]:
    """The words of each line of three words or more, a long one in parts, as a tagger splits."""
    for path in texts:
        try:
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    words = [line[start:end] for start, end in split_words(line)]
                    for at in range(0, len(words), LONGEST):
                        if len(part := words[at : at + LONGEST]) > 2:
                            yield part
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error


def save_pretrained(encoder: Encoder, path: Path) -> None:
    """Write what a tagger starts from: 16-bit weights of `LAYERS`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_weights(path, _taken(encoder), torch.float16)


def take_pretrained(encoder: Encoder, path: Path) -> None:
    """Put such weights into an encoder of the same shape. Raises CheckpointError otherwise."""
    try:
        check_layout(path, _taken(encoder))
        tensors = read_tensors(path, torch.float32)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    with torch.no_grad():
        for name, tensor in _taken(encoder).items():
            tensor.copy_(tensors[name])


def _taken(encoder: Encoder) -> dict[str, Tensor]:
    return {
        name: tensor
        for name, tensor in encoder.state_dict().items()
        if name.partition(".")[0] in LAYERS
    }


def _batches(texts: Sequence[Path], size: int, rng: random.Random) -> Iterator[list[list[str]]]:
    """Batches of sentences of like lengths, without end; the files are never held in memory."""
    while True:
        stretch: list[list[str]] = []
        for sentence in sentences(texts):
            stretch.append(sentence)
            if len(stretch) == size * _STRETCH:
                yield from _sorted_batches(stretch, size, rng)
                stretch = []
        yield from _sorted_batches(stretch, size, rng)


def _sorted_batches(
    stretch: list[list[str]], size: int, rng: random.Random
) -> Iterator[list[list[str]]]:
    rng.shuffle(stretch)
    stretch.sort(key=len)
    found = [stretch[at : at + size] for at in range(0, len(stretch), size)]
    rng.shuffle(found)
    yield from found
