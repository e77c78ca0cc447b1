"""What feeds store, under which label, and who hears of a warning that comes late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from machinami.kernel.caller import Caller, Role, system_caller
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.linkage.feeds.service import Feeds, Received
from machinami.linkage.feeds.simulation import GaugePlan, gauge
from machinami.linkage.ports import Fold
from machinami.standards.alerts import ALERT, LABEL, term
from machinami.standards.amedas import parse_snapshot, parse_stations

CITY = Path(__file__).parents[4] / "cities" / "takamatsu"
FEED = system_caller("feeds")
ISSUED, LOWERED = (next((CITY / "jma").glob(f"32-39_12_{number}_*.xml")).read_bytes() for number in ("02", "13"))


class City:
    """`CityEntities` that keeps the newest state, the labels, and refuses the types in `refused`."""

    def __init__(self) -> None:
        self.stored: dict[str, Entity] = {}
        self.labels: list[str] = []
        self.refused: set[str] = set()

    async def save(
        self, caller: Caller, entities: Sequence[Entity], label: str = "", fold: Fold | None = None
    ) -> list[MachinamiError | None]:
        self.labels.append(label)
        results: list[MachinamiError | None] = []
        for one in entities:
            if self.refused & set(one.types):
                results.append(Refusal("data.entity.not_storable", id=one.id))
                continue
            chosen = fold(self.stored.get(one.id), one) if fold else one
            if chosen is not None:
                self.stored[one.id] = chosen
            results.append(None)
        return results

    async def having(self, caller: Caller, attribute: str) -> list[Entity]:
        return []

    def of(self, kind: str) -> list[Entity]:
        return [one for one in self.stored.values() if kind in one.types]


class Late:
    """Keeps the warnings that came late."""

    def __init__(self) -> None:
        self.heard: list[Entity] = []

    async def late(self, caller: Caller, alert: Entity) -> None:
        self.heard.append(alert)


@pytest.fixture
def city() -> City:
    return City()


@pytest.fixture
def late() -> Late:
    return Late()


@pytest.fixture
def feeds(city: City, late: Late) -> Feeds:
    return Feeds(city, late)


async def test_telegram_is_listed_and_becomes_an_alert(feeds: Feeds, city: City, late: Late) -> None:
    received = await feeds.telegram(FEED, ISSUED)
    assert isinstance(received, Received)
    assert "津波" in received.title
    assert received.alerts == len(city.of(ALERT)) == 1
    assert len(city.stored) == 2
    assert (city.labels, late.heard) == ([""], [])
    assert all(LABEL not in one.attributes for one in city.stored.values())


async def test_telegram_of_a_replay_is_labelled_in_the_log_and_in_the_data(feeds: Feeds, city: City) -> None:
    await feeds.telegram(FEED, ISSUED, "replay")
    assert city.labels == ["replay"]
    assert {one.attributes[LABEL][0]["value"] for one in city.stored.values()} == {"replay"}


async def test_telegram_that_is_newer_replaces_the_alert_of_its_event(feeds: Feeds, city: City, late: Late) -> None:
    await feeds.telegram(FEED, ISSUED)
    [before] = city.of(ALERT)
    await feeds.telegram(FEED, LOWERED)
    [after] = city.of(ALERT)
    assert (after.id, after == before) == (before.id, False)
    assert late.heard == []


async def test_telegram_that_comes_late_wins_nothing_but_is_heard(feeds: Feeds, city: City, late: Late) -> None:
    await feeds.telegram(FEED, LOWERED)
    [before] = city.of(ALERT)
    await feeds.telegram(FEED, ISSUED)
    assert city.of(ALERT) == [before]
    assert [one.id for one in late.heard] == [before.id]
    assert late.heard[0] != before


async def test_telegram_that_comes_twice_changes_nothing_and_is_not_late(feeds: Feeds, city: City, late: Late) -> None:
    for _ in range(2):
        await feeds.telegram(FEED, ISSUED)
    assert (len(city.stored), late.heard) == (2, [])


async def test_telegram_passes_on_that_something_was_not_stored(feeds: Feeds, city: City) -> None:
    city.refused = {ALERT}
    with pytest.raises(Refusal) as refused:
        await feeds.telegram(FEED, ISSUED)
    assert refused.value.code == "data.entity.not_storable"


async def test_telegram_refuses_what_is_none(feeds: Feeds, city: City) -> None:
    with pytest.raises(Refusal):
        await feeds.telegram(FEED, b"<html/>")
    assert city.stored == {}


async def test_weather_is_a_labelled_snapshot_and_names_unknown_stations(feeds: Feeds, city: City) -> None:
    stations = dict(parse_stations((CITY / "amedas" / "amedastable.json").read_bytes()))
    snapshot = parse_snapshot((CITY / "amedas" / "20210224150000.json").read_bytes())
    missing = next(iter(snapshot))
    stations.pop(missing, None)
    count, unknown = await feeds.weather(FEED, snapshot, stations, datetime(2021, 2, 24, 6, tzinfo=UTC))
    assert count == len(city.of(term("WeatherObserved")))
    assert missing in unknown
    assert city.labels == ["snapshot"]


async def test_movement_is_labelled_simulation(feeds: Feeds, city: City) -> None:
    plan = GaugePlan("urn:ngsi-ld:WaterLevelObserved:1", "水位計", "Gauge", (134.0, 34.3), 1.0, 0.5, 600)
    await feeds.movement(FEED, [gauge(plan, datetime(2026, 11, 26, tzinfo=UTC))])
    assert city.labels == ["simulation"]
    assert city.stored[plan.id].attributes[LABEL][0]["value"] == "simulation"
    city.refused = {term("WaterLevelObserved")}
    with pytest.raises(Refusal):
        await feeds.movement(FEED, [gauge(plan, datetime(2026, 11, 26, tzinfo=UTC))])


async def test_feeds_need_the_writers_role(feeds: Feeds, city: City) -> None:
    reader = Caller("default", "user:a", "", frozenset({Role.READER}))
    for call in (feeds.telegram(reader, ISSUED), feeds.movement(reader, []), feeds.weather(reader, {}, {}, datetime.now(UTC))):
        with pytest.raises(Refusal) as refused:
            await call
        assert refused.value.code == "security.access.forbidden"


async def test_each_run_of_a_replay_is_an_event_of_its_own(feeds: Feeds, city: City, late: Late) -> None:
    for run in ("2026-11-26T01:00:00Z", "2026-11-26T02:00:00Z"):
        for xml in (ISSUED, LOWERED):
            await feeds.telegram(FEED, xml, "replay", run)
    assert len(city.of(ALERT)) == 2
    assert late.heard == []
