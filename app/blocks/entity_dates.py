"""Dates and times of a text as ISO 8601, where a person asks for them."""

from __future__ import annotations

from datetime import date, datetime, time

import streamlit as st

from app.blocks.entity_table import Normalise
from app.blocks.settings import state_key
from app.i18n import LANGUAGES, Words
from litteragpt.entities.span import Entity

PACKAGE = "dateparser"


def controls(t: Words, page: str) -> Normalise | None:
    """The switch and, once on, what it needs to know; gives how to write an entity's date."""
    on = st.toggle(
        t("entities.dates.toggle"),
        key=state_key(page, "dates"),
        help=t("entities.dates.help"),
        persist_state="session",
    )
    if not on:
        return None
    st.session_state.setdefault(state_key(page, "language"), t.language)
    left, right = st.columns(2, gap="medium")
    day = left.date_input(
        t("entities.dates.reference"),
        key=state_key(page, "reference"),
        format="YYYY-MM-DD",
        persist_state="session",
    )
    language = right.segmented_control(
        t("entities.dates.language"),
        list(LANGUAGES),
        format_func=str.upper,
        key=state_key(page, "language"),
        required=True,
        persist_state="session",
    )
    assert language is not None
    reference = datetime.combine(day if isinstance(day, date) else date.today(), time())
    try:
        _iso("1", "DATE", language, reference)
    except ModuleNotFoundError:
        st.info(t("entities.dates.package"), icon=":material/info:")
        st.code(f"pip install {PACKAGE}", language=None)
        return None

    def normalised(entity: Entity) -> str | None:
        return _iso(entity.text, entity.label, language, reference)

    return normalised


@st.cache_data(show_spinner=False, max_entries=4_000)
def _iso(text: str, label: str, language: str, reference: datetime) -> str | None:
    """Kept, for each takes milliseconds and the page is drawn often."""
    # An extra of its own.
    from litteragpt.entities.normalise import iso_8601

    return iso_8601(text, label, language=language, reference=reference)
