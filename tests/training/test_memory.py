"""Kept memory: a large block that was freed is not given back to the system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, sys
import torch
from litteragpt.training.memory import keep_memory

assert sys.argv[1] == "plain" or keep_memory()
torch.zeros(64, 1024, 1024)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(32):
    torch.empty(16, 1024, 1024).fill_(1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """New pages for 2 GB, taken and freed in 32 blocks."""
    command = [sys.executable, "-c", COUNT, how]
    unset = {k: v for k, v in os.environ.items() if k != "THP_MEM_ALLOC_ENABLE"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=unset)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone can be told so")
def test_freed_memory_is_used_again() -> None:
    # Half a million small pages, or a thousand large ones, where every block is new.
    assert faults("kept") < faults("plain") / 10
