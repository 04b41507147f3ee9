"""Which optimiser has which parameters, and what decays."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.architectures.original import Original, OriginalConfig
from litteragpt.recipe import TrainingConfig
from litteragpt.training.optim import Optimizers

DECODER = DecoderConfig(vocab_size=7, context=8, layers=2, width=8, heads=2, hidden=12)
ORIGINAL = OriginalConfig(vocab_size=7, context=8, layers=2, width=8, heads=2)


def config(**changes: Any) -> TrainingConfig:
    figures: dict[str, Any] = {"steps": 100, "batch": 8, "window": 8, "long_window": 8}
    return TrainingConfig(**figures | changes)


def after_a_step(model: nn.Module, gradient: float, **changes: Any) -> Optimizers:
    """All weights one, all gradients the same; one update at the whole learning rate."""
    for parameter in model.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.full_like(parameter, gradient)
    optimizers = Optimizers(model, config(**changes))
    optimizers.step(1.0)
    return optimizers


def test_muon_has_the_matrices_inside_the_blocks() -> None:
    model = Decoder(DECODER)
    fields = after_a_step(model, 1.0).state()
    muon = {key.rsplit("/", 1)[0] for key in fields if key.endswith("/momentum_buffer")}
    adam = {key.rsplit("/", 1)[0] for key in fields if key.endswith("/exp_avg")}
    inner = {n for n, p in model.named_parameters() if n.startswith("blocks.") and p.ndim == 2}
    assert muon == inner
    assert adam == dict(model.named_parameters()).keys() - inner


@pytest.mark.parametrize("model", [Decoder(DECODER), Original(ORIGINAL)], ids=["ours", "original"])
def test_adamw_has_all_and_only_embeddings_and_matrices_decay(model: nn.Module) -> None:
    optimizers = after_a_step(model, 0.0, optimizer="adamw", adam_lr=0.1, weight_decay=0.5)
    assert optimizers.base_lr == 0.1
    assert {key.rsplit("/", 1)[1] for key in optimizers.state()} == {
        "step",
        "exp_avg",
        "exp_avg_sq",
    }
    for name, parameter in model.named_parameters():
        expected = 0.95 if parameter.ndim == 2 else 1.0
        assert torch.allclose(parameter, torch.tensor(expected)), name


def test_a_state_goes_on_exactly() -> None:
    models = [Original(ORIGINAL), Original(ORIGINAL)]
    first = after_a_step(models[0], 0.3, optimizer="adamw")
    second = Optimizers(models[1], config(optimizer="adamw"))
    models[1].load_state_dict(models[0].state_dict())
    second.load_state({key: value.clone() for key, value in first.state().items()})
    for model, optimizers in zip(models, (first, second), strict=True):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, -0.2)
        optimizers.step(0.5)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(ValueError, match="optimizer must be muon or adamw, not 'sgd'"):
        config(optimizer="sgd", warmup_steps=0).validate()
