"""Outgoing HTTP: notifications and fetched documents, all through the egress guard (trust-N16, context-broker.md B9).

Implements `data.delivery.ports.Sender` and the fetching side of @context loading. A redirect of a notification is an
answer like any other and is not followed; a fetch follows at most three, each checked like a URL of its own.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

import machinami
from machinami.adapters.outbound.guard import (
    DeniedAddress,
    GuardedResolver,
    Lookup,
    PinnedResolver,
    SystemLookup,
    checked_socket,
)
from machinami.data.delivery.model import Failure, Outcome
from machinami.data.delivery.rules import parse_retry_after
from machinami.kernel.clock import Clock
from machinami.kernel.errors import Refusal, Unavailable
from machinami.security.egress import rules
from machinami.security.egress.model import EgressPolicy, Target

REDIRECTS_MAX: Final = 3
ANSWER_BYTES_MAX: Final = 65_536
# Shorter than the 5 s after which common servers close an idle connection: a request must not meet the closing.
_KEEPALIVE_S: Final = 4.0
_DETAIL_CHARACTERS: Final = 200
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class Page:
    """A fetched document; `fresh_s` is how long its server says it may be kept, None if it says nothing."""

    body: bytes
    fresh_s: float | None


class HttpSender:
    """The one HTTP client of Machinami. Make it and use it in one event loop; `close` ends its connections."""

    def __init__(
        self,
        policy: EgressPolicy,
        clock: Clock,
        *,
        proxy: str = "",
        ca_bundle: Path | None = None,
        connections_max: int = 320,
        lookup: Lookup | None = None,
    ) -> None:
        """`connections_max` bounds open connections: more than deliveries under way, so that no fetch queues behind them.

        Raises Refusal `security.egress.proxy_malformed` or `.ca_bundle_unreadable`.
        """
        self._policy = policy
        self._clock = clock
        self._proxy = _parse_proxy(proxy)
        self._tls = _tls_context(ca_bundle)
        self._connections_max = connections_max
        self._system_lookup = SystemLookup() if lookup is None else None
        self._lookup: Lookup = lookup or self._system_lookup  # type: ignore[assignment]
        self._direct: aiohttp.ClientSession | None = None
        self._proxied: aiohttp.ClientSession | None = None

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Outcome:
        """POST a notification. Never raises for what the receiver, the network or the guard does.

        The answer's status counts once the answer is complete, or once it is longer than `ANSWER_BYTES_MAX`; the rest
        is not read. `timeout_s` covers everything from the name's resolution to the answer's end.
        """
        started = self._clock.monotonic()
        try:
            rules.check_headers(headers)
            target = rules.parse_target(url)
            async with asyncio.timeout(timeout_s):
                status, retry_after = await self._post(target, body, headers)
        except Refusal as error:
            detail = ", ".join(f"{name}={value}" for name, value in error.parameters.items())
            return self._failed(Failure.REFUSED, f"{error.code}: {detail}", started)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return self._failed(_failure_of(error), _say(error), started)
        return Outcome(
            status=status,
            retry_after_s=parse_retry_after(retry_after, self._clock.now()),
            duration_s=self._clock.monotonic() - started,
            detail="" if 200 <= status < 300 else f"HTTP {status}",
        )

    async def fetch(self, url: str, accept: str, bytes_max: int, timeout_s: float) -> bytes:
        """The body of `download`."""
        return (await self.download(url, accept, bytes_max, timeout_s)).body

    async def download(self, url: str, accept: str, bytes_max: int, timeout_s: float) -> Page:
        """GET a document of at most `bytes_max` bytes, unpacked size included, within `timeout_s` over all redirects.

        Raises Refusal (`security.egress.*`, `outbound.fetch.too_large`, `.too_many_redirects`, `.downgraded`,
        `.encoding_unknown`) and Unavailable (`outbound.fetch.failed`) when no complete 200 answer came.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._fetch(rules.parse_target(url), accept, bytes_max)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if _failure_of(error) is Failure.REFUSED:
                raise Refusal("outbound.fetch.denied", url=url, reason=_say(error)) from error
            raise Unavailable("outbound.fetch.failed", url=url, reason=_say(error)) from error

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], bytes_max: int, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        """One request to a context source: status, headers (lower-case names) and body of its complete answer.

        Redirects are answers like any other. Raises Refusal (`security.egress.*`, `outbound.fetch.denied`,
        `.too_large`, `.encoding_unknown`) and Unavailable (`outbound.fetch.failed`).
        """
        try:
            rules.check_headers(headers)
            target = rules.parse_target(url)
            async with asyncio.timeout(timeout_s):
                session = await self._route(target)
                async with session.request(
                    method,
                    URL(target.url, encoded=True),
                    data=body or None,
                    headers={**headers, "Accept-Encoding": "gzip"},
                    proxy=self._proxy_for(session),
                    allow_redirects=False,
                ) as answer:
                    found = {name.lower(): value for name, value in answer.headers.items()}
                    return answer.status, found, await _read(answer, target.url, bytes_max)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if _failure_of(error) is Failure.REFUSED:
                raise Refusal("outbound.fetch.denied", url=url, reason=_say(error)) from error
            raise Unavailable("outbound.fetch.failed", url=url, reason=_say(error)) from error

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._direct, self._proxied):
            if session is not None:
                await session.close()
        if self._system_lookup is not None:
            self._system_lookup.close()

    async def _post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> tuple[int, str | None]:
        session = await self._route(target)
        request = {**headers, "Accept-Encoding": "identity"}
        async with session.post(
            URL(target.url, encoded=True), data=body, headers=request, proxy=self._proxy_for(session), allow_redirects=False
        ) as answer:
            read = 0
            async for chunk in answer.content.iter_any():
                read += len(chunk)
                if read > ANSWER_BYTES_MAX:
                    answer.close()
                    break
            return answer.status, answer.headers.get("Retry-After")

    async def _fetch(self, target: Target, accept: str, bytes_max: int) -> Page:
        for _ in range(REDIRECTS_MAX + 1):
            session = await self._route(target)
            async with session.get(
                URL(target.url, encoded=True),
                headers={"Accept": accept, "Accept-Encoding": "gzip"},
                proxy=self._proxy_for(session),
                allow_redirects=False,
            ) as answer:
                if answer.status in _REDIRECTS and "Location" in answer.headers:
                    target = _redirected(target, answer.headers["Location"])
                    continue
                if answer.status != 200:
                    raise Unavailable("outbound.fetch.failed", url=target.url, reason=f"HTTP {answer.status}")
                return Page(await _read(answer, target.url, bytes_max), fresh_s(answer.headers, self._clock.now()))
        raise Refusal("outbound.fetch.too_many_redirects", url=target.url, count=REDIRECTS_MAX)

    async def _route(self, target: Target) -> aiohttp.ClientSession:
        """The session to use, after the checks that can be made before connecting.

        Behind a proxy the name is checked here as far as this machine can resolve it; what the policy opens (the
        town's own networks, loopback in development) is reached past the proxy.
        """
        rules.check_literal(target, self._policy)
        if self._proxy is None:
            return self._direct_session()
        if target.address is not None:
            addresses = [target.address]
        else:
            try:
                addresses = list(await self._lookup(target.host, target.port))
            except OSError:
                if rules.is_local_name(target.host):
                    raise
                return self._proxied_session()
        rules.check_addresses(target.host, addresses, self._policy)
        if addresses and all(rules.is_local(address, self._policy) for address in addresses):
            return self._direct_session()
        return self._proxied_session()

    def _direct_session(self) -> aiohttp.ClientSession:
        if self._direct is None:
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(self._lookup, self._policy),
                socket_factory=checked_socket(self._policy),
                use_dns_cache=False,
                limit=self._connections_max,
                keepalive_timeout=_KEEPALIVE_S,
                ssl=self._tls,
            )
            self._direct = _session(connector)
        return self._direct

    def _proxied_session(self) -> aiohttp.ClientSession:
        if self._proxied is None:
            assert self._proxy is not None
            connector = aiohttp.TCPConnector(
                resolver=PinnedResolver(self._lookup, self._proxy.host or ""),
                use_dns_cache=False,
                limit=self._connections_max,
                keepalive_timeout=_KEEPALIVE_S,
                ssl=self._tls,
            )
            self._proxied = _session(connector)
        return self._proxied

    def _proxy_for(self, session: aiohttp.ClientSession) -> URL | None:
        return self._proxy if session is self._proxied else None

    def _failed(self, failure: Failure, detail: str, started: float) -> Outcome:
        duration_s = self._clock.monotonic() - started
        return Outcome(failure=failure, duration_s=duration_s, detail=detail[:_DETAIL_CHARACTERS])


