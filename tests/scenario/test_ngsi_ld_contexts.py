"""Names mean what the @context says: given in a header or a body, built in, from the offline folder, hosted here."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from .scenario_kit import DEFAULT, ENTITIES, LD_JSON, OFFLINE_CONTEXT, TEMPERATURE, V1, Client, address_of

CONTEXTS = f"{V1}/jsonldContexts"


def link(url: str) -> dict[str, str]:
    return {"Link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


class ContextHost:
    """Serves one document on loopback and counts how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.document: object = TEMPERATURE
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked += 1
                body = json.dumps(host.document).encode()
                self.send_response(200)
                self.send_header("content-type", LD_JSON)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def host() -> Iterator[ContextHost]:
    made = ContextHost()
    yield made
    made.close()


def test_a_linked_context_is_fetched_once_and_names_both_ways(server: Client, host: ContextHost) -> None:
    url = f"{host.address}/room.jsonld"
    reply = server.post(ENTITIES, {"id": "urn:ngsi-ld:Room:1", "type": "Room", "temp": 21}, link(url))
    assert reply.status == 201
    plain = server.get(address_of("urn:ngsi-ld:Room:1"), format="simplified").json
    assert plain["https://example.org/temperature"] == 21
    shown = server.get(address_of("urn:ngsi-ld:Room:1"), link(url), format="simplified")
    assert shown.json == {"id": "urn:ngsi-ld:Room:1", "type": "Room", "temp": 21}
    assert f"<{url}>" in shown.headers["link"]
    assert server.get(ENTITIES, link(url), type="Room", q="temp>20").json[0]["id"] == "urn:ngsi-ld:Room:1"
    assert server.get(ENTITIES, {**link(url), "Accept": LD_JSON}, type="Room").json[0]["@context"] == url
    assert host.asked == 1


def test_a_context_in_the_body_works_inline_as_a_url_and_as_a_list(server: Client, host: ContextHost) -> None:
    url = f"{host.address}/body.jsonld"
    inline = {"humidity": "https://example.org/humidity"}
    for number, context in enumerate([url, [url, inline], {**TEMPERATURE["@context"], **inline}]):
        entity = {"id": f"urn:ngsi-ld:Room:b{number}", "type": "Room", "temp": 1, "humidity": 2, "@context": context}
        assert server.post(ENTITIES, entity).status == 201
        shown = server.read(f"urn:ngsi-ld:Room:b{number}", format="simplified")
        assert shown["https://example.org/temperature"] == 1
    assert "https://example.org/humidity" in shown


@pytest.mark.parametrize("version", ["1.3", "1.6", "1.8"])
def test_core_contexts_are_built_in(server: Client, version: str) -> None:
    url = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v{version}.jsonld"
    assert server.get(ENTITIES, link(url), type="Nothing").json == []


def test_an_unreachable_context_is_refused_quickly_and_remembered(server: Client) -> None:
    began = time.monotonic()
    entity = {"id": "urn:ngsi-ld:Lost:1", "type": "Lost", "a": 1}
    for _ in range(3):
        reply = server.post(ENTITIES, entity, link("http://192.0.2.1/context.jsonld"))
        assert reply.problem == (504, "LdContextNotAvailable")
        reply = server.post(ENTITIES, {**entity, "@context": "http://127.0.0.1:1026/context.jsonld"})
        assert reply.problem == (504, "LdContextNotAvailable")
        assert "failed a moment ago" in reply.json["title"] or "127.0.0.1:1026" in reply.json["title"]
        reply = server.post(ENTITIES, {**entity, "@context": "https://nowhere.invalid/context.jsonld"})
        assert reply.problem == (504, "LdContextNotAvailable")
    assert time.monotonic() - began < 3 * 2
    assert server.ids(type="Lost") == []


