"""A cross-encoder of others that judges Perguntar's passages, too, where there is one to choose."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.blocks import models
from app.i18n import Words
from litteragpt.answers.cross_encoder import CrossEncoder, cross_encoders, load_cross_encoder
from litteragpt.huggingface import weight_files

KEY = "perguntar.reranker"


def choose(t: Words) -> None:
    """A choice of one, or of none; nothing where there is no folder of one."""
    names = [path.name for path in cross_encoders()]
    if not names:
        return
    if st.session_state.get(KEY) not in names:
        st.session_state[KEY] = ""
    st.selectbox(
        t("reranker.label"),
        ["", *names],
        format_func=lambda name: name or t("reranker.none"),
        key=KEY,
        help=t("reranker.help"),
        persist_state="session",
    )


def load(t: Words) -> CrossEncoder | None:
    """The chosen one; where it cannot be used, says so and gives None."""
    name = st.session_state.get(KEY)
    folder = next((path for path in cross_encoders() if path.name == name), None)
    if folder is None:
        return None
    try:
        stats = [path.stat() for path in weight_files(folder)]
        with st.spinner(t("models.loading")):
            return _load(folder, tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))
    except (ValueError, OSError) as error:
        models.show_broken(t, folder.name, str(error))
        return None


@st.cache_resource(show_spinner=False, max_entries=2)
def _load(folder: Path, fingerprint: tuple[tuple[int, int], ...]) -> CrossEncoder:
    """Loaded once per process, and again where the weights on disk have changed."""
    return load_cross_encoder(folder)
