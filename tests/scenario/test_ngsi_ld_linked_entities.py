"""An app asks for entities together with those they point to, in an order of its own, by GET and by POST."""

from __future__ import annotations

from typing import Any

import pytest

from .scenario_kit import ENTITIES, V1, Client, address_of

QUERY = f"{V1}/entityOperations/query"


@pytest.fixture(scope="module", autouse=True)
def town(emptied: None, server: Client) -> None:
    """Pumps stand at stations, stations in wards; ward 1 points back to pump 1; pump 3 points to what is not there."""
    items: list[dict[str, Any]] = [
        {"id": "urn:ngsi-ld:Pump:1", "type": "Pump", "power": 5, "at": {"object": "urn:ngsi-ld:Station:1"}},
        {"id": "urn:ngsi-ld:Pump:2", "type": "Pump", "power": 12, "at": {"object": "urn:ngsi-ld:Station:2"}},
        {
            "id": "urn:ngsi-ld:Pump:3", "type": "Pump", "power": 7,
            "at": {"object": ["urn:ngsi-ld:Station:1", "urn:ngsi-ld:Station:9"]},
            "route": {"type": "ListRelationship", "objectList": ["urn:ngsi-ld:Ward:1", "urn:ngsi-ld:Ward:2"]},
        },
        {"id": "urn:ngsi-ld:Station:1", "type": "Station", "name": "北", "level": 3, "in": {"object": "urn:ngsi-ld:Ward:1"}},
        {"id": "urn:ngsi-ld:Station:2", "type": "Station", "name": "南", "level": 8, "in": {"object": "urn:ngsi-ld:Ward:2"}},
        {"id": "urn:ngsi-ld:Ward:1", "type": "Ward", "name": "亜", "first": {"object": "urn:ngsi-ld:Pump:1"},
         "location": {"type": "Point", "coordinates": [134.1, 34.3]}},
        {"id": "urn:ngsi-ld:Ward:2", "type": "Ward", "name": "あ", "location": {"type": "Point", "coordinates": [134.0, 34.3]}},
    ]  # fmt: skip
    assert server.post(f"{V1}/entityOperations/create", items).status == 201


def short(found: list[Any]) -> list[str]:
    return [one["id"].removeprefix("urn:ngsi-ld:") for one in found]


def test_inline_puts_linked_entities_inside_down_to_the_level_and_never_into_themselves(server: Client) -> None:
    one = server.read("urn:ngsi-ld:Pump:1", join="inline", joinLevel=5)
    station = one["at"]["entity"]
    ward = station["in"]["entity"]
    assert (station["id"], ward["id"]) == ("urn:ngsi-ld:Station:1", "urn:ngsi-ld:Ward:1")
    assert ward["first"] == {"type": "Relationship", "object": "urn:ngsi-ld:Pump:1"}
    assert "entity" not in server.read("urn:ngsi-ld:Pump:1", join="inline")["at"]["entity"]["in"]
    kept_out = server.read("urn:ngsi-ld:Pump:1", join="inline", joinLevel=2, containedBy="urn:ngsi-ld:Ward:1")
    assert "entity" not in kept_out["at"]["entity"]["in"]


def test_inline_writes_lists_and_what_is_missing_in_each_form(server: Client) -> None:
    normal = server.read("urn:ngsi-ld:Pump:3", join="inline")
    assert short(normal["at"]["entity"]) == ["Station:1"]
    assert short(normal["route"]["entityList"]) == ["Ward:1", "Ward:2"]
    concise = server.read("urn:ngsi-ld:Pump:3", join="inline", format="concise")
    assert concise["route"]["entityList"][1]["name"] == "あ"
    plain = server.read("urn:ngsi-ld:Pump:3", join="inline", format="simplified")
    assert plain["at"][0]["name"] == "北"
    assert plain["at"][1] == "urn:ngsi-ld:Station:9"
    assert short(plain["route"]) == ["Ward:1", "Ward:2"]


def test_flat_appends_linked_entities_once_nearer_ones_first(server: Client) -> None:
    found = server.find(type="Pump", join="flat", joinLevel=2, pick="id,at{id,in{id}}")
    assert short(found) == ["Pump:1", "Pump:2", "Pump:3", "Station:1", "Station:2", "Ward:1", "Ward:2"]
    one = server.get(address_of("urn:ngsi-ld:Pump:1"), {"Accept": "application/geo+json"}, join="flat", joinLevel=2)
    assert one.json["type"] == "FeatureCollection"
    assert [each["geometry"] and each["geometry"]["coordinates"] for each in one.json["features"]] == [
        None,
        None,
        [134.1, 34.3],
    ]
    assert server.read("urn:ngsi-ld:Pump:2", join="flat", pick="power,at")[0].keys() == {"power", "at"}


