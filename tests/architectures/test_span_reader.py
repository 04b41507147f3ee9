"""The span reader: spans scored at once are those scored one by one, alone or together."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from litteragpt.architectures.span_reader import (
    Passages,
    SpanReader,
    SpanReaderConfig,
    score_spans,
)

CONFIG = SpanReaderConfig(figures=5, kinds=3, lengths=4, words=6, question=8, width=12)


def test_spans_are_scored_as_written_out() -> None:
    torch.manual_seed(0)
    starts, ends, inside = torch.randn(3, 9)
    lengths = torch.randn(4)
    sentence = torch.tensor([0.0, 0, 0, 1, 1, 2, 2, 2, 2])
    found = score_spans(starts, ends, inside, lengths, sentence)
    assert found.shape == (9, 4)
    for first in range(9):
        for more in range(4):
            last = first + more
            if last >= 9 or sentence[first] != sentence[last]:
                assert found[first, more] == -torch.inf
                continue
            expected = starts[first] + ends[last] + inside[first : last + 1].sum() + lengths[more]
            assert float(found[first, more]) == pytest.approx(float(expected), abs=1e-5)


def passages(words: list[int], asked: list[int]) -> Passages:
    torch.manual_seed(1)
    B, T, Q = len(words), max(words), max(asked)
    there_BT = torch.arange(T) < torch.tensor(words)[:, None]
    asked_there_BQ = torch.arange(Q) < torch.tensor(asked)[:, None]
    return Passages(
        torch.randn(B, T, 5),
        torch.nn.functional.normalize(torch.randn(B, T, 7), dim=2),
        there_BT,
        torch.nn.functional.normalize(torch.randn(B, 3), dim=1),
        torch.nn.functional.normalize(torch.randn(B, Q, 7), dim=2),
        asked_there_BQ,
        torch.arange(B) % 3,
    )


def test_what_fills_up_a_batch_says_nothing() -> None:
    reader = SpanReader(CONFIG, 7, 3).eval()
    words, asked = [9, 2, 5], [1, 6, 3]
    together = passages(words, asked)
    with torch.inference_mode():
        said = reader(together)
        for row, (T, Q) in enumerate(zip(words, asked, strict=True)):
            cuts: dict[str, Any] = {"figures_BTF": T, "rows_BTE": T, "there_BT": T}
            cuts |= {"asked_BQE": Q, "asked_there_BQ": Q}
            alone = reader(
                Passages(
                    **{
                        field.name: (
                            value[row : row + 1, : cuts[field.name]]
                            if field.name in cuts
                            else value[row : row + 1]
                        )
                        for field in dataclasses.fields(Passages)
                        for value in (getattr(together, field.name),)
                    }
                )
            )
            for field in ("starts_BT", "ends_BT", "inside_BT"):
                mine, theirs = getattr(said, field)[row, :T], getattr(alone, field)[0]
                torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(said.lengths_BN[row], alone.lengths_BN[0])


def test_at_first_no_span_comes_before_another() -> None:
    reader = SpanReader(CONFIG, 7, 3)
    reader.initialise(torch.full((5,), 2.0), torch.full((5,), 3.0))
    said = reader.eval()(passages([4], [2]))
    for each in (said.starts_BT, said.ends_BT, said.inside_BT, said.lengths_BN):
        assert not each.any()
    assert reader.state_dict()["mean_F"].tolist() == [2.0] * 5, "saved with the weights"


@pytest.mark.parametrize(
    "change", [{"kernel": 4}, {"width": 0}, {"layers": 17}, {"dropout": 1.0}, {"figures": 0}]
)
def test_figures_out_of_bounds_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="reader"):
        SpanReader(dataclasses.replace(CONFIG, **change), 7, 3)
