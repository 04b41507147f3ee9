"""What stands in the way of a compiler is told before it is started."""

from __future__ import annotations

import shutil
import sysconfig
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch

from litteragpt import precision
from litteragpt.precision import obstacle_to_compiling


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has everything."""
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda program: f"/bin/{program}")
    monkeypatch.setattr(precision, "find_spec", lambda name: ModuleSpec(name, None))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))


@pytest.mark.usefixtures("whole")
def test_a_machine_that_has_everything_compiles() -> None:
    assert obstacle_to_compiling(torch.device("cpu")) is None
    assert obstacle_to_compiling(torch.device("cuda")) is None
    assert obstacle_to_compiling(torch.device("mps")) == "not used on mps"


@pytest.mark.usefixtures("whole")
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [torch.device(kind) for kind in ("cpu", "cuda")]
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "which", lambda program: None)
        assert [obstacle_to_compiling(device) for device in devices] == [
            "no C++ compiler is installed",
            "no C compiler is installed",
        ]
    with monkeypatch.context() as patch:
        patch.setattr(sysconfig, "get_path", lambda name: "/nowhere")
        for device in devices:
            assert obstacle_to_compiling(device) == "Python's C headers are not installed"
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
        assert obstacle_to_compiling(devices[1]) == "the GPU is older than Triton knows"
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    assert obstacle_to_compiling(devices[1]) == "Triton is not installed"
    assert obstacle_to_compiling(devices[0]) is None
