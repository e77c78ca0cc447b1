"""Outgoing HTTP against misbehaving receivers on 127.0.0.1 (trust-N16, trust-R6, trust-R16)."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from machinami.adapters.outbound.guard import DeniedAddress, checked_socket
from machinami.adapters.outbound.http_sender import ANSWER_BYTES_MAX, HttpSender, fresh_s
from machinami.adapters.tls import ensure_certificate
from machinami.data.delivery.model import Failure
from machinami.kernel.clock import SystemClock
from machinami.kernel.errors import Refusal, Unavailable
from machinami.security.egress import rules
from machinami.security.egress.model import Address, EgressPolicy

DEVELOPMENT = EgressPolicy(loopback_allowed=True)
LOOPBACK = ip_address("127.0.0.1")
ENOUGH_S = 20.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver whose answers a test writes; each name's answers are used up in turn, the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): [list(one) for one in rows] for name, rows in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        rows = self.answers.get(host)
        if rows is None:
            raise OSError("no such name")
        row = rows.pop(0) if len(rows) > 1 else rows[0]
        return [ip_address(text) for text in row]


@asynccontextmanager
async def sender(policy: EgressPolicy = DEVELOPMENT, **options: object) -> AsyncIterator[HttpSender]:
    one = HttpSender(policy, SystemClock(), **options)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        await one.close()


@asynccontextmanager
async def receiver(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[TestServer]:
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handler)
    server = TestServer(application, host="127.0.0.1")
    await server.start_server(ssl=tls, shutdown_timeout=0.1)
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def raw_receiver(serve: Raw) -> AsyncIterator[str]:
    """A receiver that speaks bytes; `serve` runs once the request's head has been read."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/notify"
    finally:
        server.close()
        for task in tasks:
            task.cancel()


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_send_posts_body_and_headers_when_receiver_is_sound() -> None:
    seen: list[tuple[str, bytes, str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, await request.read(), request.headers["webhook-id"], request.path_qs))
        return web.Response(status=204)

    async with receiver(handler) as server, sender() as http:
        url = str(server.make_url("/n?a=%E9%AB%98"))
        outcome = await http.send(url, b'{"a":1}', {"Content-Type": "application/json", "webhook-id": "urn:x"}, ENOUGH_S)
    assert outcome.delivered
    assert outcome.status == 204
    assert seen == [("POST", b'{"a":1}', "urn:x", "/n?a=%E9%AB%98")]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_send_does_not_follow_when_redirected(status: int) -> None:
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with receiver(handler) as server, sender() as http:
        outcome = await http.send(str(server.make_url("/n")), b"", {}, ENOUGH_S)
    assert (outcome.status, outcome.delivered, paths) == (status, False, ["/n"])


async def test_send_reports_retry_after_when_receiver_is_overloaded() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "17"})

    async with receiver(handler) as server, sender() as http:
        outcome = await http.send(str(server.make_url("/")), b"", {}, ENOUGH_S)
    assert (outcome.status, outcome.retry_after_s, outcome.delivered) == (503, 17.0, False)


async def test_send_takes_the_status_when_the_answer_is_endless() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    async with raw_receiver(endless) as url, sender() as http:
        outcome = await http.send(url, b"", {}, ENOUGH_S)
    assert outcome.delivered
    assert sent < 100 * ANSWER_BYTES_MAX


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", Failure.CLOSED),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Failure.CLOSED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Failure.CLOSED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Failure.CLOSED),
        (b"220 smtp.example ESMTP\r\n\r\n", Failure.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Failure.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", Failure.PROTOCOL),
    ],
)
async def test_send_fails_when_the_answer_is_not_whole(answer: bytes, failure: Failure) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with raw_receiver(serve) as url, sender() as http:
        outcome = await http.send(url, b"{}", {}, ENOUGH_S)
    assert (outcome.status, outcome.failure) == (None, failure)


async def test_send_fails_when_the_connection_is_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with raw_receiver(reset) as url, sender() as http:
        outcome = await http.send(url, b"x" * 1_000_000, {}, ENOUGH_S)
    assert outcome.failure is Failure.CLOSED


async def test_send_times_out_when_nobody_answers() -> None:
    async with raw_receiver(never) as url, sender() as http:
        outcome = await http.send(url, b"{}", {}, 0.05)
    assert outcome.failure is Failure.TIMEOUT


