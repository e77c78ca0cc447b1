"""The `DeliveryStore` port on PostgreSQL, and what the matchers need to put rows into it (migration 0002)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import asyncpg

from machinami.adapters.postgres import delivery_sql as sql
from machinami.adapters.postgres.connection import Pool, encode_jsonb
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.data.delivery.model import DeadLetter, Delivery, Outcome, Settlement, State, Urgency
from machinami.kernel.change import Cursor
from machinami.kernel.errors import Unavailable

CLAIM_LOCK: Final = 0x6D6163_636C61696D
LANE_LOCKS: Final = 64
"""Lanes share so many advisory locks, so that one transaction never needs more than the server has room for."""

ERROR_CHARACTERS_MAX: Final = 500
TOO_OLD: Final = "not delivered within its time"
_RANK: Final = {Urgency.ALARM: 0, Urgency.MEASURE: 1}
_URGENCY: Final = {rank: urgency for urgency, rank in _RANK.items()}
_LEDGER_WORDS: Final = {State.DELIVERED: "delivered", State.WAITING: "failing", State.DEAD: "dead"}

Key = tuple[str, str, str]
"""(tenant, subscription, order key): rows of one key go out one after the other."""


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """What a subscription's tries came to (CIM 009 5.2.14): each try counts as sent, each unsuccessful one as failed too."""

    times_sent: int = 0
    times_failed: int = 0
    last_notification: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None

    def after(self, settlement: Settlement) -> SubscriptionState:
        """The state after one more try."""
        at, delivered = settlement.at, settlement.state is State.DELIVERED
        return SubscriptionState(
            self.times_sent + 1,
            self.times_failed + (not delivered),
            at,
            at if delivered else self.last_success,
            self.last_failure if delivered else at,
        )


