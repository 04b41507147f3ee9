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
import os
import re
import reprlib
import shutil
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import torch
from torch import nn

from litteragpt import architectures, huggingface
from litteragpt.files import parse_json_object, read_bytes, read_json_object, read_text
from litteragpt.protocols import LanguageModel, Reads, Tokenizer
from litteragpt.tables import from_table
from litteragpt.tokenizers import load_tokenizer
from litteragpt.weights import (
    CARD_FILE,
    CONFIG_FILE,
    FORMAT,
    MAX_CONFIG_BYTES,
    METRICS_FILE,
    WEIGHTS_FILE,
    CheckpointError,
    check_layout,
    check_replaceable,
    faults_as_checkpoint_errors,
    read_config,
    replaced_folder,
    take_weights,
    write_parts,
)

TAGGER: Final = "encoder"
"""The architecture of taggers, which are no language models and are passed over here."""
SENTENCES: Final = "sentence-encoder"
"""The architecture of sentence encoders (`litteragpt.answers.encoder_folder`): passed over, too."""
TAGGING: Final = "entities"
"""The `task` of language models that write entities and no text: they are taggers, too."""
ROOT_VARIABLE: Final = "LITTERAGPT_CHECKPOINTS"

TOKENIZER_FILE: Final = "tokenizer.json"
KNOWN_FILE: Final = "known.safetensors"
REQUIRED_FILES: Final = (CONFIG_FILE, TOKENIZER_FILE, CARD_FILE, WEIGHTS_FILE)
OPTIONAL_FILES: Final = (METRICS_FILE, KNOWN_FILE)

MAX_CARD_BYTES: Final = 2**20
MAX_METRICS_BYTES: Final = 64 * 2**20

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_FOREIGN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
_CONFIG_KEYS: Final = frozenset({"architecture", "model", "tokenizer", "training"})
_OPTIONAL_KEYS: Final = frozenset({"reads", "language"})
_TOKENIZER_KINDS: Final = frozenset({"char", "bpe"})


Library = Literal["litteragpt", "transformers"]


ADAPTER_FILE: Final = "adapter.json"
"""In the folder of an adapter of a tagger (`litteragpt.entities.adapter`)."""


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
    """The text of `README.md`; empty where a model of others has none."""
    library: Library = "litteragpt"
    """What computes the model: this package, or `transformers` for a model of others."""

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
    end_ids: frozenset[int] = frozenset()
    """Ids by which the model ends a text; none of ours does."""


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

    Models of others (`litteragpt.huggingface`) are found by name in `$LITTERAGPT_MODELS`, too.
    With `names_only`, for names that come from strangers, a path is refused. Raises
    CheckpointError, listing the names there are, where nothing is found.
    """
    text = str(name_or_path)
    root = checkpoints_root()
    if _NAME.fullmatch(text) and _is_folder(root / text):
        return root / text
    others = {path.name: path for path in reversed(_foreign_folders(root))}
    if text in others:
        return others[text]
    if not names_only and text and _is_folder(Path(text)):
        return Path(text)
    known = dict.fromkeys([*(path.name for path in _folders(root)), *sorted(others)])
    names = ", ".join(known) or "none"
    raise CheckpointError(f"no checkpoint {reprlib.repr(text)}; there are in {root}: {names}")


def list_checkpoints(root: Path | None = None) -> CheckpointList:
    """The language models below `root` (`checkpoints_root()`); never an error for a bad folder.

    Without a `root`, models of others in `$LITTERAGPT_MODELS` are there, too. Weights are not
    read, only their names and shapes; `load_checkpoint` looks at the values.
    """
    found: list[CheckpointInfo] = []
    broken: list[tuple[Path, str]] = []
    paths = _folders(root if root is not None else checkpoints_root())
    if root is None:
        paths += [path for path in huggingface.model_folders() if path not in paths]
    for path in paths:
        try:
            if is_tagger_folder(path) or (path / ADAPTER_FILE).is_file():
                continue
            if is_encoder_folder(path):
                continue
            if huggingface.is_cross_encoder(path) or huggingface.is_sentence_encoder(path):
                continue  # they judge passages, and write nothing
            if path.name in {info.name for info in found}:
                raise CheckpointError(f"{path} has the name of another model")
            if huggingface.is_model_folder(path):
                found.append(_foreign_info(path))
                continue
            if not _NAME.fullmatch(path.name):
                raise CheckpointError(
                    f"{path} needs a name of lower-case letters, digits, '.', '_' and '-'"
                )
            found.append(_inspect(path).info)
        except CheckpointError as error:
            broken.append((path, str(error)))
    found.sort(key=lambda info: info.name)
    return CheckpointList(found, broken)


def names_of(is_one: Callable[[Path], bool], root: Path | None = None) -> list[str]:
    """The names of the folders below `root` (`checkpoints_root()`) of which it is so, sorted."""
    return [path.name for path in _folders(root or checkpoints_root()) if is_one(path)]


def is_tagger_folder(folder: Path) -> bool:
    """Whether a folder says of itself that it is a tagger's (`litteragpt.entities.folder`).

    It may still be malformed.
    """
    config = _config_of(folder)
    return config.get("architecture") == TAGGER or config.get("task") == TAGGING


def is_encoder_folder(folder: Path) -> bool:
    """Whether a folder says of itself that it is a sentence encoder's; it may be malformed, too."""
    return _config_of(folder).get("architecture") == SENTENCES


