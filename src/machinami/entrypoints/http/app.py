"""The HTTP application of a running Machinami: APIs on the bare edge; pages, uploads and streams on Starlette."""

from __future__ import annotations

import ipaddress
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from machinami import __version__
from machinami.bootstrap.core import Core
from machinami.citymap.basemaps import origins
from machinami.entrypoints.http.administration import administration_routes
from machinami.entrypoints.http.asgi import Authenticator, Receive, Server, wanted_tenant
from machinami.entrypoints.http.console import console_routes, parse_cookies
from machinami.entrypoints.http.errors import ROWS
from machinami.entrypoints.http.messages import Answer, json_answer
from machinami.entrypoints.http.metrics import Metrics
from machinami.entrypoints.http.ngsi_ld.routes import ngsi_ld_routes
from machinami.entrypoints.http.ngsi_ld.source_notifications import source_notification_routes
from machinami.entrypoints.http.ngsi_ld.tenants import of_known_tenants
from machinami.entrypoints.http.openapi.description import DescriptionHandlers
from machinami.entrypoints.http.problems import problem_answer
from machinami.entrypoints.http.routing import Routes
from machinami.entrypoints.web.pages import render_page
from machinami.entrypoints.web.pages import routes as page_routes
from machinami.kernel.access import require
from machinami.kernel.caller import DEFAULT_TENANT, Caller, Role, development_caller
from machinami.kernel.clock import iso
from machinami.kernel.error_texts import ERRORS, register
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.late import Late

if TYPE_CHECKING:
    from machinami.entrypoints.http import exposition
    from machinami.linkage.importing import runs
else:
    exposition = Late("machinami.entrypoints.http.exposition")
    runs = Late("machinami.linkage.importing.runs")

FILES_MAX: Final = 200
TO_PAGES: Final = frozenset({("GET", "/api/stream"), ("POST", "/api/imports")})
Handler = Callable[[Request], Awaitable[Response]]


def api_routes(core: Core) -> list[Routes]:
    """All routes of the APIs; the first whose prefix covers a path answers."""
    api = ngsi_ld_routes(
        core.data.entities,
        core.data.temporal,
        core.data.contexts,
        core.data.subscriptions,
        core.data.entity_maps,
        core.data.snapshots,
        core.federation,
        core.source,
        core.sources,
        core.clock,
        core.settings,
    )
    if core.options.dev:  # elsewhere a key or session says which tenant it is, and that was set up
        api = Routes(api.prefix, of_known_tenants(api.table, core.data.tenants))
    described = DescriptionHandlers([api, *administration_routes(core), *console_routes(core)])
    arrivals = source_notification_routes(core.arrivals, core.settings.integer("json_depth_max"))
    return [*described.all_routes(), arrivals]


