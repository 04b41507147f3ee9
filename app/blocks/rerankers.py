"""What judges Perguntar's passages besides their words: our encoder, or a model of others."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.blocks import models
from app.i18n import Words
from litteragpt.answers import Reranker
from litteragpt.answers.encoder_folder import FILES
from litteragpt.answers.foreign import judges, load_judge
from litteragpt.answers.meaning import DEFAULT_ENCODER, has_encoder, load_meaning
from litteragpt.checkpoint import checkpoints_root
from litteragpt.huggingface import weight_files

KEY = "perguntar.reranker"
WORDS_ALONE = ""


def choose(t: Words) -> None:
    """A choice of one, or of words alone; nothing where there is none to choose."""
    names = _names()
    if not names:
        return
    st.session_state[KEY] = chosen()
    labels = {WORDS_ALONE: t("reranker.none"), DEFAULT_ENCODER: t("reranker.meaning")}
    st.selectbox(
        t("reranker.label"),
        [*names, WORDS_ALONE] if DEFAULT_ENCODER in names else [WORDS_ALONE, *names],
        format_func=lambda name: labels.get(name, name),
        key=KEY,
        help=t("reranker.help"),
        persist_state="session",
    )


def chosen() -> str:
    """The name of the one that is chosen, at first our own encoder where it is there."""
    names = _names()
    first = DEFAULT_ENCODER if DEFAULT_ENCODER in names else WORDS_ALONE
    name: str = st.session_state.get(KEY, first)
    return name if name in (WORDS_ALONE, *names) else first


def load(t: Words) -> Reranker | None:
    """The chosen one; where it cannot be used, says so and gives None."""
    name = chosen()
    if not name:
        return None
    try:
        ours = name == DEFAULT_ENCODER and has_encoder()
        folder = checkpoints_root() / name if ours else _foreign()[name]
        files = [folder / file for file in FILES] if ours else weight_files(folder)
        stats = [path.stat() for path in files]
        with st.spinner(t("models.loading")):
            return _load(folder, ours, tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))
    except (ValueError, OSError) as error:
        models.show_broken(t, name, str(error))
        return None


def _names() -> list[str]:
    """Ours first."""
    foreign = list(_foreign())
    if not has_encoder():
        return foreign
    return [DEFAULT_ENCODER, *(name for name in foreign if name != DEFAULT_ENCODER)]


def _foreign() -> dict[str, Path]:
    return {path.name: path for path in judges()}


@st.cache_resource(show_spinner=False, max_entries=2)
def _load(folder: Path, ours: bool, fingerprint: tuple[tuple[int, int], ...]) -> Reranker:
    """Loaded once per process, and again where the files on disk have changed."""
    return load_meaning(folder) if ours else load_judge(folder)
