"""The matcher: a consumer of the change log that turns changes into deliveries, at least once and in order."""

from __future__ import annotations

from collections.abc import Sequence

from machinami.data.delivery.model import Delivery
from machinami.data.subscriptions import rules
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.ports import MatchStore
from machinami.data.subscriptions.service import Standing, Subscriptions
from machinami.kernel.change import Change, Cursor
from machinami.kernel.clock import Clock, iso

CONSUMER = "subscriptions"
CURSOR_S = 1.0
Sending = tuple[str, str, str]


class Matcher:
    """Handles batches of changes; a `kernel.change_reader.ChangeReader` named `CONSUMER` feeds it."""

    def __init__(self, subscriptions: Subscriptions, composer: Composer, matches: MatchStore, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._composer = composer
        self._matches = matches
        self._clock = clock
        self._pauses: dict[Sending, float] = {}
        self._known: set[Sending] = set()
        self._behind: tuple[Cursor, Cursor, float] | None = None
        self.matched = 0

    async def handle(self, old: Cursor, changes: list[Change]) -> int:
        """Queue what the changes cause and move the cursor, in one transaction; how many deliveries there are.

        A cursor that only passes changes which nobody waits for may be stored up to `CURSOR_S` later: matching them again
        after a crash comes to nothing again.
        """
        now = self._clock.monotonic()
        self._pauses = {sending: until for sending, until in self._pauses.items() if until > now}
        pauses = dict(self._pauses)
        now_text = iso(self._clock.now())
        rows: list[Delivery] = []
        for change in changes:
            if found := self._subscriptions.standing(change):
                rows += await self._deliveries(found, change, pauses, now_text)
        await self._move(old, changes[-1].cursor, rows)
        self._pauses |= pauses  # only now: a batch that failed is matched again and must not find itself throttled
        self.matched += len(rows)
        return len(rows)

    async def throttled(self, standing: Standing) -> bool:
        """Whether a notification that no change here caused has to be left out; if not, the next pause begins."""
        return await self._throttled(standing, self._pauses)

    def not_told(self, standing: Standing) -> None:
        """That notification was not queued after all."""
        self._pauses.pop(standing.sending, None)

    async def skip(self, old: Cursor, new: Cursor) -> None:
        """Leave the changes from `old` to `new` unread."""
        await self._store(self._last_stored(old), new, ())

    async def idle(self) -> None:
        """Store a cursor that has waited for it long enough."""
        if self._behind is not None and self._clock.monotonic() - self._behind[2] >= CURSOR_S:
            await self._store(self._behind[0], self._behind[1], ())

    async def _move(self, old: Cursor, new: Cursor, rows: Sequence[Delivery]) -> None:
        if rows:
            await self._store(self._last_stored(old), new, rows)
            return
        since = self._behind[2] if self._behind is not None else self._clock.monotonic()
        self._behind = (self._last_stored(old), new, since)
        await self.idle()

    def _last_stored(self, old: Cursor) -> Cursor:
        return self._behind[0] if self._behind is not None and self._behind[1] == old else old

    async def _store(self, stored: Cursor, new: Cursor, rows: Sequence[Delivery]) -> None:
        self._behind = None
        await self._matches.commit_matches(CONSUMER, stored, new, rows)

    async def _deliveries(
        self, concerned: list[Standing], change: Change, pauses: dict[Sending, float], now_text: str
    ) -> list[Delivery]:
        found = []
        for standing in concerned:
            if not rules.awaited(standing.subscription, change, now_text):
                continue
            linked = await self._composer.behind(standing, change.entity)
            if not rules.answers(standing.subscription, change, now_text, linked) or await self._throttled(standing, pauses):
                continue
            found.append(await self._delivery(standing, change))
        return found

    async def _throttled(self, standing: Standing, pauses: dict[Sending, float]) -> bool:
        """Whether the minimum time since the last notification has not passed; on the monotonic clock (trust-N13)."""
        pause = standing.subscription.throttling_s
        if not pause:
            return False
        sending, now = standing.sending, self._clock.monotonic()
        if sending not in self._known:
            pauses[sending] = now + await self._rest_of_pause(standing, pause)
            self._known.add(sending)
        if pauses.get(sending, now) > now:
            return True
        pauses[sending] = now + pause
        return False

    async def _rest_of_pause(self, standing: Standing, pause: float) -> float:
        """Seconds that a pause from before this process began still lasts."""
        figures = (await self._matches.states(standing.tenant, [standing.subscription.id])).get(standing.subscription.id)
        if figures is None or figures.last_notification is None:
            return 0.0
        elapsed = (self._clock.now() - figures.last_notification).total_seconds()
        return min(max(pause - elapsed, 0.0), pause)

    async def _delivery(self, standing: Standing, change: Change) -> Delivery:
        place = f"{change.cursor.transaction}.{change.cursor.position}"
        told = rules.told(standing.subscription, change)
        return await self._composer.delivery(standing, [told], place, order_key=change.entity.id)
