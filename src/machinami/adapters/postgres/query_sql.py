"""Turns a query tree into SQL that walks candidates in order of creation, through the index tables only.

A query is first broken into a tree of *narrowings*: selects of sequences, each holding every entity for which one part of
the query can be true, joined by all and any as the query joins its parts. They are probed for size. The small ones drive the
walk together; else those of medium size are put together once; else most entities answer, and the walk goes along the type,
an attribute or all entities. Each candidate is then decided exactly on its document by `data.matching` inside the store,
within a budget. So the plan never rests on the server's statistics, no step reads more than it is bounded to, and this module
may leave out what the index tables don't know.

Nor do the server's own plans rest on them (right after a large import there are none): a step that looks something up once
per row is a subquery ending in `offset 0`, which the server never joins in another way, and the sessions that read prefer
walking an index in order to a bitmap of it (`connection.READING`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from machinami.adapters.postgres import cells
from machinami.adapters.postgres.index_rows import OPAQUE, SCOPE, path_key, scope_key, text_key
from machinami.kernel.geometry import box_of
from machinami.kernel.ids import shard_of
from machinami.kernel.query import (
    And,
    Compare,
    Comparison,
    Condition,
    EntityQuery,
    Exists,
    GeoQuery,
    GeoRelation,
    Or,
    Range,
    ScopeQuery,
)

PROBE_ROWS_MAX: Final = 10_000
MEDIUM_ROWS_MAX: Final = 200_000
"""Rows of an index that may be read once per query to put narrowings together."""
MEDIUM_NARROWINGS_MAX: Final = 20
"""With more narrowings than these, none of them small, a query is not looked at more closely."""
UNION: Final = " union "
EXPIRED: Final = "select e.sequence from entity e where e.tenant = ? and e.expires_at <= ?"
QUERY_CELLS_MAX: Final = 64
"""Cells that cover a queried area: more than a stored geometry has, because each candidate outside costs a document."""
CORE: Final = "https://uri.etsi.org/ngsi-ld/"
SYSTEM_NAMES: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
ORDERED: Final = {
    Comparison.EQUAL: "=",
    Comparison.GREATER: ">=",
    Comparison.GREATER_EQUAL: ">=",
    Comparison.LESS: "<=",
    Comparison.LESS_EQUAL: "<=",
}
"""Ends are always included: integers beyond 2^53 that differ may be one double in the index."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL with `?` for its parameters; pieces are numbered once they are put together."""

    text: str
    parameters: tuple[Any, ...] = ()

    def numbered(self) -> tuple[str, tuple[Any, ...]]:
        """The text with `$1`, `$2` … and its parameters."""
        parts = self.text.split("?")
        text = parts[0] + "".join(f"${place}{part}" for place, part in enumerate(parts[1:], start=1))
        return text, self.parameters


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    """Pieces in one, in order."""
    pieces = list(pieces)
    return Sql(separator.join(f"({piece.text})" for piece in pieces), tuple(p for piece in pieces for p in piece.parameters))


@dataclass(frozen=True, slots=True)
class All:
    """Answers are in each of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Answers are in some of the parts."""

    parts: tuple[Node, ...]


Node = Sql | All | AnyOf


def leaves(node: Node) -> Iterator[Sql]:
    """The narrowings of a tree, in order."""
    if isinstance(node, Sql):
        yield node
    else:
        for part in node.parts:
            yield from leaves(part)


