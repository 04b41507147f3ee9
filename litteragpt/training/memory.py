"""Memory for training on a CPU: kept, and in large pages.

A step takes and frees hundreds of megabytes. The C library gives large blocks back to the system,
which then hands out fresh pages, each cleared and mapped anew. What this is worth: `models/LOG.md`,
and `benchmarks/train.py` with and without `--plain-memory`.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Names of settings in glibc's malloc.h."""
_LARGE_PAGES: Final = "THP_MEM_ALLOC_ENABLE"
"""PyTorch reads it when it first takes memory for a tensor."""


def keep_memory() -> bool:
    """For the rest of the process: freed memory is kept, and tensors ask for large pages.

    Gives whether the C library took it: glibc on Linux alone does. What the environment says about
    large pages stays.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    os.environ.setdefault(_LARGE_PAGES, "1")
    library = ctypes.CDLL(None)
    # Both, since setting one ends the library's own adjusting of either.
    taken = [
        library.mallopt(_TRIM_THRESHOLD, ctypes.c_int(2**31 - 1)),
        library.mallopt(_MMAP_THRESHOLD, ctypes.c_int(2**30)),
    ]
    return all(taken)
