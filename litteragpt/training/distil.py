"""What a student learns from: the text, and what its teachers think of it (Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.architectures.base import LanguageModule, summed_nats
from litteragpt.checkpoint import load_checkpoint, resolve
from litteragpt.mixing.mixture import Mixture, evenly
from litteragpt.protocols import Tokenizer


class Distilled:
    """The loss of a student beside a teacher, both over one vocabulary."""

    def __init__(self, student: LanguageModule[Any], teacher: nn.Module, share: float) -> None:
        """`share` of the loss is cross entropy with the teacher's probabilities.

        Raises `ValueError` for a student with a loss of its own: one that learns from more than
        the next token.
        """
        if type(student).loss is not LanguageModule.loss:
            raise ValueError("a model with a loss of its own cannot have teachers")
        self.student, self.teacher, self.share = student, teacher, share

    def __call__(self, inputs_BT: Tensor, targets_BT: Tensor) -> tuple[Tensor, Tensor]:
        """See `LanguageModule.loss`; the nats are those of the text alone."""
        with torch.no_grad():
            teacher_BTV = self.teacher(inputs_BT)[0].float().softmax(-1)
        logits_BTV = self.student(inputs_BT)[0].float()
        nats = summed_nats(logits_BTV, targets_BT)
        # Logits are B, T, V; the library wants classes second.
        differences_BT = functional.cross_entropy(
            logits_BTV.transpose(1, 2), teacher_BTV.transpose(1, 2), reduction="none"
        )
        taught = (differences_BT * (targets_BT != -100)).sum()
        return (1 - self.share) * nats + self.share * taught, nats


def load_teachers(
    names: Sequence[str | Path], tokenizer: Tokenizer, device: torch.device
) -> Mixture:
    """The checkpoints as one model, the mean of their probabilities.

    Raises `ValueError` for one that is not there, or that has another tokenizer.
    """
    models = []
    for name in names:
        loaded = load_checkpoint(resolve(name))
        if loaded.tokenizer != tokenizer:
            raise ValueError(f"the teacher {name} has another tokenizer than the corpus")
        models.append(loaded.model)
    teacher = Mixture(models, evenly).to(device)
    return teacher.requires_grad_(False)
