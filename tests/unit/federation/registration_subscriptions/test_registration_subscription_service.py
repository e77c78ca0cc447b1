"""Registration subscriptions as a service: each is told of each registration once, whatever happens at the same time."""

from __future__ import annotations

import asyncio
import json

import pytest
from federation_kit import CALLER, Town
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.kernel.errors import MachinamiError
from machinami.standards.ngsi_ld.contexts import core_context


@pytest.fixture
def town() -> Town:
    return Town()


def told(town: Town) -> list[tuple[str, str, list[str]]]:
    """(subscription, reason, registrations) of each letter."""
    bodies = [json.loads(letter.body) for letter in town.store.letters]
    return [(body["subscriptionId"], body["triggerReason"], [one["id"] for one in body["data"]]) for body in bodies]


@given(st.permutations(["register", "subscribe", "register 2", "subscribe 2"]), st.integers(0, 3))
@settings(deadline=None, max_examples=30)
def test_each_subscriber_is_told_of_each_registration_once_when_all_are_made_at_once(order: list[str], pause: int) -> None:
    async def run() -> Town:
        town = Town()
        doing = {
            "register": lambda: town.register("1"),
            "register 2": lambda: town.register("2"),
            "subscribe": lambda: town.subscribe("1"),
            "subscribe 2": lambda: town.subscribe("2"),
        }
        tasks = []
        for name in order:
            tasks.append(asyncio.create_task(doing[name]()))
            for _ in range(pause):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return town

    pairs = [(subscription, one) for subscription, _, listed in told(asyncio.run(run())) for one in listed]
    assert sorted(pairs) == [(f"urn:s:{s}", f"urn:csr:{r}") for s in (1, 2) for r in (1, 2)]


async def test_nobody_is_told_of_a_change_that_was_not_stored(town: Town) -> None:
    await town.subscribe("1", throttling=60)
    town.store.down = True
    with pytest.raises(MachinamiError):
        await town.register("1")
    town.store.down = False
    assert told(town) == []
    await town.register("1")
    assert told(town) == [("urn:s:1", "newlyMatching", ["urn:csr:1"])], "what failed must not count for throttling"


async def test_throttling_ends_after_its_time(town: Town) -> None:
    await town.subscribe("1", throttling=60)
    for name in ("1", "2"):
        await town.register(name)
    town.clock.advance(60)
    await town.register("3")
    assert [listed for _, _, listed in told(town)] == [["urn:csr:1"], ["urn:csr:3"]]


async def test_an_expired_or_paused_subscription_is_told_nothing(town: Town) -> None:
    await town.subscribe("expired", expiresAt="2026-01-01T00:00:10Z")
    await town.subscribe("paused", isActive=False)
    await town.subscribe("interval", isActive=False, timeInterval=1)
    town.clock.advance(10)
    await town.register("1")
    assert await town.subscriptions.step() == 0
    assert told(town) == []
    standing, _ = await town.subscriptions.retrieve(CALLER, "urn:s:expired")
    assert standing.status(town.subscriptions.now_text()) == "expired"


async def test_an_interval_tells_everything_each_time_it_is_over(town: Town) -> None:
    await town.subscribe("1", timeInterval=10)
    await town.register("1")
    assert await town.subscriptions.step() == 0
    for _ in range(2):
        town.clock.advance(10)
        assert await town.subscriptions.step() == 1
    assert told(town) == [
        ("urn:s:1", "newlyMatching", []),
        ("urn:s:1", "updated", ["urn:csr:1"]),
        ("urn:s:1", "updated", ["urn:csr:1"]),
    ]
    await town.subscriptions.update(CALLER, "urn:s:1", {"timeInterval": None}, core_context())
    town.clock.advance(10)
    assert await town.subscriptions.step() == 0


async def test_subscriptions_are_told_on_after_a_start(town: Town) -> None:
    await town.subscribe("1", csf='owner=="city"', temporalQ={"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"})
    again = Town(store=town.store)
    assert await again.subscriptions.load() == 1
    await again.register("1", owner="city")
    await again.register("2", owner="city", observationInterval={"startAt": "2020-01-01T00:00:00Z"})
    assert told(again) == [("urn:s:1", "newlyMatching", ["urn:csr:2"])]
    before, _ = await town.subscriptions.retrieve(CALLER, "urn:s:1")
    assert (await again.subscriptions.retrieve(CALLER, "urn:s:1"))[0] == before
