"""A client fixes the entities that a query found, and reads them page by page (CIM 009 4.5.25, 5.14, 5.5.9.3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from .scenario_kit import ENTITIES, LD_JSON, V1, Client

MAPS = f"{V1}/entityMaps"


def cars(server: Client, kind: str, *speeds: int) -> list[str]:
    items = [{"id": f"urn:ngsi-ld:{kind}:{n}", "type": kind, "speed": speed} for n, speed in enumerate(speeds)]
    assert server.post(f"{V1}/entityOperations/create", items).status == 201
    return [str(one["id"]) for one in items]


def made(server: Client, **query: Any) -> dict[str, Any]:
    reply = server.get(MAPS, **query)
    assert reply.status == 201, reply.body
    assert reply.headers["ngsild-entitymap"] == f"{MAPS}/{reply.json['id']}"
    document: dict[str, Any] = reply.json
    return document


def ahead(document: dict[str, Any]) -> timedelta:
    expires_at = datetime.fromisoformat(document["expiresAt"])
    return expires_at - datetime.now(expires_at.tzinfo)


def test_a_map_holds_what_the_query_finds(server: Client) -> None:
    ids = cars(server, "MapA", 30, 90, 70)
    document = made(server, type="MapA", q="speed>50")
    assert (document["type"], document["linkedMaps"]) == ("EntityMap", {})
    assert document["entityMap"] == {ids[1]: ["@none"], ids[2]: ["@none"]}
    assert server.get(f"{MAPS}/{document['id']}").json == document


def test_a_map_is_made_of_a_query_document_too(server: Client) -> None:
    ids = cars(server, "MapB", 30, 90)
    reply = server.post(MAPS, {"type": "Query", "entities": [{"type": "MapB"}], "q": "speed<50"})
    assert (reply.status, list(reply.json["entityMap"])) == (201, ids[:1])
    assert server.post(MAPS, {"entities": [{"type": "MapB"}]}).problem[0] == 400
    assert server.post(MAPS, {"type": "Query"}).problem == (400, "BadRequestData")
    assert server.post(MAPS, {"type": "Query", "entities": [{"type": "Nothing"}]}).json["entityMap"] == {}


@pytest.mark.parametrize(
    "query", [{"entityMapLifetime": "1hour", "type": "T"}, {}, {"type": "T", "georel": "near"}, {"type": "T", "q": "a=="}]
)
def test_a_query_that_is_wrong_or_too_wide_makes_no_map(server: Client, query: dict[str, str]) -> None:
    assert server.get(MAPS, **query).problem == (400, "BadRequestData")


def test_unknown_parameters_are_refused(server: Client) -> None:
    assert server.get(MAPS, type="T", bogus="1").problem == (400, "InvalidRequest")
    assert server.get(f"{MAPS}/urn:x:1", bogus="1").problem == (400, "InvalidRequest")


def test_the_broker_decides_how_long_a_map_lives(server: Client) -> None:
    assert timedelta(minutes=58) < ahead(made(server, type="MapC")) <= timedelta(minutes=60)
    assert timedelta(minutes=4) < ahead(made(server, type="MapC", entityMapLifetime="PT5M")) <= timedelta(minutes=5)
    document = made(server, type="MapC", entityMapLifetime="P10Y")
    assert ahead(document) <= timedelta(days=1)
    address = f"{MAPS}/{document['id']}"
    change = {"expiresAt": "2999-01-01T00:00:00Z", "entityMap": {"urn:x:injected": ["@none"]}, "linkedMaps": {}}
    assert server.patch(address, change).status == 204
    assert ahead(server.get(address).json) <= timedelta(days=1)
    assert server.get(address).json["entityMap"] == {}
    for bad in ({"expiresAt": "tomorrow"}, {}, {"entityMap": {}}, {"type": "Query", "expiresAt": "2999-01-01T00:00:00Z"}, []):
        assert server.patch(address, bad).problem == (400, "BadRequestData"), bad
    assert server.patch(address, {"expiresAt": "2000-01-01T00:00:00Z"}).status == 204
    assert server.get(address).problem == (404, "ResourceNotFound")


def test_a_map_that_is_not_there(server: Client) -> None:
    unknown, wrong = f"{MAPS}/urn:ngsi-ld:entitymap:none", f"{MAPS}/{quote('not a uri')}"
    assert server.get(unknown).problem == server.delete(unknown).problem == (404, "ResourceNotFound")
    assert server.patch(unknown, {"expiresAt": "2999-01-01T00:00:00Z"}).problem == (404, "ResourceNotFound")
    assert server.get(wrong).problem == server.delete(wrong).problem == (400, "BadRequestData")
    assert server.patch(wrong, {"expiresAt": "2999-01-01T00:00:00Z"}).problem == (400, "BadRequestData")


def test_a_map_is_deleted_once(server: Client) -> None:
    address = f"{MAPS}/{made(server, type='MapD')['id']}"
    assert (server.delete(address).status, server.delete(address).status) == (204, 404)


def test_a_map_belongs_to_its_tenant(server: Client) -> None:
    address = f"{MAPS}/{made(server, type='MapE')['id']}"
    other = server.with_headers(NGSILD_Tenant="mapsothertown")
    assert (other.get(address).status, other.delete(address).status, server.get(address).status) == (404, 404, 200)


def test_a_map_comes_with_its_context_when_ld_json_is_asked_for(server: Client) -> None:
    document = made(server, type="MapF")
    reply = server.get(f"{MAPS}/{document['id']}", headers={"Accept": LD_JSON})
    assert reply.json.pop("@context")
    assert reply.headers["content-type"] == LD_JSON


def test_a_query_is_paged_by_its_map(server: Client) -> None:
    ids = cars(server, "MapG", 10, 20, 30, 40, 50)
    first = server.get(ENTITIES, type="MapG", entityMap="true", limit=2)
    assert (first.status, [one["id"] for one in first.json]) == (201, ids[:2])
    location = first.headers["ngsild-entitymap"]
    assert list(server.get(location).json["entityMap"]) == ids
    server.create("urn:ngsi-ld:MapG:late", "MapG", speed=60)
    assert server.delete(f"{ENTITIES}/{ids[2]}").status == 204
    by_map = server.with_headers(NGSILD_EntityMap=location)
    second = by_map.get(ENTITIES, type="MapG", limit=2, offset=2, count="true")
    assert (second.status, [one["id"] for one in second.json]) == (200, ids[3:])
    assert second.headers["ngsild-entitymap"] == location
    assert second.headers["ngsild-results-count"] == "4"
    assert 'rel="prev"' in second.headers["link"]
    assert 'rel="next"' not in second.headers["link"]
    assert list(server.get(location).json["entityMap"]) == [ids[0], ids[1], ids[3], ids[4]]


def test_a_map_keeps_the_order_that_was_asked_for(server: Client) -> None:
    ids = cars(server, "MapH", 3, 1, 2)
    reply = server.get(ENTITIES, type="MapH", entityMap="true", local="true", orderBy="speed;desc", limit=1)
    by_map = server.with_headers(NGSILD_EntityMap=reply.headers["ngsild-entitymap"])
    pages = [by_map.get(ENTITIES, type="MapH", limit=1, offset=n).json[0]["id"] for n in range(3)]
    assert pages == [ids[0], ids[2], ids[1]]


def test_a_new_map_is_made_when_the_one_named_is_gone(server: Client) -> None:
    cars(server, "MapI", 1)
    lost = server.with_headers(NGSILD_EntityMap=f"{MAPS}/urn:ngsi-ld:EntityMap:gone")
    reply = lost.get(ENTITIES, type="MapI")
    assert (reply.status, server.get(reply.headers["ngsild-entitymap"]).status) == (201, 200)


def test_a_map_is_made_with_a_retrieved_entity(server: Client) -> None:
    [entity_id] = cars(server, "MapJ", 1)
    reply = server.get(f"{ENTITIES}/{entity_id}", entityMap="true")
    assert (reply.status, reply.json["id"]) == (201, entity_id)
    assert server.get(reply.headers["ngsild-entitymap"]).json["entityMap"] == {entity_id: ["@none"]}
    assert server.get(f"{ENTITIES}/urn:ngsi-ld:MapJ:none", entityMap="true").problem[0] == 404


def test_a_map_names_the_sources_of_its_entities(server: Client) -> None:
    """The same broker under another tenant stands for a source; its entities are found through the map's pages too."""
    far = server.with_headers(NGSILD_Tenant="mapsfar")
    near = server.with_headers(NGSILD_Tenant="mapsnear")
    [here] = cars(near, "MapK", 1)
    assert far.post(ENTITIES, {"id": "urn:ngsi-ld:MapK:far", "type": "MapK", "speed": 2}).status == 201
    registration = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:mapsfar",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "MapK"}]}],
        "operations": ["queryEntity"],
        "tenant": "mapsfar",
        "endpoint": server.address,
    }
    assert near.post(f"{V1}/csourceRegistrations", registration).status == 201
    reply = near.get(ENTITIES, type="MapK", entityMap="true", limit=1)
    assert reply.status == 201, reply.body
    wanted = {here: ["@none"], "urn:ngsi-ld:MapK:far": [registration["id"]]}
    assert near.get(reply.headers["ngsild-entitymap"]).json["entityMap"] == wanted
    assert near.get(MAPS, type="MapK").json["entityMap"] == wanted
    by_map = near.get(ENTITIES, type="MapK", limit=1, offset=1, headers={"NGSILD-EntityMap": reply.headers["ngsild-entitymap"]})
    assert [one["id"] for one in by_map.json] == ["urn:ngsi-ld:MapK:far"]


