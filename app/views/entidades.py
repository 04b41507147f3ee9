"""Entidades: what a text names, marked, corrected by hand, and taken along as a file."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from app.blocks import (
    charts,
    corrector,
    entity_dates,
    entity_links,
    entity_table,
    entity_text,
    settings,
    sharing,
    taggers,
    upload_field,
    uploads,
)
from app.blocks.composer import go_button
from app.blocks.entity_links import THRESHOLD
from app.blocks.examples import TO_MARK
from app.blocks.language import words
from app.blocks.markdown import literally
from app.blocks.navigation import header
from app.blocks.session_jobs import Intent, desk, intend
from app.blocks.slots import Busy
from app.blocks.taggers import Marked, Reading, TaggerInfo
from app.i18n import Words
from litteragpt.entities import highlight
from litteragpt.entities.span import Entity

PAGE = "entidades"


def page() -> None:
    t = words()
    header(t("entities.title"), t("entities.subtitle"))
    offered = taggers.found()
    if not offered:
        st.warning(t("entities.none"), icon=":material/info:")
        st.code(
            "litteragpt ner-train models/ner-multi.toml --source DIR",
            language=None,
            wrap_lines=True,
        )
        return
    prepare()
    intent = desk().intents.get(PAGE)
    link = opened(offered)
    if link is not None:
        settings.put(PAGE, link.settings)
        if link.problems:
            desk().problems[PAGE] = link.problems
        else:
            intent = "generate"

    above = st.container()
    with st.container(horizontal=True, vertical_alignment="center"):
        go_button(t, PAGE, None, label=t("entities.button"))
        with st.popover(t("entities.upload"), icon=":material/upload_file:"):
            if uploaded(t):
                intent = "generate"
    if intent is not None:
        start(t, offered, intent)
    desk().settle(PAGE)
    with above:
        composer(t, offered)
    sharing.warn(t, PAGE)
    marked: Marked | None = st.session_state.get(_key("marked"))
    if marked is not None:
        st.html(f"<style>{highlight.STYLE}</style>")
        result(t, marked)


def _key(name: str) -> str:
    return settings.state_key(PAGE, name)


def prepare() -> None:
    """Give each setting that has no value yet its default; before any widget is drawn."""
    defaults: dict[str, Any] = {
        "text": "",
        "threshold": THRESHOLD.default,
        "labels": [],
        "offered_labels": [],
    }
    for name, default in defaults.items():
        st.session_state.setdefault(_key(name), default)


def opened(offered: list[TaggerInfo]) -> entity_links.EntityLink | None:
    """What the address asks for, until the session has looked at it once."""
    if PAGE in desk().opened:
        return None
    names = [info.name for info in offered]
    return entity_links.parse(st.query_params.to_dict(), taggers=names)


def composer(t: Words, offered: list[TaggerInfo]) -> None:
    """The tagger, the text, and examples that fill it in and are marked at once."""
    taggers.choose(t, offered, key=_key("tagger"), second_key=_key("second"))
    st.text_area(
        t("entities.text"),
        key=_key("text"),
        height=190,
        placeholder=t("entities.placeholder"),
        persist_state="session",
    )
    with st.container(horizontal=True, wrap=False, gap="xsmall", key=f"{PAGE}-examples"):
        for name in TO_MARK:
            st.button(
                t(f"entities.examples.{name}"),
                key=f"{PAGE}.{name}",
                on_click=_take_example,
                args=(name,),
            )


def _take_example(name: str) -> None:
    settings.put(PAGE, {"text": TO_MARK[name]})
    intend(PAGE, "generate")


def uploaded(t: Words) -> bool:
    """The field for a file; whether a new one is there and its text in the text's place."""
    hint = t("entities.upload_file", limit=t.count(uploads.MAX_MB))
    upload_field.speak(t("entities.upload_choose"), hint)
    file = st.file_uploader(
        hint,
        type=list(uploads.KINDS),
        max_upload_size=uploads.MAX_MB,
        key=_key("file"),
        label_visibility="collapsed",
    )
    if file is None or st.session_state.get(_key("file_read")) == file.file_id:
        return False
    st.session_state[_key("file_read")] = file.file_id
    try:
        text = uploads.text_of(file.name, file.getvalue())
    except ModuleNotFoundError:
        st.info(t("entities.upload_package"), icon=":material/info:")
        st.code("pip install 'litteragpt[answers]'", language=None)
        return False
    except ValueError as error:
        st.error(t("entities.unreadable"), icon=":material/error:")
        st.code(f"{file.name}\n{error}", language=None, wrap_lines=True)
        return False
    settings.put(PAGE, {"text": text})
    return True


