"""The console's pages: Jinja2 shells with a strict Content Security Policy that fetch their data as JSON.

Nothing here knows a use case: `routes()` gives Starlette routes that any application can mount, and `page_guard`
decides whether a visitor may see a page (return a response, such as a redirect to `/login`, to refuse).
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import posixpath
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from machinami.entrypoints.web.static_files import StaticFiles, collect
from machinami.kernel.late import Late

if TYPE_CHECKING:
    from machinami.entrypoints.web import shell
else:
    shell = Late("machinami.entrypoints.web.shell")

_IMPORT: Final = re.compile(r"""\b(?:im|ex)port\s*\(?\s*(?:[\w*{][^"';]*?\bfrom\s*)?"([^"]+)\"""")
HERE: Final = Path(__file__).resolve().parent
LANGUAGES: Final = ("ja", "en")
THEMES: Final = ("day", "night")
LANGUAGE_COOKIE: Final = "mn_lang"
THEME_COOKIE: Final = "mn_theme"

PageGuard = Callable[[Request], Awaitable[Response | None] | Response | None]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its address, the key of its title in the message catalogue, its module and whether the shell frames it."""

    name: str
    path: str
    module: str
    framed: bool = True
    open_to_all: bool = False


PAGES: Final = (
    Page("map", "/", "js/pages/map.js"),
    Page("operations", "/operations", "js/pages/operations.js"),
    Page("data", "/data", "js/pages/data.js"),
    Page("entity", "/entities/{id:path}", "js/pages/entity.js"),
    Page("import", "/import", "js/pages/import.js"),
    Page("findings", "/imports/{run}", "js/pages/import.js"),
    Page("openapi", "/openapi", "js/pages/openapi.js"),
    Page("login", "/login", "js/pages/login.js", framed=False, open_to_all=True),
    Page("setup", "/setup", "js/pages/setup.js", framed=False, open_to_all=True),
)
MISSING: Final = Page("missing", "", "js/pages/missing.js", framed=False, open_to_all=True)
"""Shown, with status 404, where no page is."""
BY_NAME: Final = {page.name: page for page in (*PAGES, MISSING)}

MODULES: Final = {
    "lit": "vendor/lit/index.js",
    "lit-html": "vendor/lit-html/lit-html.js",
    "lit-html/is-server.js": "vendor/lit-html/is-server.js",
    "lit/directives/repeat.js": "vendor/lit-html/directives/repeat.js",
    "lit/directives/live.js": "vendor/lit-html/directives/live.js",
    "lit/directives/class-map.js": "vendor/lit-html/directives/class-map.js",
    "lit/directives/style-map.js": "vendor/lit-html/directives/style-map.js",
    "lit/directives/unsafe-svg.js": "vendor/lit-html/directives/unsafe-svg.js",
    "lit-element/lit-element.js": "vendor/lit-element/lit-element.js",
    "@lit/reactive-element": "vendor/reactive-element/reactive-element.js",
    "maplibre-gl": "vendor/maplibre-gl/maplibre-gl.mjs",
    "uplot": "vendor/uplot/uplot.mjs",
    "pmtiles": "vendor/pmtiles/pmtiles.js",
    "fflate": "vendor/fflate/fflate.js",
}
LATE: Final = frozenset({"js/map/imported-base.js"})
"""Modules that few visits need: loaded when they are, not with the page."""


@cache
def static_files() -> StaticFiles:
    """The static files of the package, read once."""
    return collect(HERE / "static", HERE / "locale")


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of the console in `language` (`ja` or `en`), by key."""
    texts: dict[str, str] = json.loads((HERE / "locale" / f"{language}.json").read_text(encoding="utf-8"))
    return texts


@cache
def import_map() -> str:
    """The one inline block: the same on all pages, allowed by its hash (console.md 4.3)."""
    files = static_files()
    return json.dumps({"imports": {name: files.url(path) for name, path in MODULES.items()}}, separators=(",", ":"))


@cache
def modules_of(module: str) -> tuple[str, ...]:
    """All modules that `module` imports, near or far: named in the page, they load at once instead of one by one.

    Without the late ones.
    """
    files, found, waiting = static_files(), [module], [module]
    while waiting:
        here = waiting.pop()
        path = files.own.get(here) or files.vendor[here]
        for name in _IMPORT.findall(path.read_text(encoding="utf-8")):
            target = MODULES.get(name) or posixpath.normpath(posixpath.join(posixpath.dirname(here), name))
            if target not in found and target not in LATE and (target in files.own or target in files.vendor):
                found.append(target)
                waiting.append(target)
    return tuple(found)


def content_security_policy(online_hosts: Sequence[str] = ()) -> str:
    """The policy of console.md 4.3; `online_hosts` are origins of base maps that an administrator switched on."""
    digest = base64.b64encode(hashlib.sha256(import_map().encode()).digest()).decode()
    online = "".join(f" {host}" for host in online_hosts)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'sha256-{digest}'",
            "worker-src 'self'",
            f"connect-src 'self'{online}",
            "style-src 'self' 'unsafe-inline'",
            f"img-src 'self' data: blob:{online}",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def language_of(request: Request) -> str:
    """The visitor's language: chosen (cookie), else the browser's first of ja/en, else Japanese."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip()[:2].lower()
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]


def render_page(
    request: Request, name: str, *, online_hosts: Sequence[str] = (), status: int = 200, **context: Any
) -> Response:
    """The shell of page `name` (one of `PAGES`); `context` goes to the page's script as start data (JSON)."""
    page, files, language = BY_NAME[name], static_files(), language_of(request)
    theme = request.cookies.get(THEME_COOKIE)
    start = {
        "page": name,
        "static": {"own": files.digests["own"], "vendor": files.digests["vendor"]},
        "locale": {tag: files.url(f"locale/{tag}.json") for tag in LANGUAGES},
        "worker": files.url("vendor/maplibre-gl/maplibre-gl-worker.mjs"),
        "base": {part: files.url(f"base/{part}.json") for part in ("land", "lines", "labels")},
        **context,
    }
    html = shell.render(
        import_map(),
        page=page,
        language=language,
        theme=theme if theme in THEMES else "",
        texts=catalogue(language),
        url=files.url,
        modules=modules_of(page.module),
        start=start,
    )
    headers = {
        "Content-Security-Policy": content_security_policy(online_hosts),
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(html, status_code=status, headers=headers)


async def _refusal(guard: PageGuard | None, request: Request) -> Response | None:
    if guard is None:
        return None
    answer = guard(request)
    return await answer if inspect.isawaitable(answer) else answer


def _endpoint(page: Page, guard: PageGuard | None, hosts: Sequence[str]) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        refused = await _refusal(guard, request)
        if refused is not None:
            return refused
        return render_page(request, page.name, online_hosts=hosts, **request.path_params)

    return show


async def _static(request: Request) -> Response:
    return await static_files().serve(request)


async def _favicon(request: Request) -> Response:
    request.path_params.update(digest=static_files().digests["own"], path="img/icon.svg")
    return await static_files().serve(request)


def routes(
    page_guard: PageGuard | None = None, online_hosts: Sequence[str] = (), setup_guard: PageGuard | None = None
) -> list[BaseRoute]:
    """Routes of all pages and static files.

    `page_guard(request)` may return a response that is sent instead of a page (the login and set-up pages are never
    guarded by it); `setup_guard` does so for the set-up page. `online_hosts` are origins (`https://…`) of online base
    maps that an administrator switched on.
    """
    guards = {page.name: setup_guard if page.name == "setup" else None if page.open_to_all else page_guard for page in PAGES}
    shown: list[BaseRoute] = [
        Route(page.path, _endpoint(page, guards[page.name], online_hosts), name=page.name) for page in PAGES
    ]
    return [
        *shown,
        Route("/favicon.ico", _favicon),
        Route("/static/{digest}/{path:path}", _static, name="static"),
    ]
