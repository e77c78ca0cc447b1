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


def test_a_body_of_unknown_length_is_refused(server: Client) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as line:
        head = f"POST {ENTITIES} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 411"


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
