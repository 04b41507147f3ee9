"""Taggers by name: which there are, and how one is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litteragpt.checkpoint import (
    TAGGER,
    checkpoints_root,
    is_tagger_folder,
)
from litteragpt.entities.causal_folder import load_causal, read_causal
from litteragpt.entities.causal_huggingface import (
    is_causal_tagger_folder,
    load_causal_huggingface,
)
from litteragpt.entities.folder import load_folder, read_folder, tagger_names
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.huggingface import HuggingFaceTagger, load_huggingface_tagger
from litteragpt.entities.tagger import EntityTagger
from litteragpt.files import read_json_object
from litteragpt.huggingface import is_model_folder
from litteragpt.weights import CONFIG_FILE, MAX_CONFIG_BYTES, WEIGHTS_FILE, CheckpointError

DEFAULT_TAGGER = "ner-multi"


@dataclass(frozen=True, slots=True)
class TaggerDescription:
    """What a tagger's folder says about itself, without its weights."""

    name: str
    path: Path
    labels: tuple[str, ...]
    parameters: int
    card: str
    config: Mapping[str, Any]


def taggers() -> list[str]:
    """The names of the taggers in `checkpoints/`, sorted."""
    return tagger_names()


def load_tagger(
    name: str | Path = DEFAULT_TAGGER, *, adapter: Path | None = None
) -> EntityTagger | GenerativeTagger | HuggingFaceTagger:
    """The tagger of a checkpoint, by its name in `checkpoints/` or by its folder.

    With `adapter`, the folder of one that `litteragpt ner-train --lora` wrote, it has the
    adapter's labels. A folder of Hugging Face's layout with an encoder that classifies tokens
    will do, too, or with a language model that was taught to write entities. Raises
    `CheckpointError` (a `ValueError`) where there is none, or where a file of it is malformed.
    """
    folder = tagger_folder(name)
    ours = read_json_object(folder / CONFIG_FILE, MAX_CONFIG_BYTES).get("architecture") == TAGGER
    if adapter is not None and not ours:
        raise CheckpointError(f"{folder} takes no adapter: only encoders of ours do")
    if ours:
        tagger = load_encoder(folder)
        return tagger if adapter is None else tagger.with_adapter(adapter)
    if is_tagger_folder(folder):
        return load_causal(folder)[1]
    if is_causal_tagger_folder(folder):
        return load_causal_huggingface(folder)
    return load_huggingface_tagger(folder)


def describe_tagger(name: str | Path) -> TaggerDescription:
    """What the folder of one of our taggers says. Raises CheckpointError, as loading it would."""
    folder = tagger_folder(name)
    config = read_json_object(folder / CONFIG_FILE, MAX_CONFIG_BYTES)
    if config.get("architecture") == TAGGER:
        encoder, _ = read_folder(folder)
        labels, parameters, card = encoder.model.labels, encoder.parameters, encoder.card
    else:
        causal, _, _ = read_causal(folder)
        labels, parameters, card = causal.labels, causal.parameters, causal.card
    return TaggerDescription(folder.name, folder, tuple(labels), parameters, card, config)


def load_encoder(folder: Path) -> EntityTagger:
    """The tagger in the folder of an encoder of ours. Raises CheckpointError."""
    info, encoder = load_folder(folder)
    calibration = info.training.get("calibration", 1.0)
    if type(calibration) not in (int, float) or not 0.05 <= calibration <= 20.0:
        raise CheckpointError(f"{folder}: calibration must be from 0.05 to 20, not {calibration!r}")
    weights = info.path / WEIGHTS_FILE
    return EntityTagger(encoder, name=info.name, calibration=calibration, weights=weights)


def tagger_folder(name: str | Path) -> Path:
    """Where the tagger of a name, or a folder, is: ours, or a model folder of others.

    Raises CheckpointError where there is none.
    """
    root = checkpoints_root()
    for path in (root / name, Path(name)):
        if str(name) and (is_tagger_folder(path) or is_model_folder(path)):
            return path
    names = ", ".join(tagger_names()) or "none"
    raise CheckpointError(f"no tagger {str(name)[:80]!r}; there are in {root}: {names}")