def _config_of(folder: Path) -> dict[str, Any]:
    """What `config.json` says; nothing where it cannot be read."""
    try:
        return read_json_object(folder / CONFIG_FILE, MAX_CONFIG_BYTES)
    except (ValueError, OSError):
        return {}


def load_checkpoint(
    folder: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> LoadedCheckpoint:
    """Read and check a checkpoint folder; the weights become `dtype` on `device`.

    A folder of Hugging Face's layout is read through `transformers`, its weights in a type of
    their own: see `litteragpt.huggingface`. Raises CheckpointError, and nothing else, for
    whatever is wrong with the folder.
    """
    if huggingface.is_model_folder(Path(folder)):
        return _load_foreign(Path(folder), device)
    inspected = _inspect(Path(folder))
    info, model = inspected.info, inspected.model
    take_weights(model, info.path, info.card, dtype)
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
    check_replaceable(folder, {*REQUIRED_FILES, *OPTIONAL_FILES})
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
    with replaced_folder(folder) as new:
        write_parts(
            new,
            weights=model.state_dict(),
            config=config,
            card=card,
            metrics_file=metrics_file,
            dtype=dtype,
        )
        tokenizer.save(new / TOKENIZER_FILE)
        if known_file is not None:
            shutil.copyfile(known_file, new / KNOWN_FILE)
        info = load_checkpoint(new).info
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


def _foreign_info(folder: Path) -> CheckpointInfo:
    """What a model of others says about itself."""
    if not _FOREIGN_NAME.fullmatch(folder.name):
        raise CheckpointError(f"{folder} needs a name of letters, digits, '.', '_' and '-'")
    try:
        return _info_of(huggingface.read_folder(folder))
    except (ValueError, OSError) as error:
        raise CheckpointError(str(error)) from error


def _load_foreign(folder: Path, device: str | torch.device) -> LoadedCheckpoint:
    try:
        read = huggingface.read_folder(folder)
        loaded = huggingface.load_folder(read, device)
    except (ValueError, OSError) as error:
        raise CheckpointError(str(error)) from error
    return LoadedCheckpoint(_info_of(read), loaded.model, loaded.tokenizer, loaded.end_ids)


def _info_of(folder: huggingface.ModelFolder) -> CheckpointInfo:
    config: dict[str, Any] = {
        "architecture": folder.architecture,
        "model": {"context": folder.context},
        "tokenizer": {"kind": "pieces"},
        "reads": "text",
        "training": {},
        "transformers": folder.config,
    }
    if folder.language is not None:
        config["language"] = folder.language
    return CheckpointInfo(
        name=folder.path.name,
        path=folder.path,
        architecture=folder.architecture,
        config=config,
        parameters=folder.parameters,
        card=folder.card,
        library="transformers",
    )


def _foreign_folders(root: Path) -> list[Path]:
    """Models of others, those below `root` first."""
    below = [path for path in _folders(root) if huggingface.is_model_folder(path)]
    return [*below, *huggingface.model_folders()]


@dataclass(frozen=True)
class _Inspected:
    info: CheckpointInfo
    model: nn.Module
    """Built on the meta device: shapes without memory."""
    tokenizer: Tokenizer


def _inspect(folder: Path) -> _Inspected:
    """Every check but that of the values of the weights."""
    path = Path(os.path.abspath(folder))
    with faults_as_checkpoint_errors(path, REQUIRED_FILES):
        config, architecture, model_config = _read_config(path / CONFIG_FILE)
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
        check_layout(path / WEIGHTS_FILE, model.state_dict())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    info = CheckpointInfo(path.name, path, architecture, config, parameters, card)
    return _Inspected(info, model, tokenizer)


def _read_config(path: Path) -> tuple[dict[str, Any], str, Any]:
    """The whole of it, the architecture's name and its validated config dataclass."""
    config = read_config(
        path, _CONFIG_KEYS, optional=_OPTIONAL_KEYS, tables=("model", "tokenizer", "training")
    )
    architecture = config["architecture"]
    if not isinstance(architecture, str) or architecture not in architectures.ARCHITECTURES:
        known = ", ".join(architectures.ARCHITECTURES)
        given = reprlib.repr(architecture)
        raise CheckpointError(f"{path} names the unknown architecture {given} (known: {known})")
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
    return config, architecture, model_config


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
