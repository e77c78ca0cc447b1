"""A notification about registrations as the letter that is sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from machinami.federation.registration_subscriptions.model import Standing, TriggerReason
from machinami.federation.registration_subscriptions.ports import ContextResolver
from machinami.federation.registrations.model import Letter, Match
from machinami.kernel.caller import DEFAULT_TENANT
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import new_urn
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context, core_context
from machinami.standards.ngsi_ld.notifications import message, only_document
from machinami.standards.ngsi_ld.registration_subscriptions import render_source_notification
from machinami.standards.ngsi_ld.registrations import render_registration

logger = logging.getLogger(__name__)


class Composer:
    """Writes letters in the names and the media type that a subscription asks for."""

    def __init__(self, contexts: ContextResolver, clock: Clock) -> None:
        self._contexts = contexts
        self._clock = clock

    async def letter(self, standing: Standing, reason: TriggerReason, matches: Sequence[Match]) -> Letter:
        """The letter about these matches. All letters of a subscription arrive in order."""
        now = self._clock.now()
        notification_id = new_urn("Notification")
        context, source = await self._context(standing)
        endpoint = standing.wish.subscription.notification.endpoint
        link = None
        if endpoint.accept != "application/ld+json":
            link = only_document(source)
            if link is None:
                link, context = CORE_CONTEXT_URL, core_context()
        shown = [render_registration(one.registration, context, information=one.information) for one in matches]
        document = render_source_notification(standing.wish.id, notification_id, reason, shown, iso(now))
        if link is None:
            document["@context"] = source
        extra = {} if standing.tenant == DEFAULT_TENANT else {"NGSILD-Tenant": standing.tenant}
        body, headers = message(endpoint, document, link, extra)
        return Letter(
            standing.tenant, standing.lane, standing.lane, notification_id, endpoint.uri, body, headers, now,
            timeout_s=endpoint.timeout_ms / 1000 if endpoint.timeout_ms else None,
            cooldown_s=endpoint.cooldown_ms / 1000 if endpoint.cooldown_ms else None,
        )  # fmt: skip

    async def _context(self, standing: Standing) -> tuple[Context, Any]:
        """The @context of a notification and its source; full names if it can't be had any more."""
        local = standing.wish.subscription.jsonld_context or standing.context_source
        try:
            return await self._contexts.resolve(standing.tenant, local), local or CORE_CONTEXT_URL
        except Refusal as error:
            logger.warning("notifying %s in full names: %s %s", standing.wish.id, error.code, error.parameters)
            return core_context(), CORE_CONTEXT_URL
