"""Rules over observations: levels of areas, thresholds with hysteresis and duration."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from machinami.command.alarms.conditions import LevelRule, RuleState, ThresholdRule, evaluate, iso_order, observe
from machinami.command.alarms.model import Effect, Severity, Status
from machinami.kernel.clock import iso
from machinami.kernel.entity import Entity
from machinami.standards import alerts
from machinami.standards.alerts import Grade, term

T0 = datetime(2026, 11, 26, tzinfo=UTC)
RIVER = ThresholdRule(
    "river", "水位", "Water level", term("WaterLevelObserved"), term("waterLevel"),
    True, 3.2, 3.0, 600, 60, Severity.MAJOR, "waterLevel", unit="m",
)  # fmt: skip
TSUNAMI = LevelRule(
    "tsunami", "津波", "Tsunami", "tsunami", frozenset({"590"}), Grade.ADVISORY, {Grade.ADVISORY: Severity.MINOR}
)
WEATHER = LevelRule("weather", "警報", "Warning", "weatherWarning", frozenset({"3720100"}), Grade.WARNING)


def _at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def _gauge(value, seconds: float, **more) -> Entity:
    instance = {"type": "Property", "value": value, "observedAt": iso(_at(seconds))}
    named = {term("waterLevel"): [instance], term("name"): [{"type": "Property", "value": "香東川"}], **more}
    return Entity("urn:ngsi-ld:WaterLevelObserved:1", (term("WaterLevelObserved"),), named)


def _run(rule: ThresholdRule, *readings: tuple[float, float]) -> tuple[RuleState | None, list[tuple[str, float]]]:
    """Feed (second, value) pairs as they arrive; returns the effects with the second at which they came."""
    state, effects = None, []
    for seconds, value in readings:
        (seen,) = observe(rule, _gauge(value, seconds), _at(seconds))
        state, event = evaluate(rule, state, seen, _at(seconds))
        if event:
            effects.append((event.effect.value, seconds))
    return state, effects


def test_evaluate_raises_only_when_the_duration_is_full():
    _, effects = _run(RIVER, (0, 3.2), (300, 3.5), (599, 3.4), (600, 3.4), (700, 3.4))
    assert effects == [("raise", 600)]


def test_evaluate_starts_counting_again_when_the_value_dips():
    _, effects = _run(RIVER, (0, 3.3), (300, 3.19), (400, 3.3), (900, 3.3), (1000, 3.3))
    assert effects == [("raise", 1000)]


def test_evaluate_clears_beyond_the_hysteresis_after_its_own_duration():
    _, effects = _run(RIVER, (0, 3.3), (600, 3.3), (700, 3.1), (800, 3.0), (900, 2.99), (930, 2.9), (960, 2.9))
    assert effects == [("raise", 600), ("clear", 960)]


def test_evaluate_does_not_flap_when_the_value_swings_inside_the_hysteresis():
    rule = replace(RIVER, duration_s=0, clear_duration_s=0)
    swings = [(second, 3.3 if second % 2 else 3.05) for second in range(1, 60)]
    assert _run(rule, *swings)[1] == [("raise", 1)]


def test_evaluate_watches_downwards_when_below():
    rule = replace(RIVER, above=False, raise_at=1.0, clear_at=1.2, duration_s=0, clear_duration_s=0)
    assert _run(rule, (0, 1.1), (1, 1.0), (2, 1.2), (3, 1.21))[1] == [("raise", 1), ("clear", 3)]


def test_evaluate_raises_by_our_clock_when_the_gauge_falls_silent():
    (seen,) = observe(RIVER, _gauge(3.4, 0), _at(0))
    state, event = evaluate(RIVER, None, seen, _at(0))
    assert event is None
    assert state.due_at == _at(600)
    (again,) = observe(RIVER, _gauge(3.4, 0), _at(600))
    state, event = evaluate(RIVER, state, again, _at(600))
    assert event.effect is Effect.RAISE
    assert state.due_at is None


def test_evaluate_raises_by_the_source_clock_when_a_cut_off_gauge_sends_everything_at_once():
    state, events = None, []
    for seconds in (0, 300, 600):
        (seen,) = observe(RIVER, _gauge(3.4, seconds), _at(5_000))
        state, event = evaluate(RIVER, state, seen, _at(5_000))
        events.append(event)
    assert [event is not None for event in events] == [False, False, True]
    assert (events[2].event_at, events[2].arrived_at) == (_at(600), _at(5_000))


@pytest.mark.parametrize("value", [None, "3.4", True])
def test_evaluate_changes_nothing_when_there_is_no_number(value):
    state, _ = _run(RIVER, (0, 3.4))
    (seen,) = observe(RIVER, _gauge(value, 700), _at(700))
    assert evaluate(RIVER, state, seen, _at(700)) == (state, None)


def test_evaluate_ignores_an_older_value_when_a_newer_is_known():
    state, _ = _run(replace(RIVER, duration_s=0), (0, 3.4), (100, 3.3))
    (seen,) = observe(RIVER, _gauge(1.0, 50), _at(200))
    assert evaluate(RIVER, state, seen, _at(200)) == (state, None)


def test_evaluate_gives_rising_orders_when_everything_happens_at_one_instant():
    rule, state, orders = replace(RIVER, duration_s=0, clear_duration_s=0), None, []
    for value in (3.4, 1.0, 3.4, 1.0, 3.4):
        (seen,) = observe(rule, _gauge(value, 0), _at(0))
        state, event = evaluate(rule, state, seen, _at(0))
        orders.append(event.order)
    assert orders == sorted(set(orders))
    (seen,) = observe(rule, _gauge(1.0, 1), _at(1))
    state, event = evaluate(rule, state, seen, _at(1))
    assert event.order > orders[-1]


def test_observe_orders_by_the_store_when_an_alert_has_no_order_of_its_own():
    alert = replace(_alert("1", _area("warning")), modified_at="2026-11-26T00:00:01.5Z", version=3)
    alert.attributes.pop(alerts.ORDER)
    later = replace(alert, modified_at="2026-11-26T00:00:02Z", version=4)
    (first,), (second,) = (observe(TSUNAMI, one, _at(900)) for one in (alert, later))
    (again,) = observe(TSUNAMI, alert, _at(901))
    assert first.order == again.order < second.order


def test_observe_says_value_unit_label_and_place():
    location = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.05, 34.34]}}
    gauge = _gauge(3.4, 0, **{alerts.term("location"): [location]})
    (seen,) = observe(RIVER, gauge, _at(1), label="simulation")
    assert (seen.reading, seen.level, seen.location, seen.label) == (3.4, "3.4 m", (134.05, 34.34), "simulation")
    assert seen.headline_ja == "香東川 水位 3.4 m"
    assert seen.key.event.endswith("#simulation")
    assert observe(RIVER, replace(gauge, types=("other",)), _at(1)) == ()


def test_iso_order_sorts_as_time_when_fractions_differ():
    instants = [T0, T0 + timedelta(microseconds=1), T0 + timedelta(milliseconds=500), T0 + timedelta(seconds=1)]
    assert sorted(map(iso_order, instants)) == [iso_order(one) for one in instants]


def _alert(
    order: str, *areas: dict, sub: str = "tsunami", info: str = "発表", status: str = "Actual", valid: str = ""
) -> Entity:
    named = {
        alerts.SOURCE: "jma",
        alerts.EVENT: "20261126",
        alerts.SUB_CATEGORY: sub,
        alerts.MESSAGE_TYPE: info,
        alerts.STATUS: status,
        alerts.ORDER: order,
        alerts.ISSUED: iso(_at(int(order))),
        alerts.AREAS: list(areas),
    }
    if valid:
        named[alerts.VALID_TO] = valid
    attributes = {name: [{"type": "Property", "value": value}] for name, value in named.items()}
    return Entity("urn:ngsi-ld:Alert:1", (alerts.ALERT,), attributes)


def _area(grade: str, code: str = "590", **more) -> dict:
    return {"code": code, "name": "香川県", "kind": grade, "kindEn": grade, "grade": grade, **more}


def _feed(rule: LevelRule, *entities: Entity) -> tuple[dict[str, RuleState], list]:
    states: dict[str, RuleState] = {}
    events = []
    for entity in entities:
        for seen in observe(rule, entity, _at(9_000), states.values()):
            states[seen.subject], event = evaluate(rule, states.get(seen.subject), seen, _at(9_000))
            if event:
                events.append(event)
    return states, events


def test_evaluate_raises_and_clears_as_the_level_of_the_area_moves():
    _, events = _feed(
        TSUNAMI, _alert("1", _area("emergency")), _alert("2", _area("advisory")), _alert("3", _area("information"))
    )
    assert [(one.effect.value, one.severity) for one in events] == [
        ("raise", Severity.CRITICAL), ("raise", Severity.MINOR), ("clear", Severity.INFO),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "entity",
    [
        _alert("1", _area("information")),
        _alert("1", _area("emergency", code="600")),
        _alert("1", _area("emergency"), sub="earthquake"),
    ],
)
def test_evaluate_says_nothing_when_level_area_or_kind_differ(entity):
    assert _feed(TSUNAMI, entity)[1] == []


def test_evaluate_clears_when_the_area_is_no_longer_listed():
    _, events = _feed(TSUNAMI, _alert("1", _area("warning")), _alert("2", _area("warning", code="600")))
    assert [one.effect.value for one in events] == ["raise", "clear"]
    assert events[0].key == events[1].key


def test_evaluate_clears_as_rescinded_when_the_message_is_withdrawn():
    _, events = _feed(TSUNAMI, _alert("1", _area("warning")), _alert("2", _area("warning"), info="取消"))
    assert (events[1].effect, events[1].rescinded) == (Effect.CLEAR, True)


def test_evaluate_keeps_phenomena_apart_when_an_area_has_several():
    rain, wind = _area("warning", "3720100", phenomenon="大雨"), _area("warning", "3720100", phenomenon="暴風")
    eased = _area("advisory", "3720100", phenomenon="暴風")
    _, events = _feed(WEATHER, _alert("1", rain, wind, sub="weatherWarning"), _alert("2", rain, eased, sub="weatherWarning"))
    assert [(one.effect.value, one.key.kind) for one in events] == [
        ("raise", "weatherWarning:大雨"), ("raise", "weatherWarning:暴風"),
        ("raise", "weatherWarning:大雨"), ("clear", "weatherWarning:暴風"),
    ]  # fmt: skip


def test_evaluate_says_nothing_when_the_same_message_comes_again():
    states, events = _feed(TSUNAMI, _alert("1", _area("warning")), _alert("1", _area("warning")))
    assert len(events) == 1
    assert states["590|"].firing


def test_evaluate_reports_an_overtaken_raise_as_over_when_the_clear_came_first():
    _, events = _feed(TSUNAMI, _alert("3", _area("information")), _alert("1", _area("emergency")))
    assert (events[0].effect, events[0].over_at) == (Effect.RAISE, _at(3))


def test_evaluate_keeps_the_status_of_drills_in_the_key():
    _, events = _feed(TSUNAMI, _alert("1", _area("warning"), status="Exercise"))
    assert events[0].status is Status.EXERCISE
    assert events[0].key.event == "20261126#exercise"


def test_evaluate_ends_a_level_by_itself_when_its_time_has_come():
    quake = replace(TSUNAMI, clear_after_s=100)
    entity = _alert("1", _area("warning"))
    (seen,) = observe(quake, entity, _at(10))
    state, _ = evaluate(quake, None, seen, _at(10))
    assert state.due_at == _at(110)
    assert evaluate(quake, state, seen, _at(109)) == (state, None)
    state, event = evaluate(quake, state, seen, _at(110))
    assert (event.effect, event.event_at, state.firing, state.due_at) == (Effect.CLEAR, _at(110), False, None)
    assert "1" < event.order < "2"


def test_observe_ends_at_valid_to_but_keeps_the_length_when_replayed():
    entity = _alert("1", _area("warning"), valid=iso(_at(61)))
    (live,) = observe(TSUNAMI, entity, _at(10))
    (replayed,) = observe(TSUNAMI, entity, _at(9_000), label="replay")
    assert live.ends_at == _at(61)
    assert replayed.ends_at == _at(9_060)
