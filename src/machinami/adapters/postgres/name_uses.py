"""Counters of types and attributes: what a group of writes adds to them, reading them, and folding them up.

The tables and their meaning are in migration 0009. Everything about a group is pure.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from machinami.adapters.postgres.connection import Pool
from machinami.kernel.entity import Entity
from machinami.kernel.name_use import NameUse

Shape = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]
"""A tenant, an entity's types, and (attribute, kind) of each of its attribute instances."""
Shapes = Counter[Shape]
"""How many entities of each shape a group of writes adds (or, below 0, takes away)."""

FOLD_AT: Final = 2_000
"""Changed counters that wait before they are folded: adding them up costs a reader a millisecond at most."""

FOLD: Final = """
with gone as (
  delete from name_use_change where number in (select number from name_use_change order by number limit 5000)
  returning tenant, type, attribute, kind, delta)
insert into name_use (tenant, type, attribute, kind, count)
  select g.tenant, d.type, d.attribute, d.kind, sum(d.delta)
  from gone g, unnest(g.type, g.attribute, g.kind, g.delta) as d(type, attribute, kind, delta)
  group by 1, 2, 3, 4 having sum(d.delta) <> 0 order by 1, 2, 3, 4
  on conflict (tenant, attribute, type, kind) do update set count = name_use.count + excluded.count"""

READ: Final = """
select type, attribute, kind, count from name_use where tenant = $1{of}
union all
select d.type, d.attribute, d.kind, d.delta
from name_use_change c, unnest(c.type, c.attribute, c.kind, c.delta) as d(type, attribute, kind, delta)
where c.tenant = $1{of}"""
"""Added up here: a city of thousands of attributes costs the server a fifth of what grouping and ordering them would."""


def shape_of(tenant: str, entity: Entity) -> Shape:
    """What discovery counts of an entity."""
    return tenant, entity.types, tuple([(name, one["type"]) for name, many in entity.attributes.items() for one in many])


def columns(shapes: Shapes) -> list[list[Any]]:
    """The arguments of `note_name_use`; empty if nothing changed in sum."""
    uses: Counter[tuple[str, str, str, str]] = Counter()
    for (tenant, types, attributes), number in shapes.items():
        for kind in ("", *types):
            uses[tenant, kind, "", ""] += number
            for name, of in attributes:
                uses[tenant, kind, name, of] += number
    rows = [(*key, delta) for key, delta in uses.items() if delta]
    return [list(column) for column in zip(*rows, strict=True)]


async def read(pool: Pool, tenant: str, kind: str | None, attribute: str | None) -> list[NameUse]:
    """The counters of a tenant, of one type or one attribute if given, else those of each type; in no order."""
    asked = [(name, value) for name, value in (("type", kind), ("attribute", attribute)) if value is not None]
    of = "".join(f" and {name} = ${place}" for place, (name, _) in enumerate(asked, start=2)) or " and type <> ''"
    rows = await pool.fetch(READ.replace("{of}", of, 1).replace("{of}", _qualified(of)), tenant, *(value for _, value in asked))
    counts: dict[tuple[str, str, str], int] = {}
    for row in rows:
        use = row[:3]
        counts[use] = counts.get(use, 0) + row[3]
    return [NameUse(*use, count) for use, count in counts.items() if count > 0]


def _qualified(of: str) -> str:
    return of.replace(" and ", " and d.")
