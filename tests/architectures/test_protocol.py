"""What every architecture promises: one function, whichever way the positions are cut."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from litteragpt.architectures import ARCHITECTURES
from litteragpt.architectures.base import LanguageModule
from litteragpt.architectures.decoder import DecoderConfig
from litteragpt.architectures.lstm import LSTMConfig
from litteragpt.architectures.mlp import MLPConfig
from litteragpt.architectures.original import OriginalConfig
from litteragpt.architectures.research import ResearchConfig
from litteragpt.checkpoint import load_checkpoint, save_checkpoint
from litteragpt.tokenizers import CharTokenizer
from litteragpt.weights import CheckpointError

TOKENIZER = CharTokenizer.from_text("\n abcdefghijklmnopqrstuvwxyz-")
V = TOKENIZER.vocab_size

SMALL: dict[str, Any] = {"context": 8, "layers": 2, "width": 16, "heads": 2, "hidden": 24}

CONFIGS: dict[str, Any] = {
    "decoder": DecoderConfig(vocab_size=V, **SMALL),
    "mlp": MLPConfig(vocab_size=V, context=6, width=5, hidden=12),
    "mlp deep": MLPConfig(vocab_size=V, context=3, width=4, hidden=8, layers=3, direct=False),
    "mlp of one id": MLPConfig(vocab_size=V, context=1, width=4, hidden=8),
    "lstm": LSTMConfig(vocab_size=V, context=16, width=6, hidden=10),
    "lstm tied": LSTMConfig(vocab_size=V, context=16, width=6, hidden=10, layers=1, tied=True),
    "original": OriginalConfig(vocab_size=V, context=20, layers=2, width=16, heads=2, dropout=0.0),
    "research": ResearchConfig(
        vocab_size=V, **SMALL, value_residuals=True, ngram_orders=(2, 4), ngram_rows=4
    ),
    "research with n-grams": ResearchConfig(
        vocab_size=V, **SMALL, ngram_orders=(3, 5), ngram_rows=4
    ),
}

every_architecture = pytest.mark.parametrize("name", CONFIGS)
without_cache = pytest.mark.parametrize(
    "name", [name for name in CONFIGS if not isinstance(CONFIGS[name], DecoderConfig)]
)
"""A decoder's cache is written in place: it takes no gradients and no other precision."""


