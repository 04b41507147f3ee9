"""Weights in a folder: written whole or not at all, and checked before memory is taken.

Whatever a file may hold, reading it gives tensors of the shapes asked for, all finite, or one
`CheckpointError` that names the file and the fault. There is no pickle anywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from litteragpt.files import read_json_object
from litteragpt.tables import check_keys, some

WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
CARD_FILE: Final = "README.md"
METRICS_FILE: Final = "metrics.jsonl"

FORMAT: Final = 1
"""Of every checkpoint folder; its config says so."""
MAX_CONFIG_BYTES: Final = 2**20
MAX_HEADER_BYTES: Final = 2**20
"""Room for the names and shapes of some ten thousand tensors."""

_SHA256_LINE: Final = re.compile(r"^sha256:[ \t]*(\S*)[ \t]*$", re.MULTILINE)
_ITEM_BYTES: Final = {"BF16": 2, "F16": 2, "F32": 4}


class CheckpointError(ValueError):
    """A checkpoint that is missing, malformed, or not what its files say."""


def check_replaceable(folder: Path, files: Collection[str]) -> None:
    """Raise CheckpointError where `folder` holds anything but these files: it would be lost."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CheckpointError(f"{folder} exists and is not a folder")
    others = sorted({path.name for path in folder.iterdir()} - set(files))
    if others:
        raise CheckpointError(f"{folder} holds other files than a checkpoint's: {some(others)}")


@contextmanager
def faults_as_checkpoint_errors(folder: Path, files: Collection[str]) -> Iterator[None]:
    """Within it, whatever is wrong with a folder raises CheckpointError; so does a missing file."""
    try:
        if not folder.is_dir():
            raise CheckpointError(f"{folder} is missing or is not a folder")
        for file in files:
            if not (folder / file).is_file():
                raise CheckpointError(f"{folder / file} is missing or is not a file")
        yield
    except CheckpointError:
        raise
    except (ValueError, OSError, SafetensorError) as error:
        raise CheckpointError(str(error)) from error


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """A new folder to write into, that takes the place of `folder` in the end.

    A reader finds the old one or the new one; an error leaves the old one.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        new = Path(temporary) / folder.name
        new.mkdir()
        yield new
        if folder.exists():
            old = Path(temporary) / "old"
            folder.rename(old)
            try:
                new.rename(folder)
            except BaseException:
                old.rename(folder)
                raise
        else:
            new.rename(folder)


def write_weights(path: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Write tensors as `dtype`, in a safetensors file that others may read."""
    copies = {
        name: tensor.detach().to("cpu", dtype, copy=True).contiguous()
        for name, tensor in tensors.items()
    }
    save_file(copies, path, {"format": "pt"})
    path.chmod(0o644)  # the library makes it private to the user