def test_an_unreachable_context_of_one_batch_item_leaves_the_others_alone(server: Client) -> None:
    items = [
        {"id": "urn:ngsi-ld:Mixed:1", "type": "Mixed", "@context": "http://127.0.0.1:1027/x"},
        {"id": "urn:ngsi-ld:Mixed:2", "type": "Mixed", "@context": {}},
    ]
    reply = server.post(f"{V1}/entityOperations/create", items, {"Content-Type": LD_JSON})
    assert reply.status == 207
    assert reply.json["success"] == ["urn:ngsi-ld:Mixed:2"]
    assert reply.json["errors"][0]["error"]["status"] == 504


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ({"id": "urn:x:1", "type": "X"}, {"Content-Type": LD_JSON}, "http.context.missing"),
        ({"id": "urn:x:1", "type": "X", "@context": {}}, {"Content-Type": "application/json"}, "http.context.in_json"),
        ({"id": "urn:x:1", "type": "X", "@context": {}}, link("https://example.org/c"), "http.context.both"),
        ({"id": "urn:x:1", "type": "X", "@context": 5}, {}, "ngsi_ld.context.not_valid"),
        ({"id": "urn:x:1", "type": "X"}, {"Link": ", ".join(2 * [link("https://example.org/c")["Link"]])},
         "http.context.several_links"),
    ],
)  # fmt: skip
def test_contexts_in_the_wrong_place_are_refused(server: Client, body: object, headers: dict[str, str], code: str) -> None:
    reply = server.post(ENTITIES, body, headers)
    assert reply.problem == (400, "BadRequestData")
    assert reply.json["code"] == code


def test_a_context_that_includes_itself_is_refused(server: Client, host: ContextHost) -> None:
    host.document = {"@context": [f"{host.address}/loop.jsonld"]}
    reply = server.get(ENTITIES, link(f"{host.address}/loop.jsonld"), type="X")
    assert reply.problem == (400, "BadRequestData")


def test_many_unreachable_contexts_of_a_batch_are_not_waited_for_one_by_one(server: Client) -> None:
    items = [{"id": f"urn:ngsi-ld:Far:{n}", "type": "Far", "@context": f"http://192.0.2.{n}/c.jsonld"} for n in range(1, 51)]
    items.append({"id": "urn:ngsi-ld:Far:near", "type": "Far", "@context": {}})
    began = time.monotonic()
    reply = server.post(f"{V1}/entityOperations/upsert", items, {"Content-Type": LD_JSON})
    assert time.monotonic() - began < 3
    assert reply.status == 207
    assert reply.json["success"] == ["urn:ngsi-ld:Far:near"]
    assert {one["error"]["status"] for one in reply.json["errors"]} == {504}


@pytest.mark.parametrize("body", [{"temp": "https://example.org/temp"}, [], "text"])
def test_a_body_that_is_no_document_of_the_kind_asked_for_is_an_invalid_request(server: Client, body: Any) -> None:
    """5.5.2: wrong content of the request; BadRequestData is for data that are wrong inside of a right document."""
    assert server.post(CONTEXTS, body).problem == (400, "InvalidRequest")
    if not isinstance(body, dict):
        assert server.post(ENTITIES, body).problem == (400, "InvalidRequest")
    assert server.post(CONTEXTS, {"@context": 7}).problem == (400, "BadRequestData")


def test_a_hosted_context_is_served_used_listed_and_deleted(server: Client) -> None:
    reply = server.post(CONTEXTS, TEMPERATURE, {"Content-Type": "application/json"})
    assert reply.status == 201
    address = reply.headers["location"]
    served = server.get(address)
    assert (served.json, served.headers["content-type"]) == (TEMPERATURE, "application/json")
    assert server.get(address, {"Accept": LD_JSON}).headers["content-type"] == LD_JSON
    url = f"{server.address}{address}"
    assert server.post(ENTITIES, {"id": "urn:ngsi-ld:Room:h", "type": "Room", "temp": 3}, link(url)).status == 201
    assert server.read("urn:ngsi-ld:Room:h", format="simplified")["https://example.org/temperature"] == 3
    assert server.get(f"{ENTITIES}/urn:ngsi-ld:Room:h", link(address), format="simplified").json["temp"] == 3
    assert url in server.get(CONTEXTS).json
    for kind in ("hosted", "Hosted"):
        found = [one for one in server.get(CONTEXTS, details="true", kind=kind).json if one["URL"] == url]
        assert [(one["kind"], one["numberOfHits"]) for one in found] == [("Hosted", 4)]
    assert server.delete(address, reload="true").problem == (400, "BadRequestData")
    assert server.delete(address).status == 204
    assert server.get(address).problem == (404, "ResourceNotFound")
    assert url not in server.get(CONTEXTS).json


