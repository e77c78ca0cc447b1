"""An operator clears out old readings with one request (CIM 009 5.6.21)."""

from __future__ import annotations

import pytest

from .scenario_kit import DEFAULT, ENTITIES, V1, Client


def readings(server: Client, kind: str, count: int, **attributes: object) -> list[str]:
    items = [{"id": f"urn:ngsi-ld:{kind}:{n}", "type": kind, "level": n, **attributes} for n in range(count)]
    assert server.post(f"{V1}/entityOperations/create", items).status == 201
    return [str(one["id"]) for one in items]


def test_purge_deletes_what_matches_and_nothing_else(server: Client) -> None:
    ids = readings(server, "PurgeA", 1_200)
    other = readings(server, "PurgeB", 3)
    reply = server.delete(ENTITIES, type="PurgeA", q="level>=10")
    assert (reply.status, reply.body) == (204, b"")
    assert server.ids(type="PurgeA") == ids[:10]
    assert server.ids(type="PurgeB") == other


def test_purge_drops_or_keeps_attributes_when_they_are_named(server: Client) -> None:
    ids = readings(server, "PurgeC", 3, note="x", extra=True)
    assert server.delete(ENTITIES, type="PurgeC", drop="note").status == 204
    assert set(server.read(ids[0])) >= {"level", "extra"}
    assert "note" not in server.read(ids[0])
    assert server.delete(ENTITIES, id=ids[1], type="PurgeC", keep=f"{DEFAULT}extra").status == 204
    assert {"level", "extra"} <= set(server.read(ids[0]))
    assert "level" not in server.read(ids[1])
    assert "extra" in server.read(ids[1])


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"id": "urn:ngsi-ld:PurgeD:0"},
        {"idPattern": ".*"},
        {"scopeQ": "/#"},
        {"q": "createdAt>2020-01-01T00:00:00Z"},
        {"type": "PurgeD", "keep": "a", "drop": "b"},
        {"type": "PurgeD", "drop": ""},
        {"type": "PurgeD", "id": "no uri"},
        {"type": "PurgeD", "q": "level>"},
        {"type": "PurgeD", "local": "yes"},
    ],
)
def test_purge_refuses_with_bad_request_data_when_it_asks_too_much_or_unclearly(server: Client, query: dict[str, str]) -> None:
    server.post(f"{V1}/entityOperations/upsert", [{"id": "urn:ngsi-ld:PurgeD:0", "type": "PurgeD", "level": 1}])
    assert server.delete(ENTITIES, **query).problem == (400, "BadRequestData")
    assert server.ids(type="PurgeD") == ["urn:ngsi-ld:PurgeD:0"]


def test_purge_empties_a_tenant_when_it_is_asked_for_all_that_is_local(server: Client) -> None:
    town = server.with_headers(NGSILD_Tenant="purgetown")
    readings(town, "PurgeE", 4)
    readings(server, "PurgeE", 1)
    assert town.delete(ENTITIES, type="*").status == 204
    assert town.find(type="PurgeE") == []
    readings(town, "PurgeE", 4)
    assert town.delete(ENTITIES, local="true").status == 204
    assert town.find(type="PurgeE") == []
    assert len(server.ids(type="PurgeE")) == 1


def test_purge_goes_no_further_than_the_entity_map_it_names(server: Client) -> None:
    ids = readings(server, "PurgeF", 5)
    made = server.get(f"{V1}/entityMaps", type="PurgeF", q="level<2")
    assert made.status in (200, 201), made.body
    mapped = {"NGSILD-EntityMap": f"{V1}/entityMaps/{made.json['id']}"}
    late = {"id": "urn:ngsi-ld:PurgeF:9", "type": "PurgeF", "level": 0}
    assert server.post(ENTITIES, late).status == 201
    reply = server.delete(ENTITIES, mapped, type="PurgeF")
    assert (reply.status, reply.headers["ngsild-entitymap"]) == (204, f"{V1}/entityMaps/{made.json['id']}")
    assert server.ids(type="PurgeF") == [*ids[2:], late["id"]]
    lost = {"NGSILD-EntityMap": f"{V1}/entityMaps/urn:ngsi-ld:EntityMap:lost"}
    assert server.delete(ENTITIES, lost, type="PurgeF").problem == (404, "ResourceNotFound")
    assert server.ids(type="PurgeF") == [*ids[2:], late["id"]]


def test_purge_takes_a_source_filter_and_refuses_linked_entities(server: Client) -> None:
    ids = readings(server, "PurgeG", 2)
    assert server.delete(ENTITIES, type="PurgeG", q="owner{name}==1").problem == (400, "BadRequestData")
    assert server.delete(ENTITIES, type="PurgeG", csf="x==").problem == (400, "BadRequestData")
    assert server.ids(type="PurgeG") == ids
    assert server.delete(ENTITIES, type="PurgeG", csf="mode==1").status == 204
    assert server.ids(type="PurgeG") == []
