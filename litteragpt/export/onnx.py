"""One file for ONNX Runtime, and its tokenizer: `model.onnx` (opset 18), in single precision.

    import onnxruntime
    session = onnxruntime.InferenceSession("model.onnx")
    logits, keys, values = session.run(None, {"ids": ids})          # ids: int64 B, T
    session.run(None, {"ids": next_ids, "past_keys": keys, "past_values": values})

The graph is that of `litteragpt.export.onnx_graph`; its states are named in `config.json`. ONNX
Runtime warns of each that it is an input with a default: that is meant.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from litteragpt import __version__
from litteragpt.checkpoint import TOKENIZER_FILE, LoadedCheckpoint
from litteragpt.export.common import load_own, new_folder, optional_library
from litteragpt.export.onnx_graph import IR_VERSION, OPSET, Graph, build_graph
from litteragpt.weights import CONFIG_FILE, WEIGHTS_FILE, sha256_of

ONNX_FILE: Final = "model.onnx"
MAX_BYTES: Final = 2**31 - 2**20
"""A protobuf message is smaller than 2 GiB."""

_PAST: Final[Mapping[str | int, str | int]] = MappingProxyType(
    {"rows": "past_rows", "kept": "past"}
)
"""Sizes of a state that may be others where it goes in."""


def export_onnx(name: str | Path, folder: Path) -> Path:
    """Write a checkpoint as a folder with `model.onnx`, `tokenizer.json` and `config.json`.

    Raises `CheckpointError` for a malformed checkpoint, `ValueError` for an architecture without a
    graph, for more weights than a file can hold and where the folder exists and is not empty, and
    `ImportError` where `onnx` is not installed.
    """
    onnx = optional_library("onnx", "export")
    loaded = load_own(name)
    if 4 * loaded.info.parameters > MAX_BYTES:
        raise ValueError(
            f"{name} has {loaded.info.parameters:,} parameters: a file model.onnx holds "
            f"{MAX_BYTES // 4:,} at most"
        )
    graph = build_graph(loaded.model)
    model = _model(graph, loaded)
    onnx.checker.check_model(model)
    with new_folder(folder) as new:
        onnx.save(model, new / ONNX_FILE)
        shutil.copyfile(loaded.info.path / TOKENIZER_FILE, new / TOKENIZER_FILE)
        content = json.dumps(_description(graph, loaded), indent=2, ensure_ascii=False)
        (new / CONFIG_FILE).write_text(content + "\n", encoding="utf-8")
    return folder


def _model(graph: Graph, loaded: LoadedCheckpoint) -> Any:
    """The graph as a `ModelProto` that says where it comes from."""
    onnx, helper = optional_library("onnx", "export"), optional_library("onnx.helper", "export")

    def value(name: str, like: npt.NDArray[Any], shape: Sequence[str | int]) -> Any:
        kind = helper.np_dtype_to_tensor_dtype(like.dtype)
        return helper.make_tensor_value_info(name, kind, shape)

    whole, real = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    states = graph.states
    inputs = [
        value("ids", whole, ("rows", "new")),
        *(value(f"past_{s.name}", s.start, [_PAST.get(n, n) for n in s.shape]) for s in states),
    ]
    outputs = [
        value("logits", real, ("rows", "new", loaded.model.vocab_size)),
        *(value(s.name, s.start, s.shape) for s in states),
    ]
    name = loaded.info.name
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, inputs, outputs, graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="litteragpt",
        producer_version=__version__,
    )
    facts = {
        "name": name,
        "architecture": loaded.info.architecture,
        "parameters": str(loaded.info.parameters),
        "vocab_size": str(loaded.model.vocab_size),
        "context": str(loaded.model.context),
        "tokenizer": loaded.tokenizer.kind,
        "sha256": sha256_of(loaded.info.path / WEIGHTS_FILE),
        **({"language": loaded.info.language} if loaded.info.language else {}),
    }
    helper.set_model_props(model, facts)
    assert isinstance(model, onnx.ModelProto)
    return model


def _description(graph: Graph, loaded: LoadedCheckpoint) -> dict[str, Any]:
    """`config.json`: what a program must know to write with the graph."""
    return {
        "architecture": loaded.info.architecture,
        "vocab_size": loaded.model.vocab_size,
        "context": loaded.model.context,
        "language": loaded.info.language,
        "tokenizer": loaded.tokenizer.kind,
        "special_ids": sorted(loaded.tokenizer.special_ids),
        "opset": OPSET,
        "input": "ids",
        "output": "logits",
        "states": {f"past_{state.name}": state.name for state in graph.states},
    }
