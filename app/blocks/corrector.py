"""The table in which a person corrects what a tagger found, and the form that adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.blocks.entity_edits import (
    Corrected,
    Problem,
    Row,
    added,
    clean_label,
    corrected,
    kept,
    places_of,
    rows_of,
    to_record,
)
from app.blocks.settings import state_key
from app.i18n import Words
from litteragpt.entities.colours import INKS
from litteragpt.entities.span import Entity


def begin(page: str, entities: Sequence[Entity]) -> None:
    """Forget all corrections: these are what there is to correct."""
    _put(page, rows_of(entities))
    st.session_state[state_key(page, "model_rows")] = rows_of(entities)
    for name in ("words", "add_problem"):
        st.session_state.pop(state_key(page, name), None)


def section(t: Words, page: str, text: str) -> tuple[Entity, ...]:
    """Draw the table and the form; gives the entities as they are after all corrections."""
    rows: tuple[Row, ...] = st.session_state[state_key(page, "rows")]
    edited: tuple[Row, ...] = st.session_state[state_key(page, "edited")]
    if edited != rows and _editor_key(page) not in st.session_state:
        # The page was left and is there again, without what the table had kept of it.
        _put(page, edited)
        rows = edited
    st.caption(t("entities.correct.help"))
    labels = list(dict.fromkeys([*(row.entity.label for row in rows), *INKS]))
    done = Corrected(rows, ())
    if rows:
        done = corrected(text, rows, _editor(t, page, rows, labels, len(text)))
    st.session_state[state_key(page, "edited")] = done.rows
    if done.problems:
        lines = "\n".join(_said(t, each, len(text)) for each in done.problems)
        st.error(t("entities.correct.problems"), icon=":material/error:")
        st.code(lines, language=None, wrap_lines=True)
    elif any(a.entity.text != b.entity.text for a, b in zip(rows, done.rows, strict=True)):
        # The table's own column of texts follows a new beginning or end.
        _put(page, done.rows)
        st.rerun()
    _form(t, page, text, labels)
    if done.rows != st.session_state[state_key(page, "model_rows")]:
        st.button(
            t("entities.correct.reset"),
            key=state_key(page, "reset"),
            on_click=_reset,
            args=(page,),
            icon=":material/undo:",
        )
    return done.entities


def _said(t: Words, problem: Problem, length: int) -> str:
    """What is wrong with a row."""
    if problem.fault == "place":
        fault = t("entities.correct.faults.place", length=t.count(length))
    else:
        fault = t(f"entities.correct.faults.{problem.fault}")
    row = t("entities.correct.row", row=t.count(problem.row))
    return f"{row} ({problem.text[:60]}): {fault}"


def _editor(
    t: Words, page: str, rows: Sequence[Row], labels: list[str], length: int
) -> list[dict[str, Any]]:
    column = st.column_config
    edited: list[dict[str, Any]] = st.data_editor(
        [to_record(row) for row in rows],
        key=_editor_key(page),
        hide_index=True,
        num_rows="fixed",
        column_order=("keep", "text", "label", "start", "end", "score"),
        column_config={
            "keep": column.CheckboxColumn(t("entities.correct.keep"), width=50),
            "text": column.TextColumn(t("entities.columns.text"), disabled=True),
            "label": column.SelectboxColumn(
                t("entities.columns.label"), options=labels, required=True
            ),
            "start": column.NumberColumn(t("entities.correct.start"), step=1, format="%d"),
            "end": column.NumberColumn(t("entities.correct.end"), step=1, format="%d"),
            "score": column.NumberColumn(
                t("entities.columns.score"), disabled=True, format="percent"
            ),
        },
        alt=t("entities.correct.alt"),
    )
    return edited


def _form(t: Words, page: str, text: str, labels: list[str]) -> None:
    """A new entity by its words and label; Enter in the words is the button."""
    with st.form(f"{page}.add_form", border=False, clear_on_submit=False):
        left, middle, right = st.columns([3, 2, 1], vertical_alignment="bottom")
        left.text_input(
            t("entities.correct.words"), key=state_key(page, "words"), persist_state="session"
        )
        middle.selectbox(
            t("entities.correct.label"),
            labels,
            key=state_key(page, "new_label"),
            accept_new_options=True,
            placeholder=t("entities.correct.own"),
            persist_state="session",
        )
        right.form_submit_button(
            t("entities.correct.add"),
            key=state_key(page, "add"),
            on_click=_add,
            args=(page, text),
            width="stretch",
        )
        st.checkbox(
            t("entities.correct.all"), key=state_key(page, "everywhere"), persist_state="session"
        )
    problem = st.session_state.get(state_key(page, "add_problem"))
    if problem is not None:
        st.warning(t(f"entities.correct.{problem}"), icon=":material/info:")


def _add(page: str, text: str) -> None:
    """Take the form's words into the rows, or note why that cannot be."""
    words: str = st.session_state[state_key(page, "words")]
    label = clean_label(st.session_state[state_key(page, "new_label")])
    rows: tuple[Row, ...] = st.session_state[state_key(page, "edited")]
    places = places_of(text, words.strip(), kept(rows))
    problem: str | None = None
    if label is None:
        problem = "bad_label"
    elif not places:
        problem = "not_there"
    else:
        everywhere = st.session_state[state_key(page, "everywhere")]
        _put(page, added(text, rows, places if everywhere else places[:1], label))
        st.session_state[state_key(page, "words")] = ""
    st.session_state[state_key(page, "add_problem")] = problem


def _reset(page: str) -> None:
    _put(page, st.session_state[state_key(page, "model_rows")])


def _put(page: str, rows: Sequence[Row]) -> None:
    """Give the table new rows; under a new key, for its old changes are in them or gone."""
    st.session_state[state_key(page, "rows")] = tuple(rows)
    st.session_state[state_key(page, "edited")] = tuple(rows)
    version = st.session_state.get(state_key(page, "version"), 0)
    st.session_state[state_key(page, "version")] = version + 1


def _editor_key(page: str) -> str:
    return state_key(page, f"editor{st.session_state[state_key(page, 'version')]}")
