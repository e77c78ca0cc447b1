"""Geo-queries over one entity (CIM 009 4.10; WGS 84, longitude first).

Topological relations are exact on the plane of longitudes and latitudes (Simple Features, by GEOS). Distances are in
metres on the sphere of mean radius, at most 0.6 % from the ellipsoid: between two points by the haversine formula;
with lines or areas the nearest pair of points is found on a local equirectangular plane around the reference's middle
(nothing is ever buffered in degrees) and its distance measured by haversine. The plane's east-west scale is off by
tan(latitude) / 6371 per km north or south of that middle (0.011 % per km at 35 degrees), so the pair found, and with it
the distance, is at most that much too long and never too short. `near` measures the nearest points of both geometries,
as ST_DWithin and the peers do; for point targets this is the standard's buffer exactly.
"""

from __future__ import annotations

from functools import lru_cache
from math import asin, cos, floor, radians, sin, sqrt
from typing import Any, Final

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import GeoQuery, GeoRelation

EARTH_RADIUS_M: Final = 6_371_008.8
_METRES_PER_DEGREE: Final = radians(1) * EARTH_RADIUS_M
_BAD_GEOMETRY: Final = (ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError)


def geo_holds(query: GeoQuery, entity: Entity) -> bool:
    """Whether any instance of the queried GeoProperty stands in the relation; an entity without it never does (4.10)."""
    return any(
        instance["type"] == "GeoProperty" and relation_holds(query, instance["value"])
        for instance in entity.attributes.get(query.property_name, ())
    )


def relation_holds(query: GeoQuery, geometry: dict[str, Any]) -> bool:
    """Whether one GeoJSON geometry stands in the query's relation to its reference geometry."""
    if query.relation is GeoRelation.NEAR:
        return _near(query, geometry)
    reference = reference_geometry(query)
    target = _valid(_target_geometry(geometry))
    match query.relation:
        case GeoRelation.WITHIN:
            return bool(reference.contains(target))
        case GeoRelation.CONTAINS:
            return bool(reference.within(target))
        case GeoRelation.OVERLAPS:
            return bool(reference.overlaps(target))
        case GeoRelation.INTERSECTS:
            return bool(reference.intersects(target))
        case GeoRelation.EQUALS:
            return bool(reference.equals(target))
        case GeoRelation.DISJOINT:
            return bool(reference.disjoint(target))


def haversine_m(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    """Great-circle distance in metres of two positions in degrees."""
    half_lat = radians(lat_b - lat_a) / 2
    half_lon = radians(lon_b - lon_a) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat_a)) * cos(radians(lat_b)) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord)))


def distance_m(reference: BaseGeometry, target: BaseGeometry) -> float:
    """Metres between the nearest points of two geometries in degrees; 0 where they touch. See the module for accuracy."""
    if reference.geom_type == "Point" and target.geom_type == "Point":
        return haversine_m(reference.x, reference.y, target.x, target.y)
    middle = reference.centroid
    scale = cos(radians(middle.y))
    line = shapely.shortest_line(_local(reference, middle.x, scale), _local(target, middle.x, scale))
    (x_a, y_a, *_), (x_b, y_b, *_) = line.coords
    lon = 1 / (_METRES_PER_DEGREE * max(scale, 1e-9))
    return haversine_m(x_a * lon, y_a / _METRES_PER_DEGREE, x_b * lon, y_b / _METRES_PER_DEGREE)


def _local(geometry: BaseGeometry, middle_lon: float, scale: float) -> BaseGeometry:
    """Metres east of a meridian and north of the equator, each part on the side of the meridian that its middle is nearer to.

    A part goes there as a whole: turned corner by corner, one that lies around the opposite meridian would be torn.
    """
    if hasattr(geometry, "geoms"):
        return shapely.GeometryCollection([_local(one, middle_lon, scale) for one in geometry.geoms])
    west, _, east, _ = geometry.bounds
    turns = floor(((west + east) / 2 - middle_lon + 180) / 360)

    def project(coordinates: Any) -> Any:
        projected = coordinates.copy()
        projected[:, 0] = (coordinates[:, 0] - middle_lon - 360 * turns) * (_METRES_PER_DEGREE * max(scale, 1e-9))
        projected[:, 1] = coordinates[:, 1] * _METRES_PER_DEGREE
        return projected

    moved: BaseGeometry = shapely.transform(geometry, project)
    return moved


def distance_between(kind: str, coordinates: tuple[Any, ...], geometry: dict[str, Any]) -> float:
    """Metres between a reference geometry and a GeoJSON geometry (4.23.1, and `near` of 4.10)."""
    if geometry["type"] == "Point" and kind == "Point":
        (lon_a, lat_a, *_), (lon_b, lat_b, *_) = coordinates, geometry["coordinates"]
        return haversine_m(lon_a, lat_a, lon_b, lat_b)
    return distance_m(_reference(kind, coordinates), _valid(_target_geometry(geometry)))


def _near(query: GeoQuery, geometry: dict[str, Any]) -> bool:
    distance = distance_between(query.geometry_type, query.coordinates, geometry)
    if query.distance_m_max is not None and distance > query.distance_m_max:
        return False
    return query.distance_m_min is None or distance > query.distance_m_min


def reference_geometry(query: GeoQuery) -> BaseGeometry:
    """The query's geometry, prepared for many tests; raises `Refusal` `data.query.bad_geometry` if it is none."""
    return _reference(query.geometry_type, query.coordinates)


@lru_cache(maxsize=4_096)
def _reference(kind: str, coordinates: tuple[Any, ...]) -> BaseGeometry:
    try:
        reference = _valid(shape({"type": kind, "coordinates": coordinates}))
    except _BAD_GEOMETRY as error:
        raise Refusal("data.query.bad_geometry", geometry=kind, reason=str(error)) from error
    if reference.is_empty:
        raise Refusal("data.query.bad_geometry", geometry=kind, reason="it is empty")
    shapely.prepare(reference)
    return reference


def _target_geometry(geometry: dict[str, Any]) -> BaseGeometry:
    built: BaseGeometry = shape(geometry)
    return built


def _valid(geometry: BaseGeometry) -> BaseGeometry:
    """Areas that cross themselves are taken as the area they enclose, so that GEOS can answer at all."""
    if geometry.geom_type == "Point" or geometry.is_valid:
        return geometry
    repaired: BaseGeometry = shapely.make_valid(geometry)
    return repaired
