"""The `SnapshotStore` port on PostgreSQL: a row per snapshot; its copy is a tenant of its own in the tables of all entities."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import asyncpg

from machinami.adapters.postgres.connection import Pool, encode_jsonb
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.adapters.postgres.group import Group
from machinami.adapters.postgres.history import TIMES, matching
from machinami.data.delivery.model import Delivery
from machinami.data.snapshots.model import Past, Progress, Snapshot, Status, Step
from machinami.data.temporal.model import Window
from machinami.kernel.clock import Clock, iso, parse_instant
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import shard_of
from machinami.standards.ngsi_ld.query_json import from_json, to_json

FILLING, KEPT, GOING = "filling", "kept", "going"
PLACES: Final = (
    "entity", "entity_type", "entity_attribute", "entity_number", "entity_text", "entity_cell", "history", "name_use",
    "name_use_change", "attribute_expiry", "entity_map", "delivery",
)  # fmt: skip
"""Tables that hold something of a snapshot's copy."""

ROW: Final = "tenant, id, number, state, document, progress, created_at, expires_at"
THERE: Final = "state <> 'going' and expires_at >"
LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('snapshot:' || $1, 0))"
SURPLUS: Final = """
select number from (
  select number, expires_at, coalesce((document #>> '{members,snapshotPriority}')::float8, 5) as priority
  from snapshot where tenant = $1 and state <> 'going') s
where priority <= $2 order by priority, expires_at limit $3
"""
GO: Final = "update snapshot set state = 'going', id = id || ' ' || number where"
"""An id is free as soon as its snapshot is gone, cleared away or not."""

INSERT: Final = f"""
insert into snapshot (tenant, id, state, document, progress, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)
returning {ROW}
"""  # noqa: S608


