"""The replay's schedule and the simulators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from machinami.linkage.feeds.replay import Recorded, replay_instant, schedule, taken
from machinami.linkage.feeds.simulation import BusPlan, GaugePlan, bus, bus_state, gauge, water_level_m
from machinami.standards.alerts import LABEL, term

T0 = datetime(2016, 8, 31, 22, 13, tzinfo=UTC)
MESSAGES = [
    Recorded(T0 + timedelta(hours=2, minutes=42), "13", b"c"),
    Recorded(T0, "02", b"a"),
    Recorded(T0 + timedelta(minutes=2), "05", b"b"),
    Recorded(T0 + timedelta(hours=2, minutes=42), "14", b"d"),
]


def test_schedule_keeps_order_and_shortens_long_silences():
    plan = schedule(MESSAGES, speed=60, start_after_s=5, gap_s_max=20)
    assert [(due.after_s, due.message.name) for due in plan] == [(5, "02"), (7, "05"), (27, "13"), (27, "14")]


def test_schedule_is_true_to_time_at_speed_one():
    assert [due.after_s for due in schedule(MESSAGES, speed=1)] == [0, 120, 9_720, 9_720]
    with pytest.raises(ValueError):
        schedule(MESSAGES, speed=0)
    assert schedule([], speed=1) == ()


def test_taken_gives_each_message_once_as_time_passes():
    plan, done, names = schedule(MESSAGES, speed=60, start_after_s=5, gap_s_max=20), 0, []
    for elapsed_s in (0, 5, 6, 26, 27, 99):
        due = taken(plan, done, elapsed_s)
        done += len(due)
        names.append([one.message.name for one in due])
    assert names == [[], ["02"], [], ["05"], ["13", "14"], []]


def test_replay_instant_runs_from_message_to_message_and_then_stands():
    plan = schedule(MESSAGES, speed=60, start_after_s=5, gap_s_max=20)
    assert replay_instant(plan, 4) is None
    assert replay_instant(plan, 5) == T0
    assert replay_instant(plan, 6) == T0 + timedelta(minutes=1)
    assert replay_instant(plan, 17) == T0 + timedelta(minutes=82)
    assert replay_instant(plan, 999) == T0 + timedelta(hours=2, minutes=42)


GAUGE = GaugePlan("urn:ngsi-ld:WaterLevelObserved:sim", "模擬", "Simulated", (134.05, 34.34), 2.0, 0.8, 180)
ROUTE = ((134.046, 34.351), (134.050, 34.345), (134.047, 34.340))
BUS = BusPlan("urn:ngsi-ld:Vehicle:sim", "模擬バス", "Simulated bus", ROUTE, 10.0)


def test_water_level_is_the_same_on_every_run_and_stays_in_its_range():
    levels = [water_level_m(GAUGE, T0 + timedelta(seconds=second)) for second in range(360)]
    assert levels == [water_level_m(GAUGE, T0 + timedelta(seconds=second)) for second in range(360)]
    assert min(levels) < 1.3
    assert max(levels) > 2.7
    assert all(1.17 <= level <= 2.83 for level in levels)


def test_gauge_and_bus_are_labelled_simulation():
    for entity in (gauge(GAUGE, T0), bus(BUS, T0)):
        assert entity.attributes[LABEL][0]["value"] == "simulation"
    assert gauge(GAUGE, T0).attributes[term("waterLevel")][0]["observedAt"] == "2016-08-31T22:13:00Z"


def test_bus_runs_along_its_route_and_back_without_jumping():
    places = [bus_state(BUS, T0 + timedelta(seconds=second)) for second in range(600)]
    for (before, _, _), (after, _, _) in pairwise(places):
        assert abs(after[0] - before[0]) < 0.0003
        assert abs(after[1] - before[1]) < 0.0003
    assert {state[2] for state in places} == {0.0, 10.0}
    assert all(0 <= state[1] < 360 for state in places)
    ends = {state[0] for state in places if state[2] == 0}
    assert ends == {ROUTE[0], ROUTE[-1]}
