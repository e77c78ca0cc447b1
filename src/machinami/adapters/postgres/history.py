"""The history in SQL: series of instances by attribute and time, and the corrections that the writer makes (trust-N2).

Instances lie in month partitions by `at` (observedAt, else the time of receipt) and are reached by (tenant, entity, attribute,
at). Their documents keep what was written; `instanceId`, `createdAt` and `modifiedAt` of an instance are the row's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import asyncpg

from machinami.adapters.postgres.connection import Pool, encode_jsonb
from machinami.data.entities.decisions import Edit, Erase, Rewrite
from machinami.data.temporal.model import (
    DEFAULT_INSTANCE,
    Cell,
    Grid,
    Kept,
    Point,
    Series,
    Window,
    instance_urn,
    parse_instance_urn,
)
from machinami.data.temporal.ports import Place
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.entity import VALUE_MEMBER, Instance
from machinami.standards.ngsi_ld.aggregation import WHOLE, Sums, needs

TIMES: Final = {
    "observedAt": "h.at",
    "createdAt": "h.received_at",
    "modifiedAt": "coalesce(h.modified_at, h.received_at)",
    "deletedAt": "h.received_at",
}
"""Where each Temporal Property of an instance is (4.8)."""

ATTRIBUTES: Final = """
with recursive found(id, attribute) as (
  select w.id, (select min(h.attribute) from history h where h.tenant = $1 and h.id = w.id) from unnest($2::text[]) as w(id)
  union all
  select f.id, (select min(h.attribute) from history h where h.tenant = $1 and h.id = f.id and h.attribute > f.attribute)
  from found f where f.attribute is not null
)
select id, attribute from found where attribute is not null
"""
"""Jumps from name to name in the index, so that long series cost no more than short ones."""

ERASE: Final = """
delete from history h using unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[])
  as g(tenant, id, attribute, dataset, every)
where h.tenant = g.tenant and h.id = g.id and h.attribute = g.attribute
  and (g.every or h.dataset is not distinct from g.dataset)
"""
REWRITE: Final = """
update history h set instance = g.instance, at = g.new_at, modified_at = $8,
  named_at = case when g.new_at = coalesce(h.named_at, h.at) then null else coalesce(h.named_at, h.at) end
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::timestamptz[], $7::jsonb[])
  as g(tenant, id, attribute, at, number, new_at, instance)
