"""kill -9 during acknowledged single updates: of machinami, of machinami and its PostgreSQL, of PostgreSQL alone.

`MACHINAMI_PROVE=1` makes it ten kills and 5,000 acknowledged updates, and prints the figures (pytest -s).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from .prove_kit import PROVE, City, Client, Receiver, Writers, check_rows, report, seconds, until

KILLS = 10 if PROVE else 2
UPDATES_BETWEEN = 500 if PROVE else 60
CHANCE = random.Random()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    webhook = Receiver()
    yield webhook
    webhook.close()


def subscribe(city: City, receiver: Receiver) -> None:
    wanted = {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "watchedAttributes": ["reading"],
        "notification": {"endpoint": {"uri": receiver.url, "accept": "application/json"}},
    }
    assert Client(city).ask("POST", "/ngsi-ld/v1/subscriptions", wanted)[0] == 201


def test_nothing_acknowledged_is_lost_when_machinami_is_killed(city: City, receiver: Receiver) -> None:
    city.start()
    subscribe(city, receiver)
    writers = Writers(city)
    writers.begin()
    back: list[float] = []
    for round_number in range(KILLS):
        writers.wait_for(UPDATES_BETWEEN + CHANCE.randrange(20))
        began = time.monotonic()
        if round_number % 2:
            city.kill_postmaster()
        city.kill()
        city.start()
        writers.seconds_to_next()
        back.append(time.monotonic() - began)
        assert len(city.postmasters()) == 1
    writers.finish()

    figures = check_rows(city, writers.acked)
    until(lambda: not set(writers.acked) - receiver.seen.keys(), "a notification of each acknowledged update")
    notified = sum(receiver.seen.values())
    report("kill -9 during updates", **figures, kills=city.kills, notified=notified, back_after=seconds(back))
    city.stop()
    assert not city.postmasters()


def test_writes_are_answered_503_and_go_on_when_postgresql_is_killed(city: City) -> None:
    city.start()
    writers = Writers(city)
    writers.begin()
    victim = city.pid
    back: list[float] = []
    for _ in range(KILLS):
        writers.wait_for(UPDATES_BETWEEN // 2 + CHANCE.randrange(20))
        refused = writers.statuses[503]
        began = time.monotonic()
        city.kill_postmaster()
        until(lambda before=refused: writers.statuses[503] > before, "an answer 503")  # type: ignore[misc]
        writers.seconds_to_next()
        back.append(time.monotonic() - began)
    writers.wait_for(UPDATES_BETWEEN // 2)
    writers.finish()

    assert city.running()
    assert city.pid == victim
    assert set(writers.statuses) == {204, 503}
    assert not writers.broken
    figures = check_rows(city, writers.acked)
    assert len(city.postmasters()) == 1
    report(
        "kill -9 of PostgreSQL during updates", **figures, kills=city.kills, answered_503=writers.statuses[503],
        back_after=seconds(back),
    )  # fmt: skip
