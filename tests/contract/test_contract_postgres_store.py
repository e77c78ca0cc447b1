"""What only a shared server can show: several writers, late committers, rows the server refuses, restarts of connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from machinami.adapters.postgres.group import CALL, Group, wire
from machinami.adapters.postgres.records import PostgresRecords
from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision, Effect
from machinami.data.ports import Mutation
from machinami.kernel.change import ChangeKind, Cursor
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import AttributePath, Compare, Comparison, EntityQuery, Ordering, OrderTerm, Page
from machinami.kernel.settings import Settings

from .history_kit import past
from .servers import START, Database

D = "https://uri.etsi.org/ngsi-ld/default-context/"
LEVEL = f"{D}level"
GAUGE = "urn:ngsi-ld:Gauge:1"


def gauge(number: int = 1, level: Any = 1, **members: Any) -> Entity:
    return Entity(f"urn:ngsi-ld:Gauge:{number}", (f"{D}Gauge",), {LEVEL: [{"type": "Property", "value": level}]}, **members)


def new(tenant: str, entity: Entity) -> Mutation:
    return Mutation(tenant, entity.id, rules.create(entity))


def gone(tenant: str) -> Mutation:
    return Mutation(tenant, GAUGE, rules.delete_entity(GAUGE))


def set_to(tenant: str, level: Any) -> Mutation:
    return Mutation(tenant, GAUGE, rules.partial_update(GAUGE, LEVEL, [{"type": "Property", "value": level}]))


def plus_one(entity: Entity | None, now: str) -> Decision:
    assert entity is not None
    level = [{"type": "Property", "value": entity.attributes[LEVEL][0]["value"] + 1}]
    return rules.partial_update(entity.id, LEVEL, level)(entity, now)


def with_level(level: float) -> EntityQuery:
    return EntityQuery(condition=Compare(AttributePath(LEVEL), Comparison.EQUAL, (level,)))


async def level_of(store: PostgresStore, tenant: str, number: int = 1) -> Any:
    entity = await store.get(tenant, gauge(number).id)
    return entity.attributes[LEVEL][0]["value"] if entity else None


@pytest.fixture
async def other(database: Database, clock: VirtualClock) -> AsyncIterator[PostgresStore]:
    """A second process's store on the same database."""
    made = PostgresStore(database.arguments, clock, Settings(), cached_reads=False)
    await made.open()
    yield made
    await made.close()


@asynccontextmanager
async def slow_writer(database: Database, entity: Entity, tenant: str) -> AsyncIterator[None]:
    """A writer that has written but not yet committed; it commits at the end of the block."""
    connection = await database.connect()
    group = Group({}, START, keep_history=False)
    group.apply(new(tenant, entity))
    try:
        async with connection.transaction():
            await connection.fetchval(CALL, *wire(group.parameters()))
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("in_memory", [True, False])
async def test_changes_skip_no_late_committer(
    postgres: PostgresStore, database: Database, tenant: str, in_memory: bool
) -> None:
    start = await postgres.newest()
    if in_memory:
        await postgres.changes(start, 10)
    await postgres.write([new(tenant, gauge(1))])
    async with slow_writer(database, gauge(2), tenant):
        await postgres.write([new(tenant, gauge(3))])
        seen = await postgres.changes(start, 10)
        assert [one.entity.id for one in seen] == [gauge(1).id]
        assert await postgres.newest() == seen[-1].cursor
    later = await postgres.changes(seen[-1].cursor, 10)
    assert [one.entity.id for one in later] == [gauge(2).id, gauge(3).id]
    assert await postgres.changes(later[0].cursor, 10) == later[1:]
    assert await postgres.newest() == later[-1].cursor
    assert postgres.log.read_from_store == (1 if in_memory else 3)


async def test_write_decides_again_when_another_process_changed_the_entity(
    postgres: PostgresStore, other: PostgresStore, tenant: str
) -> None:
    await postgres.write([new(tenant, gauge(1, 0))])
    await other.write([set_to(tenant, 10)])
    [result] = await postgres.write([Mutation(tenant, GAUGE, plus_one)])
    assert not isinstance(result, MachinamiError)
    assert await level_of(other, tenant) == 11


