"""The link of a text: shown to be copied, put in the address bar, and opened."""

from __future__ import annotations

import streamlit as st

from app.blocks import links
from app.blocks.jobs import Job
from app.blocks.session_jobs import desk
from app.blocks.settings import put
from app.i18n import Words
from app.i18n.words import DEFAULT_LANGUAGE


def opened(page: str, models: list[str]) -> links.Link | None:
    """What the address asks for, until the session has looked at it once on this page."""
    if page in desk().opened:
        return None
    # A comparison's link names several temperatures: it is no request for the other page.
    if (page == "comparar") != ("temperatures" in st.query_params):
        return None
    return links.parse(st.query_params.to_dict(), models=models)


def fill(page: str, link: links.Link) -> None:
    """Set the page's prompt and settings as the link says; before its widgets are drawn."""
    put(page, {**link.settings, "prompt": link.prompt})
    if link.model is not None:
        put(page, {"model": link.model})


def warn(t: Words, page: str) -> None:
    """Which of the link's parameters could not be used, if any."""
    problems = desk().problems.get(page, ())
    if problems:
        names = ", ".join(t(f"links.names.{name}") for name in problems)
        st.warning(t("links.problems", names=names), icon=":material/link_off:")


def reflect(t: Words, job: Job) -> None:
    """Put a job into the address bar, so that a reload gives its text again."""
    put_in_address(t, links.parameters_of(job.exact_request()))


def put_in_address(t: Words, parameters: dict[str, str]) -> None:
    """Put parameters into the address bar; none but the language's where they are too long."""
    if t.language != DEFAULT_LANGUAGE:
        parameters = {**parameters, "lang": t.language}
    if links.address("", parameters) is None:
        parameters = {"lang": t.language} if t.language != DEFAULT_LANGUAGE else {}
    if st.query_params.to_dict() != parameters:
        st.query_params.from_dict(parameters)


def show(t: Words, job: Job) -> None:
    """A job's link in a box with a button that copies it."""
    show_link(t, links.parameters_of(job.exact_request()))


def show_link(t: Words, parameters: dict[str, str], *, explained: str | None = None) -> None:
    """The link of these parameters in such a box; `explained` says what it does, if unusual."""
    if t.language != DEFAULT_LANGUAGE:
        parameters = {**parameters, "lang": t.language}
    base = (st.context.url or "").partition("?")[0].partition("#")[0]
    link = links.address(base, parameters)
    if link is None:
        st.info(
            t("links.too_long", limit=t.count(links.MAX_LINK_CHARS)), icon=":material/link_off:"
        )
        return
    st.caption(explained or t("links.explained"))
    st.code(link, language=None, wrap_lines=False)
