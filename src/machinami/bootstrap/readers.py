"""The three consumers of the change log: live pages, subscription matching, alarm rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.store import PostgresStore
from machinami.bootstrap.data import Data
from machinami.citymap.live import LiveFeed
from machinami.citymap.service import CityMap
from machinami.command.alarms.consumer import AlarmConsumer
from machinami.command.alarms.model import Alarm
from machinami.command.alarms.service import CONSUMER as ALARMS_CONSUMER
from machinami.command.alarms.service import Alarms
from machinami.data.delivery.worker import LaneWorker
from machinami.data.subscriptions.matcher import CONSUMER as SUBSCRIPTIONS_CONSUMER
from machinami.kernel.change import Change, Cursor
from machinami.kernel.change_reader import ChangeReader, Interest


def live_pages(store: PostgresStore, feed: LiveFeed, citymap: CityMap) -> ChangeReader:
    """Sends changes to open pages."""

    async def handle(_: Cursor, changes: list[Change]) -> None:
        feed.changes(citymap, changes)

    async def unwatched(_: Cursor, __: Cursor) -> None:
        feed.forget()

    interest = Interest(lambda: feed.watched, store.newest, unwatched)
    return ChangeReader("live pages", store.newest, store.changes, handle, interest=interest)


def subscription_matching(store: PostgresStore, cursors: ConsumerCursors, data: Data, worker: LaneWorker) -> ChangeReader:
    """Queues notifications of changes that subscriptions ask for."""
    matcher, subscriptions = data.matcher, data.subscriptions

    async def handle(old: Cursor, changes: list[Change]) -> None:
        if await matcher.handle(old, changes):
            worker.wake()

    reader = ChangeReader(
        "subscription matching", lambda: cursors.load(SUBSCRIPTIONS_CONSUMER), store.changes, handle, matcher.idle,
        Interest(lambda: subscriptions.watching, store.newest, matcher.skip, subscriptions.concerned),
    )  # fmt: skip
    subscriptions.before_each(reader.catch_up)
    subscriptions.before_figures(worker.settled)
    return reader


def alarm_rules(
    store: PostgresStore, cursors: ConsumerCursors, alarms: Alarms, on_change: Callable[[str, Sequence[Alarm]], None]
) -> ChangeReader:
    """Raises and clears alarms by the city's rules."""
    consumer = AlarmConsumer(alarms, on_change)

    async def unruled(old: Cursor, new: Cursor) -> None:
        await store.pool.run(lambda connection: cursors.advance(connection, ALARMS_CONSUMER, old, new))

    return ChangeReader(
        "alarm rules", lambda: cursors.load(ALARMS_CONSUMER), store.changes, consumer.handle, consumer.idle,
        Interest(lambda: alarms.has_rules, store.newest, unruled),
    )  # fmt: skip
