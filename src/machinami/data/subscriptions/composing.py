"""From what is to be told to a delivery: the subscription's @context, the message, the lane."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from machinami.data.contexts.service import Contexts
from machinami.data.delivery.model import Delivery
from machinami.data.delivery.rules import endpoint_of
from machinami.data.matching.conditions import NOTHING_LINKED, Linked
from machinami.data.subscriptions.ports import EntityFinder
from machinami.data.subscriptions.service import Standing
from machinami.kernel.caller import DEFAULT_TENANT, home_of, system_caller
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import stable_urn
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context, core_context
from machinami.standards.ngsi_ld.linked import targets
from machinami.standards.ngsi_ld.notifications import NOT_JOINED, Joined, Told, notification_message

logger = logging.getLogger(__name__)


class Composer:
    """Makes the deliveries of subscriptions; their payload is fixed here. At most `linked_max` entities are joined."""

    def __init__(self, contexts: Contexts, entities: EntityFinder, clock: Clock, linked_max: int) -> None:
        self._contexts = contexts
        self._entities = entities
        self._clock = clock
        self._linked_max = linked_max

    async def delivery(self, standing: Standing, told: Sequence[Told], place: str, order_key: str) -> Delivery:
        """The delivery of a notification. `place` names the occasion: the same one gives the same notification id."""
        subscription, now = standing.subscription, self._clock.now()
        notification_id = stable_urn("Notification", standing.tenant, subscription.id, place)
        context, source = await self._context(standing, subscription.jsonld_context or standing.context_source)
        extra = _told_of(standing)
        joined = await self._joined(standing, told)
        body, headers = notification_message(subscription, notification_id, told, iso(now), context, source, extra, joined)
        endpoint = subscription.notification.endpoint
        return Delivery(
            tenant=standing.tenant, number=0, subscription_id=subscription.id, order_key=order_key,
            notification_id=notification_id, url=endpoint.uri, endpoint=endpoint_of(endpoint.uri), body=body,
            headers=headers, created_at=now,
            timeout_s=endpoint.timeout_ms / 1000 if endpoint.timeout_ms else None,
            cooldown_s=endpoint.cooldown_ms / 1000 if endpoint.cooldown_ms else None,
        )  # fmt: skip

    async def behind(self, standing: Standing, entity: Entity) -> Linked:
        """The entities behind the links that the subscription's q follows (4.9); none, with a warning, if too many."""
        condition = standing.subscription.query.condition
        if condition is None or not standing.subscription.notification.join:
            return NOTHING_LINKED
        caller = system_caller("subscriptions", standing.tenant)
        try:
            return await self._entities.behind(caller, entity, condition, self._linked_max)
        except Refusal as error:
            logger.warning("matching %s without linked entities: %s", standing.subscription.id, error.code)
            return NOTHING_LINKED

    async def _joined(self, standing: Standing, told: Sequence[Told]) -> Joined:
        """The entities behind the Relationships of those told (4.5.23); none, with a warning, if they are too many."""
        notification = standing.subscription.notification
        if not notification.join:
            return NOT_JOINED
        roots = [(one.entity, notification.representation) for one in told]
        try:
            linked = await self._entities.linked(
                system_caller("subscriptions", standing.tenant), roots, targets,
                levels=notification.join_level, known=(), most=self._linked_max,
            )  # fmt: skip
        except Refusal as error:
            logger.warning("notifying %s without linked entities: %s", standing.subscription.id, error.code)
            return NOT_JOINED
        return Joined(linked, self._linked_max)

    async def _context(self, standing: Standing, local: Any) -> tuple[Context, Any]:
        """The @context of a notification and its source.

        One that can't be had any more must not hold up everybody's notifications: this one then speaks in full IRIs.
        """
        try:
            return await self._contexts.resolve(standing.tenant, local), local or CORE_CONTEXT_URL
        except Refusal as error:
            logger.warning("notifying %s in full names: %s %s", standing.subscription.id, error.code, error.parameters)
            return core_context(), CORE_CONTEXT_URL


def _told_of(standing: Standing) -> dict[str, str]:
    """The headers that say whose entities are told: the tenant, and the snapshot if it is one (6.3.14, 6.3.22)."""
    tenant = home_of(standing.tenant)
    found = {} if tenant == DEFAULT_TENANT else {"NGSILD-Tenant": tenant}
    return {**found, "NGSILD-Snapshot": standing.snapshot} if standing.snapshot else found
