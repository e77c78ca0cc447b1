"""Periodic notifications (`timeInterval`, CIM 009 5.8.6): every so many seconds, all entities that match.

While Machinami runs, intervals are measured on the monotonic clock; the stored time of the next one only serves the next
start. What was missed while it stood still is sent once. While a notification of a subscription still waits to be
delivered, no further one is queued behind it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from machinami.data.delivery.model import Delivery
from machinami.data.subscriptions import rules
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.ports import EntityFinder, PeriodStore
from machinami.data.subscriptions.service import Standing, Subscriptions
from machinami.kernel.caller import system_caller
from machinami.kernel.clock import Clock, iso, parse_instant
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError
from machinami.kernel.query import Page
from machinami.standards.ngsi_ld.notifications import Told

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeriodicLimits:
    """Entities told in one notification, and in all notifications of one interval."""

    page: int = 1_000
    entities_max: int = 10_000


@dataclass(frozen=True, slots=True)
class _Due:
    """When the next notification is due on the monotonic clock, and what is stored of it (None: nothing yet)."""

    monotonic_s: float
    stored: datetime | None


class Periodic:
    """Queues what is due each time `step` is called."""

    def __init__(
        self, subscriptions: Subscriptions, composer: Composer, entities: EntityFinder, store: PeriodStore, clock: Clock,
        limits: PeriodicLimits,
    ) -> None:  # fmt: skip
        self._subscriptions = subscriptions
        self._composer = composer
        self._entities = entities
        self._store = store
        self._clock = clock
        self._limits = limits
        self._due: dict[tuple[str, str, str], _Due] = {}

    async def step(self) -> int:
        """Queue the notifications that are due; how many. What fails for one subscription is logged and tried again with
        the next interval; other subscriptions go on."""
        standings = self._subscriptions.periodic()
        unknown = [one for one in standings if one.sending not in self._due]
        if unknown:
            stored = await self._store.periods()
            self._due |= {one.sending: self._first(one, stored.get((one.tenant, one.subscription.id))) for one in unknown}
        current = {one.sending for one in standings}
        self._due = {sending: due for sending, due in self._due.items() if sending in current}
        queued = 0
        for standing in standings:
            if self._reached(standing):
                queued += await self._fired(standing)
        return queued

    def _first(self, standing: Standing, stored: datetime | None) -> _Due:
        """The first time in this process; a clock that was set in between moves it by less than one interval."""
        interval_s = standing.subscription.interval_s or 0.0
        due_at = stored or parse_instant(standing.created_at) + timedelta(seconds=interval_s)
        wait_s = (due_at - self._clock.now()).total_seconds()
        return _Due(self._clock.monotonic() + min(max(wait_s, 0.0), interval_s), stored)

    def _reached(self, standing: Standing) -> bool:
        """Whether it is due; a shortened interval counts from now."""
        now, interval_s = self._clock.monotonic(), standing.subscription.interval_s or 0.0
        due = self._due[standing.sending]
        if due.monotonic_s > now + interval_s:
            self._due[standing.sending] = _Due(now + interval_s, due.stored)
        return due.monotonic_s <= now

    async def _fired(self, standing: Standing) -> int:
        interval_s, sending = standing.subscription.interval_s or 0.0, standing.sending
        due, now, now_s = self._due[sending], self._clock.now(), self._clock.monotonic()
        next_s = due.monotonic_s + interval_s
        if next_s <= now_s:
            next_s = now_s + interval_s
        self._due[sending] = _Due(next_s, due.stored)
        if rules.status_of(standing.subscription, iso(now)) != "active":
            return 0
        due_at = now + timedelta(seconds=next_s - now_s)
        try:
            rows = await self._rows(standing, iso(now))
            queued = await self._store.commit_period(standing.tenant, standing.subscription.id, due.stored, due_at, rows)
        except MachinamiError as error:
            logger.warning("periodic notification of %s: %s %s", standing.subscription.id, error.code, error.parameters)
            del self._due[sending]  # what is stored says when to go on
            return 0
        self._due[sending] = _Due(next_s, due_at)
        return queued

    async def _rows(self, standing: Standing, place: str) -> list[Delivery]:
        """A notification for each page of entities; none if nothing matches."""
        rows: list[Delivery] = []
        subscription, after = standing.subscription, 0
        caller = system_caller("subscriptions", standing.tenant)
        for number in range(max(1, self._limits.entities_max // self._limits.page)):
            page = Page(self._limits.page, after_sequence=after)
            found = await self._entities.find(caller, subscription.query, page)
            if found.entities:
                told = [Told(one) for one in found.entities]
                row = await self._composer.delivery(standing, told, f"{place}/{number}", order_key=subscription.id)
                rows.append(row)
                after = _last(found.entities)
            if not found.more or not found.entities:
                return rows
        logger.warning("periodic notification of %s: only %d entities told", subscription.id, self._limits.entities_max)
        return rows


def _last(entities: list[Entity]) -> int:
    return entities[-1].sequence