async def test_send_times_out_when_the_answer_drips() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with raw_receiver(drip) as url, sender() as http:
        outcome = await http.send(url, b"{}", {}, 0.1)
    assert outcome.failure is Failure.TIMEOUT


async def test_send_fails_when_nothing_listens() -> None:
    async with raw_receiver(never) as url:
        pass
    async with sender() as http:
        outcome = await http.send(url, b"{}", {}, ENOUGH_S)
    assert outcome.failure is Failure.CONNECT


async def test_send_fails_when_the_name_is_unknown() -> None:
    async with sender(lookup=Names()) as http:
        outcome = await http.send("http://nowhere.example/", b"", {}, ENOUGH_S)
    assert outcome.failure is Failure.NAME


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://[::1]:{port}/",
        "http://town.example:{port}/",
        "http://169.254.169.254/latest",
        "gopher://x/",
        "http://0x7f000001:{port}/",
    ],
)
async def test_send_opens_no_connection_when_the_target_is_closed(url: str) -> None:
    reached: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    names = Names(town_example=[["127.0.0.1"]])
    async with receiver(handler) as server, sender(EgressPolicy(), lookup=names) as http:
        outcome = await http.send(url.format(port=server.port), b"", {}, ENOUGH_S)
    assert (outcome.failure, reached) == (Failure.REFUSED, [])


async def test_send_pins_the_checked_address_when_the_name_is_rebound() -> None:
    hosts: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        hosts.append(request.headers["Host"])
        return web.Response(headers={"Connection": "close"})

    names = Names(town_example=[["127.0.0.1"], ["10.0.0.1"]])
    async with receiver(handler) as server, sender(lookup=names) as http:
        url = f"http://town.example:{server.port}/"
        first = await http.send(url, b"", {}, ENOUGH_S)
        second = await http.send(url, b"", {}, ENOUGH_S)
    assert first.delivered
    assert second.failure is Failure.REFUSED
    assert "10.0.0.1" in second.detail
    assert [host.partition(":")[0] for host in hosts] == ["town.example"]
    assert names.asked == ["town.example", "town.example"]


async def test_send_refuses_when_only_one_of_the_addresses_is_closed() -> None:
    names = Names(town_example=[["8.8.8.8", "127.0.0.1"]])
    async with sender(EgressPolicy(), lookup=names) as http:
        outcome = await http.send("http://town.example/", b"", {}, ENOUGH_S)
    assert outcome.failure is Failure.REFUSED


async def test_send_refuses_when_a_header_would_split_the_request() -> None:
    async with sender() as http:
        outcome = await http.send("http://127.0.0.1:9999/", b"", {"X-A": "b\r\nX-B: c"}, ENOUGH_S)
    assert outcome.failure is Failure.REFUSED


