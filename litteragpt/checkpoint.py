"""Checkpoint folders: what was trained, ready to be used by people who do not trust it.

A folder holds `model.safetensors` (16-bit weights), `config.json`, `tokenizer.json`, `README.md`
(the card, with the sha256 of the weights) and, where a training run wrote it, `metrics.jsonl`;
a model of names also has `known.safetensors`, hashes of the names it was trained on.
Whatever such a folder may contain, reading it gives a usable model or one `CheckpointError`
whose sentence names the file and the fault. Everything that decides how much memory is needed is
checked before memory is taken. There is no pickle anywhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import reprlib
import shutil
import tempfile
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from litteragpt import architectures
from litteragpt.files import parse_json_object, read_bytes, read_json_object, read_text
from litteragpt.protocols import LanguageModel, Reads, Tokenizer
from litteragpt.tables import check_keys, from_table, some
from litteragpt.tokenizers import load_tokenizer

FORMAT: Final = 1
ROOT_VARIABLE: Final = "LITTERAGPT_CHECKPOINTS"

WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
TOKENIZER_FILE: Final = "tokenizer.json"
CARD_FILE: Final = "README.md"
METRICS_FILE: Final = "metrics.jsonl"
KNOWN_FILE: Final = "known.safetensors"
REQUIRED_FILES: Final = (CONFIG_FILE, TOKENIZER_FILE, CARD_FILE, WEIGHTS_FILE)
OPTIONAL_FILES: Final = (METRICS_FILE, KNOWN_FILE)

MAX_CONFIG_BYTES: Final = 2**20
MAX_CARD_BYTES: Final = 2**20
MAX_METRICS_BYTES: Final = 64 * 2**20
MAX_HEADER_BYTES: Final = 2**20
"""Room for the names and shapes of some ten thousand tensors."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
_SHA256_LINE: Final = re.compile(r"^sha256:[ \t]*(\S*)[ \t]*$", re.MULTILINE)
_CONFIG_KEYS: Final = frozenset({"format", "architecture", "model", "tokenizer", "training"})
_OPTIONAL_KEYS: Final = frozenset({"reads", "language"})
_TOKENIZER_KINDS: Final = frozenset({"char", "bpe"})
_ITEM_BYTES: Final = {"BF16": 2, "F16": 2, "F32": 4}


class CheckpointError(ValueError):
    """A checkpoint that is missing, malformed, or not what its files say."""


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint folder says about itself, without its weights."""

    name: str
    path: Path
    architecture: str
    config: dict[str, Any]
    """The whole of `config.json`."""
    parameters: int
    card: str
    """The text of `README.md`."""

    @property
    def reads(self) -> Reads:
        """Whether the model was trained on running text or on lines each by itself."""
        reads: Reads = self.config.get("reads", "text")
        return reads

    @property
    def language(self) -> str | None:
        """ISO 639-1 code of what the model writes, where the folder says it."""
        language: str | None = self.config.get("language")
        return language


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A model ready to be used, in evaluation mode, and its tokenizer."""

    info: CheckpointInfo
    model: LanguageModel[Any]
    tokenizer: Tokenizer


@dataclass(frozen=True)
class CheckpointList:
    """The checkpoints of a folder, sorted by name."""

    found: list[CheckpointInfo]
    broken: list[tuple[Path, str]]
    """Folders that are no usable checkpoint, each with the reason."""


def checkpoints_root() -> Path:
    """Where checkpoints are looked for.

    `$LITTERAGPT_CHECKPOINTS`; else `checkpoints/` in the current folder, if there is one; else
    the `checkpoints/` beside the package.
    """
    chosen = os.environ.get(ROOT_VARIABLE)
    if chosen:
        return Path(chosen)
    here = Path("checkpoints")
    return here if here.is_dir() else Path(__file__).resolve().parent.parent / "checkpoints"


def resolve(name_or_path: str | Path, *, names_only: bool = False) -> Path:
    """The folder of a checkpoint given by its name below `checkpoints_root()` or by its path.

    With `names_only`, for names that come from strangers, a path is refused. Raises
    CheckpointError, listing the names there are, where nothing is found.
    """
    text = str(name_or_path)
    root = checkpoints_root()
    if _NAME.fullmatch(text) and _is_folder(root / text):
        return root / text
    if not names_only and text and _is_folder(Path(text)):
        return Path(text)
    names = ", ".join(path.name for path in _folders(root)) or "none"
    raise CheckpointError(f"no checkpoint {reprlib.repr(text)}; there are in {root}: {names}")


