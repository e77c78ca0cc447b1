"""Geo-queries (CIM 009 4.10): georel, geometry, coordinates and geoproperty to the kernel's `GeoQuery`."""

from __future__ import annotations

import re
from typing import Any

from machinami.kernel.entity import LOCATION
from machinami.kernel.errors import Refusal
from machinami.kernel.query import GeoQuery, GeoRelation
from machinami.standards.json_input import loads
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.geojson import NESTING, check_coordinates

_DISTANCE = re.compile(r"(maxDistance|minDistance)==([0-9]+(?:\.[0-9]+)?)")


def parse_geo_query(
    georel: Any, geometry: Any, coordinates: Any, geoproperty: str | None, context: Context, vertices_max: int = 2_000
) -> GeoQuery:
    """The geo-query of the four parameters; `coordinates` is JSON text (URL) or an array (body).

    `georel` is a relation, with `;maxDistance==m` and/or `;minDistance==m` (metres) for `near`. Without `geoproperty`
    the query is about `location`. Raises Refusal `ngsi_ld.geo_query.not_valid` (reason), `ngsi_ld.geometry.*`.
    """
    if not (isinstance(georel, str) and georel and isinstance(geometry, str) and geometry and coordinates not in (None, "")):
        raise _refuse("georel, geometry and coordinates must be given together")
    if not isinstance(geoproperty, str | None):
        raise _refuse("geoproperty must be a name")
    relation, distances = _relation(georel)
    read = read_coordinates(geometry, coordinates, vertices_max)
    name = LOCATION if geoproperty is None else context.expanded[geoproperty]
    return GeoQuery(relation, geometry, read, name, distances.get("maxDistance"), distances.get("minDistance"))


def read_coordinates(geometry: str, coordinates: Any, vertices_max: int) -> tuple[Any, ...]:
    """The coordinates of a reference geometry, JSON text or arrays, checked and frozen."""
    if geometry not in NESTING:
        raise _refuse(f"{geometry!r} is none of {', '.join(NESTING)}")
    if isinstance(coordinates, str):
        try:
            coordinates = loads(coordinates.encode(), 8)
        except Refusal:
            raise _refuse("coordinates are no JSON array") from None
    check_coordinates("coordinates", geometry, coordinates, vertices_max)
    frozen: tuple[Any, ...] = _frozen(coordinates)
    return frozen


def _relation(georel: str) -> tuple[GeoRelation, dict[str, float]]:
    name, *modifiers = georel.split(";")
    try:
        relation = GeoRelation(name)
    except ValueError:
        raise _refuse(f"{name!r} is none of {', '.join(GeoRelation)}") from None
    distances: dict[str, float] = {}
    for modifier in modifiers:
        match = _DISTANCE.fullmatch(modifier)
        if match is None or match.group(1) in distances:
            raise _refuse(f"{modifier!r} is not maxDistance==metres or minDistance==metres")
        distances[match.group(1)] = float(match.group(2))
    if (relation is GeoRelation.NEAR) != bool(distances):
        raise _refuse("near needs maxDistance or minDistance, and no other relation takes them")
    return relation, distances


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _refuse(reason: str) -> Refusal:
    return Refusal("ngsi_ld.geo_query.not_valid", reason=reason)