async def test_write_loses_no_update_when_two_processes_write_at_once(
    postgres: PostgresStore, other: PostgresStore, tenant: str
) -> None:
    await postgres.write([new(tenant, gauge(1, 0))])
    start = await postgres.newest()
    mutation = Mutation(tenant, GAUGE, plus_one)
    done = await asyncio.gather(*(store.write([mutation]) for _ in range(40) for store in (postgres, other)))
    written = [one for [one] in done if not isinstance(one, MachinamiError)]
    assert len(written) > 0
    assert {one.code for [one] in done if isinstance(one, MachinamiError)} <= {"data.store.conflict"}
    assert await level_of(other, tenant) == len(written)
    assert len(await postgres.changes(start, 1_000)) == len(written)
    assert len(await past(postgres.history, tenant, GAUGE, LEVEL, limit=1_000)) == len(written) + 1


async def test_large_writes_of_the_same_entities_wait_for_each_other(postgres: PostgresStore, tenant: str) -> None:
    """Much waits, so several groups are under way at once: never one entity in two of them."""
    many = range(150)
    await postgres.write([new(tenant, gauge(number, 0)) for number in many])
    up = [Mutation(tenant, gauge(number).id, plus_one) for number in many]
    await asyncio.gather(*(postgres.write(up[first:] + up[:first]) for first in range(0, 150, 10)))
    assert postgres.writer.conflicts == 0
    assert [await level_of(postgres, tenant, number) for number in many] == [15] * 150


async def test_large_writes_of_different_entities_are_committed_alongside(
    postgres: PostgresStore, database: Database, tenant: str
) -> None:
    """While one commit is held up by a lock, another large write is acknowledged; a small one waits to share the next."""
    await postgres.write([new(tenant, gauge(1, 0))])
    connection = await database.connect()
    try:
        async with connection.transaction():
            await connection.execute("select 1 from entity where tenant = $1 for update", tenant)
            held = asyncio.create_task(postgres.write([Mutation(tenant, GAUGE, plus_one)]))
            await asyncio.sleep(0.05)
            small = asyncio.create_task(postgres.write([new(tenant, gauge(2))]))
            await asyncio.sleep(0.05)
            assert not small.done()
            behind = asyncio.create_task(postgres.write([Mutation(tenant, GAUGE, plus_one)]))
            await postgres.write([new(f"{tenant}2", gauge(number)) for number in range(1_000, 1_200)])
            assert (held.done(), behind.done()) == (False, False)
    finally:
        await connection.close()
    await asyncio.gather(held, small, behind)
    assert await level_of(postgres, tenant) == 2
    assert postgres.writer.conflicts == 0


async def test_stop_commits_everything_submitted_when_several_groups_are_under_way(
    database: Database, clock: VirtualClock, tenant: str, postgres: PostgresStore
) -> None:
    store = PostgresStore(database.arguments, clock, Settings(), cached_reads=False)
    await store.open()
    await store.write([new(tenant, gauge())])
    writes = [
        asyncio.create_task(store.write([*(new(tenant, gauge(number)) for number in range(first, first + 120)), *same]))
        for first, same in zip(range(1_000, 3_000, 200), [[], [Mutation(tenant, GAUGE, plus_one)]] * 5, strict=True)
    ]
    await asyncio.sleep(0)
    await asyncio.wait_for(store.close(), 30)
    assert [isinstance(one, MachinamiError) for write in writes for one in await write] == [False] * 1_205
    assert await level_of(postgres, tenant) == 6


async def test_write_creates_once_when_two_processes_create_at_once(
    postgres: PostgresStore, other: PostgresStore, tenant: str
) -> None:
    done = await asyncio.gather(*(store.write([new(tenant, gauge())]) for store in (postgres, other)))
    results = [one.code if isinstance(one, MachinamiError) else one.outcome.effect for [one] in done]
    assert sorted(results) == [Effect.CREATED, "data.entity.already_exists"]
    assert (await postgres.types(tenant))[0].count == 1


async def test_write_keeps_the_index_right_when_another_process_made_the_entity_anew(
    postgres: PostgresStore, other: PostgresStore, tenant: str
) -> None:
    """The new entity has the old one's version but another sequence: the remembered entity must not be written over it."""
    await postgres.write([new(tenant, gauge(1, 1))])
    await other.write([gone(tenant)])
    await other.write([new(tenant, gauge(1, 2))])
    await postgres.write([set_to(tenant, 3)])
    made = await other.get(tenant, GAUGE)
    assert made is not None
    for level, ids in ((1, []), (2, []), (3, [GAUGE])):
        result = await other.query(tenant, with_level(level), Page(10), START)
        assert [one.id for one in result.entities] == ids
    [change] = [one for one in await postgres.changes(Cursor(), 10_000) if one.tenant == tenant][-1:]
    assert (change.entity.sequence, change.instances[0].before["value"]) == (made.sequence, 2)  # type: ignore[index]


