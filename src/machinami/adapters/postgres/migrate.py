"""Numbered SQL migrations, each applied once and in order, each in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from importlib.resources import files

import asyncpg

from machinami.kernel.errors import Refusal

LOCK = 0x6D6163_68696E61
PARTITION_MONTHS_AHEAD = 2
PARTITION_DAYS_AHEAD = 3


def available() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration in the package, in order."""
    found = []
    for entry in files(__package__).joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name)
        if match:
            found.append((int(match[1]), match[2], entry.read_text("utf-8")))
    return sorted(found)


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Bring the schema up to date; returns the names applied now.

    Several servers may start at once: an advisory lock lets one do it. A migration that was changed after it ran, or
    a database from a newer Machinami, is refused.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(
            "create table if not exists migration (number int primary key, name text not null, sha256 text not null,"
            " at timestamptz not null default now())"
        )
        done = {row["number"]: row["sha256"] for row in await connection.fetch("select number, sha256 from migration")}
        known = available()
        if done and max(done) > known[-1][0]:
            raise Refusal("data.store.newer_schema", found=str(max(done)), known=str(known[-1][0]))
        applied = []
        for number, name, sql in known:
            digest = hashlib.sha256(sql.encode()).hexdigest()
            if number in done:
                if done[number] != digest:
                    raise Refusal("data.store.changed_migration", name=f"{number:04d}_{name}")
                continue
            await connection.execute(sql)
            await connection.execute("insert into migration (number, name, sha256) values ($1, $2, $3)", number, name, digest)
            applied.append(f"{number:04d}_{name}")
        return applied


async def ensure_partitions(connection: asyncpg.Connection, now: datetime) -> None:
    """Make the history partitions of this month and the next two, and the log's of today and the next days."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(PARTITION_MONTHS_AHEAD + 1):
        following = (month + timedelta(days=32)).replace(day=1)
        await _partition(connection, "history", f"history_{month:%Y_%m}", month, following)
        month = following
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(PARTITION_DAYS_AHEAD + 1):
        await _partition(connection, "change_log", f"change_log_{day:%Y_%m_%d}", day, day + timedelta(days=1))
        day += timedelta(days=1)


async def drop_old_log(connection: asyncpg.Connection, now: datetime, keep_days: int) -> list[str]:
    """Drop log partitions older than `keep_days` that every consumer has read to the end; returns their names."""
    oldest = f"change_log_{now - timedelta(days=keep_days):%Y_%m_%d}"
    rows = await connection.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'change_log'::regclass"
    )
    dropped = []
    for name in sorted(row["name"] for row in rows):
        if not re.fullmatch(r"change_log_\d{4}_\d\d_\d\d", name) or name >= oldest:
            continue
        unread = await connection.fetchval(
            f"select exists (select 1 from consumer c where (c.transaction, c.position) < "  # noqa: S608 - checked above
            f"(select l.transaction, l.position from {name} l order by l.transaction desc, l.position desc limit 1))"
        )
        if not unread:
            await connection.execute(f"drop table {name}")
            dropped.append(name)
    return dropped


async def _partition(connection: asyncpg.Connection, parent: str, name: str, start: datetime, end: datetime) -> None:
    if await connection.fetchval("select to_regclass($1)", name) is None:
        await connection.execute(
            f"create table if not exists {name} partition of {parent} "
            f"for values from ('{start.isoformat()}') to ('{end.isoformat()}')"
        )
