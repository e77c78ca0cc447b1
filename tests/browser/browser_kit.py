"""What the browser tests share: a served stand-in city and a visitor with the general assertions of console.md 9."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import uvicorn
from fake_city import FakeCity
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parent / "vendor/axe-core/axe.min.js"
READY_MS = 20_000
LIVE_MS = 2_000
SOFTWARE_GL_NOISE = "GL Driver Message"
PAGES = {
    "map": "/",
    "operations": "/operations?id=alarm-1",
    "data": "/data",
    "table": "/data?type=Park",
    "entity": "/entities/urn:ngsi-ld:WaterLevel:372013:0000",
    "import": "/import",
    "findings": "/imports/run-0",
    "openapi": "/openapi",
    "login": "/login",
    "setup": "/setup",
}


@dataclass
class Served:
    """A stand-in city that answers at `url`."""

    city: FakeCity
    url: str

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


def start(city: FakeCity) -> tuple[Served, Callable[[], None]]:
    """Serve `city` from a thread on a free port."""
    config = uvicorn.Config(city.app(), host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    began = threading.Event()
    ready = server.startup

    async def startup(sockets: Any = None) -> None:
        await ready(sockets)
        began.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert began.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]

    def stop() -> None:
        server.force_exit = server.should_exit = True
        thread.join(10)

    return Served(city, f"http://127.0.0.1:{port}"), stop


@dataclass
class Visitor:
    """A person at a browser; collects what must not happen: errors, requests to other origins."""

    context: BrowserContext
    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "request",
            lambda request: None if request.url.startswith((self.url, "data:", "blob:")) else self.foreign.append(request.url),
        )

    def _console(self, message: ConsoleMessage) -> None:
        if (
            message.type in ("error", "warning")
            and SOFTWARE_GL_NOISE not in message.text
            and not any(one in message.text for one in self.allowed)
        ):
            self.errors.append(f"{message.type}: {message.text}")

    def open(self, path: str, ready: str | None = None) -> Page:
        self.page.goto(self.url + path)
        self.page.wait_for_selector(
            f'html[data-ready="{ready}"]' if ready else "html[data-ready]", timeout=READY_MS, state="attached"
        )
        return self.page

    def probe(self, name: str) -> Any:
        return self.page.evaluate(f"window.__machinami.{name}")

    def until(self, expression: str, timeout: float = READY_MS) -> None:
        self.page.wait_for_function(expression, timeout=timeout)

    def axe(self) -> list[str]:
        """Serious and critical findings of axe-core for WCAG 2.x A and AA."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
        return [
            f"{row['id']}: {node['target']} {node['failureSummary'][:200]}"
            for row in found["violations"]
            if row["impact"] in ("serious", "critical")
            for node in row["nodes"][:5]
        ]

    def clean(self) -> None:
        """The general assertions of console.md 9 that hold on every page."""
        assert self.errors == []
        assert self.foreign == []
