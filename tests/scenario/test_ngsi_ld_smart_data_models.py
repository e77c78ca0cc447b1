"""Smart Data Models' published pairs over HTTP: what is sent normalized comes back normalized, concise and simplified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .scenario_kit import ENTITIES, LD_JSON, V1, Client, address_of

FOLDER = Path(__file__).parents[1] / "data/ngsi-ld/smart-data-models"
PAIRS = json.loads((FOLDER / "pairs.json").read_text("utf-8"))


def example(model: str, name: str) -> Any:
    document = json.loads((FOLDER / model / name).read_text("utf-8"))
    document.pop("@context", None)
    return document


@pytest.fixture(scope="module")
def contexts(emptied: None, server: Client) -> dict[str, dict[str, str]]:
    """The Link header of each domain's @context, hosted on the server."""
    found = {}
    for domain in {model.split("/")[0] for model in PAIRS["exact"]}:
        document = json.loads((FOLDER / domain / "context.jsonld").read_text("utf-8"))
        reply = server.post(f"{V1}/jsonldContexts", document, {"Content-Type": LD_JSON})
        assert reply.status == 201, reply.body
        url = server.address + reply.headers["location"]
        found[domain] = {"Link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"'}
    return found


@pytest.mark.parametrize("model", PAIRS["exact"])
def test_published_pairs_survive_the_way_through_the_server(
    server: Client, contexts: dict[str, dict[str, str]], model: str
) -> None:
    header, normalized, plain = (
        contexts[model.split("/")[0]],
        *(example(model, name) for name in ("example-normalized.jsonld", "example.jsonld")),
    )
    assert server.post(ENTITIES, normalized, header).status == 201
    address = address_of(normalized["id"])
    assert server.get(address, header, format="simplified").json == plain
    shown = server.get(address, header).json
    concise = server.get(address, header, format="concise").json
    for form in (shown, concise):
        assert server.put(address, form, {**header, "Content-Type": "application/json"}).status == 204
        assert server.get(address, header).json == shown
    assert server.delete(address).status == 204
