"""Passages judged by a cross-encoder of others: a local folder of Hugging Face's layout.

A cross-encoder reads question and passage together and gives the odds that the one answers the
other (Nogueira and Cho 2019, "Passage Re-ranking with BERT"). The index compares words; a model
that has learned from many questions also knows which other words mean the same.

Shapes: P passages, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from litteragpt.answers.reader import PassageReader
from litteragpt.answers.vocabulary import Floats
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import CROSS_ENCODERS, read_folder
from litteragpt.huggingface.load import load_theirs

KIND: Final = "AutoModelForSequenceClassification"
LONGEST: Final = 512
"""Tokens of question and passage together at most, even where a model knows more."""
MARGIN: Final = 2
"""Positions that models after RoBERTa count and cannot use."""
LEAST: Final = 16
"""Tokens that a model must be able to read."""
BATCH: Final = 8
"""Passages that are read at once."""
MAX_QUESTION: Final = 1_000
"""Characters of a question; the rest is not read."""


class CrossEncoder:
    """A reranker: `litteragpt.answers.index.Reranker`."""

    def __init__(self, theirs: Any, tokenizer: Any, context: int, *, name: str) -> None:
        """Of a model with one class, or two of which the second says that they fit.

        Raises ValueError for another number of classes, or where too little can be read.
        """
        classes = int(theirs.config.num_labels)
        if classes not in (1, 2):
            raise ValueError(f"it has {classes} classes where a cross-encoder has one or two")
        self._longest = min(context - MARGIN, LONGEST)
        if self._longest < LEAST:
            raise ValueError(f"it reads {context} tokens, fewer than {LEAST + MARGIN}")
        self._theirs = theirs.eval()
        self._tokenizer = tokenizer
        self.name = name
        self.reader: PassageReader | None = None

    @property
    def threshold(self) -> None:
        """That of the index."""
        return None

    def judge(
        self, question: str, passages: Sequence[str], scores_P: Floats, log_odds_P: Floats
    ) -> tuple[Floats, Floats]:
        """See `Reranker`: its log-odds are added to the score; those given are the mean of both."""
        mine_P = np.asarray(self(question, passages), np.float32)
        return scores_P + mine_P, 0.5 * (log_odds_P + mine_P)

    def __call__(self, question: str, passages: Sequence[str]) -> list[float]:
        """For each passage the logarithm of the odds that it answers the question.

        Of what is too long for the model, the ends of the longer text are not read. Raises
        ValueError where the model fails or gives no finite score.
        """
        order = sorted(range(len(passages)), key=lambda number: len(passages[number]))
        found = [0.0] * len(passages)
        for at in range(0, len(order), BATCH):
            chosen = order[at : at + BATCH]
            with as_value_error(f"{self.name} cannot be used"):
                odds_P = self._log_odds(question[:MAX_QUESTION], [passages[k] for k in chosen])
            for number, odds in zip(chosen, odds_P.tolist(), strict=True):
                if not math.isfinite(odds):
                    raise ValueError(f"{self.name} gives a score that is not finite")
                found[number] = odds
        return found

    @torch.inference_mode()
    def _log_odds(self, question: str, passages: Sequence[str]) -> Tensor:
        read = self._tokenizer(
            [question] * len(passages),
            list(passages),
            truncation="longest_first",
            max_length=self._longest,
            padding=True,
            return_tensors="pt",
        )
        scores_PK: Tensor = self._theirs(**read).logits.float()
        if scores_PK.shape[1] == 1:
            return scores_PK[:, 0]
        return scores_PK[:, 1] - scores_PK[:, 0]


def load_cross_encoder(folder: Path) -> CrossEncoder:
    """The cross-encoder of a folder. Raises ValueError for whatever is wrong with it."""
    read = read_folder(folder, CROSS_ENCODERS)
    theirs, tokenizer = load_theirs(read, KIND)
    with as_value_error(f"{read.path} cannot be used"):
        encoder = CrossEncoder(theirs, tokenizer, read.context, name=read.path.name)
        encoder("a", ["b", "c d"])  # what it cannot do is told now, and not at the first question
    return encoder