async def test_send_checks_the_certificate_when_tls_is_used(tmp_path: Path) -> None:
    certificate = ensure_certificate(tmp_path, ["town.example"], [LOOPBACK], datetime.now(UTC))
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate.path)
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.host)
        return web.Response()

    names = Names(town_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    async with receiver(handler, served) as server:
        async with sender(lookup=names) as http:
            unknown = await http.send(f"https://town.example:{server.port}/", b"", {}, ENOUGH_S)
        async with sender(lookup=names, ca_bundle=certificate.path) as http:
            known = await http.send(f"https://town.example:{server.port}/", b"", {}, ENOUGH_S)
            misnamed = await http.send(f"https://other.example:{server.port}/", b"", {}, ENOUGH_S)
    assert (unknown.failure, known.status, misnamed.failure) == (Failure.TLS, 200, Failure.TLS)
    assert len(seen) == 1


async def test_fetch_returns_the_document_when_redirected_within_bounds() -> None:
    async def handler(request: web.Request) -> web.Response:
        step = int(request.path.strip("/"))
        if step < 3:
            return web.Response(status=302, headers={"Location": f"/{step + 1}"})
        assert request.headers["Accept"] == "application/ld+json"
        return web.json_response({"@context": {}})

    async with receiver(handler) as server, sender() as http:
        assert await http.fetch(str(server.make_url("/0")), "application/ld+json", 1_000, ENOUGH_S) == b'{"@context": {}}'
        with pytest.raises(Refusal) as caught:
            await http.fetch(str(server.make_url("/-1")), "application/ld+json", 1_000, ENOUGH_S)
    assert caught.value.code == "outbound.fetch.too_many_redirects"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://inside.example/",
        "file:///etc/passwd",
        "//0x7f.1/",
    ],
)
async def test_fetch_refuses_when_redirected_into_closed_space(location: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    names = Names(inside_example=[["10.0.0.1"]])
    async with receiver(handler) as server, sender(lookup=names) as http:
        with pytest.raises(Refusal) as caught:
            await http.fetch(str(server.make_url("/")), "*/*", 1_000, ENOUGH_S)
    assert caught.value.code.startswith("security.egress.")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_fetch_unpacks_and_refuses_when_unpacked_size_is_beyond_the_bound(pack: Callable[[bytes], bytes]) -> None:
    async def handler(request: web.Request) -> web.Response:
        body = pack(b"a" * (50_000_000 if request.path == "/bomb" else 1_000))
        return web.Response(body=body, headers={"Content-Encoding": "gzip" if pack is gzip.compress else "deflate"})

    async with receiver(handler) as server, sender() as http:
        assert await http.fetch(str(server.make_url("/small")), "*/*", 1_000, ENOUGH_S) == b"a" * 1_000
        with pytest.raises(Refusal) as caught:
            await http.fetch(str(server.make_url("/bomb")), "*/*", 1_000_000, ENOUGH_S)
    assert caught.value.code == "outbound.fetch.too_large"


async def test_fetch_keeps_its_memory_bounded_when_a_bomb_unpacks() -> None:
    packed = gzip.compress(b"a" * 50_000_000)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with receiver(handler) as server, sender() as http:
        tracemalloc.start()
        try:
            with pytest.raises(Refusal):
                await http.fetch(str(server.make_url("/")), "*/*", 100_000, ENOUGH_S)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak_bytes < 5_000_000


async def test_fetch_refuses_when_a_secure_address_redirects_to_an_open_one(tmp_path: Path) -> None:
    certificate = ensure_certificate(tmp_path, [], [LOOPBACK], datetime.now(UTC))
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate.path)
    reached: list[str] = []

    async def open_handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    async with receiver(open_handler) as plain:

        async def handler(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": str(plain.make_url("/open"))})

        async with receiver(handler, served) as secure, sender(ca_bundle=certificate.path) as http:
            with pytest.raises(Refusal) as caught:
                await http.fetch(f"https://127.0.0.1:{secure.port}/", "*/*", 1_000, ENOUGH_S)
    assert (caught.value.code, reached) == ("outbound.fetch.downgraded", [])


async def test_fetch_refuses_when_the_document_never_ends() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)

    async with receiver(handler) as server, sender() as http:
        with pytest.raises(Refusal) as caught:
            await http.fetch(str(server.make_url("/")), "*/*", 100_000, ENOUGH_S)
    assert caught.value.code == "outbound.fetch.too_large"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"abc" * 50)[:20],
        b"garbage\r\n\r\n",
    ],
)
async def test_fetch_is_unavailable_when_the_answer_is_broken(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with raw_receiver(serve) as url, sender() as http:
        with pytest.raises(Unavailable) as caught:
            await http.fetch(url, "*/*", 1_000, ENOUGH_S)
    assert caught.value.code == "outbound.fetch.failed"


async def test_fetch_is_unavailable_when_redirects_drip_beyond_the_time() -> None:
    async with raw_receiver(never) as url, sender() as http:
        with pytest.raises(Unavailable) as caught:
            await http.fetch(url, "*/*", 1_000, 0.05)
    assert caught.value.code == "outbound.fetch.failed"


@asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that answers every absolute-form request itself."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
        seen.append(line.decode().strip())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://proxy.example:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()


async def test_send_goes_through_the_proxy_when_the_name_is_public_or_unknown_here() -> None:
    names = Names(proxy_example=[["127.0.0.1"]], town_example=[["8.8.8.8"]])
    async with proxy() as (address, seen), sender(EgressPolicy(), lookup=names, proxy=address) as http:
        known = await http.send("http://town.example/a", b"", {}, ENOUGH_S)
        unknown = await http.send("http://elsewhere.example/b", b"", {}, ENOUGH_S)
    assert known.delivered
    assert unknown.delivered
    assert seen == ["POST http://town.example/a HTTP/1.1", "POST http://elsewhere.example/b HTTP/1.1"]


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://inside.example/", "http://printer.local/", "http://intranet/", "http://127.0.0.1/"]
)
async def test_send_asks_no_proxy_when_the_target_is_closed(url: str) -> None:
    names = Names(proxy_example=[["127.0.0.1"]], inside_example=[["192.168.0.9"]])
    async with proxy() as (address, seen), sender(EgressPolicy(), lookup=names, proxy=address) as http:
        outcome = await http.send(url, b"", {}, ENOUGH_S)
    assert not outcome.delivered
    assert outcome.failure in (Failure.REFUSED, Failure.NAME)
    assert seen == []