def test_a_cached_context_is_told_of_by_its_url_and_reloaded(server: Client, host: ContextHost) -> None:
    url = f"{host.address}/cached.jsonld"
    assert server.get(ENTITIES, link(url), type="Room").status == 200
    address = f"{CONTEXTS}/{quote(url, safe='')}"
    details = server.get(address, details="true").json
    assert (details["URL"], details["kind"], details["numberOfHits"]) == (url, "Cached", 1)
    assert details["expiresAt"] > details["createdAt"]
    assert server.get(f"{CONTEXTS}/{details['localId']}", details="true").json["numberOfHits"] == 2
    assert server.get(address).problem == (422, "OperationNotSupported")
    host.document = {"@context": {"temp": "https://example.org/other"}}
    assert server.delete(address, reload="true").status == 204
    entity = {"id": "urn:ngsi-ld:Room:r", "type": "Room", "temp": 3}
    assert server.post(ENTITIES, entity, link(url)).status == 201
    assert server.read("urn:ngsi-ld:Room:r", format="simplified")["https://example.org/other"] == 3
    host.document = []
    assert server.delete(address, reload="true").problem == (504, "LdContextNotAvailable")
    assert server.get(address, details="true").status == 200


def test_a_json_answer_to_a_query_links_to_a_context_that_names_all_of_its_terms(server: Client, host: ContextHost) -> None:
    local = [f"{host.address}/q.jsonld", {"humidity": "https://example.org/humidity"}]
    entity = {"id": "urn:ngsi-ld:Room:q", "type": "Room", "temp": 5, "humidity": 6, "@context": local}
    assert server.post(ENTITIES, entity).status == 201
    query = {"type": "Query", "entities": [{"type": "Room", "id": "urn:ngsi-ld:Room:q"}], "@context": local}
    reply = server.post(f"{V1}/entityOperations/query", query)
    assert reply.json[0]["humidity"]["value"] == 6
    linked = reply.headers["link"].partition("<")[2].partition(">")[0]
    served = server.get(linked.removeprefix(server.address))
    assert served.json == {"@context": local}
    shown = server.get(address_of("urn:ngsi-ld:Room:q"), link(linked), format="simplified").json
    assert (shown["temp"], shown["humidity"]) == (5, 6)
    assert linked in server.get(CONTEXTS, kind="ImplicitlyCreated").json
    unnamed = {**query, "@context": [*local, {"none": "https://example.org/none"}]}
    before = server.get(CONTEXTS, kind="ImplicitlyCreated").json
    assert server.post(f"{V1}/entityOperations/query", unnamed, {"Accept": LD_JSON}).json[0]["@context"] == unnamed["@context"]
    assert server.get(CONTEXTS, kind="ImplicitlyCreated").json == before
    other = [*local, {"more": "https://example.org/more"}]
    temporal = {**query, "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}, "@context": other}
    reply = server.post(f"{V1}/temporal/entityOperations/query", temporal)
    linked = reply.headers["link"].partition("<")[2].partition(">")[0]
    assert server.get(linked.removeprefix(server.address)).json == {"@context": other}


def test_a_subscription_with_a_list_as_context_names_the_one_made_for_it(server: Client, host: ContextHost) -> None:
    local = [f"{host.address}/s.jsonld", {"humidity": "https://example.org/humidity"}]
    subscription = {
        "id": "urn:ngsi-ld:Subscription:listed", "type": "Subscription", "entities": [{"type": "Room"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:8099/x"}}, "@context": local,
    }  # fmt: skip
    assert server.post(f"{V1}/subscriptions", subscription).status == 201
    linked = server.get(f"{V1}/subscriptions/urn:ngsi-ld:Subscription:listed").json["jsonldContext"]
    assert server.get(linked.removeprefix(server.address)).json == {"@context": local}


def test_no_context_means_the_default_vocabulary(server: Client) -> None:
    server.create("urn:ngsi-ld:Plain:1", "Plain", a=1)
    assert server.ids(type=f"{DEFAULT}Plain") == ["urn:ngsi-ld:Plain:1"]


def test_contexts_of_the_offline_folder_work_without_a_network(server: Client) -> None:
    """`conftest.served_city` puts one document there before the start."""
    entity = {"id": "urn:ngsi-ld:Room:o", "type": "Room", "temp": 4}
    assert server.post(ENTITIES, entity, link(OFFLINE_CONTEXT)).status == 201
    assert server.read("urn:ngsi-ld:Room:o", format="simplified")["https://example.org/temperature"] == 4
    assert OFFLINE_CONTEXT in server.get(CONTEXTS).json
    assert server.delete(f"{CONTEXTS}/{quote(OFFLINE_CONTEXT, safe='')}").problem == (400, "BadRequestData")