def start(t: Words, offered: list[TaggerInfo], intent: Intent) -> None:
    """Mark the text; a refusal is told and leaves the page, and its last result, as it was."""
    text: str = settings.get(PAGE, "text")
    if not text.strip():
        st.info(t("entities.empty"), icon=":material/info:")
        return
    if len(text) > taggers.MAX_CHARS:
        count, limit = t.count(len(text)), t.count(taggers.MAX_CHARS)
        st.warning(t("entities.too_long", count=count, limit=limit), icon=":material/info:")
        return
    first = taggers.chosen(offered, key=_key("tagger"))
    second = taggers.second(offered, key=_key("second"), first=first)
    readings: list[Reading] = []
    try:
        for info in (first, second):
            tagger = taggers.load(t, info) if info is not None else None
            if info is not None and tagger is not None:
                with st.spinner(t("entities.running")):
                    readings.append(taggers.read(info, tagger, text))
    except ValueError as error:
        st.error(t("errors.refused"), icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)
        return
    except Busy:
        st.warning(t("status.busy"), icon=":material/hourglass_top:")
        return
    if readings:
        desk().problems.pop(PAGE, None)
        st.session_state[_key("marked")] = Marked(text, tuple(readings))
        st.session_state[_key("labels")] = []
        st.session_state[_key("offered_labels")] = []
        corrector.begin(PAGE, readings[0].entities)


def result(t: Words, marked: Marked) -> None:
    """The marked text, what it shows set by the filters; then table, corrections and chart."""
    filters, shown_text, actions, table = (st.container() for _ in range(4))
    with st.expander(t("entities.correct.title"), icon=":material/edit:"):
        entities = corrector.section(t, PAGE, marked.text)
    first = dataclasses.replace(marked.readings[0], entities=entities)
    readings = (first, *marked.readings[1:])
    found = [each for reading in readings for each in reading.entities]
    if not found:
        with shown_text:
            st.info(t("entities.nothing"), icon=":material/info:")
            st.html(entity_text.facts_html(t, marked.text, first, ()))
        return
    with filters:
        labels, threshold = _filters(t, list(dict.fromkeys(each.label for each in found)))

    def passes(entity: Entity) -> bool:
        return entity.label in labels and entity.score >= threshold

    chosen = [tuple(filter(passes, reading.entities)) for reading in readings]
    with shown_text:
        _text(t, marked.text, readings, chosen)
    unheld(t, readings)
    with table:
        normalised = entity_dates.controls(t, PAGE)
        if chosen[0]:
            st.html(entity_table.table_html(t, chosen[0], normalised))
            if len(chosen[0]) > entity_table.MAX_ROWS:
                shown, count = t.count(entity_table.MAX_ROWS), t.count(len(chosen[0]))
                st.caption(t("entities.rows", shown=shown, count=count))
            st.caption(t("entities.columns_help"))
    with actions, st.container(horizontal=True, vertical_alignment="center"):
        entity_table.downloads(t, marked.text, chosen[0], normalised)
        with st.popover(t("links.button"), icon=":material/link:"):
            parameters = entity_links.parameters_of(marked, threshold=threshold)
            sharing.show_link(t, parameters, explained=t("entities.link_explained"))
    if any(chosen):
        st.subheader(t("entities.counts"), anchor=False)
        figure = entity_table.counts_figure(t, readings, chosen)
        charts.show(figure, key=_key("counts"), alt=t("entities.counts_alt"))


def unheld(t: Words, readings: tuple[Reading, ...]) -> None:
    """What a tagger that writes its tags would have written if nothing held it to the text."""
    raws = [raw for reading in readings for raw in reading.raw]
    if not raws:
        return
    with st.expander(t("entities.raw"), icon=":material/edit_note:"):
        invented = sum(len(raw.answer.hallucinated) for raw in raws)
        st.caption(t("entities.raw_help", count=t.count(invented)))
        for raw in raws:
            st.code(raw.text, language=None, wrap_lines=True)


def _filters(t: Words, labels: list[str]) -> tuple[list[str], float]:
    """The choice of labels and of the least score; a label that was not there before is shown."""
    before: list[str] = st.session_state[_key("offered_labels")]
    chosen: list[str] = st.session_state[_key("labels")] or []
    kept = [each for each in labels if each in chosen or each not in before]
    st.session_state[_key("labels")] = kept
    st.session_state[_key("offered_labels")] = labels
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
    left.pills(
        t("entities.filter"),
        labels,
        selection_mode="multi",
        format_func=literally,
        key=_key("labels"),
        persist_state="session",
    )
    steps = sorted({*THRESHOLD.steps, st.session_state[_key("threshold")]})
    right.select_slider(
        t("entities.threshold"),
        steps,
        format_func=t.percent,
        key=_key("threshold"),
        help=t("entities.threshold_help"),
        persist_state="session",
    )
    return list(st.session_state[_key("labels")]), float(st.session_state[_key("threshold")])


def _text(
    t: Words, text: str, readings: tuple[Reading, ...], chosen: list[tuple[Entity, ...]]
) -> None:
    """The marked text: one reading, or two with their differences."""
    labels = list(dict.fromkeys(each.label for found in chosen for each in found))
    if labels:
        st.html(entity_text.legend_html(t, labels))
    else:
        st.info(t("entities.filtered"), icon=":material/filter_alt:")
    if len(readings) == 1:
        with st.container(border=True):
            st.html(entity_text.marked_html(t, text, chosen[0]))
        st.html(entity_text.facts_html(t, text, readings[0], chosen[0]))
    else:
        st.html(entity_text.panes_html(t, text, readings, chosen))
        st.html(entity_text.difference_html(t, chosen[0], chosen[1]))
        st.caption(t("entities.differs_help"))
    drawn = len(entity_text.first_part(text, chosen[0])[0])
    if drawn < len(text):
        st.caption(t("entities.shown", shown=t.count(drawn), count=t.count(len(text))))


page()
