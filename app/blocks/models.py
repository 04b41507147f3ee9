"""Finding, choosing and loading checkpoints; one that is broken is reported, never fatal."""

from __future__ import annotations

import streamlit as st

import litteragpt
from app.i18n import Words
from litteragpt.checkpoint import CheckpointInfo, CheckpointList
from litteragpt.generation.text import TextModel

PREFERRED = "litteragpt-es"


@st.cache_resource(show_spinner=False, max_entries=4)
def _load(name: str, fingerprint: tuple[int, int]) -> TextModel:
    """Loaded once per process, and again where the weights on disk have changed."""
    model = litteragpt.load(name)
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
        stat = (info.path / "model.safetensors").stat()
        with st.spinner(t("models.loading")):
            return _load(info.name, (stat.st_mtime_ns, stat.st_size))
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
    st.session_state[key] = chosen(listed, key=key).name
    if len(listed.found) > 1:
        names = [info.name for info in listed.found]
        st.selectbox(t("models.choose"), names, key=key, persist_state="session")
    return chosen(listed, key=key)
