"""Topónimos: invented names of Brazilian places, what is known of them, and where they would be."""

from __future__ import annotations

import streamlit as st

from app.blocks import (
    charts,
    embeddings,
    facts,
    models,
    name_links,
    name_lists,
    name_table,
    place_map,
    settings,
    sharing,
)
from app.blocks.composer import seed_for
from app.blocks.examples import examples_for
from app.blocks.film import advance, film
from app.blocks.language import words
from app.blocks.name_lists import Found, NameRequest
from app.blocks.navigation import header
from app.blocks.palette import inks
from app.blocks.session_jobs import Intent, desk, intend
from app.blocks.slots import Busy
from app.i18n import Words
from litteragpt.checkpoint import CheckpointInfo, CheckpointList
from litteragpt.names.generate import MAX_PREFIX_CHARS, NameModel
from litteragpt.names.structure import SEPARATOR

PAGE = "toponimos"


def page() -> None:
    t = words()
    header(t("names.title"), t("names.subtitle"))
    listed = models.found()
    offered = name_lists.for_names(listed)
    if not offered.found:
        none_found(t, listed)
        return
    prepare()
    link = opened(offered)
    intent = desk().intents.get(PAGE)
    if link is not None:
        settings.put(PAGE, link.settings)
        if link.problems:
            desk().problems[PAGE] = link.problems
        else:
            intent = "generate"
    if intent is not None:
        start(t, offered, intent)
    desk().settle(PAGE)
    sharing.warn(t, PAGE)

    info = models.choose(t, offered, key=_key("model"))
    form(t)
    chips(info)
    with st.expander(t("settings.title"), icon=":material/tune:"):
        settings.slider(t, PAGE, "temperature")
        settings.seed_input(t, PAGE)
    found: Found | None = st.session_state.get(_key("found"))
    if found is not None:
        sharing.put_in_address(t, name_links.parameters_of(found.request))
        result(t, found)
    model = name_lists.load(t, info)
    if model is not None:
        about(t, info, model)


def _key(name: str) -> str:
    return settings.state_key(PAGE, name)


def prepare() -> None:
    """Give each setting that has no value yet its default; before any widget is drawn."""
    defaults = {
        "prefix": "",
        "count": name_lists.DEFAULT_COUNT,
        "temperature": name_lists.DEFAULT_TEMPERATURE,
        "seed": None,
        "invented": False,
    }
    for name, default in defaults.items():
        st.session_state.setdefault(_key(name), default)


def opened(offered: CheckpointList) -> name_links.NameLink | None:
    """What the address asks for, until the session has looked at it once."""
    if PAGE in desk().opened:
        return None
    names = [info.name for info in offered.found]
    return name_links.parse(st.query_params.to_dict(), models=names)


def none_found(t: Words, listed: CheckpointList) -> None:
    """What to do where there is no model of names."""
    st.warning(t("names.none"), icon=":material/info:")
    st.code(
        "litteragpt data toponimos\nlitteragpt train models/toponimos-mlp.toml",
        language=None,
        wrap_lines=True,
    )
    for path, reason in listed.broken:
        models.show_broken(t, path.name, reason)


def start(t: Words, offered: CheckpointList, intent: Intent) -> None:
    """Invent the names; a refusal is told and leaves the page, and its last list, as it was."""
    model = name_lists.load(t, models.chosen(offered, key=_key("model")))
    if model is None:
        return
    request = NameRequest(
        model=model.lm.name,
        prefix=settings.get(PAGE, "prefix"),
        count=settings.get(PAGE, "count"),
        temperature=settings.get(PAGE, "temperature"),
        seed=seed_for(PAGE, intent),
    )
    try:
        with st.spinner(t("names.running")):
            st.session_state[_key("found")] = name_lists.sample(model, request)
        desk().problems.pop(PAGE, None)
    except ValueError as error:
        st.error(t("errors.refused"), icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)
    except Busy:
        st.warning(t("status.busy"), icon=":material/hourglass_top:")


def form(t: Words) -> None:
    """The beginning and how many; Enter in either field is the button."""
    with st.form("toponimos.form", border=False):
        left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
        left.text_input(
            t("names.prefix"),
            key=_key("prefix"),
            max_chars=MAX_PREFIX_CHARS,
            placeholder=t("names.placeholder"),
            persist_state="session",
        )
        middle.number_input(
            t("names.count"),
            min_value=1,
            max_value=name_lists.MAX_COUNT,
            step=10,
            key=_key("count"),
            persist_state="session",
        )
        right.form_submit_button(
            t("names.button"),
            key="toponimos.go",
            type="primary",
            on_click=desk().intend,
            args=(PAGE, "generate"),
            width="stretch",
        )


def chips(info: CheckpointInfo) -> None:
    """Beginnings that fill in and start at once."""
    with st.container(horizontal=True, wrap=False, gap="xsmall", key=f"{PAGE}-examples"):
        for index, example in enumerate(examples_for(info)):
            st.button(
                example, key=f"{PAGE}.example{index}", on_click=_take_example, args=(example,)
            )


def _take_example(example: str) -> None:
    settings.put(PAGE, {"prefix": example})
    intend(PAGE, "generate")


def result(t: Words, found: Found) -> None:
    """The names and what is known of them; then where they would be."""
    names = found.names.names
    if found.names.replaced:
        st.html(facts.replacements_html(t, found.names.replaced))
    if found.request.prefix.count(SEPARATOR) > 1:
        st.info(t("names.two_separators"), icon=":material/info:")
    st.html(name_table.facts_html(t, found))
    with st.container(horizontal=True, vertical_alignment="center"):
        name_table.download(t, found)
        st.button(
            t("generate.again"),
            key="toponimos.again",
            on_click=desk().intend,
            args=(PAGE, "again"),
            icon=":material/refresh:",
        )
        with st.popover(t("links.button"), icon=":material/link:"):
            sharing.show_link(t, name_links.parameters_of(found.request))
        st.toggle(t("names.only_invented"), key=_key("invented"), persist_state="session")
    if settings.get(PAGE, "invented"):
        names = tuple(each for each in names if not each.known)
    if names:
        st.html(name_table.table_html(t, names))
    else:
        st.info(t("names.nothing"), icon=":material/info:")
    if len(names) > name_table.MAX_ROWS:
        shown = t.count(name_table.MAX_ROWS)
        st.caption(t("names.shown", shown=shown, count=t.count(len(names))))
    st.caption(t("names.logprob_help"))
    place_map.section(t, names, inks())


def about(t: Words, info: CheckpointInfo, model: NameModel) -> None:
    """What the model learnt, and how: its letters, its curves, its film."""
    embeddings.section(t, model.lm, inks())
    metrics = models.metrics(t, info)
    charts.training(t, metrics, inks(), key="toponimos.curves")
    samples = [line for line in metrics if isinstance(line.get("sample"), str)]
    if samples:
        st.subheader(t("models.film"), anchor=False)
        key = f"{PAGE}.{info.name}"
        if film(t, samples, key=key):
            advance(samples, key=key)


page()