def list_checkpoints(root: Path | None = None) -> CheckpointList:
    """The checkpoints below `root` (`checkpoints_root()`); never an error for a bad folder.

    Weights are not read, only their names and shapes; `load_checkpoint` looks at the values.
    """
    found: list[CheckpointInfo] = []
    broken: list[tuple[Path, str]] = []
    for path in _folders(root if root is not None else checkpoints_root()):
        try:
            if not _NAME.fullmatch(path.name):
                raise CheckpointError(
                    f"{path} needs a name of lower-case letters, digits, '.', '_' and '-'"
                )
            found.append(_inspect(path).info)
        except CheckpointError as error:
            broken.append((path, str(error)))
    return CheckpointList(found, broken)


def load_checkpoint(
    folder: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> LoadedCheckpoint:
    """Read and check a checkpoint folder; the weights become `dtype` on `device`.

    Raises CheckpointError, and nothing else, for whatever is wrong with the folder.
    """
    inspected = _inspect(Path(folder))
    info, model = inspected.info, inspected.model
    weights = info.path / WEIGHTS_FILE
    try:
        _check_sha256(weights, info.card)
        tensors = _read_tensors(weights, dtype)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{weights} cannot be read: {error}") from error
    model.load_state_dict(tensors, assign=True)
    left = [name for name, buffer in model.named_buffers() if buffer.is_meta]
    assert not left, f"an architecture must save all of its buffers: {left}"
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise CheckpointError(f"the device {str(device)!r} cannot be used: {error}") from error
    return LoadedCheckpoint(info, cast(LanguageModel[Any], model.eval()), inspected.tokenizer)


def save_checkpoint(
    folder: str | Path,
    *,
    architecture: str,
    model: nn.Module,
    model_config: Any,
    tokenizer: Tokenizer,
    training: Mapping[str, Any],
    metrics_file: Path | None,
    card: str,
    reads: Reads = "text",
    language: str | None = None,
    known_file: Path | None = None,
    dtype: torch.dtype = torch.float16,
) -> CheckpointInfo:
    """Write a checkpoint folder, in place of the one that may be there.

    `model_config` is the config dataclass of the architecture; `training` any JSON table;
    `known_file` goes along as `known.safetensors`. The sha256 of the weights goes into the card's
    line `sha256:`, appended where the card lacks one. All is written beside the folder, loaded
    from there as a check, and only then renamed: a reader finds the old checkpoint or the new
    one, an error leaves the old one. Raises CheckpointError where the model could not be loaded
    again (such as NaN weights), or where the folder holds files that are no part of a checkpoint
    and would be lost.
    """
    folder = Path(os.path.abspath(folder))
    _check_replaceable(folder)
    config: dict[str, Any] = {
        "format": FORMAT,
        "architecture": architecture,
        "model": dataclasses.asdict(model_config),
        "tokenizer": {"kind": tokenizer.kind},
        "reads": reads,
        "training": dict(training),
    }
    if language is not None:
        config["language"] = language
    try:
        config_text = json.dumps(config, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    except ValueError as error:
        raise CheckpointError(f"the training table cannot be saved as JSON: {error}") from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        new = Path(temporary) / folder.name
        new.mkdir()
        tensors = {
            name: tensor.detach().to("cpu", dtype, copy=True).contiguous()
            for name, tensor in model.state_dict().items()
        }
        save_file(tensors, new / WEIGHTS_FILE, {"format": "pt"})
        (new / WEIGHTS_FILE).chmod(0o644)  # the library makes it private to the user
        tokenizer.save(new / TOKENIZER_FILE)
        (new / CONFIG_FILE).write_text(config_text, "utf-8", newline="\n")
        card = _with_sha256(card, _sha256(new / WEIGHTS_FILE))
        (new / CARD_FILE).write_text(card, "utf-8", newline="\n")
        for source, name in ((metrics_file, METRICS_FILE), (known_file, KNOWN_FILE)):
            if source is not None:
                shutil.copyfile(source, new / name)
        info = load_checkpoint(new).info
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
    return dataclasses.replace(info, path=folder)


def read_metrics(folder: str | Path) -> list[dict[str, Any]]:
    """The training curve of a checkpoint: one table a line, none where there is no such file.

    A last line cut short, as an interrupted run leaves it, is passed over. Raises
    CheckpointError for any other malformed line.
    """
    path = Path(folder) / METRICS_FILE
    if not path.exists():
        return []
    metrics: list[dict[str, Any]] = []
    try:
        lines = read_bytes(path, MAX_METRICS_BYTES).split(b"\n")
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            metrics.append(parse_json_object(line, f"{path}, line {number},"))
        except ValueError as error:
            if number < len(lines):  # a whole line ends with "\n", so the last one is then empty
                raise CheckpointError(str(error)) from error
    return metrics


@dataclass(frozen=True)
class _Inspected:
    info: CheckpointInfo
    model: nn.Module
    """Built on the meta device: shapes without memory."""
    tokenizer: Tokenizer


def _inspect(folder: Path) -> _Inspected:
    """Every check but that of the values of the weights."""
    path = Path(os.path.abspath(folder))
    try:
        if not path.is_dir():
            raise CheckpointError(f"{path} is missing or is not a folder")
        for file in REQUIRED_FILES:
            if not (path / file).is_file():
                raise CheckpointError(f"{path / file} is missing or is not a file")
        config = read_json_object(path / CONFIG_FILE, MAX_CONFIG_BYTES)
        architecture, model_config = _read_config(config, path / CONFIG_FILE)
        tokenizer = load_tokenizer(path / TOKENIZER_FILE)
        if tokenizer.kind != config["tokenizer"]["kind"]:
            raise CheckpointError(
                f"{path / TOKENIZER_FILE} is of the kind {tokenizer.kind!r} where {CONFIG_FILE} "
                f"says {config['tokenizer']['kind']!r}"
            )
        if tokenizer.vocab_size != model_config.vocab_size:
            raise CheckpointError(
                f"{path / TOKENIZER_FILE} has {tokenizer.vocab_size} entries where "
                f"{CONFIG_FILE} says vocab_size {model_config.vocab_size}"
            )
        card = read_text(path / CARD_FILE, MAX_CARD_BYTES)
        with torch.device("meta"):
            model = architectures.ARCHITECTURES[architecture].build(model_config)
        _check_layout(path / WEIGHTS_FILE, model.state_dict())
    except CheckpointError:
        raise
    except (ValueError, OSError, SafetensorError) as error:
        raise CheckpointError(str(error)) from error
    parameters = sum(parameter.numel() for parameter in model.parameters())
    info = CheckpointInfo(path.name, path, architecture, config, parameters, card)
    return _Inspected(info, model, tokenizer)


def _read_config(config: dict[str, Any], path: Path) -> tuple[str, Any]:
    """The architecture's name and its validated config dataclass."""
    check_keys(config, _CONFIG_KEYS, _CONFIG_KEYS | _OPTIONAL_KEYS, str(path))
    if type(config["format"]) is not int or config["format"] != FORMAT:
        given = reprlib.repr(config["format"])
        raise CheckpointError(f"{path} has format {given}; this version reads format {FORMAT}")
    architecture = config["architecture"]
    if not isinstance(architecture, str) or architecture not in architectures.ARCHITECTURES:
        known = ", ".join(architectures.ARCHITECTURES)
        given = reprlib.repr(architecture)
        raise CheckpointError(f"{path} names the unknown architecture {given} (known: {known})")
    for table in ("model", "tokenizer", "training"):
        if not isinstance(config[table], dict):
            raise CheckpointError(f"{path}: {table} must be a table of values")
    reads, language = config.get("reads", "text"), config.get("language")
    if reads not in typing.get_args(Reads):
        raise CheckpointError(f"{path}: reads must be text or lines, not {reprlib.repr(reads)}")
    if language is not None and not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
        given = reprlib.repr(language)
        raise CheckpointError(f"{path}: language must be a code of two letters, not {given}")
    kind = config["tokenizer"].get("kind")
    if not isinstance(kind, str) or kind not in _TOKENIZER_KINDS:
        raise CheckpointError(f"{path} names the unknown tokenizer kind {reprlib.repr(kind)}")
    config_type = architectures.ARCHITECTURES[architecture].config_type
    model_config = from_table(config_type, config["model"], f"{path}: model", complete=True)
    try:
        model_config.validate()
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return architecture, model_config


def _check_layout(path: Path, expected: Mapping[str, Tensor]) -> None:
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


def _read_tensors(path: Path, dtype: torch.dtype) -> dict[str, Tensor]:
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


def _check_sha256(weights: Path, card: str) -> None:
    line = _SHA256_LINE.search(card)
    if line is None or not line[1]:
        return
    actual = _sha256(weights)
    if line[1].lower() != actual:
        raise CheckpointError(
            f"{weights} has the sha256 {actual}, not the one in {CARD_FILE}: {line[1][:64]}"
        )


def _with_sha256(card: str, sha256: str) -> str:
    line = f"sha256: {sha256}"
    if _SHA256_LINE.search(card):
        return _SHA256_LINE.sub(line, card, count=1)
    return f"{card.rstrip()}\n\n{line}\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_replaceable(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CheckpointError(f"{folder} exists and is not a folder")
    others = sorted({path.name for path in folder.iterdir()} - {*REQUIRED_FILES, *OPTIONAL_FILES})
    if others:
        raise CheckpointError(f"{folder} holds other files than a checkpoint's: {some(others)}")


def _folders(root: Path) -> list[Path]:
    try:
        paths = sorted(root.iterdir())
    except OSError:
        return []
    return [path for path in paths if _is_folder(path) and not path.name.startswith(".")]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long
        return False
