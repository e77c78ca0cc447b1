"""Use cases of alarms, with the official drill telegrams as the town gets them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_alarm_store import FakeAlarmStore

from machinami.command.alarms.errors import ROWS
from machinami.command.alarms.model import Notice, Severity, Status
from machinami.command.alarms.rule_files import parse_rules
from machinami.command.alarms.service import CONSUMER, Alarms
from machinami.kernel.caller import Caller, Role, development_caller, system_caller
from machinami.kernel.change import Change, ChangeKind, Cursor, InstanceChange
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.linkage.feeds.alerts import alerts_of, fold
from machinami.linkage.feeds.simulation import GaugePlan, gauge
from machinami.standards.alerts import term
from machinami.standards.jma.telegram import parse_telegram

CITY = Path(__file__).parents[4] / "cities" / "takamatsu"
FEED = system_caller("alarms")
OPERATOR = development_caller()
START = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def store():
    return FakeAlarmStore()


@pytest.fixture
def clock():
    return VirtualClock(START)


@pytest.fixture
def alarms(store, clock):
    return Alarms(store, clock, parse_rules((CITY / "rules.json").read_bytes()))


def _alert(start: str, label: str | None = "replay") -> Entity:
    (path,) = (CITY / "jma").glob(f"{start}*.xml")
    (alert,) = alerts_of(parse_telegram(path.read_bytes()), label)
    return alert


def _change(entity: Entity, position: int, at: datetime = START, kind: ChangeKind = ChangeKind.UPDATED, **more) -> Change:
    return Change(Cursor(position, position), at, "default", entity, kind, **more)


async def test_raise_from_changes_opens_the_drill_and_clears_it_when_lowered(alarms, store):
    await alarms.raise_from_changes(FEED, [_change(_alert("32-39_12_02"), 1)])
    (record,) = (await alarms.find(OPERATOR)).records
    alarm = record.alarm
    assert (alarm.status, alarm.severity, alarm.active) == (Status.EXERCISE, Severity.CRITICAL, True)
    assert (alarm.key.area, alarm.area_name, alarm.level) == ("590", "香川県", "大津波警報：発表")
    assert (alarm.label, alarm.late) == ("replay", False)
    assert iso(alarm.event_at) == "2016-08-31T22:13:00Z"
    acknowledged = await alarms.act(OPERATOR, alarm.id, "acknowledge")
    assert acknowledged.alarm.acknowledged_by == "試用 (trial operator)"
    await alarms.raise_from_changes(FEED, [_change(_alert("32-39_12_05"), 2), _change(_alert("32-39_12_13"), 3)])
    (record,) = (await alarms.find(OPERATOR)).records
    assert (record.alarm.active, record.alarm.acknowledged, record.alarm.closed) == (False, True, False)
    await alarms.raise_from_changes(FEED, [_change(_alert("32-39_12_14"), 4)])
    assert store.notices == [Notice.RAISED, Notice.ACKNOWLEDGED, Notice.CLEARED]
    history = (await alarms.get(OPERATOR, alarm.id)).history
    assert [entry.what for entry in history] == ["raised", "acknowledge", "cleared"]
    assert store.state["cursors"] == {CONSUMER: Cursor(4, 4)}


async def test_raise_from_changes_opens_nothing_when_kagawa_has_only_a_slight_change(alarms):
    assert await alarms.raise_from_changes(FEED, [_change(_alert("32-39_11_09"), 1)]) == ()
    assert (await alarms.find(OPERATOR, "all")).records == ()


async def test_raise_from_changes_keeps_the_drill_apart_when_the_real_thing_has_its_event_id(alarms):
    await alarms.raise_from_changes(FEED, [_change(_alert("32-39_12_02", None), 1)])
    (path,) = (CITY / "jma").glob("32-39_12_02*.xml")
    (actual,) = alerts_of(parse_telegram(path.read_bytes().replace("訓練</Status>".encode(), "通常</Status>".encode())))
    await alarms.raise_from_changes(FEED, [_change(actual, 4), _change(_alert("32-39_12_13", None), 5)])
    by_status = {record.alarm.status: record.alarm for record in (await alarms.find(OPERATOR)).records if record.alarm.active}
    assert set(by_status) == {Status.ACTUAL}


async def test_raise_late_opens_a_cleared_alarm_when_the_lowering_came_first(alarms):
    lowered, raised = _alert("32-39_12_13"), _alert("32-39_12_02")
    assert fold(lowered, raised) is None
    await alarms.raise_from_changes(FEED, [_change(lowered, 1)])
    (alarm,) = await alarms.raise_late(FEED, raised)
    assert (alarm.active, alarm.acknowledged, alarm.late) == (False, False, True)


async def test_raise_from_changes_moves_nothing_when_the_store_fails_in_the_middle(alarms, store, monkeypatch):
    async def broken(*_):
        raise ConnectionError

    monkeypatch.setattr("fake_alarm_store.FakeTransaction.move_cursor", broken)
    with pytest.raises(ConnectionError):
        await alarms.raise_from_changes(FEED, [_change(_alert("32-39_12_02"), 1)])
    assert store.state == FakeAlarmStore().state


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dateIssued", "七時"),
        ("validTo", 3),
        ("status", "Unknown"),
        ("messageOrder", None),
        ("areas", "590"),
        ("areas", [3, {}, {"code": "590"}, {"code": "590", "grade": "huge"}, {"code": "590", "grade": ["x"]}]),
        ("areas", [{"code": "590", "grade": "information", "phenomenon": 5, "name": {}}]),
    ],
)
async def test_raise_from_changes_goes_on_when_somebody_wrote_a_strange_alert(alarms, name, value):
    alert = _alert("32-39_12_02")
    strange = replace(alert, id="urn:x", attributes={**alert.attributes, term(name): [{"type": "Property", "value": value}]})
    await alarms.raise_from_changes(FEED, [_change(strange, 1), _change(alert, 2)])
    (record,) = [one for one in (await alarms.find(OPERATOR)).records if one.alarm.key.event.endswith("#exercise#replay")]
    assert record.alarm.severity is Severity.CRITICAL


async def test_raise_from_changes_skips_deletions_and_other_attributes(alarms, store):
    alert = _alert("32-39_12_02")
    await alarms.raise_from_changes(FEED, [_change(alert, 1, kind=ChangeKind.DELETED)])
    assert store.state["alarms"] == {}
    assert store.state["cursors"] == {CONSUMER: Cursor(1, 1)}
    assert await alarms.raise_from_changes(FEED, []) == ()
    plan = GaugePlan("urn:ngsi-ld:WaterLevelObserved:sim", "模擬水位計", "Simulated gauge", (134.05, 34.34), 3.0, 0.0, 600, 0.0)
    renamed = InstanceChange(term("name"), None, None, {"type": "Property", "value": "別名"})
    await alarms.raise_from_changes(FEED, [_change(gauge(plan, START), 2, instances=(renamed,))])
    assert store.state["states"] == {}


async def test_raise_overdue_completes_the_duration_when_the_gauge_falls_silent(alarms, store, clock):
    plan = GaugePlan("urn:ngsi-ld:WaterLevelObserved:sim", "模擬水位計", "Simulated gauge", (134.05, 34.34), 3.0, 0.0, 600, 0.0)
    entity = gauge(plan, clock.now())
    store.entities[entity.id] = entity
    await alarms.raise_from_changes(FEED, [_change(entity, 1, clock.now())])
    assert await alarms.raise_overdue(FEED) == ()
    clock.advance(20)
    (alarm,) = await alarms.raise_overdue(FEED)
    assert (alarm.label, alarm.severity, alarm.location) == ("simulation", Severity.WARNING, (134.05, 34.34))
    assert await alarms.raise_overdue(FEED) == ()


async def test_raise_overdue_stops_waiting_when_the_entity_is_gone(alarms, store, clock):
    plan = GaugePlan("urn:ngsi-ld:WaterLevelObserved:sim", "模擬水位計", "Simulated gauge", (134.05, 34.34), 3.0, 0.0, 600, 0.0)
    await alarms.raise_from_changes(FEED, [_change(gauge(plan, clock.now()), 1, clock.now())])
    clock.advance(20)
    assert await alarms.raise_overdue(FEED) == ()
    assert await store.due_states("default", clock.now(), 10) == []


async def test_act_refuses_when_the_caller_is_no_operator(alarms):
    reader = Caller("default", "user:reader", "viewing", frozenset({Role.READER}))
    with pytest.raises(Refusal) as refused:
        await alarms.act(reader, "urn:x", "acknowledge")
    assert refused.value.code == "command.alarm.operator_needed"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda alarms: alarms.get(OPERATOR, "urn:x"), "command.alarm.does_not_exist"),
        (lambda alarms: alarms.act(OPERATOR, "urn:x", "acknowledge"), "command.alarm.does_not_exist"),
        (lambda alarms: alarms.act(OPERATOR, "urn:x", "explode"), "command.alarm.unknown_action"),
        (lambda alarms: alarms.find(OPERATOR, "open"), "command.alarm.unknown_state"),
    ],
)
async def test_use_cases_refuse_when_the_request_is_wrong(alarms, call, code):
    with pytest.raises(Refusal) as refused:
        await call(alarms)
    assert refused.value.code == code
    assert ROWS[code].ja.format(**refused.value.parameters)
    assert ROWS[code].remedy_ja.format(**refused.value.parameters)


async def test_act_keeps_everything_when_refused(alarms, store):
    (alarm,) = await alarms.raise_from_changes(FEED, [_change(_alert("32-39_12_02"), 1)])
    with pytest.raises(Refusal):
        await alarms.act(OPERATOR, alarm.id, "close")
    assert (await alarms.get(OPERATOR, alarm.id)).alarm == alarm
    assert store.notices == [Notice.RAISED]


async def test_receive_takes_declared_alarms_of_an_intake(alarms, message):
    (alarm,) = await alarms.receive(FEED, [message(0), message(0)])
    assert alarm.count == 1
    (alarm,) = await alarms.receive(FEED, [message(1)])
    assert alarm.count == 2
