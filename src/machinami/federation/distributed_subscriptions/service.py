"""Keeps copies of our subscriptions at the sources they concern (CIM 009 5.8.1.4, 5.8.2.4, 5.8.5.4).

What should be at which source follows from the subscriptions and registrations that stand; only what *is* there is kept,
written before a source is asked. So it makes no difference whether a subscription, a registration or a start of
Machinami is what is new, nor whether the source was there at the time: what differs is tried again until it doesn't.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections import Counter
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from machinami.federation.distributed_subscriptions import rules
from machinami.federation.distributed_subscriptions.model import Copy, CopyLimits, Place, copy_of, copy_record, place_of
from machinami.federation.distributed_subscriptions.ports import Subscriber, Subscribers
from machinami.federation.distribution.model import Ask, Origin, Reply, Target
from machinami.federation.distribution.ports import ContextResolver
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import Match, Write
from machinami.federation.registrations.ports import Evaluate, FederationStore
from machinami.federation.registrations.service import Registrations
from machinami.kernel.clock import Clock, iso, parse_instant
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.ids import new_urn
from machinami.standards.ngsi_ld.contexts import core_context

KIND: Final = "subscription_copy"
ARRIVALS: Final = "/source-notifications"
"""Where notifications of sources arrive; the token of the copy follows."""
LOAD_BATCH: Final = 500
PLAN_BATCH: Final = 100
POLL_S: Final = 1.0
_ALREADY: Final = 409
_UNKNOWN: Final = 404
_LOOP: Final = 508
_LATER: Final = frozenset({408, 425, 429})
_EXPONENT_MAX: Final = 20
Key = tuple[str, str]

logger = logging.getLogger(__name__)


class DistributedSubscriptions:
    """Run `run()`; tell it of changes. What the copies' sources tell comes to `Arrivals`."""

    def __init__(
        self, store: FederationStore, registrations: Registrations, sources: Sources, subscribers: Subscribers,
        contexts: ContextResolver, evaluate: Evaluate, clock: Clock, limits: CopyLimits, chance: random.Random,
    ) -> None:  # fmt: skip
        self._store = store
        self._registrations = registrations
        self._sources = sources
        self._subscribers = subscribers
        self._contexts = contexts
        self._evaluate = evaluate
        self._clock = clock
        self._limits = limits
        self._chance = chance
        self._event = asyncio.Event()
        self._copies: dict[str, Copy] = {}
        self._by_key: dict[Key, set[str]] = {}
        self._aims: dict[str, Match] = {}
        self._refused: dict[str, dict[str, Any]] = {}
        self._gone_since: dict[str, float] = {}
        self._dirty: set[Key] = set()
        self._pending: dict[str, None] = {}
        self._failures: Counter[str] = Counter()
        self._rests_until: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._busy: dict[str, str] = {}

    async def load(self) -> int:
        """What is at sources, and what should be, from the store; returns how many copies there are."""
        place = 0
        while True:
            records, place = await self._store.load(KIND, place, LOAD_BATCH)
            for tenant, _, document in records:
                self._hold(copy_of(tenant, document["token"], document))
            if not place:
                break
        self._dirty |= {*self._subscribers.keys(), *self._by_key}
        await self._plan_all()
        return len(self._copies)

    def __len__(self) -> int:
        return len(self._copies)

    def standing(self, token: str) -> tuple[Copy, Match | None]:
        """The copy of a token, and what its source is registered for, None if it is to go.

        Refusal `federation.notification.unknown`.
        """
        copy = self._copies.get(token)
        if copy is None:
            raise Refusal("federation.notification.unknown")
        return copy, self._aims.get(token)

    def subscription_changed(self, tenant: str, subscription_id: str) -> None:
        """A subscription was made, changed or deleted."""
        self._dirty.add((tenant, subscription_id))
        self._event.set()

    def registrations_changed(self, tenant: str) -> None:
        """A registration came, changed or went."""
        self._dirty |= {key for key in (*self._subscribers.keys(), *self._by_key) if key[0] == tenant}
        self._event.set()

    async def run(self) -> None:
        """Until cancelled: bring what sources have in line with what they should have."""
        try:
            while True:
                self._event.clear()
                await self.step()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._event.wait()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await self.settled()

    async def step(self) -> None:
        """Begin what can be done now."""
        await self._plan_all()
        now = self._clock.monotonic()
        busy = Counter(self._busy.values())
        for token in list(self._pending):
            if len(self._tasks) >= self._limits.in_flight_max:
                return
            endpoint = self._copies[token].registered.registration.endpoint
            most = 1 if self._failures[endpoint] else self._limits.per_source_max
            if token in self._tasks or busy[endpoint] >= most or self._rests_until.get(endpoint, now) > now:
                continue
            busy[endpoint] += 1
            del self._pending[token]
            self._busy[token] = endpoint
            self._tasks[token] = asyncio.create_task(self._work(token, endpoint))

    async def settled(self) -> None:
        """Until what is under way has come to an end."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def forget_all(self) -> None:
        """Drop all after the store was emptied (development mode)."""
        for task in self._tasks.values():
            task.cancel()
        held: tuple[Any, ...] = (self._copies, self._by_key, self._aims, self._refused, self._gone_since, self._dirty)
        for one in (*held, self._pending, self._failures, self._rests_until, self._tasks, self._busy):
            one.clear()

    # what should be where

    async def _plan_all(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for number, key in enumerate(dirty):
            try:
                self._plan(key)
            except Exception:  # the worker loop: one subscription that can't be planned must not stop the others
                logger.exception("the sources of %s could not be found within Machinami", key)
            if number % PLAN_BATCH == PLAN_BATCH - 1:
                await asyncio.sleep(0)

    def _plan(self, key: Key) -> None:
        """Aim the copies of one subscription at the sources that it concerns now."""
        subscriber = self._subscribers.live(*key)
        wanted = self._wanted(subscriber) if subscriber is not None else {}
        for token in list(self._by_key.get(key, ())):
            self._aim(token, wanted.pop(self._copies[token].place, None))
        if subscriber is None or self._expired(subscriber):
            return
        for match in wanted.values():
            copy = Copy(
                key[0], secrets.token_urlsafe(32), key[1], subscriber.created_at, match.registered, new_urn("Subscription")
            )
            self._hold(copy)
            self._aim(copy.token, match)

    def _wanted(self, subscriber: Subscriber) -> dict[Place, Match]:
        """The sources of a subscription, never those that its request came from (4.3.6.4)."""
        tenant, subscription = subscriber.tenant, subscriber.subscription
        origin = origin_of(subscriber)
        if not self._registrations.any(tenant) or rules.stays_here(subscription) or self._sources.loops(origin):
            return {}
        if not self._base_url(subscriber):
            logger.warning("%s is not distributed: set public_url, so that sources can reach this broker", subscription.id)
            return {}
        wanted = rules.wanted_of(subscription, self._sources.passed(origin))
        found = self._registrations.for_operation(tenant, "createSubscription", wanted)
        chosen = rules.meant(subscription, found, self._evaluate, iso(self._clock.now()))
        return {place_of(subscriber.created_at, one.registered): one for one in chosen}

    def _aim(self, token: str, match: Match | None) -> None:
        before = self._aims.pop(token, None)
        if match is not None:
            self._aims[token] = match
            if before is None or before.registered is not match.registered:
                self._refused.pop(token, None)
        self._pending[token] = None

    def _hold(self, copy: Copy) -> None:
        self._copies[copy.token] = copy
        self._by_key.setdefault(copy.key, set()).add(copy.token)

    def _expired(self, subscriber: Subscriber) -> bool:
        expires_at = subscriber.subscription.expires_at
        return expires_at is not None and parse_instant(expires_at) <= self._clock.now()

    def _base_url(self, subscriber: Subscriber) -> str:
        return (self._limits.public_url or subscriber.base_url).rstrip("/")

    # bringing it about

    async def _work(self, token: str, endpoint: str) -> None:
        """Bring one copy in line; if that fails, the source rests for a while and is then tried with one request."""
        try:
            done = await self._brought_in_line(token)
        except MachinamiError as error:
            logger.info("the copy of %s at a source waits: %s %s", self._copies[token].key, error.code, error.parameters)
            done = False
        except Exception:  # the edge of the worker loop: a fault of ours must not stop the other copies
            logger.exception("the copy of %s at a source failed within Machinami", self._copies[token].key)
            done = False
        finally:
            self._tasks.pop(token, None)
            self._busy.pop(token, None)
            self._event.set()
        if done:
            self._failures.pop(endpoint, None)
            self._rests_until.pop(endpoint, None)
        elif token in self._copies:
            self._failures[endpoint] += 1
            self._rests_until[endpoint] = self._clock.monotonic() + self._backoff_s(self._failures[endpoint])
            self._pending[token] = None

    def _backoff_s(self, failures: int) -> float:
        full = min(self._limits.backoff_max_s, self._limits.backoff_min_s * 2.0 ** min(failures - 1, _EXPONENT_MAX))
        return full / 2 + self._chance.random() * full / 2

    async def _brought_in_line(self, token: str) -> bool:
        copy, match = self._copies[token], self._aims.get(token)
        subscriber = self._subscribers.live(*copy.key)
        if match is None:
            return await self._removed(copy, subscriber)
        if subscriber is None or subscriber.created_at != copy.made_at:
            return True  # it has just gone, and the next plan says so
        return await self._as_wanted(copy, match, subscriber)

    async def _removed(self, copy: Copy, subscriber: Subscriber | None) -> bool:
        """5.8.5.4: deleted at the source, if that is offered and it can be reached in a bounded time."""
        registered = copy.registered
        if "deleteSubscription" in registered.registration.operations:
            target = await self._sources.target(registered, core_context(), has_body=False)
            origin = Origin(copy.tenant, {}) if subscriber is None else origin_of(subscriber)
            if copy.sent is not None and copy.sure:
                copy = replace(copy, sure=False)
                await self._keep(copy)
            said = await self._sources.ask(target, Ask("DELETE", _path(copy)), origin)
            since = self._gone_since.setdefault(copy.token, self._clock.monotonic())
            patient = self._clock.monotonic() - since < self._limits.removal_s_max
            if patient and (isinstance(said, MachinamiError) or _is_passing(said.status)):
                return False
        await self._store.write(Write(copy.tenant, KIND, copy.token))
        self._drop(copy)
        return True

    def _drop(self, copy: Copy) -> None:
        held = self._by_key.get(copy.key, set())
        held.discard(copy.token)
        if not held:
            self._by_key.pop(copy.key, None)
        for one in (self._copies, self._aims, self._refused, self._gone_since, self._pending):
            one.pop(copy.token, None)

    async def _as_wanted(self, copy: Copy, match: Match, subscriber: Subscriber) -> bool:
        """5.8.1.4, 5.8.2.4: created at the source or updated there, if it isn't as it should be."""
        target, document = await self._put(copy, match, subscriber)
        updates = "updateSubscription" in match.registration.operations
        if document in (copy.sent if copy.sure else None, self._refused.get(copy.token)):
            if copy.registered.modified_at != match.registered.modified_at:
                await self._keep(replace(copy, registered=match.registered))
            return True
        if copy.sent is not None and copy.sure and not updates:
            return True
        before, origin = copy.sent, origin_of(subscriber)
        copy = replace(copy, registered=match.registered, sent={**(before or {}), **document}, sure=False)
        await self._keep(copy)
        if before is not None and updates:
            fragment = Ask("PATCH", _path(copy), document=rules.changes(before, document))
            said = await self._sources.ask(target, fragment, origin)
            if not (isinstance(said, Reply) and said.status == _UNKNOWN):
                return await self._settle(copy, document, said)
        said = await self._sources.ask(target, Ask("POST", "/subscriptions", document=document), origin)
        if isinstance(said, Reply) and said.status == _ALREADY:  # an earlier creation whose answer got lost
            said = Reply(204)
        return await self._settle(copy, document, said)

    async def _put(self, copy: Copy, match: Match, subscriber: Subscriber) -> tuple[Target, dict[str, Any]]:
        given = await self._contexts.resolve(copy.tenant, subscriber.context_source)
        target = await self._sources.target(match.registered, given)
        uri = f"{self._base_url(subscriber)}{ARRIVALS}/{copy.token}"
        split = splits(subscriber, self._limits)
        document = rules.copy_document(subscriber.subscription, match, target, given, copy.remote_id, uri, split=split)
        return target, document

    async def _settle(self, copy: Copy, document: dict[str, Any], said: Reply | MachinamiError) -> bool:
        """Keep what came of a request; whether it need not be repeated."""
        if isinstance(said, MachinamiError) or _is_passing(said.status):
            return False
        if said.well:
            self._refused.pop(copy.token, None)
            await self._keep(replace(copy, sent=document, sure=True))
        else:
            self._refused[copy.token] = document
            if said.status != _LOOP:
                source = copy.registered.registration.id
                logger.warning("the source of %s refuses a copy of %s: %d", source, copy.subscription_id, said.status)
        return True

    async def _keep(self, copy: Copy) -> None:
        record = {**copy_record(copy), "token": copy.token}
        if await self._store.write(Write(copy.tenant, KIND, copy.token, record)) is None:
            await self._store.write(Write(copy.tenant, KIND, copy.token, record, new=True))
        self._hold(copy)


def origin_of(subscriber: Subscriber) -> Origin:
    """The request that made a subscription, as far as sources are to hear of it: where it has passed through."""
    return Origin(subscriber.tenant, {"via": subscriber.via} if subscriber.via else {})


def splits(subscriber: Subscriber, limits: CopyLimits) -> bool:
    """Whether its entities may be split among sources (5.2.12, splitEntities)."""
    chosen = subscriber.subscription.split
    return limits.split_entities if chosen is None else chosen


def _path(copy: Copy) -> str:
    return f"/subscriptions/{quote(copy.remote_id, safe=':')}"


def _is_passing(status: int) -> bool:
    """Whether the same request may be answered otherwise later."""
    return status in _LATER or (status >= 500 and status != _LOOP)
