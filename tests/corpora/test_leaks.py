from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.corpora import leaks
from litteragpt.corpora.leaks import Overlap, count_overlap


def obvious(held_out: str, training: str, length: int) -> Overlap:
    """The same, letter by letter."""
    starts = [
        held_out[i : i + length] in training for i in range(max(0, len(held_out) - length + 1))
    ]
    covered = {i + j for i, shared in enumerate(starts) if shared for j in range(length)}
    return Overlap(
        length=length,
        positions=sum(starts),
        runs=sum(now and not before for before, now in zip([False, *starts], starts, strict=False)),
        characters=len(covered),
        share=len(covered) / len(held_out) if held_out else 0.0,
    )


@given(st.text("ab€𝄞", max_size=60), st.text("ab€𝄞", max_size=120), st.integers(1, 9))
def test_equals_the_obvious_count(held_out: str, training: str, length: int) -> None:
    assert count_overlap(held_out, training, length) == obvious(held_out, training, length)


@given(st.text("ab", max_size=50), st.text("ab", max_size=50), st.integers(1, 5))
def test_exact_even_if_every_hash_collides(held_out: str, training: str, length: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            leaks,
            "_hashes",
            lambda codes, n: np.zeros(max(len(codes) - n + 1, 0), dtype=np.uint64),
        )
        found = count_overlap(held_out, training, length)
    assert found == obvious(held_out, training, length)


def test_a_known_passage() -> None:
    passage = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo"
    held_out = "x" * 1000 + passage + "y" * 1000
    found = count_overlap(held_out, "z" * 500 + passage + "w" * 500)
    assert (found.positions, found.runs) == (len(passage) - 49, 1)
    assert found.characters == len(passage)
    assert found.share == pytest.approx(len(passage) / len(held_out))


def test_more_than_a_block() -> None:
    text = "".join(chr(97 + i * i % 23) for i in range(70_000))
    found = count_overlap(text, text)
    assert found == Overlap(50, len(text) - 49, 1, len(text), 1.0)


def test_length_is_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        count_overlap("a", "a", 0)
