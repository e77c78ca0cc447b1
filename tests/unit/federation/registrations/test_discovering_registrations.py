"""Which registrations a query for sources means by their own members: times, areas, properties, scopes (5.10.2.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from machinami.data.matching import matches
from machinami.data.matching.geometry import relation_holds
from machinami.federation.registrations import rules
from machinami.federation.registrations.model import (
    EntityInfo,
    Interest,
    Interval,
    Mode,
    Registered,
    Registration,
    RegistrationInfo,
    Wanted,
)
from machinami.kernel.entity import LOCATION
from machinami.kernel.query import And, EntityQuery, GeoQuery, GeoRelation, Selector, TypeSelection
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.q import parse_q
from machinami.standards.ngsi_ld.temporal import TemporalQuery, TimeRelation

NOW = "2026-01-01T00:00:00Z"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
BUSES = RegistrationInfo((EntityInfo(frozenset({"Bus"})),))


def registered(**members: Any) -> Registered:
    return Registered("default", Registration("urn:csr:1", "http://a.example", (BUSES,), **members), None, NOW, NOW)


def is_meant(one: Registered, interest: Interest) -> bool:
    return rules.meant(one, interest, matches, NOW) is not None


def day(number: int) -> str:
    return f"2025-01-{number:02}T00:00:00Z"


DAYS = st.integers(1, 28)


@given(DAYS, st.none() | DAYS, st.sampled_from(list(TimeRelation)), DAYS, DAYS)
@settings(deadline=None)
def test_a_source_of_histories_is_meant_if_some_day_of_it_is_asked_for(
    start: int, end: int | None, relation: TimeRelation, at: int, until: int
) -> None:
    last = None if end is None else max(start, end)
    source = registered(observation_interval=Interval(day(start), None if last is None else day(last)))
    until = max(at, until)
    temporal = TemporalQuery(relation, day(at), day(until) if relation is TimeRelation.BETWEEN else None)
    asked = {
        TimeRelation.BEFORE: range(1, at + 1),
        TimeRelation.AFTER: range(at, 29),
        TimeRelation.BETWEEN: range(at, until + 1),
    }[relation]
    expected = any(start <= one and (last is None or one <= last) for one in asked)
    assert is_meant(source, Interest(Wanted(temporal=temporal))) is expected
    assert not is_meant(source, Interest()), "sources of histories are not asked for the latest state"
    managed = TemporalQuery(relation, temporal.at, temporal.end_at, "createdAt")
    assert not is_meant(source, Interest(Wanted(temporal=managed)))


def box(west: int, south: int, width: int, height: int) -> tuple[Any, ...]:
    east, north = west + width, south + height
    return (((west, south), (east, south), (east, north), (west, north), (west, south)),)


BOXES = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4), st.integers(1, 4))
DISTANCES = (
    st.lists(st.integers(1, 400_000), min_size=2, max_size=2)
    .map(sorted)
    .flatmap(
        lambda pair: st.sampled_from(
            [{"distance_m_min": pair[0]}, {"distance_m_max": pair[1]}, {"distance_m_min": pair[0], "distance_m_max": pair[1]}]
        )
    )
)
POSITIONS = st.tuples(st.floats(0, 1), st.floats(0, 1))


@example((0, 0, 4, 1), (0, 0, 1, 1), GeoRelation.NEAR, (1.0, 0.5), {"distance_m_min": 100_000, "distance_m_max": 400_000})
@given(BOXES, BOXES, st.sampled_from(list(GeoRelation)), POSITIONS, DISTANCES)
@settings(deadline=None, max_examples=300)
def test_a_source_is_meant_whenever_a_place_in_its_area_stands_in_the_relation(
    area: tuple[int, ...], around: tuple[int, ...], relation: GeoRelation, inside: tuple[float, float], near: dict[str, int]
) -> None:
    west, south, width, height = area
    place = {"type": "Point", "coordinates": [west + inside[0] * width, south + inside[1] * height]}
    bounds: dict[str, Any] = near if relation is GeoRelation.NEAR else {}
    geo = GeoQuery(relation, "Polygon", box(*around), LOCATION, **bounds)
    source = registered(geometries={"location": {"type": "Polygon", "coordinates": box(*area)}})
    if relation_holds(geo, place):
        assert is_meant(source, Interest(geo=geo))


def test_a_source_is_not_meant_for_an_area_that_it_does_not_touch_or_does_not_name() -> None:
    source = registered(geometries={"location": {"type": "Polygon", "coordinates": box(0, 0, 1, 1)}})
    away = box(5, 5, 1, 1)
    for relation in (
        GeoRelation.WITHIN,
        GeoRelation.INTERSECTS,
        GeoRelation.OVERLAPS,
        GeoRelation.EQUALS,
        GeoRelation.CONTAINS,
    ):
        assert not is_meant(source, Interest(geo=GeoQuery(relation, "Polygon", away, LOCATION)))
    assert not is_meant(source, Interest(geo=GeoQuery(GeoRelation.NEAR, "Polygon", away, LOCATION, distance_m_max=1000)))
    around = GeoQuery(GeoRelation.DISJOINT, "Polygon", box(-1, -1, 3, 3), LOCATION)
    assert not is_meant(source, Interest(geo=around))
    elsewhere = GeoQuery(GeoRelation.DISJOINT, "Polygon", away, "https://uri.etsi.org/ngsi-ld/operationSpace")
    assert not is_meant(source, Interest(geo=elsewhere))


@pytest.mark.parametrize(
    ("csf", "expected"),
    [
        ('owner=="city"', True),
        ('owner=="bus company"', False),
        ("owner", True),
        ("fleet[size]>2", True),
        ("fleet[size]>3", False),
        ('registrationName~="^Nor"', True),
        ('mode=="redirect"', True),
        ("nothing", False),
    ],
)
def test_csf_asks_about_context_source_properties_and_plain_members(csf: str, expected: bool) -> None:
    source = registered(
        mode=Mode.REDIRECT,
        properties={f"{DEFAULT}owner": "city", f"{DEFAULT}fleet": {"type": "Property", "value": {"size": 3}}},
        document={"registrationName": "North", "mode": "redirect"},
    )
    assert is_meant(source, Interest(csf=parse_q(csf, core_context()))) is expected


def test_attribute_names_are_those_of_the_entity_itself() -> None:
    condition = parse_q("speed>3;(driver{name}|colour)", core_context(), links_max=1)
    assert isinstance(condition, And)
    assert set(rules.attribute_names(condition)) == {f"{DEFAULT}{name}" for name in ("speed", "driver", "colour")}


def test_local_queries_ask_for_what_a_proxied_registration_takes_away() -> None:
    bus = EntityInfo(frozenset({"Bus"}), "urn:x:1")
    exclusive = Registration("urn:csr:1", "http://a.example", (RegistrationInfo((bus,), ("b", "a")),), Mode.EXCLUSIVE)
    [query] = rules.local_queries(exclusive)
    assert query == EntityQuery((Selector(ids=frozenset({"urn:x:1"})),), ("a", "b"))
    downtown = EntityInfo(frozenset({"Bus"}), None, "downtown$")
    redirect = Registration("urn:csr:2", "http://a.example", (RegistrationInfo((bus, downtown)),), Mode.REDIRECT)
    [query] = rules.local_queries(redirect)
    buses = TypeSelection((frozenset({"Bus"}),))
    assert query == EntityQuery((Selector(buses, frozenset({"urn:x:1"})), Selector(buses, None, "downtown$")))
