"""What a user does, in a real browser against the real server."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import OpenTab, settle

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Locator, Page, Route

HOSTILE = "<img src=x onerror=alert(1)> $x$ *a* **b** :smile: `c` [d](http://e) &amp; <b>f</b>"
SLOW = "?prompt=En%20un%20lugar&model=slow&max_chars=4000&sentences=none&seed=3"
SHORT = "?prompt=En%20un%20lugar&model=tiny&max_chars=120&sentences=none&seed=3"
PAIR = f"comparar{SHORT}&temperatures=0.2,1"


def button(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True)


def text_of(page: Page) -> str:
    """The finished text, prompt included."""
    page.locator('.lg-text[aria-busy="false"]').first.wait_for()
    button(page, "Otra vez").wait_for()
    return str(page.locator(".lg-text").first.text_content())


def path_of(page: Page) -> str:
    """The page's address without its host."""
    return page.url.split("/", maxsplit=3)[3]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return int(
        page.evaluate(
            """() => Math.max(...[document.documentElement, document.body,
              document.querySelector('[data-testid="stMain"]')].map(
                (each) => each.scrollWidth - each.clientWidth))"""
        )
    )


def test_the_pieces_of_a_beginning(open_tab: OpenTab) -> None:
    page = open_tab().go()
    page.get_by_label("Principio").fill("ala")
    page.keyboard.press("Tab")
    page.get_by_text("Ver las piezas").click()
    pieces = page.locator(".lg-pieces li")
    pieces.nth(2).wait_for()
    assert [text[0] for text in pieces.all_text_contents()] == ["a", "l", "a"]


def test_generar(open_tab: OpenTab) -> None:
    page = open_tab().go()
    page.get_by_label("Principio").fill("En un lugar de la Mancha")
    button(page, "Generar").click()
    text = text_of(page)
    assert text.startswith("En un lugar de la Mancha")
    assert len(text) > len("En un lugar de la Mancha")
    assert page.locator(".lg-text strong").text_content() == "En un lugar de la Mancha"
    facts = page.locator(".lg-facts").text_content() or ""
    assert re.search(r"letras/s.*primera letra en .* ms.*semilla \d+", facts)
    assert "prompt=En%20un%20lugar" in page.url.replace("+", "%20")


def test_detener_keeps_what_came_and_its_link_gives_it_again(open_tab: OpenTab) -> None:
    page = open_tab().go(SLOW)
    page.locator(".lg-text .lg-plain").first.wait_for()
    button(page, "Detener").click()
    text = text_of(page)
    assert "Detenido" in (page.locator(".lg-facts").text_content() or "")
    assert len("En un lugar") < len(text) < 4000
    again = open_tab().go(path_of(page))
    assert text_of(again) == text


def test_a_job_survives_a_change_of_language_and_of_page(open_tab: OpenTab) -> None:
    page = open_tab().go(SLOW)
    page.locator(".lg-text .lg-plain").first.wait_for()
    page.get_by_role("radio", name="PT").click()
    page.get_by_role("button", name="Parar").wait_for()
    page.get_by_role("link", name="Modelos").click()
    page.get_by_role("heading", level=1, name="Modelos").wait_for()
    page.get_by_role("link", name="Gerar").click()
    page.get_by_role("button", name="Parar").click()
    page.get_by_role("button", name="Outra vez").wait_for()
    assert "semente 3" in (page.locator(".lg-facts").text_content() or "")
    assert page.get_by_label("Começo").input_value() == "En un lugar"


def test_comparar(open_tab: OpenTab) -> None:
    page = open_tab().go("comparar")
    page.get_by_label("Principio").fill("En un lugar")
    button(page, "Comparar").click()
    page.locator(".js-plotly-plot .scatterlayer .trace").nth(3).wait_for()
    assert page.locator(".lg-pane").count() == 4
    assert page.locator(".lg-pane mark").count() == 3
    assert page.locator(".lg-pane h3").all_text_contents() == [
        f"Temperatura {temperature}" for temperature in ("0,2", "0,6", "1", "1,4")
    ]
    texts = page.locator(".lg-pane .lg-text").all_text_contents()
    assert all(text.startswith("En un lugar") for text in texts)
    again = open_tab().go(path_of(page))
    again.locator(".js-plotly-plot").wait_for()
    assert again.locator(".lg-pane .lg-text").all_text_contents() == texts


def test_the_copied_link_gives_the_same_text_in_another_session(open_tab: OpenTab) -> None:
    first = open_tab()
    page = first.go()
    page.get_by_label("Principio").fill("¿Qué hora es? — preguntó\nél")
    button(page, "Generar").click()
    text = text_of(page)
    button(page, "Enlace").click()
    link = page.get_by_test_id("stCode").text_content() or ""
    assert link.startswith(first.address)
    other = open_tab().go(link.removeprefix(first.address).lstrip("/"))
    assert text_of(other) == text
    assert other.get_by_label("Principio").input_value() == "¿Qué hora es? — preguntó\nél"


