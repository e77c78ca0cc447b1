"""Geo-queries (CIM 009 4.10) on one geometry: relations by their DE-9IM patterns (OGC 06-103r4, 6.1.15), distances on the
sphere by stepping along the edges.

Edges are straight in longitude and latitude (RFC 7946 3.1.1). 4.10 doesn't say how exact a distance must be, so `near` can
also answer None: too close to the bound to say. Between points that is a millimetre; with lines and areas it is the step along
their edges, and what a plane that touches the sphere in the middle of the geometry is off at its ends (nothing is said of
geometries wider than 90 degrees).
"""

from __future__ import annotations

import re
from itertools import pairwise
from math import atan2, cos, hypot, inf, radians, sin, tan
from typing import Any, Final

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

RADIUS_M: Final = 6_371_008.8
STEPS: Final = 60
PATTERNS: Final = {
    "equals": ("T*F**FFF*",),
    "disjoint": ("FF*FF****",),
    "within": ("T*F**F***",),
    "contains": ("T*****FF*",),
}


def related(georel: str, geometry: str, coordinates: Any, target: dict[str, Any]) -> bool | None:
    """Whether the target stands in the relation to the query's geometry (`within`: the target is within it)."""
    reference = shape({"type": geometry, "coordinates": coordinates})
    relation, *modifiers = georel.split(";")
    if relation == "near":
        return _near(modifiers, reference, shape(target))
    matrix = shapely.relate(shape(target), reference)
    if relation == "intersects":
        return not _matches(matrix, PATTERNS["disjoint"])
    if relation == "overlaps":
        return _overlaps(matrix, shape(target), reference)
    return _matches(matrix, PATTERNS[relation])


def distance_m(kind: str, coordinates: Any, target: dict[str, Any]) -> tuple[float, float]:
    """Metres between a reference geometry and a target, and how far off that may be."""
    return _distance(shape({"type": kind, "coordinates": coordinates}), shape(target))


def _overlaps(matrix: str, one: BaseGeometry, other: BaseGeometry) -> bool:
    dimensions = {shapely.get_dimensions(one), shapely.get_dimensions(other)}
    if len(dimensions) > 1:
        return False
    return _matches(matrix, ("1*T***T**",) if dimensions == {1} else ("T*T***T**",))


def _matches(matrix: str, patterns: tuple[str, ...]) -> bool:
    cell = {"*": "[F012]", "T": "[012]", "F": "F", "0": "0", "1": "1", "2": "2"}
    return any(re.fullmatch("".join(cell[sign] for sign in pattern), matrix) for pattern in patterns)


def _near(modifiers: list[str], reference: BaseGeometry, target: BaseGeometry) -> bool | None:
    distance, doubt = _distance(reference, target)
    verdicts: list[bool | None] = []
    for modifier in modifiers:
        name, bound = modifier.split("==")
        if not abs(distance - float(bound)) > doubt:
            verdicts.append(None)
        else:
            verdicts.append((distance < float(bound)) == (name == "maxDistance"))
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _distance(one: BaseGeometry, other: BaseGeometry) -> tuple[float, float]:
    """Metres between the nearest points, and how far off that may be."""
    if max(each.bounds[2] - each.bounds[0] for each in (one, other)) > 90:
        return 0.0, inf
    if one.intersects(other):
        return 0.0, 0.001
    left, left_step = _points(one)
    right, right_step = _points(other)
    distance = min(_arc_m(a, b) for a in left for b in right)
    if len(left) == len(right) == 1:
        return distance, distance * 1e-9 + 0.001
    return distance, left_step + right_step + distance * _plane_error(one, other) + 0.001


def _plane_error(one: BaseGeometry, other: BaseGeometry) -> float:
    """The share by which a plane is off between the middle of one geometry and the far end of both."""
    _, south, _, north = one.union(other).bounds
    return radians(north - south) * tan(radians(max(abs(south), abs(north))))


def _points(geometry: BaseGeometry) -> tuple[list[tuple[float, float]], float]:
    """Points along all edges, and the greatest metres between two neighbours."""
    found: list[tuple[float, float]] = []
    longest = 0.0
    for part in getattr(geometry, "geoms", [geometry]):
        lines = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
        for line in lines:
            corners = [(x, y) for x, y, *_ in line.coords]
            found.append(corners[0])
            for (x_a, y_a), (x_b, y_b) in pairwise(corners):
                longest = max(longest, _arc_m((x_a, y_a), (x_b, y_b)))
                found += [(x_a + (x_b - x_a) * k / STEPS, y_a + (y_b - y_a) * k / STEPS) for k in range(1, STEPS + 1)]
    return found, longest * 1.6 / STEPS


def _arc_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle metres by the angle between two unit vectors."""
    (lon_a, lat_a), (lon_b, lat_b) = ((radians(x), radians(y)) for x, y in (one, other))
    turn = lon_b - lon_a
    east = cos(lat_b) * sin(turn)
    north = cos(lat_a) * sin(lat_b) - sin(lat_a) * cos(lat_b) * cos(turn)
    along = sin(lat_a) * sin(lat_b) + cos(lat_a) * cos(lat_b) * cos(turn)
    return RADIUS_M * atan2(hypot(east, north), along)
