"""The `AlarmStore` port on PostgreSQL (migration 0004): alarms, their ledger, rule states, one transaction for all of it."""
# ruff: noqa: S608 - column lists are constants, values are parameters

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
import orjson

from machinami.adapters.postgres.alarm_rows import (
    RULE_STATE,
    alarm_document,
    alarm_of,
    history_document,
    history_of,
    rule_state_of,
    rule_state_values,
)
from machinami.adapters.postgres.connection import Pool, encode_jsonb
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.command.alarms.conditions import RuleState
from machinami.command.alarms.model import Alarm, AlarmKey, Notice, Transition
from machinami.command.alarms.ports import AlarmPage, AlarmQuery, AlarmRecord, Ledger, ListState
from machinami.command.alarms.ports import Delivery as LedgerLine
from machinami.command.alarms.presentation import notification_document
from machinami.data.delivery.model import Delivery, Urgency
from machinami.data.delivery.rules import endpoint_of
from machinami.kernel.change import Cursor
from machinami.kernel.clock import Clock
from machinami.kernel.entity import Entity, from_document
from machinami.kernel.ids import shard_of, stable_urn

SUBSCRIBERS: Final = "alarm-webhook"
"""Kind of the records that name the receivers of alarms: {"id", "url", "name", "headers"?: {name: value}}."""

TENANT_LOCK: Final = "select pg_advisory_xact_lock(1835098977, hashtext($1))"
_WHERE: Final = {
    ListState.ACTIVE: "not a.closed",
    ListState.ACKNOWLEDGED: "not a.closed and a.acknowledged",
    ListState.HISTORY: "a.closed",
    ListState.ALL: "true",
}
_RECORD: Final = """select a.document, a.stored_at, l.sent_at, l.delivered_at from alarm a cross join lateral (
  select min(sent_at) as sent_at, min(delivered_at) as delivered_at from alarm_delivery d
  where d.tenant = a.tenant and d.alarm_id = a.id) l"""
_KEEP: Final = """insert into alarm as a (tenant, id, source, event, area, kind, occurrence, severity, acknowledged, closed,
  raised_at, shelved_until, entity_id, stored_at, notices, document)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (tenant, id) do update set severity = excluded.severity, acknowledged = excluded.acknowledged,
  closed = excluded.closed, raised_at = excluded.raised_at, shelved_until = excluded.shelved_until,
  entity_id = excluded.entity_id, notices = a.notices + excluded.notices, document = excluded.document
returning notices"""


class PostgresAlarms:
    """Implements `command.alarms.ports.AlarmStore`. `on_queued` is called after notifications were committed."""

    def __init__(
        self, pool: Pool, deliveries: PostgresDeliveries, clock: Clock, on_queued: Callable[[], None] = lambda: None
    ) -> None:
        self._pool = pool
        self._deliveries = deliveries
        self._cursors = ConsumerCursors(pool)
        self._clock = clock
        self._on_queued = on_queued

    @asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncIterator[PostgresAlarmTransaction]:
        async with self._pool.transaction() as connection:
            await connection.execute(TENANT_LOCK, tenant)
            transaction = PostgresAlarmTransaction(connection, tenant, self._cursors, self._clock)
            yield transaction
            await self._deliveries.insert(connection, transaction.queued)
        if transaction.queued:
            self._on_queued()

    async def find(self, tenant: str, query: AlarmQuery) -> AlarmPage:
        about = "" if query.entity_id is None else " and a.entity_id = $3"
        parameters = (tenant, query.limit) if query.entity_id is None else (tenant, query.limit, query.entity_id)
        rows = await self._pool.fetch(
            f"{_RECORD} where a.tenant = $1 and {_WHERE[query.state]}{about} order by a.raised_at desc, a.id desc limit $2",
            *parameters,
        )
        counts = await self._pool.fetch(
            "select severity, count(*) as n, count(*) filter (where shelved_until > $2) as shelved from alarm"
            " where tenant = $1 and not closed group by severity",
            tenant, self._clock.now(),
        )  # fmt: skip
        by_severity = {row["severity"]: row["n"] for row in counts}
        return AlarmPage(tuple(_record(row) for row in rows), {**by_severity, "shelved": sum(row["shelved"] for row in counts)})

    async def record(self, tenant: str, alarm_id: str) -> AlarmRecord | None:
        row = await self._pool.fetch_row(f"{_RECORD} where a.tenant = $1 and a.id = $2", tenant, alarm_id)
        if row is None:
            return None
        history = await self._pool.fetch(
            "select document from alarm_history where tenant = $1 and alarm_id = $2 order by number", tenant, alarm_id
        )
        lines = await self._pool.fetch(
            "select subscriber, state, attempts, at, error from alarm_delivery"
            " where tenant = $1 and alarm_id = $2 order by number",
            tenant, alarm_id,
        )  # fmt: skip
        record = _record(row)
        return AlarmRecord(
            record.alarm,
            record.ledger,
            tuple(history_of(alarm_id, one["document"]) for one in history),
            tuple(LedgerLine(**one) for one in lines),
        )

    async def due_states(self, tenant: str, now: datetime, limit: int) -> list[RuleState]:
        rows = await self._pool.fetch(
            f"select {RULE_STATE} from alarm_rule_state where tenant = $1 and due_at <= $2 order by due_at limit $3",
            tenant, now, limit,
        )  # fmt: skip
        return [rule_state_of(row) for row in rows]

    async def entity(self, tenant: str, entity_id: str) -> Entity | None:
        row = await self._pool.fetch_row(
            "select sequence, version, document from entity where tenant = $1 and shard = $2 and id = $3",
            tenant, shard_of(tenant, entity_id), entity_id,
        )  # fmt: skip
        return from_document(row["document"], row["version"], row["sequence"]) if row else None


