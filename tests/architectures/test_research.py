"""The research decoder: a decoder's function with all off; each part against its definition."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from litteragpt.architectures.decoder import Block, Decoder, DecoderConfig
from litteragpt.architectures.research import (
    NO_ID,
    Research,
    ResearchConfig,
    ResearchState,
    hashed_rows,
)

SHAPE: dict[str, Any] = {
    "vocab_size": 11,
    "context": 8,
    "layers": 3,
    "width": 16,
    "heads": 2,
    "hidden": 24,
}


def research(**options: Any) -> Research:
    """In evaluation mode, all of its weights random."""
    torch.manual_seed(0)
    model = Research(ResearchConfig(**SHAPE, **options)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


def ids(rows: int, length: int) -> Tensor:
    return torch.randint(0, 11, (rows, length), generator=torch.Generator().manual_seed(1))


def test_with_all_off_it_is_the_decoder_from_the_first_weights_on() -> None:
    models: list[Decoder | Research] = []
    for build in (
        lambda: Decoder(DecoderConfig(**SHAPE, dropout=0.2)),
        lambda: Research(ResearchConfig(**SHAPE, dropout=0.2)),
    ):
        torch.manual_seed(4)
        model = build()
        model.initialise()
        models.append(model)
    decoder, ours = models
    assert ours.state_dict().keys() == decoder.state_dict().keys()
    for name, weight in decoder.state_dict().items():
        assert torch.equal(ours.state_dict()[name], weight)
    both = []
    for model in models:
        torch.manual_seed(5)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        torch.manual_seed(6)
        both.append((*model.train().loss(ids(2, 12), ids(2, 12)), model.eval()(ids(2, 12))[0]))
    for theirs, mine in zip(*both, strict=True):
        assert torch.equal(theirs, mine)


def test_parts_that_start_at_nothing_start_as_the_decoder() -> None:
    """N-grams add nothing at first, and further heads never speak."""
    logits = []
    parts: dict[str, Any] = {"ngram_orders": (2,), "ngram_rows": 5, "future": 2}
    for options in ({}, parts):
        model = Research(ResearchConfig(**SHAPE, **options))
        torch.manual_seed(4)
        model.initialise()
        torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
        logits.append(model(ids(2, 9))[0])
    assert logits[0].abs().max() > 0
    assert torch.equal(*logits)


@torch.inference_mode()
def test_values_are_mixed_with_the_first_layer_s() -> None:
    """At a share of 0 it is the model without; at 1 the values of later layers do not matter."""
    model = research(value_residuals=True)
    blocks = cast("list[Block]", list(model.blocks))
    assert model.value_shares is not None
    mixed = model(ids(2, 9))[0]
    model.value_shares.zero_()
    without = research()
    without.load_state_dict({k: v for k, v in model.state_dict().items() if k != "value_shares"})
    torch.testing.assert_close(model(ids(2, 9))[0], without(ids(2, 9))[0])
    assert not torch.allclose(model(ids(2, 9))[0], mixed)
    model.value_shares.fill_(1.0)
    before = model(ids(2, 9))[0]
    for block in blocks[1:]:
        block.attention.v.weight.normal_()
    torch.testing.assert_close(model(ids(2, 9))[0], before)
    blocks[0].attention.v.weight.normal_()
    assert not torch.allclose(model(ids(2, 9))[0], before)


def written_out(seen: list[int], order: int, rows: int) -> int:
    """The row of the n-gram that ends a list of ids, in Python's own whole numbers."""
    number = 0
    for back in range(order):
        id = seen[-1 - back] if back < len(seen) else NO_ID
        number = (number * 1_566_083_941 + id + 1) % (2**31 - 1)
    return (number ^ number >> 15) * 1_566_083_941 % (2**31 - 1) % rows


