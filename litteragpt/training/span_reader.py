"""A span reader trained beside a sentence encoder, whose weights stay as they are."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from litteragpt.answers.fit import target_of
from litteragpt.answers.neural_reader import Prepared, joined, prepare, reader_config, scores_of
from litteragpt.answers.sets import Question
from litteragpt.answers.words import WordRows
from litteragpt.architectures.sentence_encoder import SentenceEncoder
from litteragpt.architectures.span_reader import SpanReader
from litteragpt.bounds import check_range, check_whole
from litteragpt.tables import from_table
from litteragpt.training.tagging import Report

_WORDS: Final = 400
"""Words of a passage that are learned from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderTraining:
    """How a span reader learns, and its shape."""

    epochs: int = 12
    batch: int = 16
    lr: float = 3e-3
    weight_decay: float = 0.01
    clip: float = 5.0
    width: int = 96
    layers: int = 2
    kernel: int = 5
    dropout: float = 0.3
    seed: int = 1

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> ReaderTraining:
        """From a recipe. Raises ValueError for a figure out of bounds."""
        config = from_table(cls, table, "reader")
        check_whole("reader.epochs", config.epochs, 1, 10_000)
        check_whole("reader.batch", config.batch, 1, 10_000)
        check_range("reader.lr", config.lr, 0.0, 1.0)
        check_range("reader.weight_decay", config.weight_decay, 0.0, 100.0)
        check_range("reader.clip", config.clip, 1e-6, 1e6)
        config.new(1, 1).config.validate()
        return config

    def new(self, row_width: int, dimensions: int) -> SpanReader:
        """A reader of this shape."""
        shape = reader_config(
            width=self.width, layers=self.layers, kernel=self.kernel, dropout=self.dropout
        )
        return SpanReader(shape, row_width, dimensions)


def train_reader(
    encoder: SentenceEncoder,
    rows: WordRows,
    questions: Sequence[Question],
    passages: Sequence[str],
    config: ReaderTraining,
    *,
    report: Report = lambda line: None,
) -> SpanReader:
    """A reader for an encoder, on the CPU, from the questions whose answer stands in the passage.

    Raises ValueError where there is none. What is told is the mean cross-entropy of the spans, in
    nats, on what is learned from.
    """
    lessons: list[tuple[Prepared, int]] = []
    for question in questions:
        text = passages[question.passage]
        prepared = prepare(encoder, rows, question.text, text, most=_WORDS)
        target = target_of(prepared.reading, question.spans) if prepared is not None else None
        if prepared is not None and target is not None:
            lessons.append((prepared, target))
    if not lessons:
        raise ValueError("no question's answer stands in its passage")
    torch.manual_seed(config.seed)
    rng = random.Random(config.seed)
    reader = config.new(encoder.config.word_width, encoder.config.dimensions)
    figures_NF = torch.cat([each.figures_TF for each, _ in lessons])
    reader.initialise(figures_NF.mean(0), figures_NF.std(0) + 1e-3)
    optimizer = torch.optim.AdamW(
        reader.parameters(), lr=config.lr, weight_decay=config.weight_decay
    )
    steps = config.epochs * -(-len(lessons) // config.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    reader.train()
    for epoch in range(config.epochs):
        rng.shuffle(lessons)
        total = 0.0
        for at in range(0, len(lessons), config.batch):
            given = [each for each, _ in lessons[at : at + config.batch]]
            scores = scores_of(reader(joined(given)), given)
            losses = [
                functional.cross_entropy(scores_TL.reshape(1, -1), torch.tensor([target]))
                for scores_TL, (_, target) in zip(
                    scores, lessons[at : at + config.batch], strict=True
                )
            ]
            optimizer.zero_grad()
            loss = torch.stack(losses).mean()
            loss.backward()
            clip_grad_norm_(reader.parameters(), config.clip)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(given)
        report({"epoch": epoch + 1, "loss": round(total / len(lessons), 4)})
    return reader.eval()