def test_a_map_is_made_of_the_past_too(server: Client) -> None:
    ids = cars(server, "MapL", 1, 2)
    ever = {"timerel": "before", "timeAt": "2999-01-01T00:00:00Z", "timeproperty": "createdAt"}
    never = {**ever, "timeAt": "2000-01-01T00:00:00Z"}
    address = f"{V1}/temporal/entityMaps"
    reply = server.get(address, type="MapL", **ever)
    assert (reply.status, reply.json["entityMap"]) == (201, {one: ["@none"] for one in ids})
    assert server.get(reply.headers["ngsild-entitymap"]).json == reply.json
    assert server.get(address, type="MapL", **never).json["entityMap"] == {}
    body = {"type": "Query", "entities": [{"type": "MapL"}]}
    assert list(server.post(address, {**body, "temporalQ": ever}).json["entityMap"]) == ids
    wide = {"type": "Query", "temporalQ": ever}
    for reply in (server.get(address, local="true", **ever), server.post(f"{address}?local=true", wide)):
        assert (reply.status, set(ids) <= reply.json["entityMap"].keys()) == (201, True)
    assert server.post(address, wide).problem == (400, "BadRequestData")
    for refused in (server.get(address, type="MapL"), server.get(address, **ever), server.post(address, body)):
        assert refused.problem == (400, "BadRequestData")
