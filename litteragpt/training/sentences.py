"""A sentence encoder taught by another: its vectors are to lie as the teacher's do.

The student's vector of a sentence is drawn to the teacher's (Reimers & Gurevych 2020, "Making
Monolingual Sentence Embeddings Multilingual"), and what is near to what in a batch to what the
teacher finds near (Park et al. 2019, "Relational Knowledge Distillation"). A batch is of sentences
that are alike, since that is what a search has to tell apart. The teacher's vectors come from
outside, once for all: one array beside the sentences.

Shapes: N sentences, B of them in a batch, T tokens, D dimensions, E dimensions of the teacher.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.answers.words import EMPTY, WordRows, words_of
from litteragpt.architectures.sentence_encoder import SentenceEncoder, sentences_of
from litteragpt.bounds import check_range, check_whole
from litteragpt.precision import autocast_for
from litteragpt.tables import from_table
from litteragpt.training.schedule import lr_factor
from litteragpt.training.tagging import Report, mean_of

_STRETCH: Final = 12_000
"""Sentences among which those of a batch are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceTraining:
    """How a sentence encoder learns."""

    steps: int = 1_000
    words: int = 6_144
    """In a step, with what fills up shorter sentences."""
    most: int = 384
    """Sentences in a step."""
    parts: float = 0.1
    """The share of the known words that are read as if they were not: by their n-grams."""
    likeness: float = 0.5
    """How much it counts that the teacher's neighbours are the student's."""
    temperature: float = 0.05
    """By which cosines are divided where neighbours are compared."""
    lr: float = 1e-3
    table_lr: float = 1.5e-3
    weight_decay: float = 0.02
    warmup_steps: int = 50
    decay_fraction: float = 0.8
    clip: float = 1.0
    precision: str = "auto"
    report_every: int = 100
    seed: int = 1

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> SentenceTraining:
        """From a table. Raises ValueError for a figure out of bounds."""
        config = from_table(cls, table, "training")
        for name, least, most in (
            ("steps", 1, 10**7),
            ("words", 1, 10**7),
            ("most", 2, 10**6),
            ("warmup_steps", 0, 10**7),
            ("report_every", 1, 10**7),
        ):
            check_whole(f"training.{name}", getattr(config, name), least, most)
        check_range("training.parts", config.parts, 0.0, 1.0)
        check_range("training.likeness", config.likeness, 0.0, 100.0)
        check_range("training.temperature", config.temperature, 1e-3, 10.0)
        check_range("training.lr", config.lr, 0.0, 10.0)
        check_range("training.table_lr", config.table_lr, 0.0, 10.0)
        check_range("training.weight_decay", config.weight_decay, 0.0, 100.0)
        check_range("training.decay_fraction", config.decay_fraction, 0.0, 1.0)
        check_range("training.clip", config.clip, 1e-6, 1e6)
        if config.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(
                f"training.precision must be auto, bf16 or fp32, not {config.precision!r}"
            )
        return config


class Lesson:
    """Sentences, as words, and the teacher's vectors of them, `N, D`, of length one."""

    def __init__(self, texts: Sequence[str], vectors_ND: Tensor, longest: int) -> None:
        assert len(texts) == len(vectors_ND), "a vector is missing or too many"
        self.words = [
            [sys.intern(word) for word in words_of(text)[:longest]] or [EMPTY] for text in texts
        ]
        self.vectors_ND = vectors_ND


def targets_of(
    vectors_NE: NDArray[np.float32], kinds_N: NDArray[np.bool_], dimensions: int
) -> NDArray[np.float32]:
    """The teacher's vectors made `N, D` for a student: centred, in their main directions.

    A teacher's vectors lie in a narrow cone, and questions (`kinds_N`) apart from sentences: the
    mean of each is taken away. The directions are the principal ones of the sentences.
    """
    centred_NE = vectors_NE.copy()
    for kind in (False, True):
        if (kinds_N == kind).any():
            centred_NE[kinds_N == kind] -= vectors_NE[kinds_N == kind].mean(0)
    sentences = centred_NE[~kinds_N] if (~kinds_N).any() else centred_NE
    _, directions = np.linalg.eigh(sentences.T @ sentences)
    turned_ND = centred_NE @ directions[:, ::-1][:, :dimensions]
    lengths_N1 = np.linalg.norm(turned_ND, axis=1, keepdims=True)
    return np.asarray(turned_ND / np.maximum(lengths_N1, 1e-9), np.float32)


def begin_table(
    encoder: SentenceEncoder, rows: WordRows, words: Sequence[str], vectors_ND: Tensor
) -> None:
    """Put the teacher's vectors of single words into the table, as far as they have a row.

    Its first dimensions alone, if a row is shorter: they are the main ones.
    """
    known = {word: row for row, word in enumerate(rows.words)}
    width = encoder.config.word_width
    with torch.no_grad():
        for word, vector_D in zip(words, vectors_ND, strict=True):
            if (row := known.get(word)) is not None:
                encoder.table.weight[row, : len(vector_D)] = vector_D[:width]


