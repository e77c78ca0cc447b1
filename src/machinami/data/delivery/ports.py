"""What the lane worker needs: a store of rows and a way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from machinami.data.delivery.model import DeadLetter, Delivery, Outcome, Settlement, Urgency


class DeliveryStore(Protocol):
    """The durable lanes (table `delivery`). All methods raise `Unavailable` when the store can't answer."""

    async def due(
        self, now: datetime, limit: int, lane_in_flight_max: int, allowances: Mapping[str, int], lease_s: float
    ) -> list[Delivery]:
        """Claim at most `limit` rows that may be sent now, alarms first, then by (due time, number).

        A row may be sent if it is waiting, due (`due_at <= now`), not under a live claim, and no earlier undelivered
        row of its (tenant, subscription, order_key) exists - claimed ones included, dead ones not. A subscription has
        at most `lane_in_flight_max` live claims. An endpoint gets at most `allowances[endpoint]` rows by this call,
        one if it is not listed. A claim lives until `now + lease_s` (+ the row's own `timeout_s`) unless it is settled or
        released; a row whose claim lapsed may be claimed again. Two workers never hold the same live claim.
        """

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write what came of the tries in one transaction, durably.

        `attempts` becomes `delivery.attempts + 1`, so that settling twice changes nothing; a row that is gone
        (delivered, or its subscription deleted) is skipped.
        """

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give claims back that were not tried; attempts and due times stay."""

    async def expire(self, endpoint: str, created_before: Mapping[Urgency, datetime], at: datetime, limit: int) -> int:
        """Turn at most `limit` unclaimed rows of a failing endpoint, older than their class's instant, into dead letters.

        Returns how many.
        """

    async def requeue(self, tenant: str, numbers: Sequence[int], now: datetime) -> int:
        """Let dead letters wait again from `now` on, with the same notification id and age 0; returns how many."""

    async def dead_letters(self, tenant: str, subscription_id: str | None, after: int, limit: int) -> list[DeadLetter]:
        """Dead letters with a number above `after`, by number."""

    async def waiting(self) -> int:
        """How many rows wait or are under way, for metrics."""


class Sender(Protocol):
    """One notification over HTTP or MQTT, through the egress guard."""

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Outcome:
        """POST or publish `body`; never raises for what the receiver, the network or the guard does."""
