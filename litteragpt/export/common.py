"""What every export begins with: a checkpoint of ours, a new folder, and the library asked for."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from litteragpt.architectures.decoder import Decoder
from litteragpt.checkpoint import LoadedCheckpoint, is_tagger_folder, load_checkpoint, resolve
from litteragpt.weights import CheckpointError


def load_own(name: str | Path) -> LoadedCheckpoint:
    """A language model of this package, by name or folder.

    Raises `CheckpointError` for a checkpoint that is malformed, a tagger or a model of others.
    """
    folder = resolve(name)
    if is_tagger_folder(folder):
        raise CheckpointError(f"{name} is a tagger: only language models can be exported")
    loaded = load_checkpoint(folder)
    if loaded.info.library != "litteragpt":
        raise CheckpointError(f"{name} is a model of others: it has Hugging Face's layout already")
    return loaded


def load_decoder(name: str | Path, layout: str) -> tuple[LoadedCheckpoint, Decoder]:
    """The same for a decoder alone; `layout` says in the `CheckpointError` what needs one."""
    loaded = load_own(name)
    if not isinstance(loaded.model, Decoder):
        raise CheckpointError(
            f"{name} is no decoder but of the architecture {loaded.info.architecture}: {layout} "
            f"has a layout for decoders alone"
        )
    return loaded, loaded.model


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A place to write files that stand in `folder` in the end: all of them, or none.

    Raises `ValueError` where the folder exists and is not empty, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} exists and is not a folder")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} exists and is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
        yield Path(temporary)
        for path in Path(temporary).iterdir():
            path.rename(folder / path.name)


def optional_library(name: str, extra: Literal["hf", "export"]) -> Any:
    """A module of an optional library; `ImportError` that says what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"this needs the package {package}: pip install 'litteragpt[{extra}]'"
        ) from error