def _together(node: Node, sizes: Iterator[int], most: int) -> Sql | None:
    """The narrowings of at most `most` rows put together; None if those left out might hold other answers."""
    if isinstance(node, Sql):
        return node if next(sizes) <= most else None
    found = [_together(part, sizes, most) for part in node.parts]
    kept = [one for one in found if one is not None]
    if not kept or (isinstance(node, AnyOf) and len(kept) < len(found)):
        return None
    return kept[0] if len(kept) == 1 else joined(" intersect " if isinstance(node, All) else UNION, kept)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query comes to: the tenant, one type and one attribute that all answers have (if there are), its narrowings."""

    tenant: str
    type: str | None
    tree: All
    attribute: str | None = None

    @property
    def narrowings(self) -> tuple[Sql, ...]:
        return tuple(leaves(self.tree))

    def probe(self, most: int = PROBE_ROWS_MAX) -> Sql:
        """One row: how many rows each narrowing has, at most `most` + 1.

        What a union has twice is counted twice, so that no more rows are read than are counted.
        """
        counts = [
            Sql(f"select count(*) from (select 1 from ({text}) r limit {most + 1}) p", parameters)  # noqa: S608
            for text, parameters in ((_with_twins(one.text), one.parameters) for one in self.narrowings)
        ]
        columns = joined(", ", counts)
        return Sql(f"select {columns.text}", columns.parameters)

    def driver(self, sizes: list[int]) -> Sql:
        """The sequences to walk, given the probed sizes: the small narrowings together, else what can be walked in order."""
        return self.narrowed(sizes, PROBE_ROWS_MAX) or self.ordered()

    def narrowed(self, sizes: list[int], most: int) -> Sql | None:
        """The narrowings of at most `most` rows together, None if they don't hold all answers."""
        found = _together(self.tree, iter(sizes), most)
        if found is None:
            return None
        rows = Sql(f"select distinct sequence from ({found.text}) n order by sequence", found.parameters)  # noqa: S608
        return rows if self.type is None else self._typed(rows)

    def _typed(self, rows: Sql) -> Sql:
        """Those of the sequences that are entities of the plan's type."""
        return Sql(
            f"select d.sequence from ({rows.text}) d where exists (select 1 from entity_type t"  # noqa: S608
            " where t.tenant = ? and t.type = ? and t.sequence = d.sequence offset 0)",
            (*rows.parameters, self.tenant, self.type),
        )

    def ordered(self) -> Sql:
        """What holds all answers and lies in order of sequence in an index: a type, an attribute, all entities."""
        if self.type is not None:
            return Sql("select sequence from entity_type where tenant = ? and type = ?", (self.tenant, self.type))
        if self.attribute is not None:
            return _attribute(self.tenant, self.attribute)
        return Sql("select sequence from entity where tenant = ?", (self.tenant,))

    def places(self, driver: Sql, after: int, rows: int) -> Sql:
        """The first `rows` sequences behind `after`, in order."""
        return Sql(
            f"select sequence from ({driver.text}) d where sequence > ? order by sequence limit ?",  # noqa: S608
            (*driver.parameters, after, rows),
        )

    def chosen(self, places: list[int]) -> Sql:
        """The entities of these sequences, as `page` has them."""
        return self._documents(Sql("select sequence from unnest(?::bigint[]) as p(sequence)", (places,)))

    def page(self, driver: Sql, after: int, rows: int) -> Sql:
        """Candidates behind `after`: `place` is the walked sequence; the other columns are null if it is gone."""
        return self._documents(self.places(driver, after, rows))

    def _documents(self, places: Sql) -> Sql:
        return Sql(
            f"select c.sequence as place, e.sequence, e.version, e.document from ({places.text}) c"  # noqa: S608
            " left join lateral (select * from entity e where e.tenant = ? and e.sequence = c.sequence offset 0) e on true"
            " order by c.sequence",
            (*places.parameters, self.tenant),
        )

    def skip(self, driver: Sql, after: int, rows: int, now: Any) -> Sql:
        """The sequence of the last of `rows` entities behind `after` that have not expired, of an exact plan; none if fewer."""
        return Sql(
            f"select sequence from ({driver.text}) d where sequence > ? and sequence not in ({EXPIRED})"  # noqa: S608
            " order by sequence offset ? limit 1",
            (*driver.parameters, after, self.tenant, now, rows - 1),
        )

    def count(self, now: Any) -> Sql:
        """The number of entities of an exact plan (see `exact`) that have not expired: as discovery counts them, less those
        that wait for the sweep.
        """
        kind = self.type or ""
        expired = Sql(EXPIRED, (self.tenant, now))
        if self.type is not None:
            expired = self._typed(expired)
        return Sql(
            "select coalesce((select sum(count) from name_use where tenant = ? and type = ? and attribute = ''), 0)"  # noqa: S608
            " + coalesce((select sum(d.delta) from name_use_change c, unnest(c.type, c.attribute, c.delta)"
            " as d(type, attribute, delta) where c.tenant = ? and d.type = ? and d.attribute = ''), 0)"
            f" - (select count(*) from ({expired.text}) x)",
            (self.tenant, kind, self.tenant, kind, *expired.parameters),
        )


