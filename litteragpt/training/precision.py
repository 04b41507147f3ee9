"""What a device can do: which device, which precision, whether a compiler is at hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch


def pick_device(name: str = "auto") -> torch.device:
    """The device of this name; `auto` is the best one there is.

    Raises `ValueError` for a device that this machine lacks.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu, cuda or mps, not {name!r}") from error
    if not available.get(device.type, False):
        raise ValueError(f"this machine has no {device.type} device")
    return device


def autocast_for(device: torch.device, precision: str) -> Callable[[], AbstractContextManager[Any]]:
    """A maker of contexts in which matrices multiply in `precision` (`auto`, `bf16`, `fp32`)."""
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(device) else "fp32"
    if precision == "fp32":
        return nullcontext
    return partial(torch.autocast, device.type, dtype=torch.bfloat16)


def obstacle_to_compiling(device: torch.device) -> str | None:
    """Why `torch.compile` cannot work on this device; None where it can."""
    if device.type == "cuda":
        return None if find_spec("triton") else "Triton is not installed"
    if device.type != "cpu":
        return f"not used on {device.type}"
    compilers = (os.environ.get("CXX", "g++"), "g++", "clang++")
    return None if any(map(shutil.which, compilers)) else "no C++ compiler is installed"


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        features = torch.backends.cpu.get_cpu_capability()
        flags = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
        return "AVX512" in features and bool(flags)
    return False
