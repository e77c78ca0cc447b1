"""Migrations and the settings that durability rests on."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

import pytest

from machinami.adapters.postgres import migrate as migrations
from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.store import PostgresStore
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import Refusal, Unavailable
from machinami.kernel.settings import Settings

from .servers import Database, Server

SCHEMA = """select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'
union all select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'"""


@pytest.fixture
def empty(server: Server) -> Iterator[Database]:
    with server.new_database(migrated=False) as made:
        yield made


async def applied(database: Database) -> list[str]:
    connection = await database.connect()
    try:
        return await migrations.migrate(connection)
    finally:
        await connection.close()


async def test_migrate_applies_each_once_and_in_order(empty: Database) -> None:
    names = [f"{number:04d}_{name}" for number, name, _ in migrations.available()]
    assert names == sorted(names)
    assert len({number for number, _, _ in migrations.available()}) == len(names)
    assert await applied(empty) == names
    assert await applied(empty) == []


async def test_migrate_lets_one_do_it_when_servers_start_at_once(empty: Database) -> None:
    done = await asyncio.gather(*(applied(empty) for _ in range(4)))
    assert sorted(len(one) for one in done) == [0, 0, 0, len(migrations.available())]


async def test_migrate_refuses_when_a_migration_was_changed(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await applied(empty)
    known = migrations.available()
    number, name, sql = known[0]
    monkeypatch.setattr(migrations, "available", lambda: [(number, name, sql + " "), *known[1:]])
    with pytest.raises(Refusal) as refused:
        await applied(empty)
    assert (refused.value.code, refused.value.parameters) == ("data.store.changed_migration", {"name": "0001_store"})


async def test_migrate_refuses_when_the_schema_is_newer(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await applied(empty)
    known = migrations.available()
    monkeypatch.setattr(migrations, "available", lambda: known[:-1])
    with pytest.raises(Refusal) as refused:
        await applied(empty)
    assert refused.value.code == "data.store.newer_schema"
    assert refused.value.parameters == {"found": str(known[-1][0]), "known": str(known[-2][0])}


async def test_migrate_keeps_nothing_when_one_fails(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrations.available()
    monkeypatch.setattr(migrations, "available", lambda: [*known, (99, "broken", "create table x (a int); select 1/0")])
    with pytest.raises(Exception, match="division by zero"):
        await applied(empty)
    monkeypatch.undo()
    assert len(await applied(empty)) == len(known)


async def test_migrate_comes_to_the_same_schema_when_it_went_step_by_step(
    database: Database, empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations.available()
    for upto in range(1, len(known) + 1):
        monkeypatch.setattr(migrations, "available", lambda upto=upto: known[:upto])
        await applied(empty)
    monkeypatch.undo()
    schemas = []
    for one in (empty, database):
        connection = await one.connect()
        schemas.append(sorted(tuple(row) for row in await connection.fetch(SCHEMA)))
        digests = dict(await connection.fetch("select number, sha256 from migration"))
        assert digests == {number: hashlib.sha256(sql.encode()).hexdigest() for number, _, sql in known}
        await connection.close()
    assert schemas[0] == schemas[1]


async def opened(database: Database, clock: VirtualClock) -> None:
    store = PostgresStore(database.arguments, clock, Settings(), cached_reads=True)
    try:
        await store.open()
    finally:
        await store.close()


async def admin(database: Database, *statements: str) -> None:
    connection = await database.connect()
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("scope", ["database {name}", "role postgres in database {name}"])
async def test_open_refuses_when_synchronous_commit_is_off(database: Database, clock: VirtualClock, scope: str) -> None:
    user = database.arguments()["user"]
    place = scope.format(name=database.name).replace("role postgres", f"role {user}")
    await admin(database, f"alter {place} set synchronous_commit = off")
    try:
        with pytest.raises(Refusal) as refused:
            await opened(database, clock)
        assert refused.value.code == "data.store.unsafe_setting"
        assert refused.value.parameters["setting"] == "synchronous_commit"
    finally:
        await admin(database, f"alter {place} reset synchronous_commit")
    await opened(database, clock)


@pytest.mark.system_postgres
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_open_refuses_when_the_server_does_not_keep_what_it_confirms(
    debian: Server, clock: VirtualClock, setting: str
) -> None:
    with debian.new_database() as database:
        await admin(database, f"alter system set {setting} = off", "select pg_reload_conf()")
        try:
            await shows(database, setting, "off")
            with pytest.raises(Refusal) as refused:
                await opened(database, clock)
            assert refused.value.parameters == {"setting": setting, "found": "off", "wanted": "on"}
        finally:
            await admin(database, f"alter system reset {setting}", "select pg_reload_conf()")
            await shows(database, setting, "on")


async def shows(database: Database, setting: str, wanted: str) -> None:
    """Until a new connection sees the reloaded setting."""
    async with asyncio.timeout(10):
        while True:
            connection = await database.connect()
            found = await connection.fetchval("select current_setting($1)", setting)
            await connection.close()
            if found == wanted:
                return


async def test_open_is_unavailable_when_nobody_answers(clock: VirtualClock, tmp_path: object) -> None:
    pool = Pool(lambda: {"host": str(tmp_path), "port": 1, "user": "x", "database": "x"}, 1, 1.0)
    with pytest.raises(Unavailable, match=r"data\.store\.unavailable"):
        await pool.open()
