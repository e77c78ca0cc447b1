"""The one group-committing writer: writes that arrive while a commit runs share the next one (trust-N4).

`submit` returns when the caller's mutations are committed and fsynced. A mutation whose rule refuses fails alone; if
the server refuses a whole group for one row's sake, its members are tried one by one. When much waits, further
groups are decided and sent while the server works on the first; no entity is ever in two of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from machinami.adapters.postgres.connection import UNREACHABLE, ConnectArguments, connect
from machinami.adapters.postgres.group import Group, Key
from machinami.adapters.postgres.history import correct
from machinami.data.entities.decisions import Decision
from machinami.data.ports import Mutation
from machinami.kernel.change import Commit
from machinami.kernel.clock import Clock
from machinami.kernel.entity import Entity, from_document
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.kernel.ids import shard_of

log = logging.getLogger(__name__)
CONFLICT_RETRIES_MAX = 10
LANES = 3
ALONGSIDE_MIN = 100
"""Mutations worth a commit beside one under way; fewer wait for it and share the next, which costs the server less."""
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


class _Lane:
    """One connection and the task that commits over it."""

    def __init__(self, arguments: ConnectArguments) -> None:
        self._arguments = arguments
        self._connection: asyncpg.Connection | None = None
        self.wake = asyncio.Event()
        self.keys: set[Key] = set()
        self.task: asyncio.Task[None] | None = None

    async def connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await connect(self._arguments)
            await connection.execute(PLANS)
            self._connection = connection
        return self._connection

    def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=5.0)


class Writer:
    """Owns the lanes. `on_commit` is told each commit, for the readers of the change log."""

    def __init__(
        self, arguments: ConnectArguments, clock: Clock, cache: EntityCache, *,
        mutations_max: int, queue_max: int, keep_history: bool, on_commit: Callable[[Commit], None],
    ) -> None:  # fmt: skip
        self._clock = clock
        self._cache = cache
        self._mutations_max = mutations_max
        self._queue_max = queue_max
        self._keep_history = keep_history
        self._on_commit = on_commit
        self._lanes = [_Lane(arguments) for _ in range(LANES)]
        self._calls: deque[_Call] = deque()
        self._waiting = 0
        self._accepting = False
        self.commits = 0
        self.mutations = 0
        self.conflicts = 0
        self.unfolded = 0

    def start(self) -> None:
        self._accepting = True
        for number, lane in enumerate(self._lanes):
            lane.task = asyncio.create_task(self._run(lane), name=f"store-writer-{number}")

    async def stop(self) -> None:
        """Finish what was submitted, then end."""
        self._accepting = False
        for lane in self._lanes:
            lane.wake.set()
        for lane in self._lanes:
            if lane.task is not None:
                await lane.task
            await lane.close()

    @property
    def waiting(self) -> int:
        """Mutations that wait for a commit."""
        return self._waiting

    async def submit(self, mutations: Sequence[Mutation]) -> list[Result]:
        if not self._accepting:
            raise Unavailable("data.store.unavailable", reason="stopping")
        if self._waiting + len(mutations) > self._queue_max and self._waiting:
            raise Unavailable("data.store.busy", waiting=str(self._waiting))
        call = _Call(mutations, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        self._waiting += len(mutations)
        self._stir()
        return await call.done

    def _stir(self) -> None:
        """Wake a lane if a commit may begin; it takes its calls a moment later, so that others can join."""
        if self._may_begin():
            for lane in self._lanes:
                if not lane.keys:
                    lane.wake.set()
                    return

    def _may_begin(self) -> bool:
        return self._waiting >= ALONGSIDE_MIN or not any(lane.keys for lane in self._lanes)

    async def _run(self, lane: _Lane) -> None:
        while True:
            await lane.wake.wait()
            lane.wake.clear()
            while calls := self._take(lane):
                self._stir()
                try:
                    await self._commit(lane, calls)
                except Exception as error:
                    log.exception("writer failed")
                    failure = error if isinstance(error, MachinamiError) else Unavailable(
                        "data.store.unavailable", reason=type(error).__name__
                    )  # fmt: skip
                    for call in calls:
                        if not call.done.done():
                            call.done.set_exception(failure)
                finally:
                    lane.keys = set()
            if not self._accepting:
                return

    def _take(self, lane: _Lane) -> list[_Call]:
        """The calls of the lane's next commit, in order of arrival, up to one that touches an entity under way elsewhere."""
        calls: list[_Call] = []
        if not self._may_begin():
            return calls
        elsewhere = [other.keys for other in self._lanes if other.keys]
        size = 0
        while self._calls:
            call = self._calls[0]
            if calls and size + len(call.mutations) > self._mutations_max:
                break
            keys = {(mutation.tenant, mutation.entity_id) for mutation in call.mutations}
            if any(not keys.isdisjoint(others) for others in elsewhere):
                break
            lane.keys |= keys
            size += len(call.mutations)
            calls.append(self._calls.popleft())
        self._waiting -= size
        return calls

    async def _commit(self, lane: _Lane, calls: list[_Call]) -> None:
        mutations = [mutation for call in calls for mutation in call.mutations]
        results = await self._commit_together(lane, mutations)
        if results is None:
            results = []
            for mutation in mutations:
                alone = await self._commit_together(lane, [mutation])
                results.append(alone[0] if alone else Refusal("data.entity.not_storable", id=mutation.entity_id))
        place = 0
        for call in calls:
            end = place + len(call.mutations)
            if not call.done.done():
                call.done.set_result(results[place:end])
            place = end

    async def _commit_together(self, lane: _Lane, mutations: Sequence[Mutation]) -> list[Result] | None:
        """The results after the commit; None if the server refused the group's data."""
        for _ in range(CONFLICT_RETRIES_MAX):
            try:
                connection = await lane.connected()
                group = Group(await self._read(connection, mutations), self._clock.now(), self._keep_history)
                results = [_decide(group, mutation) for mutation in mutations]
                if not group.empty:
                    sql, arguments, names = group.statement()
                    sequences, transaction = await _write(connection, group, sql, arguments)
                    self.unfolded += names
                    self._committed(group, sequences, transaction, len(mutations))
                return results
            except asyncpg.PostgresError as error:
                self._forget(mutations)
                if error.sqlstate in ("MN001", "40001", "40P01"):
                    self.conflicts += 1
                    continue
                if isinstance(error, UNREACHABLE):
                    lane.disconnect()
                    raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error
                log.warning("group refused", extra={"error": str(error), "mutations": len(mutations)})
                return None
            except UNREACHABLE as error:
                self._forget(mutations)
                lane.disconnect()
                raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error
        raise Unavailable("data.store.conflict", tries=str(CONFLICT_RETRIES_MAX))

    def _committed(self, group: Group, sequences: list[int], transaction: int, mutations: int) -> None:
        self._cache.commits += 1
        for key, entity in group.results(sequences):
            if entity is None:
                self._cache.drop(key)
            else:
                self._cache.keep(key, entity)
        self.commits += 1
        self.mutations += mutations
        self._on_commit(group.commit(transaction, sequences))

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


async def _write(connection: asyncpg.Connection, group: Group, sql: str, arguments: list[Any]) -> tuple[list[int], int]:
    """Write a group in one transaction, corrections of the history first; the entities' sequences and the transaction."""
    if group.edits:
        async with connection.transaction():
            await correct(connection, group.edits, group.now)
            row = await connection.fetchrow(sql, *arguments)
    else:
        row = await connection.fetchrow(sql, *arguments)
    return row[0], row[1]


def _decide(group: Group, mutation: Mutation) -> Result:
    try:
        return group.apply(mutation)
    except MachinamiError as refusal:
        return refusal
    except Exception:
        log.exception("a rule failed", extra={"entity": mutation.entity_id})
        return Unavailable("data.store.rule_failed", id=mutation.entity_id)