def test_hostile_text_is_shown_literally(open_tab: OpenTab) -> None:
    page = open_tab().go()
    dialogs: list[str] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    page.get_by_label("Principio").fill(HOSTILE)
    button(page, "Generar").click()
    assert text_of(page).startswith(HOSTILE)
    page.get_by_text("Ajustes").click()
    settle(page)
    page.get_by_text("Colorear cada letra").click()
    explored = page.locator(".lg-text span[tabindex='0']")
    explored.wait_for(state="attached")
    assert (page.locator(".lg-text").text_content() or "").startswith(HOSTILE)
    assert page.locator(".lg-text img, .lg-text a, .lg-text b, .katex").count() == 0
    assert dialogs == []


def test_white_space_is_kept(open_tab: OpenTab) -> None:
    page = open_tab().go()
    page.get_by_label("Principio").fill("  uno\n \n   dos")
    button(page, "Generar").click()
    assert text_of(page).startswith("  uno\n \n   dos")
    height = page.locator(".lg-text strong").bounding_box()
    assert height is not None
    assert height["height"] > 60


def test_the_keyboard_is_enough(open_tab: OpenTab) -> None:
    page = open_tab().go()
    page.get_by_label("Principio").fill("Escrito a mano")
    page.keyboard.press("Control+Enter")
    assert text_of(page).startswith("Escrito a mano")
    page.get_by_text("Ajustes").click()
    settle(page)
    page.get_by_text("Colorear cada letra").click()
    page.locator(".lg-text span[tabindex='0']").focus()
    asked = page.locator(".lg-asked")
    first = asked.text_content()
    page.keyboard.press("ArrowRight")
    # Attached, not visible: the character may be a line break.
    page.locator(".lg-text span[tabindex='0']").nth(0).wait_for(state="attached")
    assert page.locator(".lg-text span").nth(1).evaluate("each => each.tabIndex") == 0
    assert re.search(r"\d.%", asked.text_content() or "")
    assert asked.text_content() != first or page.locator(".lg-other").count() >= 4


@pytest.mark.parametrize("path", ["", "comparar"])
def test_ctrl_enter_is_heard_as_soon_as_one_can_type(open_tab: OpenTab, path: str) -> None:
    tab = open_tab()
    held: list[Route] = []

    def hold(route: Route) -> None:  # a function: Playwright marks what it is given
        held.append(route)

    tab.page.route("**/static/js/Button.*.js", hold)  # the code of plain buttons comes late
    page = tab.go(path, at_once=True)
    page.get_by_label("Principio").fill("Escrito a mano")
    page.keyboard.press("Control+Enter")
    text = page.locator(".lg-text").first
    text.wait_for()
    assert held
    assert (text.text_content() or "").startswith("Escrito a mano")
    for route in held:
        route.continue_()


@pytest.mark.parametrize("path", [SHORT, PAIR, "modelos"])
def test_a_phone_needs_no_sideways_scrolling(open_tab: OpenTab, path: str) -> None:
    page = open_tab(width=390, height=844, is_mobile=True, has_touch=True).go(path)
    if path.startswith("?"):
        text_of(page)
    else:
        page.locator(".js-plotly-plot").first.wait_for()
    assert overflow(page) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_either_theme(open_tab: OpenTab, scheme: str) -> None:
    page = open_tab(color_scheme=scheme).go(SHORT)
    text_of(page)
    for place in (".lg-text", ".lg-text strong", ".lg-facts", "h1"):
        assert contrast(page, place) >= 4.5, place
    assert is_dark(page) == (scheme == "dark")


def test_a_hostile_link_gives_a_message(open_tab: OpenTab) -> None:
    page = open_tab().go("?prompt=%3Cscript%3Ealert(1)%3C/script%3E&temperature=nan&seed=-1")
    warning = page.get_by_test_id("stAlert")
    warning.wait_for()
    assert "temperatura (de 0 a 2)" in (warning.text_content() or "")
    button(page, "Generar").click()
    assert text_of(page).startswith("<script>alert(1)</script>")


def test_the_json_download_is_the_command_lines(open_tab: OpenTab) -> None:
    page = open_tab().go(SHORT)
    text = text_of(page)
    with page.expect_download() as download:
        button(page, "JSON").click()
    given = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert given["prompt"] + given["continuation"] == text
    assert given["seed"] == 3


def contrast(page: Page, selector: str) -> float:
    """WCAG contrast of an element's text with the page's background."""
    text, back, opacity = page.evaluate(
        """(selector) => {
          const style = getComputedStyle(document.querySelector(selector));
          const app = getComputedStyle(document.querySelector('[data-testid="stApp"]'));
          return [style.color, app.backgroundColor, Number(style.opacity)];
        }""",
        selector,
    )
    ink = [opacity * a + (1 - opacity) * b for a, b in zip(_rgb(text), _rgb(back), strict=True)]
    high, low = sorted((_luminance(ink), _luminance(_rgb(back))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def is_dark(page: Page) -> bool:
    """Whether the page's background is dark."""
    app = page.get_by_test_id("stApp")
    back = app.evaluate("each => getComputedStyle(each).backgroundColor")
    return _luminance(_rgb(str(back))) < 0.2


def _rgb(colour: str) -> list[float]:
    return [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]


def _luminance(rgb: list[float]) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
