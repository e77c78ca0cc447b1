"""What holds for all operations of the API: media types, lengths, and who this broker says it is."""

from __future__ import annotations

import re
import socket

import pytest

from .scenario_kit import ENTITIES, LD_JSON, SUBSCRIPTIONS, V1, Client


@pytest.mark.parametrize(
    "path", [f"{SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:none", SUBSCRIPTIONS, f"{V1}/types", f"{V1}/info/sourceIdentity"]
)
@pytest.mark.parametrize("accept", ["application/geo+json", "application/xml"])
def test_an_answer_that_cannot_be_written_is_refused_before_anything_is_looked_up(
    server: Client, path: str, accept: str
) -> None:
    reply = server.get(path, {"Accept": accept})
    assert reply.status == 406
    assert "application/json, application/ld+json" in reply.json["detail"]


WITH_BODY = [
    ("POST", ENTITIES), ("PATCH", f"{ENTITIES}/urn:x:1"), ("PUT", f"{ENTITIES}/urn:x:1"),
    ("POST", f"{V1}/entityOperations/query"), ("POST", f"{V1}/jsonldContexts"), ("POST", f"{V1}/snapshots/urn:x:1/clone"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize(
    ("headers", "rest", "status"),
    [
        ("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n", 411),
        ("Content-Type: application/json\r\n", "", 411),
        ("Content-Type: application/json\r\nContent-Length: 0\r\n", "", 400),
        ("Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}", 415),
        ("Content-Length: 2\r\n", "{}", 400),
        ("Content-Length: 0\r\n", "", 400),
        ("", "", 400),
    ],
)
def test_a_missing_length_or_wrong_media_type_is_told_by_the_status_alone(
    server: Client, method: str, path: str, headers: str, rest: str, status: int
) -> None:
    """6.3.4: just 411 and just 415, without a payload body; a header says what can be read."""
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as line:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n"
        line.sendall((head + rest).encode())
        answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    start, _, body = answer.partition("\r\n\r\n")
    assert start.startswith(f"HTTP/1.1 {status}")
    assert (body == "") == (status != 400)
    types = "application/json, application/ld+json" + (", application/merge-patch+json" if method == "PATCH" else "")
    assert (f"accept: {types}" in start.lower().splitlines()) == (status == 415)


def test_the_source_says_who_it_is_for_each_tenant(server: Client) -> None:
    first = server.get(f"{V1}/info/sourceIdentity").json
    assert (first["type"], first["id"]) == ("ContextSourceIdentity", f"urn:ngsi-ld:ContextSource:{first['contextSourceAlias']}")
    assert re.fullmatch(r"P\d+DT\d+H\d+M\d+S", first["contextSourceUptime"])
    assert first["contextSourceTimeAt"].endswith("Z")
    again = server.get(f"{V1}/info/sourceIdentity", {"Accept": LD_JSON}).json
    assert again["contextSourceAlias"] == first["contextSourceAlias"]
    assert again["@context"].startswith("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")
    other = server.with_headers(NGSILD_Tenant="other").get(f"{V1}/info/sourceIdentity").json
    assert other["contextSourceAlias"] == f"{first['contextSourceAlias']}.other"
