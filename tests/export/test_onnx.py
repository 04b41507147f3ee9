"""ONNX Runtime computes the same logits, whole or step by step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import litteragpt
from litteragpt.export import export_onnx
from litteragpt.export import onnx as own_onnx
from litteragpt.generation.text import TextModel
from litteragpt.weights import sha256_of
from tests.export.others import save_lstm, save_mlp, save_original
from tests.tiny import save_tiny

onnx = pytest.importorskip("onnx", reason="the optional extra export is missing")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is missing")

MODELS: dict[str, Callable[[Path], Path]] = {
    "decoder": lambda root: save_tiny(root, layers=2, width=32, context=12),
    "decoder of context 1": lambda root: save_tiny(root, layers=2, context=1),
    "mlp": save_mlp,
    "mlp of context 1": lambda root: save_mlp(root, context=1, direct=False),
    "lstm": save_lstm,
    "tied lstm": lambda root: save_lstm(root, tied=True),
}

State = dict[str, npt.NDArray[Any]]


class Exported:
    """A model here, and the same in ONNX Runtime."""

    def __init__(self, checkpoint: Path, folder: Path) -> None:
        self.folder = export_onnx(checkpoint, folder)
        self.lm: TextModel = litteragpt.load(checkpoint)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        self.config = json.loads((folder / "config.json").read_text("utf-8"))

    def ids(self, rows: int, new: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng(rows * 100 + new).integers(
            0, self.lm.tokenizer.vocab_size, (rows, new)
        )

    def ours(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = self.lm.model(torch.from_numpy(ids))[0].numpy()
        return logits

    def theirs(
        self, ids: npt.NDArray[np.int64], state: State
    ) -> tuple[npt.NDArray[np.float32], State]:
        names = ["logits", *self.config["states"].values()]
        logits, *now = self.session.run(names, {"ids": ids, **state})
        return logits, dict(zip(self.config["states"], now, strict=True))


@pytest.fixture(params=MODELS)
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> Exported:
    return Exported(MODELS[request.param](tmp_path), tmp_path / "exported")


def test_the_logits_are_equal_for_any_rows_and_lengths(exported: Exported) -> None:
    for rows, new in ((1, 1), (1, 5), (3, 12), (2, 40)):
        ids = exported.ids(rows, new)
        (logits,) = exported.session.run(["logits"], {"ids": ids})
        np.testing.assert_allclose(logits, exported.ours(ids), atol=1e-4, rtol=0)


def test_steps_give_what_the_whole_gives_and_their_state_stops_growing(exported: Exported) -> None:
    ids = exported.ids(2, 40)
    state: State = {}
    parts, sizes, start = [], [], 0
    for count in (3, 1, 1, 14, *[1] * 21):
        part, state = exported.theirs(ids[:, start : start + count], state)
        parts.append(part)
        sizes.append(sum(array.size for array in state.values()))
        start += count
    np.testing.assert_allclose(np.concatenate(parts, 1), exported.ours(ids), atol=1e-4, rtol=0)
    assert sizes[-1] == sizes[-20]


def test_one_text_branches_into_rows(exported: Exported) -> None:
    start, ends = exported.ids(1, 6), exported.ids(3, 1)
    _, state = exported.theirs(start, {})
    logits, _ = exported.theirs(ends, state)
    whole = np.concatenate([start.repeat(3, 0), ends], 1)
    np.testing.assert_allclose(logits[:, -1], exported.ours(whole)[:, -1], atol=1e-4, rtol=0)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    checkpoint = save_tiny(tmp_path, language="es")
    folder = export_onnx(checkpoint, tmp_path / "exported")
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    facts = {each.key: each.value for each in model.metadata_props}
    assert (facts["name"], facts["language"], facts["context"]) == ("tiny", "es", "64")
    assert facts["sha256"] == sha256_of(checkpoint / "model.safetensors")
    assert (folder / "tokenizer.json").read_bytes() == (checkpoint / "tokenizer.json").read_bytes()


def test_what_has_no_graph_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"Original has no ONNX graph .* Decoder, MLP, LSTM"):
        export_onnx(save_original(tmp_path), tmp_path / "exported")
    monkeypatch.setattr(own_onnx, "MAX_BYTES", 4)
    with pytest.raises(ValueError, match="parameters"):
        export_onnx(save_tiny(tmp_path), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
