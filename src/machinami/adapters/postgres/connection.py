"""Connections to PostgreSQL: codecs, pool, and the durability settings read back from the server (trust-N1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

from machinami.kernel.errors import Refusal, Unavailable

ConnectArguments = Callable[[], dict[str, Any]]
UNREACHABLE = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
    asyncpg.TooManyConnectionsError,
    TimeoutError,
)
REQUIRED_SETTINGS = {"fsync": "on", "full_page_writes": "on"}
MAJOR_MIN = 15
SESSION = {"application_name": "machinami", "timezone": "UTC", "jit": "off", "plan_cache_mode": "auto"}
READING = {"enable_seqscan": "off", "enable_bitmapscan": "off", "work_mem": "16MB"}
"""For the pool: rows are reached by the key of an index that covers them, and walked in its order. Without these a plan rests
on how many rows the server guesses, which is wrong by orders of magnitude until a while after a large import; a plan kept from
the time when the table was small stays wrong as long. What is sorted or hashed within our bounds stays in memory."""


def encode_jsonb(document: Any) -> bytes:
    """A JSON value in jsonb's binary wire form: version byte 1, then the text."""
    return b"\x01" + orjson.dumps(document)


def _pass_through(encoded: bytes) -> bytes:
    return encoded if encoded[:1] == b"\x01" else b"\x01" + encoded


def _decode_jsonb(encoded: bytes) -> Any:
    return orjson.loads(memoryview(encoded)[1:])


async def prepare(connection: asyncpg.Connection) -> None:
    """Set the codecs of a new connection. jsonb parameters are given as encoded bytes, results come as values."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_pass_through, decoder=_decode_jsonb, format="binary")
    await connection.set_type_codec("xid8", schema="pg_catalog", encoder=str, decoder=int, format="text")


async def connect(arguments: ConnectArguments) -> asyncpg.Connection:
    """One prepared connection; raises `Unavailable` if the server can't be reached."""
    try:
        connection = await asyncpg.connect(**arguments(), server_settings=SESSION, timeout=10.0)
        await prepare(connection)
    except UNREACHABLE as error:
        raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error
    return connection


class Pool:
    """A small pool whose failures to reach the server surface as `Unavailable`, never as an empty answer."""

    def __init__(self, arguments: ConnectArguments, size: int, timeout_s: float) -> None:
        self._arguments = arguments
        self._size = size
        self._timeout_s = timeout_s
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Make the pool and read back the settings that durability rests on."""

        async def fresh(*_: Any, **__: Any) -> asyncpg.Connection:
            return await asyncpg.connect(**self._arguments(), server_settings=SESSION | READING, timeout=10.0)

        try:
            self._pool = await asyncpg.create_pool(
                min_size=1, max_size=self._size, init=prepare, connect=fresh, reset=_as_it_is, command_timeout=self._timeout_s
            )
        except UNREACHABLE as error:
            raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error
        await self.run(check_durability)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        """Run `work` on a connection; one retry when the server restarted under it or undid it as a deadlock."""
        if self._pool is None:
            raise Unavailable("data.store.unavailable", reason="not open")
        for attempt in (1, 2):
            try:
                async with self._pool.acquire(timeout=self._timeout_s) as connection:
                    return await work(connection)
            except asyncpg.QueryCanceledError as error:
                raise Refusal("data.query.too_slow", seconds=self._timeout_s) from error
            except asyncpg.DataError as error:
                raise Refusal("data.store.value_refused", reason=str(error)[:200]) from error
            except asyncpg.DeadlockDetectedError as error:
                if attempt == 2:
                    raise Unavailable("data.store.conflict", tries="2") from error
            except UNREACHABLE as error:
                if attempt == 2 or isinstance(error, TimeoutError):
                    raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection in a transaction that commits, fsynced, when the block ends without an error.

        Nothing is tried twice: whether a commit that broke off has happened is for the caller's keys and cursors to tell.
        Deadlocks and serialisation failures surface as `Unavailable` `data.store.conflict`.
        """
        if self._pool is None:
            raise Unavailable("data.store.unavailable", reason="not open")
        try:
            async with self._pool.acquire(timeout=self._timeout_s) as connection, connection.transaction():
                yield connection
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
            raise Unavailable("data.store.conflict", tries="1") from error
        except UNREACHABLE as error:
            raise Unavailable("data.store.unavailable", reason=type(error).__name__) from error

    async def fetch(self, sql: str, *parameters: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.run(lambda connection: connection.fetch(sql, *parameters))
        return rows

    async def fetch_row(self, sql: str, *parameters: Any) -> asyncpg.Record | None:
        return await self.run(lambda connection: connection.fetchrow(sql, *parameters))

    async def execute(self, sql: str, *parameters: Any) -> str:
        status: str = await self.run(lambda connection: connection.execute(sql, *parameters))
        return status


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """A connection goes back to the pool without a query of its own: what uses the pool leaves no state in a session (locks
    and settings are those of a transaction, and an open one is rolled back all the same)."""


async def check_durability(connection: asyncpg.Connection) -> None:
    """Refuse a server that could lose acknowledged writes (trust-N1) or that is older than we support."""
    if connection.get_server_version().major < MAJOR_MIN:
        raise Refusal("data.store.too_old", version=str(connection.get_server_version().major), least=str(MAJOR_MIN))
    for name, wanted in REQUIRED_SETTINGS.items():
        found = await connection.fetchval("select current_setting($1)", name)
        if found != wanted:
            raise Refusal("data.store.unsafe_setting", setting=name, found=found, wanted=wanted)
    commit = await connection.fetchval("select current_setting('synchronous_commit')")
    if commit == "off":
        raise Refusal("data.store.unsafe_setting", setting="synchronous_commit", found=commit, wanted="on")