class PostgresSnapshots:
    """Implements `data.snapshots.ports.SnapshotStore`."""

    def __init__(self, pool: Pool, deliveries: PostgresDeliveries, clock: Clock) -> None:
        self._pool = pool
        self._deliveries = deliveries
        self._clock = clock

    async def add(self, one: Snapshot, most: int) -> Snapshot | None:
        async with self._pool.transaction() as connection:
            await connection.execute(LOCK, one.tenant)
            count = await self._kept(connection, one)
            if count is None:
                return None
            if count >= most:
                rows = await connection.fetch(SURPLUS, one.tenant, one.priority, count - most + 1)
                if len(rows) < count - most + 1:
                    raise Refusal("data.snapshot.too_many", most=str(most))
                await connection.execute(f"{GO} number = any($1::bigint[])", [row["number"] for row in rows])
            row = await connection.fetchrow(
                INSERT, one.tenant, one.id, FILLING, _document(one), _progress(one), one.created_at, one.expires_at
            )
        return _snapshot(row)

    async def _kept(self, connection: asyncpg.Connection, one: Snapshot) -> int | None:
        """How many the tenant has; None if this id is among them."""
        row = await connection.fetchrow(
            f"select count(*) as n, coalesce(bool_or(id = $2), false) as taken from snapshot where tenant = $1 and {THERE} $3",  # noqa: S608
            one.tenant, one.id, one.created_at,
        )  # fmt: skip
        if row is None or row["taken"]:
            return None
        await connection.execute(f"{GO} tenant = $1 and id = $2", one.tenant, one.id)
        return int(row["n"])

    async def fetch(self, tenant: str, snapshot_id: str, now: datetime) -> Snapshot | None:
        row = await self._pool.fetch_row(
            f"select {ROW} from snapshot where tenant = $1 and id = $2 and {THERE} $3",  # noqa: S608
            tenant, snapshot_id, now,
        )  # fmt: skip
        return None if row is None else _snapshot(row)

    async def listing(self, tenant: str, now: datetime) -> list[Snapshot]:
        rows = await self._pool.fetch(
            f"select {ROW} from snapshot where tenant = $1 and {THERE} $2 order by number",  # noqa: S608
            tenant, now,
        )  # fmt: skip
        return [_snapshot(row) for row in rows]

    async def filling(self, limit: int, now: datetime) -> list[Snapshot]:
        rows = await self._pool.fetch(
            f"select {ROW} from snapshot where state = '{FILLING}' and expires_at > $1 order by number limit $2",  # noqa: S608
            now, limit,
        )  # fmt: skip
        return [_snapshot(row) for row in rows]

    async def update(self, one: Snapshot, rows: Sequence[Delivery]) -> bool:
        state = FILLING if one.status is Status.PREPARING else KEPT
        async with self._pool.transaction() as connection:
            status = await connection.execute(
                "update snapshot set document = $2, expires_at = $3, state = $4 where number = $1 and state <> 'going'",
                one.number, _document(one), one.expires_at, state,
            )  # fmt: skip
            there = not status.endswith(" 0")
            if there:
                await self._deliveries.insert(connection, rows)
        return there

    async def touch(self, one: Snapshot, at: datetime) -> None:
        await self._pool.execute(
            "update snapshot set document = jsonb_set(document, '{last_used_at}', to_jsonb($2::text)) where number = $1",
            one.number, iso(at),
        )  # fmt: skip

    async def copy(
        self, one: Snapshot, entities: Sequence[Entity], past: Past | None, progress: Progress, most: int
    ) -> Progress | None:
        async with self._pool.transaction() as connection:
            row = await connection.fetchrow(
                f"select 1 from snapshot where number = $1 and state = '{FILLING}' and expires_at > $2 for update",  # noqa: S608
                one.number, self._clock.now(),
            )  # fmt: skip
            if row is None:
                return None
            added = await self._insert(connection, one.place, entities) if entities else 0
            progress = replace(progress, copied=progress.copied + added)
            if progress.copied > most:
                raise Refusal("data.snapshot.too_large", most=str(most))
            if entities and past is not None:
                await _copy_past(connection, one.place, [entity.id for entity in entities], past)
            await connection.execute(
                "update snapshot set progress = $2 where number = $1", one.number, _progress(one, progress)
            )
        return progress

    async def _insert(self, connection: asyncpg.Connection, place: str, entities: Sequence[Entity]) -> int:
        ids = [entity.id for entity in entities]
        rows = await connection.fetch(
            "select id from entity where tenant = $1 and shard = any($2::smallint[]) and id = any($3::text[])",
            place, sorted({shard_of(place, one) for one in ids}), ids,
        )  # fmt: skip
        there = {row["id"] for row in rows}
        group = Group({}, self._clock.now(), keep_history=True)
        for entity in entities:
            if entity.id not in there:
                group.copy(place, entity)
        if not group.empty:
            sql, arguments, _ = group.statement()
            await connection.fetch(sql, *arguments)
        return len(ids) - len(there)

    async def remove(self, tenant: str, snapshot_id: str, now: datetime) -> bool:
        status = await self._pool.execute(f"{GO} tenant = $1 and id = $2 and {THERE} $3", tenant, snapshot_id, now)
        return not status.endswith(" 0")

    async def gone(self, places: Collection[str], now: datetime) -> set[str]:
        rows = await self._pool.fetch(
            f"select tenant || ':' || number as place from snapshot where tenant || ':' || number = any($1) and {THERE} $2",  # noqa: S608
            sorted(places), now,
        )  # fmt: skip
        return set(places) - {row["place"] for row in rows}

    async def clear(self, now: datetime, rows: int) -> bool:
        found = await self._pool.fetch(
            "select tenant, number from snapshot where state = 'going' or expires_at <= $1 order by number limit 20", now
        )
        left = rows
        for row in found:
            place = f"{row['tenant']}:{row['number']}"
            await self._pool.execute(f"update snapshot set state = '{GOING}' where number = $1", row["number"])  # noqa: S608
            for table in PLACES:
                left -= await self._cleared(table, place, left)
                if left <= 0:
                    return True
            await self._pool.execute("delete from snapshot where number = $1", row["number"])
        return bool(found)

    async def _cleared(self, table: str, place: str, most: int) -> int:
        status = await self._pool.execute(
            f"delete from {table} where (tableoid, ctid) in (select tableoid, ctid from {table} where tenant = $1 limit $2)",  # noqa: S608
            place, most,
        )  # fmt: skip
        return int(status.rpartition(" ")[2])


