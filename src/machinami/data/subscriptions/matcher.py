"""The matcher: a consumer of the change log that turns changes into deliveries, at least once and in order."""

from __future__ import annotations

import asyncio

import structlog

from machinami.data.contexts.service import Contexts
from machinami.data.delivery.model import Delivery
from machinami.data.delivery.rules import endpoint_of
from machinami.data.ports import EntityStore
from machinami.data.subscriptions import rules
from machinami.data.subscriptions.ports import Cursors, MatchStore
from machinami.data.subscriptions.service import Standing, Subscriptions
from machinami.kernel.change import Change, Cursor
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import MachinamiError
from machinami.kernel.ids import stable_urn
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL
from machinami.standards.ngsi_ld.notifications import notification_message

log = structlog.get_logger()
CONSUMER = "subscriptions"
BATCH = 500
POLL_S = 1.0


class Matcher:
    """Reads the change log behind its cursor; `wake` is a hint that there is something new (trust-N8)."""

    def __init__(
        self, store: EntityStore, subscriptions: Subscriptions, contexts: Contexts, matches: MatchStore, cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._contexts = contexts
        self._matches = matches
        self._cursors = cursors
        self._clock = clock
        self._wake = asyncio.Event()
        self._cursor: Cursor | None = None
        self._last_sent: dict[tuple[str, str], float] = {}
        self.matched = 0

    def wake(self) -> None:
        """There may be new changes."""
        self._wake.set()

    def reset(self) -> None:
        """Start from the log's beginning after the store was emptied (development mode)."""
        self._cursor = None
        self._last_sent.clear()

    async def run(self) -> None:
        """Until cancelled. A store that can't answer is asked again; nothing is skipped."""
        while True:
            try:
                more = await self.step()
            except MachinamiError as error:
                log.warning("matching waits", code=error.code, **error.parameters)
                self._cursor, more = None, False
            if not more:
                try:
                    await asyncio.wait_for(self._wake.wait(), POLL_S)
                except TimeoutError:
                    continue
                self._wake.clear()

    async def step(self) -> bool:
        """Handle one batch of changes; whether there may be more at once."""
        if self._cursor is None:
            self._cursor = await self._cursors.load(CONSUMER)
        changes = await self._store.changes(self._cursor, BATCH)
        if not changes:
            return False
        rows = [row for change in changes for row in await self._deliveries(change)]
        new = changes[-1].cursor
        await self._matches.commit_matches(CONSUMER, self._cursor, new, rows)
        self._cursor = new
        self.matched += len(rows)
        return True

    async def _deliveries(self, change: Change) -> list[Delivery]:
        now_text = iso(self._clock.now())
        return [
            await self._delivery(standing, change, now_text)
            for standing in self._subscriptions.standing(change)
            if rules.fires(standing.subscription, change, now_text) and not self._throttled(standing)
        ]

    def _throttled(self, standing: Standing) -> bool:
        """Whether the minimum time since the last notification has not passed; on the monotonic clock (trust-N13)."""
        pause = standing.subscription.throttling_s
        if not pause:
            return False
        key, now = (standing.tenant, standing.subscription.id), self._clock.monotonic()
        last = self._last_sent.get(key)
        if last is not None and now - last < pause:
            return True
        self._last_sent[key] = now
        return False

    async def _delivery(self, standing: Standing, change: Change, now_text: str) -> Delivery:
        subscription = standing.subscription
        place = f"{change.cursor.transaction}.{change.cursor.position}"
        notification_id = stable_urn("Notification", standing.tenant, subscription.id, place)
        local = subscription.jsonld_context or standing.context_source
        context = await self._contexts.resolve(standing.tenant, local)
        body, headers = notification_message(
            subscription, notification_id, rules.told(subscription, change), now_text, context, local or CORE_CONTEXT_URL
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
