"""Use cases on registration subscriptions (CIM 009 5.11), and the notifications that changes of registrations cause.

Registrations and their subscriptions are written one at a time, so that each subscriber is told of each registration
once: by the first notification or by that of the change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from machinami.federation.registration_subscriptions import rules
from machinami.federation.registration_subscriptions.composing import Composer
from machinami.federation.registration_subscriptions.model import Standing, TriggerReason, lane_of, subscription_of
from machinami.federation.registration_subscriptions.ports import Lanes, Sendings
from machinami.federation.registrations.model import Letter, Registered, Write
from machinami.federation.registrations.ports import Evaluate, FederationStore, SourceGuard
from machinami.federation.registrations.service import Registrations
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso, parse_instant
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import new_urn
from machinami.kernel.query import Page
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.registration_subscriptions import (
    RegistrationSubscription,
    from_record,
    parse_registration_subscription,
    patch_registration_subscription,
    to_record,
)
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

KIND = "registration_subscription"
LOAD_BATCH = 500
Key = tuple[str, str]


class RegistrationSubscriptions:
    """Create, read, change and delete registration subscriptions; a `Watcher` of registrations; `step` for intervals."""

    def __init__(
        self,
        store: FederationStore,
        registrations: Registrations,
        lanes: Lanes,
        composer: Composer,
        guard: SourceGuard,
        evaluate: Evaluate,
        clock: Clock,
        limits: SubscriptionLimits,
    ) -> None:
        self._store = store
        self._registrations = registrations
        self._lanes = lanes
        self._composer = composer
        self._guard = guard
        self._evaluate = evaluate
        self._clock = clock
        self._limits = limits
        self._writing: asyncio.Lock = registrations.writing
        self._live: dict[Key, Standing] = {}
        self._pauses: dict[tuple[str, str, str], float] = {}
        self._due: dict[Key, float] = {}
        self._stored: dict[Key, datetime] = {}

    async def load(self) -> int:
        """Fill the live set from the store; returns how many there are."""
        place, stored = 0, await self._store.periods()
        while True:
            records, place = await self._store.load(KIND, place, LOAD_BATCH)
            for tenant, number, document in records:
                standing = _standing(tenant, number, document)
                self._keep(standing)
                self._go_on(standing, stored.get((tenant, standing.lane)))
            if not place:
                return len(self._live)

    def _go_on(self, standing: Standing, stored: datetime | None) -> None:
        """Keep the rhythm from before this process; a clock that was set in between moves it by less than one interval."""
        if standing.wish.interval_s is None:
            return
        key, interval_s = (standing.tenant, standing.wish.id), standing.wish.interval_s
        due_at = stored or parse_instant(standing.modified_at) + timedelta(seconds=interval_s)
        wait_s = (due_at - self._clock.now()).total_seconds()
        self._due[key] = self._clock.monotonic() + min(max(wait_s, 0.0), interval_s)
        if stored is not None:
            self._stored[key] = stored

    def __len__(self) -> int:
        return len(self._live)

    async def create(self, caller: Caller, document: Any, context: Context) -> RegistrationSubscription:
        """5.11.2: keep it and tell the sources that match now."""
        require(caller, Role.WRITER)
        wish = parse_registration_subscription(document, context, self._limits, new_id=new_urn("Subscription"))
        self._check(wish)
        now_text = iso(self._clock.now())
        async with self._writing:
            await self._write(Standing(caller.tenant, wish, context.source, now_text, now_text), new=True)
        return wish

    async def update(self, caller: Caller, subscription_id: str, document: Any, context: Context) -> None:
        """5.11.3: change it and tell the sources that match now."""
        require(caller, Role.WRITER)
        async with self._writing:
            current = self._one(caller, subscription_id)
            wish = patch_registration_subscription(current.wish, document, context, self._limits)
            self._check(wish)
            source = context.source if context.source is not None else current.context_source
            now_text = iso(self._clock.now())
            changed = Standing(caller.tenant, wish, source, current.created_at, now_text, current.number)
            await self._write(changed, new=False)

    def current(self, caller: Caller, subscription_id: str) -> Standing:
        """A subscription as it stands, for one who is about to change it."""
        require(caller, Role.WRITER)
        return self._one(caller, subscription_id)

    async def retrieve(self, caller: Caller, subscription_id: str) -> tuple[Standing, Sendings | None]:
        """5.11.4: the subscription and what came of its notifications."""
        require(caller, Role.READER)
        standing = self._one(caller, subscription_id)
        await self._lanes.settled()
        states = await self._lanes.states(caller.tenant, [standing.lane])
        return standing, states.get(standing.lane)

    async def listing(self, caller: Caller, page: Page) -> tuple[list[tuple[Standing, Sendings | None]], int]:
        """5.11.5: a page in order of creation, and the total."""
        require(caller, Role.READER)
        held = self._of_tenant(caller.tenant)
        shown = held[page.offset : page.offset + page.limit]
        await self._lanes.settled()
        states = await self._lanes.states(caller.tenant, [one.lane for one in shown])
        return [(one, states.get(one.lane)) for one in shown], len(held)

    async def delete(self, caller: Caller, subscription_id: str) -> None:
        """5.11.6; notifications that wait are forgotten."""
        require(caller, Role.WRITER)
        async with self._writing:
            standing = self._one(caller, subscription_id)
            await self._store.write(Write(caller.tenant, KIND, subscription_id))
            self._forget(standing)
        await self._lanes.drop_lane(caller.tenant, lane_of(subscription_id))

    async def letters(self, before: Registered | None, after: Registered | None) -> list[Letter]:
        """As `Watcher`: a subscription without an interval is told of each change (5.11.7)."""
        tenant = after.tenant if after is not None else before.tenant if before is not None else ""
        now_text, now = iso(self._clock.now()), self._clock.monotonic()
        found = []
        for standing in self._of_tenant(tenant):
            if standing.wish.interval_s is not None or standing.status(now_text) != "active":
                continue
            told = rules.trigger(standing.wish, before, after, self._evaluate, now_text)
            if told is not None and self._pauses.get(standing.sending, now) <= now:
                found.append(await self._composer.letter(standing, told[0], [told[1]]))
        return found

    def sent(self, letters: Sequence[Letter]) -> None:
        """As `Watcher`: the minimum time to the next notification begins (throttling, 5.8.6)."""
        now = self._clock.monotonic()
        for letter in letters:
            standing = self._live.get((letter.tenant, subscription_of(letter.subscription_id)))
            if standing is not None and standing.wish.subscription.throttling_s:
                self._pauses[standing.sending] = now + standing.wish.subscription.throttling_s

    async def step(self) -> int:
        """Tell subscriptions with an interval all sources that match, where it is time; returns how many were told."""
        now, told = self._clock.monotonic(), 0
        for key in [key for key, due in self._due.items() if due <= now]:
            if key in self._live:
                told += await self._in_time(key, self._live[key])
        return told

    async def _in_time(self, key: Key, standing: Standing) -> bool:
        """Tell one, and when it is due next: one interval after it was due, unless that has passed as well."""
        now_s, now, interval_s = self._clock.monotonic(), self._clock.now(), standing.wish.interval_s or 0.0
        next_s = self._due[key] + interval_s
        self._due[key] = next_s = next_s if next_s > now_s else now_s + interval_s
        if standing.status(iso(now)) != "active":
            return False
        due_at = now + timedelta(seconds=next_s - now_s)
        letter = await self._all(standing, TriggerReason.UPDATED)
        sent = await self._store.send_in_time(letter, self._stored.get(key), due_at)
        self._stored[key] = due_at
        return sent

    def now_text(self) -> str:
        """The present instant, against which a subscription's status is judged."""
        return iso(self._clock.now())

    def forget_all(self) -> None:
        """Empty the live set after the store was emptied (development mode)."""
        self._live.clear()
        self._pauses.clear()
        self._due.clear()
        self._stored.clear()

    async def _all(self, standing: Standing, reason: TriggerReason) -> Letter:
        matches = self._registrations.matching(standing.tenant, rules.interest_of(standing.wish))
        return await self._composer.letter(standing, reason, matches)

    async def _first(self, standing: Standing) -> list[Letter]:
        """What is told when a subscription is made or changed: all that match; nothing of nothing, unless by interval."""
        if standing.status(self.now_text()) != "active":
            return []
        matches = self._registrations.matching(standing.tenant, rules.interest_of(standing.wish))
        if not matches and standing.wish.interval_s is None:
            return []
        return [await self._composer.letter(standing, TriggerReason.NEWLY_MATCHING, matches)]

    async def _write(self, standing: Standing, *, new: bool) -> None:
        letters = await self._first(standing)
        change = Write(standing.tenant, KIND, standing.wish.id, _record(standing), new=new)
        number = await self._store.write(change, letters)
        if number is None:
            problem = "already_exists" if new else "does_not_exist"
            raise Refusal(f"federation.subscription.{problem}", id=standing.wish.id)
        self._keep(replace(standing, number=number))
        self.sent(letters)

    def _one(self, caller: Caller, subscription_id: str) -> Standing:
        if not is_uri(subscription_id):
            raise Refusal("federation.subscription.id_not_valid", id=subscription_id[:200])
        standing = self._live.get((caller.tenant, subscription_id))
        if standing is None:
            raise Refusal("federation.subscription.does_not_exist", id=subscription_id)
        return standing

    def _of_tenant(self, tenant: str) -> list[Standing]:
        return sorted((one for one in self._live.values() if one.tenant == tenant), key=lambda one: one.number)

    def _check(self, wish: RegistrationSubscription) -> None:
        now_text = self.now_text()
        if Standing("", wish, None, now_text, now_text).status(now_text) == "expired":
            raise Refusal("federation.subscription.expires_in_past", expires_at=wish.subscription.expires_at)
        endpoint = wish.subscription.notification.endpoint
        self._guard.check(endpoint.uri, endpoint.receiver_info)

    def _keep(self, standing: Standing) -> None:
        key = (standing.tenant, standing.wish.id)
        self._live[key] = standing
        self._due.pop(key, None)
        if standing.wish.interval_s is not None:
            self._due[key] = self._clock.monotonic() + standing.wish.interval_s

    def _forget(self, standing: Standing) -> None:
        key = (standing.tenant, standing.wish.id)
        self._live.pop(key, None)
        self._due.pop(key, None)
        self._stored.pop(key, None)
        self._pauses.pop(standing.sending, None)


def _record(standing: Standing) -> dict[str, Any]:
    return {
        "subscription": to_record(standing.wish),
        "context": standing.context_source,
        "createdAt": standing.created_at,
        "modifiedAt": standing.modified_at,
    }


def _standing(tenant: str, number: int, record: dict[str, Any]) -> Standing:
    wish = from_record(record["subscription"])
    return Standing(tenant, wish, record["context"], record["createdAt"], record["modifiedAt"], number)
