"""Federation's records on PostgreSQL (migration 0005): a change and the notifications it causes are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from machinami.adapters.postgres.connection import Pool, encode_jsonb
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.data.delivery.model import Delivery
from machinami.data.delivery.rules import endpoint_of
from machinami.federation.registrations.model import Figures, Letter, Tries, Write
from machinami.federation.registrations.service import KIND

_CREATE: Final = """insert into record (tenant, kind, key, document) values ($1, $2, $3, $4) on conflict do nothing
returning number"""
_CHANGE: Final = "update record set document = $4 where tenant = $1 and kind = $2 and key = $3 returning number"
_REMOVE: Final = "delete from record where tenant = $1 and kind = $2 and key = $3 returning number"
_FORGET: Final = "delete from registration_state where tenant = $1 and registration_id = $2"
_FIGURES: Final = """select registration_id, times_sent, times_failed, last_success, last_failure, failed
from registration_state where tenant = $1 and registration_id = any($2::text[])"""
# Only of registrations that are there: one that was removed meanwhile must not come back as figures.
_COUNT: Final = """insert into registration_state as s
  (tenant, registration_id, times_sent, times_failed, last_success, last_failure, failed)
select g.* from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::bool[])
  as g(tenant, id, sent, failures, success, failure, failed)
join record r on r.tenant = g.tenant and r.kind = 'registration' and r.key = g.id
on conflict (tenant, registration_id) do update set
  times_sent = s.times_sent + excluded.times_sent, times_failed = s.times_failed + excluded.times_failed,
  last_success = greatest(s.last_success, excluded.last_success),
  last_failure = greatest(s.last_failure, excluded.last_failure), failed = excluded.failed"""


class PostgresFederation:
    """Implements `federation.registrations.ports.FederationStore`. `on_queued` is called after letters were committed."""

    def __init__(self, pool: Pool, deliveries: PostgresDeliveries, on_queued: Callable[[], None] = lambda: None) -> None:
        self._pool = pool
        self._deliveries = deliveries
        self._on_queued = on_queued

    async def load(self, kind: str, after: int, limit: int) -> tuple[list[tuple[str, int, dict[str, Any]]], int]:
        rows = await self._pool.fetch(
            "select tenant, number, document from record where kind = $1 and number > $2 order by number limit $3",
            kind, after, limit,
        )  # fmt: skip
        records = [(row["tenant"], row["number"], row["document"]) for row in rows]
        return records, rows[-1]["number"] if len(rows) == limit else 0

    async def write(self, change: Write, letters: Sequence[Letter] = ()) -> int | None:
        key = (change.tenant, change.kind, change.key)
        async with self._pool.transaction() as connection:
            if change.document is None:
                number = await connection.fetchval(_REMOVE, *key)
                if change.kind == KIND:
                    await connection.execute(_FORGET, change.tenant, change.key)
            else:
                number = await connection.fetchval(_CREATE if change.new else _CHANGE, *key, encode_jsonb(change.document))
            if number is None:
                return None
            await self._deliveries.insert(connection, [_delivery(letter) for letter in letters])
        if letters:
            self._on_queued()
        return int(number)

    async def periods(self) -> Mapping[tuple[str, str], datetime]:
        return await self._deliveries.periods()

    async def send_in_time(self, letter: Letter, old: datetime | None, new: datetime) -> bool:
        row = _delivery(letter)
        queued = await self._deliveries.commit_period(letter.tenant, letter.subscription_id, old, new, [row])
        if queued:
            self._on_queued()
        return queued > 0

    async def figures(self, tenant: str, registration_ids: Sequence[str]) -> Mapping[str, Figures]:
        rows = await self._pool.fetch(_FIGURES, tenant, list(registration_ids))
        return {row["registration_id"]: Figures(*list(row)[1:]) for row in rows}

    async def count_tries(self, tries: Sequence[Tries]) -> None:
        if not tries:
            return
        rows = [
            (
                one.tenant, one.registration_id, one.sent, one.failed, one.last_success, one.last_failure, one.ends_failed,
            )
            for one in sorted(tries, key=lambda one: (one.tenant, one.registration_id))
        ]  # fmt: skip
        await self._pool.execute(_COUNT, *(list(column) for column in zip(*rows, strict=True)))


def _delivery(letter: Letter) -> Delivery:
    return Delivery(
        tenant=letter.tenant, number=0, subscription_id=letter.subscription_id, order_key=letter.order_key,
        notification_id=letter.notification_id, url=letter.url, endpoint=endpoint_of(letter.url), body=letter.body,
        headers=letter.headers, created_at=letter.created_at, timeout_s=letter.timeout_s, cooldown_s=letter.cooldown_s,
    )  # fmt: skip
