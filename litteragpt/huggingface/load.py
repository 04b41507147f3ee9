"""Reading a model folder through `transformers`: never code, never a pickle, never the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch

from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import ModelFolder, check_vocabulary
from litteragpt.huggingface.model import HuggingFaceModel
from litteragpt.huggingface.tokenizer import HuggingFaceTokenizer

MAX_BUFFER_BYTES: Final = 2**30
"""Of what a model keeps besides its weights: masks and tables of angles."""
SMALL: Final = 1_000_000_000
"""Parameters up to which weights are used in single precision; more stay in 16 bits."""
LOCAL: Final[dict[str, Any]] = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to be used, its tokenizer, and the ids by which it ends a text."""

    model: HuggingFaceModel
    tokenizer: HuggingFaceTokenizer
    end_ids: frozenset[int]


def load_folder(folder: ModelFolder, device: str | torch.device = "cpu") -> LoadedModel:
    """The model of a folder that was read, in single precision up to a billion parameters.

    Raises ValueError, naming the folder, for whatever is wrong with it, and where `transformers`
    is not installed.
    """
    theirs, tokenizer = load_theirs(folder)
    with as_value_error(f"the device {str(device)!r} cannot be used"):
        theirs.to(device)
    with as_value_error(f"{folder.path} cannot be used"):
        model = HuggingFaceModel(theirs, _positions(theirs, folder.context))
        ours = HuggingFaceTokenizer(tokenizer, model.vocab_size)
    ends = {*_ids(theirs.generation_config), *_ids(theirs.config), ours.end_id} - {None}
    known = frozenset(id for id in ends if id is not None and id < ours.vocab_size)
    return LoadedModel(model, ours, known)


def load_theirs(
    folder: ModelFolder,
    kind: str = "AutoModelForCausalLM",
    *,
    head: tuple[str, ...] | None = None,
    **changes: Any,
) -> tuple[Any, Any]:
    """A model as the class `kind` of `transformers` reads it, on the CPU, and its tokenizer.

    `changes` are fields of its config that are set. Parameters whose names begin with one of
    `head` may be missing in the weights, or of other shapes there, and are then random. Raises
    ValueError, naming the folder, for whatever is wrong.
    """
    try:
        import transformers
    except ImportError as error:
        raise ValueError(
            f"{folder.path} is a model of Hugging Face's layout, which needs the package "
            f"transformers: pip install 'litteragpt[hf]'"
        ) from error
    check_vocabulary(folder.path)
    with as_value_error(f"{folder.path} cannot be used"), quiet(transformers):
        theirs = _load_model(transformers, folder, kind, head, changes)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder.path, **LOCAL)
        if not getattr(tokenizer, "is_fast", False):
            raise ValueError("its tokenizer is not one of the tokenizers library")
    return theirs, tokenizer


def _load_model(
    transformers: Any,
    folder: ModelFolder,
    kind: str,
    head: tuple[str, ...] | None,
    changes: dict[str, Any],
) -> Any:
    config = transformers.AutoConfig.from_pretrained(folder.path, **LOCAL, **changes)
    auto = getattr(transformers, kind)
    with torch.device("meta"):
        empty = auto.from_config(config, trust_remote_code=False)
    asked = sum(
        parameter.numel()
        for name, parameter in empty.named_parameters()
        if head is None or not name.startswith(head)
    )
    if asked > folder.parameters:
        raise ValueError(
            f"config.json asks for {asked} parameters where the weights hold {folder.parameters}"
        )
    if sum(buffer.nbytes for buffer in empty.buffers()) > MAX_BUFFER_BYTES:
        raise ValueError(f"config.json asks for buffers of more than {MAX_BUFFER_BYTES} bytes")
    model, told = auto.from_pretrained(
        folder.path,
        config=config,
        dtype=torch.float32 if asked <= SMALL else torch.bfloat16,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=head is not None,
        **LOCAL,
    )
    lacking = {*told["missing_keys"], *(each[0] for each in told["mismatched_keys"])}
    if missing := sorted(n for n in lacking if head is None or not n.startswith(head)):
        raise ValueError(f"the weights lack {missing[0]}, and {len(missing) - 1} more")
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise ValueError(f"{name} holds NaN or infinite values")
    return model.eval()


def _positions(theirs: Any, context: int) -> int:
    """The folder's context, or what the model says where that is less."""
    known = getattr(theirs.config.get_text_config(), "max_position_embeddings", None)
    return min(context, known) if isinstance(known, int) and known > 1 else context


def _ids(config: Any) -> list[int]:
    """The ids that end a text, of which a config names one, several or none."""
    named = getattr(config, "eos_token_id", None)
    listed = named if isinstance(named, list) else [named]
    return [id for id in listed if type(id) is int and id >= 0]


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Without the library's progress bars and notices on standard error."""
    logging = transformers.utils.logging
    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
