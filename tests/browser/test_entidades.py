"""The page of entities in a real browser."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import OpenTab, settle
from tests.browser.test_walks import HOSTILE, button, contrast, overflow, text_of
from tests.rule_taggers import WAIT

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Locator, Page

TEXT = "Ana y Eva Paz, de Iberdrola,\nviven en Madrid desde el 12 de marzo."


def marks(page: Page, count: int | None = None) -> Locator:
    """The marked entities, once there are so many, or any."""
    found = page.locator(".lg-marked mark")
    found.nth((count or 1) - 1).wait_for()
    return found


def marked(open_tab: OpenTab, text: str = TEXT, **options: object) -> Page:
    page = open_tab(**options).go("entidades")
    page.get_by_role("textbox", name="Texto", exact=True).fill(text)
    page.keyboard.press("Control+Enter")
    marks(page)
    return page


def saved(page: Page, name: str) -> str:
    """What a button downloads."""
    with page.expect_download() as download:
        button(page, name).click()
    # Line ends as they are: a reader of CSV wants to see them.
    return download.value.path().read_bytes().decode("utf-8-sig")


def test_a_text_by_the_keyboard_alone(open_tab: OpenTab) -> None:
    page = marked(open_tab)
    assert marks(page, 5).all_text_contents() == [
        "Ana",
        "Eva Paz",
        "Iberdrola",
        "Madrid",
        "12 de marzo",
    ]
    assert page.locator(".lg-marked").inner_text() == TEXT
    assert "83" in (marks(page).first.get_attribute("title") or "")
    table = page.get_by_role("table", name="Entidades del texto")
    assert "18–27" in table.get_by_role("cell").all_text_contents()
    record = json.loads(saved(page, "JSONL"))
    assert record["text"] == TEXT
    for each in record["entities"]:
        assert TEXT[each["start"] : each["end"]] == each["text"]
    assert saved(page, "CoNLL").startswith("Ana\tB-NAME\ny\tO\nEva\tB-NAME\nPaz\tI-NAME\n")
    assert [row["label"] for row in csv.DictReader(saved(page, "CSV").splitlines())] == [
        "NAME",
        "NAME",
        "ORG",
        "LOC",
        "DATE",
    ]


def test_the_page_that_is_downloaded_needs_nothing(open_tab: OpenTab) -> None:
    html = saved(marked(open_tab, HOSTILE + " Ana"), "HTML")
    page = open_tab().page
    page.set_content(html)
    assert page.locator(".lg-marked").inner_text() == HOSTILE + " Ana"
    assert page.locator("mark").last.text_content() == "Ana"
    assert page.locator("img, a, b").count() == 0


def test_hostile_text_is_shown_literally(open_tab: OpenTab) -> None:
    text = HOSTILE + "\n HOSTILE Jose\u0301 👩\u200d👩\u200d👧 \u202eabc\u202c שלום"
    tab = open_tab()
    dialogs: list[str] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    tab.page.on("dialog", refuse)
    page = tab.go("entidades")
    page.get_by_role("textbox", name="Texto", exact=True).fill(text)
    button(page, "Marcar").click()
    marks(page)
    assert page.locator(".lg-marked").text_content() == text
    assert page.locator(".lg-marked :not(mark)").count() == 0
    label = page.locator("mark[data-label='$x$<b>*']")
    assert label.text_content() == "HOSTILE"
    assert "$x$<b>*" in label.evaluate("each => getComputedStyle(each, '::after').content") or (
        label.evaluate("each => getComputedStyle(each, '::after').content").startswith("attr")
    )
    pill = page.get_by_test_id("stButtonGroup").get_by_text("$x$<b>*", exact=True)
    assert pill.count() == 1
    assert page.locator(".katex").count() == 0
    assert dialogs == []


def test_filters_leave_the_text_where_it_is(open_tab: OpenTab) -> None:
    page = marked(open_tab)
    marks(page, 5)
    page.get_by_role("button", name="NAME", exact=True).click()
    page.locator(".lg-facts").get_by_text("3 de 5 entidades").wait_for()
    assert page.locator(".lg-marked").inner_text() == TEXT
    page.get_by_role("radio", name="EN").click()
    page.locator(".lg-facts").get_by_text("3 of 5 entities").wait_for()
    assert marks(page).all_text_contents() == ["Iberdrola", "Madrid", "12 de marzo"]


def test_two_methods_and_where_they_differ(open_tab: OpenTab) -> None:
    page = open_tab().go("entidades")
    page.get_by_role("combobox", name="Comparar con").click()
    page.get_by_role("option", name="escribe").click()
    button(page, "Noticia").click()
    page.locator(".lg-pane").nth(1).wait_for()
    differing = page.locator(".lg-pane").nth(1).locator("mark.lg-differs")
    assert differing.first.evaluate("each => getComputedStyle(each).outlineStyle") == "dashed"
    assert (differing.first.get_attribute("data-label") or "").startswith("≠ ")
    assert page.get_by_text("solo en el segundo").count() == 1


def test_an_entity_added_by_hand(open_tab: OpenTab) -> None:
    page = marked(open_tab)
    marks(page, 5)
    page.get_by_text("Corregir a mano").click()
    settle(page)
    page.get_by_label("Palabras, tal como están en el texto").fill("viven")
    label = page.get_by_role("combobox", name="Etiqueta", exact=True)
    label.fill("<i>VERBO")
    page.keyboard.press("Enter")
    button(page, "Añadir").click()
    assert "viven" in marks(page, 6).all_text_contents()
    assert page.locator("mark[data-label='<i>VERBO']").text_content() == "viven"
    button(page, "Volver a lo que marcó el modelo").click()
    page.locator(".lg-facts").get_by_text("5 de 5 entidades").wait_for()
    assert marks(page).count() == 5


def test_one_can_leave_while_a_text_is_being_marked(open_tab: OpenTab, tmp_path: Path) -> None:
    page = open_tab().go("entidades")
    done = tmp_path / "done"
    page.get_by_role("textbox", name="Texto", exact=True).fill(f"Ana vive en Madrid, {WAIT}{done}")
    button(page, "Marcar").click()
    page.get_by_test_id("stSpinner").wait_for()
    page.get_by_role("link", name="Modelos").click()
    page.get_by_role("heading", level=1, name="Modelos").wait_for()
    assert not done.exists()
    done.touch()


def test_the_text_of_generar_is_carried_over(open_tab: OpenTab) -> None:
    page = open_tab().go(
        "?prompt=En%20casa%20de%20Ana&model=tiny&max_chars=60&sentences=none&seed=3"
    )
    text = text_of(page)
    button(page, "Marcar entidades").click()
    page.get_by_role("heading", level=1, name="Entidades").wait_for()
    marks(page)
    assert page.locator(".lg-marked").text_content() == text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all(open_tab: OpenTab, scheme: str) -> None:
    page = marked(
        open_tab, width=390, height=844, is_mobile=True, has_touch=True, color_scheme=scheme
    )
    marks(page, 5)
    page.locator(".js-plotly-plot").wait_for()
    assert overflow(page) <= 0
    for place in (".lg-marked mark", ".lg-legend .lg-label", ".lg-names td:last-child"):
        assert contrast(page, place) >= 4.5, place