async def test_write_removes_what_stands_when_another_process_made_the_entity_anew(
    postgres: PostgresStore, other: PostgresStore, tenant: str
) -> None:
    await postgres.write([new(tenant, gauge(1, 1))])
    await other.write([gone(tenant)])
    await other.write([new(tenant, gauge(1, 2))])
    await postgres.write([gone(tenant)])
    assert await other.get(tenant, GAUGE) is None
    assert await other.types(tenant) == []
    assert (await other.query(tenant, with_level(2), Page(10), START)).entities == []


@pytest.mark.parametrize("poison", ["nul \0", {"nested": ["\0"]}])
async def test_write_fails_only_the_member_that_the_server_cannot_store(
    postgres: PostgresStore, tenant: str, poison: Any
) -> None:
    results = await postgres.write([new(tenant, gauge(1)), new(tenant, gauge(2, poison)), new(tenant, gauge(3))])
    assert [getattr(one, "code", "") for one in results] == ["", "data.entity.not_storable", ""]
    assert [one.id for one in (await postgres.query(tenant, EntityQuery(), Page(10), START)).entities] == [
        gauge(1).id, gauge(3).id,
    ]  # fmt: skip
    assert await postgres.get(tenant, gauge(2).id) is None
    results = await postgres.write([new(tenant, gauge(4))])
    assert not isinstance(results[0], MachinamiError)


async def test_write_fails_only_its_own_call_when_callers_share_a_commit(postgres: PostgresStore, tenant: str) -> None:
    done = await asyncio.gather(
        *(postgres.write([new(tenant, gauge(n, "\0" if n == 5 else n))]) for n in range(10)),
        postgres.write([new(f"{tenant}\0", gauge(1))]),
    )
    assert [isinstance(one, Refusal) for [one] in done] == [n in (5, 10) for n in range(11)]
    assert (await postgres.types(tenant))[0].count == 9


async def test_write_goes_on_when_the_connections_were_cut(postgres: PostgresStore, database: Database, tenant: str) -> None:
    await postgres.write([new(tenant, gauge(1, 0))])
    connection = await database.connect()
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    await connection.close()
    levels, refusals = [], []
    for _ in range(5):
        try:
            await postgres.write([Mutation(tenant, GAUGE, plus_one)])
            levels.append(await level_of(postgres, tenant))
        except MachinamiError as error:
            refusals.append(error.code)
    assert refusals in ([], ["data.store.unavailable"])
    assert levels == list(range(levels[0], levels[0] + len(levels)))
    assert await level_of(postgres, tenant) == levels[-1]


async def test_write_commits_what_was_submitted_when_the_store_closes(
    database: Database, clock: VirtualClock, postgres: PostgresStore, tenant: str
) -> None:
    closing = PostgresStore(database.arguments, clock, Settings(), cached_reads=True)
    await closing.open()
    writes = [asyncio.create_task(closing.write([new(tenant, gauge(n))])) for n in range(50)]
    await asyncio.sleep(0)
    await closing.close()
    results = await asyncio.gather(*writes)
    assert all(not isinstance(one, MachinamiError) for [one] in results)
    assert (await postgres.types(tenant))[0].count == 50


async def test_write_is_refused_as_busy_when_too_many_wait(database: Database, clock: VirtualClock, tenant: str) -> None:
    store = PostgresStore(database.arguments, clock, Settings({"commit_queue_max": 3}), cached_reads=True)
    await store.open()
    try:
        done = await asyncio.gather(*(store.write([new(tenant, gauge(n))]) for n in range(6)), return_exceptions=True)
        codes = [getattr(one, "code", "") for one in done]
        assert codes == ["", "", "", *["data.store.busy"] * 3]
        assert (await store.types(tenant))[0].count == 3
    finally:
        await store.close()


