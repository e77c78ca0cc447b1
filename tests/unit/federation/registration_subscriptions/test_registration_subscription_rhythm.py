"""The rhythm of a registration subscription with an interval outlasts a restart."""

from __future__ import annotations

import pytest
from federation_kit import Town

INTERVAL_S = 60


def restarted(town: Town) -> Town:
    return Town(town.store, town.clock)


async def steps(town: Town, seconds: int) -> list[int]:
    """After how many seconds letters went out."""
    found = []
    for second in range(1, seconds + 1):
        town.clock.advance(1)
        if await town.subscriptions.step():
            found.append(second)
    return found


@pytest.mark.parametrize("told_before", [0, 1])
async def test_an_interval_goes_on_where_it_was_when_machinami_starts_again(told_before: int) -> None:
    town = Town()
    await town.subscribe("1", timeInterval=INTERVAL_S)
    assert await steps(town, told_before * INTERVAL_S + 20) == [INTERVAL_S] * told_before
    town = restarted(town)
    await town.subscriptions.load()
    assert await steps(town, 2 * INTERVAL_S) == [40, 100]


async def test_what_was_missed_while_machinami_stood_still_is_told_once() -> None:
    town = Town()
    await town.subscribe("1", timeInterval=INTERVAL_S)
    town.clock.advance(10 * INTERVAL_S)
    town = restarted(town)
    await town.subscriptions.load()
    assert await steps(town, 70) == [1, 60]
