"""The frame around every page: navigation, title row, language."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.blocks import language

STYLE = Path(__file__).with_name("style.css")
ICON = Path(__file__).with_name("icon.svg")
WIDE_PAGES = frozenset({"comparar"})


def main() -> None:
    """Draw the frame and run the page that the address names."""
    t = language.words()
    pages = [
        st.Page(
            "pages/generar.py",
            title=t("nav.generate"),
            icon=":material/edit_note:",
            url_path="generar",
            default=True,
        ),
        st.Page(
            "pages/comparar.py",
            title=t("nav.compare"),
            icon=":material/device_thermostat:",
            url_path="comparar",
        ),
        st.Page(
            "pages/modelos.py",
            title=t("nav.models"),
            icon=":material/inventory_2:",
            url_path="modelos",
        ),
    ]
    page = st.navigation(pages, position="top")
    wide = page.url_path in WIDE_PAGES
    st.set_page_config(
        page_title=f"{page.title} · LitteraGPT",
        page_icon=str(ICON),
        layout="wide" if wide else "centered",
    )
    st.html(STYLE)
    page.run()


def header(title: str, subtitle: str) -> None:
    """A page's title row, with the choice of language at its end."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.title(title, anchor=False, width="content")
        language.chooser()
    st.caption(subtitle)
