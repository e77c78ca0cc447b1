"""The change log on a real server: one order for all readers, whether a change is known in memory or read from the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from machinami.adapters.postgres.change_log import ChangeLog
from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.ports import Mutation
from machinami.kernel.change import Change, Cursor
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.settings import Settings

from .servers import Database

D = "https://uri.etsi.org/ngsi-ld/default-context/"
LEVEL, NAME = f"{D}level", f"{D}name"


def gauge(number: int, level: int = 0, expires_at: str | None = None) -> Entity:
    attributes = {LEVEL: [{"type": "Property", "value": level}], NAME: [{"type": "Property", "value": "港"}]}
    return Entity(f"urn:ngsi-ld:Gauge:{number}", (f"{D}Gauge",), attributes, expires_at=expires_at)


def new(tenant: str, entity: Entity) -> Mutation:
    return Mutation(tenant, entity.id, rules.create(entity), "user:sato", "replay")


def level_to(tenant: str, number: int, level: int) -> Mutation:
    one = gauge(number).id
    return Mutation(tenant, one, rules.partial_update(one, LEVEL, [{"type": "Property", "value": level}]), "key:vendor")


def without_name(tenant: str, number: int) -> Mutation:
    return Mutation(tenant, gauge(number).id, rules.delete_attribute(gauge(number).id, NAME, None, True))


def gone(tenant: str, number: int) -> Mutation:
    return Mutation(tenant, gauge(number).id, rules.delete_entity(gauge(number).id))


class Reader:
    """Follows a store's log in small batches."""

    def __init__(self, store: PostgresStore, start: Cursor, limit: int) -> None:
        self.store, self.cursor, self.limit = store, start, limit
        self.seen: list[Change] = []

    async def read(self) -> bool:
        found = await self.store.changes(self.cursor, self.limit)
        self.seen += found
        self.cursor = found[-1].cursor if found else self.cursor
        return bool(found)

    async def follow(self, until: asyncio.Event) -> None:
        while not until.is_set() or await self.read():
            await self.read()
            await asyncio.sleep(0)


@pytest.fixture
async def other(database: Database, clock: VirtualClock) -> AsyncIterator[PostgresStore]:
    """A second process's store on the same database, whose memory holds hardly anything."""
    made = PostgresStore(database.arguments, clock, Settings({"changes_kept_bytes_max": 3_000}), cached_reads=False)
    await made.open()
    yield made
    await made.close()


async def stored(pool: Pool, start: Cursor) -> list[Change]:
    """What a process that has just begun reads."""
    return alike(await ChangeLog(pool, 0).read(start, 100_000))


def alike(changes: list[Change]) -> list[Change]:
    """The changes with their instances in one order: the server orders the members of a document in its own way."""
    return [replace(one, instances=tuple(sorted(one.instances, key=lambda each: each.attribute))) for one in changes]


async def test_changes_are_the_same_from_memory_as_from_the_store(
    postgres: PostgresStore, pool: Pool, tenant: str, clock: VirtualClock
) -> None:
    start = await postgres.newest()
    await postgres.changes(start, 1)
    soon = iso(clock.now() + timedelta(seconds=5))
    await postgres.write([new(tenant, gauge(1)), new(tenant, gauge(2, expires_at=soon)), level_to(tenant, 1, 3)])
    clock.advance(1)
    await postgres.write([without_name(tenant, 1), level_to(tenant, 1, 4), new(tenant, gauge(3)), gone(tenant, 3)])
    await postgres.write([gone(tenant, 1), new(tenant, gauge(1, 9))])
    clock.advance(10)
    await postgres.write([new(tenant, gauge(2, 5))])
    from_store = await stored(pool, start)
    assert len(from_store) == 10
    assert alike(await postgres.changes(start, 100)) == from_store
    assert postgres.log.read_from_store == 0


async def test_changes_come_in_one_order_when_two_processes_write_at_once(
    postgres: PostgresStore, other: PostgresStore, pool: Pool, tenant: str
) -> None:
    start = await postgres.newest()
    readers = [Reader(store, start, limit) for store in (postgres, other) for limit in (7, 500)]
    written = asyncio.Event()
    following = [asyncio.create_task(one.follow(written)) for one in readers]
    await asyncio.gather(
        *(store.write([new(tenant, gauge(number)), level_to(tenant, number, 1)])
          for number in range(120) for store in ((postgres, other)[number % 2],))
    )  # fmt: skip
    await asyncio.gather(
        *(store.write([level_to(tenant, number, store is other)]) for number in range(120) for store in (postgres, other))
    )
    written.set()
    await asyncio.gather(*following)
    from_store = await stored(pool, start)
    assert len(from_store) == 480
    for reader in readers:
        assert alike(reader.seen) == from_store


async def test_changes_go_on_behind_the_cursor_when_the_process_begins_again(
    postgres: PostgresStore, other: PostgresStore, pool: Pool, tenant: str
) -> None:
    start = await postgres.newest()
    before = Reader(postgres, start, 5)
    await before.read()
    await postgres.write([new(tenant, gauge(number)) for number in range(8)])
    await before.read()
    after = Reader(other, before.cursor, 2)
    await postgres.write([level_to(tenant, number, 1) for number in range(8)])
    while await after.read():
        pass
    assert alike([*before.seen, *after.seen]) == await stored(pool, start)
