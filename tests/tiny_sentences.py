"""A tiny sentence encoder that has learned that one question and one passage mean the same."""

from __future__ import annotations

from pathlib import Path

import torch

from litteragpt.answers.encoder_folder import save_folder
from litteragpt.answers.meaning import Judgement
from litteragpt.answers.words import WordRows, words_of
from litteragpt.architectures.sentence_encoder import SentenceEncoder, SentenceEncoderConfig
from litteragpt.training.sentences import Lesson, SentenceTraining, train
from tests.tiny_cross_encoder import QUESTION, RIGHT, WRONG

JUDGEMENT = Judgement(0.1, (20.0, 0.0, 0.0, 0.0), (0.1, 8.0, 0.0, 0.0, 0.0, -2.0), 0.4)
CARD = "# tiny\n\nLearned from three sentences.\n"


def tiny_encoder(*, steps: int = 60, width: int = 16) -> tuple[SentenceEncoder, WordRows]:
    """Trained on three sentences; its words are those of two of them."""
    words = list(dict.fromkeys(["?", *words_of(QUESTION), *words_of(RIGHT)]))
    config = SentenceEncoderConfig(
        words=len(words),
        grams=64,
        word_width=width,
        dimensions=8,
        longest=24,
        layers=1,
        width=width,
        heads=2,
        hidden=24,
    )
    torch.manual_seed(0)
    encoder, rows = SentenceEncoder(config), WordRows(words, config.grams, config.longest)
    encoder.initialise()
    texts = [QUESTION, RIGHT, WRONG] * 4
    targets_ND = torch.eye(8)[[0, 0, 1] * 4]
    training = SentenceTraining(
        steps=steps, most=12, lr=1e-2, table_lr=3e-2, precision="fp32", likeness=0.0
    )
    train(encoder, rows, Lesson(texts, targets_ND, config.longest), training)
    return encoder, rows


def save_encoder(folder: Path) -> Path:
    """Write a checkpoint folder of one."""
    encoder, rows = tiny_encoder()
    save_folder(
        folder, encoder=encoder, rows=rows, judgement=JUDGEMENT, training={"steps": 60}, card=CARD
    )
    return folder
