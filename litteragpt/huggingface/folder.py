"""What a model folder of Hugging Face's layout says of itself, without `transformers`.

Such a folder may come from a stranger: every figure in it that decides how much memory or time
the model will take is checked here, before anything is built from it.
"""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open

from litteragpt.files import read_json_object, read_text

MODELS_VARIABLE: Final = "LITTERAGPT_MODELS"

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "model.safetensors"
INDEX_FILE: Final = "model.safetensors.index.json"
TOKENIZER_FILE: Final = "tokenizer.json"
CARD_FILE: Final = "README.md"

MAX_CONFIG_BYTES: Final = 2**20
MAX_CARD_BYTES: Final = 2**20
MAX_INDEX_BYTES: Final = 16 * 2**20
MAX_TEXT_BYTES: Final = 64 * 2**20
"""Of any other file that may be read: vocabularies of 260,000 tokens take half of it."""
MAX_TENSORS: Final = 2**17
MAX_VOCABULARY: Final = 2**22
MAX_CONTEXT: Final = 2**24
DEFAULT_CONTEXT: Final = 2048
"""Tokens, where a folder does not say how many positions its model knows."""

_MAX_FIGURE: Final = 2**31
_MAX_COUNT: Final = 2**16
_COUNTS: Final = re.compile(r"layer|head|expert|block|depth|group|stack|stage|codebook")
"""Keys of what is built or listed one by one."""
_LAYERS: Final = frozenset({"num_hidden_layers", "n_layer", "n_layers", "num_layers"})
_CONTEXTS: Final = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length")
_MODEL_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_CLASS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
CAUSAL: Final = ("ForCausalLM", "LMHeadModel")
"""Endings of the classes of causal language models, and of encoders of text:"""
ENCODERS: Final = ("Model", "ForMaskedLM", "ForPreTraining", "ForTokenClassification")
CROSS_ENCODERS: Final = ("ForSequenceClassification",)
"""And of those that judge two texts together."""
_KINDS: Final = {
    CAUSAL: "causal language model",
    ENCODERS: "encoder of text",
    CROSS_ENCODERS: "cross-encoder",
}
_TEXT_SUFFIXES: Final = frozenset({".json", ".txt", ".jinja", ".model", ".tiktoken"})
_NUMBERS: Final = frozenset({"BF16", "F16", "F32"})
_FRONT_MATTER: Final = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_LANGUAGE: Final = re.compile(
    r"^language:[ \t]*(?:\n[ \t]*-[ \t]*)?\[?[\"']?([a-z]{2})[\"']?\]?[ \t]*$(?!\n[ \t]*-)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose figures are within bounds and agree with its weights' file headers."""

    path: Path
    config: dict[str, Any]
    """`config.json`, as it is there."""
    architecture: str
    """The class that the folder names, such as `LlamaForCausalLM`."""
    parameters: int
    tensors: int
    context: int
    """Positions that the model knows; `DEFAULT_CONTEXT` where it does not say."""
    language: str | None
    """ISO 639-1 code, where the card's front matter names one language."""
    card: str
    """`README.md`; empty where there is none."""


def model_folders() -> list[Path]:
    """Where models of others are looked for, besides `checkpoints/`: `$LITTERAGPT_MODELS`.

    A list of paths like `PATH`; each is the folder of a model, or a folder of such folders.
    """
    listed = os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)
    found: list[Path] = []
    for path in map(Path, filter(None, listed)):
        if is_model_folder(path):
            found.append(path)
        else:
            found.extend(filter(is_model_folder, _subfolders(path)))
    return found


def is_model_folder(folder: Path) -> bool:
    """Whether a folder says that it is of this kind; it may be broken all the same."""
    try:
        config = read_json_object(folder / CONFIG_FILE, MAX_CONFIG_BYTES)
    except ValueError:
        return False
    return "model_type" in config and "format" not in config


