"""The matcher: a consumer of the change log that turns changes into deliveries, at least once and in order."""

from __future__ import annotations

import logging
from typing import Any

from machinami.data.contexts.service import Contexts
from machinami.data.delivery.model import Delivery
from machinami.data.delivery.rules import endpoint_of
from machinami.data.subscriptions import rules
from machinami.data.subscriptions.ports import MatchStore
from machinami.data.subscriptions.service import Standing, Subscriptions
from machinami.kernel.change import Change, Cursor
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import stable_urn
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context, core_context
from machinami.standards.ngsi_ld.notifications import notification_message

CONSUMER = "subscriptions"
Sending = tuple[str, str, str]
logger = logging.getLogger(__name__)


class Matcher:
    """Handles batches of changes; a `kernel.change_reader.ChangeReader` named `CONSUMER` feeds it."""

    def __init__(self, subscriptions: Subscriptions, contexts: Contexts, matches: MatchStore, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._contexts = contexts
        self._matches = matches
        self._clock = clock
        self._pauses: dict[Sending, float] = {}
        self.matched = 0

    async def handle(self, old: Cursor, changes: list[Change]) -> None:
        """Queue what the changes cause and move the cursor, in one transaction."""
        now = self._clock.monotonic()
        pauses = {sending: until for sending, until in self._pauses.items() if until > now}
        rows = [row for change in changes for row in await self._deliveries(change, pauses)]
        await self._matches.commit_matches(CONSUMER, old, changes[-1].cursor, rows)
        self._pauses = pauses  # only now: a batch that failed is matched again and must not find itself throttled
        self.matched += len(rows)

    async def _deliveries(self, change: Change, pauses: dict[Sending, float]) -> list[Delivery]:
        now_text = iso(self._clock.now())
        return [
            await self._delivery(standing, change, now_text)
            for standing in self._subscriptions.standing(change)
            if rules.fires(standing.subscription, change, now_text) and not self._throttled(standing, pauses)
        ]

    def _throttled(self, standing: Standing, pauses: dict[Sending, float]) -> bool:
        """Whether the minimum time since the last notification has not passed; on the monotonic clock (trust-N13)."""
        pause = standing.subscription.throttling_s
        if not pause:
            return False
        sending, now = (standing.tenant, standing.subscription.id, standing.created_at), self._clock.monotonic()
        if pauses.get(sending, now) > now:
            return True
        pauses[sending] = now + pause
        return False

    async def _context(self, standing: Standing, local: Any) -> tuple[Context, Any]:
        """The @context of a notification and its source.

        One that can't be had any more must not hold up everybody's notifications: this one then speaks in full IRIs.
        """
        try:
            return await self._contexts.resolve(standing.tenant, local), local or CORE_CONTEXT_URL
        except Refusal as error:
            logger.warning("notifying %s in full names: %s %s", standing.subscription.id, error.code, error.parameters)
            return core_context(), CORE_CONTEXT_URL

    async def _delivery(self, standing: Standing, change: Change, now_text: str) -> Delivery:
        subscription = standing.subscription
        place = f"{change.cursor.transaction}.{change.cursor.position}"
        notification_id = stable_urn("Notification", standing.tenant, subscription.id, place)
        local = subscription.jsonld_context or standing.context_source
        context, source = await self._context(standing, local)
        body, headers = notification_message(
            subscription, notification_id, rules.told(subscription, change), now_text, context, source
        )
        if standing.tenant != "default":
            headers["NGSILD-Tenant"] = standing.tenant
        endpoint = subscription.notification.endpoint
        return Delivery(
            tenant=standing.tenant, number=0, subscription_id=subscription.id, order_key=change.entity.id,
            notification_id=notification_id, url=endpoint.uri, endpoint=endpoint_of(endpoint.uri), body=body,
            headers=headers, created_at=self._clock.now(),
            timeout_s=endpoint.timeout_ms / 1000 if endpoint.timeout_ms else None,
            cooldown_s=endpoint.cooldown_ms / 1000 if endpoint.cooldown_ms else None,
        )  # fmt: skip
