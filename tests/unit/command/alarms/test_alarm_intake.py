"""Declared alarms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from machinami.command.alarms.errors import ROWS
from machinami.command.alarms.intake import event_of
from machinami.command.alarms.model import Effect, Severity, Status
from machinami.kernel.caller import Caller, Role
from machinami.kernel.errors import Refusal

DEVICE = Caller("default", "key:pump-vendor", "monitoring", frozenset({Role.WRITER}))
NOW = datetime(2026, 11, 26, tzinfo=UTC)
BODY = {"event": "pump-3", "kind": "pumpFailure", "severity": "major", "headline_ja": "第3ポンプ停止"}


def test_event_of_takes_the_source_from_the_caller_and_the_order_from_the_journal():
    event = event_of(BODY, DEVICE, NOW, 7)
    assert (event.key.source, event.key.event, event.key.kind) == ("key:pump-vendor", "pump-3", "pumpFailure")
    assert (event.effect, event.severity, event.status) == (Effect.RAISE, Severity.MAJOR, Status.ACTUAL)
    assert (event.event_at, event.arrived_at) == (NOW, NOW)
    assert event.headline_en == "第3ポンプ停止"
    assert event_of(BODY, DEVICE, NOW, 7).order < event_of(BODY, DEVICE, NOW, 10).order


def test_event_of_keeps_the_times_sequence_and_place_of_the_source():
    more = {"event_at": "2026-11-26T03:00:00+09:00", "sequence": 17, "location": [134.05, 34.34], "status": "exercise"}
    event = event_of(BODY | more, DEVICE, NOW, 7)
    assert event.event_at == datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
    assert int(event.order) == 17
    assert event.location == (134.05, 34.34)
    assert event.key.event == "pump-3#exercise"


def test_event_of_needs_no_severity_when_it_clears():
    event = event_of({"event": "pump-3", "kind": "pumpFailure", "active": False}, DEVICE, NOW, 8)
    assert event.effect is Effect.CLEAR
    assert event.key == event_of(BODY, DEVICE, NOW, 7).key


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"event": ""}, "member_missing"),
        ({"kind": None}, "value_wrong"),
        ({"severity": "huge"}, "value_wrong"),
        ({"headline_ja": " "}, "member_missing"),
        ({"headline_ja": "長" * 501}, "value_wrong"),
        ({"active": "yes"}, "value_wrong"),
        ({"source": "jma"}, "member_unknown"),
        ({"status": "war"}, "value_wrong"),
        ({"label": "live"}, "value_wrong"),
        ({"sequence": -1}, "value_wrong"),
        ({"sequence": True}, "value_wrong"),
        ({"event_at": "2026-11-26T03:00:00"}, "value_wrong"),
        ({"location": [34.34, 134.05]}, "value_wrong"),
        ({"location": [134.05]}, "value_wrong"),
        ({"location": [float("nan"), 0]}, "value_wrong"),
    ],
)
def test_event_of_refuses_when_a_member_is_wrong(change, code):
    with pytest.raises(Refusal) as refused:
        event_of(BODY | change, DEVICE, NOW, 7)
    assert refused.value.code == f"command.intake.{code}"
    assert ROWS[refused.value.code].ja.format(**refused.value.parameters)


@pytest.mark.parametrize("body", [None, [], "alarm", 3])
def test_event_of_refuses_what_is_no_object(body):
    with pytest.raises(Refusal):
        event_of(body, DEVICE, NOW, 7)
