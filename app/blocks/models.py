"""Finding, choosing and loading checkpoints; one that is broken is reported, never fatal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

import litteragpt
from app.i18n import LANGUAGES, Words
from litteragpt.checkpoint import KNOWN_FILE, CheckpointInfo, CheckpointList, read_metrics
from litteragpt.generation.text import TextModel
from litteragpt.huggingface import weight_files

PREFERRED = "litteragpt-es"


@st.cache_resource(show_spinner=False, max_entries=4)
def _load(folder: str, fingerprint: tuple[tuple[int, int], ...]) -> TextModel:
    """Loaded once per process, and again where the weights on disk have changed."""
    model = litteragpt.load(folder)
    # The first pass of a process is many times slower than the next: not in front of a user.
    model.complete("", seed=0, max_chars=2)
    return model


def found() -> CheckpointList:
    """What is there, the preferred checkpoint first."""
    listed = litteragpt.list_checkpoints()
    listed.found.sort(key=lambda info: (info.name != PREFERRED, info.name))
    return listed


def load(t: Words, info: CheckpointInfo) -> TextModel | None:
    """The model of a checkpoint; where it cannot be used, says so and gives None."""
    try:
        stats = [path.stat() for path in weight_files(info.path)]
        with st.spinner(t("models.loading")):
            return _load(str(info.path), tuple((each.st_mtime_ns, each.st_size) for each in stats))
    except (ValueError, OSError) as error:
        show_broken(t, info.name, str(error))
        return None


def show_broken(t: Words, name: str, reason: str) -> None:
    """One clear error; name and reason as plain text, for they come from a folder."""
    st.error(t("models.broken"), icon=":material/error:")
    st.code(f"{name}\n{reason}", language=None, wrap_lines=True)


def none_found(t: Words, listed: CheckpointList) -> None:
    """What to do where there is no checkpoint to use."""
    st.warning(t("models.none"), icon=":material/info:")
    st.code("litteragpt train models/litteragpt-es.toml", language=None, wrap_lines=True)
    for path, reason in listed.broken:
        show_broken(t, path.name, reason)


def chosen(listed: CheckpointList, *, key: str) -> CheckpointInfo:
    """The checkpoint to use: the one that the session keeps under `key`, else the first."""
    name = st.session_state.get(key)
    return next((info for info in listed.found if info.name == name), listed.found[0])


def choose(t: Words, listed: CheckpointList, *, key: str) -> CheckpointInfo:
    """A choice of checkpoint, where there is more than one."""
    choose_name(t, {info.name: label(t, info) for info in listed.found}, key=key)
    return chosen(listed, key=key)


def choose_name(t: Words, labels: Mapping[str, str], *, key: str) -> str:
    """A choice of one of the names, shown by their labels, where there is more than one."""
    names = list(labels)
    if st.session_state.get(key) not in labels:
        st.session_state[key] = names[0]
    if len(names) > 1:
        st.selectbox(
            t("models.choose"),
            names,
            format_func=lambda name: labels[name],
            key=key,
            persist_state="session",
        )
    return str(st.session_state[key])


def parameters(t: Words, count: int) -> str:
    """How many parameters there are, in millions where it is more than one."""
    return t("models.millions", count=t.number(count / 1e6, 1)) if count >= 1e6 else t.count(count)


def megabytes(t: Words, folder: Path) -> str:
    """The size of a folder's files."""
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return f"{t.number(size / 1e6, 1)} MB"


def label(t: Words, info: CheckpointInfo) -> str:
    """A checkpoint's name, its language where it says one, and what it writes."""
    language = LANGUAGES.get(info.language or "", info.language)
    return " · ".join(filter(None, (info.name, language, t(f"models.writes.{_kind(info)}"))))


def by_letters(info: CheckpointInfo) -> bool:
    """Whether the model's pieces are single characters."""
    return bool(info.config["tokenizer"]["kind"] == "char")


def makes_names(info: CheckpointInfo) -> bool:
    """Whether the model writes names, and can tell which are known."""
    return info.reads == "lines" and (info.path / KNOWN_FILE).is_file()


def _kind(info: CheckpointInfo) -> str:
    if info.library == "transformers":
        return "others"
    if info.reads == "lines":
        return "names" if makes_names(info) else "lines"
    return "letters" if by_letters(info) else "pieces"


def metrics(t: Words, info: CheckpointInfo) -> list[dict[str, Any]]:
    """The checkpoint's metrics; where they are malformed, says so and gives none."""
    try:
        return read_metrics(info.path)
    except ValueError as error:
        show_broken(t, info.name, str(error))
        return []
