"""Entities for receivers of earlier versions (CIM 009 4.3.6.8), row by row of its tables."""

import pytest

from machinami.kernel.entity import Entity
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.versions import conforming, preferred_version

CORE = core_context()
D = "https://uri.etsi.org/ngsi-ld/default-context/"
INSTANCES = {
    "plain": {"type": "Property", "value": 1, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"},
    "other": {"type": "Property", "value": 2, "datasetId": "urn:d:1", "expiresAt": "2100-01-01T00:00:00Z"},
    "says": {"type": "LanguageProperty", "languageMap": {"ja": "高松"}},
    "json": {"type": "JsonProperty", "json": {"a": None}},
    "kind": {"type": "VocabProperty", "vocab": [D + "dam"]},
    "list": {"type": "ListProperty", "valueList": [1, 2]},
    "to": {"type": "Relationship", "object": "urn:x:1", "objectType": D + "T", "attributes": {D + "sub": []}},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}, {"object": "urn:x:2"}]},
}
ENTITY = Entity(
    "urn:x:0",
    (D + "A", D + "B"),
    {D + name: [one] for name, one in INSTANCES.items()} | {D + "many": [INSTANCES["other"], INSTANCES["plain"]]},
    ("/town",),
    expires_at="2100-01-01T00:00:00Z",
)


def shown(version):
    entity = conforming(ENTITY, version, CORE)
    return entity, {name.removeprefix(D): instances for name, instances in entity.attributes.items()}


@pytest.mark.parametrize("version", [None, (1, 9)])
def test_conforming_changes_nothing_for_the_newest_version(version):
    assert conforming(ENTITY, version, CORE) is ENTITY


def test_conforming_leaves_out_expiry_before_1_9():
    entity, attributes = shown((1, 8))
    assert (entity.expires_at, attributes["other"]) == (None, [{"type": "Property", "value": 2, "datasetId": "urn:d:1"}])
    assert attributes["json"] == [INSTANCES["json"]]


def test_conforming_writes_newer_kinds_plainly_before_1_8():
    _, attributes = shown((1, 5))
    assert attributes["json"] == [{"type": "Property", "value": {"a": None}}]
    assert attributes["kind"] == [{"type": "Property", "value": ["dam"]}]
    assert attributes["list"] == [{"type": "Property", "value": [1, 2]}]
    assert attributes["route"] == [{"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]}]
    assert attributes["to"] == [{"type": "Relationship", "object": "urn:x:1", "attributes": {D + "sub": []}}]
    assert attributes["says"] == [INSTANCES["says"]]


def test_conforming_keeps_one_type_and_one_instance_before_1_3():
    entity, attributes = shown((1, 0))
    assert (entity.types, entity.scopes) == ((D + "A",), ())
    assert attributes["says"] == [{"type": "Property", "value": {"ja": "高松"}}]
    assert attributes["many"] == attributes["plain"] == [{"type": "Property", "value": 1}]


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("ngsi-ld=1.5", (1, 5)), ("body=json, ngsi-ld=1.3", (1, 3)), ('ngsi-ld="1.8"', (1, 8)), ("ngsi-ld=2.0", (1, 9)),
        ("body=json", None), ("", None), ("ngsi-ld=new", None),
    ],
)  # fmt: skip
def test_preferred_version_is_read_from_the_header(header, version):
    assert preferred_version(header) == version
