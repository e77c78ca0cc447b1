"""The table `delivery` in memory, as faithful to `DeliveryStore` as a plain dictionary can be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from machinami.data.delivery.model import DeadLetter, Delivery, Settlement, State, Urgency
from machinami.kernel.errors import Unavailable


@dataclass
class Row:
    delivery: Delivery
    due_at: datetime
    claimed_until: datetime | None = None
    dead_at: datetime | None = None
    reason: str = ""


class FakeDeliveryStore:
    """Survives its workers: a test may throw one worker away and start another on the same rows."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.settled: list[Settlement] = []
        self.down = False
        self.claims = 0
        self._next = 1

    def add(self, delivery: Delivery) -> Delivery:
        """Store a new row; its number is given here."""
        stored = replace(delivery, number=self._next)
        self._next += 1
        self.rows[stored.number] = Row(stored, stored.created_at)
        return stored

    async def due(
        self, now: datetime, limit: int, lane_in_flight_max: int, allowances: Mapping[str, int], lease_s: float
    ) -> list[Delivery]:
        await self._answer()
        heads: dict[tuple[str, str, str], int] = {}
        in_flight: Counter[tuple[str, str]] = Counter()
        for number in sorted(self.rows):
            row = self.rows[number]
            if row.dead_at is not None:
                continue
            heads.setdefault((row.delivery.tenant, row.delivery.subscription_id, row.delivery.order_key), number)
            if row.claimed_until is not None and row.claimed_until > now:
                in_flight[row.delivery.tenant, row.delivery.subscription_id] += 1
        left = dict(allowances)
        claimed: list[Delivery] = []
        order = {Urgency.ALARM: 0, Urgency.MEASURE: 1}
        for row in sorted(
            (self.rows[number] for number in heads.values()),
            key=lambda row: (order[row.delivery.urgency], row.due_at, row.delivery.number),
        ):
            one = row.delivery
            lane = (one.tenant, one.subscription_id)
            taken = row.claimed_until is not None and row.claimed_until > now
            if taken or row.due_at > now or in_flight[lane] >= lane_in_flight_max or left.get(one.endpoint, 1) < 1:
                continue
            if len(claimed) == limit:
                break
            left[one.endpoint] = left.get(one.endpoint, 1) - 1
            in_flight[lane] += 1
            row.claimed_until = now + timedelta(seconds=lease_s + (one.timeout_s or 0.0))
            claimed.append(one)
        self.claims += 1
        return claimed

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        await self._answer()
        self.settled += settlements
        for one in settlements:
            row = self.rows.get(one.delivery.number)
            if row is None:
                continue
            row.claimed_until = None
            row.delivery = replace(row.delivery, attempts=one.delivery.attempts + 1)
            if one.state is State.DELIVERED:
                del self.rows[one.delivery.number]
            elif one.state is State.DEAD:
                row.dead_at, row.reason = one.at, one.outcome.detail
            else:
                assert one.due_at is not None
                row.due_at = one.due_at

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        await self._answer()
        for one in deliveries:
            if one.number in self.rows:
                self.rows[one.number].claimed_until = None

    async def expire(self, endpoint: str, created_before: Mapping[Urgency, datetime], at: datetime, limit: int) -> int:
        await self._answer()
        old = [
            row
            for row in self.rows.values()
            if row.dead_at is None
            and row.delivery.endpoint == endpoint
            and (row.claimed_until is None or row.claimed_until <= at)
            and row.delivery.created_at < created_before[row.delivery.urgency]
        ][:limit]
        for row in old:
            row.dead_at, row.reason = at, "too old"
        return len(old)

    async def requeue(self, tenant: str, numbers: Sequence[int], now: datetime) -> int:
        await self._answer()
        rows = [self.rows[number] for number in numbers if number in self.rows and self.rows[number].dead_at is not None]
        for row in rows:
            row.dead_at, row.due_at = None, now
            row.delivery = replace(row.delivery, created_at=now, attempts=0)
        return len(rows)

    async def dead_letters(self, tenant: str, subscription_id: str | None, after: int, limit: int) -> list[DeadLetter]:
        await self._answer()
        found = [
            DeadLetter(row.delivery, row.dead_at, row.reason)
            for number, row in sorted(self.rows.items())
            if row.dead_at is not None
            and row.delivery.tenant == tenant
            and number > after
            and subscription_id in (None, row.delivery.subscription_id)
        ]
        return found[:limit]

    async def waiting(self) -> int:
        await self._answer()
        return sum(row.dead_at is None for row in self.rows.values())

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("test.store.down")
