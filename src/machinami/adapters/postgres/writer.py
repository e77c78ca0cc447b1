"""The one group-committing writer: writes that arrive while a commit runs share the next one (trust-N4).

`submit` returns when the caller's mutations are committed and fsynced. A mutation whose rule refuses fails alone; if
the server refuses a whole group for one row's sake, its members are tried one by one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg
import structlog

from machinami.adapters.postgres.connection import UNREACHABLE, ConnectArguments, connect
from machinami.adapters.postgres.group import CALL, Group, Key, wire
from machinami.data.entities.decisions import Decision
from machinami.data.ports import Mutation
from machinami.kernel.clock import Clock
from machinami.kernel.entity import Entity, from_document
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.kernel.ids import shard_of

log = structlog.get_logger()
CONFLICT_RETRIES_MAX = 10
Result = Decision | MachinamiError

READ = """select e.tenant, e.id, e.sequence, e.version, e.document from entity e
join unnest($1::text[], $2::smallint[], $3::text[]) as g(tenant, shard, id)
on e.tenant = g.tenant and e.shard = g.shard and e.id = g.id"""

PLANS = """set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_hashjoin = off;
set enable_mergejoin = off"""
"""A group's statements are planned once, by index: each reaches its rows by key, however large the tables are by then."""


class EntityCache:
    """Committed entities, least recently used out first. A read that overlapped a commit is not kept."""

    def __init__(self, entities_max: int) -> None:
        self._entities: OrderedDict[Key, Entity] = OrderedDict()
        self._max = entities_max
        self.commits = 0

    def get(self, key: Key) -> Entity | None:
        entity = self._entities.get(key)
        if entity is not None:
            self._entities.move_to_end(key)
        return entity

    def keep(self, key: Key, entity: Entity, read_at_commit: int | None = None) -> None:
        """Remember an entity; one read from the store says after which commit its reading began."""
        if read_at_commit is not None and read_at_commit != self.commits:
            return
        self._entities[key] = entity
        self._entities.move_to_end(key)
        while len(self._entities) > self._max:
            self._entities.popitem(last=False)

    def drop(self, key: Key) -> None:
        self._entities.pop(key, None)

    def clear(self) -> None:
        self._entities.clear()
        self.commits += 1

    def __len__(self) -> int:
        return len(self._entities)


@dataclass(slots=True)
class _Call:
    mutations: Sequence[Mutation]
    done: asyncio.Future[list[Result]]


