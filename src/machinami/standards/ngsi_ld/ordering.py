"""The entity ordering language (CIM 009 4.23.3): `name,address[city];desc,location;dist-asc`."""

from __future__ import annotations

import re
from typing import Any, Final

from machinami.kernel.errors import Refusal
from machinami.kernel.query import AttributePath, Ordering, OrderTerm
from machinami.standards.collation import parse_collation
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.cursor import Cursor
from machinami.standards.ngsi_ld.geo import read_coordinates
from machinami.standards.ngsi_ld.q import read_path

_MEMBER: Final = re.compile(r"(id|type|scope|createdAt|modifiedAt|expiresAt)(?=[;,]|$)")
_DIRECTION: Final = re.compile(r";(asc|desc|dist-asc|dist-desc)(?=,|$)")


def parse_ordering(
    text: str, context: Context, *, collation: str = "", coordinates: Any = None, geometry: str = "Point",
    nodes_max: int = 200, vertices_max: int = 2_000,
) -> Ordering:  # fmt: skip
    """The ordering of `orderBy`, `collation`, `orderFrom` (`coordinates`, JSON text) and `orderGeometry`.

    Raises Refusal `ngsi_ld.query.not_valid` (language `orderBy`), `.too_complex`, `ngsi_ld.collation.*`,
    `ngsi_ld.geo_query.not_valid`, `ngsi_ld.geometry.*`, `ngsi_ld.name.*`.
    """
    cursor = Cursor("orderBy", text, nodes_max)
    terms = [_term(cursor, context)]
    while cursor.take(","):
        terms.append(_term(cursor, context))
    if cursor.peek():
        raise cursor.fail(f"{cursor.peek()!r} is not expected here; directions are asc, desc, dist-asc and dist-desc")
    parse_collation(collation)
    if coordinates is None:
        if any(one.distance for one in terms):
            raise Refusal("ngsi_ld.geo_query.not_valid", reason="an order by distance needs orderFrom")
        return Ordering(tuple(terms), collation)
    return Ordering(tuple(terms), collation, geometry, read_coordinates(geometry, coordinates, vertices_max))


def _term(cursor: Cursor, context: Context) -> OrderTerm:
    cursor.spend()
    path = _path(cursor, context)
    match = _DIRECTION.match(cursor.text, cursor.at)
    direction = ""
    if match is not None:
        direction, cursor.at = match.group(1), match.end()
    return OrderTerm(path, direction.endswith("desc"), direction.startswith("dist"))


def _path(cursor: Cursor, context: Context) -> AttributePath:
    while cursor.take(" "):
        pass
    match = _MEMBER.match(cursor.text, cursor.at)
    if match is None:
        return read_path(cursor, context)
    cursor.at = match.end()
    return AttributePath(match.group(1))
