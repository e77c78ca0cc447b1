"""Cells: a quadtree over longitude and latitude whose ids sort so that a cell's descendants form one range.

PostgreSQL here has no spatial index that works under row-level security (trust 4.3), so geometries are indexed as
64-bit cell ids in a btree. A cell id is the path of quadrants from the root (2 bits each, up to `LEVEL_MAX` = 24
levels, about 2 m), then a 1 bit that marks the end, then zeros: the ids of all descendants lie in
`id - (low - 1) .. id + (low - 1)` where `low` is the lowest set bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from machinami.kernel.geometry import Box

LEVEL_MAX: Final = 24
COVER_CELLS_MAX: Final = 8
EARTH_RADIUS_M: Final = 6_371_008.8


def cell_of(lon: float, lat: float, level: int) -> int:
    """The id of the cell of `level` that holds a position (degrees)."""
    side = 1 << level
    x = min(side - 1, max(0, int((lon + 180.0) / 360.0 * side)))
    y = min(side - 1, max(0, int((lat + 90.0) / 180.0 * side)))
    return _id(x, y, level)


def cover(box: Box, cells_max: int = COVER_CELLS_MAX) -> list[int]:
    """At most `cells_max` cells of one level that together hold the box (degrees)."""
    level = LEVEL_MAX
    while level > 0:
        side = 1 << level
        x0, x1 = _clamped(box.west + 180.0, 360.0, side), _clamped(box.east + 180.0, 360.0, side)
        y0, y1 = _clamped(box.south + 90.0, 180.0, side), _clamped(box.north + 90.0, 180.0, side)
        if (x1 - x0 + 1) * (y1 - y0 + 1) <= cells_max:
            return [_id(x, y, level) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)]
        level -= 1
    return [_id(0, 0, 0)]


def ranges(cells: list[int]) -> list[tuple[int, int]]:
    """For each cell the inclusive range of ids that it and its descendants have; neighbours are joined."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted((cell - (cell & -cell) + 1, cell + (cell & -cell) - 1) for cell in cells):
        if joined and low <= joined[-1][1] + 2:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


def ancestors(cells: list[int]) -> list[int]:
    """All proper ancestors of the cells: where a larger geometry that reaches into them is indexed."""
    return sorted({parent for cell in cells for parent in _parents(cell)})


def box_around(lon: float, lat: float, distance_m: float) -> list[Box]:
    """Boxes (two at the antimeridian) that hold every point within `distance_m` metres of a position."""
    angle = distance_m / EARTH_RADIUS_M
    if angle >= math.pi / 2:
        return [Box(-180.0, -90.0, 180.0, 90.0)]
    degrees = math.degrees(angle)
    south, north = lat - degrees, lat + degrees
    if north >= 90.0 or south <= -90.0:
        return [Box(-180.0, max(-90.0, south), 180.0, min(90.0, north))]
    reach = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(lat)))))
    west, east = lon - reach, lon + reach
    if west < -180.0:
        return [Box(west + 360.0, south, 180.0, north), Box(-180.0, south, east, north)]
    if east > 180.0:
        return [Box(west, south, 180.0, north), Box(-180.0, south, east - 360.0, north)]
    return [Box(west, south, east, north)]


def reach_m(box: Box) -> float:
    """An upper bound, in metres, of how far a box reaches from its middle."""
    height = math.radians(box.north - box.south) / 2
    width = math.radians(box.east - box.west) / 2
    return EARTH_RADIUS_M * math.hypot(height, width)


def _clamped(offset: float, span: float, side: int) -> int:
    return min(side - 1, max(0, int(offset / span * side)))


def _id(x: int, y: int, level: int) -> int:
    path = 0
    for bit in range(level - 1, -1, -1):
        path = (path << 2) | (((y >> bit) & 1) << 1) | ((x >> bit) & 1)
    return ((path << 1) | 1) << (2 * (LEVEL_MAX - level))


def _parents(cell: int) -> Iterator[int]:
    low = cell & -cell
    while low < 1 << (2 * LEVEL_MAX):
        low <<= 2
        cell = (cell & -low) | low
        yield cell
