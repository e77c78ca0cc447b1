"""The `IdentityStore` port on real servers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.identity import FIRST_USER_LOCK, PostgresIdentities
from machinami.kernel.caller import ALL_ROLES, Role
from machinami.security.identity.model import ApiKey, Session, SetupCode, User

from .servers import START, Database

HOUR = timedelta(hours=1)


@pytest.fixture
async def store(pool: Pool) -> PostgresIdentities:
    await pool.execute("truncate identity_person, identity_setup_code, identity_session, identity_api_key")
    return PostgresIdentities(pool)


def user(name: str = "sato", tenant: str = "default") -> User:
    return User(tenant, name, "佐藤 花子", "$argon2id$x", ALL_ROLES, START)


def session(token: str, name: str = "sato", began=START) -> Session:
    return Session(token, "default", name, began, began + HOUR)


def key(name: str = "bus", prefix: str = "abc", tenant: str = "default") -> ApiKey:
    return ApiKey(prefix, tenant, name, "hash", frozenset({Role.READER, Role.WRITER}), START, "user:sato", START + HOUR)


async def test_add_first_user_keeps_the_user_and_ends_the_setup(store: PostgresIdentities) -> None:
    await store.put_setup_code(SetupCode("c", START + HOUR, 5))
    assert await store.any_user() is False
    assert await store.add_first_user(user()) is True
    assert await store.any_user() is True
    assert await store.user("default", "sato") == user()
    assert await store.spend_setup_try(START) is None


async def test_add_first_user_is_refused_when_any_tenant_has_one(store: PostgresIdentities) -> None:
    await store.add_first_user(user(tenant="other"))
    assert await store.add_first_user(user()) is False
    assert await store.user("default", "sato") is None


async def test_add_first_user_waits_and_is_refused_when_another_is_being_added(
    store: PostgresIdentities, database: Database
) -> None:
    connection = await database.connect()
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", FIRST_USER_LOCK)
        await connection.execute("insert into identity_person values ('default', 'suzuki', '', '', '{}', now())")
        late = asyncio.create_task(store.add_first_user(user()))
        async with asyncio.timeout(10):
            while not late.done() and not await connection.fetchval("select count(*) from pg_locks where not granted"):
                pass
    await connection.close()
    assert await late is False
    assert await store.user("default", "sato") is None


async def test_update_user_replaces_all_but_tenant_and_name(store: PostgresIdentities) -> None:
    await store.add_first_user(user())
    changed = User("default", "sato", "Sato", "other", frozenset({Role.OPERATOR}), START + HOUR, START + 2 * HOUR)
    await store.update_user(changed)
    await store.update_user(user("nobody"))
    assert await store.user("default", "sato") == changed
    assert await store.user("default", "nobody") is None


async def test_spend_setup_try_takes_one_until_none_is_left(store: PostgresIdentities) -> None:
    assert await store.spend_setup_try(START) is None
    await store.put_setup_code(SetupCode("old", START + HOUR, 9))
    await store.put_setup_code(SetupCode("new", START + HOUR, 3))
    assert await store.spend_setup_try(START + HOUR) is None
    tries = await asyncio.gather(*(store.spend_setup_try(START) for _ in range(5)))
    assert sorted(one.tries_left for one in tries if one) == [0, 1, 2]
    assert {one.code_hash for one in tries if one} == {"new"}


async def test_add_session_drops_those_that_expired(store: PostgresIdentities) -> None:
    await store.add_first_user(user())
    await store.add_session(session("a"))
    await store.add_session(session("b", began=START + HOUR - timedelta(seconds=1)))
    assert await store.session("a") == session("a")
    await store.add_session(session("c", began=START + HOUR))
    assert await store.session("a") is None
    assert await store.session("b") is not None


async def test_remove_session_ends_one_or_all_of_a_user(store: PostgresIdentities) -> None:
    await store.add_first_user(user())
    for token in "abc":
        await store.add_session(session(token))
    await store.remove_session("a")
    await store.remove_session("none")
    assert [await store.session(token) is None for token in "abc"] == [True, False, False]
    await store.remove_sessions("other", "sato")
    assert await store.session("b") is not None
    await store.remove_sessions("default", "sato")
    assert [await store.session(token) for token in "bc"] == [None, None]


async def test_add_key_refuses_a_name_or_prefix_that_is_taken(store: PostgresIdentities) -> None:
    assert await store.add_key(key()) is True
    assert await store.add_key(key(prefix="other")) is False
    assert await store.add_key(key(name="other")) is False
    assert await store.add_key(key(name="bus", prefix="second", tenant="other")) is True
    assert await store.key("abc") == key()
    assert await store.key("none") is None


async def test_keys_lists_a_tenant_by_name(store: PostgresIdentities) -> None:
    for number, name in enumerate(("b", "a", "c")):
        await store.add_key(key(name, str(number)))
    await store.add_key(key("x", "9", "other"))
    assert [one.name for one in await store.keys("default")] == ["a", "b", "c"]


async def test_revoke_key_keeps_the_first_time(store: PostgresIdentities) -> None:
    await store.add_key(key())
    revoked = replace(key(), revoked_at=START + HOUR)
    assert await store.revoke_key("default", "bus", START + HOUR) == revoked
    assert await store.revoke_key("default", "bus", START + 2 * HOUR) == revoked
    assert await store.revoke_key("other", "bus", START) is None
    assert await store.key("abc") == revoked
