"""The MLP of Bengio et al.: against a loop over windows, and ten names by heart."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from litteragpt.architectures.mlp import MLP, MLPConfig

NAMES = (
    "Aurora", "Barra", "Campo Belo", "Guarani", "Itaim", "Lapa", "Novo Mundo", "Piatã", "Savassi",
    "Urca",
)  # fmt: skip
"""No two begin with the same letter: after the first, every letter is certain."""


def loop_over_windows(model: MLP, ids_BT: Tensor) -> Tensor:
    """The slow, obvious way: each window's embeddings put side by side, one position at a time."""
    config = model.config
    rows = []
    for ids in ids_BT.tolist():
        window = [config.vocab_size] * config.context
        logits = []
        for id in ids:
            window = [*window[1:], id]
            x = torch.cat([model.embedding.weight[seen] for seen in window])
            h = torch.tanh(model.first.weight @ x + model.first.bias)
            for layer in model.further:
                h = h + torch.tanh(layer(h))
            y = model.head.weight @ h + model.head.bias
            logits.append(y if model.direct is None else y + model.direct.weight @ x)
        rows.append(torch.stack(logits))
    return torch.stack(rows)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize(("window", "layers"), [(1, 1), (2, 2), (5, 1), (16, 3)])
@torch.inference_mode()
def test_the_convolution_equals_the_loop(window: int, layers: int, direct: bool) -> None:
    torch.manual_seed(0)
    config = MLPConfig(
        vocab_size=11, context=window, width=3, hidden=7, layers=layers, direct=direct
    )
    model = MLP(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ids_BT = torch.randint(0, 11, (3, 9))
    torch.testing.assert_close(model(ids_BT)[0], loop_over_windows(model, ids_BT))


def test_the_state_is_the_last_ids_after_padding() -> None:
    model = MLP(MLPConfig(vocab_size=11, context=4, width=3, hidden=7))
    state = model.initial_state(2)
    assert state.tolist() == [[11] * 4] * 2
    _, state_after = model(torch.tensor([[1, 2], [3, 4]]), state)
    assert state_after is not None
    assert state_after.tolist() == [[11, 11, 1, 2], [11, 11, 3, 4]]
    _, state_after = model(torch.tensor([[5, 6, 7, 8, 9], [0, 0, 0, 0, 1]]), state_after)
    assert state_after is not None
    assert state_after.tolist() == [[6, 7, 8, 9], [0, 0, 0, 1]]


def test_a_position_sees_its_window_and_nothing_before() -> None:
    torch.manual_seed(0)
    model = MLP(MLPConfig(vocab_size=11, context=4, width=3, hidden=7)).eval()
    ids_BT = torch.randint(0, 11, (1, 8))
    changed = ids_BT.clone()
    changed[0, 0] = (changed[0, 0] + 1) % 11
    before, after = model(ids_BT)[0][0], model(changed)[0][0]
    assert not torch.equal(before[3], after[3])
    assert torch.equal(before[4:], after[4:])


@pytest.mark.parametrize("direct", [True, False])
def test_ten_names_are_learned_by_heart(direct: bool) -> None:
    """Only the first letter stays open: ten names, `ln 10` nats each."""
    letters = sorted({*"\n", *"".join(NAMES)})
    lines = [[letters.index(letter) for letter in f"\n{name}\n"] for name in NAMES]
    length = max(map(len, lines)) - 1
    inputs_BT = torch.zeros(10, length, dtype=torch.long)
    targets_BT = torch.full((10, length), -100)
    for row, ids in enumerate(lines):
        inputs_BT[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        targets_BT[row, : len(ids) - 1] = torch.tensor(ids[1:])
    torch.manual_seed(0)
    config = MLPConfig(vocab_size=len(letters), context=6, width=8, hidden=48, direct=direct)
    model = MLP(config)
    model.initialise()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = F.cross_entropy(model(inputs_BT)[0].flatten(0, 1), targets_BT.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tokens = int((targets_BT >= 0).sum())
    floor = 10 * torch.tensor(10.0).log().item() / tokens
    assert floor - 1e-4 < loss.item() < floor + 0.02
    continued = [greedy(model, ids[:2], end=letters.index("\n")) for ids in lines]
    assert ["".join(letters[id] for id in ids).strip() for ids in continued] == list(NAMES)


@torch.inference_mode()
def greedy(model: MLP, ids: list[int], end: int) -> list[int]:
    """The ids and the likeliest after them, to the end of the line."""
    logits_BTV, state = model(torch.tensor([ids]), model.initial_state(1))
    while len(ids) < 20:
        ids = [*ids, int(logits_BTV[0, -1].argmax())]
        if ids[-1] == end:
            break
        logits_BTV, state = model(torch.tensor([ids[-1:]]), state)
    return ids
