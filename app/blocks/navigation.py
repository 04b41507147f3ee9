"""The frame around every page: navigation, title row, language."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.blocks import language

STYLES = tuple(
    Path(__file__).with_name(f"{name}.css")
    for name in ("style", "names", "pieces", "answers", "entities")
)
ICON = Path(__file__).with_name("icon.svg")
WIDE_PAGES = frozenset({"comparar"})


def main() -> None:
    """Draw the frame and run the page that the address names."""
    t = language.words()
    # Not in a folder `pages`: Streamlit would serve its files by itself, without this frame, to
    # whoever comes to an address such as /comparar before anyone has come to another.
    # Pages without icons: a page's icon becomes its favicon, fetched from a font server.
    pages = [
        st.Page("views/generar.py", title=t("nav.generate"), url_path="generar", default=True),
        st.Page("views/comparar.py", title=t("nav.compare"), url_path="comparar"),
        st.Page("views/toponimos.py", title=t("nav.names"), url_path="toponimos"),
        st.Page("views/entidades.py", title=t("nav.entities"), url_path="entidades"),
        st.Page("views/perguntar.py", title=t("nav.ask"), url_path="perguntar"),
        st.Page("views/modelos.py", title=t("nav.models"), url_path="modelos"),
    ]
    page = st.navigation(pages, position="hidden")
    st.set_page_config(
        page_title=f"{page.title} · LitteraGPT",
        page_icon=str(ICON),
        layout="wide" if page.url_path in WIDE_PAGES else "centered",
    )
    for style in STYLES:
        st.html(style)
    # Streamlit's own navigation hides behind a menu on a phone; four words need not.
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        with st.container(horizontal=True, width="content", gap="small"):
            for each in pages:
                st.page_link(each, label=each.title)
        language.chooser()
    page.run()


def header(title: str, subtitle: str) -> None:
    """A page's title and what it is for."""
    st.title(title, anchor=False)
    st.caption(subtitle)
