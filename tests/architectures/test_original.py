"""The original's decoder: against its equations written out, and against its parameter count."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from litteragpt.architectures.original import Block, Original, OriginalConfig

CONFIG = OriginalConfig(vocab_size=11, context=6, layers=2, width=8, heads=2, dropout=0.0)


@pytest.fixture(scope="module")
def model() -> Original:
    torch.manual_seed(0)
    built = Original(CONFIG).eval()
    for parameter in built.parameters():
        nn.init.normal_(parameter, std=0.5)
    return built


def written_out(model: Original, ids: list[int]) -> Tensor:
    """The logits after a row of ids: the slow, obvious way, one head and one position at a time."""
    ids = ids[-model.context :]
    x = torch.stack(
        [model.embedding.weight[id] + model.positions.weight[p] for p, id in enumerate(ids)]
    )
    for block in model.blocks:
        assert isinstance(block, Block)
        x = x + attended(block, normalised(block.attention_norm, x))
        h = normalised(block.mlp_norm, x) @ block.up.weight.t() + block.up.bias
        x = x + h.clamp(min=0) @ block.down.weight.t() + block.down.bias
    return normalised(model.norm, x)[-1] @ model.head.weight.t() + model.head.bias


def normalised(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    x = x - x.mean(1, keepdim=True)
    return x / (x.square().mean(1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias


def attended(block: Block, x: Tensor) -> Tensor:
    width = x.shape[1]
    head_width = width // CONFIG.heads
    rows = []
    for position in range(len(x)):
        parts = []
        for head in range(CONFIG.heads):
            own = slice(head * head_width, (head + 1) * head_width)
            q, k, v = (m[own] for m in block.attention.qkv.weight.split(width))
            scores = (x[: position + 1] @ k.t()) @ (q @ x[position]) / head_width**0.5
            parts.append(scores.softmax(0) @ (x[: position + 1] @ v.t()))
        rows.append(torch.cat(parts))
    return torch.stack(rows) @ block.attention.o.weight.t() + block.attention.o.bias


@torch.inference_mode()
def test_every_position_equals_the_equations_beyond_the_context_too(model: Original) -> None:
    ids_BT = torch.randint(0, 11, (2, 15), generator=torch.Generator().manual_seed(1))
    expected = torch.stack(
        [
            torch.stack([written_out(model, row[: end + 1]) for end in range(15)])
            for row in ids_BT.tolist()
        ]
    )
    torch.testing.assert_close(model(ids_BT)[0], expected, atol=1e-5, rtol=0)
    for pieces in ([1] * 15, [3, 1, 8, 1, 2], [6, 6, 3], [14, 1]):
        state, logits = model.initial_state(2), []
        for piece in ids_BT.split(pieces, 1):
            piece_logits, after = model(piece, state)
            assert after is not None
            state = after
            logits.append(piece_logits)
        torch.testing.assert_close(torch.cat(logits, 1), expected, atol=1e-5, rtol=0)
        assert state.tolist() == ids_BT[:, -5:].tolist()


@torch.inference_mode()
def test_a_context_of_one_id_keeps_no_past() -> None:
    small = Original(OriginalConfig(vocab_size=5, context=1, layers=1, width=4, heads=1)).eval()
    ids_BT = torch.tensor([[1, 2, 3]])
    _, state = small(ids_BT, small.initial_state(1))
    assert state is not None
    assert state.shape == (1, 0)
    torch.testing.assert_close(small(ids_BT)[0][:, 2], small(ids_BT[:, 2:])[0][:, 0])


def test_the_original_s_vocabulary_gives_the_original_s_parameters() -> None:
    with torch.device("meta"):
        original = Original(OriginalConfig(vocab_size=115))
    assert sum(parameter.numel() for parameter in original.parameters()) == 19_294_323


def test_a_training_window_beyond_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="at most the context of 6, not 7"):
        Original(CONFIG).train()(torch.zeros(1, 7, dtype=torch.long))


def test_dropout_acts_on_the_weights_of_attention_and_on_both_blocks() -> None:
    """With the output of attention at zero only the feed-forward block is random, and so on."""
    config = OriginalConfig(vocab_size=11, context=6, layers=1, width=8, heads=2, dropout=0.5)
    ids_BT = torch.zeros(1, 6, dtype=torch.long)
    for silent in (("attention.o.",), ("down.",), ("attention.o.", "down.")):
        torch.manual_seed(0)
        model = Original(config).train()
        for name, parameter in model.named_parameters():
            if any(part in name for part in silent):
                nn.init.zeros_(parameter)
        same = torch.equal(model(ids_BT)[0], model(ids_BT)[0])
        assert same == (len(silent) == 2)


def test_one_batch_is_learned_by_heart() -> None:
    torch.manual_seed(3)
    model = Original(OriginalConfig(vocab_size=20, context=16, layers=2, width=32, heads=2))
    model.initialise()
    model.eval()  # no dropout
    ids_BT = torch.randint(0, 20, (4, 17))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(100):
        logits_BTV, _ = model(ids_BT[:, :-1])
        loss = nn.functional.cross_entropy(logits_BTV.flatten(0, 1), ids_BT[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vocab_size", 1),
        ("context", 0),
        ("layers", 0),
        ("width", 9),
        ("heads", 0),
        ("dropout", 1.0),
    ],
)
def test_a_config_out_of_bounds_is_refused(field: str, value: float) -> None:
    figures = {"vocab_size": 11, "width": 8, "heads": 2, field: value}
    with pytest.raises(ValueError, match=field):
        OriginalConfig(**figures).validate()  # type: ignore[arg-type]
