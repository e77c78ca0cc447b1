"""Browser tests of the console: Debian's Chromium, one page at a time, against the stand-in server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))
from browser_kit import CHROMIUM, Served, Visitor, start
from fake_city import FakeCity


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here need Chromium; without it they are skipped with that reason, never silently."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed (Debian: apt install chromium)"))


@pytest.fixture
def serve() -> Iterator[Callable[[FakeCity], Served]]:
    """Start stand-in cities; they end with the test."""
    endings: list[Callable[[], None]] = []

    def run(city: FakeCity) -> Served:
        served, stop = start(city)
        endings.append(stop)
        return served

    yield run
    for stop in endings:
        stop()


@pytest.fixture
def served(serve: Callable[[FakeCity], Served]) -> Served:
    return serve(FakeCity())


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Ends with the module: while it lives, no other event loop can run in this thread."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield found
    found.close()


@pytest.fixture
def visit_city(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open a browser context on a city's address; closed with the test."""
    contexts: list[BrowserContext] = []

    def begin(
        url: str,
        *,
        by: Browser = browser,
        language: str = "ja",
        theme: str = "day",
        width: int = 1120,
        height: int = 700,
        **options: Any,
    ) -> Visitor:
        context = by.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        context.add_cookies(
            [{"name": "mn_lang", "value": language, "url": url}, {"name": "mn_theme", "value": theme, "url": url}]
        )
        contexts.append(context)
        return Visitor(context, context.new_page(), url)

    yield begin
    for context in contexts:
        context.close()


@pytest.fixture
def visit(visit_city: Callable[..., Visitor], served: Served) -> Callable[..., Visitor]:
    """The same for a stand-in city."""

    def begin(*, at: Served = served, **options: Any) -> Visitor:
        return visit_city(at.url, **options)

    return begin
