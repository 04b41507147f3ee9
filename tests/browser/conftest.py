"""A served app and a Chromium for the browser tests; without a browser they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("streamlit")

from tests.browser.chromium import ARGUMENTS, find_chromium, serve
from tests.tiny import save_names, save_tiny

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

HERE = Path(__file__).parent
_SETTLE = """async () => {
  const pressed = '[data-testid="stMain"] :is(button, input, textarea, label, summary)';
  const places = () => JSON.stringify([...document.querySelectorAll(pressed)].map((each) => {
    const { x, y } = each.getBoundingClientRect();
    return [Math.round(x), Math.round(y)];
  }));
  let before = places();
  for (let round = 0, same = 0; round < 50 && same < 3; round++) {
    await new Promise((done) => setTimeout(done, 100));
    const now = places();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium found: install one or set CHROMIUM to its path")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, served with a quick checkpoint, a slow one, one of names, and taggers by rules."""
    root = tmp_path_factory.mktemp("served")
    save_tiny(root)
    save_names(root)
    save_tiny(root, "slow", layers=12, width=384)
    log = tmp_path_factory.mktemp("log") / "server.log"
    with serve(root, log, module="tests.browser.by_rules") as address:
        yield address


@dataclass
class Tab:
    """A page with a session of its own, and what went wrong in it."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Requests to anywhere but the app."""

    def go(self, path: str = "", *, at_once: bool = False) -> Page:
        """Open a path of the app and wait until it is drawn and, unless `at_once`, has settled."""
        self.page.goto(f"{self.address}/{path}")
        self.page.get_by_role("heading", level=1).wait_for()
        if not at_once:
            settle(self.page)
        return self.page


def settle(page: Page) -> None:
    """Wait until nothing that can be pressed moves any more, for 5 s at most.

    The client fetches the code of some widgets only when it first draws one, and an expander
    opens in steps: what lies below is pushed away between the press of a button and its release.
    """
    page.evaluate(_SETTLE)


OpenTab = Callable[..., Tab]


@pytest.fixture
def open_tab(chromium: Browser, address: str) -> Iterator[OpenTab]:
    """Opens tabs as given; after the test none may have logged an error or left the machine.

    `at` is the address of another app than `address`.
    """
    tabs: list[Tab] = []

    def open_one(
        *, width: int = 1280, height: int = 800, at: str | None = None, **options: Any
    ) -> Tab:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale="es-ES", **options
        )
        tab = Tab(context.new_page(), at or address)
        tab.page.set_default_timeout(20_000)
        tabs.append(tab)

        def logged(message: ConsoleMessage) -> None:
            # Opened at a deeper path, Streamlit's own client probes for its base path: 404s.
            probe = "/_stcore/" in message.location.get("url", "")
            if message.type == "error" and not probe:
                tab.errors.append(message.text)

        def requested(request: Request) -> None:
            if not request.url.startswith((tab.address, "data:", "blob:")):
                tab.strangers.append(request.url)

        tab.page.on("console", logged)
        tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
        tab.page.on("request", requested)
        return tab

    yield open_one
    for tab in tabs:
        tab.page.context.close()
    assert [tab.errors for tab in tabs] == [[] for _ in tabs]
    assert [tab.strangers for tab in tabs] == [[] for _ in tabs]
