"""The language of the session: Spanish unless the address or the user says otherwise."""

from __future__ import annotations

import streamlit as st

from app.i18n import LANGUAGES, Words
from app.i18n.words import DEFAULT_LANGUAGE

_STATE = "language"
_WIDGET = "language_choice"


def words() -> Words:
    """The session's speaker; `?lang=` sets it when the session begins."""
    if _STATE not in st.session_state:
        asked = st.query_params.get("lang", DEFAULT_LANGUAGE)
        st.session_state[_STATE] = asked if asked in LANGUAGES else DEFAULT_LANGUAGE
    return Words(st.session_state[_STATE])


def chooser() -> None:
    """Three short names, the present one marked."""
    t = words()
    st.session_state[_WIDGET] = t.language
    st.segmented_control(
        t("nav.language"),
        list(LANGUAGES),
        format_func=str.upper,
        key=_WIDGET,
        required=True,
        on_change=_choose,
        label_visibility="collapsed",
    )


def _choose() -> None:
    st.session_state[_STATE] = st.session_state[_WIDGET]
