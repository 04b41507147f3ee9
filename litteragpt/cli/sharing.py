"""Checkpoints, carried elsewhere: export, push."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tyro.conf import Positional


def export(
    model: Positional[str],
    folder: Positional[Path],
    /,
    *,
    to: Literal["hf", "onnx", "gguf"] = "hf",
) -> None:
    """Write a checkpoint in the layout of other software.

    Args:
        model: Name or folder of a checkpoint.
        folder: Where to; new or empty.
        to: hf: for `AutoModelForCausalLM`, `AutoTokenizer` and vLLM; onnx: for ONNX Runtime; gguf:
            for llama.cpp.
    """
    from litteragpt.export import export_gguf, export_onnx, export_transformers

    writers: dict[str, Callable[[str, Path], Path]] = {
        "hf": export_transformers,
        "onnx": export_onnx,
        "gguf": export_gguf,
    }
    print(writers[to](model, folder))


def push(
    model: Positional[str],
    /,
    *,
    to: str,
    private: bool = False,
    format: Literal["litteragpt", "hf"] = "litteragpt",
) -> None:
    """Send a checkpoint to the Hugging Face Hub, with the token of HF_TOKEN or `hf auth login`.

    Args:
        model: Name or folder of a checkpoint.
        to: The repository, USER/REPO; made where there is none.
        private: Let nobody else see a repository that is made.
        format: litteragpt: the checkpoint as it is; hf: for `AutoModelForCausalLM`.
    """
    from litteragpt.export.hub import push_to_hub

    print(push_to_hub(model, to, private=private, layout=format))