class Application:
    """Builds the ASGI application of one core."""

    def __init__(self, core: Core) -> None:
        if "http.path.unknown" not in ERRORS:
            register(ROWS)
        self._core = core
        self._started_at = core.clock.now()
        self.metrics = Metrics()
        self._watch()

    def asgi(self, authenticate: Authenticator | None = None) -> Server:
        """The application to hand to an HTTP server; `authenticate` replaces the usual way of saying who calls."""
        core = self._core
        known = authenticate or self.authenticate
        pages = Starlette(
            routes=[*self._routes(known), *page_routes(self._page_guard, origins(core.online_basemaps), self._setup_guard)],
            exception_handlers={HTTPException: _http_problem, Exception: _internal_problem},
        )
        return Server(
            api_routes(core), pages, known, self.metrics, core.clock,
            body_bytes_max=core.settings.integer("body_bytes_max"), to_pages=TO_PAGES,
        )  # fmt: skip

    async def authenticate(self, headers: Mapping[str, str], method: str, client: str = "") -> Caller:
        """Who calls: anyone in development mode, else a session or an API key. The tenant is bound to the key."""
        wanted = wanted_tenant(headers)
        if self._core.options.dev:
            refuse_foreign_pages(headers)
            return development_caller(wanted or DEFAULT_TENANT)
        caller = await self._core.identity.authenticate_request(method, headers, parse_cookies(headers.get("cookie", "")))
        if caller is None:
            raise Refusal("security.access.unauthenticated")
        if wanted and wanted != caller.tenant:
            raise Refusal("security.access.other_tenant", tenant=wanted[:60])
        return caller

    def _routes(self, authenticate: Authenticator) -> list[BaseRoute]:
        async def stream(request: Request) -> Response:
            return await self._stream(request, await authenticate(_headers(request), "GET", ""))

        async def upload(request: Request) -> Response:
            return await self._upload(request, await authenticate(_headers(request), "POST", ""))

        async def tiles(request: Request) -> Response:
            return await self._tiles(request, await authenticate(_headers(request), "GET", ""))

        routes: list[BaseRoute] = [
            Route("/health", _open(self._health)),
            Route("/metrics", _open(self._metrics)),
            Route("/version", _open(self._version)),
            Route("/api/stream", _open(stream)),
            Route("/api/imports", _open(upload), methods=["POST"]),
            Route("/basemaps/{id}.pmtiles", _open(tiles)),
        ]
        if self._core.options.dev:
            routes.append(Route("/dev/state", _open(self._empty), methods=["DELETE"]))
        return routes

    async def _page_guard(self, request: Request) -> Response | None:
        """Lets a visitor see a page, or sends them to the login (or, before the first administrator, the set-up)."""
        if self._core.options.dev:
            return None
        try:
            await self.authenticate(_headers(request), "GET")
        except Refusal:
            if await self._core.identity.setup_open():
                return RedirectResponse("/setup", status_code=303)
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            target = "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='/')}"
            return RedirectResponse(target, status_code=303)
        return None

    async def _setup_guard(self, _: Request) -> Response | None:
        """The set-up is for the first administrator; afterwards its address leads to the login."""
        if self._core.options.dev or await self._core.identity.setup_open():
            return None
        return RedirectResponse("/login", status_code=303)

    async def _health(self, _: Request) -> Response:
        document = self._core.health()
        return _response(json_answer(document, 200 if document["status"] == "pass" else 503))

    async def _metrics(self, _: Request) -> Response:
        return Response(exposition.exposition(self.metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _version(self, _: Request) -> Response:
        """Orion's shape, so that clients that look for an Orion start (B5); what we are stands beside it."""
        up = int((self._core.clock.now() - self._started_at).total_seconds())
        uptime = f"{up // 86400} d, {up // 3600 % 24} h, {up // 60 % 60} m, {up % 60} s"
        document = {
            "orion": {
                "version": __version__, "uptime": uptime, "git_hash": "", "compile_time": "", "compiled_by": "",
                "compiled_in": "", "release_date": "", "machine": platform.machine(), "doc": "", "libversions": {},
            },
            "machinami": {"name": "Machinami", "version": __version__, "started_at": iso(self._started_at)},
        }  # fmt: skip
        return _response(json_answer(document))

    async def _stream(self, request: Request, caller: Caller) -> Response:
        require(caller, Role.READER)
        last = request.headers.get("last-event-id") or request.query_params.get("last", "")
        events = self._core.live.stream(caller.tenant, last[:60], self._core.settings.number("stream_heartbeat_s"))
        first = await anext(events)

        async def body() -> AsyncIterator[bytes]:
            try:
                yield first
                async for event in events:
                    yield event
            finally:
                await events.aclose()

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(body(), media_type="text/event-stream", headers=headers)

    async def _upload(self, request: Request, caller: Caller) -> Response:
        """POST /api/imports: `file` (several), `dry_run`, `model`, `city` → 202 with the run's id."""
        require(caller, Role.WRITER)
        most = self._core.settings.integer("import_file_bytes_max")
        if int(request.headers.get("content-length") or 0) > most:
            raise Refusal("http.body.too_large", most=str(most))
        bounded = Request(request.scope, _bounded(request.receive, most))
        try:
            async with bounded.form(max_files=FILES_MAX, max_fields=20) as form:
                uploads = [one for one in form.getlist("file") if isinstance(one, UploadFile) and one.filename]
                files = tuple([runs.UploadedFile(str(one.filename), await one.read()) for one in uploads])
                model, town = str(form.get("model") or ""), str(form.get("city") or self._core.profile.view.code)
                dry_run, new_edition = (_checked(form.get(name)) for name in ("dry_run", "new_edition"))
        except HTTPException as error:
            raise Refusal("http.upload.malformed", reason=error.detail) from error
        if not files:
            raise Refusal("http.upload.no_file")
        if not town:
            raise Refusal("import.town.missing")
        if "\0" in f"{model}{town}" or any("\0" in one.name for one in files):
            raise Refusal("http.upload.malformed", reason="a name holds a NUL character.")
        run = await self._core.linkage.imports.start(
            caller, runs.ImportRequest(files, town, model or None, dry_run, new_edition)
        )
        return _response(json_answer({"run": run}, 202))

    async def _tiles(self, request: Request, caller: Caller) -> Response:
        """GET /basemaps/{id}.pmtiles with Range: an id stands for one content, so a browser may keep what it read."""
        path = await self._core.basemaps.file(caller, request.path_params["id"])
        headers = {"cache-control": "private, max-age=86400", "x-content-type-options": "nosniff"}
        return FileResponse(path, headers=headers, media_type="application/vnd.pmtiles")

    async def _empty(self, _: Request) -> Response:
        await self._core.empty()
        return Response(status_code=204)

    def _watch(self) -> None:
        core, watch = self._core, self.metrics.watch
        watch("commits", "Commits of the store's writer.", lambda: core.store.writer.commits, counts=True)
        watch("mutations", "Entity changes decided by the writer.", lambda: core.store.writer.mutations, counts=True)
        watch(
            "commit_conflicts",
            "Commits decided again because an entity had moved on.",
            lambda: core.store.writer.conflicts,
            counts=True,
        )
        watch("waiting_writes", "Changes that wait for a commit.", lambda: core.store.writer.waiting)
        watch("cached_entities", "Entities in the cache.", lambda: len(core.store.cache))
        watch("subscriptions", "Live subscriptions.", lambda: len(core.data.subscriptions))
        watch("subscription_copies", "Subscriptions at context sources.", lambda: len(core.distributed))
        watch("registrations", "Context sources registered.", lambda: len(core.federation.registrations))
        watch("notifications_matched", "Notifications queued.", lambda: core.data.matcher.matched, counts=True)
        watch("notifications_in_flight", "Notifications under way.", lambda: core.worker.in_flight)
        watch("live_streams", "Open live streams (SSE).", lambda: core.live.clients)


def _bounded(receive: Receive, bytes_max: int) -> Receive:
    """The messages of a request's body, refused once they exceed the bound (a chunked upload tells no length)."""
    size = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > bytes_max:
            raise Refusal("http.body.too_large", most=str(bytes_max))
        return message

    return counted


async def _http_problem(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses, in the same form as our own refusals."""
    path, status = request.url.path[:200], error.status_code if isinstance(error, HTTPException) else 500
    if status == 405 and isinstance(error, HTTPException):
        allowed = (error.headers or {}).get("Allow", "")
        return _response(problem_answer(Refusal("http.method.not_allowed", method=request.method, allowed=allowed)))
    if status == 404:
        if _is_browsing(request):
            return render_page(request, "missing", status=404, path=path)
        return _response(problem_answer(Refusal("http.path.unknown", path=path)))
    return _response(problem_answer(Refusal("http.upload.malformed", reason=str(error))))


def _is_browsing(request: Request) -> bool:
    """Whether a person asks with a browser: it names HTML as what it wants, clients of the APIs do not."""
    wants_html = "text/html" in request.headers.get("accept", "")
    return wants_html and request.method in ("GET", "HEAD") and not request.url.path.startswith("/static/")


async def _internal_problem(_: Request, __: Exception) -> Response:
    """A fault of ours; Starlette raises it again behind this answer, so that it is logged."""
    return _response(problem_answer(Refusal("http.internal")))


def _open(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except MachinamiError as error:
            return _response(problem_answer(error))

    return guarded


def _checked(field: object) -> bool:
    return str(field or "").lower() in ("1", "true", "on", "yes")


def refuse_foreign_pages(headers: Mapping[str, str]) -> None:
    """In development mode nobody logs in, so a page of another site in the same browser must not act for the user.

    Refused are a Host that is no name of this computer (DNS rebinding) and an Origin other than the Host's.
    """
    host, origin = headers.get("host", ""), headers.get("origin", "")
    if not _own_page(host, origin):
        raise Refusal("security.access.foreign_page", origin=(origin or host)[:100])


@lru_cache(maxsize=1_000)
def _own_page(host: str, origin: str) -> bool:
    return is_this_computer(urlsplit(f"//{host}").hostname or "") and (not origin or urlsplit(origin).netloc == host)


def is_this_computer(name: str) -> bool:
    """Whether a host name means loopback."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _headers(request: Request) -> dict[str, str]:
    return dict(request.headers.items())


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)
