"""A student's loss beside its teacher, against the definition."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.architectures.research import Research, ResearchConfig
from litteragpt.mixing.mixture import Mixture, evenly
from litteragpt.training.distil import Distilled

SHAPE: dict[str, Any] = {
    "vocab_size": 11,
    "context": 8,
    "layers": 1,
    "width": 8,
    "heads": 2,
    "hidden": 12,
}


def decoder(seed: int) -> Decoder:
    torch.manual_seed(seed)
    model = Decoder(DecoderConfig(**SHAPE))
    model.initialise()
    nn.init.normal_(model.head.weight)
    return model


def test_the_loss_is_the_mean_of_both_cross_entropies() -> None:
    student, first, second = decoder(1), decoder(2), decoder(3)
    inputs_BT = torch.randint(11, (2, 6))
    targets_BT = torch.randint(11, (2, 6))
    targets_BT[0, 4:] = -100
    loss, nats = Distilled(student, Mixture([first, second], evenly), 0.3)(inputs_BT, targets_BT)
    p_student = student(inputs_BT)[0].softmax(-1)
    p_teacher = (first(inputs_BT)[0].softmax(-1) + second(inputs_BT)[0].softmax(-1)) / 2
    hard = soft = 0.0
    for row, position in (targets_BT != -100).nonzero().tolist():
        q = p_student[row, position]
        hard -= q[targets_BT[row, position]].log().item()
        soft -= (p_teacher[row, position] * q.log()).sum().item()
    assert nats.item() == pytest.approx(hard, rel=1e-5)
    assert loss.item() == pytest.approx(0.7 * hard + 0.3 * soft, rel=1e-5)
    loss.backward()
    assert student.head.weight.grad is not None
    assert first.head.weight.grad is None


def test_a_student_that_agrees_with_its_teacher_has_nothing_to_learn_from_it() -> None:
    student = decoder(1)
    ids = torch.randint(11, (2, 6))
    loss, _ = Distilled(student, decoder(1), 1.0)(ids, ids)
    loss.backward()
    assert student.head.weight.grad is not None
    assert student.head.weight.grad.abs().max() < 1e-4


def test_a_student_with_a_loss_of_its_own_is_refused() -> None:
    student = Research(ResearchConfig(**SHAPE))
    with pytest.raises(ValueError, match="loss of its own"):
        Distilled(student, decoder(1), 0.5)
