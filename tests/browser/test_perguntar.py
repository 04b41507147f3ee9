"""The page of questions in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("bm25s")

from tests.answers.samples import OCEAN, pdf_bytes
from tests.browser.chromium import serve
from tests.browser.conftest import OpenTab, settle
from tests.browser.test_walks import HOSTILE, button, contrast, overflow

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, FilePayload, Page

QUESTION = "¿Cuándo alunizaron Armstrong y Aldrin?"


@pytest.fixture
def with_a_writer(tmp_path: Path) -> Iterator[str]:
    """The app with a slow model of others, which writes one piece over and over."""
    pytest.importorskip("transformers")
    from tests.tiny_hf import CHAT, save_hf

    shape: dict[str, Any] = {
        "hidden_size": 256,
        "num_hidden_layers": 32,
        "initializer_range": 0.02,
    }
    save_hf(tmp_path / "models" / "redactor", seed=4, context=4096, chat=CHAT, **shape)
    with serve(tmp_path / "models", tmp_path / "server.log") as address:
        yield address


def payload(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def answered(page: Page, question: str) -> str:
    """The text of the passage that answers, once it is there."""
    card = page.locator(".lg-answer").filter(has_text=question)
    card.wait_for()
    return str(card.locator(".lg-passage").text_content())


def test_files_are_asked_and_nothing_in_them_runs(open_tab: OpenTab) -> None:
    page = open_tab().go("perguntar")
    dialogs: list[str] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    text = f"O gato custa 40 reais. {HOSTILE}"
    page.locator("input[type=file]").set_input_files(
        [
            payload(f"{HOSTILE.replace('/', '')}.txt", text.encode()),
            payload("oceano.txt", OCEAN.encode()),
            payload("ata.pdf", pdf_bytes("A ata foi assinada por Helena Prado em Braga.")),
            payload("roto.pdf", b"%PDF-1.4 nada"),
        ]
    )
    problems = page.locator(".lg-problems li")
    problems.first.wait_for()
    assert problems.all_text_contents() == ["roto.pdf: está dañado, o no es lo que dice su nombre."]
    page.get_by_label("Pregunta", exact=True).fill("Quanto custa o gato?")
    page.keyboard.press("Enter")
    assert answered(page, "Quanto custa o gato?") == text
    assert page.locator(".lg-answer mark").text_content() in ("40", "40 reais")
    page.get_by_label("Pregunta", exact=True).fill("Quem assinou a ata? <b>x</b>")
    button(page, "Preguntar").click()
    answered(page, "Quem assinou a ata? <b>x</b>")
    assert page.locator(".lg-answer mark").text_content() == "Helena Prado"
    earlier = page.locator(".lg-folded").last.locator("details")
    assert earlier.count() == 1
    earlier.locator("summary").click()
    earlier.locator(".lg-passage").wait_for()
    assert earlier.locator(".lg-passage").text_content() == text
    with page.expect_download() as download:
        button(page, "JSON").click()
    given = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert [row["source"] for row in given][:1] == ["ata.pdf"]
    assert page.locator(".lg-answer img, .lg-folded img, .lg-answer b, .katex").count() == 0
    assert dialogs == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_example_on_a_phone(open_tab: OpenTab, scheme: str) -> None:
    tab = open_tab(width=390, height=844, is_mobile=True, has_touch=True, color_scheme=scheme)
    page = tab.go("perguntar")
    page.get_by_role("button", name=QUESTION).click()
    assert "Neil Armstrong" in answered(page, QUESTION)
    assert page.locator(".lg-answer mark").text_content() == "20 de julio de 1969"
    assert overflow(page) <= 0
    for place in (".lg-answer mark", ".lg-passage", ".lg-answer .lg-facts"):
        assert contrast(page, place) >= 4.5, place


def test_a_writer_is_stopped_and_what_it_wrote_stays(with_a_writer: str, open_tab: OpenTab) -> None:
    page = open_tab(at=with_a_writer).go("perguntar")
    page.get_by_role("button", name=QUESTION).click()
    answered(page, QUESTION)
    page.get_by_text("Respuesta redactada por un modelo").click()
    settle(page)
    write = button(page, "Redactar con redactor")
    write.click()
    written = page.locator(".lg-text")
    # The first writing waits for the library to be imported.
    page.locator('.lg-text[aria-busy="true"] .lg-plain').wait_for(timeout=120_000)
    button(page, "JSON").wait_for()  # all of the page is there while the model writes
    before = len(str(written.text_content()))
    page.wait_for_function(
        "least => document.querySelector('.lg-text').textContent.length > least", arg=before + 20
    )
    button(page, "Detener").click()
    write.wait_for()
    text = str(written.text_content())
    assert 0 < len(text) < 1200
    status = page.locator('.lg-facts[role="status"]')
    assert status.text_content() == "Detenido"
