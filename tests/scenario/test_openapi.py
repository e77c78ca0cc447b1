"""The served description and the running API say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import machinami.entrypoints.web

from .scenario_kit import PROBLEMS, V1, Client


def operations(server: Client) -> list[tuple[str, str, list[str]]]:
    document: Any = server.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    return [
        (method.upper(), re.sub(r"\{\w+\}", "urn:ngsi-ld:None:1", path), [row["name"] for row in one["parameters"] if row.get("in") == "query"])
        for path, methods in document["paths"].items()
        for method, one in methods.items()
        if path.startswith(V1)
    ]  # fmt: skip


def asked(server: Client, method: str, path: str, **query: str) -> tuple[int, Any]:
    reply = server.request(method, path, None if method in ("GET", "DELETE") else {}, **query)
    return reply.status, reply.json if reply.body and reply.status >= 400 else {}


def test_every_documented_parameter_is_taken_and_every_other_is_refused(server: Client) -> None:
    for method, path, names in operations(server):
        for name in names:
            status, problem = asked(server, method, path, **{name: "x"})
            assert problem.get("code") != "http.query.unknown", (method, path, name)
            assert status < 500, (method, path, name)
        status, problem = asked(server, method, path, nonsense="x")
        assert (status, problem["type"]) == (400, f"{PROBLEMS}InvalidRequest"), (method, path)


def test_unknown_parameters_are_refused_too_where_a_source_has_it_all(server: Client) -> None:
    registration = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:all",
        "type": "ContextSourceRegistration",
        "mode": "redirect",
        "operations": ["redirectionOps"],
        "endpoint": "http://127.0.0.1:59999",
        "information": [{"entities": [{"type": "None"}]}],
    }
    assert server.post(f"{V1}/csourceRegistrations", registration).status == 201
    try:
        for method, path, _ in operations(server):
            status, problem = asked(server, method, path, nonsense="x")
            assert (status, problem["code"]) == (400, "http.query.unknown"), (method, path)
    finally:
        server.delete(f"{V1}/csourceRegistrations/{registration['id']}")


def test_every_area_has_a_name_in_both_languages(server: Client) -> None:
    tags = {one["name"] for one in server.get("/openapi.json").json["tags"]}
    for language in ("ja", "en"):
        texts = json.loads((Path(machinami.entrypoints.web.__file__).parent / f"locale/{language}.json").read_text("utf-8"))
        assert {key.removeprefix("openapi.area.") for key in texts if key.startswith("openapi.area.")} == tags
