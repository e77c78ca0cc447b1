"""One entity against a whole query."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.matching import matches
from machinami.kernel.entity import Entity
from machinami.kernel.query import (
    AttributePath,
    Compare,
    Comparison,
    EntityQuery,
    Exists,
    GeoQuery,
    GeoRelation,
    ScopeQuery,
    Selector,
    TypeSelection,
)

NOW = "2026-11-26T01:00:00Z"
ENTITY = Entity(
    "urn:ngsi-ld:Gauge:1",
    ("Gauge",),
    {
        "level": [{"type": "Property", "value": 2.5}],
        "location": [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.0, 34.0]}}],
        "alert": [{"type": "Property", "value": 1, "expiresAt": "2026-11-26T00:59:59Z"}],
    },
    ("/Takamatsu/River",),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (EntityQuery(), True),
        (EntityQuery((Selector(TypeSelection((frozenset({"Gauge"}),))),)), True),
        (EntityQuery((Selector(TypeSelection((frozenset({"Bus"}),))),)), False),
        (EntityQuery(attributes=("nothing", "level")), True),
        (EntityQuery(attributes=("nothing",)), False),
        (EntityQuery(attributes=("alert",)), False),  # expired, 4.22
        (EntityQuery(condition=Exists(AttributePath("alert"))), False),
        (EntityQuery(condition=Compare(AttributePath("level"), Comparison.GREATER, (2.0,))), True),
        (EntityQuery(condition=Compare(AttributePath("level"), Comparison.GREATER, (3.0,))), False),
        (EntityQuery(geo=GeoQuery(GeoRelation.NEAR, "Point", (134.0, 34.001), "location", 200.0)), True),
        (EntityQuery(geo=GeoQuery(GeoRelation.NEAR, "Point", (134.0, 34.001), "location", 100.0)), False),
        (EntityQuery(scope=ScopeQuery((("/Takamatsu/#",),))), True),
        (EntityQuery(scope=ScopeQuery((("/Okayama/#",),))), False),
        (EntityQuery(dataset_ids=("urn:ngsi-ld:Dataset:none",)), True),  # only chooses what is shown, 5.7.2.4
    ],
)
def test_matches_needs_every_part(query: EntityQuery, expected: bool) -> None:
    assert matches(ENTITY, query, NOW) is expected


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        ("2026-11-26T00:59:59Z", False),
        ("2026-11-26T01:00:00Z", False),
        ("2026-11-26T10:00:00.001+09:00", True),
        ("2026-11-26T10:00:00+09:00", False),
        (None, True),
    ],
)
def test_matches_never_when_the_entity_has_expired(expires_at: Any, expected: bool) -> None:
    assert matches(Entity("urn:x:1", ("T",), {}, expires_at=expires_at), EntityQuery(), NOW) is expected
