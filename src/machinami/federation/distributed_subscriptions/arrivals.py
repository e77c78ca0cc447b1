"""Notifications of the copies of our subscriptions, handed on to those who subscribed here (CIM 009 5.8.6)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from machinami.federation.distributed_subscriptions.model import Copy, CopyLimits
from machinami.federation.distributed_subscriptions.ports import OwnEntities, Relay, Subscriber, Subscribers
from machinami.federation.distributed_subscriptions.reading import read_told, with_stones, without_stones
from machinami.federation.distributed_subscriptions.service import DistributedSubscriptions, origin_of, splits
from machinami.federation.distribution.merging import Version, merged
from machinami.federation.distribution.ports import ContextResolver
from machinami.federation.distribution.reading import READ_OPERATIONS, SourceReader
from machinami.federation.distribution.rules import kept_of_answer, without_proxied
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import Match, Wanted
from machinami.kernel.caller import system_caller
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import Refusal
from machinami.kernel.query import Selector
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.notifications import Told

logger = logging.getLogger(__name__)


class Arrivals:
    """What sources tell: cut to what they are registered for, completed if asked for, and passed on durably."""

    def __init__(
        self, copies: DistributedSubscriptions, sources: Sources, subscribers: Subscribers, relay: Relay,
        contexts: ContextResolver, entities: OwnEntities, clock: Clock, limits: CopyLimits,
    ) -> None:  # fmt: skip
        self._copies = copies
        self._sources = sources
        self._subscribers = subscribers
        self._relay = relay
        self._contexts = contexts
        self._entities = entities
        self._clock = clock
        self._limits = limits

    async def arrived(self, token: str, document: Any, local: Any) -> None:
        """5.8.6: a notification of a source; `local` is the @context that its header names."""
        copy, match = self._copies.standing(token)
        subscriber = self._subscribers.live(*copy.key)
        notification_id, data = _checked(document, self._limits.entities_max)
        if match is None or subscriber is None or subscriber.created_at != copy.made_at:
            return
        context = document.get("@context", local)
        told = [one for each in data if (one := await self._read(copy, match, each, context)) is not None]
        if splits(subscriber, self._limits):
            told = [one if one.deleted_at else await self._whole(subscriber, match, one) for one in told]
        if told:
            await self._relay.pass_on(copy.tenant, copy.subscription_id, told, f"{token}/{notification_id}")

    async def _read(self, copy: Copy, match: Match, document: Any, local: Any) -> Told | None:
        """One entity as far as the source is registered for it (4.3.6.1); None if it isn't, or it is none."""
        own = document.get("@context", local) if isinstance(document, dict) else local
        context = await self._contexts.resolve(copy.tenant, own)
        try:
            told = read_told(document, context)
        except Refusal as error:
            logger.warning("an entity that %s told is left out: %s", match.registration.id, error.code)
            return None
        kept = kept_of_answer(told.entity, match.information)
        return None if kept is None else replace(told, entity=kept)

    async def _whole(self, subscriber: Subscriber, match: Match, told: Told) -> Told:
        """The entity with what is known of it here and at the other sources, as far as those answer in time (5.8.6)."""
        tenant, entity = subscriber.tenant, without_stones(told.entity)
        origin = origin_of(subscriber)
        wanted = Wanted((Selector(ids=frozenset({entity.id})),), previous_sources=self._sources.passed(origin))
        concerned = self._sources.concerned(origin, wanted)
        others = [one for one in concerned if one.registration.id != match.registration.id and _readable(one)]
        own = await self._entities.one(system_caller("federation", tenant), entity.id)
        mine = None if own is None else without_proxied(own, concerned)
        versions = [*([] if mine is None else [Version(mine)]), Version(entity)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.whole_s_max):
                reader = SourceReader(self._sources, origin, core_context(), None)
                heard = await reader.entity(others, entity.id, entity.types)
                versions += heard.versions.get(entity.id, [])
        whole = merged(versions, iso(self._clock.now())) or entity
        return replace(told, entity=with_stones(whole, told.entity))


def _readable(match: Match) -> bool:
    return bool(READ_OPERATIONS & match.registration.operations)


def _checked(document: Any, entities_max: int) -> tuple[str, Sequence[Any]]:
    """The id of a notification and its data."""
    if not isinstance(document, dict) or document.get("type") != "Notification" or not is_uri(document.get("id")):
        raise Refusal("federation.notification.not_valid", reason="it needs an id and the type Notification")
    data = document.get("data")
    if not isinstance(data, list) or len(data) > entities_max:
        raise Refusal("federation.notification.not_valid", reason=f"data must be an array of at most {entities_max} entities")
    return document["id"], data
