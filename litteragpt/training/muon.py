"""Muon for all matrices of a shape at once.

`torch.optim.Muon` takes one matrix after another, some 25 small operations each: on a GPU a model
of 20 million parameters waits for a thousand launches a step. Here the matrices of one shape are
orthogonalised together, as a batch. The update is the same (Jordan et al. 2024): Nesterov
momentum, five Newton-Schulz steps in bf16, times the root of rows over columns where rows are more.

Shapes: N matrices of R rows and C columns.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


class Muon(torch.optim.Optimizer):
    """For matrices alone; its state is each one's `momentum_buffer`, as the library's."""

    def __init__(
        self, matrices: Iterable[Tensor], *, lr: float, momentum: float, weight_decay: float
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(list(matrices), defaults)
        assert all(p.ndim == 2 for group in self.param_groups for p in group["params"])

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all matrices that have a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    shapes.setdefault(matrix.shape, []).append(matrix)
            for (rows, columns), matrices in shapes.items():
                updates = self._momentum(matrices, group["momentum"])
                updates_NRC = orthogonalised(torch.stack(updates)).to(matrices[0].dtype)
                scale = max(1.0, rows / columns) ** 0.5
                torch._foreach_mul_(matrices, 1.0 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(matrices, updates_NRC.unbind(), alpha=-group["lr"] * scale)

    def _momentum(self, matrices: list[Tensor], momentum: float) -> tuple[Tensor, ...]:
        """Take the gradients into their averages; the gradients, drawn towards these (Nesterov)."""
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        averages = []
        for matrix in matrices:
            state = self.state[matrix]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(matrix)
            averages.append(state["momentum_buffer"])
        torch._foreach_lerp_(averages, gradients, 1.0 - momentum)
        return torch._foreach_lerp(gradients, averages, momentum)


def orthogonalised(x_NRC: Tensor) -> Tensor:
    """Near to `U V'` of each matrix `U S V'`, in bf16: singular values between 0.7 and 1.2."""
    a, b, c = _COEFFICIENTS
    y = x_NRC.bfloat16()
    tall = y.shape[1] > y.shape[2]
    if tall:
        y = y.transpose(1, 2)
    y = y / torch.linalg.vector_norm(y, dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_STEPS):
        gram = y @ y.transpose(1, 2)
        y = torch.baddbmm(y, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), y, beta=a)
    return y.transpose(1, 2) if tall else y