def train(
    encoder: SentenceEncoder,
    rows: WordRows,
    lesson: Lesson,
    config: SentenceTraining,
    *,
    report: Report = lambda line: None,
) -> None:
    """Train an encoder in place, where it is.

    What is told is the mean of one less the cosine to the teacher, on what is learned from.
    Raises FloatingPointError for a loss that is not finite.
    """
    rng = random.Random(config.seed)
    torch.manual_seed(config.seed)
    encoder.table.sparse = True  # a step touches few of its rows
    inner = [p for p in encoder.parameters() if p is not encoder.table.weight]
    optimizers: list[tuple[torch.optim.Optimizer, float]] = [
        (torch.optim.SparseAdam([encoder.table.weight], lr=config.table_lr), config.table_lr),
        (torch.optim.AdamW(inner, lr=config.lr, weight_decay=config.weight_decay), config.lr),
    ]
    autocast = autocast_for(encoder.device, config.precision)
    distances: list[Tensor] = []
    began = time.monotonic()
    encoder.train()
    batches = _batches(lesson, config, rng)
    for step in range(config.steps):
        chosen = next(batches)
        read = [
            [rows.rows(word, parts=rng.random() < config.parts) for word in lesson.words[n]]
            for n in chosen
        ]
        theirs_BD = lesson.vectors_ND[chosen].to(encoder.device, torch.float32)
        with autocast():
            ours_BD = encoder(sentences_of(read).to(encoder.device))
        distance = (1 - (ours_BD * theirs_BD).sum(1)).mean()
        loss = distance + config.likeness * unlikeness(ours_BD, theirs_BD, config.temperature)
        loss.backward()
        nn.utils.clip_grad_norm_(inner, config.clip)
        for optimizer, rate in optimizers:
            optimizer.param_groups[0]["lr"] = rate * lr_factor(step, config)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        distances.append(distance.detach())
        if (step + 1) % config.report_every == 0 or step + 1 == config.steps:
            seconds = round(time.monotonic() - began, 1)
            mean = mean_of(distances, step + 1)
            report({"step": step + 1, "seconds": seconds, "distance": round(mean, 4)})
            distances.clear()
    encoder.table.sparse = False
    encoder.eval()


def unlikeness(ours_BD: Tensor, theirs_BD: Tensor, temperature: float) -> Tensor:
    """How far the student's neighbours in a batch are from the teacher's, in nats a sentence.

    The Kullback-Leibler divergence of the shares that the others have in a softmax over cosines.
    """
    itself = torch.eye(len(ours_BD), dtype=torch.bool, device=ours_BD.device)
    ours_BB = (ours_BD @ ours_BD.T / temperature).masked_fill(itself, -1e4).log_softmax(1)
    theirs_BB = (theirs_BD @ theirs_BD.T / temperature).masked_fill(itself, -1e4).log_softmax(1)
    return functional.kl_div(ours_BB, theirs_BB, log_target=True, reduction="batchmean")


def _batches(lesson: Lesson, config: SentenceTraining, rng: random.Random) -> Iterator[list[int]]:
    """Batches without end; each sentence once before any twice.

    A batch holds sentences that the teacher finds alike: among those that have nothing to do with
    one another there is little to learn about what is nearer. They are parted again and again by
    the direction from one of them to another, drawn at random.
    """
    words, vectors_ND = lesson.words, lesson.vectors_ND.float()
    while True:
        order = list(range(len(words)))
        rng.shuffle(order)
        found: list[list[int]] = []
        for at in range(0, len(order), _STRETCH):
            groups = [order[at : at + _STRETCH]]
            while groups:
                group = groups.pop()
                if len(group) <= config.most:
                    found += _within(group, words, config.words)
                    continue
                one, other = rng.sample(group, 2)
                along = (vectors_ND[group] @ (vectors_ND[one] - vectors_ND[other])).argsort()
                parted = [group[number] for number in along.tolist()]
                groups += [parted[: len(parted) // 2], parted[len(parted) // 2 :]]
        rng.shuffle(found)
        yield from found


def _within(group: Sequence[int], words: Sequence[Sequence[str]], most: int) -> list[list[int]]:
    """A group in batches of at most so many words with what fills up shorter sentences.

    None has one sentence alone, unless there is but one.
    """
    batches: list[list[int]] = [[]]
    for number in sorted(group, key=lambda number: len(words[number])):
        if len(batches[-1]) > 1 and (len(batches[-1]) + 1) * len(words[number]) > most:
            batches.append([])
        batches[-1].append(number)
    if len(batches) > 1 and len(batches[-1]) == 1:
        alone = batches.pop()
        batches[-1] += alone
    return batches
