"""What an earlier demonstration leaves behind: an alarm whose replay never came to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from machinami.bootstrap.moving import ending
from machinami.command.alarms.model import Action, AlarmEvent, AlarmKey, Effect, Severity, Status
from machinami.command.alarms.rules import ActionRequest, Actor, act, apply

AT = datetime(2026, 11, 26, tzinfo=UTC)


def test_ending_clears_the_alarm_and_leaves_its_acknowledgement_alone() -> None:
    raised = AlarmEvent(
        AlarmKey("jma", "e1#replay", "590", "tsunami"), Effect.RAISE, Severity.CRITICAL, "2016", AT, AT, label="replay",
        status=Status.EXERCISE,
    )  # fmt: skip
    alarm = apply("default", None, raised).alarm
    assert alarm is not None
    for one in (alarm, act(alarm, ActionRequest(Action.ACKNOWLEDGE), Actor("dev:trial", "試用"), AT).alarm):
        assert one is not None
        ended = apply("default", one, ending(one, AT + timedelta(minutes=5))).alarm
        assert ended is not None
        assert (ended.active, ended.acknowledged, ended.id) == (False, one.acknowledged, one.id)