def _with_twins(text: str) -> str:
    return text.replace(UNION, " union all ")


def plan_query(tenant: str, query: EntityQuery) -> Plan:
    """Break a query into its narrowings."""
    known: list[Node | None] = [_selector_ids(tenant, query)]
    if query.attributes:
        known.append(AnyOf(tuple(_attribute(tenant, name) for name in query.attributes)))
    if query.condition is not None:
        parts = query.condition.items if isinstance(query.condition, And) else (query.condition,)
        known.extend(_condition(tenant, part) for part in parts)
    if query.geo is not None:
        known.append(_geo(tenant, query.geo))
    if query.scope is not None:
        known.append(_scope(tenant, query.scope))
    single = _single_type(query)
    if single is None:
        known.append(_selector_types(tenant, query))
    return Plan(tenant, single, All(tuple(one for one in known if one is not None)), _common_attribute(query))


def exact(query: EntityQuery) -> bool:
    """Whether the driver alone is the answer: nothing but one plain type (or nothing at all) is asked for."""
    plain = not (query.attributes or query.condition or query.geo or query.scope)
    if not plain or len(query.selectors) > 1:
        return False
    if not query.selectors:
        return True
    selector = query.selectors[0]
    if selector.ids is not None or selector.id_pattern is not None:
        return False
    return selector.types is None or [len(one) for one in selector.types.any_of] == [1]


def _common_attribute(query: EntityQuery) -> str | None:
    """An attribute that every answer has, if the query names one."""
    if len(query.attributes) == 1:
        return query.attributes[0]
    parts = query.condition.items if isinstance(query.condition, And) else (query.condition,)
    for part in parts:
        if isinstance(part, Compare | Exists):
            name = part.path.links[0].name if part.path.links else part.path.name
            if name.removeprefix(CORE) not in SYSTEM_NAMES:
                return name
    return query.geo.property_name if query.geo is not None else None


def _single_type(query: EntityQuery) -> str | None:
    if len(query.selectors) != 1 or query.selectors[0].types is None or len(query.selectors[0].types.any_of) != 1:
        return None
    return min(query.selectors[0].types.any_of[0])


def _selector_types(tenant: str, query: EntityQuery) -> Node | None:
    types: set[str] = set()
    for selector in query.selectors:
        if selector.types is None:
            return None
        types.update(min(wanted) for wanted in selector.types.any_of)
    if not types:
        return None
    rows = "select sequence from entity_type where tenant = ? and type = ?"
    return AnyOf(tuple(Sql(rows, (tenant, one)) for one in sorted(types)))


def _selector_ids(tenant: str, query: EntityQuery) -> Sql | None:
    ids: set[str] = set()
    for selector in query.selectors:
        if selector.ids is None:
            return None
        ids |= selector.ids
    if not ids:
        return None
    wanted = sorted(ids)
    return Sql(
        "select e.sequence from unnest(?::smallint[], ?::text[]) as k(shard, id) cross join lateral"
        " (select e.sequence from entity e where e.tenant = ? and e.shard = k.shard and e.id = k.id offset 0) e",
        ([shard_of(tenant, one) for one in wanted], wanted, tenant),
    )


def _attribute(tenant: str, name: str) -> Sql:
    return Sql("select sequence from entity_attribute where tenant = ? and path = ?", (tenant, path_key(name)))


