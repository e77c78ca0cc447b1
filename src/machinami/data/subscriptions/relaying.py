"""What a context source told, handed on to the subscriber: the filters and the rhythm of the subscription hold (5.8.6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from machinami.data.delivery.model import Delivery
from machinami.data.matching import matches
from machinami.data.matching.selectors import selects
from machinami.data.subscriptions import rules
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.matcher import Matcher
from machinami.data.subscriptions.service import Standing, Subscriptions
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import NGSI_LD_NULL, VALUE_MEMBER, Entity
from machinami.standards.ngsi_ld.notifications import Told

Queue = Callable[[Sequence[Delivery]], Awaitable[None]]
_NULLS: Final = (NGSI_LD_NULL, {"@none": NGSI_LD_NULL})


class Relay:
    """Passes on one notification at a time; `queue` makes deliveries durable."""

    def __init__(self, subscriptions: Subscriptions, composer: Composer, matcher: Matcher, queue: Queue, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._composer = composer
        self._matcher = matcher
        self._queue = queue
        self._clock = clock
        self._turn = asyncio.Lock()

    async def pass_on(self, tenant: str, subscription_id: str, told: Sequence[Told], place: str) -> None:
        """Queue a notification of those entities that the subscription is about, if it is active and not throttled."""
        standing = self._subscriptions.live(tenant, subscription_id)
        if standing is None or rules.status_of(standing.subscription, iso(self._clock.now())) != "active":
            return
        kept = [one for one in told if await self._is_meant(standing, one)]
        if not kept:
            return
        throttled = standing.subscription.throttling_s is not None
        async with self._turn if throttled else contextlib.nullcontext():
            if await self._matcher.throttled(standing):
                return
            try:
                await self._queue([await self._composer.delivery(standing, kept, place, order_key=kept[0].entity.id)])
            except BaseException:
                self._matcher.not_told(standing)
                raise

    async def _is_meant(self, standing: Standing, told: Told) -> bool:
        query = standing.subscription.query
        if told.deleted_at is not None:  # nothing is left to look at: the source has judged the rest
            return not query.selectors or selects(query.selectors, told.entity)
        living = _living(told.entity)
        linked = await self._composer.behind(standing, living)
        return matches(replace(living, expires_at=None), query, iso(self._clock.now()), linked)


def _living(entity: Entity) -> Entity:
    """The entity without the instances that were deleted."""
    kept = {
        name: [one for one in found if one[VALUE_MEMBER[one["type"]]] not in _NULLS]
        for name, found in entity.attributes.items()
    }
    return entity.with_attributes({name: found for name, found in kept.items() if found})
