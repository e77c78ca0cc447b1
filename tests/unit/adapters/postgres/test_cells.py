"""The quadtree: ids, ranges and covers never leave out what they promise to hold."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from machinami.adapters.postgres import cells
from machinami.adapters.postgres.cells import COVER_CELLS_MAX, LEVEL_MAX
from machinami.adapters.postgres.index_rows import geometry_cells
from machinami.data.matching.geometry import haversine_m, relation_holds
from machinami.kernel.geometry import Box, box_of
from machinami.kernel.query import GeoQuery, GeoRelation

lons = st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 179.9999, -179.9999, 0.0, 45.0, 134.046]))
lats = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 89.9999, -89.9999, 0.0, 34.3, 45.0]))
positions = st.tuples(lons, lats)
levels = st.integers(0, LEVEL_MAX)
boxes = st.tuples(positions, positions).map(lambda two: box_of(two))
distances = st.one_of(st.floats(0, 25_000_000), st.sampled_from([0.0, 1.0, 50.0, 1_000.0, 30_000.0, 10_007_543.0]))


def found(cell: int, covering: list[int]) -> bool:
    """Whether a query with this cover finds what is indexed under the cell, as the store asks: ranges and ancestors."""
    return any(low <= cell <= high for low, high in cells.ranges(covering)) or cell in cells.ancestors(covering)


def destination(lon: float, lat: float, distance_m: float, bearing: float) -> tuple[float, float]:
    """The place reached from a position after some metres in a direction, on the sphere."""
    angle, north = distance_m / cells.EARTH_RADIUS_M, math.radians(lat)
    sine = math.sin(north) * math.cos(angle) + math.cos(north) * math.sin(angle) * math.cos(bearing)
    there = math.asin(min(1.0, max(-1.0, sine)))
    east = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(north), math.cos(angle) - math.sin(north) * math.sin(there)
    )
    return (lon + math.degrees(east) + 540.0) % 360.0 - 180.0, math.degrees(there)


@given(lons, lats, levels, levels)
def test_cell_of_lies_in_the_range_of_each_coarser_cell_of_the_position(lon: float, lat: float, one: int, other: int) -> None:
    coarse, fine = sorted((one, other))
    cell, above = cells.cell_of(lon, lat, fine), cells.cell_of(lon, lat, coarse)
    [(low, high)] = cells.ranges([above])
    assert low <= cell <= high
    assert (above in cells.ancestors([cell])) == (coarse < fine)


@given(positions, positions, levels)
def test_ranges_of_two_cells_of_a_level_share_nothing(one: tuple[float, float], other: tuple[float, float], level: int) -> None:
    a, b = cells.cell_of(*one, level), cells.cell_of(*other, level)
    if a != b:
        [(low, high)] = cells.ranges([a])
        assert not low <= b <= high


@given(lons, lats, levels)
def test_cell_of_gives_positive_ids_of_at_most_63_bits_and_ancestors_up_to_the_root(lon: float, lat: float, level: int) -> None:
    cell = cells.cell_of(lon, lat, level)
    assert 0 < cell < 2**63
    assert len(cells.ancestors([cell])) == level
    if level:
        assert cells.cell_of(0.0, 0.0, 0) in cells.ancestors([cell])


@given(boxes, st.floats(0, 1), st.floats(0, 1), st.sampled_from([1, COVER_CELLS_MAX, 64]))
def test_cover_holds_every_position_of_the_box_in_at_most_the_cells_allowed(
    box: Box, east: float, north: float, most: int
) -> None:
    covering = cells.cover(box, most)
    assert 1 <= len(covering) <= most
    lon = min(box.east, box.west + east * (box.east - box.west))
    lat = min(box.north, box.south + north * (box.north - box.south))
    assert found(cells.cell_of(lon, lat, LEVEL_MAX), covering)


@given(boxes)
def test_ranges_of_a_cover_are_sorted_apart_and_hold_just_its_cells(box: Box) -> None:
    covering = cells.cover(box)
    spans = cells.ranges(covering)
    assert all(low <= high for low, high in spans)
    assert all(one[1] < other[0] for one, other in pairwise(spans))
    own = sum(2 * (cell & -cell) - 1 for cell in covering)
    seams = len(covering) - len(spans)
    assert sum(high - low + 1 for low, high in spans) == own + seams


@given(lons, lats, distances, st.floats(0, 1), st.floats(0, 2 * math.pi))
@example(179.9999, 0.0, 1_000.0, 1.0, math.pi / 2)
@example(-179.9999, -89.0, 500_000.0, 1.0, 3 * math.pi / 2)
@example(134.0, 90.0, 1_000.0, 1.0, math.pi)
@example(0.0, 0.0, 30_000_000.0, 1.0, 0.0)
def test_box_around_holds_every_position_within_the_distance(
    lon: float, lat: float, distance_m: float, share: float, bearing: float
) -> None:
    there = destination(lon, lat, distance_m * share, bearing)
    if haversine_m(lon, lat, *there) > distance_m:
        return
    around = cells.box_around(lon, lat, distance_m)
    covering = [cell for box in around for cell in cells.cover(box)]
    assert found(cells.cell_of(*there, LEVEL_MAX), covering)


@given(lons, st.floats(-60, 60), st.floats(0, 50_000))
def test_box_around_is_not_much_larger_than_the_distance_asks(lon: float, lat: float, distance_m: float) -> None:
    degrees = sum(box.east - box.west for box in cells.box_around(lon, lat, distance_m))
    assert degrees <= math.degrees(distance_m / cells.EARTH_RADIUS_M) / math.cos(math.radians(lat)) * 2.1 + 1e-6


@given(st.tuples(st.floats(-80, 80), st.floats(-60, 60)), st.floats(0, 20), st.floats(0, 20), st.floats(0, 1), st.floats(0, 1))
def test_reach_m_is_no_shorter_than_the_way_from_the_middle_to_any_place_in_the_box(
    corner: tuple[float, float], width: float, height: float, east: float, north: float
) -> None:
    box = Box(corner[0], corner[1], corner[0] + width, corner[1] + height)
    middle = (box.west + width / 2, box.south + height / 2)
    assert haversine_m(*middle, box.west + east * width, box.south + north * height) <= cells.reach_m(box) * (1 + 1e-9) + 1e-6


def _polygon(corner: tuple[float, float], width: float, height: float) -> Any:
    (x, y) = corner
    return ((x, y), (x + width, y), (x + width / 2, y + height), (x, y)), {"type": "Polygon"}


corners = st.tuples(st.one_of(st.floats(133, 136), st.sampled_from([134.0, 135.0])), st.floats(33, 35))
extents = st.one_of(st.floats(0.00001, 0.01), st.floats(0.01, 3))
triangles = st.builds(_polygon, corners, extents, extents)


@given(triangles, triangles, st.sampled_from([GeoRelation.INTERSECTS, GeoRelation.WITHIN, GeoRelation.OVERLAPS]))
def test_cells_of_a_polygon_meet_the_cover_of_each_polygon_it_has_to_do_with(
    one: Any, other: Any, relation: GeoRelation
) -> None:
    target = {"type": "Polygon", "coordinates": [list(one[0])]}
    query = GeoQuery(relation, "Polygon", (other[0],), "location")
    if relation_holds(query, target):
        covering = cells.cover(box_of(query.coordinates))
        assert any(found(cell, covering) for cell in geometry_cells(target))
