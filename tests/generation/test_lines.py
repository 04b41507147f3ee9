from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from litteragpt.generation import lines as module
from litteragpt.generation.lines import Lines, sample_lines
from litteragpt.generation.sampling import RowNoise, SamplingConfig
from tests.generation.fakes import bigram, scripted, uniform

V, END = 7, 1


def sample(
    count: int,
    seed: int = 4,
    *,
    temperature: float = 1.3,
    max_tokens: int = 12,
    progress: Callable[[int], None] = lambda done: None,
    cancel: Callable[[], bool] | None = None,
) -> Lines:
    return sample_lines(
        bigram(V),
        [END],
        SamplingConfig(temperature=temperature),
        count=count,
        seed=seed,
        end_id=END,
        max_tokens=max_tokens,
        banned={0},
        progress=progress,
        cancel=cancel,
    )


def rows(lines: Lines) -> list[list[int]]:
    pairs = zip(lines.ids_NT.tolist(), lines.lengths_N.tolist(), strict=True)
    return [ids[:length] for ids, length in pairs]


def test_a_line_is_the_same_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 16)
    many = rows(sample(40))
    for count in (1, 3, 16, 17, 33):
        assert rows(sample(count)) == many[:count]
    assert len({tuple(row) for row in many}) > 20
    assert rows(sample(40, seed=5)) != many
    assert many[:16] != many[16:32], "blocks draw from streams of their own"


def test_lines_end_where_they_end_or_are_cut() -> None:
    lines = sample(60, max_tokens=5)
    assert lines.ids_NT.shape == (60, 5)
    assert 0 < lines.ended_N.sum() < 60
    for row, padded, ended in zip(
        rows(lines), lines.ids_NT.tolist(), lines.ended_N.tolist(), strict=True
    ):
        assert END not in row[:-1]
        assert 0 not in row
        assert ended == (row[-1] == END)
        assert ended or len(row) == 5
        assert padded[len(row) :] == [END] * (5 - len(row))


def test_figures_are_sums_over_a_line() -> None:
    model, lines = bigram(V), sample(20, temperature=1.0)
    for index, row in enumerate(rows(lines)):
        logits_BTV, _ = model(torch.tensor([[END, *row[:-1]]]))
        logprobs_TV = logits_BTV[0].log_softmax(-1)
        chosen = logprobs_TV[torch.arange(len(row)), torch.tensor(row)].sum()
        assert lines.logprobs_N[index].item() == pytest.approx(chosen.item(), abs=1e-4)
        allowed_TV = logprobs_TV[:, 1:].log_softmax(-1)
        entropy = -(allowed_TV.exp() * allowed_TV).sum()
        assert lines.entropies_N[index].item() == pytest.approx(entropy.item(), abs=1e-4)


def test_ended_lines_cost_nothing_more() -> None:
    model = scripted(V, 1, [3, 3, END])
    config = SamplingConfig(temperature=1.0)
    lines = sample_lines(model, [END], config, count=9, seed=1, end_id=END, max_tokens=50)
    assert lines.ids_NT.tolist() == [[3, 3, END]] * 9
    assert model.shapes == [(1, 1), (9, 1), (9, 1)]


def test_frequencies_are_those_of_the_model() -> None:
    config = SamplingConfig(temperature=1.0)
    lines = sample_lines(
        uniform(5), [1], config, count=4_000, seed=2, end_id=1, max_tokens=1, banned={0}
    )
    counts = torch.bincount(lines.ids_NT.flatten(), minlength=5)
    assert counts[0] == 0
    assert counts[1:].sub(1_000).abs().max() < 120


def test_progress_and_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 16)
    told: list[int] = []
    lines = sample(40, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == lines.ended_N.sum() > 20
    steps = 0

    def cancel() -> bool:
        nonlocal steps
        steps += 1
        return steps > 3

    lines = sample(40, cancel=cancel)
    assert max(lines.lengths_N.tolist()) == 3
    assert lines.lengths_N[16:].sum() == 0
    assert not lines.ended_N[16:].any()


def test_a_run_that_is_cancelled_at_once_writes_nothing() -> None:
    lines = sample(3, cancel=lambda: True)
    assert rows(lines) == [[], [], []]
    assert not lines.ended_N.any()


# --- noise ---


def test_a_rows_noise_depends_on_its_number_alone() -> None:
    many, few = RowNoise(3, 9, 50), RowNoise(3, 4, 50)
    assert torch.equal(many.draw()[:4], few.draw())
    many.select([1, 3, 8])
    few.select([1, 3])
    assert torch.equal(many.draw()[:2], few.draw())
    few.select([1])
    many.select([1, 2])
    assert torch.equal(many.draw()[:1], few.draw())


def test_no_two_places_share_their_noise() -> None:
    noises = [RowNoise(3, 2, 4), RowNoise(3, 2, 4, stream=1), RowNoise(2**63 - 1, 2, 4)]
    drawn = torch.cat([noise.draw() for noise in noises for _ in range(3)])
    assert len(set(drawn.flatten().tolist())) == 9 * 2 * 4


def test_noise_is_standard_gumbel() -> None:
    noise = RowNoise(1, 2_000, 100).draw()
    assert noise.isfinite().all()
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert noise.var().item() == pytest.approx(torch.pi**2 / 6, abs=0.03)
