"""The `EntityStore` port on PostgreSQL: one writer, a read pool, exact queries, history and the ordered change log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from machinami.adapters.postgres.change_log import ChangeLog
from machinami.adapters.postgres.connection import ConnectArguments, Pool
from machinami.adapters.postgres.migrate import drop_old_log, ensure_partitions, migrate
from machinami.adapters.postgres.query_sql import Plan, Sql, exact, plan_query
from machinami.adapters.postgres.writer import EntityCache, Writer
from machinami.data.entities.decisions import Decision
from machinami.data.matching import matches
from machinami.data.ports import HistoryQuery, Mutation, QueryResult, TypeCount
from machinami.kernel.change import Change, Cursor
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity, Instance, from_document
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.ids import shard_of
from machinami.kernel.query import EntityQuery, Page
from machinami.kernel.settings import Settings

log = structlog.get_logger()
CHUNK_MIN = 64
CHUNK_MAX = 2_000
HOUSEKEEPING_S = 3_600.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TELL_S = 0.02
"""Commits within this time are told to the readers of the log together: each reading costs them a durable cursor."""


class PostgresStore:
    """Implements `data.ports.EntityStore`. `cached_reads` is allowed while this is the only process that writes."""

    def __init__(
        self, arguments: ConnectArguments, clock: Clock, settings: Settings, *, cached_reads: bool, readers: int = 4
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._cached_reads = cached_reads
        self._commit_listeners: list[Callable[[], None]] = []
        self.pool = Pool(arguments, readers, settings.number("query_timeout_s"))
        self.log = ChangeLog(self.pool)
        self.cache = EntityCache(settings.integer("entity_cache_max"))
        self.writer = Writer(
            arguments, clock, self.cache,
            mutations_max=settings.integer("commit_mutations_max"), queue_max=settings.integer("commit_queue_max"),
            keep_history=settings.switch("history_kept_on_delete"), on_commit=self._committed,
        )  # fmt: skip
        self._housekeeping: asyncio.Task[None] | None = None
        self._telling: asyncio.TimerHandle | None = None

    async def open(self) -> list[str]:
        """Connect, check durability, migrate, make partitions, start the writer; returns the migrations applied."""
        await self.pool.open()
        applied: list[str] = await self.pool.run(migrate)
        await self.keep_house()
        self.writer.start()
        self._housekeeping = asyncio.create_task(self._keep_house_for_ever(), name="store-housekeeping")
        return applied

    async def close(self) -> None:
        """Commit what was submitted and close all connections."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        await self.writer.stop()
        if self._telling is not None:
            self._telling.cancel()
        await self.pool.close()

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` shortly after commits of this process (a hint only: readers poll as well)."""
        self._commit_listeners.append(listener)

    def _committed(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        for listener in self._commit_listeners:
            listener()

    async def write(self, mutations: Sequence[Mutation]) -> list[Decision | MachinamiError]:
        return await self.writer.submit(mutations)

    async def get(self, tenant: str, entity_id: str) -> Entity | None:
        key = (tenant, entity_id)
        if self._cached_reads and (cached := self.cache.get(key)) is not None:
            return cached
        began = self.cache.commits
        row = await self.pool.fetch_row(
            "select sequence, version, document from entity where tenant = $1 and shard = $2 and id = $3",
            tenant, shard_of(tenant, entity_id), entity_id,
        )  # fmt: skip
        if row is None:
            return None
        entity = from_document(row["document"], row["version"], row["sequence"])
        self.cache.keep(key, entity, read_at_commit=began)
        return entity

    async def query(self, tenant: str, query: EntityQuery, page: Page, now: datetime) -> QueryResult:
        plan = plan_query(tenant, query)
        sizes: list[int] = []
        if plan.narrowings:
            sql, parameters = plan.probe().numbered()
            row = await self.pool.fetch_row(sql, *parameters)
            sizes = list(row) if row else []
        driver = plan.driver(sizes)
        walk = _Walk(self.pool, plan, driver, query, iso(now), self._settings.integer("query_candidates_max"), now)
        entities = await walk.collect(page)
        total = None
        if page.count and exact(query):
            sql, parameters = plan.count(driver, now).numbered()
            row = await self.pool.fetch_row(sql, *parameters)
            total = int(row[0]) if row else 0
        elif page.count:
            total = await walk.count_rest(page)
        return QueryResult(entities[: page.limit], total, len(entities) > page.limit)

    async def history(self, query: HistoryQuery) -> list[Instance]:
        direction = "desc" if query.newest_first else "asc"
        time_column = "received_at" if query.time_property in ("createdAt", "modifiedAt", "deletedAt") else "at"
        rows = await self.pool.fetch(
            f"select number, at, received_at, instance from history where tenant = $1 and id = $2 and attribute = $3"  # noqa: S608
            f" and ($4::timestamptz is null or {time_column} >= $4) and ($5::timestamptz is null or {time_column} < $5)"
            f" order by {time_column} {direction}, number {direction} limit $6",
            query.tenant, query.entity_id, query.attribute, query.after, query.before, query.limit,
        )  # fmt: skip
        return [{**row["instance"], "instanceId": instance_urn(row["at"], row["number"])} for row in rows]

    async def types(self, tenant: str) -> list[TypeCount]:
        rows = await self.pool.fetch(
            "select type, count(*) as n from entity_type where tenant = $1 group by type order by type", tenant
        )
        return [TypeCount(row["type"], row["n"]) for row in rows]

    async def changes(self, after: Cursor, limit: int) -> list[Change]:
        return await self.log.read(after, limit)

    async def newest(self) -> Cursor:
        return await self.log.newest()

    async def expire(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        rows = await self.pool.fetch(
            "select tenant, id from entity where expires_at <= $1 order by expires_at limit $2", now, limit
        )
        return [(row["tenant"], row["id"]) for row in rows]

    async def empty(self) -> None:
        """Remove everything that a city holds, in all tenants (`DELETE /dev/state`, development mode only)."""
        tables = await self.pool.fetch(
            "select tablename as name from pg_tables where schemaname = current_schema() and tablename not in"
            " ('migration') and tablename not like 'identity%'"
        )
        names = ", ".join(row["name"] for row in tables)
        await self.pool.execute(f"truncate {names}")
        self.cache.clear()
        self.log.forget()

    async def keep_house(self) -> None:
        """Make the coming partitions and drop log partitions past their time."""

        async def work(connection: asyncpg.Connection) -> list[str]:
            now = self._clock.now()
            await ensure_partitions(connection, now)
            return await drop_old_log(connection, now, self._settings.integer("change_log_days"))

        for name in await self.pool.run(work):
            log.info("change log partition dropped", partition=name)

    async def _keep_house_for_ever(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                await self.keep_house()
            except MachinamiError as error:
                log.warning("housekeeping failed", code=error.code)


@dataclass(slots=True)
class _Walk:
    """Walks a query's candidates in order of creation and keeps those that really match, within a budget."""

    pool: Pool
    plan: Plan
    driver: Sql
    query: EntityQuery
    now_text: str
    budget: int
    now: datetime
    examined: int = 0
    matched: int = 0
    cursor: int = 0
    ended: bool = False

    async def collect(self, page: Page) -> list[Entity]:
        """The page's entities and one more if there is one."""
        found: list[Entity] = []
        self.cursor = page.after_sequence
        chunk = page.limit + 1
        if not exact(self.query):
            chunk = max(CHUNK_MIN, chunk)
        elif page.offset:
            await self._skip(page.offset)
        while len(found) <= page.limit and not self.ended:
            for entity in await self._next(chunk):
                self.matched += 1
                if self.matched > page.offset and len(found) <= page.limit:
                    found.append(entity)
            chunk = min(CHUNK_MAX, chunk * 2)
        return found

    async def _skip(self, offset: int) -> None:
        """Leave the first `offset` entities of an exact plan to the store's index."""
        sql, parameters = self.plan.skip(self.driver, self.cursor, offset, self.now).numbered()
        row = await self.pool.fetch_row(sql, *parameters)
        if row is None:
            self.ended = True
        else:
            self.cursor, self.matched = row["sequence"], offset

    async def count_rest(self, page: Page) -> int:
        """The total: what was seen and what is left (and, for a keyset page, what lay before it)."""
        if page.after_sequence:
            self.cursor, self.matched, self.ended = 0, 0, False
        while not self.ended:
            self.matched += len(await self._next(CHUNK_MAX))
        return self.matched

    async def _next(self, size: int) -> list[Entity]:
        sql, parameters = self.plan.page(self.driver, self.cursor, size).numbered()
        rows = await self.pool.fetch(sql, *parameters)
        self.ended = len(rows) < size
        if rows:
            self.cursor = rows[-1]["place"]
        self.examined += len(rows)
        if self.examined > self.budget and not self.ended and not exact(self.query):
            raise Refusal("data.query.too_complex", examined=str(self.examined), budget=str(self.budget))
        entities = (from_document(row["document"], row["version"], row["sequence"]) for row in rows if row["document"])
        return [entity for entity in entities if matches(entity, self.query, self.now_text)]


def instance_urn(at: datetime, number: int) -> str:
    """The id of a history instance; it encodes the instance's time (UTC; the driver gives the first and last instants of
    the calendar without a zone), so that the month partition is known.
    """
    return f"urn:ngsi-ld:Instance:{(at.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)}-{number}"