class PostgresAlarmTransaction:
    """Implements `command.alarms.ports.AlarmTransaction`; the only open one of its tenant.

    `queued` are the notifications to be written at the end, because that locks lanes.
    """

    def __init__(self, connection: asyncpg.Connection, tenant: str, cursors: ConsumerCursors, clock: Clock) -> None:
        self._connection = connection
        self._tenant = tenant
        self._cursors = cursors
        self._clock = clock
        self._subscribers: list[dict[str, Any]] | None = None
        self.queued: list[Delivery] = []

    async def rule_states(self, rule_id: str, entity_id: str) -> list[RuleState]:
        rows = await self._connection.fetch(
            f"select {RULE_STATE} from alarm_rule_state where tenant = $1 and rule_id = $2 and entity_id = $3 order by subject",
            self._tenant, rule_id, entity_id,
        )  # fmt: skip
        return [rule_state_of(row) for row in rows]

    async def keep_rule_state(self, state: RuleState) -> None:
        await self._connection.execute(
            f"insert into alarm_rule_state (tenant, {RULE_STATE}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            " on conflict (tenant, rule_id, entity_id, subject) do update set firing = excluded.firing,"
            ' "order" = excluded."order", seen_at = excluded.seen_at, pending = excluded.pending,'
            " pending_event_at = excluded.pending_event_at, pending_arrived_at = excluded.pending_arrived_at,"
            " due_at = excluded.due_at",
            self._tenant, *rule_state_values(state),
        )  # fmt: skip

    async def latest_alarm(self, key: AlarmKey) -> Alarm | None:
        document = await self._connection.fetchval(
            "select document from alarm where tenant = $1 and source = $2 and event = $3 and area = $4 and kind = $5"
            " order by occurrence desc limit 1",
            self._tenant, key.source, key.event, key.area, key.kind,
        )  # fmt: skip
        return alarm_of(document) if document else None

    async def alarm(self, alarm_id: str) -> Alarm | None:
        document = await self._connection.fetchval(
            "select document from alarm where tenant = $1 and id = $2", self._tenant, alarm_id
        )
        return alarm_of(document) if document else None

    async def keep_alarm(self, transition: Transition) -> None:
        alarm = transition.alarm
        if alarm is None:
            return
        now = self._clock.now()
        key = alarm.key
        notices = await self._connection.fetchval(
            _KEEP, self._tenant, alarm.id, key.source, key.event, key.area, key.kind, alarm.occurrence, alarm.severity,
            alarm.acknowledged, alarm.closed, alarm.raised_at, alarm.shelved_until, alarm.entity_id, now,
            1 if transition.notice else 0, encode_jsonb(alarm_document(alarm)),
        )  # fmt: skip
        await self._connection.execute(
            "insert into alarm_history (tenant, alarm_id, document) select $1, $2, one"
            " from unnest($3::jsonb[]) with ordinality as g(one, o) order by o",
            self._tenant, alarm.id, [encode_jsonb(history_document(entry)) for entry in transition.history],
        )  # fmt: skip
        if transition.notice is not None:
            await self._queue(alarm, transition.notice, notices, now)

    async def move_cursor(self, consumer: str, cursor: Cursor) -> None:
        await self._cursors.advance_past(self._connection, consumer, cursor)

    async def _queue(self, alarm: Alarm, notice: Notice, number: int, now: datetime) -> None:
        """Queue one notification per subscriber and open its line in the ledger."""
        if self._subscribers is None:
            rows = await self._connection.fetch(
                "select document from record where tenant = $1 and kind = $2 order by number", self._tenant, SUBSCRIBERS
            )
            self._subscribers = [row["document"] for row in rows]
        for subscriber in self._subscribers:
            delivery = notification(self._tenant, subscriber, alarm, notice, number, now)
            self.queued.append(delivery)
            await self._connection.execute(
                "insert into alarm_delivery (tenant, alarm_id, notification_id, subscriber, state, at)"
                " values ($1, $2, $3, $4, 'pending', $5)",
                self._tenant, alarm.id, delivery.notification_id, subscriber.get("name") or subscriber["id"], now,
            )  # fmt: skip


def notification(
    tenant: str, subscriber: Mapping[str, Any], alarm: Alarm, notice: Notice, number: int, now: datetime
) -> Delivery:
    """The `number`-th notification about an alarm to one subscriber; what is said about one alarm stays in order."""
    subscription_id = f"{SUBSCRIBERS}:{subscriber['id']}"
    notification_id = stable_urn("Notification", tenant, subscription_id, alarm.id, str(number))
    return Delivery(
        tenant=tenant,
        number=0,
        subscription_id=subscription_id,
        order_key=alarm.id,
        notification_id=notification_id,
        url=subscriber["url"],
        endpoint=endpoint_of(subscriber["url"]),
        body=orjson.dumps(notification_document(notification_id, alarm, notice, now)),
        headers={**subscriber.get("headers", {}), "content-type": "application/json"},
        created_at=now,
        urgency=Urgency.ALARM,
    )


def _record(row: asyncpg.Record) -> AlarmRecord:
    alarm = alarm_of(row["document"])
    return AlarmRecord(alarm, Ledger(alarm.arrived_at, row["stored_at"], row["sent_at"], row["delivered_at"]))
