"""The state of a run on disk: all that is needed to go on as if it had never stopped.

One safetensors file, replaced atomically: the parameters, their moving average and the
optimisers' tensors, the losses not yet in the curve, with the step in the header. What is random
in training is a function of the seed and the step, so no generator needs saving.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from litteragpt.training.optim import MovingAverage, Optimizers


def save_state(
    path: Path,
    step: int,
    model: nn.Module,
    optimizers: Optimizers,
    average: MovingAverage | None,
    losses: Sequence[Tensor],
) -> None:
    """Write the state after `step` steps; `losses` are those since the curve's last line."""
    tensors: dict[str, Tensor] = {f"model/{n}": p for n, p in model.named_parameters()}
    tensors |= {f"optimizer/{key}": value for key, value in optimizers.state().items()}
    if average is not None:
        names = (name for name, _ in model.named_parameters())
        tensors |= {f"average/{n}": v for n, v in zip(names, average.values, strict=True)}
    if losses:
        tensors["losses"] = torch.stack(list(losses))
    temporary = path.with_suffix(".tmp")
    save_file(
        {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
        temporary,
        {"step": str(step)},
    )
    os.replace(temporary, path)


def load_state(
    path: Path, model: nn.Module, optimizers: Optimizers, average: MovingAverage | None
) -> tuple[int, list[Tensor]]:
    """Take up a saved state: the number of steps it has behind it, and the pending losses.

    Raises `ValueError` where the file is no state of this recipe's model.
    """
    try:
        with safe_open(path, "pt") as file:
            step = int(file.metadata()["step"])
            tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        named = dict(model.named_parameters())
        for name, parameter in named.items():
            parameter.data.copy_(tensors[f"model/{name}"])
        if average is not None:
            for name, value in zip(named, average.values, strict=True):
                value.copy_(tensors[f"average/{name}"])
        optimizers.load_state(
            {
                key.removeprefix("optimizer/"): value
                for key, value in tensors.items()
                if key.startswith("optimizer/")
            }
        )
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path} is no saved state of this recipe: {error}") from error
    return step, list(tensors["losses"].unbind()) if "losses" in tensors else []