class PostgresDeliveries:
    """Implements `data.delivery.ports.DeliveryStore`. Several workers and matchers may use one database."""

    def __init__(self, pool: Pool, cursors: ConsumerCursors) -> None:
        self._pool = pool
        self._cursors = cursors

    # for matchers

    async def commit_matches(self, consumer: str, old: Cursor, new: Cursor, rows: Sequence[Delivery]) -> None:
        """Write what a matcher found between two cursors and move its cursor, in one transaction.

        Raises `Unavailable` `data.consumer.overtaken`, and writes nothing, if the consumer no longer stands at `old`.
        """
        async with self._pool.transaction() as connection:
            await self._cursors.advance(connection, consumer, old, new)
            await self.insert(connection, rows)

    async def queue(self, rows: Sequence[Delivery]) -> None:
        """Queue rows that nothing else is to be stored with."""
        async with self._pool.transaction() as connection:
            await self.insert(connection, rows)

    async def insert(self, connection: asyncpg.Connection, rows: Sequence[Delivery]) -> None:
        """Queue rows within the caller's transaction, in order; their `number` and `attempts` are not looked at.

        It locks lanes, so it has to be the transaction's last step that locks anything.
        """
        if not rows:
            return
        await _lock_lanes(connection, ((row.tenant, row.subscription_id) for row in rows))
        columns = zip(
            *(
                (
                    row.tenant, row.subscription_id, row.order_key, row.notification_id, row.url, row.endpoint,
                    encode_jsonb(dict(row.headers)), row.body, _RANK[row.urgency], row.timeout_s, row.cooldown_s,
                    row.created_at,
                )
                for row in rows
            ),
            strict=True,
        )  # fmt: skip
        await connection.execute(sql.INSERT, *(list(column) for column in columns))

    async def drop_lane(self, tenant: str, subscription_id: str) -> None:
        """Remove a deleted subscription's waiting rows and its counters.

        Dead letters stay until people have dealt with them (trust-N6).
        """
        async with self._pool.transaction() as connection:
            await _lock_lanes(connection, [(tenant, subscription_id)])
            await connection.execute(sql.DROP_LANE, tenant, subscription_id)

    async def periods(self) -> dict[tuple[str, str], datetime]:
        """When each periodic subscription that was notified before is due next."""
        rows = await self._pool.fetch("select tenant, subscription_id, due_at from subscription_period")
        return {(row["tenant"], row["subscription_id"]): row["due_at"] for row in rows}

    async def commit_period(
        self, tenant: str, subscription_id: str, old: datetime | None, new: datetime, rows: Sequence[Delivery]
    ) -> int:
        """As `data.subscriptions.ports.PeriodStore`."""
        async with self._pool.transaction() as connection:
            moved = await connection.execute(sql.MOVE_PERIOD, tenant, subscription_id, old, new)
            if moved.endswith(" 0"):
                raise Unavailable("data.consumer.overtaken", consumer=subscription_id)
            if await connection.fetchval(sql.LANE_WAITS, tenant, subscription_id):
                return 0
            await self.insert(connection, rows)
        return len(rows)

    async def states(self, tenant: str, subscription_ids: Sequence[str]) -> dict[str, SubscriptionState]:
        """The counters of those subscriptions that were notified at least once."""
        rows = await self._pool.fetch(sql.STATES, tenant, list(subscription_ids))
        return {row["subscription_id"]: SubscriptionState(*list(row)[1:]) for row in rows}

    # the port

    async def due(
        self, now: datetime, limit: int, lane_in_flight_max: int, allowances: Mapping[str, int], lease_s: float
    ) -> list[Delivery]:
        async with self._pool.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock($1)", CLAIM_LOCK)
            rows = await connection.fetch(
                sql.CLAIM, now, limit, lane_in_flight_max, list(allowances), list(allowances.values()), lease_s
            )
        return [_delivery(row) for row in sorted(rows, key=lambda row: (row["urgency"], row["due_at"], row["number"]))]

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        if not settlements:
            return
        latest = {(one.delivery.tenant, one.delivery.number): one for one in settlements}
        async with self._pool.transaction() as connection:
            await _lock_lanes(connection, (_lane(one.delivery) for one in latest.values()))
            applied = [latest[row["tenant"], row["number"]] for row in await connection.fetch(sql.SETTLE, *_settled(latest))]
            ended = [one.delivery for one in applied if one.state is not State.WAITING]
            await _promote(connection, [(one.tenant, one.subscription_id, one.order_key) for one in ended])
            await _count(connection, applied)
            await _enter_in_ledger(connection, [one for one in applied if one.delivery.urgency is Urgency.ALARM])

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        tenants, numbers = [one.tenant for one in deliveries], [one.number for one in deliveries]
        await self._pool.execute(sql.RELEASE, tenants, numbers, [one.attempts for one in deliveries])

    async def free_claims(self) -> None:
        """Give back what a server that is gone had claimed; only for a server that has the folder to itself."""
        await self._pool.execute("update delivery set claimed_until = null where claimed_until is not null")

    async def expire(self, endpoint: str, created_before: Mapping[Urgency, datetime], at: datetime, limit: int) -> int:
        bounds = [created_before.get(urgency) for urgency in (Urgency.ALARM, Urgency.MEASURE)]
        async with self._pool.transaction() as connection:
            found = await connection.fetch(sql.TOO_OLD, endpoint, *bounds, at, limit)
            await _lock_lanes(connection, ((row["tenant"], row["subscription_id"]) for row in found))
            tenants, numbers = [row["tenant"] for row in found], [row["number"] for row in found]
            rows = await connection.fetch(sql.EXPIRE, tenants, numbers, at, TOO_OLD)
            await _promote(connection, [_key(row) for row in rows])
            await _correct_ledger(connection, rows, "dead", TOO_OLD, at)
        return len(rows)

    async def requeue(self, tenant: str, numbers: Sequence[int], now: datetime) -> int:
        async with self._pool.transaction() as connection:
            found = await connection.fetch(sql.LANES_OF, tenant, list(numbers))
            await _lock_lanes(connection, ((tenant, row["subscription_id"]) for row in found))
            rows = await connection.fetch(sql.REQUEUE, tenant, list(numbers), now)
            keys = [_key(row) for row in rows]
            if keys:
                await connection.execute(sql.DEMOTE, *_columns(keys))
            await _promote(connection, keys)
            await _correct_ledger(connection, rows, "pending", "", now)
        return len(rows)

    async def dead_letters(self, tenant: str, subscription_id: str | None, after: int, limit: int) -> list[DeadLetter]:
        rows = await self._pool.fetch(sql.DEAD_LETTERS, tenant, subscription_id, after, limit)
        return [DeadLetter(_delivery(row), row["dead_at"], row["last_error"]) for row in rows]

    async def waiting(self) -> int:
        row = await self._pool.fetch_row("select count(*) from delivery where dead_at is null")
        return int(row[0]) if row else 0


