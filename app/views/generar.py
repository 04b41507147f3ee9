"""Generar: a prompt, and how the model goes on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from app.blocks import (
    downloads,
    facts,
    links,
    live,
    models,
    pieces,
    probabilities,
    settings,
    sharing,
)
from app.blocks.composer import go_button, prompt_area, seed_for
from app.blocks.jobs import Job, Request
from app.blocks.language import words
from app.blocks.navigation import header
from app.blocks.session_jobs import Intent, begin, current, desk, intend
from app.blocks.streamed_text import Segment, render
from app.i18n import Words
from litteragpt.checkpoint import CheckpointInfo, CheckpointList
from litteragpt.generation.text import MAX_PROMPT_CHARS

PAGE = "generar"
ALTERNATIVES = 6


def page() -> None:
    t = words()
    header(t("generate.title"), t("generate.subtitle"))
    listed = models.found()
    if not listed.found:
        models.none_found(t, listed)
        return
    settings.prepare(PAGE)
    link = sharing.opened(PAGE, [info.name for info in listed.found])
    intent = desk().intents.get(PAGE)
    if intent == "entities":
        carry()
    if link is not None:
        sharing.fill(PAGE, link)
        if link.problems:
            desk().problems[PAGE] = link.problems
        else:
            intent = "generate"
    if intent is not None:
        start(t, listed, intent, link)
    desk().settle(PAGE)
    sharing.warn(t, PAGE)
    job = current(PAGE)

    above = st.container()
    with st.container(horizontal=True, vertical_alignment="center"):
        running = go_button(t, PAGE, job, label=t("generate.button"))
        if job is not None and not running:
            after_buttons(t, job)
    with above:
        info = models.choose(t, listed, key=settings.state_key(PAGE, "model"))
        prompt_area(t, PAGE, info)
    with st.expander(t("settings.title"), icon=":material/tune:"):
        fields(t, info)
    model = models.load(t, info)
    if model is not None:
        with st.expander(t("pieces.title"), icon=":material/view_week:"):
            pieces.section(t, model, settings.get(PAGE, "prompt"))
    if job is not None:
        sharing.reflect(t, job)
        result(t, job, running)


def start(t: Words, listed: CheckpointList, intent: Intent, link: links.Link | None) -> None:
    """Begin what was asked for; a refusal is told and leaves the page as it was."""
    earlier = current(PAGE)
    get = partial(settings.get, PAGE)
    model = models.load(t, models.chosen(listed, key=settings.state_key(PAGE, "model")))
    if model is None:
        return
    st.session_state.setdefault(settings.state_key(PAGE, "prompt"), "")
    if intent == "continue" and earlier is not None:
        text = earlier.text()
        request = replace(
            earlier.request,
            max_chars=get("max_chars"),
            sentences=get("sentences"),
            words=get("words"),
            parts=(*earlier.request.parts, len(text) - sum(earlier.request.parts)),
            cut=None,
        )
        before = tuple(earlier.tokens[0])
    else:
        request = Request(
            model=model.name,
            prompt=get("prompt"),
            rows=links.rows_of([get("temperature")], {name: get(name) for name in settings.FIELDS}),
            seed=seed_for(PAGE, intent),
            max_chars=get("max_chars"),
            sentences=get("sentences"),
            words=get("words"),
            parts=link.parts if link else (),
            cut=link.cut if link else None,
        )
        before = ()
    try:
        begin(PAGE, request, model, alternatives=ALTERNATIVES, before=before)
    except ValueError as error:
        st.error(t("errors.refused"), icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)


def after_buttons(t: Words, job: Job) -> None:
    text = job.text()
    full = (
        len(job.request.parts) >= links.MAX_PARTS
        or len(job.request.prompt) + len(text) > MAX_PROMPT_CHARS
    )
    st.button(
        t("generate.continue"),
        key="generar.continue",
        on_click=desk().intend,
        args=(PAGE, "continue"),
        icon=":material/arrow_forward:",
        disabled=not text or full or "line" in job.finish,
    )
    st.button(
        t("generate.again"),
        key="generar.again",
        on_click=desk().intend,
        args=(PAGE, "again"),
        icon=":material/refresh:",
    )


def fields(t: Words, info: CheckpointInfo) -> None:
    settings.presets(t, PAGE)
    left, right = st.columns(2, gap="medium")
    with left:
        settings.slider(t, PAGE, "temperature")
        settings.ends(t, PAGE, info)
    with right:
        for name in ("top_p", "top_k", "min_p"):
            settings.slider(t, PAGE, name)
    settings.seed_input(t, PAGE)
    st.toggle(
        t("settings.colour"),
        key=settings.state_key(PAGE, "colour"),
        help=t("settings.colour_help"),
        persist_state="session",
    )


def result(t: Words, job: Job, running: bool) -> None:
    """The text as it comes; when it is there, what can be done with it."""
    if job.replaced:
        st.html(facts.replacements_html(t, job.replaced))
    coloured = bool(st.session_state.get(settings.state_key(PAGE, "colour")))
    with st.container(border=True):
        text = st.empty()
    status = st.empty()
    if coloured:
        probabilities.legend(t)
    after = st.empty()

    def draw_text() -> None:
        tokens = list(job.tokens[0])
        continuation = probabilities.segments(tokens) if coloured else [Segment(job.text())]
        segments = [Segment(job.request.prompt, "prompt"), *continuation]
        text.html(render(segments, label=t("generate.result"), running=not job.done))

    def draw_status() -> None:
        status.html(facts.status_html(t, job))

    def draw() -> None:
        draw_text()
        draw_status()

    if running:
        live.follow(job, draw)
    draw_status()
    if coloured:
        with text:
            probabilities.explorer(t, job.request.prompt, job.tokens[0], key="generar.explorer")
    else:
        draw_text()
    with after.container():
        facts.failure(t, job)
        if job.text():
            keep(t, job)


def keep(t: Words, job: Job) -> None:
    """Take the text along: as a file or as a link."""
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads.buttons(t, job, key=PAGE)
        with st.popover(t("links.button"), icon=":material/link:"):
            sharing.show(t, job)
        st.button(
            t("entities.carry"),
            key="generar.entities",
            icon=":material/label:",
            on_click=desk().intend,
            args=(PAGE, "entities"),
        )


def carry() -> None:
    """To Entidades, with the text of the latest job."""
    job = current(PAGE)
    if job is not None:
        settings.put("entidades", {"text": job.request.prompt + job.text()})
        intend("entidades", "generate")
    desk().settle(PAGE)
    st.switch_page("views/entidades.py")


page()