def is_cross_encoder(folder: Path) -> bool:
    """Whether a folder says that its model judges two texts together; it may be broken, too."""
    if not is_model_folder(folder):
        return False
    listed = read_json_object(folder / CONFIG_FILE, MAX_CONFIG_BYTES).get("architectures")
    first = listed[0] if isinstance(listed, list) and listed else None
    return isinstance(first, str) and first.endswith(CROSS_ENCODERS)


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a folder's weights; none where it has none that may be read.

    Raises ValueError where the index of several files is malformed or names one elsewhere.
    """
    single, index = folder / WEIGHTS_FILE, folder / INDEX_FILE
    if single.is_file():
        return [single]
    if not index.is_file():
        return []
    table = read_json_object(index, MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise ValueError(f"{index} lacks the table weight_map")
    names = set()
    for name in table.values():
        if not isinstance(name, str) or Path(name).name != name or "\\" in name:
            raise ValueError(
                f"{index} names a file that is not in its folder: {reprlib.repr(name)}"
            )
        if not name.endswith(".safetensors"):
            raise ValueError(f"{index} names a file that is no .safetensors: {reprlib.repr(name)}")
        names.add(name)
    return [folder / name for name in sorted(names)]


def read_folder(folder: Path, classes: tuple[str, ...] = CAUSAL) -> ModelFolder:
    """Read and check what a folder says; ValueError, naming the file, for whatever is wrong.

    `classes`, `CAUSAL`, `ENCODERS` or `CROSS_ENCODERS`, says what its model must be.
    """
    path = Path(os.path.abspath(folder))
    config_file = path / CONFIG_FILE
    config = read_json_object(config_file, MAX_CONFIG_BYTES)
    architecture = _architecture(config, config_file, classes)
    _check_files(path)
    shapes = _shapes(path)
    _check_figures(config, config_file, len(shapes))
    # What has four dimensions is a mask that old files have beside the weights.
    parameters = sum(_items(shape) for shape in shapes.values() if len(shape) < 4)
    card = read_text(path / CARD_FILE, MAX_CARD_BYTES) if (path / CARD_FILE).is_file() else ""
    return ModelFolder(
        path,
        config,
        architecture,
        parameters,
        len(shapes),
        _context(config, config_file),
        _language(card),
        card,
    )


def check_vocabulary(folder: Path) -> None:
    """Raise ValueError where a `tokenizer.json` is malformed or numbers a token out of bounds."""
    path = folder / TOKENIZER_FILE
    content = read_json_object(path, MAX_TEXT_BYTES)
    model, added = content.get("model"), content.get("added_tokens")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    ids = list(vocab.values()) if isinstance(vocab, dict) else []
    if isinstance(added, list):
        ids += [each.get("id") for each in added if isinstance(each, dict)]
    if bad := [id for id in ids if type(id) is not int or not 0 <= id < MAX_VOCABULARY]:
        raise ValueError(f"{path} has the token id {reprlib.repr(bad[0])}, which is out of bounds")


def _architecture(config: dict[str, Any], path: Path, classes: tuple[str, ...]) -> str:
    kind = config.get("model_type")
    if not isinstance(kind, str) or not _MODEL_TYPE.fullmatch(kind):
        raise ValueError(f"{path} has the unusable model_type {reprlib.repr(kind)}")
    if config.get("quantization_config") is not None:
        raise ValueError(f"{path} is of quantised weights, which this version does not read")
    listed = config.get("architectures") or [kind]
    name = listed[0] if isinstance(listed, list) else None
    if not isinstance(name, str) or not (name == kind or _CLASS.fullmatch(name)):
        raise ValueError(f"{path} has unusable architectures: {reprlib.repr(listed)}")
    named = bool(config.get("architectures"))
    if config.get("is_encoder_decoder") or (named and not name.endswith(classes)):
        raise ValueError(
            f"{path} is of the architecture {name}, no {_KINDS[classes]}: the names of those "
            f"end in {' or '.join(classes)}"
        )
    return name


def _check_files(folder: Path) -> None:
    """What `transformers` may read of a folder is there, and of a size to be read."""
    if not (folder / TOKENIZER_FILE).is_file():
        raise ValueError(f"{folder / TOKENIZER_FILE} is missing or is not a file")
    for path in sorted(folder.rglob("*")):
        text = path.suffix in _TEXT_SUFFIXES and path.name != INDEX_FILE and path.is_file()
        if text and path.stat().st_size > MAX_TEXT_BYTES:
            raise ValueError(f"{path} is larger than {MAX_TEXT_BYTES} bytes")
    if not weight_files(folder):
        pickles = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        why = ": its weights are pickles, which can hold code and are not read" if pickles else ""
        raise ValueError(f"{folder} has no {WEIGHTS_FILE}{why}")


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor, from the headers; the library checks them against the files."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in weight_files(folder):
        try:
            opener: Any = safe_open  # the library's own stub is untyped
            with opener(path, framework="pt", device="cpu") as file:
                names = list(file.keys())
                if len(shapes) + len(names) > MAX_TENSORS:
                    raise ValueError(f"{path} has more than {MAX_TENSORS} tensors")
                for name in names:
                    part = file.get_slice(name)
                    shapes[name] = tuple(part.get_shape())
                    if part.get_dtype() not in _NUMBERS and len(shapes[name]) < 4:
                        raise ValueError(
                            f"{path}: {reprlib.repr(name)} is of type {part.get_dtype()}, not one "
                            f"of {', '.join(sorted(_NUMBERS))}"
                        )
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path} is not a valid safetensors file: {error}") from error
    if not shapes:
        raise ValueError(f"{folder} has no weights in its safetensors")
    return shapes


def _check_figures(config: dict[str, Any], path: Path, tensors: int) -> None:
    """No figure makes a model larger than its weights, or a list longer than any model's."""
    layers = experts = 1
    for key, value in _figures(config):
        given = f"{path} has {key} {reprlib.repr(value)}"
        if abs(value) > _MAX_FIGURE:
            raise ValueError(f"{given}, which is out of bounds")
        if key in _LAYERS:
            layers = max(layers, int(value))
            if not 1 <= value <= tensors:
                raise ValueError(f"{given} where its weights are {tensors} tensors")
        elif isinstance(value, int) and _COUNTS.search(key) and value > _MAX_COUNT:
            raise ValueError(f"{given}, which is more than {_MAX_COUNT}")
        if isinstance(value, int) and "expert" in key and "size" not in key and "dim" not in key:
            experts = max(experts, value)
    if layers * experts > MAX_TENSORS:
        raise ValueError(f"{path} asks for {layers} layers of {experts} experts each")


def _figures(value: Any, key: str = "") -> Iterator[tuple[str, int | float]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _figures(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _figures(inner, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def _context(config: dict[str, Any], path: Path) -> int:
    inner = config.get("text_config")
    tables = [config, inner] if isinstance(inner, dict) else [config]
    found = [table[key] for table in tables for key in _CONTEXTS if table.get(key) is not None]
    if not found:
        return DEFAULT_CONTEXT
    if type(found[0]) is not int or not 1 < found[0] <= MAX_CONTEXT:
        given = reprlib.repr(found[0])
        raise ValueError(f"{path} must know 2 to {MAX_CONTEXT} positions, not {given}")
    return int(found[0])


def _language(card: str) -> str | None:
    front = _FRONT_MATTER.match(card)
    found = _LANGUAGE.search(front[1]) if front else None
    return found[1] if found else None


def _items(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _subfolders(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in paths if path.is_dir() and not path.name.startswith(".")]
