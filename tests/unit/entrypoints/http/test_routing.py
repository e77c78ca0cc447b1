"""Finding the handler of a path."""

from __future__ import annotations

import pytest

from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.routing import Routes
from machinami.kernel.errors import Refusal


async def read(_: Call) -> Answer:
    return Answer(200)


async def write(_: Call) -> Answer:
    return Answer(204)


ROUTES = Routes(
    "/v1",
    {
        "/": {"GET": read},
        "/things": {"GET": read, "POST": write},
        "/things/special": {"GET": write},
        "/things/*": {"GET": read},
        "/things/*/parts/*": {"PUT": write},
    },
)


@pytest.mark.parametrize(
    ("method", "path", "handler", "segments"),
    [
        ("GET", "/v1", read, ()),
        ("GET", "/v1/", read, ()),
        ("POST", "/v1/things/", write, ()),
        ("GET", "/v1/things/special", write, ()),
        ("GET", "/v1/things/urn:x:1", read, ("urn:x:1",)),
        ("GET", "/v1/things/a%2Fb%20%E9%AB%98", read, ("a/b 高",)),
        ("PUT", "/v1/things/a/parts/%252F", write, ("a", "%2F")),
    ],
)
def test_find_gives_handler_and_decoded_segments(method, path, handler, segments) -> None:  # type: ignore[no-untyped-def]
    assert ROUTES.find(method, path) == (handler, segments)


@pytest.mark.parametrize("path", ["/v1/other", "/v1/things/a/parts", "/v1/things//parts/b/c", "/v1/things/a/b/c/d"])
def test_find_refuses_when_the_path_is_unknown(path: str) -> None:
    with pytest.raises(Refusal) as refused:
        ROUTES.find("GET", path)
    assert refused.value.code == "http.path.unknown"


def test_find_names_the_methods_when_the_method_is_not_one_of_them() -> None:
    with pytest.raises(Refusal) as refused:
        ROUTES.find("DELETE", "/v1/things")
    assert refused.value.code == "http.method.not_allowed"
    assert refused.value.parameters["allowed"] == "GET, POST"


@pytest.mark.parametrize(
    ("prefix", "path", "covered"),
    [
        ("/v1", "/v1", True),
        ("/v1", "/v1/things", True),
        ("/v1", "/v1things", False),
        ("/v1", "/v2", False),
        ("/api/", "/api", True),
        ("/api/", "/apis", False),
        ("/api/", "/api/city", True),
    ],
)
def test_covers_ends_at_a_slash(prefix: str, path: str, covered: bool) -> None:
    assert Routes(prefix, {}).covers(path) is covered
