"""The count model: against counts in dictionaries, and in whatever way a text is cut."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from litteragpt.mixing.counts import CountModel

V = 5
TEXT = np.random.default_rng(0).choice(V, 300, p=[0.5, 0.2, 0.2, 0.1, 0.0])
"""Its last id never occurs."""


def slow(text: list[int], order: int, context: list[int], id: int) -> float:
    """Witten-Bell by the definition; every order counts the same places of the text."""
    seen: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for end in range(order - 1, len(text)):
        for length in range(order):
            seen[tuple(text[end - length : end])][text[end]] += 1
    p = 1 / V
    for length in range(min(order, len(context) + 1)):
        after = seen.get(tuple(context[len(context) - length :]))
        if after is None:
            break
        p = (after[id] + len(after) * p) / (after.total() + len(after))
    return p


def model(order: int) -> CountModel:
    return CountModel.of_text(TEXT, order=order, vocab_size=V)


def random_ids(rows: int, length: int, seed: int = 1) -> Tensor:
    return torch.randint(0, V, (rows, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("order", [1, 2, 4])
def test_it_agrees_with_counts_in_dictionaries(order: int) -> None:
    ids_BT = torch.cat([random_ids(2, 12), torch.from_numpy(TEXT[40:64].reshape(2, 12))], 1)
    log_p, state = model(order)(ids_BT)
    assert state is None
    assert log_p.shape == (2, 24, V)
    assert log_p.dtype == torch.float32
    for row, context in enumerate(ids_BT.tolist()):
        for place in range(24):
            expected = [slow(TEXT.tolist(), order, context[: place + 1], id) for id in range(V)]
            assert log_p[row, place].exp().tolist() == pytest.approx(expected, rel=1e-5)


def test_probabilities_sum_to_one_after_contexts_never_seen_too() -> None:
    total = model(4)(random_ids(3, 50))[0].exp().sum(-1)
    torch.testing.assert_close(total, torch.ones(3, 50))


@pytest.mark.parametrize("pieces", [[1] * 9, [9], [2, 1, 6]])
@pytest.mark.parametrize("order", [1, 4])
def test_steps_and_chunks_equal_one_reading(order: int, pieces: list[int]) -> None:
    counts, ids_BT = model(order), random_ids(3, 9)
    state: Tensor | None = counts.initial_state(3)
    read = []
    for piece in ids_BT.split(pieces, 1):
        log_p, state = counts(piece, state)
        read.append(log_p)
    assert torch.equal(torch.cat(read, 1), counts(ids_BT)[0])


def test_repeated_and_selected_states_go_on_alike() -> None:
    counts, prompt, nexts = model(3), random_ids(1, 5), random_ids(4, 1, seed=2)
    _, one = counts(prompt, counts.initial_state(1))
    assert one is not None
    rows = [3, 0]
    state = counts.select_rows(counts.repeat_state(one, 4), rows)
    log_p, _ = counts(nexts[rows], state)
    whole = counts(torch.cat([prompt.expand(4, -1), nexts], 1))[0]
    assert torch.equal(log_p[:, 0], whole[rows, -1])


def test_a_file_gives_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "counts.safetensors"
    model(4).save(path)
    again = CountModel.load(path, order=4, vocab_size=V)
    assert len(again) == len(model(4))
    assert torch.equal(again(random_ids(2, 9))[0], model(4)(random_ids(2, 9))[0])


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "counts.safetensors"
    model(4).save(path)
    with pytest.raises(ValueError, match="within the vocabulary"):
        CountModel.load(path, order=2, vocab_size=V)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="holds no n-gram counts"):
        CountModel.load(path, order=4, vocab_size=V)
    with pytest.raises(ValueError, match="missing"):
        CountModel.load(tmp_path / "none", order=4, vocab_size=V)


@pytest.mark.parametrize(
    ("ngrams", "counts", "message"),
    [
        ([1, 1], [1, 1], "increase"),
        ([-1, 1], [1, 1], "increase"),
        ([1, 25], [1, 1], "within the vocabulary"),
        ([1, 2], [1, 0], "at least 1"),
        ([1, 2], [1], "as many"),
        ([], [], "at least one"),
    ],
)
def test_hostile_tables_are_refused(ngrams: list[int], counts: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CountModel(np.array(ngrams, np.int64), np.array(counts, np.uint32), order=2, vocab_size=V)


def test_an_order_out_of_range_or_a_text_too_short_is_named() -> None:
    with pytest.raises(ValueError, match="order must be a whole number from 1 to 16"):
        CountModel.of_text(TEXT, order=17, vocab_size=V)
    with pytest.raises(ValueError, match="order must be a whole number from 1 to 3"):
        CountModel.of_text(TEXT, order=4, vocab_size=2**18)
    with pytest.raises(ValueError, match="too few"):
        CountModel.of_text(TEXT[:3], order=4, vocab_size=V)
