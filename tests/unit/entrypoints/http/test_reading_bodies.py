"""Bodies within their bounds, plain and gzip; tenants; cookies."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from machinami.entrypoints.http.asgi import read_body, wanted_tenant
from machinami.entrypoints.http.console import parse_cookies
from machinami.kernel.errors import Refusal

MOST = 10_000


def sent(*chunks: bytes, cut: bool = False) -> Callable[[], Awaitable[MutableMapping[str, Any]]]:
    """The ASGI messages of a body in chunks; `cut`: the client goes away at the end."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"} if cut else {"type": "http.request", "body": b""})
    waiting = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        return next(waiting)

    return receive


async def refusal(headers: dict[str, str], *chunks: bytes, cut: bool = False) -> str:
    with pytest.raises(Refusal) as refused:
        await read_body(headers, sent(*chunks, cut=cut), MOST)
    return refused.value.code


async def test_read_body_joins_chunks() -> None:
    assert await read_body({}, sent(b"a", b"", b"bc"), MOST) == b"abc"
    assert await read_body({}, sent(), MOST) == b""
    assert await read_body({"content-encoding": "identity"}, sent(b"a"), MOST) == b"a"


async def test_read_body_takes_exactly_the_bound_and_no_byte_more() -> None:
    assert len(await read_body({}, sent(bytes(MOST)), MOST)) == MOST
    assert await refusal({}, bytes(MOST), b"x") == "http.body.too_large"
    assert await refusal({"content-length": str(MOST + 1)}) == "http.body.too_large"


async def test_read_body_is_refused_when_the_client_goes_away() -> None:
    assert await refusal({}, b"abc", cut=True) == "http.body.incomplete"


async def test_read_body_unpacks_gzip() -> None:
    plain = b'{"a": 1}' * 100
    packed = gzip.compress(plain)
    assert await read_body({"content-encoding": "GZIP"}, sent(packed[:7], packed[7:]), MOST) == plain


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (gzip.compress(bytes(MOST + 1)), "http.body.too_large"),
        (gzip.compress(bytes(5_000_000)), "http.body.too_large"),
        (gzip.compress(b'{"a": 1}' * 50)[:-9], "http.body.encoding"),
        (gzip.compress(b"a") + b"x", "http.body.encoding"),
        (gzip.compress(b"a") + gzip.compress(b"b"), "http.body.encoding"),
        (zlib.compress(b"a"), "http.body.encoding"),
        (b"", "http.body.encoding"),
        (b"{}", "http.body.encoding"),
    ],
)
async def test_read_body_refuses_gzip_that_is_cut_extended_or_a_bomb(body: bytes, code: str) -> None:
    assert await refusal({"content-encoding": "gzip"}, body) == code


async def test_read_body_refuses_other_encodings() -> None:
    assert await refusal({"content-encoding": "br"}, b"x") == "http.body.encoding"
    assert await refusal({"content-encoding": "gzip, gzip"}, b"x") == "http.body.encoding"


@pytest.mark.parametrize("name", ["aji", "Takamatsu_1", "x" * 64, "-"])
def test_wanted_tenant_is_the_header_when_it_is_a_name(name: str) -> None:
    assert wanted_tenant({"ngsild-tenant": name}) == name
    assert wanted_tenant({}) == ""


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 65, "é", "a\n", "a.b", "'"])
def test_wanted_tenant_is_refused_when_it_is_no_name(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        wanted_tenant({"ngsild-tenant": name})
    assert refused.value.code == "http.tenant.not_valid"


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ('a="1";b=x=y', {"a": "1", "b": "x=y"}),
        ("odd/name=1; machinami_session=t", {"odd/name": "1", "machinami_session": "t"}),
        ("nonsense; machinami_session=t;;", {"machinami_session": "t"}),
        ("a=%E9%AB%98", {"a": "高"}),
    ],
)
def test_parse_cookies_keeps_what_is_sound_beside_what_is_not(header: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(header) == cookies
