"""A developer keeps a city's things as entities: create, read, change, replace, delete, in all representations."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from .scenario_kit import DEFAULT, ENTITIES, LD_JSON, Client, address_of, until

EIGHT_KINDS: dict[str, Any] = {
    "temperature": {"type": "Property", "value": 21.5, "unitCode": "CEL", "observedAt": "2026-05-14T03:00:00Z"},
    "isIn": {"type": "Relationship", "object": "urn:ngsi-ld:Building:1"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.05, 34.34]}},
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "高松駅", "en": "Takamatsu Station"}},
    "category": {"type": "VocabProperty", "vocab": "weather"},
    "history": {"type": "ListProperty", "valueList": [1, 2, 3]},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:Stop:1"}, {"object": "urn:ngsi-ld:Stop:2"}]},
    "settings": {"type": "JsonProperty", "json": {"type": "anything", "@id": 1, "nested": [{"a": None}]}},
}


def test_all_eight_kinds_come_back_as_they_were_sent(server: Client) -> None:
    server.create("urn:ngsi-ld:Kinds:1", "Kinds", **EIGHT_KINDS)
    assert server.read("urn:ngsi-ld:Kinds:1") == {"id": "urn:ngsi-ld:Kinds:1", "type": "Kinds", **EIGHT_KINDS}


def test_concise_form_leaves_out_what_is_plain_and_can_be_sent_back(server: Client) -> None:
    server.create("urn:ngsi-ld:Kinds:2", "Kinds", **EIGHT_KINDS)
    concise = server.read("urn:ngsi-ld:Kinds:2", format="concise")
    assert concise["isIn"] == {"object": "urn:ngsi-ld:Building:1"}
    assert concise["location"] == {"type": "Point", "coordinates": [134.05, 34.34]}
    assert server.put(address_of("urn:ngsi-ld:Kinds:2"), concise).status == 204
    assert server.read("urn:ngsi-ld:Kinds:2") == {"id": "urn:ngsi-ld:Kinds:2", "type": "Kinds", **EIGHT_KINDS}


def test_simplified_form_shows_values_only(server: Client) -> None:
    server.create("urn:ngsi-ld:Kinds:3", "Kinds", **EIGHT_KINDS)
    for asked in ({"format": "simplified"}, {"options": "keyValues"}, {"options": "simplified"}):
        plain = server.read("urn:ngsi-ld:Kinds:3", **asked)
        assert plain["temperature"] == 21.5
        assert plain["isIn"] == "urn:ngsi-ld:Building:1"
        assert plain["name"] == {"languageMap": {"ja": "高松駅", "en": "Takamatsu Station"}}
        assert plain["route"] == ["urn:ngsi-ld:Stop:1", "urn:ngsi-ld:Stop:2"]


def test_lang_shows_one_language(server: Client) -> None:
    server.create("urn:ngsi-ld:Kinds:4", "Kinds", name=EIGHT_KINDS["name"])
    assert server.read("urn:ngsi-ld:Kinds:4", lang="en")["name"] == {
        "type": "Property", "value": "Takamatsu Station", "lang": "en",
    }  # fmt: skip
    assert server.read("urn:ngsi-ld:Kinds:4", lang="ja", format="simplified")["name"] == "高松駅"


def test_geojson_shows_a_feature_with_its_context(server: Client) -> None:
    server.create("urn:ngsi-ld:Kinds:5", "Kinds", **EIGHT_KINDS)
    address = address_of("urn:ngsi-ld:Kinds:5")
    reply = server.get(address, {"Accept": "application/geo+json"}, format="simplified")
    assert reply.headers["content-type"] == "application/geo+json"
    feature = reply.json
    assert (feature["type"], feature["id"]) == ("Feature", "urn:ngsi-ld:Kinds:5")
    assert feature["geometry"] == {"type": "Point", "coordinates": [134.05, 34.34]}
    assert feature["properties"]["temperature"] == 21.5
    assert feature["@context"].endswith(".jsonld")
    plain = server.get(address, {"Accept": "application/geo+json", "Prefer": "body=json"})
    assert "@context" not in plain.json
    assert "json-ld#context" in plain.headers["link"]
    listed = server.get(ENTITIES, {"Accept": "application/geo+json"}, type="Kinds", id="urn:ngsi-ld:Kinds:5").json
    assert [one["id"] for one in listed["features"]] == ["urn:ngsi-ld:Kinds:5"]


def test_ld_json_carries_the_context_in_the_body_and_json_in_a_link(server: Client) -> None:
    server.create("urn:ngsi-ld:Kinds:6", "Kinds", temperature=1)
    address = address_of("urn:ngsi-ld:Kinds:6")
    linked = server.get(address)
    assert linked.headers["content-type"] == "application/json"
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in linked.headers["link"]
    embedded = server.get(address, {"Accept": LD_JSON})
    assert embedded.headers["content-type"] == LD_JSON
    assert embedded.json["@context"]
    assert "link" not in embedded.headers


def test_create_answers_201_with_an_address_that_works_when_the_id_is_a_url(server: Client) -> None:
    entity_id = "https://example.org/things/1?part=a#b"
    location = server.create(entity_id, "Thing", value=1)
    assert server.get(location).json["id"] == entity_id


def test_create_answers_409_and_keeps_the_first_when_the_id_is_taken(server: Client) -> None:
    server.create("urn:ngsi-ld:Twice:1", "Twice", value=1)
    reply = server.post(ENTITIES, {"id": "urn:ngsi-ld:Twice:1", "type": "Twice", "value": 2})
    assert reply.problem == (409, "AlreadyExists")
    assert server.read("urn:ngsi-ld:Twice:1", format="simplified")["value"] == 1


def test_system_times_are_ours_and_shown_only_when_asked_for(server: Client) -> None:
    sent = {"id": "urn:ngsi-ld:Times:1", "type": "Times", "createdAt": "1999-01-01T00:00:00Z", "value": 1}
    assert server.post(ENTITIES, sent).status == 201
    assert "createdAt" not in server.read("urn:ngsi-ld:Times:1")
    told = server.read("urn:ngsi-ld:Times:1", options="sysAttrs")
    assert told["createdAt"] == told["modifiedAt"] != "1999-01-01T00:00:00Z"
    assert told["value"]["createdAt"] == told["createdAt"]
    server.patch(address_of("urn:ngsi-ld:Times:1"), {"value": 2})
    later = server.read("urn:ngsi-ld:Times:1", options="sysAttrs")
    assert later["createdAt"] == told["createdAt"]
    assert later["modifiedAt"] > told["modifiedAt"]


def test_merge_patch_changes_members_and_null_removes_them(server: Client) -> None:
    server.create("urn:ngsi-ld:Merge:1", "Merge", a={"value": 1, "unitCode": "CEL"}, b=2, c=3)
    address = address_of("urn:ngsi-ld:Merge:1")
    assert server.patch(address, {"a": {"value": 5}, "b": "urn:ngsi-ld:null", "d": 4}).status == 204
    assert server.read("urn:ngsi-ld:Merge:1") == {
        "id": "urn:ngsi-ld:Merge:1", "type": "Merge", "a": {"type": "Property", "value": 5, "unitCode": "CEL"},
        "c": {"type": "Property", "value": 3}, "d": {"type": "Property", "value": 4},
    }  # fmt: skip
    assert server.patch(address, {"c": 30}, {"Content-Type": "application/merge-patch+json"}).status == 204
    assert server.read("urn:ngsi-ld:Merge:1", format="simplified")["c"] == 30


def test_put_replaces_all_attributes(server: Client) -> None:
    server.create("urn:ngsi-ld:Put:1", "Put", a=1, b=2)
    assert server.put(address_of("urn:ngsi-ld:Put:1"), {"type": "Put", "b": 3}).status == 204
    assert server.read("urn:ngsi-ld:Put:1", format="simplified") == {"id": "urn:ngsi-ld:Put:1", "type": "Put", "b": 3}


def test_delete_forgets_the_entity(server: Client) -> None:
    address = server.create("urn:ngsi-ld:Gone:1", "Gone", a=1)
    assert server.delete(address).status == 204
    assert server.get(address).problem == (404, "ResourceNotFound")
    assert server.delete(address).problem == (404, "ResourceNotFound")
    assert server.ids(type="Gone") == []


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "GET"])
def test_type_parameter_hides_an_entity_of_another_type(server: Client, method: str) -> None:
    entity_id = f"urn:ngsi-ld:Typed:{method}"
    server.create(entity_id, "Typed", a=1)
    body = {"type": "Typed", "a": 2} if method in ("PATCH", "PUT") else None
    assert server.request(method, address_of(entity_id), body, type="Other").problem == (404, "ResourceNotFound")
    assert server.read(entity_id, type="Typed", format="simplified")["a"] == 1


def test_several_types_and_scopes_are_kept(server: Client) -> None:
    sent = {"id": "urn:ngsi-ld:Multi:1", "type": ["Shelter", "School"], "scope": ["/Takamatsu/Port", "/Kagawa"], "a": 1}
    assert server.post(ENTITIES, sent).status == 201
    assert server.read("urn:ngsi-ld:Multi:1") == {**sent, "a": {"type": "Property", "value": 1}}
    assert server.ids(type="School;Shelter") == ["urn:ngsi-ld:Multi:1"]


def test_an_expired_entity_is_not_there_and_is_swept(server: Client) -> None:
    sent = {"id": "urn:ngsi-ld:Short:1", "type": "Short", "expiresAt": "2026-01-01T00:00:00Z", "a": 1}
    assert server.post(ENTITIES, sent).problem == (400, "BadRequestData")
    soon = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    server.post(ENTITIES, {**sent, "expiresAt": soon})
    until(lambda: server.get(address_of("urn:ngsi-ld:Short:1")).status == 404, "the end of an entity")
    assert server.ids(type="Short") == []


# --- attributes


def test_append_adds_and_overwrites_unless_told_not_to(server: Client) -> None:
    server.create("urn:ngsi-ld:Append:1", "Append", a=1)
    attributes = f"{address_of('urn:ngsi-ld:Append:1')}/attrs"
    assert server.post(attributes, {"a": 2, "b": 2}).status == 204
    partly = server.post(attributes, {"a": 3, "c": 3}, options="noOverwrite")
    assert partly.status == 207
    assert partly.json["updated"] == [f"{DEFAULT}c"]
    [left] = partly.json["notUpdated"]
    assert (left["attributeName"], "urn:ngsi-ld:Append:1" in left["reason"]) == (f"{DEFAULT}a", True)
    plain = server.read("urn:ngsi-ld:Append:1", format="simplified")
    assert (plain["a"], plain["b"], plain["c"]) == (2, 2, 3)


def test_update_attributes_replaces_adds_and_deletes_by_null(server: Client) -> None:
    server.create("urn:ngsi-ld:Update:1", "Update", a={"value": 1, "unitCode": "CEL"}, b=1, c=1)
    changes = {"a": 2, "b": "urn:ngsi-ld:null", "z": 9}
    assert server.patch(f"{address_of('urn:ngsi-ld:Update:1')}/attrs", changes).status == 204
    assert server.read("urn:ngsi-ld:Update:1") == {
        "id": "urn:ngsi-ld:Update:1", "type": "Update", "a": {"type": "Property", "value": 2},
        "c": {"type": "Property", "value": 1}, "z": {"type": "Property", "value": 9},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "simplified", "after"),
    [
        ({"value": 1}, 2, {"type": "Property", "value": 2}),
        ({"value": 1}, {"type": "Point", "coordinates": [1, 2]}, {"type": "Property", "value": {"type": "Point", "coordinates": [1, 2]}}),
        ({"value": 1}, {"languageMap": {"en": "x"}}, {"type": "Property", "value": {"languageMap": {"en": "x"}}}),
        ({"value": {"a": 1, "b": 2}}, {"a": "urn:ngsi-ld:null", "c": 3}, {"type": "Property", "value": {"b": 2, "c": 3}}),
        ({"object": "urn:a"}, "urn:b", {"type": "Relationship", "object": "urn:b"}),
        ({"object": "urn:a"}, 7, 400),
        ({"languageMap": {"en": "a"}}, {"languageMap": {"ja": "b"}}, {"type": "LanguageProperty", "languageMap": {"en": "a", "ja": "b"}}),
        ({"languageMap": {"en": "a"}}, {"vocab": "b"}, 400),
        ({"languageMap": {"en": "a"}}, "b", 400),
        ({"vocab": "a"}, {"vocab": "b"}, {"type": "VocabProperty", "vocab": "b"}),
        ({"vocab": "a"}, "b", {"type": "VocabProperty", "vocab": "b"}),
        ({"vocab": "a"}, 7, 400),
        ({"valueList": [1]}, {"valueList": [2]}, {"type": "ListProperty", "valueList": [2]}),
        ({"json": {"a": 1}}, {"json": {"b": 2}}, {"type": "JsonProperty", "json": {"a": 1, "b": 2}}),
        ({"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}, {"type": "Point", "coordinates": [3, 4]},
         {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [3, 4]}}),
        ({"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}, "here", 400),
        (None, {"type": "Point", "coordinates": [3, 4]}, {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [3, 4]}}),
        (None, {"vocab": "b"}, {"type": "VocabProperty", "vocab": "b"}),
    ],
)  # fmt: skip
def test_merge_of_a_simplified_value_keeps_the_type_of_the_attribute(
    server: Client, stored: Any, simplified: Any, after: Any
) -> None:
    address = address_of("urn:ngsi-ld:Simplified:1")
    server.delete(address)
    server.create("urn:ngsi-ld:Simplified:1", "Simplified", **({} if stored is None else {"a": stored}))
    before = server.read("urn:ngsi-ld:Simplified:1").get("a")
    reply = server.patch(address, {"a": simplified}, format="simplified")
    assert reply.status == (after if after == 400 else 204), reply.body
    assert server.read("urn:ngsi-ld:Simplified:1").get("a") == (before if after == 400 else after)


def test_value_type_is_a_datatype_that_follows_the_context(server: Client) -> None:
    context = {"xsd": "http://www.w3.org/2001/XMLSchema#", "Metre": "https://example.org/Metre"}
    thing = {"id": "urn:ngsi-ld:Typed:1", "type": "Typed", "a": {"type": "Property", "value": 1, "valueType": "xsd:integer"}}
    assert server.post(ENTITIES, {**thing, "b": {"value": 2, "valueType": "Metre"}, "@context": context}).status == 201
    found = server.read("urn:ngsi-ld:Typed:1")
    assert found["a"]["valueType"] == "http://www.w3.org/2001/XMLSchema#integer"
    assert found["b"] == {"type": "Property", "value": 2, "valueType": "https://example.org/Metre"}


def test_one_attribute_is_patched_replaced_and_deleted(server: Client) -> None:
    server.create("urn:ngsi-ld:One:1", "One", a={"value": 1, "unitCode": "CEL"}, b=1)
    attribute = f"{address_of('urn:ngsi-ld:One:1')}/attrs/a"
    assert server.patch(attribute, {"value": 2}).status == 204
    assert server.read("urn:ngsi-ld:One:1")["a"] == {"type": "Property", "value": 2, "unitCode": "CEL"}
    assert server.patch(attribute, {"value": 3}, observedAt="2026-05-14T00:00:00Z").status == 204
    assert server.read("urn:ngsi-ld:One:1")["a"]["observedAt"] == "2026-05-14T00:00:00Z"
    assert server.put(attribute, {"type": "Property", "value": 4}).status == 204
    assert server.read("urn:ngsi-ld:One:1")["a"] == {"type": "Property", "value": 4}
    assert server.delete(attribute).status == 204
    assert server.delete(attribute).problem == (404, "ResourceNotFound")
    assert list(server.read("urn:ngsi-ld:One:1")) == ["id", "type", "b"]


def test_an_attribute_named_by_its_iri_is_the_same_attribute(server: Client) -> None:
    server.create("urn:ngsi-ld:Iri:1", "Iri", a=1)
    assert server.patch(f"{address_of('urn:ngsi-ld:Iri:1')}/attrs/{quote(DEFAULT + 'a', safe='')}", {"value": 2}).status == 204
    assert server.read("urn:ngsi-ld:Iri:1", format="simplified")["a"] == 2


def test_each_dataset_of_an_attribute_is_handled_for_itself(server: Client) -> None:
    gps, radar = "urn:ngsi-ld:Dataset:gps", "urn:ngsi-ld:Dataset:radar"
    server.create(
        "urn:ngsi-ld:Car:1", "Car",
        speed=[{"value": 50}, {"value": 54.5, "datasetId": gps}, {"value": 55, "datasetId": radar}],
    )  # fmt: skip
    assert server.read("urn:ngsi-ld:Car:1", format="simplified")["speed"] == {"dataset": {"@none": 50, gps: 54.5, radar: 55}}
    assert server.read("urn:ngsi-ld:Car:1", datasetId=gps)["speed"] == {"type": "Property", "value": 54.5, "datasetId": gps}
    address = f"{address_of('urn:ngsi-ld:Car:1')}/attrs/speed"
    assert server.patch(address, {"value": 60, "datasetId": radar}).status == 204
    assert server.delete(address, datasetId=gps).status == 204
    assert server.read("urn:ngsi-ld:Car:1", format="simplified")["speed"] == {"dataset": {"@none": 50, radar: 60}}
    assert server.delete(address).status == 204
    assert server.read("urn:ngsi-ld:Car:1", format="simplified")["speed"] == {"dataset": {radar: 60}}
    assert server.delete(address, deleteAll="true").status == 204
    assert "speed" not in server.read("urn:ngsi-ld:Car:1")


# --- projections


def test_projections_choose_members(server: Client) -> None:
    server.create("urn:ngsi-ld:Show:1", "Show", a=1, b=2, c=3)
    assert list(server.read("urn:ngsi-ld:Show:1", attrs="a,b")) == ["id", "type", "a", "b"]
    assert server.read("urn:ngsi-ld:Show:1", pick="id,a", format="simplified") == {"id": "urn:ngsi-ld:Show:1", "a": 1}
    assert list(server.read("urn:ngsi-ld:Show:1", omit="b,type")) == ["id", "a", "c"]
    assert server.get(address_of("urn:ngsi-ld:Show:1"), attrs="zzz").problem == (404, "ResourceNotFound")
    assert list(server.read("urn:ngsi-ld:Show:1", pick="id,a", omit="b")) == ["id", "a"]
    for wrong in ({"pick": "a", "omit": "a"}, {"attrs": "a", "omit": "b"}, {"pick": "a", "attrs": "a"}, {"pick": "a{b}"}):
        assert server.get(address_of("urn:ngsi-ld:Show:1"), **wrong).problem == (400, "BadRequestData")
    assert server.get(address_of("urn:ngsi-ld:Show:1"), pick="zzz").problem == (404, "ResourceNotFound")
    assert server.get(address_of("urn:ngsi-ld:Show:1"), omit="id,type,a,b,c").problem == (404, "ResourceNotFound")


def test_a_thousand_members_of_many_scripts_survive(server: Client) -> None:
    attributes = {f"属性{number}": {"value": f"値 {number} 🏯 \u2028 é"} for number in range(1000)}
    server.create("urn:ngsi-ld:Wide:1", "Wide", **attributes)
    plain = server.read("urn:ngsi-ld:Wide:1", format="simplified")
    assert all(plain[name] == one["value"] for name, one in attributes.items())


def test_numbers_keep_all_their_digits(server: Client) -> None:
    body = (
        b'{"id":"urn:ngsi-ld:Digits:1","type":"Digits","a":9007199254740993,"b":1e-7,"c":0.1,"d":-0.0,"e":18446744073709551615}'
    )
    assert server.post(ENTITIES, body, {"Content-Type": "application/json"}).status == 201
    plain = server.read("urn:ngsi-ld:Digits:1", format="simplified")
    assert (plain["a"], plain["b"], plain["c"], plain["e"]) == (9007199254740993, 1e-7, 0.1, 18446744073709551615)


def test_tenants_do_not_see_each_other(server: Client) -> None:
    aji, mure = server.with_headers(NGSILD_Tenant="aji"), server.with_headers(NGSILD_Tenant="mure")
    aji.create("urn:ngsi-ld:Same:1", "Same", a=1)
    mure.create("urn:ngsi-ld:Same:1", "Same", a=2)
    assert server.get(address_of("urn:ngsi-ld:Same:1")).status == 404
    reply = aji.get(address_of("urn:ngsi-ld:Same:1"), format="simplified")
    assert reply.json["a"] == 1
    assert reply.headers["ngsild-tenant"] == "aji"
    assert json.loads(mure.get(ENTITIES, type="Same", format="simplified").body)[0]["a"] == 2


def test_tenant_that_nobody_created_anything_in_does_not_exist(server: Client) -> None:
    town = server.with_headers(NGSILD_Tenant="newtown")
    thing = {"id": "urn:ngsi-ld:Tenant:1", "type": "Tenant", "a": 1}
    unknown = (404, "NonexistentTenant")
    assert town.get(ENTITIES, type="Tenant").problem == unknown
    assert town.get("/ngsi-ld/v1/types").problem == unknown
    assert town.post(f"{address_of(thing['id'])}/attrs", {"a": 2}).problem == unknown
    assert town.delete(address_of(thing["id"])).problem == unknown
    assert town.post("/ngsi-ld/v1/entityOperations/update", [thing]).problem == unknown
    assert town.post(ENTITIES, {**thing, "type": 7}).problem == (400, "BadRequestData")
    assert town.get(ENTITIES, type="Tenant").problem == unknown
    assert town.post(ENTITIES, thing).status == 201
    assert town.delete(address_of(thing["id"])).status == 204
    reply = town.get(ENTITIES, type="Tenant")
    assert (reply.status, reply.json, reply.headers["ngsild-tenant"]) == (200, [], "newtown")


@pytest.mark.parametrize("operation", ["create", "upsert"])
def test_batch_that_creates_something_creates_its_tenant(server: Client, operation: str) -> None:
    town = server.with_headers(NGSILD_Tenant=f"batch-{operation}")
    items = [{"id": "urn:ngsi-ld:Tenant:2", "type": "Tenant"}, {"id": "no uri"}]
    assert town.post(f"/ngsi-ld/v1/entityOperations/{operation}", items).status == 207
    assert len(town.find(type="Tenant")) == 1
