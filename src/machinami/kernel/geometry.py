"""Plain GeoJSON helpers: walking positions and bounding boxes (RFC 7946; WGS 84, longitude first, degrees)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in degrees."""

    west: float
    south: float
    east: float
    north: float


def positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    """All (longitude, latitude) pairs of a GeoJSON coordinates array, however nested."""
    if coordinates and isinstance(coordinates[0], int | float):
        yield float(coordinates[0]), float(coordinates[1])
    else:
        for part in coordinates:
            yield from positions(part)


def box_of(coordinates: Any) -> Box:
    """The bounding box of a non-empty coordinates array; antimeridian crossings are not split."""
    lons, lats = zip(*positions(coordinates), strict=True)
    return Box(min(lons), min(lats), max(lons), max(lats))