def _condition(tenant: str, condition: Condition) -> Node | None:
    if isinstance(condition, And | Or):
        each = [_condition(tenant, part) for part in condition.items]
        known = tuple(one for one in each if one is not None)
        if not known or (isinstance(condition, Or) and len(known) < len(each)):
            return None
        return All(known) if isinstance(condition, And) else AnyOf(known)
    if condition.path.links:
        return _attribute(tenant, condition.path.links[0].name)
    if condition.path.name.removeprefix(CORE) in SYSTEM_NAMES:
        return None
    if isinstance(condition, Exists):
        return _attribute(tenant, condition.path.name)
    return _compare(tenant, condition)


def _compare(tenant: str, compare: Compare) -> Sql | None:
    path = compare.path
    if path.sub or path.members or compare.operator not in ORDERED:
        return _attribute(tenant, path.name)
    each = [_operand(tenant, path_key(path.name), compare.operator, operand) for operand in compare.operands]
    known = [rows for rows in each if rows is not None]
    if len(known) < len(each):
        return _attribute(tenant, path.name)
    opaque = Sql(
        "select sequence from entity_text where tenant = ? and path = ? and value = ?", (tenant, path_key(path.name), OPAQUE)
    )
    return joined(UNION, [*known, opaque])


def _operand(tenant: str, path: int, operator: Comparison, operand: Any) -> Sql | None:
    numbers = "select sequence from entity_number where tenant = ? and path = ? and value"
    if isinstance(operand, Range):
        low, high = operand.low, operand.high
        if not (isinstance(low, int | float) and isinstance(high, int | float)):
            return None
        return Sql(f"{numbers} between ? and ?", (tenant, path, float(low), float(high)))
    if _is_number(operand):
        return Sql(f"{numbers} {ORDERED[operator]} ?", (tenant, path, float(operand)))
    if operator is not Comparison.EQUAL or not isinstance(operand, str | bool):
        return None
    text = ("true" if operand else "false") if isinstance(operand, bool) else operand
    return Sql("select sequence from entity_text where tenant = ? and path = ? and value = ?", (tenant, path, text_key(text)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _geo(tenant: str, geo: GeoQuery) -> Sql:
    if geo.relation is GeoRelation.DISJOINT or (geo.relation is GeoRelation.NEAR and geo.distance_m_max is None):
        return _attribute(tenant, geo.property_name)
    box = box_of(geo.coordinates)
    boxes = [box]
    if geo.relation is GeoRelation.NEAR:
        lon, lat = (box.west + box.east) / 2, (box.south + box.north) / 2
        boxes = cells.box_around(lon, lat, (geo.distance_m_max or 0.0) + cells.reach_m(box))
    covering = [cell for one in boxes for cell in cells.cover(one, QUERY_CELLS_MAX)]
    wanted = cells.ranges(covering) + [(cell, cell) for cell in cells.ancestors(covering)]
    lows, highs = zip(*wanted, strict=True)
    return Sql(
        "select c.sequence from unnest(?::bigint[], ?::bigint[]) as r(low, high) cross join lateral (select c.sequence"
        " from entity_cell c where c.tenant = ? and c.path = ? and c.cell between r.low and r.high offset 0) c",
        (lows, highs, tenant, path_key(geo.property_name)),
    )


def _scope(tenant: str, scope: ScopeQuery) -> Sql:
    rows = "select sequence from entity_text where tenant = ? and path = ? and value"
    path = path_key(SCOPE)
    parts = []
    for patterns in scope.any_of:
        levels = [level for level in patterns[0].split("/") if level]
        fixed = list(takewhile(lambda level: level not in ("+", "#"), levels))
        key = scope_key(fixed)
        if fixed == levels:
            parts.append(Sql(f"{rows} = ?", (tenant, path, key)))
        else:
            parts.append(Sql(f"{rows} >= ? and value <= ?", (tenant, path, key, key + chr(0x10FFFF))))
    return joined(UNION, parts)
