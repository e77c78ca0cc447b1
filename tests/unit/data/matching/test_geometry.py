"""Geo-queries (CIM 009 4.10) against truths worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from machinami.data.matching.geometry import distance_m, geo_holds, haversine_m
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import GeoQuery, GeoRelation

DEGREE_M = 111_195.08  # one degree of a great circle on the mean sphere: 2 pi 6371008.8 / 360


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def line(*positions: tuple[float, float]) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [list(one) for one in positions]}


def points(*positions: tuple[float, float]) -> dict[str, Any]:
    return {"type": "MultiPoint", "coordinates": [list(one) for one in positions]}


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def polygon(*corners: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(one) for one in (*corners, corners[0])]]}


def parted(*spans: tuple[float, float]) -> dict[str, Any]:
    """An area of several boxes along the equator."""
    return {"type": "MultiPolygon", "coordinates": [box(west, -1, east, 1)["coordinates"] for west, east in spans]}


def frozen(coordinates: Any) -> Any:
    return tuple(frozen(one) for one in coordinates) if isinstance(coordinates, list) else coordinates


def query(relation: str, reference: dict[str, Any], **distances: float) -> GeoQuery:
    return GeoQuery(GeoRelation(relation), reference["type"], frozen(reference["coordinates"]), "location", **distances)


def holds(one: GeoQuery, *targets: dict[str, Any]) -> bool:
    instances = [{"type": "GeoProperty", "value": target, "datasetId": f"urn:{n}"} for n, target in enumerate(targets)]
    return geo_holds(one, Entity("urn:x", ("T",), {"location": instances} if instances else {}))


SQUARE = box(134, 34, 135, 35)


@pytest.mark.parametrize(
    ("relation", "reference", "target", "expected"),
    [
        ("within", SQUARE, point(134.5, 34.5), True),
        ("within", SQUARE, point(135.5, 34.5), False),
        ("within", SQUARE, point(134, 34.5), False),  # on the border: not within (interiors do not meet)
        ("within", SQUARE, box(134.2, 34.2, 134.8, 34.8), True),
        ("within", SQUARE, box(134.5, 34.5, 135.5, 34.8), False),
        ("contains", point(134.5, 34.5), SQUARE, True),
        ("contains", SQUARE, point(134.5, 34.5), False),
        ("intersects", SQUARE, box(134.5, 34.5, 136, 36), True),
        ("intersects", SQUARE, point(134, 34.5), True),
        ("intersects", SQUARE, point(136, 36), False),
        ("disjoint", SQUARE, point(136, 36), True),
        ("disjoint", SQUARE, point(134, 34.5), False),
        ("overlaps", SQUARE, box(134.5, 34.5, 136, 36), True),
        ("overlaps", SQUARE, box(134.2, 34.2, 134.8, 34.8), False),
        ("overlaps", SQUARE, point(134.5, 34.5), False),
        ("equals", SQUARE, box(134, 34, 135, 35), True),
        ("equals", point(134, 34), point(134, 34), True),
        ("equals", point(134, 34), point(134, 34.000001), False),
        ("equals", line((1, 1), (2, 2)), line((2, 2), (1, 1)), True),
    ],
)
def test_relations_follow_simple_features(
    relation: str, reference: dict[str, Any], target: dict[str, Any], expected: bool
) -> None:
    assert holds(query(relation, reference), target) is expected


def test_geo_holds_never_without_the_geoproperty() -> None:
    assert not holds(query("disjoint", SQUARE))
    plain = Entity("urn:x", ("T",), {"location": [{"type": "Property", "value": point(134.5, 34.5)}]})
    assert not geo_holds(query("within", SQUARE), plain)


def test_geo_holds_when_any_instance_does() -> None:
    assert holds(query("within", SQUARE), point(0, 0), point(134.5, 34.5))


def test_haversine_measures_known_distances() -> None:
    assert haversine_m(0, 0, 0, 1) == pytest.approx(DEGREE_M, rel=1e-6)
    assert haversine_m(134, 60, 135, 60) == pytest.approx(DEGREE_M / 2, rel=1e-4)
    assert haversine_m(179.9, 0, -179.9, 0) == pytest.approx(0.2 * DEGREE_M, rel=1e-6)
    assert haversine_m(0, 0, 180, 0) == pytest.approx(180 * DEGREE_M, rel=1e-6)


@pytest.mark.parametrize(
    ("reference", "target", "expected_m"),
    [
        (point(134, 34), line((133, 34.01), (135, 34.01)), 0.01 * DEGREE_M),
        (line((133, 34.01), (135, 34.01)), point(134, 34), 0.01 * DEGREE_M),
        (point(134.5, 34.5), SQUARE, 0.0),
        (point(134.5, 35.02), SQUARE, 0.02 * DEGREE_M),
        (point(135.01, 34.5), SQUARE, 0.01 * DEGREE_M * 0.82413),  # cos 34.5 degrees
        (point(-179.99, 0), line((179.99, -1), (179.99, 1)), 0.02 * DEGREE_M),  # across the antimeridian
        (point(-179.99, 0), points((179.99, 0), (-178, 0)), 0.02 * DEGREE_M),
        (point(-179.999, 34), box(0, 0, 0.002, 0.001), 145.999 * DEGREE_M),  # around the opposite meridian: over the pole
        (point(179.9, 0), parted((179.95, 180), (-180, -179.95)), 0.05 * DEGREE_M),
        (point(-179.9, 0), parted((179.95, 180), (-180, -179.95)), 0.05 * DEGREE_M),
        (point(179.9, 0), box(-170, -1, 170, 1), 9.9 * DEGREE_M),
        (point(0, 60), points((0.015, 60), (0, 60.01)), 0.015 * DEGREE_M / 2),  # a degree of longitude is half as long there
        (box(0, 0, 1, 1), box(1.01, 0, 2, 1), 0.01 * DEGREE_M * 0.99985),  # nearest at latitude 1
    ],
)
def test_distance_is_right_for_lines_and_areas(reference: dict[str, Any], target: dict[str, Any], expected_m: float) -> None:
    assert distance_m(shape(reference), shape(target)) == pytest.approx(expected_m, rel=1e-3, abs=0.5)


@given(
    st.tuples(st.floats(128, 146), st.floats(26, 45)),
    st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(0.1, 0.5)), min_size=2, max_size=2),
)
@settings(max_examples=40, deadline=None)
def test_distance_is_the_least_of_many_points_of_a_line(
    middle: tuple[float, float], offsets: list[tuple[float, float]]
) -> None:
    (lon, lat), (first, last) = middle, [(middle[0] + east, middle[1] + north) for east, north in offsets]
    steps = [n / 1_000 for n in range(1_001)]
    along = [(first[0] + (last[0] - first[0]) * n, first[1] + (last[1] - first[1]) * n) for n in steps]
    least = min(haversine_m(lon, lat, *position) for position in along)
    assert distance_m(shape(point(lon, lat)), shape(line(first, last))) == pytest.approx(least, rel=1e-4)


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ({"distance_m_max": 1_113.0}, True),
        ({"distance_m_max": 1_111.0}, False),
        ({"distance_m_min": 1_111.0}, True),
        ({"distance_m_min": 1_113.0}, False),
        ({"distance_m_min": 1_000.0, "distance_m_max": 2_000.0}, True),
        ({"distance_m_min": 1_200.0, "distance_m_max": 2_000.0}, False),
    ],
)
@pytest.mark.parametrize("target", [point(134, 34.01), line((133, 34.01), (135, 34.01))])
def test_near_keeps_to_both_distances(target: dict[str, Any], distances: dict[str, float], expected: bool) -> None:
    assert holds(query("near", point(134, 34), **distances), target) is expected


def test_relations_accept_an_area_that_crosses_itself() -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    assert holds(query("within", bow_tie), point(0.25, 1))
    assert not holds(query("within", bow_tie), point(1, 1.9))
    assert holds(query("intersects", box(-1, 0.5, 0.5, 1.5)), bow_tie)
    ring = [[0, 0], [4, 0], [4, 3], [1, 3], [1, 1], [3, 1], [3, 4], [0, 4], [0, 0]]
    assert holds(query("within", {"type": "Polygon", "coordinates": [ring]}), triangle := polygon((0, 0), (1, 1), (0, 2)))
    assert not holds(query("overlaps", {"type": "Polygon", "coordinates": [ring]}), triangle)


@pytest.mark.parametrize(
    "reference",
    [
        {"type": "Polygon", "coordinates": [[0, 0], [1, 1]]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Nonsense", "coordinates": [0, 0]},
    ],
)
def test_query_geometry_is_refused_when_it_is_none(reference: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="bad_geometry"):
        holds(query("within", reference), point(0, 0))
