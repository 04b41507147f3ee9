"""Training a tagger: sets that know different labels, one encoder, one conditional random field.

AdamW for the network and sparse Adam for the table of n-grams, whose rows are mostly untouched in
a step; the learning rate warms up and falls linearly. Some sentences are read in lower case, in
capitals, or without accents, so that a hurried writer's names are found, too.
"""

from __future__ import annotations

import math
import random
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from litteragpt.architectures.encoder import Encoder, Words
from litteragpt.bounds import check_range, check_whole
from litteragpt.entities import crf
from litteragpt.entities.batch import words_of
from litteragpt.entities.bio import OUTSIDE
from litteragpt.entities.features import WordFeatures
from litteragpt.entities.sets import ANYTHING, Example, SetConfig, epoch
from litteragpt.tables import from_table
from litteragpt.training.schedule import lr_factor

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
        check_range("weight_decay", config.weight_decay, 0.0, 100.0)
        check_range("decay_fraction", config.decay_fraction, 0.0, 1.0)
        check_range("clip", config.clip, 1e-6, 1e6)
        for name in ("lower", "upper", "plain", "join"):
            check_range(name, getattr(config, name), 0.0, 1.0)
        return config


@dataclass(frozen=True, slots=True)
class _Schedule:
    steps: int
    warmup_steps: int
    decay_fraction: float


def train_tagger(
    encoder: Encoder,
    sets: Sequence[tuple[SetConfig, Sequence[Example]]],
    config: TaggingConfig,
    *,
    parameters: Sequence[Tensor] | None = None,
    report: Report = lambda line: None,
    after_epoch: Callable[[int], None] = lambda number: None,
) -> None:
    """Train an encoder in place; `parameters` limits what is learned (all of it without).

    Raises ValueError where there is nothing to learn from, FloatingPointError for a loss that is
    not finite. The same seed, sets and number of threads give the same weights.
    """
    rng = random.Random(config.seed)
    torch.manual_seed(config.seed)
    features = WordFeatures(encoder.config.rows, encoder.config.shapes)
    optimizers = _optimizers(encoder, config, parameters)
    learned = [p for o in optimizers for group in o.param_groups for p in group["params"]]
    sizes = [len(epoch(sets, random.Random(config.seed)))]
    if not sizes[0]:
        raise ValueError("the sets hold no sentence to learn from")
    schedule = _Schedule(
        math.ceil(sizes[0] / config.batch) * config.epochs,
        config.warmup_steps,
        config.decay_fraction,
    )
    step = 0
    began = time.monotonic()
    for number in range(config.epochs):
        encoder.train()
        losses: list[float] = []
        for examples in batches(epoch(sets, rng), config.batch, rng):
            read = [_roughened(each, config, rng) for each in joined(examples, config.join, rng)]
            loss = batch_loss(encoder, read, features)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is not finite at step {step}")
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for p in learned if not _sparse(p)], config.clip)
            factor = lr_factor(min(step, schedule.steps - 1), schedule)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = group["base_lr"] * factor
                optimizer.step()
            encoder.zero_grad(set_to_none=True)
            losses.append(loss.item())
            step += 1
        encoder.eval()
        report(
            {
                "epoch": number + 1,
                "step": step,
                "seconds": round(time.monotonic() - began, 1),
                "train_loss": sum(losses) / len(losses),
            }
        )
        after_epoch(number + 1)


def batch_loss(encoder: Encoder, examples: Sequence[Example], features: WordFeatures) -> Tensor:
    """Mean loss in nats a sentence: of the tags, and of the intent where one is known."""
    words = words_of([each.words for each in examples], features)
    tags = encoder.config.tags
    between_KK, start_K = crf.transition_mask(tags)
    read_BTH = encoder.read(words)
    loss = crf.loss(
        encoder.tags(read_BTH),
        encoder.chain.between_KK + between_KK,
        encoder.chain.start_K + start_K,
        words.mask_BT,
        allowed_tags(examples, tags, words),
    ).mean()
    intents = encoder.config.intents
    rows = [k for k, each in enumerate(examples) if each.intent in intents]
    if rows:
        scores_BI = encoder.score_intents(read_BTH[rows], words.mask_BT[rows])
        due = torch.tensor([intents.index(examples[k].intent or "") for k in rows])
        share = len(rows) / len(examples)
        loss = loss + share * functional.cross_entropy(scores_BI, due)
    return loss


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


def _optimizers(
    encoder: Encoder, config: TaggingConfig, parameters: Sequence[Tensor] | None
) -> list[torch.optim.Optimizer]:
    chosen = {id(p) for p in (encoder.parameters() if parameters is None else parameters)}
    table = encoder.grams.weight
    learns_table = id(table) in chosen and config.table_lr > 0
    for parameter in encoder.parameters():
        parameter.requires_grad_(id(parameter) in chosen and parameter is not table)
    table.requires_grad_(learns_table)
    encoder.grams.sparse = learns_table
    dense = [p for p in encoder.parameters() if p.requires_grad and p is not table]
    found: list[torch.optim.Optimizer] = []
    if dense:
        group = {"params": dense, "base_lr": config.lr}
        found.append(
            torch.optim.AdamW(
                [group], lr=config.lr, betas=(0.9, 0.98), weight_decay=config.weight_decay
            )
        )
    if learns_table:
        group = {"params": [table], "base_lr": config.table_lr}
        found.append(torch.optim.SparseAdam([group], lr=config.table_lr))
    return found


def _sparse(parameter: Tensor) -> bool:
    return parameter.grad is not None and parameter.grad.is_sparse
