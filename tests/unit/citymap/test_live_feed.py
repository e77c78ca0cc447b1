"""The live feed: numbered events to open pages, resumable, bounded, each tenant its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from machinami.citymap.live import ALL, LiveFeed
from machinami.citymap.service import CityMap
from machinami.kernel.change import Change, ChangeKind, Cursor, InstanceChange
from machinami.kernel.entity import LOCATION, Entity
from machinami.kernel.errors import Unavailable
from machinami.standards.alerts import term

NEVER_S = 3600.0
Stream = AsyncGenerator[bytes, None]


@pytest.fixture
def feed() -> LiveFeed:
    return LiveFeed("e1", kept=4, clients_max=3)


def parsed(event: bytes) -> tuple[str, str, Any]:
    """(id, event, data) of one event; a comment has neither."""
    fields = dict(line.split(": ", 1) for line in event.decode().splitlines() if line and not line.startswith(":"))
    return fields.get("id", ""), fields.get("event", ""), json.loads(fields.get("data", "null"))


async def taken(stream: Stream, number: int) -> list[tuple[str, str, Any]]:
    return [parsed(await asyncio.wait_for(anext(stream), 10)) for _ in range(number)]


def announce(feed: LiveFeed, *numbers: int, tenant: str = "default") -> None:
    for number in numbers:
        feed.announce(tenant, "thing", {"n": number})


async def test_stream_greets_a_new_page_and_sends_what_comes_from_then_on(feed: LiveFeed) -> None:
    announce(feed, 1)
    stream = feed.stream("default", "", NEVER_S)
    assert await taken(stream, 1) == [("e1-1", "hello", {})]
    announce(feed, 2, 3)
    assert await taken(stream, 2) == [("e1-2", "thing", {"n": 2}), ("e1-3", "thing", {"n": 3})]
    await stream.aclose()


async def test_stream_wakes_a_page_that_waits(feed: LiveFeed) -> None:
    stream = feed.stream("default", "", NEVER_S)
    await taken(stream, 1)
    waiting = asyncio.create_task(taken(stream, 1))
    await asyncio.sleep(0)
    announce(feed, 1)
    assert await waiting == [("e1-1", "thing", {"n": 1})]
    await stream.aclose()


async def test_stream_resumes_behind_the_last_event_seen(feed: LiveFeed) -> None:
    announce(feed, 1, 2, 3)
    stream = feed.stream("default", "e1-1", NEVER_S)
    assert await taken(stream, 3) == [("", "", None), ("e1-2", "thing", {"n": 2}), ("e1-3", "thing", {"n": 3})]
    await stream.aclose()


async def test_stream_resumes_from_just_before_the_oldest_event_kept(feed: LiveFeed) -> None:
    announce(feed, 1, 2, 3, 4, 5, 6)
    stream = feed.stream("default", "e1-2", NEVER_S)
    assert [one[0] for one in await taken(stream, 5)] == ["", "e1-3", "e1-4", "e1-5", "e1-6"]
    await stream.aclose()


@pytest.mark.parametrize(
    "last_id", ["e1-1", "e0-5", "e1-7", "e1-", "e1--1", "e1-x", "e1-²", "e1-" + "9" * 5_000, "-", "5", "e1-1-5"]
)
async def test_stream_asks_to_load_again_when_it_cannot_resume(feed: LiveFeed, last_id: str) -> None:
    announce(feed, 1, 2, 3, 4, 5, 6)
    stream = feed.stream("default", last_id, NEVER_S)
    assert await taken(stream, 1) == [("e1-6", "reset", {})]
    announce(feed, 7)
    assert await taken(stream, 1) == [("e1-7", "thing", {"n": 7})]
    await stream.aclose()


async def test_stream_asks_a_page_that_fell_behind_the_ring_to_load_again(feed: LiveFeed) -> None:
    stream = feed.stream("default", "", NEVER_S)
    await taken(stream, 1)
    announce(feed, 1, 2, 3, 4, 5)
    assert await taken(stream, 1) == [("e1-5", "reset", {})]
    announce(feed, 6)
    assert await taken(stream, 1) == [("e1-6", "thing", {"n": 6})]
    await stream.aclose()


async def test_stream_shows_a_tenant_its_own_events_and_those_for_all(feed: LiveFeed) -> None:
    stream = feed.stream("default", "", NEVER_S)
    await taken(stream, 1)
    announce(feed, 1, tenant="other")
    announce(feed, 2, tenant=ALL)
    announce(feed, 3)
    assert await taken(stream, 2) == [("e1-2", "thing", {"n": 2}), ("e1-3", "thing", {"n": 3})]
    await stream.aclose()


async def test_stream_says_that_it_lives_when_nothing_happens(feed: LiveFeed) -> None:
    stream = feed.stream("default", "", 0.0)
    await taken(stream, 1)
    assert await anext(stream) == b": still here\n\n"
    await stream.aclose()


async def test_stream_refuses_more_pages_than_allowed_until_one_closes(feed: LiveFeed) -> None:
    open_pages = [feed.stream("default", "", NEVER_S) for _ in range(3)]
    for one in open_pages:
        await taken(one, 1)
    assert feed.clients == 3
    with pytest.raises(Unavailable) as refused:
        await anext(feed.stream("default", "", NEVER_S))
    assert (refused.value.code, refused.value.parameters) == ("citymap.stream.too_many", {"most": "3"})
    await open_pages[0].aclose()
    await taken(feed.stream("default", "", NEVER_S), 1)


async def test_close_ends_open_streams(feed: LiveFeed) -> None:
    stream = feed.stream("default", "", NEVER_S)
    await taken(stream, 1)
    waiting = asyncio.create_task(taken(stream, 1))
    await asyncio.sleep(0)
    feed.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert feed.clients == 0


class Told(LiveFeed):
    """Keeps what is announced in a list."""

    def __init__(self) -> None:
        super().__init__("e", 100, 1)
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    def announce(self, tenant: str, event: str, data: dict[str, Any]) -> None:
        self.told.append((tenant, event, data))


@pytest.fixture
def told() -> Told:
    return Told()


def change(entity: Entity, kind: ChangeKind = ChangeKind.UPDATED, tenant: str = "default", *names: str) -> Change:
    instances = tuple(InstanceChange(name, None, {"type": "Property"}, None) for name in names)
    return Change(Cursor(1, 1), datetime(2026, 11, 26, tzinfo=UTC), tenant, entity, kind, instances)


def test_changes_draw_an_entity_for_each_layer_as_that_layer_shows_it(told: Told, city: CityMap, make: Any) -> None:
    told.changes(city, [change(make("1", "Gauge", level=1.5, temperature=8))])
    figures = {data["layers"][0]: data["feature"]["properties"] for _, _, data in told.told}
    assert {layer: shown["value"] for layer, shown in figures.items()} == {"gauge": 1.5, "gauge-heat": 8}
    assert [len(data["layers"]) for _, _, data in told.told] == [1, 1]
    assert all(layer == shown["layer"] for layer, shown in figures.items())


def test_changes_tell_the_last_state_of_a_batch_once(told: Told, city: CityMap, make: Any) -> None:
    told.changes(city, [change(make("1", name="a"), ChangeKind.CREATED), change(make("2")), change(make("1", name="b"))])
    assert [(data["id"], data["feature"]["properties"]["name"]) for _, _, data in told.told] == [
        ("urn:ngsi-ld:Shelter:1", "b"), ("urn:ngsi-ld:Shelter:2", "urn:ngsi-ld:Shelter:2"),
    ]  # fmt: skip


def test_changes_keep_the_same_entity_of_two_tenants_apart(told: Told, city: CityMap, make: Any) -> None:
    told.changes(city, [change(make("1")), change(make("1"), ChangeKind.UPDATED, "other")])
    assert [tenant for tenant, _, _ in told.told] == ["default", "other"]


@pytest.mark.parametrize(
    ("kind", "named"),
    [(ChangeKind.DELETED, {}), (ChangeKind.UPDATED, {"lon": None}), (ChangeKind.UPDATED, {"withdrawn": True})],
)
def test_changes_take_an_entity_off_the_map_when_it_is_gone_withdrawn_or_without_place(
    kind: ChangeKind, named: Any, told: Told, city: CityMap, make: Any
) -> None:
    told.changes(city, [change(make("1", **named), kind)])
    assert told.told == [("default", "entity", {"id": "urn:ngsi-ld:Shelter:1", "layers": ["shelter"], "feature": None})]


def test_changes_take_an_entity_without_own_layer_off_the_map_when_it_loses_its_place(
    told: Told, city: CityMap, make: Any
) -> None:
    lost = make("1", "Park", lon=None)
    told.changes(city, [change(lost, ChangeKind.UPDATED, "default", LOCATION), change(lost)])
    assert told.told == [
        ("default", "entity", {"id": "urn:ngsi-ld:Park:1", "layers": [f"type:{term('Park')}"], "feature": None})
    ]


def test_changes_of_what_no_layer_shows_are_told_when_it_comes_or_goes_only(told: Told, city: CityMap, make: Any) -> None:
    entity = make("1", "Statistics", lon=None)
    told.changes(city, [change(entity)])
    assert told.told == []
    told.changes(city, [change(entity, ChangeKind.CREATED), change(entity)])
    told.changes(city, [change(entity, ChangeKind.DELETED)])
    assert told.told == [("default", "types", {"type": term("Statistics")})] * 2


async def test_a_page_that_comes_back_after_changes_were_left_out_starts_anew() -> None:
    feed = LiveFeed("e", 10, 5)
    feed.announce("default", "entity", {"id": "urn:a"})
    newest = "e-1"
    feed.forget()
    stream = feed.stream("default", newest, 60.0)
    assert b"event: reset" in await anext(stream)
    await stream.aclose()


async def test_watched_holds_on_for_a_while_after_the_last_page_left() -> None:
    feed = LiveFeed("e", 10, 5)
    assert not feed.watched
    stream = feed.stream("default", "", 60.0)
    await anext(stream)
    assert feed.watched
    await stream.aclose()
    assert feed.watched
