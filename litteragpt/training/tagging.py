"""Training a tagger: sets that know different labels, one encoder, one conditional random field.

The learning rate warms up and falls linearly. Where a word's tag is not known, all that it may be
count, whether tags are learned as a chain or each by itself. Some sentences are read in lower case,
in capitals, or without accents, so that a hurried writer's names are found, too.
"""

from __future__ import annotations

import math
import random
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from litteragpt.architectures.encoder import SOFTMAX, Encoder, Words
from litteragpt.bounds import check_range, check_whole
from litteragpt.entities import crf
from litteragpt.entities.batch import features_of, words_of
from litteragpt.entities.bio import OUTSIDE
from litteragpt.entities.features import WordFeatures
from litteragpt.entities.sets import ANYTHING, Example, SetConfig, epoch
from litteragpt.precision import autocast_for, pick_device
from litteragpt.tables import from_table
from litteragpt.training.encoder_optim import EncoderOptimizers

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggingConfig:
    """How to train a tagger."""

    epochs: int = 10
    batch: int = 32
    """Sentences in a step."""
    lr: float = 2e-3
    table_lr: float = 1e-3
    """For the table of n-grams; 0 leaves it as it is."""
    template_lr: float = 1e-3
    """For the table of feature templates, where the model has one."""
    weight_decay: float = 0.01
    warmup_steps: int = 100
    decay_fraction: float = 0.7
    clip: float = 5.0
    lower: float = 0.05
    """The share of sentences that are read in lower case."""
    upper: float = 0.02
    plain: float = 0.03
    """The share that is read without accents."""
    join: float = 0.0
    """The share of sentences that are read together with the next one."""
    precision: str = "fp32"
    """Of products of matrices: fp32, bf16, or auto: bf16 where the device is made for it."""
    seed: int = 1

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> TaggingConfig:
        """From a recipe's table. Raises ValueError for a figure out of bounds."""
        config = from_table(cls, table, "training")
        check_whole("epochs", config.epochs, 1, 100_000)
        check_whole("batch", config.batch, 1, 65_536)
        check_whole("warmup_steps", config.warmup_steps, 0, 10**9)
        check_range("lr", config.lr, 0.0, 10.0)
        check_range("table_lr", config.table_lr, 0.0, 10.0)
        check_range("template_lr", config.template_lr, 0.0, 10.0)
        check_range("weight_decay", config.weight_decay, 0.0, 100.0)
        check_range("decay_fraction", config.decay_fraction, 0.0, 1.0)
        check_range("clip", config.clip, 1e-6, 1e6)
        for name in ("lower", "upper", "plain", "join"):
            check_range(name, getattr(config, name), 0.0, 1.0)
        if config.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(f"precision must be auto, bf16 or fp32, not {config.precision!r}")
        return config


def encoder_device(name: str) -> torch.device:
    """Where an encoder is to be trained; `auto` is CUDA where there is such a GPU, or else the CPU.

    Raises ValueError for MPS, on which the table's sparse gradients are not to be relied on, and
    for a device that this machine lacks.
    """
    if name == "auto":
        return pick_device("cuda" if torch.cuda.is_available() else "cpu")
    device = pick_device(name)
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"an encoder is trained on cpu or cuda, not on {device.type}")
    return device


def train_tagger(
    encoder: Encoder,
    sets: Sequence[tuple[SetConfig, Sequence[Example]]],
    config: TaggingConfig,
    *,
    parameters: Sequence[Tensor] | None = None,
    report: Report = lambda line: None,
    after_epoch: Callable[[int], None] = lambda number: None,
) -> None:
    """Train an encoder in place, where it is; `parameters` limits what is learned (all without).

    Raises ValueError where there is nothing to learn from, FloatingPointError for a loss that is
    not finite. The same seed, sets and number of threads give the same weights.
    """
    rng = random.Random(config.seed)
    torch.manual_seed(config.seed)
    features = features_of(encoder.config)
    size = len(epoch(sets, random.Random(config.seed)))
    if not size:
        raise ValueError("the sets hold no sentence to learn from")
    steps = math.ceil(size / config.batch) * config.epochs
    optimizers = EncoderOptimizers(
        encoder, config, steps, template_lr=config.template_lr, parameters=parameters
    )
    autocast = autocast_for(encoder.device, config.precision)
    legal = legal_of(encoder)
    step = 0
    began = time.monotonic()
    for number in range(config.epochs):
        encoder.train()
        losses: list[Tensor] = []
        for examples in batches(epoch(sets, rng), config.batch, rng):
            read = [_roughened(each, config, rng) for each in joined(examples, config.join, rng)]
            loss = batch_loss(encoder, read, features, legal, autocast)
            loss.backward()
            optimizers.step(step)
            losses.append(loss.detach())
            step += 1
        encoder.eval()
        report(
            {
                "epoch": number + 1,
                "step": step,
                "seconds": round(time.monotonic() - began, 1),
                "train_loss": mean_of(losses, step),
            }
        )
        after_epoch(number + 1)


