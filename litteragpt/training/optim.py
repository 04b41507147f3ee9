"""Muon for the matrices inside a decoder's blocks, AdamW for everything else or for all.

Sources: Jordan et al. 2024 (Muon, `litteragpt.training.muon`), Loshchilov & Hutter 2019 (AdamW).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from litteragpt.recipe import TrainingConfig
from litteragpt.training.muon import Muon


class Optimizers:
    """The two optimisers of a model as one; its state is a flat table of tensors."""

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        self._names: dict[Tensor, str] = {p: name for name, p in model.named_parameters()}
        inner = [
            p
            for n, p in model.named_parameters()
            if config.optimizer == "muon" and p.ndim == 2 and n.startswith("blocks.")
        ]
        chosen = set(inner)
        outer = [p for p in model.parameters() if p not in chosen]
        self._optimizers: list[torch.optim.Optimizer] = []
        if inner:
            self._optimizers.append(
                Muon(
                    inner,
                    lr=config.muon_lr,
                    momentum=config.muon_momentum,
                    weight_decay=config.weight_decay,
                )
            )
        # Where Muon has the matrices, what is left for AdamW are embeddings and gains.
        decays = [p for p in outer if p.ndim >= 2 and not inner]
        decayed = set(decays)
        groups = [
            {"params": decays, "weight_decay": config.weight_decay},
            {"params": [p for p in outer if p not in decayed], "weight_decay": 0.0},
        ]
        self._optimizers.append(
            torch.optim.AdamW(
                [group for group in groups if group["params"]],
                lr=config.adam_lr,
                betas=(config.adam_beta1, config.adam_beta2),
            )
        )
        self.base_lr: float = config.muon_lr if inner else config.adam_lr
        """The learning rate that a curve shows, before the schedule."""
        self._base_lrs = [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def step(self, lr_factor: float) -> None:
        """One update at `lr_factor` times the base learning rates; gradients are cleared."""
        for optimizer, base_lr in zip(self._optimizers, self._base_lrs, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base_lr * lr_factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """`parameter/field` to tensor: what `load_state` needs to go on exactly."""
        return {
            f"{self._names[parameter]}/{field}": value
            for optimizer in self._optimizers
            for parameter, fields in optimizer.state.items()
            for field, value in fields.items()
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take up a state written by `state`."""
        fields_of: dict[str, dict[str, Tensor]] = {}
        for key, value in state.items():
            name, field = key.rsplit("/", 1)
            fields_of.setdefault(name, {})[field] = value
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    fields = fields_of[self._names[parameter]]
                    optimizer.state[parameter] = {
                        field: value.clone() if field == "step" else value.to(parameter.device)
                        for field, value in fields.items()
                    }


class MovingAverage:
    """An exponential moving average of a model's parameters (Polyak averaging)."""

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self._decay = decay
        self.values = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self, parameters: Sequence[Tensor], step: int) -> None:
        """Take in the parameters after a step; early on, the average is over the steps so far."""
        decay = min(self._decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(self.values, list(parameters), 1.0 - decay)
