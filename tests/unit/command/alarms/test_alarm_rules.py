"""The alarm's state machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.command.alarms.errors import ROWS
from machinami.command.alarms.model import (
    Action,
    Alarm,
    AlarmEvent,
    AlarmKey,
    Effect,
    Notice,
    Severity,
    Status,
    alarm_id,
    scoped_event,
)
from machinami.command.alarms.rules import (
    COMMENTS_MAX,
    ActionRequest,
    Actor,
    act,
    actions_allowed,
    apply,
    is_shelved,
)
from machinami.kernel.errors import Refusal

SATO = Actor("user:sato", "佐藤")
NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)


def _run(*events: AlarmEvent) -> tuple[Alarm, list[str]]:
    alarm, said = None, []
    for event in events:
        transition = apply("default", alarm, event)
        alarm = transition.alarm
        said += [entry.what for entry in transition.history]
    assert alarm is not None
    return alarm, said


def _do(alarm: Alarm, action: Action, **more) -> Alarm:
    return act(alarm, ActionRequest(action, **more), SATO, NOW).alarm


def test_apply_opens_an_active_unacknowledged_alarm_when_raised(message):
    transition = apply("default", None, message())
    alarm = transition.alarm
    assert (alarm.active, alarm.acknowledged, alarm.closed, alarm.count, alarm.late) == (True, False, False, 1, False)
    assert alarm.id == alarm_id("default", message().key, 1)
    assert transition.notice is Notice.RAISED


def test_apply_makes_nothing_when_a_clear_finds_no_alarm(message):
    assert apply("default", None, message(effect=Effect.CLEAR)).alarm is None


def test_apply_folds_into_one_row_when_repeated_a_hundred_times(message):
    alarm, said = _run(*(message(number) for number in range(100)))
    assert alarm.count == 100
    assert alarm.last_at == message(99).arrived_at
    assert alarm.raised_at == message(0).arrived_at
    assert said == ["raised"]


def test_apply_changes_nothing_when_the_same_message_comes_twice(message):
    alarm, _ = _run(message(0))
    transition = apply("default", alarm, message(0))
    assert transition.alarm is alarm
    assert transition.history == ()


def test_apply_clears_but_neither_acknowledges_nor_closes_when_lowered(message):
    alarm, said = _run(message(0), message(1, effect=Effect.CLEAR))
    assert (alarm.active, alarm.acknowledged, alarm.closed) == (False, False, False)
    assert alarm.cleared_at == message(1).arrived_at
    assert said == ["raised", "cleared"]


def test_apply_records_withdrawal_when_the_source_rescinds(message):
    alarm, said = _run(message(0), message(1, effect=Effect.CLEAR, rescinded=True))
    assert not alarm.active
    assert said[-1] == "rescinded"


def test_apply_takes_the_acknowledgement_back_when_it_gets_worse(message):
    alarm = _do(_run(message(0))[0], Action.ACKNOWLEDGE)
    alarm = _do(alarm, Action.SHELVE, text="夜間", until=NOW + timedelta(hours=1))
    transition = apply("default", alarm, message(1, severity=Severity.CRITICAL))
    assert not transition.alarm.acknowledged
    assert transition.alarm.shelved_until is None
    assert transition.notice is Notice.WORSENED


def test_apply_keeps_the_acknowledgement_when_it_eases(message):
    alarm = _do(_run(message(0))[0], Action.ACKNOWLEDGE)
    transition = apply("default", alarm, message(1, severity=Severity.MINOR))
    assert transition.alarm.acknowledged
    assert transition.alarm.severity is Severity.MINOR
    assert transition.notice is Notice.EASED


def test_apply_takes_the_acknowledgement_back_when_raised_after_a_clear(message):
    alarm = _do(_run(message(0), message(1, effect=Effect.CLEAR))[0], Action.ACKNOWLEDGE)
    transition = apply("default", alarm, message(2))
    assert (transition.alarm.active, transition.alarm.acknowledged, transition.alarm.cleared_at) == (True, False, None)
    assert transition.notice is Notice.RAISED_AGAIN


def test_apply_does_not_raise_again_when_an_older_message_comes_after_the_clear(message):
    late = message(1, arrived_at=message(9).arrived_at, severity=Severity.CRITICAL)
    alarm, said = _run(message(0), message(2, effect=Effect.CLEAR), late)
    assert (alarm.active, alarm.severity, alarm.late, alarm.count) == (False, Severity.MAJOR, True, 3)
    assert said[-1] == "late"


def test_apply_does_not_clear_when_an_older_clear_comes_after_a_raise(message):
    alarm, _ = _run(message(0), message(2), message(1, effect=Effect.CLEAR))
    assert alarm.active


def test_apply_takes_over_the_earlier_event_time_when_an_older_raise_comes(message):
    alarm, _ = _run(message(2), message(0, arrived_at=message(5).arrived_at))
    assert alarm.event_at == message(0).event_at
    assert alarm.arrived_at == message(2).arrived_at


def test_apply_keeps_both_times_and_marks_late_when_the_line_was_cut(message):
    alarm, said = _run(message(0, arrived_at=message(90).arrived_at))
    assert (alarm.event_at, alarm.arrived_at, alarm.late) == (message(0).event_at, message(90).arrived_at, True)
    assert said == ["raised", "late"]


def test_apply_is_not_late_when_replayed(message):
    assert not _run(message(0, arrived_at=message(90).arrived_at, label="replay"))[0].late


def test_apply_opens_cleared_and_late_when_already_overtaken(message):
    alarm, said = _run(message(0, over_at=message(3).event_at, arrived_at=message(4).arrived_at))
    assert (alarm.active, alarm.acknowledged, alarm.late) == (False, False, True)
    assert alarm.cleared_at == message(3).event_at
    assert said == ["raised", "late", "cleared"]
    alarm, _ = _run(message(0, over_at=message(3).event_at), message(1, over_at=message(3).event_at))
    assert not alarm.active


def test_apply_opens_the_next_occurrence_when_raised_after_closing(message):
    alarm = _do(_run(message(0), message(1, effect=Effect.CLEAR))[0], Action.ACKNOWLEDGE)
    closed = _do(alarm, Action.CLOSE)
    assert apply("default", closed, message(2, effect=Effect.CLEAR)).alarm is closed
    again = apply("default", closed, message(3)).alarm
    assert (again.occurrence, again.count, again.closed) == (2, 1, False)
    assert again.id != closed.id
    late = apply("default", closed, message(0, order="0001")).alarm
    assert late.closed


def test_act_records_who_and_when_when_acknowledged(message):
    transition = act(_run(message(0))[0], ActionRequest(Action.ACKNOWLEDGE), SATO, NOW)
    alarm, entry = transition.alarm, transition.history[0]
    assert (alarm.acknowledged, alarm.acknowledged_by, alarm.acknowledged_at) == (True, "佐藤", NOW)
    assert (entry.by, entry.name, entry.at, entry.what) == ("user:sato", "佐藤", NOW, "acknowledge")
    undone = _do(alarm, Action.UNDO)
    assert (undone.acknowledged, undone.acknowledged_by, undone.acknowledged_at) == (False, None, None)


def test_act_closes_when_cleared_and_acknowledged(message):
    cleared, _ = _run(message(0), message(1, effect=Effect.CLEAR))
    closed = _do(_do(cleared, Action.ACKNOWLEDGE), Action.CLOSE)
    assert (closed.closed, closed.closed_by, closed.closed_at) == (True, "佐藤", NOW)
    assert actions_allowed(closed, NOW) == (Action.COMMENT,)


@pytest.mark.parametrize("action", list(Action))
def test_act_refuses_what_is_not_allowed(message, action):
    fresh, _ = _run(message(0))
    cleared, _ = _run(message(0), message(1, effect=Effect.CLEAR))
    acknowledged = _do(fresh, Action.ACKNOWLEDGE)
    closed = _do(_do(cleared, Action.ACKNOWLEDGE), Action.CLOSE)
    more = {"text": "理由", "to": "田中", "until": NOW + timedelta(hours=1)}
    for alarm in (fresh, cleared, acknowledged, closed):
        if action in actions_allowed(alarm, NOW):
            _do(alarm, action, **more)
        else:
            with pytest.raises(Refusal) as refused:
                _do(alarm, action, **more)
            assert refused.value.code == "command.alarm.illegal_action"
            assert ROWS[refused.value.code].ja.format(**refused.value.parameters)


def test_actions_allowed_lists_close_only_when_cleared_and_acknowledged(message):
    active, _ = _run(message(0))
    cleared, _ = _run(message(0), message(1, effect=Effect.CLEAR))
    assert Action.CLOSE not in actions_allowed(_do(active, Action.ACKNOWLEDGE), NOW)
    assert Action.CLOSE not in actions_allowed(cleared, NOW)
    assert Action.CLOSE in actions_allowed(_do(cleared, Action.ACKNOWLEDGE), NOW)


def test_act_shelves_until_its_end_and_no_longer(message):
    until = NOW + timedelta(hours=2)
    shelved = _do(_run(message(0))[0], Action.SHELVE, text="点検中", until=until)
    assert is_shelved(shelved, NOW)
    assert Action.UNSHELVE in actions_allowed(shelved, NOW)
    assert not is_shelved(shelved, until)
    assert Action.SHELVE in actions_allowed(shelved, until)
    assert _do(shelved, Action.UNSHELVE).shelved_until is None


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ActionRequest(Action.SHELVE, text="理由"), "command.alarm.shelving_end"),
        (ActionRequest(Action.SHELVE, text="理由", until=NOW), "command.alarm.shelving_end"),
        (ActionRequest(Action.SHELVE, text="理由", until=NOW + timedelta(days=2)), "command.alarm.shelving_end"),
        (ActionRequest(Action.SHELVE, until=NOW + timedelta(hours=1)), "command.alarm.text_missing"),
        (ActionRequest(Action.COMMENT, text="  "), "command.alarm.text_missing"),
        (ActionRequest(Action.ASSIGN), "command.alarm.text_missing"),
        (ActionRequest(Action.COMMENT, text="長" * 2_001), "command.alarm.text_too_long"),
    ],
)
def test_act_refuses_when_the_request_is_incomplete(message, request_, code):
    with pytest.raises(Refusal) as refused:
        act(_run(message(0))[0], request_, SATO, NOW)
    assert refused.value.code == code
    assert ROWS[code].ja.format(**refused.value.parameters)


def test_act_keeps_comments_and_assignment(message):
    alarm = _do(_do(_run(message(0))[0], Action.ASSIGN, to="田中"), Action.COMMENT, text="現地確認中")
    assert alarm.assigned_to == "田中"
    assert [(comment.by, comment.text) for comment in alarm.comments] == [("佐藤", "現地確認中")]
    full = replace(alarm, comments=alarm.comments * COMMENTS_MAX)
    assert Action.COMMENT not in actions_allowed(full, NOW)


def test_scoped_event_keeps_drills_tests_and_replays_apart():
    events = {
        scoped_event("1", Status.ACTUAL, None),
        scoped_event("1", Status.EXERCISE, None),
        scoped_event("1", Status.TEST, None),
        scoped_event("1", Status.EXERCISE, "replay"),
        scoped_event("1", Status.ACTUAL, "replay"),
    }
    assert len(events) == 5


EVENTS = st.builds(
    lambda number, effect, severity, delay: AlarmEvent(
        AlarmKey("s", "e", "a", "k"), effect, severity, f"{number:03}",
        NOW + timedelta(minutes=number), NOW + timedelta(minutes=number + delay),
    ),
    st.integers(0, 30), st.sampled_from(Effect), st.sampled_from(Severity), st.integers(0, 20),
)  # fmt: skip
STEPS = st.lists(st.one_of(EVENTS, st.sampled_from(Action)), max_size=30)


@given(STEPS)
def test_every_path_keeps_the_promises(steps):
    alarm, newest = None, None
    for step in steps:
        before = alarm
        if isinstance(step, AlarmEvent):
            alarm = apply("t", alarm, step).alarm
        elif alarm is not None and step in actions_allowed(alarm, NOW):
            alarm = _do(alarm, step, text="理由", to="田中", until=NOW + timedelta(hours=1))
        if alarm is None:
            continue
        if alarm.closed:
            assert alarm.acknowledged
            assert not alarm.active
        assert (alarm.cleared_at is None) == alarm.active
        assert (alarm.acknowledged_by is None) == (not alarm.acknowledged)
        if isinstance(step, AlarmEvent) and before is not None:
            assert alarm.acknowledged <= before.acknowledged, "only people acknowledge"
            assert alarm.closed <= before.closed, "only people close"
            if step.effect is Effect.CLEAR:
                assert alarm.acknowledged == before.acknowledged
            if step.order <= before.order:
                assert (alarm.active, alarm.severity) == (before.active, before.severity), "old news changes nothing"
        newest = max(newest or "", alarm.order)
        assert alarm.order == newest
