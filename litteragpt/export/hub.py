"""A checkpoint as a repository of the Hugging Face Hub.

The token is the hub's own: `HF_TOKEN`, or what `hf auth login` has kept. The repository gets the
files of the checkpoint, or those of `litteragpt.export.huggingface`, and the card as README.md,
with the front matter that the hub sorts models by.
"""

from __future__ import annotations

import re
import reprlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from litteragpt import __version__
from litteragpt.checkpoint import OPTIONAL_FILES, REQUIRED_FILES, CheckpointInfo
from litteragpt.export.common import load_own, optional_library
from litteragpt.export.huggingface import export_transformers
from litteragpt.weights import CARD_FILE, WEIGHTS_FILE, with_sha256

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Layout = Literal["litteragpt", "hf"]

_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_REPOSITORY: Final = re.compile(rf"{_PART}/{_PART}")
MAX_REPOSITORY_CHARS: Final = 96
"""The hub's own limit, and so are the characters."""


def push_to_hub(
    name: str | Path,
    repository: str,
    *,
    private: bool = False,
    layout: Layout = "litteragpt",
    api: HfApi | None = None,
) -> str:
    """Send a checkpoint to the hub, in one commit; the address of its repository.

    The repository `USER/REPO` is made where there is none; `private` counts only then.
    `api` is another client than the hub's own, such as one of another endpoint. Raises
    `CheckpointError` for a checkpoint that is malformed or, in the layout `hf`, no decoder;
    `ValueError` for a bad name, a card without a licence, a missing token and for what the hub
    refuses; `ConnectionError` where it cannot be reached; `ImportError` without `huggingface_hub`.
    """
    check_repository(repository)
    if layout not in get_args(Layout):
        raise ValueError(f"the layout must be litteragpt or hf, not {reprlib.repr(layout)}")
    hub = optional_library("huggingface_hub", "hf")
    info = load_own(name).info
    card = hub_card(info, layout)
    api = api or hub.HfApi()
    if not api.token and hub.get_token() is None:
        raise ValueError("the hub asks for a token: set HF_TOKEN, or run `hf auth login`")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "repository"
        if layout == "hf":
            export_transformers(name, folder)
        else:
            folder.mkdir()
            for file in (*REQUIRED_FILES, *OPTIONAL_FILES):
                if (info.path / file).exists():
                    shutil.copyfile(info.path / file, folder / file)
        card = with_sha256(card, folder / WEIGHTS_FILE)
        (folder / CARD_FILE).write_text(card, "utf-8", newline="\n")
        return _upload(api, folder, repository, private, f"{info.name}, litteragpt {__version__}")


def check_repository(repository: str) -> None:
    """`ValueError` unless the hub can have a repository of this name."""
    fits = _REPOSITORY.fullmatch(repository) and len(repository) <= MAX_REPOSITORY_CHARS
    if not fits or "--" in repository or ".." in repository or repository.endswith(".git"):
        raise ValueError(
            f"a repository of the hub is called USER/REPO, of letters, digits and single '-', '.' "
            f"and '_', in at most {MAX_REPOSITORY_CHARS} characters, not {reprlib.repr(repository)}"
        )


def hub_card(info: CheckpointInfo, layout: Layout) -> str:
    """The card of a checkpoint with what the hub reads: licence, language, library and tags.

    Raises `ValueError` where its front matter is no YAML, or names no licence.
    """
    hub = optional_library("huggingface_hub", "hf")
    yaml = optional_library("yaml", "hf")
    try:
        card = hub.ModelCard(info.card, ignore_metadata_errors=False)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{info.path / CARD_FILE} has no valid front matter: {error}") from error
    data = card.data
    if not data.license:
        raise ValueError(
            f"{info.path / CARD_FILE} names no licence: its front matter must have a line "
            f"`license:`, such as `license: apache-2.0`"
        )
    data.language = data.language or info.language
    data.pipeline_tag = data.pipeline_tag or "text-generation"
    data.library_name = "transformers" if layout == "hf" else "litteragpt"
    tags = data.tags if isinstance(data.tags, list) else []
    data.tags = list(dict.fromkeys([*map(str, tags), "litteragpt", info.architecture]))
    return str(card)


def _upload(api: Any, folder: Path, repository: str, private: bool, message: str) -> str:
    errors = optional_library("huggingface_hub.errors", "hf")
    # The hub's client is another library in every other version, but its errors are always these.
    network = (errors.HfHubHTTPError.__bases__[0], OSError)
    try:
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(folder_path=folder, repo_id=repository, commit_message=message)
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        said = str(error).strip() or "no reason given"
        what = _REFUSALS.get(status, said.splitlines()[-1])
        raise ValueError(f"the hub refuses {repository} (status {status}): {what}") from error
    except network as error:
        raise ConnectionError(f"the hub {api.endpoint} cannot be reached: {error}") from error
    return str(address)


_REFUSALS: Final = {
    401: "the token is wrong or has run out",
    403: "the token may not write there: it needs the right to write, and the name must be yours",
}
