"""What a device can do: which device, which precision, whether a compiler is at hand."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
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
    """Why `torch.compile` cannot work on this device; None where it can.

    Both compilers build small programs: on CUDA Triton's launchers, on a CPU the kernels.
    """
    if device.type not in ("cpu", "cuda"):
        return f"not used on {device.type}"
    if device.type == "cuda":
        if not find_spec("triton"):
            return "Triton is not installed"
        if torch.cuda.get_device_capability(device) < (7, 0):
            return "the GPU is older than Triton knows"
        if not _any_of(os.environ.get("CC", "gcc"), "gcc", "clang"):
            return "no C compiler is installed"
    elif not _any_of(os.environ.get("CXX", "g++"), "g++", "clang++"):
        return "no C++ compiler is installed"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "Python's C headers are not installed"
    return None


def _any_of(*programs: str) -> bool:
    """Whether one of these can be started."""
    return any(map(shutil.which, programs))


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        features = torch.backends.cpu.get_cpu_capability()
        flags = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
        return "AVX512" in features and bool(flags)
    return False
