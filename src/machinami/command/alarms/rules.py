"""The alarm's state machine: pure functions from a state and a message or an action to the next state.

Decisions (console A1-A3, A8; design.md "Alarm and alert"):

- A message that raises opens an alarm, or folds into the one of its key: count and last time go up.
- A higher severity, or a raise after a clear, takes the acknowledgement back and ends shelving: people answered to
  something smaller. A lower severity keeps both.
- A clear ends the active axis only; it never acknowledges and never closes.
- Messages older than the state (late, out of order) are counted and recorded; they never raise or clear, but an earlier
  event time is taken over. A raise that had already been overtaken when it came in opens a cleared, unacknowledged
  alarm: late is not lost.
- The same message twice (equal `order`) changes nothing.
- Closing needs cleared and acknowledged. A raise after closing opens the next occurrence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from machinami.command.alarms.model import (
    Action,
    Alarm,
    AlarmEvent,
    Comment,
    Effect,
    HistoryEntry,
    Notice,
    Transition,
    alarm_id,
)
from machinami.kernel.errors import Refusal

LATE_AFTER: Final = timedelta(minutes=5)
"""How much later than its event a message arrives before it is marked late."""

TEXT_CHARACTERS_MAX: Final = 2_000
COMMENTS_MAX: Final = 500
SHELVE_MAX: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who acts: the principal for the record, the name for people."""

    principal: str
    name: str


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What the person asks for: `text` is the comment or the reason for shelving, `to` whom the alarm is assigned to,
    `until` (aware) the end of shelving, at most 24 h ahead."""

    action: Action
    text: str = ""
    to: str = ""
    until: datetime | None = None


def apply(tenant: str, alarm: Alarm | None, event: AlarmEvent, late_after: timedelta = LATE_AFTER) -> Transition:
    """Take one message into the alarm of its key; `alarm` is the latest occurrence of the key, closed or not."""
    if alarm is None:
        return _opened(tenant, 1, event, late_after) if event.effect is Effect.RAISE else Transition(None)
    if event.order == alarm.order:
        return Transition(alarm)
    if event.order < alarm.order or event.over_at is not None:
        return _older(alarm, event)
    if alarm.closed:
        return _opened(tenant, alarm.occurrence + 1, event, late_after) if event.effect is Effect.RAISE else Transition(alarm)
    if event.effect is Effect.CLEAR:
        return _cleared(alarm, event)
    return _raised(alarm, event, late_after)


def act(alarm: Alarm, request: ActionRequest, actor: Actor, now: datetime) -> Transition:
    """A person's action. Refuses what `actions_allowed` does not list, and missing or overlong texts."""
    action = request.action
    if action not in actions_allowed(alarm, now):
        raise Refusal("command.alarm.illegal_action", action=action.value, alarm=alarm.id, state=state_words(alarm, now))
    if max(len(request.text), len(request.to)) > TEXT_CHARACTERS_MAX:
        raise Refusal("command.alarm.text_too_long", limit=TEXT_CHARACTERS_MAX)
    needed = {Action.COMMENT: request.text, Action.SHELVE: request.text, Action.ASSIGN: request.to}
    if not needed.get(action, "-").strip():
        raise Refusal("command.alarm.text_missing", action=action.value)
    changed, notice = _acted(alarm, request, actor, now)
    text = request.to or request.text
    entry = HistoryEntry(alarm.id, now, actor.principal, action.value, text.strip(), actor.name, severity=alarm.severity)
    return Transition(changed, (entry,), notice)


def actions_allowed(alarm: Alarm, now: datetime) -> tuple[Action, ...]:
    """What people can do now, in the order in which the console shows it."""
    allowed: list[Action] = []
    if not alarm.closed:
        allowed.append(Action.UNDO if alarm.acknowledged else Action.ACKNOWLEDGE)
        allowed.append(Action.ASSIGN)
    if len(alarm.comments) < COMMENTS_MAX:
        allowed.append(Action.COMMENT)
    if alarm.active:
        allowed.append(Action.UNSHELVE if is_shelved(alarm, now) else Action.SHELVE)
    if not alarm.closed and not alarm.active and alarm.acknowledged:
        allowed.append(Action.CLOSE)
    return tuple(allowed)


def is_shelved(alarm: Alarm, now: datetime) -> bool:
    """Whether the alarm is set aside at `now`; it returns by itself at `shelved_until`."""
    return alarm.shelved_until is not None and now < alarm.shelved_until


def state_words(alarm: Alarm, now: datetime) -> str:
    """The state in words for messages, e.g. `active, unacknowledged`."""
    if alarm.closed:
        return "closed"
    words = ["active" if alarm.active else "cleared", "acknowledged" if alarm.acknowledged else "unacknowledged"]
    if is_shelved(alarm, now):
        words.append("shelved")
    return ", ".join(words)


