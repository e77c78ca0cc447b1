"""What sources tell is handed on as the subscription says: if it is about it, in its rhythm, and never half."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from machinami.data.contexts.documents import ContextBounds
from machinami.data.contexts.service import Contexts
from machinami.data.delivery.model import Delivery
from machinami.data.entities.service import Entities
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.matcher import Matcher
from machinami.data.subscriptions.relaying import Relay
from machinami.data.subscriptions.service import Subscriptions
from machinami.kernel.caller import development_caller
from machinami.kernel.change import Cursor
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import DEFAULT_VOCABULARY, Entity
from machinami.kernel.errors import Unavailable
from machinami.sdk.memory_store import MemoryDocumentStore, MemoryEntityStore
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.notifications import Told
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

LEVEL = f"{DEFAULT_VOCABULARY}level"


def gauge(level: Any, number: int = 1, kind: str = "Gauge") -> Told:
    instance = {"type": "Property", "value": level}
    return Told(Entity(f"urn:ngsi-ld:Gauge:{number}", (DEFAULT_VOCABULARY + kind,), {LEVEL: [instance]}))


class Town:
    """A relay with its neighbours; `failures` are raised by the queue first."""

    def __init__(self, records: Any, matches: Any, guard: Any, clock: VirtualClock) -> None:
        self.queued: list[Delivery] = []
        self.failures: list[Exception] = []
        self.subscriptions = Subscriptions(records, matches, guard, clock, SubscriptionLimits())
        contexts = Contexts(MemoryDocumentStore(), self, clock, ContextBounds(cache_max=10, depth_max=5))  # type: ignore[arg-type]
        composer = Composer(contexts, Entities(MemoryEntityStore(clock), clock), clock, linked_max=2)
        self.matcher = Matcher(self.subscriptions, composer, matches, clock)
        self.relay = Relay(self.subscriptions, composer, self.matcher, self.queue, clock)

    async def queue(self, rows: Sequence[Delivery]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.queued += rows

    async def subscribe(self, document: Any) -> str:
        return (await self.subscriptions.create(development_caller(), document, core_context())).id

    async def tell(self, subscription_id: str, *told: Told, place: str = "token/urn:n:1") -> list[Any]:
        """What was queued for this: the entities of each notification."""
        before = len(self.queued)
        await self.relay.pass_on("default", subscription_id, told, place)
        return [json.loads(one.body)["data"] for one in self.queued[before:]]


@pytest.fixture
def town(records: Any, matches: Any, guard: Any, clock: VirtualClock) -> Town:
    return Town(records, matches, guard, clock)


async def test_only_entities_that_the_subscription_is_about_are_passed_on(town: Town, document: Any) -> None:
    one = await town.subscribe(document(q="level>3"))
    (data,) = await town.tell(one, gauge(1, 1), gauge(5, 2), gauge(9, 3, "Other"))
    assert [each["id"] for each in data] == ["urn:ngsi-ld:Gauge:2"]
    assert await town.tell(one, gauge(1)) == []


async def test_of_a_deleted_entity_only_the_selection_is_asked(town: Town, document: Any) -> None:
    one = await town.subscribe(document(q="level>3"))
    gone = Told(Entity("urn:ngsi-ld:Gauge:1", (f"{DEFAULT_VOCABULARY}Gauge",)), "2026-11-26T00:00:00Z")
    other = Told(Entity("urn:ngsi-ld:Gauge:2", (f"{DEFAULT_VOCABULARY}Other",)), "2026-11-26T00:00:00Z")
    (data,) = await town.tell(one, gone, other)
    assert [(each["id"], "deletedAt" in each) for each in data] == [("urn:ngsi-ld:Gauge:1", True)]


async def test_a_deleted_attribute_does_not_stand_for_its_value(town: Town, document: Any) -> None:
    one = await town.subscribe(document(q='level!="x"'))
    assert await town.tell(one, gauge("urn:ngsi-ld:null")) == []


async def test_nothing_is_passed_on_while_paused_or_after_the_end(town: Town, document: Any, clock: VirtualClock) -> None:
    paused = await town.subscribe(document(id="urn:s:1", isActive=False))
    ended = await town.subscribe(document(id="urn:s:2", expiresAt="2026-11-26T00:01:00Z"))
    clock.advance(60)
    for one in (paused, ended, "urn:s:none"):
        assert await town.tell(one, gauge(1)) == []


async def test_changes_here_and_notifications_of_sources_are_throttled_together(
    town: Town, document: Any, change: Any, clock: VirtualClock, matches: Any
) -> None:
    one = await town.subscribe(document(throttling=60))
    assert len(await town.tell(one, gauge(1))) == 1
    await town.matcher.handle(Cursor(), [change(None, {"level": {"type": "Property", "value": 1}})])
    assert matches.sent == []
    clock.advance(60)
    await town.matcher.handle(Cursor(1, 1), [change(None, {"level": {"type": "Property", "value": 1}}, number=2)])
    assert len(matches.sent) == 1
    assert await town.tell(one, gauge(2)) == []
    clock.advance(60)
    assert len(await town.tell(one, gauge(3))) == 1


async def test_what_could_not_be_queued_is_not_throttled_when_it_comes_again(town: Town, document: Any) -> None:
    one = await town.subscribe(document(throttling=60))
    town.failures.append(Unavailable("data.store.unavailable", reason="down"))
    with pytest.raises(Unavailable):
        await town.tell(one, gauge(1))
    assert len(await town.tell(one, gauge(1))) == 1


async def test_what_comes_again_has_the_same_notification_id(town: Town, document: Any) -> None:
    one = await town.subscribe(document())
    for place in ("token/urn:n:1", "token/urn:n:1", "token/urn:n:2"):
        await town.tell(one, gauge(1), place=place)
    first, again, other = (row.notification_id for row in town.queued)
    assert first == again != other
