"""Fragments as clients send them, from JSON to the new state: codec and rules together."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.entities import rules
from machinami.data.entities.decisions import Put
from machinami.data.entities.instances import MergeOptions
from machinami.kernel.entity import Entity
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.entities import parse_attribute, parse_entity, parse_fragment
from machinami.standards.ngsi_ld.render import render_entity

T0, T1 = "2026-11-26T01:00:00Z", "2026-11-26T01:00:01Z"
ID = "urn:ngsi-ld:Building:1"
NULL = "urn:ngsi-ld:null"
BUILDING: dict[str, Any] = {
    "id": ID,
    "type": "Building",
    "name": {"type": "Property", "value": "栗林公園", "observedAt": "2026-01-01T00:00:00Z"},
    "locatedAt": {"type": "Relationship", "object": "urn:ngsi-ld:City:Takamatsu"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.04, 34.33]}},
    "street": {"type": "LanguageProperty", "languageMap": {"ja": "栗林町", "en": "Ritsurin-cho"}},
}


def stored() -> Entity:
    decision = rules.create(parse_entity(BUILDING, core_context()))(None, T0)
    assert isinstance(decision, Put)
    return decision.entity


def merged(fragment: dict[str, Any], options: MergeOptions | None = None, simplified: bool = False) -> dict[str, Any]:
    context = core_context()
    patch = parse_fragment(fragment, context, nulls=True, partial=True, simplified=simplified)
    decision = rules.merge(ID, patch, options or MergeOptions())(stored(), T1)
    assert isinstance(decision, Put)
    return render_entity(decision.entity, context)


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("name", {"type": "Property", "value": NULL}),
        ("name", NULL),
        ("locatedAt", {"type": "Relationship", "object": NULL}),
        ("location", {"type": "GeoProperty", "value": NULL}),
        ("street", {"type": "LanguageProperty", "languageMap": {"@none": NULL}}),
    ],
)
def test_merge_deletes_an_attribute_when_its_value_is_null(name: str, fragment: Any) -> None:
    """The cases of the ETSI suite's 056_03."""
    result = merged({name: fragment})
    assert name not in result
    assert set(result) == set(BUILDING) - {name}


def test_merge_leaves_what_is_not_mentioned() -> None:
    result = merged({"name": {"value": "玉藻公園"}, "street": {"languageMap": {"en": NULL}}})
    assert result["name"] == {"type": "Property", "value": "玉藻公園", "observedAt": "2026-01-01T00:00:00Z"}
    assert result["street"] == {"type": "LanguageProperty", "languageMap": {"ja": "栗林町"}}
    assert result["locatedAt"] == BUILDING["locatedAt"]


def test_merge_of_simplified_values_keeps_the_types() -> None:
    fragment = {"locatedAt": "urn:ngsi-ld:City:Marugame", "street": "Ritsurin", "name": "x"}
    result = merged(fragment, MergeOptions(lang="en", observed_at=T1), simplified=True)
    assert result["locatedAt"] == {"type": "Relationship", "object": "urn:ngsi-ld:City:Marugame"}
    assert result["street"]["languageMap"] == {"ja": "栗林町", "en": "Ritsurin"}
    assert result["name"] == {"type": "Property", "value": "x", "observedAt": T1}


def test_partial_update_takes_a_concise_fragment() -> None:
    context = core_context()
    name, instances = parse_attribute("name", {"value": "x"}, context, nulls=True, partial=True)
    decision = rules.partial_update(ID, name, instances)(stored(), T1)
    assert isinstance(decision, Put)
    assert render_entity(decision.entity, context)["name"] == {**BUILDING["name"], "value": "x"}
