"""The decoder: cached, uncached and blocked attention agree; configs are bounded."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from litteragpt.architectures.decoder import (
    Decoder,
    DecoderConfig,
    SequenceDropout,
    causal_attention_in_blocks,
    masked_attention,
)

CONFIG = DecoderConfig(vocab_size=40, context=12, layers=3, width=32, heads=4, hidden=48)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(0)
    model = Decoder(CONFIG).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def random_ids(rows: int, length: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, CONFIG.vocab_size, (rows, length), generator=generator)


def uncached(model: Decoder, ids_BT: Tensor) -> Tensor:
    with torch.inference_mode():
        logits_BTV: Tensor
        logits_BTV, state = model(ids_BT)
    assert state is None
    return logits_BTV


@pytest.mark.parametrize(
    "pieces", [[1] * 40, [40], [12, 1, 1, 26], [5, 7, 1, 13, 1, 1, 12], [30, 10]]
)
def test_cached_logits_equal_one_uncached_forward_past_the_context(
    decoder: Decoder, pieces: list[int]
) -> None:
    ids_BT = random_ids(2, 40)
    state = decoder.initial_state(2)
    logits = []
    with torch.inference_mode():
        for piece in ids_BT.split(pieces, 1):
            piece_logits, new_state = decoder(piece, state)
            assert new_state is not None
            state = new_state
            logits.append(piece_logits)
    torch.testing.assert_close(torch.cat(logits, 1), uncached(decoder, ids_BT), atol=1e-5, rtol=0)


def test_a_position_does_not_see_beyond_its_window(decoder: Decoder) -> None:
    """Through all layers, position p depends on nothing before p - layers * (context - 1)."""
    reach = CONFIG.layers * (CONFIG.context - 1)
    ids_BT = random_ids(1, reach + 2)
    changed = ids_BT.clone()
    changed[0, 0] = (changed[0, 0] + 1) % CONFIG.vocab_size
    before, after = uncached(decoder, ids_BT), uncached(decoder, changed)
    assert not torch.equal(before[0, reach], after[0, reach])
    assert torch.equal(before[0, reach + 1], after[0, reach + 1])


def test_the_future_is_not_seen(decoder: Decoder) -> None:
    ids_BT = random_ids(1, 30)
    changed = ids_BT.clone()
    changed[0, 20:] = 0
    torch.testing.assert_close(
        uncached(decoder, ids_BT)[:, :20], uncached(decoder, changed)[:, :20], atol=1e-6, rtol=0
    )


def test_a_row_in_a_batch_equals_the_row_alone(decoder: Decoder) -> None:
    ids_BT = random_ids(4, 30)
    together = uncached(decoder, ids_BT)
    for row in range(4):
        alone = uncached(decoder, ids_BT[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)


def test_repeated_and_selected_states_go_on_alike(decoder: Decoder) -> None:
    prompt, nexts = random_ids(1, 17), random_ids(3, 1, seed=1)
    with torch.inference_mode():
        _, one = decoder(prompt, decoder.initial_state(1))
        assert one is not None
        state = decoder.select_rows(decoder.repeat_state(one, 3), [2, 0])
        logits, _ = decoder(nexts[[2, 0]], state)
    for row, index in enumerate((2, 0)):
        whole = uncached(decoder, torch.cat([prompt, nexts[index : index + 1]], 1))
        torch.testing.assert_close(logits[row, 0], whole[0, -1], atol=1e-5, rtol=0)


def test_a_repeated_state_is_a_copy(decoder: Decoder) -> None:
    with torch.inference_mode():
        _, one = decoder(random_ids(1, 5), decoder.initial_state(1))
        assert one is not None
        copy = decoder.repeat_state(one, 1)
        kept = copy.kv_LB2HSD.clone()
        decoder(random_ids(1, 3), one)
    assert torch.equal(copy.kv_LB2HSD, kept)
    assert copy.position == 5


@pytest.mark.parametrize(("length", "block"), [(1, 4), (4, 4), (10, 4), (16, 5), (7, 144)])
def test_attention_in_blocks_equals_the_library_s(length: int, block: int) -> None:
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 3, length, 8) for _ in range(3))
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    blocked = causal_attention_in_blocks(q, k, v, block)
    torch.testing.assert_close(blocked, expected, atol=1e-5, rtol=0)


def test_masked_attention_is_the_librarys() -> None:
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 3, length, 8) for length in (5, 7, 7))
    shown = torch.rand(2, 1, 1, 7) < 0.5
    shown[..., 0] = True
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, shown)
    torch.testing.assert_close(masked_attention(q, k, v, shown), expected, atol=1e-5, rtol=0)


def test_training_and_evaluation_mode_agree_without_dropout(decoder: Decoder) -> None:
    ids_BT = random_ids(2, CONFIG.context)
    expected = uncached(decoder, ids_BT)
    decoder.train()
    trained = decoder(ids_BT)[0].detach()
    decoder.eval()
    torch.testing.assert_close(trained, expected, atol=1e-5, rtol=0)


def test_dropout_drops_a_channel_for_a_whole_row_and_keeps_the_mean() -> None:
    torch.manual_seed(2)
    dropped = SequenceDropout(0.25)(torch.ones(64, 5, 128))
    assert ((dropped == dropped[:, :1]).all()).item()
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert not torch.equal(dropped[0], dropped[1])


def test_an_initialised_model_starts_from_the_uniform_distribution() -> None:
    model = Decoder(CONFIG)
    model.initialise()
    assert torch.equal(model.eval()(random_ids(1, 5))[0], torch.zeros(1, 5, CONFIG.vocab_size))


def test_one_batch_is_learned_by_heart() -> None:
    torch.manual_seed(3)
    model = Decoder(CONFIG)
    model.initialise()
    ids_BT = random_ids(4, CONFIG.context + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        logits = model(ids_BT[:, :-1])[0]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids_BT[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vocab_size", 1),
        ("context", 0),
        ("layers", 10**9),
        ("width", 33),
        ("width", 10**9),
        ("heads", 0),
        ("heads", 3),
        ("hidden", -1),
        ("rope_theta", float("nan")),
        ("norm_eps", 0.0),
        ("dropout", 1.0),
    ],
)
def test_a_config_out_of_bounds_is_refused(field: str, value: float) -> None:
    changes: dict[str, Any] = {field: value}
    config = dataclasses.replace(CONFIG, **changes)
    with pytest.raises(ValueError, match="width" if field == "heads" and value == 3 else field):
        config.validate()