def fresh_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long an answer may be kept, by Cache-Control, else by Expires (RFC 9111 4.2.1); None if neither says it."""
    directives = [part.strip().lower() for part in headers.get("Cache-Control", "").split(",")]
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    for directive in directives:
        name, _, value = directive.partition("=")
        if name == "max-age" and value.strip('"').isdecimal():
            age = headers.get("Age", "0")
            return max(0.0, float(value.strip('"')) - (float(age) if age.isdecimal() else 0.0))
    try:
        return max(0.0, (parsedate_to_datetime(headers["Expires"]) - now).total_seconds()) if "Expires" in headers else None
    except (TypeError, ValueError):
        return 0.0


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"Machinami/{machinami.__version__}"},
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
        raise_for_status=False,
    )


def _tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=ca_bundle)
        except OSError as error:  # ssl.SSLError is one
            raise Refusal("security.egress.ca_bundle_unreadable", path=str(ca_bundle), reason=_say(error)) from error
    return context


def _parse_proxy(text: str) -> URL | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        proxy = URL(text)
    except ValueError as error:
        raise Refusal("security.egress.proxy_malformed") from error
    if not sound or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Refusal("security.egress.proxy_malformed")
    return proxy


def _redirected(target: Target, location: str) -> Target:
    following = rules.parse_target(urljoin(target.url, location))
    if target.scheme == "https" and following.scheme == "http":
        raise Refusal("outbound.fetch.downgraded", url=following.url)
    return following


async def _read(answer: aiohttp.ClientResponse, url: str, bytes_max: int) -> bytes:
    """The body, unpacked piece by piece so that a bomb never grows beyond `bytes_max` in memory."""
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise Refusal("outbound.fetch.encoding_unknown", url=url, encoding=encoding[:40])
    unpacker = None if encoding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
    body = bytearray()
    async for chunk in answer.content.iter_any():
        if unpacker is not None and unpacker.eof:
            raise Unavailable("outbound.fetch.failed", url=url, reason=f"data behind the end of its {encoding} stream")
        try:
            body += chunk if unpacker is None else unpacker.decompress(chunk, bytes_max + 1 - len(body))
        except zlib.error as error:
            raise Unavailable("outbound.fetch.failed", url=url, reason=f"broken {encoding} data") from error
        if len(body) > bytes_max:
            answer.close()
            raise Refusal("outbound.fetch.too_large", url=url, bytes_max=bytes_max)
    if unpacker is not None and not unpacker.eof:
        raise Unavailable("outbound.fetch.failed", url=url, reason=f"incomplete {encoding} data")
    return bytes(body)


def _failure_of(error: BaseException) -> Failure:
    if _caused_by_denial(error):
        return Failure.REFUSED
    if isinstance(error, TimeoutError):
        return Failure.TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure.NAME
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return Failure.TLS
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failure.CONNECT
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
        return Failure.CLOSED
    if isinstance(error, aiohttp.ClientError):
        return Failure.PROTOCOL
    return Failure.NAME  # an OSError of the lookup made before choosing between proxy and direct way


def _caused_by_denial(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, DeniedAddress):
            return True
        error = error.__cause__ or error.__context__
    return False


def _say(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no complete answer in time"
    return (str(error) or type(error).__name__)[:_DETAIL_CHARACTERS]
