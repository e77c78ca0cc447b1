"""Where groups meet: entities for import and map, addresses of stores, bounds of delivery."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_alarm_store import FakeAlarmStore

from machinami.bootstrap import joints
from machinami.bootstrap.core import Core
from machinami.bootstrap.database import dsn_arguments
from machinami.bootstrap.joints import CityEntitiesOverData, MapAlarmsOverCommand, MapEntitiesOverData
from machinami.bootstrap.limits import lane_limits
from machinami.bootstrap.options import Options
from machinami.command.alarms.model import AlarmEvent, AlarmKey, Effect, Severity
from machinami.command.alarms.service import Alarms
from machinami.data.delivery.model import LaneLimits
from machinami.data.entities.service import Entities
from machinami.kernel.caller import Caller, Role, development_caller
from machinami.kernel.change import Cursor
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Page
from machinami.kernel.settings import Settings
from machinami.linkage.feeds.shape import attributes, prop
from machinami.sdk.memory_store import MemoryEntityStore
from machinami.standards.alerts import term

CALLER = development_caller()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 26, tzinfo=UTC))


@pytest.fixture
def store(clock: VirtualClock) -> MemoryEntityStore:
    return MemoryEntityStore(clock)


@pytest.fixture
def city(store: MemoryEntityStore, clock: VirtualClock) -> CityEntitiesOverData:
    return CityEntitiesOverData(Entities(store, clock))


def park(number: int, **named: Any) -> Entity:
    return Entity(f"urn:ngsi-ld:Park:{number}", (term("Park"),), attributes({name: prop(one) for name, one in named.items()}))


async def versions(store: MemoryEntityStore, *numbers: int) -> list[int]:
    found = [await store.get("default", park(number).id) for number in numbers]
    return [one.version if one else 0 for one in found]


async def test_save_writes_what_is_new_or_changed_only(
    city: CityEntitiesOverData, store: MemoryEntityStore, clock: VirtualClock
) -> None:
    assert await city.save(CALLER, [park(1, name="a"), park(2, name="b")], "replay") == [None, None]
    clock.advance(60)
    assert await city.save(CALLER, [park(1, name="a"), park(2, name="c")]) == [None, None]
    assert await versions(store, 1, 2) == [1, 2]
    log = await store.changes(Cursor(), 10)
    assert [(one.entity.id[-1], one.label) for one in log] == [("1", "replay"), ("2", "replay"), ("2", "")]


async def test_save_tells_of_a_refused_entity_and_stores_its_neighbours(
    city: CityEntitiesOverData, store: MemoryEntityStore
) -> None:
    past = replace(park(2), expires_at="2026-11-25T00:00:00Z")
    one, other, last = await city.save(CALLER, [park(1), past, park(3)])
    assert (one, last) == (None, None)
    assert isinstance(other, Refusal)
    assert await versions(store, 1, 2, 3) == [1, 0, 1]


async def test_save_lets_the_fold_choose_what_is_stored(city: CityEntitiesOverData, store: MemoryEntityStore) -> None:
    seen = []

    def fold(stored: Entity | None, incoming: Entity) -> Entity | None:
        seen.append(stored is not None)
        return incoming if stored is None else None

    await city.save(CALLER, [park(1, name="first")], "", fold)
    await city.save(CALLER, [park(1, name="second")], "", fold)
    assert seen == [False, True]
    assert await versions(store, 1) == [1]


async def test_save_needs_the_writers_role(city: CityEntitiesOverData) -> None:
    with pytest.raises(Refusal):
        await city.save(Caller("default", "user:a", "", frozenset({Role.READER})), [park(1)])


async def test_having_reads_all_pages(city: CityEntitiesOverData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joints, "READ_PAGE", 2)
    await city.save(CALLER, [park(number, **({"name": "x"} if number % 2 else {"other": "x"})) for number in range(9)])
    assert [one.id[-1] for one in await city.having(CALLER, term("name"))] == ["1", "3", "5", "7"]


async def test_map_entities_page_and_count(city: CityEntitiesOverData, store: MemoryEntityStore, clock: VirtualClock) -> None:
    await city.save(CALLER, [park(1), park(2), park(3)])
    on_the_map = MapEntitiesOverData(Entities(store, clock))
    found, more = await on_the_map.page(CALLER, EntityQuery(), Page(2))
    assert ([one.id[-1] for one in found], more) == (["1", "2"], True)
    assert await on_the_map.counts(CALLER) == {term("Park"): 3}


def message(event: str, entity_id: str | None, severity: Severity, at: datetime, **other: Any) -> AlarmEvent:
    return AlarmEvent(
        key=AlarmKey("key:pumps", event, other.pop("area", ""), "pumpFailure"),
        effect=other.pop("effect", Effect.RAISE),
        severity=severity,
        order=f"{other.pop('order', 1):019}",
        event_at=at,
        arrived_at=at,
        headline_ja="ポンプ停止",
        headline_en="Pump stopped",
        entity_id=entity_id,
        **other,
    )


async def test_map_alarms_count_open_alarms_by_entity_with_the_worst_severity(clock: VirtualClock) -> None:
    alarms, now = Alarms(FakeAlarmStore(), clock, ()), clock.now()
    raised = [
        message("a", "urn:pump", Severity.MINOR, now),
        message("b", "urn:pump", Severity.CRITICAL, now),
        message("c", "urn:pump", Severity.INFO, now),
        message("d", "urn:other", Severity.WARNING, now),
        message("e", None, Severity.MAJOR, now, area="590", area_name="香川県"),
    ]
    await alarms.receive(CALLER, raised)
    on_the_map = MapAlarmsOverCommand(alarms, clock)
    assert await on_the_map.by_entity(CALLER) == {"urn:pump": (3, "critical"), "urn:other": (1, "warning")}
    [row] = await on_the_map.areas(CALLER)
    assert (row["area_code"], row["alarm_id"], row["severity"]) == ("590", row["id"], "major")


async def test_map_alarms_leave_out_what_has_ended(clock: VirtualClock) -> None:
    alarms, now = Alarms(FakeAlarmStore(), clock, ()), clock.now()
    for effect, order in ((Effect.RAISE, 1), (Effect.CLEAR, 2)):
        await alarms.receive(CALLER, [message("a", "urn:pump", Severity.MAJOR, now, area="590", effect=effect, order=order)])
    on_the_map = MapAlarmsOverCommand(alarms, clock)
    assert (await on_the_map.by_entity(CALLER), await on_the_map.areas(CALLER)) == ({}, [])


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://user:p%40ss@db.city.example:5433/city",
        "postgres:///city?host=/run/postgresql&port=5499",
        "postgresql://a:1,b:2/city",
        "postgresql://u@db/city?sslmode=verify-full",
    ],
)
def test_dsn_arguments_leave_an_address_whole(dsn: str) -> None:
    """The driver reads it: nothing of it, such as sslmode, may be lost on the way."""
    assert dsn_arguments(dsn) == {"dsn": dsn}


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("mysql://u:secret@db/city", "mysql"),
        ("/var/lib", "/var/lib"),
        ("", "?"),
        ("postgresql://u:secret@db:port/city", "postgresql"),
        ("postgresql://u:secret@db:99999/city", "postgresql"),
        ("postgresql:///city?host=/tmp&port=x", "postgresql"),
        ("postgresql:///city?port=0", "postgresql"),
        ("postgresql://[u:secret", "postgresql"),
    ],
)
def test_dsn_arguments_refuse_what_is_no_address_without_showing_its_password(dsn: str, shown: str) -> None:
    with pytest.raises(Refusal) as refused:
        dsn_arguments(dsn)
    assert refused.value.code == "data.store.dsn"
    assert refused.value.parameters == {"dsn": shown}


def test_lane_limits_are_those_of_the_settings() -> None:
    assert lane_limits(Settings()) == LaneLimits()
    changed = Settings({name: 7 for name in Settings() if name.startswith("delivery_")})
    limits = lane_limits(changed)
    hours = {"measure_age_s_max", "alarm_age_s_max"}
    elsewhere = {"in_flight_max", "timeout_s_max", "poll_s", "endpoints_max", "slow_s"}
    for one in fields(LaneLimits):
        if one.name not in elsewhere:
            assert getattr(limits, one.name) == (7 * 3600 if one.name in hours else 7), one.name


async def test_health_fails_when_a_task_broke_but_not_when_it_has_done_its_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    core = Core(Options(tmp_path))
    core.store = type("Store", (), {"writer": type("Writer", (), {"waiting": 3})()})()  # type: ignore[assignment]

    async def work(fails: bool) -> None:
        if fails:
            raise RuntimeError("a bug")

    done = asyncio.create_task(work(False), name="demonstration data")
    core.add_task(done)
    await done
    assert core.health() == {
        "status": "pass",
        "store": "external",
        "waiting_writes": 3,
        "tasks": {"demonstration data": True},
        "profile": "",
    }
    broken = asyncio.create_task(work(True), name="replay 1")
    core.add_task(broken)
    with caplog.at_level(logging.ERROR):
        await asyncio.gather(broken, return_exceptions=True)
        await asyncio.sleep(0)
    assert core.health()["status"] == "fail"
    assert core.health()["tasks"] == {"demonstration data": True, "replay 1": False}
    assert "replay 1 ended with an error" in caplog.text