def write_parts(
    folder: Path,
    *,
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    card: str,
    metrics_file: Path | None,
    dtype: torch.dtype,
) -> None:
    """Write what every checkpoint has: weights, config, card with their sha256, and the curve.

    Raises CheckpointError where the config is no JSON, such as for NaN.
    """
    try:
        text = json.dumps(config, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    except ValueError as error:
        raise CheckpointError(f"the config cannot be saved as JSON: {error}") from error
    write_weights(folder / WEIGHTS_FILE, weights, dtype)
    (folder / CONFIG_FILE).write_text(text, "utf-8", newline="\n")
    card = with_sha256(card, folder / WEIGHTS_FILE)
    (folder / CARD_FILE).write_text(card, "utf-8", newline="\n")
    if metrics_file is not None:
        shutil.copyfile(metrics_file, folder / METRICS_FILE)


def read_config(
    path: Path,
    keys: Collection[str],
    *,
    optional: Collection[str] = (),
    fixed: Mapping[str, Any] = MappingProxyType({}),
    tables: Collection[str] = ("model", "training"),
) -> dict[str, Any]:
    """A folder's config: these keys and a format, some with a fixed value, some with a table.

    Raises ValueError for whatever is otherwise.
    """
    config = read_json_object(path, MAX_CONFIG_BYTES)
    needed = {"format", *keys}
    check_keys(config, needed, needed | set(optional), str(path))
    if type(config["format"]) is not int or config["format"] != FORMAT:
        given = reprlib.repr(config["format"])
        raise CheckpointError(f"{path} has format {given}; this version reads format {FORMAT}")
    for key, expected in fixed.items():
        if config[key] != expected:
            given = reprlib.repr(config[key])
            raise CheckpointError(f"{path}: {key} must be {expected!r}, not {given}")
    for table in tables:
        if not isinstance(config[table], dict):
            raise CheckpointError(f"{path}: {table} must be a table of values")
    return config


def take_weights(
    module: nn.Module, folder: Path, card: str, dtype: torch.dtype = torch.float32
) -> None:
    """Put the weights of a folder, which are those that its card names, into a meta module.

    Raises CheckpointError where they cannot be read, are others, or are not finite.
    """
    weights = folder / WEIGHTS_FILE
    try:
        check_sha256(weights, card)
        tensors = read_tensors(weights, dtype)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{weights} cannot be read: {error}") from error
    module.load_state_dict(tensors, assign=True)


def check_layout(path: Path, expected: Mapping[str, Tensor]) -> None:
    """The file holds exactly these tensors, in these shapes, as floating-point numbers."""
    size = path.stat().st_size
    items = sum(tensor.numel() for tensor in expected.values())
    smallest, largest = 8 + 2 * items, 8 + 4 * items + MAX_HEADER_BYTES
    if not smallest <= size <= largest:
        raise CheckpointError(
            f"{path} has {size} bytes where its config asks for {smallest} to {largest}"
        )
    try:
        with _open(path) as file:
            check_keys(file.keys(), expected, expected, str(path))
            for name, tensor in expected.items():
                part = file.get_slice(name)
                if part.get_dtype() not in _ITEM_BYTES:
                    raise CheckpointError(
                        f"{path}: {name} is of type {part.get_dtype()}, "
                        f"not one of {', '.join(_ITEM_BYTES)}"
                    )
                if list(part.get_shape()) != list(tensor.shape):
                    raise CheckpointError(
                        f"{path}: {name} has the shape {list(part.get_shape())} "
                        f"where its config asks for {list(tensor.shape)}"
                    )
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a valid safetensors file: {error}") from error


def read_tensors(path: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of a file as `dtype`, all of them finite."""
    tensors: dict[str, Tensor] = {}
    with _open(path) as file:
        for name in file.keys():  # noqa: SIM118 (the file is no mapping)
            # A copy even where the type is the same: the file's own memory is mapped.
            tensors[name] = file.get_tensor(name).to(dtype, copy=True)
            if not torch.isfinite(tensors[name]).all():
                raise CheckpointError(f"{path}: {name} holds NaN or infinite values")
    return tensors


def _open(path: Path) -> Any:
    opener: Any = safe_open  # the library's own stub is untyped
    return opener(path, framework="pt", device="cpu")


def check_sha256(weights: Path, card: str) -> None:
    """The weights are those that the card names, where it names any."""
    line = _SHA256_LINE.search(card)
    if line is None or not line[1]:
        return
    actual = sha256_of(weights)
    if line[1].lower() != actual:
        raise CheckpointError(
            f"{weights} has the sha256 {actual}, not the one in {CARD_FILE}: {line[1][:64]}"
        )


def with_sha256(card: str, weights: Path) -> str:
    """The card with the sha256 of the weights in its line `sha256:`, added where it lacks one."""
    line = f"sha256: {sha256_of(weights)}"
    if _SHA256_LINE.search(card):
        return _SHA256_LINE.sub(line, card, count=1)
    return f"{card.rstrip()}\n\n{line}\n"


def sha256_of(path: Path) -> str:
    """Of a file, in hexadecimal digits; read in parts, however large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
