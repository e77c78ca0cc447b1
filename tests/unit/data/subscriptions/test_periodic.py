"""Periodic notifications: every interval, whatever changes; on the monotonic clock; once after a standstill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from machinami.data.contexts.documents import ContextBounds
from machinami.data.contexts.service import Contexts
from machinami.data.delivery.model import Delivery
from machinami.data.entities.rules import create
from machinami.data.entities.service import Entities
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.periodic import Periodic, PeriodicLimits
from machinami.data.subscriptions.service import Subscriptions
from machinami.kernel.caller import development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import DEFAULT_VOCABULARY as D
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Unavailable
from machinami.sdk.memory_store import MemoryDocumentStore, MemoryEntityStore
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

CALLER = development_caller()


class Periods:
    """`PeriodStore` that keeps what was committed."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], datetime] = {}
        self.sent: list[Delivery] = []

    async def periods(self) -> dict[tuple[str, str], datetime]:
        return dict(self.stored)

    async def commit_period(
        self, tenant: str, subscription_id: str, old: datetime | None, new: datetime, rows: Sequence[Delivery]
    ) -> int:
        if self.stored.get((tenant, subscription_id)) != old:
            raise Unavailable("data.consumer.overtaken", consumer=subscription_id)
        self.stored[tenant, subscription_id] = new
        self.sent += rows
        return len(rows)


class Town:
    def __init__(self, records: Any, matches: Any, guard: Any, clock: VirtualClock) -> None:
        self.clock, self.periods = clock, Periods()
        self._parts = (records, matches, guard)
        self.entities = Entities(MemoryEntityStore(clock), clock)
        self.start()

    def start(self) -> None:
        """As after a restart: nothing is known but what is stored."""
        self.subscriptions = Subscriptions(*self._parts, self.clock, SubscriptionLimits())
        composer = Composer(Contexts(MemoryDocumentStore(), None, self.clock, ContextBounds()), self.entities, self.clock, 10)
        limits = PeriodicLimits(page=2, entities_max=4)
        self.periodic = Periodic(self.subscriptions, composer, self.entities, self.periods, self.clock, limits)

    async def subscribe(self, document: Any, **members: Any) -> str:
        return (await self.subscriptions.create(CALLER, document(**members), core_context())).id

    async def gauge(self, number: int) -> None:
        level = {D + "level": [{"type": "Property", "value": number}]}
        await self.entities.apply(CALLER, f"urn:g:{number}", create(Entity(f"urn:g:{number}", (D + "Gauge",), level)))

    async def after(self, seconds: float) -> list[list[int]]:
        """What is told at the next step, that much later: the levels of each notification."""
        self.clock.advance(seconds)
        before = len(self.periods.sent)
        await self.periodic.step()
        return [[one["level"]["value"] for one in json.loads(row.body)["data"]] for row in self.periods.sent[before:]]


@pytest.fixture
async def town(records: Any, matches: Any, guard: Any, clock: VirtualClock) -> Town:
    made = Town(records, matches, guard, clock)
    await made.gauge(1)
    return made


async def test_step_tells_every_interval_and_not_before(town: Town, document: Any) -> None:
    await town.subscribe(document, timeInterval=10)
    assert [await town.after(seconds) for seconds in (0, 9.9, 0.2, 9.7, 0.3)] == [[], [], [[1]], [], [[1]]]


async def test_step_tells_only_of_what_matches_and_nothing_when_nothing_does(town: Town, document: Any) -> None:
    await town.subscribe(document, timeInterval=10, q="level>1")
    assert await town.after(11) == []
    await town.gauge(2)
    assert await town.after(11) == [[2]]


async def test_step_tells_in_pages_up_to_the_bound(town: Town, document: Any) -> None:
    for number in range(2, 7):
        await town.gauge(number)
    await town.subscribe(document, timeInterval=10)
    assert await town.after(11) == [[1, 2], [3, 4]]
    first, second = town.periods.sent
    assert first.notification_id != second.notification_id
    assert first.order_key == second.order_key


async def test_step_goes_on_where_it_was_after_a_restart_and_tells_once_of_what_was_missed(town: Town, document: Any) -> None:
    await town.subscribe(document, timeInterval=10)
    assert await town.after(10) == [[1]]
    town.start()
    await town.subscriptions.load()
    assert await town.after(6) == []
    assert await town.after(4) == [[1]]
    town.start()
    await town.subscriptions.load()
    assert await town.after(1_000) == [[1]]
    assert await town.after(9) == []


@pytest.mark.parametrize("hours", [-5, 5])
async def test_step_keeps_the_rhythm_when_the_clock_is_set(
    town: Town, document: Any, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.subscribe(document, timeInterval=10)
    assert await town.after(10) == [[1]]
    monkeypatch.setattr(town.clock, "_now", town.clock.now() + timedelta(hours=hours))
    assert await town.after(9) == []
    assert await town.after(1) == [[1]]


async def test_step_tells_nothing_while_paused_or_gone_and_follows_a_shorter_interval(town: Town, document: Any) -> None:
    name = await town.subscribe(document, timeInterval=1_000)
    assert await town.after(0) == []
    await town.subscriptions.update(CALLER, name, {"timeInterval": 10}, core_context())
    assert await town.after(0) == []
    assert await town.after(10) == [[1]]
    await town.subscriptions.update(CALLER, name, {"isActive": False}, core_context())
    assert await town.after(30) == []
    await town.subscriptions.update(CALLER, name, {"isActive": True}, core_context())
    assert await town.after(10) == [[1]]
    await town.subscriptions.delete(CALLER, name)
    assert await town.after(30) == []


async def test_step_leaves_it_to_the_worker_that_was_quicker(town: Town, document: Any) -> None:
    name = await town.subscribe(document, timeInterval=10)
    await town.after(0)
    town.periods.stored["default", name] = town.clock.now() + timedelta(seconds=20)
    assert await town.after(10) == []
    assert await town.after(10) == [[1]]


async def test_a_change_tells_nothing_to_a_periodic_subscription(town: Town, document: Any, change: Any) -> None:
    await town.subscribe(document, timeInterval=10)
    assert town.subscriptions.standing(change({}, {"level": {"type": "Property", "value": 1}})) == []
    assert not town.subscriptions.watching
