"""A vendor asks which types and attributes a town has; the answer is exact while entities come and go (CIM 009 5.7.5-5.7.10)."""

from __future__ import annotations

from typing import Any

from .scenario_kit import DEFAULT, V1, Client, address_of

TYPES, ATTRIBUTES = f"{V1}/types", f"{V1}/attributes"


def details(server: Client, kind: str) -> Any:
    """Kinds of each attribute of a type, and its number of entities."""
    found = server.get(f"{TYPES}/{kind}").json
    return found["entityCount"], {one["attributeName"]: one["attributeTypes"] for one in found["attributeDetails"]}


def test_discovery_follows_an_entity_through_its_life(server: Client) -> None:
    town = server.with_headers(NGSILD_Tenant="discovery")
    town.create("urn:ngsi-ld:D:1", ["Gauge", "Device"], level=1.5, place={"object": "urn:ngsi-ld:P:1"})  # type: ignore[arg-type]
    town.create("urn:ngsi-ld:D:2", "Gauge", level=[{"value": 1}, {"vocab": "low", "datasetId": "urn:d:1"}])
    assert town.get(TYPES).json["typeList"] == ["Device", "Gauge"]
    assert town.get(TYPES, details="true").json == [
        {"id": f"{DEFAULT}Device", "type": "EntityType", "typeName": "Device", "attributeNames": ["level", "place"]},
        {"id": f"{DEFAULT}Gauge", "type": "EntityType", "typeName": "Gauge", "attributeNames": ["level", "place"]},
    ]
    assert details(town, "Gauge") == (2, {"level": ["Property", "VocabProperty"], "place": ["Relationship"]})
    assert details(town, "Device") == (1, {"level": ["Property"], "place": ["Relationship"]})
    assert town.get(ATTRIBUTES).json["attributeList"] == ["level", "place"]
    assert town.get(f"{ATTRIBUTES}/level").json == {
        "id": f"{DEFAULT}level", "type": "Attribute", "attributeName": "level", "attributeCount": 3,
        "attributeTypes": ["Property", "VocabProperty"], "typeNames": ["Device", "Gauge"],
    }  # fmt: skip
    assert town.get(ATTRIBUTES, details="true").json[1] == {
        "id": f"{DEFAULT}place", "type": "Attribute", "attributeName": "place", "typeNames": ["Device", "Gauge"],
    }  # fmt: skip

    assert town.delete(f"{address_of('urn:ngsi-ld:D:2')}/attrs/level", datasetId="urn:d:1").status == 204
    assert town.put(address_of("urn:ngsi-ld:D:1"), {"type": "Device", "level": {"languageMap": {"en": "low"}}}).status == 204
    assert details(town, "Gauge") == (1, {"level": ["Property"]})
    assert details(town, "Device") == (1, {"level": ["LanguageProperty"]})
    assert town.get(f"{ATTRIBUTES}/place").problem == (404, "ResourceNotFound")

    assert town.delete(address_of("urn:ngsi-ld:D:1")).status == 204
    assert town.get(TYPES).json["typeList"] == ["Gauge"]
    assert town.get(f"{TYPES}/Device").problem == (404, "ResourceNotFound")
    assert town.delete(address_of("urn:ngsi-ld:D:2")).status == 204
    assert town.get(TYPES, details="true").json == town.get(ATTRIBUTES, details="true").json == []


def test_names_are_expanded_and_compacted_by_the_context_of_the_call(server: Client) -> None:
    town = server.with_headers(NGSILD_Tenant="discovery-names")
    context = {"level": "https://example.org/level", "Gauge": "https://example.org/Gauge"}
    assert (
        town.post(f"{V1}/entities", {"id": "urn:ngsi-ld:D:1", "type": "Gauge", "level": 1, "@context": context}).status == 201
    )
    assert town.get(TYPES).json["typeList"] == ["https://example.org/Gauge"]
    assert town.get(f"{TYPES}/https%3A%2F%2Fexample.org%2FGauge").json["entityCount"] == 1
    assert town.get(f"{ATTRIBUTES}/https%3A%2F%2Fexample.org%2Flevel").json["attributeCount"] == 1
    assert town.get(f"{ATTRIBUTES}/level").problem == (404, "ResourceNotFound")
    answer = town.get(TYPES, {"Accept": "application/ld+json"})
    assert "@context" in answer.json
    assert town.get(TYPES, {"Accept": "application/geo+json"}).status == 406
