"""Comparar: one prompt at several temperatures, side by side, with the same random numbers."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.blocks import charts, downloads, facts, links, live, models, settings, sharing
from app.blocks.composer import go_button, prompt_area, seed_for
from app.blocks.jobs import Job, Request
from app.blocks.language import words
from app.blocks.navigation import header
from app.blocks.palette import inks
from app.blocks.panes import Pane, render_panes
from app.blocks.session_jobs import Intent, begin, current, desk
from app.i18n import Words
from litteragpt.checkpoint import CheckpointInfo, CheckpointList

PAGE = "comparar"
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0)
DEFAULT_TEMPERATURES = (0.2, 0.6, 1.0, 1.4)


def page() -> None:
    t = words()
    header(t("compare.title"), t("compare.subtitle"))
    listed = models.found()
    if not listed.found:
        models.none_found(t, listed)
        return
    settings.prepare(PAGE)
    st.session_state.setdefault(_key("temperatures"), list(DEFAULT_TEMPERATURES))
    link = sharing.opened(PAGE, [info.name for info in listed.found])
    intent = desk().intents.get(PAGE)
    if link is not None:
        sharing.fill(PAGE, link)
        if link.temperatures:
            st.session_state[_key("temperatures")] = list(link.temperatures)
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
        enough = _enough(_temperatures())
        running = go_button(t, PAGE, job, label=t("compare.button"), disabled=not enough)
    with above:
        info = models.choose(t, listed, key=_key("model"))
        prompt_area(t, PAGE, info, height=80)
        temperature_pills(t)
    if not enough:
        st.caption(t("compare.how_many", low=t.count(links.ROWS[0]), high=t.count(links.ROWS[1])))
    with st.expander(t("settings.title"), icon=":material/tune:"):
        fields(t, info)
    box = st.container()
    st.html(f'<p class="lg-lesson">{t("compare.lesson")}</p>')
    with box:
        if job is not None:
            sharing.reflect(t, job)
            result(t, job, running)
        else:
            models.load(t, info)


def _key(name: str) -> str:
    return settings.state_key(PAGE, name)


def _temperatures() -> tuple[float, ...]:
    return tuple(sorted(st.session_state.get(_key("temperatures")) or ()))


def _enough(temperatures: tuple[float, ...]) -> bool:
    return links.ROWS[0] <= len(temperatures) <= links.ROWS[1]


def temperature_pills(t: Words) -> None:
    options = sorted({*TEMPERATURES, *_temperatures()})
    st.pills(
        t("compare.temperatures"),
        options,
        selection_mode="multi",
        format_func=t.short,
        key=_key("temperatures"),
        persist_state="session",
    )


def start(t: Words, listed: CheckpointList, intent: Intent, link: links.Link | None) -> None:
    """Begin the comparison; a refusal is told and leaves the page as it was."""
    temperatures = _temperatures()
    if not _enough(temperatures):
        return
    model = models.load(t, models.chosen(listed, key=_key("model")))
    if model is None:
        return
    get = partial(settings.get, PAGE)
    st.session_state.setdefault(_key("prompt"), "")
    request = Request(
        model=model.name,
        prompt=get("prompt"),
        rows=links.rows_of(temperatures, {name: get(name) for name in settings.FIELDS}),
        seed=seed_for(PAGE, intent),
        max_chars=get("max_chars"),
        sentences=get("sentences"),
        words=get("words"),
        cut=link.cut if link else None,
    )
    try:
        begin(PAGE, request, model)
    except ValueError as error:
        st.error(t("errors.refused"), icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)


def fields(t: Words, info: CheckpointInfo) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        settings.ends(t, PAGE, info)
        settings.seed_input(t, PAGE)
    with right:
        for name in ("top_p", "top_k", "min_p"):
            settings.slider(t, PAGE, name)


def result(t: Words, job: Job, running: bool) -> None:
    """The texts as they come; when they are there, what can be done with them."""
    if job.replaced:
        st.html(facts.replacements_html(t, job.replaced))
    colours = inks()
    texts, status, after = st.empty(), st.empty(), st.empty()

    def draw() -> None:
        panes = [
            Pane(sampling.temperature, job.text(row), job.row_over(row))
            for row, sampling in enumerate(job.request.rows)
        ]
        texts.html(render_panes(t, job.request.prompt, panes, colours))
        status.html(facts.status_html(t, job))

    if running:
        live.follow(job, draw)
    draw()
    with after.container():
        facts.failure(t, job)
        if any(job.tokens):
            with st.container(horizontal=True, vertical_alignment="center"):
                downloads.buttons(t, job, key=PAGE)
                with st.popover(t("links.button"), icon=":material/link:"):
                    sharing.show(t, job)
            entropy(t, job)


def entropy(t: Words, job: Job) -> None:
    st.subheader(t("compare.entropy"), anchor=False)
    unit = "letters" if job.by_letters else "pieces"
    st.caption(t(f"compare.entropy_help.{unit}"))
    figure = charts.entropy_figure(
        t,
        [[token.entropy for token in row] for row in job.tokens],
        [sampling.temperature for sampling in job.request.rows],
        inks(),
        place=t("charts.character") if job.by_letters else t("charts.piece"),
    )
    charts.show(figure, key="comparar.entropy", alt=t("compare.entropy_alt"))


page()
