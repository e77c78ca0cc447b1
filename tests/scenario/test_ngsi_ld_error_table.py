"""Every operation of the standard answers each kind of malformed request with the error type and status of Table 6.3.2-1.

The operations are those of the served description, so that a new one is held to the table from its first day.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .scenario_kit import LD_JSON, V1, Client

JSON = "application/json"
NOBODY = "urn:ngsi-ld:Nobody:1"
INVALID, BAD, MISSING = (400, "InvalidRequest"), (400, "BadRequestData"), (404, "ResourceNotFound")
LINK = '<{}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
UNREACHABLE = "http://127.0.0.1:1029/context.jsonld"
FAST = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Operation:
    """One operation; `example` is a body that fits, None if it takes none."""

    method: str
    template: str
    path: str
    example: Any

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


@pytest.fixture(scope="module")
def operations(server: Client) -> list[Operation]:
    document: Any = server.get("/openapi.json").json
    schemas = document["components"]["schemas"]

    def example(one: Any) -> Any:
        if "requestBody" not in one:
            return None
        reference = one["requestBody"]["content"][JSON]["schema"]["$ref"]
        return schemas[reference.rpartition("/")[2]]["examples"][0]

    return [
        Operation(method.upper(), path, re.sub(r"\{\w+\}", NOBODY, path), example(one))
        for path, methods in document["paths"].items()
        for method, one in methods.items()
        if path.startswith(V1)
    ]


def with_body(operations: list[Operation]) -> list[Operation]:
    return [one for one in operations if one.example is not None]


def problem(server: Client, one: Operation, body: bytes | None, **headers: str) -> tuple[int, str]:
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.request(one.method, one.path, body, given_headers).problem


def wrong(server: Client, ones: list[Operation], body: bytes | None, wanted: tuple[int, str], **headers: str) -> list[str]:
    """The operations that answer otherwise, with what they say."""
    answers = [(one, problem(server, one, body, **headers)) for one in ones]
    return [f"{one}: {answer}" for one, answer in answers if answer != wanted]


@functools.cache
def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@FAST
@given(text=st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and not is_json(text)))
def test_a_body_that_is_no_json_is_an_invalid_request(server: Client, operations: list[Operation], text: str) -> None:
    assert wrong(server, with_body(operations), text.encode("utf-8", "replace"), INVALID, Content_Type=JSON) == []


def test_an_empty_body_is_an_invalid_request(server: Client, operations: list[Operation]) -> None:
    assert wrong(server, with_body(operations), b"", INVALID, Content_Type=JSON) == []


@FAST
@given(document=st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10)))
def test_json_that_is_no_document_is_refused(server: Client, operations: list[Operation], document: Any) -> None:
    """Whether it is an invalid request or bad data, 5.5.4 leaves open. What is not there may be said first."""
    for one in with_body(operations):
        answer = problem(server, one, json.dumps(document).encode(), Content_Type=JSON)
        assert answer in (INVALID, BAD) or (NOBODY in one.path and answer == MISSING), (str(one), answer)


def test_another_media_type_is_not_supported(server: Client, operations: list[Operation]) -> None:
    ones = with_body(operations)
    for media_type in ("text/plain", "application/xml", "application/geo+json"):
        found = [(one, server.request(one.method, one.path, b"{}", {"Content-Type": media_type}).status) for one in ones]
        assert [f"{one}: {status}" for one, status in found if status != 415] == []


def test_an_answer_nobody_offers_is_not_acceptable(server: Client, operations: list[Operation]) -> None:
    found = [(one, server.request("GET", one.path, None, {"Accept": "image/png"})) for one in operations if one.method == "GET"]
    assert [f"{one}: {reply.status}" for one, reply in found if reply.status != 406] == []


def test_a_method_that_is_not_defined_is_refused_with_those_that_are(server: Client, operations: list[Operation]) -> None:
    by_path: dict[str, set[str]] = {}
    for one in operations:
        by_path.setdefault(one.path, set()).add(one.method)
    for path, methods in by_path.items():
        for method in {"POST", "PUT", "PATCH", "DELETE"} - methods:
            reply = server.request(method, path, b"{}", {"Content-Type": JSON})
            assert reply.status == 405, (method, path)
            assert set(reply.headers["allow"].split(", ")) == methods, (method, path)


def test_a_context_in_the_wrong_place_is_bad_request_data(server: Client, operations: list[Operation]) -> None:
    ones = [one for one in with_body(operations) if isinstance(one.example, dict) and "@context" not in one.example]
    for one in ones:
        inside = json.dumps({**one.example, "@context": {}}).encode()
        assert wrong(server, [one], inside, BAD, Content_Type=JSON) == []
        assert wrong(server, [one], inside, BAD, Content_Type=LD_JSON, Link=LINK.format("https://example.org/c")) == []
        assert wrong(server, [one], json.dumps(one.example).encode(), BAD, Content_Type=LD_JSON) == []


def test_a_context_that_cannot_be_had_is_not_available(server: Client, operations: list[Operation]) -> None:
    link = LINK.format(UNREACHABLE)
    for one in operations:
        if "/jsonldContexts" in one.path:
            continue
        body = None if one.example is None else json.dumps(one.example).encode()
        media_type = {"Content-Type": JSON} if body else {}
        reply = server.request(one.method, one.path, body, {"Link": link, **media_type})
        if reply.status != 504:
            refused = server.request(one.method, one.path, body, media_type)
            assert refused.status == reply.status >= 400, (str(one), reply.status, refused.status)


def test_a_tenant_that_nobody_made_does_not_exist(server: Client, operations: list[Operation]) -> None:
    ones = [one for one in operations if one.method == "GET" and not one.path.endswith("/info/sourceIdentity")]
    assert wrong(server, ones, None, (404, "NonexistentTenant"), NGSILD_Tenant="nobody-made-me") == []


def test_what_is_not_there_is_not_found(server: Client, operations: list[Operation]) -> None:
    for one in operations:
        if NOBODY not in one.path:
            continue
        example = (
            {key: value for key, value in one.example.items() if key != "id"} if isinstance(one.example, dict) else one.example
        )
        body = None if example is None else json.dumps(example).encode()
        reply = server.request(one.method, one.path, body, {"Content-Type": JSON} if body else {})
        assert reply.problem == MISSING, (str(one), reply.status, reply.body)
