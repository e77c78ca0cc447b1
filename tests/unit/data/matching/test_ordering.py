"""Entity ordering (CIM 009 4.23): kinds of values, directions, paths and distance."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.matching.ordering import order_key
from machinami.kernel.entity import Entity
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.ordering import parse_ordering

CORE = core_context()
D = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"


def prop(value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **members}


def city(*instances: dict[str, Any] | None) -> list[Entity]:
    return [
        Entity(f"urn:x:{9 - n}", ("T",), {D + "a": [one]} if one else {}, (), f"2026-01-0{9 - n}T00:00:00Z", sequence=n)
        for n, one in enumerate(instances)
    ]


def order(text: str, entities: list[Entity], **more: Any) -> list[int]:
    return [one.sequence for one in sorted(entities, key=order_key(parse_ordering(text, CORE, **more)))]


MIXED = [
    prop(2), prop(10.5), prop("B"), prop("b"), prop({"x": 1}), prop([1]), prop([1, 2]), prop(False), prop(True),
    prop({"@type": "Time", "@value": "10:00:00Z"}), prop({"@type": "Date", "@value": "2026-01-01"}),
    prop({"@type": "DateTime", "@value": "2026-01-01T09:00:00+09:00"}),
    prop({"@type": "DateTime", "@value": "2026-01-01T00:00:01Z"}), prop(None), None,
]  # fmt: skip


def test_order_key_follows_the_standards_order_of_kinds() -> None:
    entities = city(*MIXED)
    last = len(MIXED) - 2
    assert order("a", entities) == [0, 1, 3, 2, *range(4, last + 2)]
    assert order("a;desc", entities) == [*range(last - 1, 3, -1), 2, 3, 1, 0, last, last + 1]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("id", [2, 1, 0]),
        ("createdAt;desc", [0, 1, 2]),
        ("type", [0, 1, 2]),
        ("type,id", [2, 1, 0]),
        ("a.observedAt", [2, 0, 1]),
        ("a.unitCode;desc,id", [1, 2, 0]),
        ("a[x]", [1, 0, 2]),
    ],
)
def test_order_key_reads_members_and_paths(text: str, wanted: list[int]) -> None:
    entities = city(
        prop({"x": 2}, observedAt="2026-01-01T00:00:00Z", unitCode="A"),
        prop({"x": 1}, observedAt="2026-01-01T00:00:00.5Z", unitCode="B"),
        prop({}, observedAt="2026-01-01T08:59:59+09:00", unitCode="A"),
    )
    assert order(text, entities) == wanted


def test_order_key_measures_from_the_reference_geometry_and_puts_what_has_no_place_last() -> None:
    def place(x: float) -> dict[str, Any]:
        return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [x, 34.0]}}

    entities = city(place(134.3), place(134.0), prop("nowhere"), place(134.1), None)
    assert order("a;dist-asc", entities, coordinates="[134,34]") == [1, 3, 0, 2, 4]
    assert order("a;dist-desc", entities, coordinates="[134,34]") == [0, 3, 1, 2, 4]
    assert order("a;dist-asc", entities, coordinates="[[134.2,34],[134.4,34]]", geometry="LineString") == [0, 3, 1, 2, 4]