async def _copy_past(connection: asyncpg.Connection, place: str, ids: list[str], past: Past) -> None:
    """The instances of the window that the copy doesn't hold yet; two queries of one snapshot may find the same."""
    conditions, parameters = ("", []) if past.window is None else matching(past.window, first=6)
    chosen = "h.*"
    rank = ""
    if past.window is not None:
        time = TIMES[past.window.time_property]
        direction = "desc" if past.window.newest_first else "asc"
        chosen = (
            f"h.*, row_number() over (partition by h.id, h.attribute order by {time} {direction}, h.number {direction}) as rank"
        )
        rank = f" and h.rank <= {past.window.limit:d}"
    keep = None if past.keep is None else sorted(past.keep)
    await connection.execute(
        "insert into history (tenant, id, attribute, at, received_at, instance, named_at, modified_at)"  # noqa: S608
        " select $1, h.id, h.attribute, h.at, h.received_at, h.instance, h.named_at, h.modified_at"
        f" from (select {chosen} from history h where h.tenant = $2 and h.id = any($3::text[])"
        " and ($4::text[] is null or h.attribute = any($4)) and h.attribute <> all($5::text[])"
        f"{conditions}) h where not exists (select 1 from history c where c.tenant = $1 and c.id = h.id"
        " and c.attribute = h.attribute and c.at = h.at and c.received_at = h.received_at and c.instance = h.instance)"
        f"{rank} order by h.number",
        place, past.place, ids, keep, sorted(past.drop), *parameters,
    )  # fmt: skip


def _document(one: Snapshot) -> bytes:
    return encode_jsonb(
        {
            "members": dict(one.members),
            "status": one.status.value,
            "modified_at": iso(one.modified_at),
            "last_used_at": iso(one.last_used_at),
        }
    )


def _progress(one: Snapshot, progress: Progress | None = None) -> bytes:
    done = progress or one.progress
    return encode_jsonb(
        {
            "steps": [_step_json(step) for step in one.steps],
            "step": done.step,
            "after": done.after,
            "found": done.found,
            "copied": done.copied,
            "results": list(done.results),
        }
    )


def _snapshot(row: Any) -> Snapshot:
    document, progress = row["document"], row["progress"]
    return Snapshot(
        tenant=row["tenant"], id=row["id"], members=document["members"],
        steps=tuple(_step(one) for one in progress["steps"]),
        created_at=row["created_at"], modified_at=parse_instant(document["modified_at"]),
        last_used_at=parse_instant(document["last_used_at"]), expires_at=row["expires_at"],
        status=Status(document["status"]),
        progress=Progress(
            progress["step"], progress["after"], progress["found"], progress["copied"], tuple(progress["results"])
        ),
        number=row["number"],
    )  # fmt: skip


def _step_json(step: Step) -> dict[str, Any]:
    window = step.window
    return {
        "query": to_json(step.query),
        "window": None if window is None else {
            "time_property": window.time_property,
            "after": window.after and iso(window.after), "before": window.before and iso(window.before),
            "strict": window.strict, "newest_first": window.newest_first, "limit": window.limit,
            "datasets": None if window.datasets is None else sorted(window.datasets),
        },
        "keep": None if step.keep is None else sorted(step.keep),
        "drop": sorted(step.drop),
        "datasets": None if step.datasets is None else sorted(step.datasets),
        "source": step.source,
        "source_id": step.source_id,
    }  # fmt: skip


def _step(read: dict[str, Any]) -> Step:
    window = read["window"]
    if window is not None:
        times = {name: window[name] and parse_instant(window[name]) for name in ("after", "before")}
        window = Window(**{**window, **times, "datasets": _names(window["datasets"])})
    return Step(
        from_json(read["query"]), window, _names(read["keep"]), frozenset(read["drop"]), _names(read["datasets"]),
        read["source"], read["source_id"],
    )  # fmt: skip


def _names(listed: list[str] | None) -> frozenset[str] | None:
    return None if listed is None else frozenset(listed)
