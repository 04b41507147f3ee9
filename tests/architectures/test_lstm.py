"""The LSTM: against its equations written out, its two ways of reading, and a text by heart."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from litteragpt.architectures.lstm import LSTM, LSTMConfig


def written_out(model: LSTM, ids_BT: Tensor) -> Tensor:
    """The slow, obvious way: the equations of Gers et al., one position and one layer at a time."""
    H = model.config.hidden
    layers = [layer for layer in model.layers if isinstance(layer, nn.LSTM)]
    outputs = [torch.zeros(len(ids_BT), H) for _ in layers]
    cells = [torch.zeros(len(ids_BT), H) for _ in layers]
    logits = []
    for ids_B in ids_BT.unbind(1):
        x = model.embedding.weight[ids_B]
        for number, layer in enumerate(layers):
            w_in, w_out, b_in, b_out = layer.all_weights[0]
            gates = x @ w_in.t() + b_in + outputs[number] @ w_out.t() + b_out
            enter, forget, candidate, leave = gates.split(H, 1)
            kept = torch.sigmoid(forget) * cells[number]
            cells[number] = kept + torch.sigmoid(enter) * torch.tanh(candidate)
            x = outputs[number] = torch.sigmoid(leave) * torch.tanh(cells[number])
        y = x @ model.dense.weight.t() + model.dense.bias
        logits.append(y @ model.embedding.weight.t() if model.config.tied else y)
    return torch.stack(logits, 1)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
@torch.inference_mode()
def test_the_library_s_layers_equal_the_equations(layers: int, tied: bool) -> None:
    torch.manual_seed(0)
    config = LSTMConfig(vocab_size=11, width=5, hidden=7, layers=layers, tied=tied)
    model = LSTM(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    ids_BT = torch.randint(0, 11, (3, 9))
    torch.testing.assert_close(model(ids_BT)[0], written_out(model, ids_BT), atol=1e-5, rtol=0)


def test_a_state_is_outputs_and_cells_of_every_layer() -> None:
    model = LSTM(LSTMConfig(vocab_size=11, width=5, hidden=7, layers=3))
    outputs, cells = model.initial_state(4)
    assert outputs.shape == cells.shape == (3, 4, 7)
    assert not outputs.any()
    assert not cells.any()


def test_a_tied_model_has_no_second_matrix_for_the_vocabulary() -> None:
    model = LSTM(LSTMConfig(vocab_size=1_000, width=5, hidden=7, tied=True))
    assert [name for name, w in model.state_dict().items() if 1_000 in w.shape] == [
        "embedding.weight"
    ]


def test_an_initialised_model_remembers() -> None:
    """Forget gates start open, and recurrent matrices keep lengths."""
    torch.manual_seed(0)
    model = LSTM(LSTMConfig(vocab_size=11, width=5, hidden=7))
    model.initialise()
    for name, weight in model.named_parameters():
        if "weight_hh" in name:
            for gate_HH in weight.chunk(4):
                torch.testing.assert_close(gate_HH @ gate_HH.t(), torch.eye(7))
        if name.startswith("layers") and "bias" in name:
            ones = [0.0] * 7 + [1.0 if "ih" in name else 0.0] * 7 + [0.0] * 14
            assert weight.tolist() == ones


@pytest.mark.parametrize("tied", [True, False])
def test_one_batch_is_learned_by_heart(tied: bool) -> None:
    torch.manual_seed(3)
    model = LSTM(LSTMConfig(vocab_size=20, width=16, hidden=48, tied=tied))
    model.initialise()
    ids_BT = torch.randint(0, 20, (4, 17))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        logits_BTV, _ = model(ids_BT[:, :-1])
        loss = F.cross_entropy(logits_BTV.flatten(0, 1), ids_BT[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.4