class Writer:
    """Owns one connection and one task. `on_commit` is called after each commit, to wake readers of the change log."""

    def __init__(
        self, arguments: ConnectArguments, clock: Clock, cache: EntityCache, *,
        mutations_max: int, queue_max: int, keep_history: bool, on_commit: Callable[[], None],
    ) -> None:  # fmt: skip
        self._arguments = arguments
        self._clock = clock
        self._cache = cache
        self._mutations_max = mutations_max
        self._queue_max = queue_max
        self._keep_history = keep_history
        self._on_commit = on_commit
        self._connection: asyncpg.Connection | None = None
        self._calls: list[_Call] = []
        self._waiting = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.commits = 0
        self.mutations = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def stop(self) -> None:
        """Finish what was submitted, then end."""
        if self._task is not None:
            task, self._task = self._task, None
            self._wake.set()
            await task
        if self._connection is not None:
            await self._connection.close(timeout=5.0)
            self._connection = None

    @property
    def waiting(self) -> int:
        """Mutations that wait for a commit."""
        return self._waiting

    async def submit(self, mutations: Sequence[Mutation]) -> list[Result]:
        if self._task is None:
            raise Unavailable("data.store.unavailable", reason="stopping")
        if self._waiting + len(mutations) > self._queue_max and self._waiting:
            raise Unavailable("data.store.busy", waiting=str(self._waiting))
        call = _Call(mutations, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        self._waiting += len(mutations)
        self._wake.set()
        return await call.done

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._calls:
                calls = self._take()
                try:
                    await self._commit(calls)
                except Exception as error:
                    log.exception("writer failed")
                    failure = error if isinstance(error, MachinamiError) else Unavailable(
                        "data.store.unavailable", reason=type(error).__name__
                    )  # fmt: skip
                    for call in calls:
                        if not call.done.done():
                            call.done.set_exception(failure)
            if self._task is None:
                return

    def _take(self) -> list[_Call]:
        size = taken = 0
        for call in self._calls:
            if taken and size + len(call.mutations) > self._mutations_max:
                break
            size += len(call.mutations)
            taken += 1
        calls, self._calls = self._calls[:taken], self._calls[taken:]
        self._waiting -= size
        return calls

    async def _commit(self, calls: list[_Call]) -> None:
        mutations = [mutation for call in calls for mutation in call.mutations]
        results = await self._commit_together(mutations)
        if results is None:
            results = []
            for mutation in mutations:
                alone = await self._commit_together([mutation])
                results.append(alone[0] if alone else Refusal("data.entity.not_storable", id=mutation.entity_id))
        place = 0
        for call in calls:
            end = place + len(call.mutations)
            if not call.done.done():
                call.done.set_result(results[place:end])
            place = end

    async def _commit_together(self, mutations: Sequence[Mutation]) -> list[Result] | None:
        """The results after the commit; None if the server refused the group's data."""
        for _ in range(CONFLICT_RETRIES_MAX):
            try:
                connection = await self._connected()
                group = Group(await self._read(connection, mutations), self._clock.now(), self._keep_history)
                results = [_decide(group, mutation) for mutation in mutations]
                if not group.empty:
                    sequences = await connection.fetchval(CALL, *wire(group.parameters()))
                    self._committed(group, sequences, len(mutations))
                return results
            except asyncpg.PostgresError as error:
                self._forget(mutations)
                if error.sqlstate in ("MN001", "40001", "40P01"):
                    continue
                if isinstance(error, UNREACHABLE):
                    await self._disconnect()
                    raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error
                log.warning("group refused", error=str(error), mutations=len(mutations))
                return None
            except UNREACHABLE as error:
                self._forget(mutations)
                await self._disconnect()
                raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error
        raise Unavailable("data.store.conflict", tries=str(CONFLICT_RETRIES_MAX))

    def _committed(self, group: Group, sequences: list[int], mutations: int) -> None:
        self._cache.commits += 1
        for key, entity in group.results(sequences):
            if entity is None:
                self._cache.drop(key)
            else:
                self._cache.keep(key, entity)
        self.commits += 1
        self.mutations += mutations
        self._on_commit()

    async def _read(self, connection: asyncpg.Connection, mutations: Sequence[Mutation]) -> dict[Key, Entity]:
        found: dict[Key, Entity] = {}
        missing: set[Key] = set()
        for mutation in mutations:
            key = (mutation.tenant, mutation.entity_id)
            entity = self._cache.get(key)
            if entity is None:
                missing.add(key)
            else:
                found[key] = entity
        if missing:
            tenants, ids = zip(*missing, strict=True)
            shards = [shard_of(*key) for key in missing]
            for row in await connection.fetch(READ, tenants, shards, ids):
                found[(row["tenant"], row["id"])] = from_document(row["document"], row["version"], row["sequence"])
        return found

    def _forget(self, mutations: Sequence[Mutation]) -> None:
        for mutation in mutations:
            self._cache.drop((mutation.tenant, mutation.entity_id))

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await connect(self._arguments)
            await connection.execute(PLANS)
            self._connection = connection
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()


def _decide(group: Group, mutation: Mutation) -> Result:
    try:
        return group.apply(mutation)
    except MachinamiError as refusal:
        return refusal
    except Exception:
        log.exception("a rule failed", id=mutation.entity_id)
        return Unavailable("data.store.rule_failed", id=mutation.entity_id)
