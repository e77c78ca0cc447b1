"""Merge Entity (CIM 009 5.6.17) and its merge patch (5.5.12, RFC 7396)."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.entities import rules
from machinami.data.entities.decisions import Keep, Put
from machinami.data.entities.instances import MergeOptions, merged_json
from machinami.kernel.entity import Attributes, Entity, Instance
from machinami.standards.ngsi_ld.fragment import Fragment, deletion

T0, T1 = "2026-11-26T01:00:00Z", "2026-11-26T01:00:01Z"
ID = "urn:ngsi-ld:Place:1"
NULL = "urn:ngsi-ld:null"


def prop(value: Any, **members: Any) -> Instance:
    return {"type": "Property", "value": value, **members}


def merge_one(before: Instance, patch: Instance, options: MergeOptions | None = None) -> Instance | None:
    """The attribute `a` after a merge, without system times; None when it is gone."""
    entity = rules.create(Entity(ID, ("Place",), {"a": [before]}))(None, T0).entity
    decision = rules.merge(ID, Fragment(attributes={"a": [patch]}), options or MergeOptions())(entity, T1)
    assert isinstance(decision, Put)
    instances = decision.entity.attributes.get("a")
    if instances is None:
        return None
    (instance,) = instances
    assert (instance["createdAt"], instance["modifiedAt"]) == (T0, T1)
    return {key: one for key, one in instance.items() if key not in ("createdAt", "modifiedAt")}


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        # 5.5.12 example 1
        (
            prop(25, unitCode="CEL", observedAt="2022-03-14T01:59:26.535Z"),
            prop(100, observedAt="2022-03-14T13:00:00.000Z"),
            prop(100, unitCode="CEL", observedAt="2022-03-14T13:00:00.000Z"),
        ),
        # 5.5.12 example 2
        (
            prop({"street": "Straße des 17. Juni", "city": "Berlin", "country": "Germany"}),
            prop({"street": "Pariser Platz", "country": NULL}),
            prop({"street": "Pariser Platz", "city": "Berlin"}),
        ),
        # arrays are replaced, not merged (RFC 7396)
        (prop([1, 2]), prop([3]), prop([3])),
        (prop({"a": {"b": 1, "c": 2}}), prop({"a": {"c": NULL, "d": 3}}), prop({"a": {"b": 1, "d": 3}})),
        (prop(5), prop({"a": {"b": NULL}}), prop({"a": {}})),
        (prop(5, unitCode="CEL"), {"unitCode": NULL}, prop(5)),
        (
            {"type": "LanguageProperty", "languageMap": {"ja": "高松", "en": "Takamatsu"}},
            {"type": "LanguageProperty", "languageMap": {"en": NULL, "fr": "Takamatsu"}},
            {"type": "LanguageProperty", "languageMap": {"ja": "高松", "fr": "Takamatsu"}},
        ),
        ({"type": "LanguageProperty", "languageMap": {"ja": "高松"}}, {"languageMap": {"ja": NULL}}, None),
        (
            {"type": "JsonProperty", "json": {"id": 1, "value": 2}},
            {"json": {"value": NULL}},
            {"type": "JsonProperty", "json": {"id": 1}},
        ),
        # a geometry is one value
        (
            {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134, 34], "bbox": [1, 2, 3, 4]}},
            {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [135, 34]}},
            {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [135, 34]}},
        ),
        # another type takes its own value member
        (
            prop("urn:a", unitCode="X"),
            {"type": "Relationship", "object": "urn:b"},
            {"type": "Relationship", "object": "urn:b", "unitCode": "X"},
        ),
        (prop(1), deletion(), None),
    ],
)
def test_merge_changes_one_attribute_as_the_standard_shows(before: Instance, patch: Instance, after: Instance | None) -> None:
    assert merge_one(before, patch) == after


def test_merge_reaches_sub_attributes() -> None:
    before = prop(1, attributes={"accuracy": [prop({"x": 1, "y": 2}, unitCode="M")], "by": [prop("Sato")]})
    patch = {"attributes": {"accuracy": [prop({"x": NULL})], "by": [deletion()], "how": [prop("GPS")]}}
    result = merge_one(before, patch)
    assert result is not None
    assert set(result["attributes"]) == {"accuracy", "how"}
    (accuracy,) = result["attributes"]["accuracy"]
    assert (accuracy["value"], accuracy["unitCode"], accuracy["createdAt"]) == ({"y": 2}, "M", T0)


@pytest.mark.parametrize(
    ("before", "patch", "options", "after"),
    [
        (prop(1, observedAt=T0), prop(2), MergeOptions(observed_at=T1), prop(2, observedAt=T1)),
        (prop(1, observedAt=T0), prop(2, observedAt="2026-01-01T00:00:00Z"), MergeOptions(observed_at=T1),
         prop(2, observedAt="2026-01-01T00:00:00Z")),
        (prop(1), prop(2), MergeOptions(observed_at=T1), prop(2)),
        (
            {"type": "LanguageProperty", "languageMap": {"ja": "高松", "en": "T."}},
            {"simplified": "Takamatsu"},
            MergeOptions(lang="en"),
            {"type": "LanguageProperty", "languageMap": {"ja": "高松", "en": "Takamatsu"}},
        ),
        (
            {"type": "Relationship", "object": "urn:a:1"},
            {"simplified": "urn:a:2"},
            MergeOptions(),
            {"type": "Relationship", "object": "urn:a:2"},
        ),
        (
            {"type": "VocabProperty", "vocab": "https://example.org/Male"},
            {"simplified": "Female", "expanded": "https://example.org/Female"},
            MergeOptions(),
            {"type": "VocabProperty", "vocab": "https://example.org/Female"},
        ),
    ],
)  # fmt: skip
def test_merge_honours_its_parameters(before: Instance, patch: Instance, options: MergeOptions, after: Instance) -> None:
    assert merge_one(before, patch, options) == after


def entity_of(attributes: Attributes) -> Entity:
    decision = rules.create(Entity(ID, ("Place",), attributes, ("/A",)))(None, T0)
    assert isinstance(decision, Put)
    return decision.entity


def test_merge_adds_an_instance_when_its_dataset_is_new() -> None:
    decision = rules.merge(ID, Fragment(attributes={"a": [prop(2, datasetId="urn:d")]}))(entity_of({"a": [prop(1)]}), T1)
    assert isinstance(decision, Put)
    assert [one["value"] for one in decision.entity.attributes["a"]] == [1, 2]


def test_merge_drops_nulls_inside_the_value_when_the_attribute_is_new() -> None:
    decision = rules.merge(ID, Fragment(attributes={"b": [prop({"x": NULL, "y": 1})]}))(entity_of({}), T1)
    assert isinstance(decision, Put)
    assert decision.entity.attributes["b"][0]["value"] == {"y": 1}


def test_merge_drops_nulls_inside_sub_attributes_when_the_attribute_is_new() -> None:
    subs = {"x": [prop({"k": NULL}), deletion("urn:d")], "y": [deletion()], "z": [{"languageMap": {"ja": NULL}}]}
    new = prop(1, unitCode=NULL, attributes=subs)
    decision = rules.merge(ID, Fragment(attributes={"b": [new]}))(entity_of({}), T1)
    assert isinstance(decision, Put)
    stamp = {"createdAt": T1, "modifiedAt": T1}
    assert decision.entity.attributes["b"] == [prop(1, attributes={"x": [prop({}, **stamp)]}, **stamp)]


def test_merge_does_nothing_when_a_null_has_no_counterpart() -> None:
    decision = rules.merge(ID, Fragment(attributes={"b": [deletion()]}))(entity_of({}), T1)
    assert isinstance(decision, Keep)
    assert decision.outcome.complete


def test_merge_adds_types_and_replaces_or_removes_scopes() -> None:
    entity = entity_of({})
    decision = rules.merge(ID, Fragment(types=("B", "Place"), scopes=("/B", "/C")))(entity, T1)
    assert isinstance(decision, Put)
    assert (decision.entity.types, decision.entity.scopes) == (("Place", "B"), ("/B", "/C"))
    removed = rules.merge(ID, Fragment(scopes=()))(entity, T1)
    assert isinstance(removed, Put)
    assert removed.entity.scopes == ()


# RFC 7396 appendix A, with the NGSI-LD Null for JSON null (cases whose result has a null value are left out).
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": NULL}, {}),
        ({"a": "b", "b": "c"}, {"a": NULL}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": NULL}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"e": 1}, {"a": 1}, {"e": 1, "a": 1}),
        ([1, 2], {"a": "b", "c": NULL}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": NULL}}}, {"a": {"bb": {}}}),
    ],
)
def test_merged_json_follows_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    assert merged_json(target, patch) == result