async def test_history_stays_when_the_setting_keeps_it(database: Database, clock: VirtualClock, tenant: str) -> None:
    store = PostgresStore(database.arguments, clock, Settings({"history_kept_on_delete": True}), cached_reads=True)
    await store.open()
    try:
        await store.write([new(tenant, gauge()), gone(tenant)])
        history = await past(store.history, tenant, GAUGE, LEVEL)
        assert [(one.get("value"), one.get("deletedAt")) for one in history] == [(1, None), (None, iso(START))]
    finally:
        await store.close()


async def test_history_takes_instances_of_any_time(postgres: PostgresStore, tenant: str) -> None:
    times = ["0001-01-01T00:00:00Z", "1923-09-01T02:58:32Z", "2026-05-31T23:59:59.999999Z", "9999-12-31T23:59:59Z"]
    first, *rest = ({"type": "Property", "value": one, "observedAt": one} for one in times)
    await postgres.write([new(tenant, replace(gauge(), attributes={LEVEL: [first]}))])
    for one in rest:
        [result] = await postgres.write([Mutation(tenant, GAUGE, rules.partial_update(GAUGE, LEVEL, [one]))])
        assert not isinstance(result, MachinamiError)
    history = await past(postgres.history, tenant, GAUGE, LEVEL)
    assert [one["value"] for one in history] == times
    assert len({one["instanceId"] for one in history}) == 4


async def test_query_refuses_when_it_would_look_at_too_many(database: Database, clock: VirtualClock, tenant: str) -> None:
    store = PostgresStore(database.arguments, clock, Settings({"query_candidates_max": 100}), cached_reads=True)
    await store.open()
    try:
        await store.write([new(tenant, gauge(n, f"text {n}")) for n in range(300)])
        unindexed = EntityQuery(condition=Compare(AttributePath(LEVEL), Comparison.MATCHES, ("999",)))
        with pytest.raises(Refusal, match=r"data\.query\.too_complex"):
            await store.query(tenant, unindexed, Page(10), START)
        indexed = EntityQuery(condition=Compare(AttributePath(LEVEL), Comparison.EQUAL, ("text 7",)))
        assert [one.id for one in (await store.query(tenant, indexed, Page(10), START)).entities] == [gauge(7).id]
        everything = await store.query(tenant, EntityQuery(), Page(10, count=True), START)
        assert (everything.total, everything.more) == (300, True)
        by_level = Ordering((OrderTerm(AttributePath(LEVEL)),))
        with pytest.raises(Refusal, match=r"data\.query\.too_complex"):
            await store.query(tenant, EntityQuery(), Page(10, order=by_level), START)
        assert len((await store.query(tenant, indexed, Page(10, order=by_level), START)).entities) == 1
    finally:
        await store.close()


async def test_keep_house_drops_only_what_every_consumer_has_read(
    postgres: PostgresStore, tenant: str, clock: VirtualClock
) -> None:
    await postgres.pool.execute("truncate consumer")
    await postgres.pool.execute("insert into consumer values ('slow', '0', 0)")
    await postgres.write([new(tenant, gauge())])
    day = "change_log_2026_05_14"
    clock.advance(timedelta(days=8).total_seconds())
    await postgres.keep_house()
    assert (await postgres.pool.fetch("select to_regclass($1) is not null", day))[0][0] is True
    newest = await postgres.newest()
    await postgres.pool.execute("update consumer set transaction = $1, position = $2", newest.transaction, newest.position)
    await postgres.keep_house()
    assert (await postgres.pool.fetch("select to_regclass($1) is not null", day))[0][0] is False
    await postgres.write([set_to(tenant, 2)])
    assert [one.kind for one in await postgres.changes(newest, 10)] == [ChangeKind.UPDATED]


async def test_empty_leaves_people_and_migrations_only(postgres: PostgresStore, tenant: str) -> None:
    await postgres.write([new(tenant, gauge())])
    await PostgresRecords(postgres.pool).put(tenant, "mapping", "a", {})
    await postgres.pool.execute("insert into identity_setup_code (code_hash, expires_at, tries_left) values ('x', now(), 1)")
    await postgres.empty()
    tables = await postgres.pool.fetch(
        "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    left = {one["name"] for one in tables if (await postgres.pool.fetch(f"select 1 from {one['name']} limit 1"))}
    assert left == {"migration", "identity_setup_code"}
    assert await postgres.get(tenant, GAUGE) is None
    [result] = await postgres.write([new(tenant, gauge())])
    assert not isinstance(result, MachinamiError)
