"""The `EntityStore` port on PostgreSQL: one writer, a read pool, exact queries and the ordered change log."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

import asyncpg

from machinami.adapters.postgres import name_uses
from machinami.adapters.postgres.change_log import ChangeLog
from machinami.adapters.postgres.connection import ConnectArguments, Pool
from machinami.adapters.postgres.history import PostgresHistory
from machinami.adapters.postgres.migrate import drop_old_log, ensure_partitions, migrate
from machinami.adapters.postgres.name_uses import FOLD_AT
from machinami.adapters.postgres.query_sql import (
    MEDIUM_NARROWINGS_MAX,
    MEDIUM_ROWS_MAX,
    PROBE_ROWS_MAX,
    Plan,
    Sql,
    exact,
    plan_query,
)
from machinami.adapters.postgres.writer import EntityCache, Writer
from machinami.data.entities.decisions import Decision
from machinami.data.entities.expiry import living
from machinami.data.matching import matches
from machinami.data.matching.linking import linked_entities
from machinami.data.matching.ordering import order_key
from machinami.data.ports import Mutation, QueryResult, TypeCount
from machinami.kernel.change import Change, Commit, Cursor
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity, from_document
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.ids import shard_of
from machinami.kernel.name_use import NameUse
from machinami.kernel.query import EntityQuery, Page, chains
from machinami.kernel.settings import Settings

log = logging.getLogger(__name__)
CHUNK_MIN = 64
CHUNK_MAX = 2_000
TRIAL_ENTITIES = 1_000
HOUSEKEEPING_S = 3_600.0
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
        self._commit_listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._untold: list[Commit] = []
        self.pool = Pool(arguments, readers, settings.number("query_timeout_s"))
        self.history = PostgresHistory(self.pool)
        self.cache = EntityCache(settings.integer("entity_cache_max"))
        self.log = ChangeLog(self.pool, settings.integer("changes_kept_bytes_max"))
        self.writer = Writer(
            arguments, clock, self.cache,
            mutations_max=settings.integer("commit_mutations_max"), queue_max=settings.integer("commit_queue_max"),
            keep_history=settings.switch("history_kept_on_delete"), on_commit=self._committed,
        )  # fmt: skip
        self._housekeeping: asyncio.Task[None] | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._folding: asyncio.Task[None] | None = None

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
        if self._folding is not None:
            await asyncio.wait([self._folding])
        if self._telling is not None:
            self._telling.cancel()
        await self.pool.close()

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Call `listener` with commits of this process shortly after them (a hint only: readers poll as well)."""
        self._commit_listeners.append(listener)

    def _committed(self, commit: Commit) -> None:
        self.log.keep(commit)
        self._untold.append(commit)
        if self.writer.unfolded >= FOLD_AT and (self._folding is None or self._folding.done()):
            self._folding = asyncio.create_task(self._fold(), name="store-folding")
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        commits, self._untold = self._untold, []
        for listener in self._commit_listeners:
            listener(commits)

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

    async def get_many(self, tenant: str, ids: Collection[str]) -> dict[str, Entity]:
        found: dict[str, Entity] = {}
        if self._cached_reads:
            found = {one: cached for one in ids if (cached := self.cache.get((tenant, one))) is not None}
        missing = [one for one in ids if one not in found]
        if missing:
            rows = await self.pool.fetch(
                "select e.sequence, e.version, e.document from unnest($2::smallint[], $3::text[]) as k(shard, id) cross join"
                " lateral (select * from entity e where e.tenant = $1 and e.shard = k.shard and e.id = k.id offset 0) e",
                tenant, [shard_of(tenant, one) for one in missing], missing,
            )  # fmt: skip
            entities = (from_document(row["document"], row["version"], row["sequence"]) for row in rows)
            found |= {entity.id: entity for entity in entities}
        return found

    async def query(self, tenant: str, query: EntityQuery, page: Page, now: datetime) -> QueryResult:
        plan = plan_query(tenant, query)
        budget = self._settings.integer("query_candidates_max")
        driver = plan.narrowed(await self._sizes(plan, PROBE_ROWS_MAX), PROBE_ROWS_MAX)
        wide = driver is None and bool(plan.narrowings)
        walk = _Walk(self, plan, driver or plan.ordered(), query, iso(now), budget, now, wide)
        if page.order is not None:
            entities = await walk.sorted(page, order_key(page.order))
            return QueryResult(entities[: page.limit], walk.matched if page.count else None, len(entities) > page.limit)
        entities = await walk.collect(page)
        total = None
        if page.count and exact(query):
            sql, parameters = plan.count(now).numbered()
            row = await self.pool.fetch_row(sql, *parameters)
            total = int(row[0]) if row else 0
        elif page.count:
            total = await walk.count_rest(page)
        return QueryResult(entities[: page.limit], total, len(entities) > page.limit)

    async def _sizes(self, plan: Plan, most: int) -> list[int]:
        """How many rows each narrowing has, at most one more than `most`."""
        if not plan.narrowings:
            return []
        sql, parameters = plan.probe(most).numbered()
        row = await self.pool.fetch_row(sql, *parameters)
        return list(row) if row else []

    async def places(self, plan: Plan, after: int, budget: int) -> list[int] | None:
        """The sequences behind `after` that the narrowings of medium size leave, one more than the budget at most.

        None if there are no such narrowings.
        """
        if len(plan.narrowings) > MEDIUM_NARROWINGS_MAX:
            return None
        driver = plan.narrowed(await self._sizes(plan, MEDIUM_ROWS_MAX), MEDIUM_ROWS_MAX)
        if driver is None:
            return None
        sql, parameters = plan.places(driver, after, budget + 1).numbered()
        return [row["sequence"] for row in await self.pool.fetch(sql, *parameters)]

    async def types(self, tenant: str) -> list[TypeCount]:
        uses = await self.name_uses(tenant, attribute="")
        return [TypeCount(one.type, one.count) for one in sorted(uses, key=attrgetter("type")) if one.type]

    async def name_uses(self, tenant: str, *, of_type: str | None = None, attribute: str | None = None) -> list[NameUse]:
        return await name_uses.read(self.pool, tenant, of_type, attribute)

    async def changes(self, after: Cursor, limit: int) -> list[Change]:
        return await self.log.read(after, limit)

    async def newest(self) -> Cursor:
        return await self.log.newest()

    async def expire(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        rows = await self.pool.fetch(
            "(select tenant, id from entity where expires_at <= $1 order by expires_at limit $2)"
            " union (select tenant, id from attribute_expiry where at <= $1 order by at limit $2) limit $2",
            now,
            limit,
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
        """Make the coming partitions, drop log partitions past their time, fold the counters of names."""

        async def work(connection: asyncpg.Connection) -> list[str]:
            now = self._clock.now()
            await ensure_partitions(connection, now)
            await connection.execute(name_uses.FOLD)
            await connection.execute("delete from name_use where count = 0")
            return await drop_old_log(connection, now, self._settings.integer("change_log_days"))

        for name in await self.pool.run(work):
            log.info("change log partition dropped", extra={"partition": name})

    async def _fold(self) -> None:
        """Fold the noted uses of names into their counters; what fails stays noted."""
        self.writer.unfolded = 0
        try:
            await self.pool.execute(name_uses.FOLD)
        except MachinamiError as error:
            log.warning("folding failed", extra={"code": error.code})

    async def _keep_house_for_ever(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                await self.keep_house()
            except MachinamiError as error:
                log.warning("housekeeping failed", extra={"code": error.code})


@dataclass(slots=True)
class _Walk:
    """Walks a query's candidates in order of creation and keeps those that really match, within a budget.

    A `wide` query, which no small narrowing drives, is tried on the first candidates: most of them may match. What is still
    missing then is looked for in the `places` that narrowings of medium size leave.
    """

    store: PostgresStore
    plan: Plan
    driver: Sql
    query: EntityQuery
    now_text: str
    budget: int
    now: datetime
    wide: bool
    places: list[int] | None = None
    examined: int = 0
    matched: int = 0
    cursor: int = 0
    ended: bool = False
    sorting: bool = False

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
            if self.examined >= TRIAL_ENTITIES:
                await self._narrow()
            for entity in await self._next(chunk):
                self.matched += 1
                if self.matched > page.offset and len(found) <= page.limit:
                    found.append(entity)
            chunk = min(CHUNK_MAX, chunk * 2)
        return found

    async def sorted(self, page: Page, key: Callable[[Entity], Any]) -> list[Entity]:
        """The page's entities, and one more if there is one, in an order of values: all candidates are looked at for it."""
        self.sorting = True
        await self._narrow()
        if self.places is not None and len(self.places) > self.budget:
            raise self._too_complex()
        best: list[tuple[Any, Entity]] = []
        while not self.ended:
            found = await self._next(min(CHUNK_MAX, self.budget + 1))
            self.matched += len(found)
            best += [(key(living(entity, self.now_text) or entity), entity) for entity in found]
            best.sort(key=itemgetter(0))
            del best[page.offset + page.limit + 1 :]
        return [entity for _, entity in best[page.offset :]]

    async def _narrow(self) -> None:
        if self.wide and self.places is None:
            self.places = await self.store.places(self.plan, self.cursor, self.budget)
            self.wide = self.places is not None

    async def _skip(self, offset: int) -> None:
        """Leave the first `offset` entities of an exact plan to the store's index."""
        sql, parameters = self.plan.skip(self.driver, self.cursor, offset, self.now).numbered()
        row = await self.store.pool.fetch_row(sql, *parameters)
        if row is None:
            self.ended = True
        else:
            self.cursor, self.matched = row["sequence"], offset

    async def count_rest(self, page: Page) -> int:
        """The total: what was seen and what is left (and, for a keyset page, what lay before it)."""
        if page.after_sequence:
            self.cursor, self.matched, self.ended, self.places = 0, 0, False, None
        await self._narrow()
        while not self.ended:
            self.matched += len(await self._next(CHUNK_MAX))
        return self.matched

    async def _next(self, size: int) -> list[Entity]:
        rows = await self._rows(size)
        self.examined += len(rows)
        if self.examined > self.budget and not self.ended and (self.sorting or not exact(self.query)):
            raise self._too_complex()
        entities = [from_document(row["document"], row["version"], row["sequence"]) for row in rows if row["document"]]
        linked = await self._linked(entities)
        return [entity for entity in entities if matches(entity, self.query, self.now_text, linked)]

    def _too_complex(self) -> Refusal:
        return Refusal("data.query.too_complex", examined=str(self.examined), budget=str(self.budget))

    async def _rows(self, size: int) -> list[Any]:
        """The next candidates: of the places found, else by the driver."""
        if self.places is not None:
            start = bisect_right(self.places, self.cursor)
            chosen = self.places[start : start + size]
            self.ended = start + size >= len(self.places) <= self.budget
            if not chosen:
                if not self.ended:
                    raise self._too_complex()
                return []
            self.cursor = chosen[-1]
            sql, parameters = self.plan.chosen(chosen).numbered()
            return await self.store.pool.fetch(sql, *parameters)
        sql, parameters = self.plan.page(self.driver, self.cursor, size).numbered()
        rows = await self.store.pool.fetch(sql, *parameters)
        self.ended = len(rows) < size
        if rows:
            self.cursor = rows[-1]["place"]
        return rows

    async def _linked(self, entities: list[Entity]) -> dict[str, Entity]:
        """The entities behind the condition's links; they count as looked at."""
        links = chains(self.query.condition)
        if not links:
            return {}
        left = max(0, self.budget - self.examined)
        found = await linked_entities(partial(self.store.get_many, self.plan.tenant), entities, links, self.now_text, left)
        self.examined += len(found)
        return found