async def test_send_goes_past_the_proxy_when_the_network_is_the_towns_own() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=202)

    names = Names(proxy_example=[["127.0.0.1"]], desk_example=[["127.0.0.1"]])
    async with (
        proxy() as (address, seen),
        receiver(handler) as server,
        sender(DEVELOPMENT, lookup=names, proxy=address) as http,
    ):
        outcome = await http.send(f"http://desk.example:{server.port}/", b"", {}, ENOUGH_S)
    assert (outcome.status, seen) == (202, [])


@pytest.mark.parametrize("text", ["proxy:8080", "socks5://proxy:1080", "http://", "http://proxy/path", "http://proxy:x/"])
def test_http_sender_refuses_when_the_proxy_setting_is_malformed(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        HttpSender(DEVELOPMENT, SystemClock(), proxy=text)
    assert caught.value.code == "security.egress.proxy_malformed"


def test_http_sender_refuses_when_the_ca_bundle_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(Refusal) as caught:
            HttpSender(DEVELOPMENT, SystemClock(), ca_bundle=tmp_path / name)
        assert caught.value.code == "security.egress.ca_bundle_unreadable"


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def test_send_tunnels_and_checks_the_receivers_name_when_tls_goes_through_the_proxy(tmp_path: Path) -> None:
    certificate = ensure_certificate(tmp_path, ["town.example"], [], datetime.now(UTC))
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate.path)
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=202)

    async with receiver(handler, served) as server:
        port = server.port

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append((await reader.readline()).decode().strip())
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_tunnel(reader, far_writer), _tunnel(far_reader, writer))

        tunnel = await asyncio.start_server(connect, "127.0.0.1", 0)
        address = f"http://proxy.example:{tunnel.sockets[0].getsockname()[1]}"
        names = Names(proxy_example=[["127.0.0.1"]], town_example=[["8.8.8.8"]], other_example=[["8.8.8.8"]])
        async with sender(EgressPolicy(), lookup=names, proxy=address, ca_bundle=certificate.path) as http:
            known = await http.send("https://town.example/n", b"{}", {}, ENOUGH_S)
            misnamed = await http.send("https://other.example/n", b"{}", {}, ENOUGH_S)
        tunnel.close()
    assert (known.status, misnamed.failure) == (202, Failure.TLS)
    assert asked == ["CONNECT town.example:443 HTTP/1.1", "CONNECT other.example:443 HTTP/1.1"]


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_checked_socket_refuses_at_the_last_moment_when_the_address_is_closed(text: str) -> None:
    make = checked_socket(EgressPolicy())
    with pytest.raises(DeniedAddress):
        make((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (text, 80)))


async def test_fetch_is_refused_when_only_the_last_check_saw_the_closed_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "check_addresses", lambda *ignored: None)
    async with raw_receiver(never) as url, sender(EgressPolicy()) as http:
        with pytest.raises(Refusal) as caught:
            await http.fetch(url, "*/*", 10, ENOUGH_S)
        outcome = await http.send(url, b"", {}, ENOUGH_S)
    assert caught.value.code == "outbound.fetch.denied"
    assert outcome.failure is Failure.REFUSED


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "public, Max-Age=60"}, 60.0),
        ({"Cache-Control": "max-age=60", "Age": "20", "Expires": "0"}, 40.0),
        ({"Cache-Control": "max-age=60", "Age": "90"}, 0.0),
        ({"Cache-Control": "no-cache, max-age=60"}, 0.0),
        ({"Cache-Control": "no-store"}, 0.0),
        ({"Expires": "Thu, 26 Nov 2026 00:01:00 GMT"}, 60.0),
        ({"Expires": "Thu, 26 Nov 2025 00:01:00 GMT"}, 0.0),
        ({"Expires": "0"}, 0.0),
        ({"Cache-Control": "max-age=soon"}, None),
    ],
)
def test_fresh_s_is_what_the_server_says(headers: dict[str, str], seconds: float | None) -> None:
    assert fresh_s(headers, datetime(2026, 11, 26, tzinfo=UTC)) == seconds