where h.tenant = g.tenant and h.id = g.id and h.attribute = g.attribute and h.at = g.at and h.number = g.number
"""
DROP: Final = """
delete from history h
using unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[]) as g(tenant, id, attribute, at, number)
where h.tenant = g.tenant and h.id = g.id and h.attribute = g.attribute and h.at = g.at and h.number = g.number
"""


VALUE: Final = "coalesce(" + ", ".join(f"h.instance -> '{member}'" for member in dict.fromkeys(VALUE_MEMBER.values())) + ")"
OTHER: Final = "h.shape is distinct from 'n' and h.shape is distinct from 'b'"
"""Values that are neither numbers nor booleans."""


class PostgresHistory:
    """Implements `data.temporal.ports.History`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def attributes(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        rows = await self._pool.fetch(ATTRIBUTES, tenant, list(entity_ids))
        found: dict[str, tuple[str, ...]] = {}
        for row in rows:
            found[row["id"]] = (*found.get(row["id"], ()), row["attribute"])
        return found

    async def series(self, tenant: str, places: Sequence[Place], window: Window) -> list[Series]:
        if not places:
            return []
        ids, names = zip(*places, strict=True)
        conditions, parameters = matching(window, first=4)
        direction = "desc" if window.newest_first else "asc"
        time = TIMES[window.time_property]
        rows = await self._pool.fetch(
            "select w.place, h.* from unnest($2::text[], $3::text[]) with ordinality as w(id, attribute, place)"  # noqa: S608
            " cross join lateral (select h.number, h.at, h.named_at, h.received_at, h.modified_at, h.instance,"
            f" {time} as time from history h where h.tenant = $1 and h.id = w.id and h.attribute = w.attribute{conditions}"
            f" order by {time} {direction}, h.number {direction} limit {window.limit:d}) h order by w.place, h.time, h.number",
            tenant, ids, names, *parameters,
        )  # fmt: skip
        return _series(places, rows)

    async def aggregate(self, tenant: str, places: Sequence[Place], window: Window, grid: Grid, most: int) -> list[Cell]:
        if not places:
            return []
        rows = await self._summed(tenant, places, window, grid, most, deep=False)
        distinct, _, extremes = needs(grid.methods)
        if any((distinct and row["others"]) or (extremes and row["others"] and not row["numbers"]) for row in rows):
            rows = await self._summed(tenant, places, window, grid, most, deep=True)
        named = [(places[row["place"] - 1], row) for row in rows]
        return [Cell(place[0], place[1], row["dataset"], _utc(row["start"]), _read_sums(row)) for place, row in named]

    async def _summed(
        self, tenant: str, places: Sequence[Place], window: Window, grid: Grid, most: int, *, deep: bool
    ) -> list[asyncpg.Record]:
        """Sums from the index alone; `deep` also opens the documents of values that have no amount."""
        ids, names = zip(*places, strict=True)
        time = TIMES[window.time_property]
        start, parameters = _start(grid, time, first=4)
        conditions, more = matching(window, first=4 + len(parameters))
        cut = f" order by {time} desc, h.number desc limit {window.limit:d}" if window.newest_first else ""
        keys = f"h.dataset, h.shape, h.amount{f', case when {OTHER} then {VALUE} end as other' if deep else ''}"
        rows = (
            f"select {start} as start, {keys} from history h"  # noqa: S608
            f" where h.tenant = $1 and h.id = w.id and h.attribute = w.attribute{conditions}{cut}"
        )
        rows = _counted(rows, grid, deep=deep)
        return await self._hashed(
            "select w.place, h.* from unnest($2::text[], $3::text[]) with ordinality as w(id, attribute, place)"  # noqa: S608
            f" cross join lateral (select h.start, h.dataset, {_sums(grid, deep=deep)} from ({rows}) h"
            f" group by 1, 2 limit {most + 1:d}) h order by w.place, h.start, h.dataset nulls first",
            tenant, ids, names, *parameters, *more,
        )  # fmt: skip

    async def _hashed(self, sql: str, *parameters: Any) -> list[asyncpg.Record]:
        """Rows of a query whose groups are hashed: not knowing how long a series is, the server would sort its points."""

        async def work(connection: asyncpg.Connection) -> list[asyncpg.Record]:
            async with connection.transaction(readonly=True):
                await connection.execute("set local enable_sort = off")
                rows: list[asyncpg.Record] = await connection.fetch(sql, *parameters)
                return rows

        rows: list[asyncpg.Record] = await self._pool.run(work)
        return rows

    async def instance(self, tenant: str, place: Place, urn: str) -> Kept | None:
        named = parse_instance_urn(urn)
        if named is None:
            return None
        at, number = named
        chosen = "select number, at, instance from history where tenant = $1 and id = $2 and attribute = $3 and number = $4 and"
        row = await self._pool.fetch_row(f"{chosen} at = $5 and named_at is null", tenant, *place, number, at)
        if row is None:
            row = await self._pool.fetch_row(f"{chosen} named_at = $5", tenant, *place, number, at)
        return None if row is None else Kept(row["number"], _utc(row["at"]), row["instance"])

    async def newest(self, tenant: str, place: Place, dataset_id: str | None, but: int) -> Kept | None:
        row = await self._pool.fetch_row(
            "select number, at, instance from history where tenant = $1 and id = $2 and attribute = $3"
            " and dataset is not distinct from $4 and number <> $5 and not deleted order by at desc, number desc limit 1",
            tenant, *place, dataset_id, but,
        )  # fmt: skip
        return None if row is None else Kept(row["number"], _utc(row["at"]), row["instance"])


def _counted(rows: str, grid: Grid, *, deep: bool) -> str:
    """Each different value of a period once, with the number `n` of its rows, if distinct values are asked for.

    Hashing them costs half of what the server's `count(distinct …)` does, which sorts all rows first.
    """
    distinct, _, _ = needs(grid.methods)
    if not distinct:
        return rows
    keys = f"h.start, h.dataset, h.shape, h.amount{', h.other' if deep else ''}"
    return f"select {keys}, count(*) as n from ({rows}) h group by {keys}"  # noqa: S608


def _start(grid: Grid, time: str, first: int) -> tuple[str, list[Any]]:
    """The begin of the period of a row of `time`, with its parameters numbered from `first`."""
    periods = grid.periods
    if periods.duration == WHOLE:
        return f"${first}::timestamptz", [periods.origin]
    if periods.duration.months:
        begins = f"${first}::timestamptz[]"
        return f"({begins})[width_bucket({time}, {begins})]", [list(grid.begins)]
    return f"date_bin(${first}::interval, {time}, ${first + 1}::timestamptz)", [periods.duration.span, periods.origin]


def _sums(grid: Grid, *, deep: bool) -> str:
    """What has to be summed up for the methods; `others` counts the values that are neither numbers nor booleans."""
    distinct, squares, extremes = needs(grid.methods)
    count = "sum(h.n)" if distinct else "count(*)"

    def total(amount: str) -> str:
        return f"sum(case h.n when 1 then {amount} else {amount} * h.n end)" if distinct else f"sum({amount})"

    parts = [f"{count} as total", f"{count} filter (where h.amount is not null) as numbers", f"{total('h.amount')} as sum"]
    parts += ["bool_or(h.shape = 'a') as arrays", f"{count} filter (where {OTHER}) as others"]
    if squares:
        parts.append(f"{total('h.amount * h.amount')} as squares")
    if extremes:
        parts += ["min(h.amount) as least", "max(h.amount) as most"]
    if distinct:
        parts.append(f"count(*) filter (where not ({OTHER})){' + count(distinct h.other)' if deep else ''} as distinct_values")
    if extremes and deep:
        text = """(coalesce(h.other ->> '@value', h.other #>> '{}') collate "C")"""
        parts += [f"{side}({text}) filter (where h.shape = 's') as {side}_text" for side in ("min", "max")]
    return ", ".join(parts)


def _read_sums(row: asyncpg.Record) -> Sums:
    first, last = row.get("min_text"), row.get("max_text")
    return Sums(
        total=int(row["total"]),
        distinct=row.get("distinct_values") or 0,
        numbers=int(row["numbers"] or 0),
        sum=row["sum"] or Decimal(0),
        squares=row.get("squares") or Decimal(0),
        least=row.get("least"),
        most=row.get("most"),
        arrays=bool(row["arrays"]),
        texts=None if first is None else (first, last),
    )


def matching(window: Window, first: int) -> tuple[str, list[Any]]:
    """The conditions of a window on `history h`, with their parameters numbered from `first`."""
    time = TIMES[window.time_property]
    parts = ["h.deleted" if window.time_property == "deletedAt" else "not h.deleted"]
    parameters: list[Any] = []

    def given(value: Any) -> str:
        parameters.append(value)
        return f"${first + len(parameters) - 1}"

    if window.strict and window.time_property == "observedAt":
        parts.append("h.observed")
    if window.after is not None:
        parts.append(f"{time} >= {given(window.after)}::timestamptz")
    if window.before is not None:
        parts.append(f"{time} < {given(window.before)}::timestamptz")
    if window.bound is not None:
        parts.append(
            f"h.shape = 'n' and h.amount {window.bound.operator.value} {given(Decimal(repr(window.bound.number)))}::numeric"
        )
    if window.datasets is not None:
        named = sorted(window.datasets - {DEFAULT_INSTANCE})
        default = " or h.dataset is null" if DEFAULT_INSTANCE in window.datasets else ""
        parts.append(f"(h.dataset = any({given(named)}::text[]){default})")
    return "".join(f" and {part}" for part in parts), parameters


async def correct(connection: asyncpg.Connection, edits: Sequence[tuple[tuple[str, str], Edit]], now: datetime) -> None:
    """Carry out corrections, in the transaction of the connection."""
    erased = [(*key, one.attribute, one.dataset_id, one.every) for key, one in edits if isinstance(one, Erase)]
    if erased:
        await connection.execute(ERASE, *map(list, zip(*erased, strict=True)))
    rewritten = [
        (*key, one.attribute, one.at, one.number, _new_at(one, one.instance), encode_jsonb(one.instance))
        for key, one in edits
        if isinstance(one, Rewrite) and one.instance is not None
    ]
    if rewritten:
        await connection.execute(REWRITE, *map(list, zip(*rewritten, strict=True)), now)
    dropped = [
        (*key, one.attribute, one.at, one.number) for key, one in edits if isinstance(one, Rewrite) and one.instance is None
    ]
    if dropped:
        await connection.execute(DROP, *map(list, zip(*dropped, strict=True)))


def _new_at(edit: Rewrite, instance: Instance) -> datetime:
    return parse_instant(instance["observedAt"]) if "observedAt" in instance else edit.at


def _series(places: Sequence[Place], rows: Sequence[asyncpg.Record]) -> list[Series]:
    points: dict[int, list[Point]] = {}
    kinds: dict[int, str] = {}
    for row in rows:
        points.setdefault(row["place"], []).append(Point(_utc(row["time"]), shown(row)))
        kinds[row["place"]] = row["instance"]["type"]
    return [Series(*places[place - 1], kinds[place], tuple(found)) for place, found in points.items()]


def shown(row: asyncpg.Record) -> Instance:
    """An instance with its id and with the times at which it was entered and last corrected (4.8)."""
    modified = row["modified_at"] or row["received_at"]
    return {
        **row["instance"],
        "instanceId": instance_urn(row["named_at"] or row["at"], row["number"]),
        "createdAt": iso(row["received_at"]),
        "modifiedAt": iso(modified),
    }


def _utc(instant: datetime) -> datetime:
    """The driver gives the first and the last instant of the calendar without a zone."""
    return instant.replace(tzinfo=UTC)