def mean_of(losses: Sequence[Tensor], step: int) -> float:
    """The mean of the losses of the last steps before `step`; a GPU is asked for all at once.

    Raises FloatingPointError where one is not finite.
    """
    values: list[float] = torch.stack(list(losses)).tolist()
    for at, value in enumerate(values, step - len(values)):
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss is not finite at step {at}")
    return sum(values) / len(values)


def legal_of(encoder: Encoder) -> tuple[Tensor, Tensor]:
    """`litteragpt.entities.crf.transition_mask` of an encoder's tags, where the encoder is."""
    between_KK, start_K = crf.transition_mask(encoder.config.tags)
    return between_KK.to(encoder.device), start_K.to(encoder.device)


def batch_loss(
    encoder: Encoder,
    examples: Sequence[Example],
    features: WordFeatures,
    legal: tuple[Tensor, Tensor],
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Tensor:
    """Mean loss in nats a sentence: of the tags, and of the intent where one is known.

    `legal` is what `legal_of` gives; matrices are multiplied as `autocast` says, and sums over
    taggings are in single precision all the same.
    """
    words = words_of([each.words for each in examples], features)
    allowed_BTK = allowed_tags(examples, encoder.config.tags, words).to(encoder.device)
    words = words.to(encoder.device)
    with autocast():
        read_BTH = encoder.read(words)
        emissions_BTK = encoder.emissions(read_BTH, words)
    loss = tag_loss(encoder, emissions_BTK.float(), legal, words.mask_BT, allowed_BTK).mean()
    intents = encoder.config.intents
    rows = [k for k, each in enumerate(examples) if each.intent in intents]
    if rows:
        with autocast():
            scores_BI = encoder.score_intents(read_BTH[rows], words.mask_BT[rows])
        due = [intents.index(examples[k].intent or "") for k in rows]
        share = len(rows) / len(examples)
        loss = loss + share * functional.cross_entropy(
            scores_BI.float(), torch.tensor(due, device=encoder.device)
        )
    return loss


def tag_loss(
    encoder: Encoder,
    emissions_BTK: Tensor,
    legal: tuple[Tensor, Tensor],
    mask_BT: Tensor,
    allowed_BTK: Tensor,
) -> Tensor:
    """`B`: minus the log-probability of the allowed tags, as the encoder's decoding has it."""
    if encoder.config.decoding == SOFTMAX:
        return crf.word_loss(emissions_BTK, mask_BT, allowed_BTK)
    between_KK, start_K = legal
    return crf.loss(
        emissions_BTK,
        encoder.chain.between_KK + between_KK,
        encoder.chain.start_K + start_K,
        mask_BT,
        allowed_BTK,
    )


def allowed_tags(examples: Sequence[Example], tags: Sequence[str], words: Words) -> Tensor:
    """`B, T, K`: the tags that each word may have, as far as its set knows."""
    number = {tag: k for k, tag in enumerate(tags)}
    allowed_BTK = torch.zeros(*words.words_BT.shape, len(tags), dtype=torch.bool)
    allowed_BTK[:, :, 0] = True
    for row, example in enumerate(examples):
        outside = [k for k, tag in enumerate(tags) if not k or tag[2:] not in example.known]
        inside = [t for t, tag in enumerate(example.tags) if tag not in (OUTSIDE, ANYTHING)]
        if len(outside) > 1:
            allowed_BTK[row, : len(example.tags), outside] = True
        if inside:
            allowed_BTK[row, inside] = False
            allowed_BTK[row, inside, [number[example.tags[t]] for t in inside]] = True
        anything = [t for t, tag in enumerate(example.tags) if tag == ANYTHING]
        allowed_BTK[row, anything] = True
    return allowed_BTK


def batches(examples: Sequence[Example], size: int, rng: random.Random) -> Iterator[list[Example]]:
    """Batches of sentences of like lengths, in a random order."""
    found: list[list[Example]] = []
    for at in range(0, len(examples), size * 20):
        near = sorted(examples[at : at + size * 20], key=lambda each: len(each.words))
        found += [near[k : k + size] for k in range(0, len(near), size)]
    rng.shuffle(found)
    yield from found


def joined(examples: Sequence[Example], share: float, rng: random.Random) -> list[Example]:
    """Some of the examples put together with the next one, where both know the same labels."""
    found: list[Example] = []
    for example in examples:
        last = found[-1] if found else None
        if last is not None and last.known == example.known and rng.random() < share:
            found[-1] = Example(last.words + example.words, last.tags + example.tags, last.known)
        else:
            found.append(example)
    return found


def _roughened(example: Example, config: TaggingConfig, rng: random.Random) -> Example:
    words = example.words
    chance = rng.random()
    if chance < config.lower:
        words = tuple(word.lower() for word in words)
    elif chance < config.lower + config.upper:
        words = tuple(word.upper() for word in words)
    if rng.random() < config.plain:
        words = tuple(_without_accents(word) for word in words)
    return Example(words, example.tags, example.known, example.intent)


def _without_accents(word: str) -> str:
    letters = unicodedata.normalize("NFD", word)
    return "".join(c for c in letters if unicodedata.category(c) != "Mn") or word
