"""Word vectors to start from, in the file that `floret` writes.

A first line of figures (`rows width hashes seed…`), then a line a row: its number and its values.
The rows are those of `litteragpt.entities.features`: vectors trained with other n-grams are
refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litteragpt.entities.features import HASHES, LONGEST_GRAM, SEED, SHORTEST_GRAM


def read_vectors(path: Path, rows: int, width: int) -> Tensor:
    """`rows, width` of unit variance. Raises ValueError for a file of any other kind."""
    due = (rows, width, SHORTEST_GRAM, LONGEST_GRAM, HASHES, SEED, "<", ">")
    try:
        with path.open(encoding="utf-8") as lines:
            head = lines.readline(1_000).split()
            if head != [str(each) for each in due]:
                raise ValueError(
                    f"{path} must begin with {' '.join(map(str, due))}, not {' '.join(head)[:80]!r}"
                )
            values = np.loadtxt(
                lines, dtype=np.float32, usecols=range(1, width + 1), max_rows=rows, ndmin=2
            )
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    table = torch.from_numpy(values)
    if table.shape != (rows, width) or not torch.isfinite(table).all():
        raise ValueError(f"{path} must hold {rows} rows of {width} finite values")
    return table / table.std()