async def _lock_lanes(connection: asyncpg.Connection, lanes: Iterable[tuple[str, str]]) -> None:
    """Lock the lanes' buckets in one order until the transaction ends."""
    buckets = {hashlib.blake2b("\0".join(lane).encode(), digest_size=1).digest()[0] % LANE_LOCKS for lane in lanes}
    await connection.execute(sql.LOCK_LANES, sorted(buckets))


async def _promote(connection: asyncpg.Connection, keys: Sequence[Key]) -> None:
    """Make the first live row of each key its head."""
    if keys:
        await connection.execute(sql.PROMOTE, *_columns(sorted(set(keys))))


async def _count(connection: asyncpg.Connection, applied: Sequence[Settlement]) -> None:
    states: dict[tuple[str, str], SubscriptionState] = {}
    for one in sorted(applied, key=lambda one: one.at):
        lane = _lane(one.delivery)
        states[lane] = states.get(lane, SubscriptionState()).after(one)
    if states:
        rows = [
            (*lane, state.times_sent, state.times_failed, state.last_notification, state.last_success, state.last_failure)
            for lane, state in sorted(states.items())
        ]
        await connection.execute(sql.COUNT, *_columns(rows))


async def _enter_in_ledger(connection: asyncpg.Connection, applied: Sequence[Settlement]) -> None:
    rows = [
        (
            one.delivery.tenant, one.delivery.notification_id, _LEDGER_WORDS[one.state], one.delivery.attempts + 1, one.at,
            one.outcome.duration_s, "" if one.state is State.DELIVERED else _error_text(one.outcome),
        )
        for one in applied
    ]  # fmt: skip
    if rows:
        await connection.execute(sql.LEDGER_TRIES, *_columns(rows))


async def _correct_ledger(
    connection: asyncpg.Connection, rows: Sequence[asyncpg.Record], state: str, error: str, at: datetime
) -> None:
    if rows:
        tenants, notifications = [row["tenant"] for row in rows], [row["notification_id"] for row in rows]
        await connection.execute(sql.LEDGER_STATE, tenants, notifications, state, error, at)


def _settled(latest: Mapping[tuple[str, int], Settlement]) -> list[list[Any]]:
    """The arguments of `SETTLE`."""
    return _columns(
        [
            (
                *place, one.state.value, one.delivery.attempts + 1, one.at, one.due_at,
                "" if one.state is State.DELIVERED else _error_text(one.outcome),
            )
            for place, one in sorted(latest.items())
        ]
    )  # fmt: skip


def _error_text(outcome: Outcome) -> str:
    reason = outcome.failure.value if outcome.failure is not None else f"HTTP {outcome.status}"
    text = f"{reason}: {outcome.detail}" if outcome.detail else reason
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:ERROR_CHARACTERS_MAX]


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows, at least one, as the columns that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


def _lane(delivery: Delivery) -> tuple[str, str]:
    return delivery.tenant, delivery.subscription_id


def _key(row: asyncpg.Record) -> Key:
    return row["tenant"], row["subscription_id"], row["order_key"]


def _delivery(row: asyncpg.Record) -> Delivery:
    values = {name: row[name] for name in sql.DELIVERY_NAMES}
    return replace(Delivery(**values), urgency=_URGENCY[row["urgency"]])
