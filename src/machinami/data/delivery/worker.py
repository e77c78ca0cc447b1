"""The lane worker: claims rows that may be sent, sends them, settles what came of it (trust-N5, N8, N10).

One loop serves all lanes. A dead receiver costs no task while its breaker is open and at most one otherwise. A row
is settled after its try; whatever a crash leaves claimed is sent again under the same notification id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter, OrderedDict
from datetime import timedelta
from typing import Final

from machinami.data.delivery import rules
from machinami.data.delivery.model import (
    NOTIFICATION_ID_HEADER,
    Counters,
    Delivery,
    EndpointHealth,
    Failure,
    LaneLimits,
    Outcome,
    Settlement,
    State,
    Urgency,
)
from machinami.data.delivery.ports import DeliveryStore, Sender
from machinami.kernel.clock import Clock
from machinami.kernel.errors import MachinamiError

_EXPIRE_ROWS: Final = 1_000
_EXPIRE_ROUNDS: Final = 10
_ERRORS_KEPT: Final = 100

log = logging.getLogger(__name__)


class LaneWorker:
    """Runs `run()` until `stop()`; `wake()` tells it that rows were written, a poll finds them anyway."""

    def __init__(self, store: DeliveryStore, sender: Sender, clock: Clock, limits: LaneLimits, chance: random.Random) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._limits = limits
        self._chance = chance
        self._event = asyncio.Event()
        self._stopping = False
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._unsettled: dict[tuple[str, int], Settlement] = {}
        self._written = asyncio.Condition()
        self._health: OrderedDict[str, EndpointHealth] = OrderedDict()
        self._in_flight: Counter[str] = Counter()
        self._turn = 0
        self.counters = Counters()

    def wake(self) -> None:
        """New rows may be due."""
        self._event.set()

    def stop(self) -> None:
        """Let `run` finish what is under way and end."""
        self._stopping = True
        self._event.set()

    async def settled(self) -> None:
        """Until what is known of finished tries can be read from the store, at most `poll_s`."""
        known = set(self._unsettled)
        if not known:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.poll_s), self._written:
                await self._written.wait_for(lambda: not known & set(self._unsettled))

    @property
    def in_flight(self) -> int:
        """Sends under way."""
        return len(self._tasks)

    def open_endpoints(self) -> list[str]:
        """Endpoints whose breaker is open or waits for a probe's answer."""
        return [endpoint for endpoint, health in self._health.items() if health.open_until is not None]

    async def run(self) -> None:
        """Serve the lanes; ends after `stop()` once each send under way has been settled."""
        try:
            while not self._stopping:
                self._event.clear()
                if await self._pass():
                    await asyncio.sleep(0)
                else:
                    await self._pause()
            await self._finish()
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def _pause(self) -> None:
        """Until something happens, at most `poll_s` (trust-N8)."""
        try:
            async with asyncio.timeout(self._limits.poll_s):
                await self._event.wait()
        except TimeoutError:
            return

    async def _pass(self) -> bool:
        """Settle, claim, start; True if the store may hold more that can start at once."""
        try:
            await self._settle()
            room = self._limits.in_flight_max - len(self._tasks)
            if room <= 0:
                return False
            claimed = await self._claim(room)
            if self._stopping and claimed:
                await self._store.release(claimed)
                return False
        except (MachinamiError, OSError) as error:
            self.counters.store_errors += 1
            log.warning("delivery: the store does not answer, trying again: %s", error)
            return False
        except Exception:  # the worker loop: a fault in one pass must not end the lanes for good (trust-R9)
            self.counters.store_errors += 1
            log.exception("delivery: a pass failed within Machinami, trying again")
            return False
        for delivery in claimed:
            self._start(delivery)
        return bool(claimed)

    async def _claim(self, room: int) -> list[Delivery]:
        now = self._clock.now()
        self._turn += 1
        shares = rules.allowances(self._health, self._in_flight, self._clock.monotonic(), self._limits, self._turn)
        for endpoint in self._in_flight:
            shares.setdefault(endpoint, 0)
        limits = self._limits
        claimed = await self._store.due(now, room, limits.lane_in_flight_max, shares, limits.lease_s)
        # A row that is still in our hands although its lease lapsed (the store was away) must not be sent twice.
        return [one for one in claimed if _key(one) not in self._tasks and _key(one) not in self._unsettled]

    def _start(self, delivery: Delivery) -> None:
        self._in_flight[delivery.endpoint] += 1
        self._tasks[_key(delivery)] = asyncio.create_task(self._deliver(delivery))

    async def _deliver(self, delivery: Delivery) -> None:
        headers = {**delivery.headers, NOTIFICATION_ID_HEADER: delivery.notification_id}
        timeout_s = rules.timeout_of(delivery, self._limits)
        try:
            outcome = await self._sender.send(delivery.url, delivery.body, headers, timeout_s)
        except Exception as error:  # the edge of the worker loop: a fault of ours must not stop the lanes
            log.exception("delivery: sending %s failed within Machinami", delivery.notification_id)
            outcome = Outcome(failure=Failure.INTERNAL, detail=repr(error)[:200])
        self._record(delivery, outcome)

    def _record(self, delivery: Delivery, outcome: Outcome) -> None:
        endpoint = delivery.endpoint
        before = self._health.pop(endpoint, EndpointHealth())
        health = rules.after_outcome(before, outcome, self._clock.monotonic(), self._limits)
        self._health[endpoint] = health
        while len(self._health) > self._limits.endpoints_max:
            self._health.popitem(last=False)
        settlement = rules.settle(delivery, outcome, health, self._clock.now(), self._limits, self._chance)
        self._count(delivery, settlement)
        self._unsettled[_key(delivery)] = settlement
        del self._tasks[_key(delivery)]
        self._in_flight[endpoint] -= 1
        if not self._in_flight[endpoint]:
            del self._in_flight[endpoint]
        self._event.set()

    async def _settle(self) -> None:
        """Write finished tries; while the store does not take them, `_pass` claims nothing new."""
        if not self._unsettled:
            return
        batch = dict(self._unsettled)
        await self._store.settle(list(batch.values()))
        for key in batch:
            del self._unsettled[key]
        async with self._written:
            self._written.notify_all()
        for endpoint in sorted({one.delivery.endpoint for one in batch.values()} & set(self.open_endpoints())):
            await self._expire(endpoint)

    async def _expire(self, endpoint: str) -> None:
        """Move what a dead receiver left too old to the dead letters, in bounded transactions.

        Only behind a failed probe: after an outage of our own, a living receiver still gets everything.
        """
        now = self._clock.now()
        created_before = {urgency: now - timedelta(seconds=rules.age_s_max(urgency, self._limits)) for urgency in Urgency}
        for _ in range(_EXPIRE_ROUNDS):
            moved = await self._store.expire(endpoint, created_before, now, _EXPIRE_ROWS)
            self.counters.dead += moved
            if moved < _EXPIRE_ROWS:
                return

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        try:
            await self._settle()
        except (MachinamiError, OSError) as error:
            log.warning("delivery: %d results could not be written and will be sent again: %s", len(self._unsettled), error)

    def _count(self, delivery: Delivery, settlement: Settlement) -> None:
        if settlement.state is State.DELIVERED:
            self.counters.delivered += 1
            self.counters.last_errors.pop(delivery.endpoint, None)
            return
        self.counters.failed += 1
        self.counters.dead += settlement.state is State.DEAD
        outcome = settlement.outcome
        if len(self.counters.last_errors) < _ERRORS_KEPT or delivery.endpoint in self.counters.last_errors:
            self.counters.last_errors[delivery.endpoint] = outcome.detail or str(outcome.failure or outcome.status)


def _key(delivery: Delivery) -> tuple[str, int]:
    return delivery.tenant, delivery.number