def test_rows_are_those_of_the_hash_written_out() -> None:
    orders, rows, vocabulary = (2, 3, 5), 1_000, 262_144
    text = torch.randint(0, vocabulary, (2, 30), generator=torch.Generator().manual_seed(0))
    padded = torch.cat([torch.full((2, 4), NO_ID), text], 1)
    found = hashed_rows(padded, orders, rows)
    assert found.shape == (2, 30, 3)
    for row in range(2):
        for place in range(30):
            seen = text[row, : place + 1].tolist()
            expected = [written_out(seen, n, rows) + k * rows for k, n in enumerate(orders)]
            assert found[row, place].tolist() == expected
    # A checkpoint's tables are laid out by it: it must stay what it was.
    rows_of_123 = hashed_rows(torch.tensor([[1, 2, 3]]), (2, 3), 16_384)
    assert rows_of_123.flatten().tolist() == [8_010, 22_325]


def test_rows_are_spread_evenly() -> None:
    """All pairs of 90 ids in as many rows: as by chance, a share of 1/e of the rows is empty."""
    pairs = torch.cartesian_prod(torch.arange(90), torch.arange(90))
    filled = hashed_rows(pairs, (2,), 8_100).unique().numel()
    assert filled / 8_100 == pytest.approx(0.632, abs=0.05)


@torch.inference_mode()
def test_an_embedding_is_the_sum_of_the_id_s_and_of_its_n_grams() -> None:
    model = research(ngram_orders=(2, 3), ngram_rows=7)
    assert model.ngrams is not None
    text = ids(1, 6)[0].tolist()
    expected = [
        model.embedding.weight[text[end]]
        + model.ngrams.weight[written_out(text[: end + 1], 2, 7)]
        + model.ngrams.weight[7 + written_out(text[: end + 1], 3, 7)]
        for end in range(6)
    ]
    embedded = model._embedded(torch.tensor([text]), None)[0]
    torch.testing.assert_close(embedded, torch.stack(expected))


@torch.inference_mode()
def test_the_state_holds_the_last_ids_and_no_more() -> None:
    model = research(ngram_orders=(2, 4), ngram_rows=7)
    _, state = model(ids(2, 2), model.initial_state(2))
    assert isinstance(state, ResearchState)
    assert state.ids_BN.tolist() == [[NO_ID, *row] for row in ids(2, 2).tolist()]
    _, state = model(ids(2, 9), state)
    assert state is not None
    assert torch.equal(state.ids_BN, ids(2, 9)[:, -3:])
    assert research().initial_state(2).ids_BN.shape == (2, 0)


def test_further_tokens_count_in_the_loss_by_their_weight() -> None:
    model = research(future=2, future_weight=0.5)
    inputs, targets = ids(2, 10)[:, :-1], ids(2, 10)[:, 1:].clone()
    targets[1, 5:] = -100
    y_BTC = model._read(model._embedded(inputs, None), None)
    expected = []
    for ahead, head in enumerate([model.head, *model.future_heads]):
        total = torch.zeros(())
        for row in range(2):
            for place in range(9 - ahead):
                target = targets[row, place + ahead]
                if target != -100:
                    total = total + F.cross_entropy(head(y_BTC[row, place]), target)
        expected.append(total)
    loss, nats = model.loss(inputs, targets)
    torch.testing.assert_close(nats, expected[0])
    torch.testing.assert_close(loss, expected[0] + 0.25 * (expected[1] + expected[2]))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())
    # A window no longer than the look ahead has no further token.
    short, nats = model.loss(inputs[:, :1], targets[:, :1])
    assert short == nats


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngram_orders": (3, 3)}, "increase"),
        ({"ngram_orders": (2, 17)}, "from 2 to 16"),
        ({"ngram_rows": 0}, "ngram_rows"),
        ({"future": 9}, "future must be a whole number from 0 to 8"),
        ({"future_weight": -1.0}, "future_weight must be from 0 to 10"),
    ],
)
def test_options_out_of_bounds_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Research(ResearchConfig(**SHAPE, **options))
