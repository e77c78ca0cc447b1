"""The ASGI edge: reads a request within its bounds, finds the caller and the handler, writes the answer.

Written on the bare protocol because this is the hot path (ADR 0006); pages and uploads go to a Starlette application.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from machinami.entrypoints.http.messages import PROBLEM_JSON, Answer, Call
from machinami.entrypoints.http.metrics import Metrics
from machinami.entrypoints.http.problems import problem_answer, problem_at
from machinami.entrypoints.http.routing import Routes
from machinami.kernel.caller import DEFAULT_TENANT, Caller
from machinami.kernel.clock import Clock
from machinami.kernel.errors import MachinamiError, Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)
UNPACK_RATIO_MAX: Final = 100
ANONYMOUS: Final = Caller(DEFAULT_TENANT, "anonymous", "", frozenset(), "")
QUERY_FIELDS_MAX: Final = 100
TENANT_HEADER: Final = "ngsild-tenant"
_TENANT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Authenticator(Protocol):
    """Says who calls; raises Refusal `security.access.unauthenticated` if nobody we know."""

    async def __call__(self, headers: Mapping[str, str], method: str, client: str) -> Caller: ...


class Server:
    """The outermost ASGI application. `routes` are tried by prefix; everything else goes to `pages`.

    `to_pages` are (method, path) below a prefix that go to `pages` all the same: streams and uploads.
    """

    def __init__(
        self, routes: Sequence[Routes], pages: Application, authenticate: Authenticator, metrics: Metrics, clock: Clock,
        *, body_bytes_max: int, to_pages: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:  # fmt: skip
        self._routes = routes
        self._pages = pages
        self._authenticate = authenticate
        self._metrics = metrics
        self._clock = clock
        self._body_bytes_max = body_bytes_max
        self._to_pages = to_pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        raw_path = scope.get("raw_path", b"").decode("latin-1").partition("?")[0]
        for routes in self._routes:
            if routes.covers(raw_path) and (scope["method"], raw_path) not in self._to_pages:
                await self._api(routes, raw_path, scope, receive, send)
                return
        await self._pages(scope, receive, send)

    async def _api(self, routes: Routes, raw_path: str, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._clock.monotonic()
        method: str = scope["method"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            answer = await self._answer(routes, method, raw_path, headers, scope, receive)
        except MachinamiError as error:
            answer = problem_answer(error)
        except Exception:
            log.exception("request failed", extra={"method": method, "path": raw_path})
            answer = problem_answer(Refusal("http.internal"))
        if answer.headers.get("content-type") == PROBLEM_JSON:
            answer = problem_at(raw_path, answer)
        tenant = headers.get(TENANT_HEADER)
        if tenant is not None and answer.status < 400:
            answer.headers["ngsild-tenant"] = tenant
        await respond(answer, method, send)
        self._metrics.request(method, answer.status, self._clock.monotonic() - began)

    async def _answer(
        self, routes: Routes, method: str, raw_path: str, headers: dict[str, str], scope: Scope, receive: Receive
    ) -> Answer:
        handler, segments = routes.find(method, raw_path)
        if "%00" in raw_path or b"%00" in scope["query_string"]:
            raise Refusal("http.address.forbidden_character")
        client = scope.get("client")
        if routes.open_to_all:
            caller = ANONYMOUS
        else:
            caller = await self._authenticate(headers, method, client[0] if client else "")
        query_string = scope["query_string"]
        try:
            query = dict(parse_qsl(query_string.decode("ascii"), True, max_num_fields=QUERY_FIELDS_MAX)) if query_string else {}
        except ValueError as error:
            raise Refusal("http.query.not_valid", name="query", value="…", wanted="an encoded query string") from error
        body = b"" if method in ("GET", "DELETE") else await read_body(headers, receive, self._body_bytes_max)
        base_url = f"{scheme_of(scope, headers)}://{headers.get('host', 'localhost')}"
        return await handler(Call(method, raw_path, caller, headers, query, body, segments, base_url))


def scheme_of(scope: Scope, headers: Mapping[str, str]) -> str:
    """`https` also behind a proxy on this computer that says so; from elsewhere the header is not believed."""
    forwarded = headers.get("x-forwarded-proto")
    client = scope.get("client")
    if forwarded in ("http", "https") and client and client[0] in ("127.0.0.1", "::1"):
        return forwarded
    return str(scope.get("scheme", "http"))


async def read_body(headers: Mapping[str, str], receive: Receive, bytes_max: int) -> bytes:
    """The body, unpacked if it is gzip, within the bound; too large is refused before it is read."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bytes_max:
        raise Refusal("http.body.too_large", most=str(bytes_max))
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("http.body.incomplete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            raise Refusal("http.body.too_large", most=str(bytes_max))
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = headers.get("content-encoding", "").lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Refusal("http.body.encoding", given=encoding[:40])
    return _unpacked(body, min(bytes_max, max(1024, len(body) * UNPACK_RATIO_MAX)))


def _unpacked(body: bytes, bytes_max: int) -> bytes:
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = stream.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise Refusal("http.body.encoding", given="broken gzip") from error
    if len(content) > bytes_max or stream.unconsumed_tail:
        raise Refusal("http.body.too_large", most=str(bytes_max))
    if not stream.eof or stream.unused_data:
        raise Refusal("http.body.encoding", given="broken gzip")
    return content


def wanted_tenant(headers: Mapping[str, str]) -> str:
    """The tenant that a request names, empty if it names none; Refusal `http.tenant.not_valid`."""
    tenant = headers.get(TENANT_HEADER, "")
    if tenant and not _TENANT.fullmatch(tenant):
        raise Refusal("http.tenant.not_valid")
    return tenant


async def respond(answer: Answer, method: str, send: Send) -> None:
    """Send an answer; HEAD gets its headers alone."""
    headers = [_header(name, value) for name, value in answer.headers.items()]
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


@lru_cache(maxsize=1_000)
def _header(name: str, value: str) -> tuple[bytes, bytes]:
    """A header's bytes; characters that could end the header line or are not Latin-1 are percent-encoded."""
    try:
        encoded = value.encode("ascii")
    except UnicodeEncodeError:
        encoded = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in value).encode("ascii")
    return name.encode("latin-1"), encoded.replace(b"\r", b"%0D").replace(b"\n", b"%0A")
