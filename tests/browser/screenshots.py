"""The README's screenshots, from the shipped checkpoint: `python -m tests.browser.screenshots DIR`.

Seeds are fixed and links reproduce texts, so a new run differs by the checkpoint alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.chromium import ARGUMENTS, find_chromium, serve

GENERAR = {
    "prompt": "En un lugar de la Mancha",
    "temperature": "0.7",
    "top_k": "none",
    "top_p": "0.95",
    "min_p": "0",
    "max_chars": "400",
    "sentences": "3",
    "seed": "7",
}
COMPARAR = {**GENERAR, "temperatures": "0.3,0.7,1,1.3", "max_chars": "240", "sentences": "2"}
COMPARAR.pop("temperature")
TOPONIMOS = {"prefix": "Santa ", "count": "200", "temperature": "0.9", "seed": "7"}
DESKTOP = (1280, 800)
PHONE = (390, 844)


def main() -> None:
    """Serve the app, walk it, and write PNG files to the folder given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--checkpoints", type=Path, help="in place of the repository's")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    executable = find_chromium()
    if executable is None:
        parser.error("no Chromium found: install one or set CHROMIUM to its path")
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(arguments.checkpoints, Path(folder) / "server.log") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        for scheme in ("light", "dark"):
            for form, size in (("desktop", DESKTOP), ("phone", PHONE)):
                name = f"{form}-{scheme}.png"
                generar(browser, address, out / f"generar-{name}", size, scheme)
                comparar(browser, address, out / f"comparar-{name}", size, scheme)
                toponimos(browser, address, out / f"toponimos-{name}", size, scheme)
                entidades(browser, address, out / f"entidades-{name}", size, scheme)
                perguntar(browser, address, out / f"perguntar-{name}", size, scheme)
                modelos(browser, address, out / f"modelos-{name}", size, scheme)
                tagger(browser, address, out / f"tagger-{name}", size, scheme)
        browser.close()


def generar(browser: Browser, address: str, to: Path, size: tuple[int, int], scheme: str) -> None:
    """A finished text, coloured by probability on the desktop."""
    page = _open(browser, f"{address}/?{urlencode(GENERAR)}", size, scheme)
    page.get_by_role("button", name="Otra vez").wait_for()
    if size == DESKTOP:
        page.get_by_text("Ajustes").click()
        page.get_by_text("Colorear cada letra").click()
        page.locator(".lg-text span[tabindex='0']").wait_for()
        page.get_by_text("Ajustes").click()
        page.wait_for_timeout(800)
        page.locator(".lg-text .lg-p3").first.hover()
    _shoot(page, to)


def comparar(browser: Browser, address: str, to: Path, size: tuple[int, int], scheme: str) -> None:
    """Four temperatures and their entropy; on the phone what is seen first of them."""
    page = _open(browser, f"{address}/comparar?{urlencode(COMPARAR)}", size, scheme)
    page.locator(".js-plotly-plot").wait_for()
    page.mouse.move(0, 0)
    top = page.locator(".lg-panes").bounding_box()
    if top is not None:
        page.get_by_test_id("stMain").evaluate("(each, y) => each.scrollTo(0, y)", top["y"] - 120)
    _shoot(page, to)


def toponimos(browser: Browser, address: str, to: Path, size: tuple[int, int], scheme: str) -> None:
    """The table of names; then, each in a picture of its own, the map and the letters."""
    page = _open(browser, f"{address}/toponimos?{urlencode(TOPONIMOS)}", size, scheme)
    page.locator(".js-plotly-plot .scatterlayer").nth(1).wait_for()
    page.wait_for_timeout(1500)  # fonts, fades
    page.screenshot(path=to)
    for heading, part in (("Dónde estarían", "map"), ("Las letras", "letters")):
        top = page.get_by_role("heading", name=heading).bounding_box()
        if top is not None:
            main = page.get_by_test_id("stMain")
            main.evaluate("(each, y) => each.scrollBy(0, y)", top["y"] - 20)
        page.wait_for_timeout(500)
        page.screenshot(path=to.with_stem(f"{to.stem}-{part}"))
    page.context.close()


def perguntar(browser: Browser, address: str, to: Path, size: tuple[int, int], scheme: str) -> None:
    """An answer in its passage; on the phone the answer alone."""
    page = _open(browser, f"{address}/perguntar", size, scheme)
    page.get_by_role("button", name="¿Cuándo alunizaron Armstrong y Aldrin?").click()
    page.locator(".lg-answer mark").wait_for()
    page.mouse.move(0, 0)
    if size == PHONE:
        page.locator(".lg-answer").scroll_into_view_if_needed()
    _shoot(page, to)


def entidades(browser: Browser, address: str, to: Path, size: tuple[int, int], scheme: str) -> None:
    """The example in Spanish, marked."""
    page = _open(browser, f"{address}/entidades", size, scheme)
    page.get_by_role("button", name="Correo en español").click()
    page.locator(".js-plotly-plot").wait_for()
    page.mouse.move(0, 0)
    _shoot(page, to)


def modelos(browser: Browser, address: str, to: Path, size: tuple[int, int], scheme: str) -> None:
    """The training curves."""
    page = _open(browser, f"{address}/modelos", size, scheme)
    page.locator(".js-plotly-plot").wait_for()
    _shoot(page, to)


def tagger(browser: Browser, address: str, to: Path, size: tuple[int, int], scheme: str) -> None:
    """What Modelos tells of a tagger."""
    page = _open(browser, f"{address}/modelos", size, scheme)
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name="ner-multi").click()
    page.get_by_text("LOC", exact=False).first.wait_for()
    page.locator(".js-plotly-plot").wait_for()
    page.mouse.move(0, 0)
    _shoot(page, to)


def _open(browser: Browser, url: str, size: tuple[int, int], scheme: str) -> Page:
    width, height = size
    options: ViewportSize = {"width": width, "height": height}
    dark: Literal["dark", "light"] = "dark" if scheme == "dark" else "light"
    page = browser.new_context(viewport=options, color_scheme=dark, locale="es-ES").new_page()
    page.goto(url)
    page.get_by_role("heading", level=1).wait_for()
    return page


def _shoot(page: Page, to: Path) -> None:
    page.wait_for_timeout(1500)  # fonts, fades
    page.screenshot(path=to)
    page.context.close()


if __name__ == "__main__":
    main()
