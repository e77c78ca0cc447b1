"""GeoJSON geometries (RFC 7946) as NGSI-LD takes them: checked, never repaired (CIM 009 4.7; trust 3.2)."""

from __future__ import annotations

from typing import Any, Final

from machinami.kernel.errors import Refusal

NESTING: Final[dict[str, int]] = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
ENTITY_VERTICES_MAX: Final = 1_000_000


def looks_like_geometry(value: Any) -> bool:
    """Whether a JSON value says it is a GeoJSON geometry."""
    if value.__class__ is not dict or not isinstance(kind := value.get("type"), str):
        return False
    return (kind in NESTING and "coordinates" in value) or (kind == "GeometryCollection" and "geometries" in value)


def check_geometry(where: str, value: Any, vertices_max: int = ENTITY_VERTICES_MAX) -> None:
    """Refuse what is no GeoJSON geometry: kind, nesting, positions (2 or 3 finite numbers, longitude -180..180,
    latitude -90..90), at least 2 positions in a line, closed rings of at least 4, at most `vertices_max` positions.

    Raises Refusal `ngsi_ld.geometry.not_valid` (attribute, reason) or `.too_many_vertices`.
    """
    if value.__class__ is not dict:
        raise _not_valid(where, "it is no object")
    kind = value.get("type")
    if kind == "Point":
        _position(where, value.get("coordinates"))
        return
    count = _geometry(where, value, vertices_max, 0)
    if count > vertices_max:
        raise Refusal("ngsi_ld.geometry.too_many_vertices", attribute=where, count=count, vertices_max=vertices_max)


def check_coordinates(where: str, kind: str, coordinates: Any, vertices_max: int) -> None:
    """`check_geometry` for a kind and its coordinates."""
    check_geometry(where, {"type": kind, "coordinates": coordinates}, vertices_max)


def _geometry(where: str, value: Any, vertices_max: int, level: int) -> int:
    kind = value.get("type") if value.__class__ is dict else None
    if kind == "GeometryCollection":
        parts = value.get("geometries")
        if not isinstance(parts, list) or level > 3:
            raise _not_valid(where, "a GeometryCollection needs an array of geometries, at most 3 levels deep")
        return sum(_geometry(where, part, vertices_max, level + 1) for part in parts)
    if not isinstance(kind, str) or kind not in NESTING:
        raise _not_valid(where, f"{kind!r} is no GeoJSON geometry type")
    return _nested(where, kind, value.get("coordinates"), NESTING[kind])


def _nested(where: str, kind: str, coordinates: Any, depth: int) -> int:
    if depth == 0:
        _position(where, coordinates)
        return 1
    if not isinstance(coordinates, list) or not coordinates:
        raise _not_valid(where, f"the coordinates of a {kind} must be nested arrays that are not empty")
    if depth == 1:
        for position in coordinates:
            _position(where, position)
        _line(where, kind, coordinates)
        return len(coordinates)
    return sum(_nested(where, kind, part, depth - 1) for part in coordinates)


def _line(where: str, kind: str, positions: list[Any]) -> None:
    if kind.endswith("LineString") and len(positions) < 2:
        raise _not_valid(where, "a line needs at least 2 positions")
    if kind.endswith("Polygon"):
        if len(positions) < 4:
            raise _not_valid(where, "a ring needs at least 4 positions")
        if positions[0] != positions[-1]:
            raise _not_valid(where, "a ring must end where it starts")


def _position(where: str, position: Any) -> None:
    if position.__class__ is not list or not 2 <= len(position) <= 3:
        raise _not_valid(where, "a position is an array of longitude, latitude and perhaps height")
    for number in position:
        if number.__class__ is not float and number.__class__ is not int:
            raise _not_valid(where, "a position holds numbers only")
    if not -180 <= position[0] <= 180 or not -90 <= position[1] <= 90:
        raise _not_valid(
            where, f"longitude {position[0]} must be within -180..180 and latitude {position[1]} within -90..90, in this order"
        )


def _not_valid(where: str, reason: str) -> Refusal:
    return Refusal("ngsi_ld.geometry.not_valid", attribute=where, reason=reason)