@pytest.mark.parametrize(
    ("q", "level", "wanted"),
    [
        ("at{level}>5", 1, ["Pump:2"]),
        ("at{level}<5;power>5", 1, ["Pump:3"]),
        ("at{Station:level}>0", 1, ["Pump:1", "Pump:2", "Pump:3"]),
        ("at{Ward:level}>0", 1, []),
        ('at{in{name}}=="亜"', 2, ["Pump:1", "Pump:3"]),
        ("route{location}", 1, ["Pump:3"]),
        ("power{level}", 1, []),
    ],
)
def test_q_asks_about_linked_entities(server: Client, q: str, level: int, wanted: list[str]) -> None:
    assert short(server.find(type="Pump", q=q, join="inline", joinLevel=level)) == wanted
    assert short(server.find(q=q, join="inline", joinLevel=level)) == wanted
    assert server.get(ENTITIES, type="Pump", q=q).problem == (400, "BadRequestData")


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"type": "Pump", "orderBy": "power"}, ["Pump:1", "Pump:3", "Pump:2"]),
        ({"type": "Pump", "orderBy": "power;desc"}, ["Pump:2", "Pump:3", "Pump:1"]),
        ({"type": "Pump,Ward", "orderBy": "type;desc,power"}, ["Ward:1", "Ward:2", "Pump:1", "Pump:3", "Pump:2"]),
        ({"type": "Ward", "orderBy": "name"}, ["Ward:2", "Ward:1"]),
        ({"type": "Ward", "orderBy": "name;desc", "collation": "ja"}, ["Ward:1", "Ward:2"]),
        ({"type": "Ward", "orderBy": "location;dist-asc", "orderFrom": "[134,34]"}, ["Ward:2", "Ward:1"]),
        ({"type": "Ward", "orderBy": "location;dist-desc", "orderFrom": "[134,34]"}, ["Ward:1", "Ward:2"]),
        ({"local": "true", "orderBy": "id;desc", "limit": "2", "offset": "1"}, ["Ward:1", "Station:2"]),
    ],
)
def test_order_is_as_asked(server: Client, asked: dict[str, str], wanted: list[str]) -> None:
    assert short(server.find(**asked)) == wanted


@pytest.mark.parametrize(
    "asked",
    [
        {"orderBy": "power;up"},
        {"orderBy": "location;dist-asc"},
        {"orderBy": "power", "local": "false"},
        {"orderBy": "power", "collation": "no tag"},
        {"join": "sideways"},
        {"join": "flat", "joinLevel": "0"},
        {"pick": "at{name}"},
        {"pick": "at{in{name}}", "join": "flat"},
        {"attrs": "id"},
        {"geometryProperty": "location"},
        {"csf": "=="},
        {"splitEntities": "maybe"},
        {"containedBy": "no uri", "join": "flat"},
        {"datasetId": "no uri"},
    ],
)
def test_wrong_questions_are_refused(server: Client, asked: dict[str, str]) -> None:
    assert server.get(ENTITIES, type="Pump", **asked).problem == (400, "BadRequestData")


def test_post_takes_all_of_it_in_the_body(server: Client) -> None:
    body = {
        "type": "Query",
        "entities": [{"type": "Pump", "id": [f"urn:ngsi-ld:Pump:{one}" for one in (1, 2, 3)], "idPattern": "nothing"}],
        "q": "at{level}>2",
        "join": "flat",
        "joinLevel": 1,
        "pick": ["id", "power", "at{id}"],
        "ordering": {"orderBy": ["power;desc"]},
        "splitEntities": False,
        "csf": "contextSourceAlias",
        "expandValues": "kind",
        "jsonKeys": "kind",
    }
    reply = server.post(f"{QUERY}?limit=2&count=true", body)
    assert (reply.status, reply.headers["ngsild-results-count"]) == (200, "3")
    assert short(reply.json) == ["Pump:2", "Pump:3", "Station:2", "Station:1"]
    assert server.post(QUERY, {"type": "Query", "entities": [{"type": "*"}]}).status == 200
    near = {"orderBy": ["location;dist-asc"], "coordinates": [134, 34], "geometry": "Point"}
    assert short(server.post(QUERY, {"type": "Query", "entities": [{"type": "Ward"}], "ordering": near}).json)[0] == "Ward:2"
    for wrong in ({"entities": []}, {"ordering": {"by": "a"}}, {"temporalQ": {}}, {"joinLevel": "deep"}, {"pick": []}):
        assert server.post(QUERY, {**body, **wrong}).status == 400


def test_too_wide_queries_need_the_local_scope(server: Client) -> None:
    for wide in ({"id": "urn:ngsi-ld:Pump:1"}, {"scopeQ": "/a"}, {"q": "createdAt>2020-01-01T00:00:00Z"}, {"idPattern": "P"}):
        assert server.get(ENTITIES, **wide).problem == (400, "BadRequestData")
        assert server.get(ENTITIES, **wide, local="true").status == 200
    assert len(server.find(type="*")) == 7
    assert server.get(ENTITIES, type="*", local="false").problem == (400, "BadRequestData")


def test_pages_are_linked_with_their_media_type(server: Client) -> None:
    reply = server.get(ENTITIES, {"Accept": "application/ld+json"}, type="Pump", limit=1)
    assert 'rel="next"; type="application/ld+json"' in reply.headers["link"]


def test_an_expiry_is_shown_with_the_system_attributes(server: Client) -> None:
    server.create(
        "urn:ngsi-ld:Brief:1", "Brief", expiresAt="2100-01-01T00:00:00Z", a={"value": 1, "expiresAt": "2100-01-01T00:00:00Z"}
    )
    shown = server.read("urn:ngsi-ld:Brief:1", options="sysAttrs")
    assert shown["expiresAt"] == shown["a"]["expiresAt"] == "2100-01-01T00:00:00Z"
    assert "expiresAt" not in str(server.read("urn:ngsi-ld:Brief:1"))


def test_an_earlier_version_is_served_on_preference(server: Client) -> None:
    asked = {"Prefer": "ngsi-ld=1.5"}
    reply = server.get(address_of("urn:ngsi-ld:Pump:3"), asked)
    assert (reply.status, reply.headers["preference-applied"]) == (203, "ngsi-ld=1.5")
    assert reply.json["route"] == {"type": "Relationship", "object": ["urn:ngsi-ld:Ward:1", "urn:ngsi-ld:Ward:2"]}
    listed = server.get(ENTITIES, asked, type="Pump", join="inline")
    assert (listed.status, short(listed.json[2]["route"]["entity"])) == (203, ["Ward:1", "Ward:2"])
    assert server.get(ENTITIES, {"Prefer": "ngsi-ld=1.9"}, type="Pump").status == 200
