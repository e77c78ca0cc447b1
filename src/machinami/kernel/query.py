"""The typed query tree: parsed once at the edge, compiled by the store, evaluated by the matcher (design.md, 5).

All names in a tree are expanded IRIs. A tree is immutable and hashable, so it can be cached and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Comparison(StrEnum):
    """Operators of the NGSI-LD query language (CIM 009 4.9)."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    GREATER = ">"
    GREATER_EQUAL = ">="
    LESS = "<"
    LESS_EQUAL = "<="
    MATCHES = "~="
    NOT_MATCHES = "!~="


@dataclass(frozen=True, slots=True)
class Link:
    """One step `relationship{…}` of 4.9 to the entities that a Relationship names; `types`: only to those of any of them."""

    name: str
    types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AttributePath:
    """`link{attribute.sub[member.member]}` of 4.9.

    `name` is the expanded attribute; `sub` are expanded sub-attributes (or system members such as `observedAt`,
    `modifiedAt`, `unitCode`, `datasetId`, kept short) reached by dots; `members` are the JSON keys inside the value
    reached by `[...]`, kept verbatim. With `links`, the attribute is one of an entity behind that chain of Relationships.
    """

    name: str
    sub: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Instant:
    """A date-time, date or time literal; compared in UTC when both sides carry an offset, else as text."""

    text: str


@dataclass(frozen=True, slots=True)
class Range:
    """`low..high`, both ends included."""

    low: float | str | Instant
    high: float | str | Instant


Scalar = float | int | bool | str | Instant
Operand = Scalar | Range


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison; several `operands` mean a list (any of them, for `==`; none of them, for `!=`)."""

    path: AttributePath
    operator: Comparison
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """A bare path: the attribute (or member) is there."""

    path: AttributePath


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Condition, ...]


Condition = Compare | Exists | And | Or


@dataclass(frozen=True, slots=True)
class TypeSelection:
    """Entity type selection (4.17) in disjunctive form: an entity matches if it has all types of any one set."""

    any_of: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Selector:
    """One EntitySelector (5.2.33): every part that is given must hold. `id_pattern` is an RE2 pattern."""

    types: TypeSelection | None = None
    ids: frozenset[str] | None = None
    id_pattern: str | None = None


class GeoRelation(StrEnum):
    """Spatial relations of 4.10."""

    NEAR = "near"
    WITHIN = "within"
    CONTAINS = "contains"
    OVERLAPS = "overlaps"
    INTERSECTS = "intersects"
    EQUALS = "equals"
    DISJOINT = "disjoint"


@dataclass(frozen=True, slots=True)
class GeoQuery:
    """A geo-query: `geometry_type` and `coordinates` as GeoJSON (nested tuples); distances in metres, `near` only."""

    relation: GeoRelation
    geometry_type: str
    coordinates: tuple[Any, ...]
    property_name: str
    distance_m_max: float | None = None
    distance_m_min: float | None = None


@dataclass(frozen=True, slots=True)
class ScopeQuery:
    """Scope query (4.19) in disjunctive form: all patterns of any one tuple. A pattern is `/a/b`, `/a/+/c` or `/a/#`."""

    any_of: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """What to find: any selector, and all of the other parts that are given. `attributes`: has at least one of them."""

    selectors: tuple[Selector, ...] = ()
    attributes: tuple[str, ...] = ()
    condition: Condition | None = None
    geo: GeoQuery | None = None
    scope: ScopeQuery | None = None
    dataset_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One element of `orderBy` (4.23.3). `path.name` may be an entity member (`id`, `type`, `scope`, `createdAt` …).

    `distance`: by the distance of a GeoProperty from the reference geometry of the ordering.
    """

    path: AttributePath
    descending: bool = False
    distance: bool = False


@dataclass(frozen=True, slots=True)
class Ordering:
    """Entity ordering (4.23): terms one after the other; texts by `collation` (RFC 6067, empty = the ICU root order)."""

    terms: tuple[OrderTerm, ...]
    collation: str = ""
    geometry_type: str = "Point"
    coordinates: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """How much of the answer: `limit` entities after `offset`, in order of creation or by `order`; `count` asks for the total.

    `after_sequence` continues behind a known entity (keyset), which stays exact while others are written; not with `order`.
    """

    limit: int
    offset: int = 0
    count: bool = False
    after_sequence: int = 0
    order: Ordering | None = None


def conditions(condition: Condition | None) -> Iterator[Compare | Exists]:
    """The single conditions of a tree."""
    if isinstance(condition, And | Or):
        for item in condition.items:
            yield from conditions(item)
    elif condition is not None:
        yield condition


def chains(condition: Condition | None) -> tuple[tuple[Link, ...], ...]:
    """The chains of links that a condition follows, each once."""
    return tuple(dict.fromkeys(one.path.links for one in conditions(condition) if one.path.links))