def build(name: str, **changes: Any) -> LanguageModule[Any]:
    """In evaluation mode, all of its weights random."""
    torch.manual_seed(0)
    config = dataclasses.replace(CONFIGS[name], **changes)
    model = ARCHITECTURES[name.split()[0]].build(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


def random_ids(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, V, (rows, length), generator=torch.Generator().manual_seed(seed))


def in_pieces(model: LanguageModule[Any], ids_BT: Tensor, pieces: list[int]) -> Tensor:
    state = model.initial_state(len(ids_BT))
    logits = []
    for piece in ids_BT.split(pieces, 1):
        piece_logits, state = model(piece, state)
        assert state is not None
        logits.append(piece_logits)
    return torch.cat(logits, 1)


def assert_near(actual: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


@every_architecture
@pytest.mark.parametrize("pieces", [[1] * 20, [20], [2, 1, 17], [5, 7, 1, 1, 6], [1, 19]])
@torch.inference_mode()
def test_steps_and_chunks_equal_one_forward(name: str, pieces: list[int]) -> None:
    model, ids_BT = build(name), random_ids(3, 20)
    whole_BTV, state = model(ids_BT)
    assert state is None
    assert whole_BTV.shape == (3, 20, V)
    assert_near(in_pieces(model, ids_BT, pieces), whole_BTV)


@every_architecture
@torch.inference_mode()
def test_the_future_is_not_seen(name: str) -> None:
    model, ids_BT = build(name), random_ids(2, 20)
    changed = ids_BT.clone()
    changed[:, 13:] = (changed[:, 13:] + 1) % V
    assert_near(model(changed)[0][:, :13], model(ids_BT)[0][:, :13])
    assert not torch.equal(model(changed)[0][:, 13:], model(ids_BT)[0][:, 13:])


@every_architecture
@torch.inference_mode()
def test_repeated_and_selected_states_go_on_alike(name: str) -> None:
    model, prompt, nexts = build(name), random_ids(1, 9), random_ids(4, 3, seed=1)
    _, one = model(prompt, model.initial_state(1))
    rows = [3, 0, 2]
    state = model.select_rows(model.repeat_state(one, 4), rows)
    steps = []
    for ids in nexts[rows].split(1, 1):
        logits, state = model(ids, state)
        steps.append(logits)
    whole_BTV, _ = model(torch.cat([prompt.expand(4, -1), nexts], 1))
    assert_near(torch.cat(steps, 1), whole_BTV[rows, 9:])


@every_architecture
@torch.inference_mode()
def test_rows_selected_after_they_went_apart_keep_their_own_past(name: str) -> None:
    model, ids_BT = build(name), random_ids(3, 6)
    _, state = model(ids_BT, model.initial_state(3))
    logits, _ = model(random_ids(1, 1, 1).expand(2, -1), model.select_rows(state, [2, 1]))
    alone = torch.cat([ids_BT[[2, 1]], random_ids(1, 1, 1).expand(2, -1)], 1)
    assert_near(logits[:, 0], model(alone)[0][:, -1])


@every_architecture
@torch.inference_mode()
def test_a_repeated_state_is_a_copy(name: str) -> None:
    model, prompt, then = build(name), random_ids(1, 5), random_ids(1, 4, seed=1)
    _, one = model(prompt, model.initial_state(1))
    copied = model.repeat_state(one, 1)
    model(random_ids(1, 3, seed=2), one)
    logits, _ = model(then, copied)
    assert_near(logits, model(torch.cat([prompt, then], 1))[0][:, 5:])


@every_architecture
def test_gradients_reach_every_weight(name: str) -> None:
    model = build(name).train()
    gradients = gradients_of(model, model(random_ids(2, 12))[0])
    assert all(gradient.abs().max() > 0 for gradient in gradients.values())


@without_cache
def test_gradients_through_steps_are_those_of_one_forward(name: str) -> None:
    model, ids_BT = build(name).train(), random_ids(2, 12)
    expected = gradients_of(model, model(ids_BT)[0])
    torch.testing.assert_close(
        gradients_of(model, in_pieces(model, ids_BT, [1] * 12)), expected, atol=1e-5, rtol=1e-4
    )


def gradients_of(model: LanguageModule[Any], logits_BTV: Tensor) -> dict[str, Tensor]:
    weights = dict(model.named_parameters())
    gradients = torch.autograd.grad(logits_BTV.square().mean(), list(weights.values()))
    return dict(zip(weights, gradients, strict=True))


@every_architecture
def test_training_in_bfloat16_gives_nearly_the_same(name: str) -> None:
    model, ids_BT = build(name).train(), random_ids(2, 12)
    expected = model(ids_BT)[0].detach()
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = model(ids_BT)
    assert logits.dtype == torch.bfloat16
    assert_near(logits.float().detach(), expected, 0.05 * expected.abs().max().item())
    gradients = gradients_of(model, logits.float())
    assert all(gradient.isfinite().all() for gradient in gradients.values())


@without_cache
@torch.inference_mode()
def test_steps_in_bfloat16_give_nearly_the_same(name: str) -> None:
    model, ids_BT = build(name), random_ids(2, 12)
    expected = model(ids_BT)[0]
    with torch.autocast("cpu", torch.bfloat16):
        logits = in_pieces(model, ids_BT, [6, 1, 1, 4])
    assert_near(logits.float(), expected, 0.05 * expected.abs().max().item())


@every_architecture
def test_dropout_is_for_training_alone(name: str) -> None:
    model, ids_BT = build(name, dropout=0.5), random_ids(2, 8)
    torch.manual_seed(1)
    expected = model(ids_BT)[0]
    assert torch.equal(model(ids_BT)[0], expected)
    model.train()
    assert not torch.allclose(model(ids_BT)[0], expected)


@every_architecture
def test_an_initialised_model_starts_from_the_uniform_distribution_and_from_its_seed(
    name: str,
) -> None:
    weights = []
    for _ in range(2):
        model = build(name)
        torch.manual_seed(5)
        model.initialise()
        logits = model(random_ids(2, 8))[0]
        # The original's head does not start at zero.
        assert_near(logits, torch.zeros(2, 8, V), 0.5 if name == "original" else 0.0)
        weights.append(torch.cat([weight.flatten() for weight in model.parameters()]))
    assert torch.equal(*weights)
    assert weights[0].isfinite().all()
    assert (weights[0] != 0).float().mean() > 0.2


@every_architecture
@torch.inference_mode()
def test_a_checkpoint_in_16_bits_gives_nearly_the_same(tmp_path: Path, name: str) -> None:
    model, ids_BT = build(name), random_ids(2, 10)
    save(tmp_path / "model", name, model)
    loaded = load_checkpoint(tmp_path / "model").model
    assert loaded.vocab_size == V
    assert loaded.context == CONFIGS[name].context
    logits, _ = loaded(ids_BT)
    assert logits.dtype == torch.float32
    assert_near(logits, model(ids_BT)[0], 0.05)
    again = in_pieces(loaded, ids_BT, [4, 1, 5])  # type: ignore[arg-type]
    assert_near(again, logits)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("mlp", {"context": 2**30}, "context must be a whole number from 1 to 1024"),
        ("mlp", {"context": 1_024, "width": 65}, "width times context must be at most 65536"),
        ("mlp", {"width": 64, "context": 1_024, "hidden": 65_536}, "bytes where its config asks"),
        ("mlp", {"layers": 128, "hidden": 65_536}, "bytes where its config asks"),
        ("mlp", {"direct": 1}, "direct must be of type bool"),
        ("mlp", {"direct": False}, "bytes where|unknown"),
        ("mlp", {"layers": 0}, "layers must be"),
        ("lstm", {"layers": 10**9}, "layers must be a whole number from 1 to 128"),
        ("lstm", {"layers": 128, "hidden": 16_384}, "bytes where its config asks"),
        ("lstm", {"width": 16_385}, "width must be a whole number from 1 to 16384"),
        ("lstm", {"hidden": 0}, "hidden must be"),
        ("lstm", {"tied": True}, "bytes where|has the shape"),
        ("lstm", {"tied": "yes"}, "tied must be of type bool"),
        ("lstm", {"dropout": 1.0}, "dropout must be from 0 to 0.9"),
        ("research", {"ngram_orders": [4, 2]}, "ngram_orders must increase"),
        ("research", {"ngram_orders": [1]}, "ngram_orders must be a whole number from 2 to 16"),
        ("research", {"ngram_rows": 2**24}, "bytes where its config asks"),
        ("research", {"layers": 1}, "value_residuals need layers to be from 2"),
        ("research", {"future": 8}, "bytes where|lacks"),
        ("original", {"context": 10**9}, "context must be a whole number from 1 to 65536"),
        ("original", {"context": 65_536, "width": 16_384}, "bytes where its config asks"),
        ("original", {"layers": 128, "width": 16_384}, "bytes where its config asks"),
        ("original", {"layers": 129}, "layers must be a whole number from 1 to 128"),
        ("original", {"heads": 3}, r"width must be a multiple of the heads \(3\)"),
        ("original", {"heads": 0}, "heads must be"),
        ("original", {"width": 0}, "width must be"),
        ("original", {"dropout": float("inf")}, "not valid JSON"),
        ("original", {"hidden": 64}, "unknown 'hidden'"),
    ],
)
def test_a_hostile_config_is_refused_before_its_memory_is_taken(
    tmp_path: Path, name: str, changes: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "model"
    save(folder, name, build(name))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["model"].update(changes)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


def save(folder: Path, name: str, model: LanguageModule[Any]) -> None:
    save_checkpoint(
        folder,
        architecture=name.split()[0],
        model=model,
        model_config=CONFIGS[name],
        tokenizer=TOKENIZER,
        training={},
        metrics_file=None,
        card="# A model\n",
    )