def _acted(alarm: Alarm, request: ActionRequest, actor: Actor, now: datetime) -> tuple[Alarm, Notice | None]:
    match request.action:
        case Action.ACKNOWLEDGE:
            return replace(alarm, acknowledged=True, acknowledged_by=actor.name, acknowledged_at=now), Notice.ACKNOWLEDGED
        case Action.UNDO:
            return _unacknowledged(alarm), Notice.REOPENED
        case Action.ASSIGN:
            return replace(alarm, assigned_to=request.to.strip()), None
        case Action.COMMENT:
            return replace(alarm, comments=(*alarm.comments, Comment(actor.name, now, request.text.strip()))), None
        case Action.SHELVE:
            if request.until is None or not now < request.until <= now + SHELVE_MAX:
                raise Refusal("command.alarm.shelving_end", hours=int(SHELVE_MAX.total_seconds() // 3600))
            return replace(alarm, shelved_until=request.until, shelved_reason=request.text.strip()), None
        case Action.UNSHELVE:
            return _unshelved(alarm), None
        case Action.CLOSE:
            return replace(_unshelved(alarm), closed=True, closed_at=now, closed_by=actor.name), Notice.CLOSED


def _unacknowledged(alarm: Alarm) -> Alarm:
    return replace(alarm, acknowledged=False, acknowledged_by=None, acknowledged_at=None)


def _unshelved(alarm: Alarm) -> Alarm:
    return replace(alarm, shelved_until=None, shelved_reason=None)


def _is_late(event: AlarmEvent, late_after: timedelta) -> bool:
    """A replay runs on its own clock: how old it is against ours says nothing."""
    return event.label != "replay" and event.arrived_at - event.event_at > late_after


def _entry(alarm: Alarm, event: AlarmEvent, what: str) -> HistoryEntry:
    source = event.key.source
    return HistoryEntry(alarm.id, event.arrived_at, source, what, event.headline_ja, source, event.event_at, event.severity)


def _opened(tenant: str, occurrence: int, event: AlarmEvent, late_after: timedelta) -> Transition:
    overtaken = event.over_at is not None
    late = overtaken or _is_late(event, late_after)
    alarm = Alarm(
        id=alarm_id(tenant, event.key, occurrence),
        key=event.key,
        occurrence=occurrence,
        severity=event.severity,
        status=event.status,
        order=event.order,
        raised_at=event.arrived_at,
        event_at=event.event_at,
        arrived_at=event.arrived_at,
        last_at=event.arrived_at,
        level=event.level,
        label=event.label,
        area_name=event.area_name,
        headline_ja=event.headline_ja,
        headline_en=event.headline_en,
        entity_id=event.entity_id,
        location=event.location,
        rule_id=event.rule_id,
        active=not overtaken,
        late=late,
        cleared_at=event.over_at,
    )
    history = [_entry(alarm, event, Notice.RAISED)]
    if late:
        history.append(_entry(alarm, event, "late"))
    if overtaken:
        history.append(_entry(alarm, event, Notice.CLEARED))
    return Transition(alarm, tuple(history), Notice.RAISED)


def _older(alarm: Alarm, event: AlarmEvent) -> Transition:
    event_at = min(alarm.event_at, event.event_at) if event.effect is Effect.RAISE and not alarm.closed else alarm.event_at
    changed = replace(alarm, count=alarm.count + 1, late=True, event_at=event_at)
    return Transition(changed, (_entry(alarm, event, "late"),))


def _cleared(alarm: Alarm, event: AlarmEvent) -> Transition:
    seen = replace(alarm, order=event.order, count=alarm.count + 1, last_at=event.arrived_at, level=event.level or alarm.level)
    if not alarm.active:
        return Transition(seen)
    changed = replace(_unshelved(seen), active=False, cleared_at=event.arrived_at)
    return Transition(changed, (_entry(alarm, event, "rescinded" if event.rescinded else Notice.CLEARED),), Notice.CLEARED)


def _raised(alarm: Alarm, event: AlarmEvent, late_after: timedelta) -> Transition:
    worse = event.severity.rank > alarm.severity.rank
    again = not alarm.active
    changed = replace(
        alarm,
        order=event.order,
        count=alarm.count + 1,
        last_at=event.arrived_at,
        severity=event.severity,
        level=event.level,
        headline_ja=event.headline_ja,
        headline_en=event.headline_en,
        area_name=event.area_name or alarm.area_name,
        location=event.location or alarm.location,
        entity_id=event.entity_id or alarm.entity_id,
        active=True,
        cleared_at=None,
        late=alarm.late or _is_late(event, late_after),
    )
    if worse or again:
        notice = Notice.RAISED_AGAIN if again else Notice.WORSENED
        return Transition(_unshelved(_unacknowledged(changed)), (_entry(alarm, event, notice),), notice)
    if event.severity.rank < alarm.severity.rank:
        return Transition(changed, (_entry(alarm, event, Notice.EASED),), Notice.EASED)
    history = (_entry(alarm, event, "updated"),) if event.level != alarm.level else ()
    return Transition(changed, history)
