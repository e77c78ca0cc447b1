"""What an alarm rule looks at and when it raises or clears: pure, so that it can be tried on the past (console R2).

Two kinds of rules:

- `LevelRule`: an official warning for an area reaches a grade (`Grade`, 警報 = warning). Each area and phenomenon is a
  subject of its own. A subject that a newer message no longer lists is over; a withdrawn message (取消) ends all of its
  subjects. Every newer message at or above the grade raises again, so that the alarm follows the level. Warnings
  that end by themselves do so at their `validTo`, or `clear_after_s` after they came in.
- `ThresholdRule`: a number of an entity reaches a limit, for at least `duration_s`, and is over when it has come back
  beyond `clear_at` (hysteresis) for `clear_duration_s`. Time counts by the source's clock or by ours, whichever shows
  the duration first, so that a gauge that falls silent above its limit still raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from machinami.command.alarms.model import AlarmEvent, AlarmKey, Effect, Severity, Status, scoped_event
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.entity import LOCATION, Entity, Instance, default_instance
from machinami.standards import alerts
from machinami.standards.alerts import GRADES, Grade

CANCELLED: Final = "取消"
_STATUSES: Final = {status.value: status for status in Status}
_GRADE_WORDS: Final = tuple(GRADES)

SEVERITY_OF_GRADE: Final[Mapping[Grade, Severity]] = {
    Grade.INFORMATION: Severity.INFO,
    Grade.ADVISORY: Severity.WARNING,
    Grade.WARNING: Severity.MAJOR,
    Grade.DANGER: Severity.CRITICAL,
    Grade.EMERGENCY: Severity.CRITICAL,
}
"""Used where a rule names no severity for a grade."""


@dataclass(frozen=True, slots=True)
class LevelRule:
    """Raise while an Alert of sub-category `alert` has one of `areas` (codes) at `at_least` or above.

    `clear_after_s`: for kinds that no later message ends (an earthquake); None: only a message or `validTo` ends it.
    """

    id: str
    name_ja: str
    name_en: str
    alert: str
    areas: frozenset[str]
    at_least: Grade
    severities: Mapping[Grade, Severity] = field(default_factory=dict)
    clear_after_s: float | None = None

    def severity_of(self, grade: Grade) -> Severity:
        return self.severities.get(grade) or SEVERITY_OF_GRADE[grade]


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """Raise while `attribute` of entities of `entity_type` (expanded names) is at or beyond `raise_at`.

    `above`: beyond means greater, else smaller. `clear_at` lies on the safe side of `raise_at` or equals it; the
    alarm is over when the value is on the safe side of `clear_at` (strictly). Units are the attribute's own.
    """

    id: str
    name_ja: str
    name_en: str
    entity_type: str
    attribute: str
    above: bool
    raise_at: float
    clear_at: float
    duration_s: float
    clear_duration_s: float
    severity: Severity
    kind: str
    area_code: str = ""
    area_name: str = ""
    unit: str = ""


Rule = LevelRule | ThresholdRule


@dataclass(frozen=True, slots=True)
class Observation:
    """What one committed state of an entity says about one subject of one rule.

    `reading` is the grade (level rules) or the value (thresholds; None: nothing was measured). `order` compares as text.
    `ends_at` is when a level ends by itself.
    """

    rule_id: str
    entity_id: str
    subject: str
    key: AlarmKey
    reading: float | None
    order: str
    event_at: datetime
    arrived_at: datetime
    level: str | None = None
    area_name: str = ""
    headline_ja: str = ""
    headline_en: str = ""
    status: Status = Status.ACTUAL
    label: str | None = None
    location: tuple[float, float] | None = None
    rescinded: bool = False
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule remembers of one subject; stored in the transaction that stores the alarm.

    `order` and `seen_at` are those of the newest observation; thresholds add `~` for each further message they send at
    the same instant, so that orders always rise. `pending` is the effect that waits for its duration
    since `pending_event_at` (source's clock) and `pending_arrived_at` (ours); `due_at` is when our clock completes it.
    """

    rule_id: str
    entity_id: str
    subject: str
    firing: bool = False
    order: str = ""
    seen_at: datetime | None = None
    pending: Effect | None = None
    pending_event_at: datetime | None = None
    pending_arrived_at: datetime | None = None
    due_at: datetime | None = None


def observe(
    rule: Rule, entity: Entity, arrived_at: datetime, known: Iterable[RuleState] = (), label: str = ""
) -> tuple[Observation, ...]:
    """What `entity` says to `rule`; nothing if it is not the rule's concern.

    `known` are the rule's states of this entity: level rules need them to notice subjects that are no longer listed.
    `label` is the change's; an entity's own label counts first.
    """
    shown = _text(entity, alerts.LABEL) or label or None
    if isinstance(rule, LevelRule):
        return _observe_levels(rule, entity, arrived_at, known, shown)
    return _observe_value(rule, entity, arrived_at, shown)


def evaluate(rule: Rule, state: RuleState | None, seen: Observation, now: datetime) -> tuple[RuleState, AlarmEvent | None]:
    """The next state, and the message to the alarm if there is one.

    Called with each new observation, and again with the latest one when `due_at` has come. An observation older than
    the state changes nothing, except that a level that was overtaken before it came in is still reported, as over.
    """
    before = state or RuleState(seen.rule_id, seen.entity_id, seen.subject)
    if isinstance(rule, LevelRule):
        return _evaluate_level(rule, before, seen, now)
    return _evaluate_threshold(rule, before, seen, now)


def _evaluate_level(rule: LevelRule, state: RuleState, seen: Observation, now: datetime) -> tuple[RuleState, AlarmEvent | None]:
    grade = Grade(int(seen.reading or 0))
    fires = grade >= rule.at_least
    if seen.order == state.order:
        return _ended(state, seen, now)
    if seen.order < state.order:
        over_at = None if state.firing else state.seen_at
        return state, _event(seen, Effect.RAISE, rule.severity_of(grade), over_at) if fires else None
    after = replace(state, firing=fires, order=seen.order, seen_at=seen.event_at, due_at=seen.ends_at if fires else None)
    if fires:
        return after, _event(seen, Effect.RAISE, rule.severity_of(grade))
    return after, _event(seen, Effect.CLEAR, Severity.INFO) if state.firing else None


def _ended(state: RuleState, seen: Observation, now: datetime) -> tuple[RuleState, AlarmEvent | None]:
    """The same message again: nothing, unless its time has run out. The clear sorts directly behind its message."""
    if not state.firing or state.due_at is None or now < state.due_at:
        return state, None
    clear = replace(_event(seen, Effect.CLEAR, Severity.INFO), order=f"{seen.order}~", event_at=state.due_at, arrived_at=now)
    return replace(without_pending(state), firing=False), clear


def _evaluate_threshold(
    rule: ThresholdRule, state: RuleState, seen: Observation, now: datetime
) -> tuple[RuleState, AlarmEvent | None]:
    if seen.reading is None or seen.order < state.order.rstrip("~"):
        return state, None
    wanted = _wanted(rule, state.firing, seen.reading)
    order = seen.order if seen.order > state.order else f"{state.order}~"
    current = replace(state, order=max(seen.order, state.order), seen_at=seen.event_at)
    if wanted is None:
        return without_pending(current), None
    if state.pending is not wanted or state.pending_event_at is None or state.pending_arrived_at is None:
        duration = timedelta(seconds=rule.duration_s if wanted is Effect.RAISE else rule.clear_duration_s)
        current = replace(
            current,
            pending=wanted,
            pending_event_at=seen.event_at,
            pending_arrived_at=seen.arrived_at,
            due_at=seen.arrived_at + duration,
        )
    if not _lasted(rule, current, seen, now):
        return current, None
    event = replace(_event(seen, wanted, rule.severity), order=order)
    return replace(without_pending(current), firing=wanted is Effect.RAISE, order=order), event


def _wanted(rule: ThresholdRule, firing: bool, value: float) -> Effect | None:
    beyond = value >= rule.raise_at if rule.above else value <= rule.raise_at
    safe = value < rule.clear_at if rule.above else value > rule.clear_at
    if not firing and beyond:
        return Effect.RAISE
    if firing and safe:
        return Effect.CLEAR
    return None


def _lasted(rule: ThresholdRule, state: RuleState, seen: Observation, now: datetime) -> bool:
    if state.pending_event_at is None or state.pending_arrived_at is None:
        return False
    duration = timedelta(seconds=rule.duration_s if state.pending is Effect.RAISE else rule.clear_duration_s)
    return seen.event_at - state.pending_event_at >= duration or now - state.pending_arrived_at >= duration


def without_pending(state: RuleState) -> RuleState:
    """The state with no duration running."""
    return replace(state, pending=None, pending_event_at=None, pending_arrived_at=None, due_at=None)


def _event(seen: Observation, effect: Effect, severity: Severity, over_at: datetime | None = None) -> AlarmEvent:
    return AlarmEvent(
        key=seen.key,
        effect=effect,
        severity=severity,
        order=seen.order,
        event_at=seen.event_at,
        arrived_at=seen.arrived_at,
        level=seen.level,
        area_name=seen.area_name,
        headline_ja=seen.headline_ja,
        headline_en=seen.headline_en,
        status=seen.status,
        label=seen.label,
        entity_id=seen.entity_id,
        location=seen.location,
        rule_id=seen.rule_id,
        over_at=over_at,
        rescinded=seen.rescinded,
    )


def _observe_levels(
    rule: LevelRule, entity: Entity, arrived_at: datetime, known: Iterable[RuleState], label: str | None
) -> tuple[Observation, ...]:
    if alerts.ALERT not in entity.types or _text(entity, alerts.SUB_CATEGORY) != rule.alert:
        return ()
    cancelled = _text(entity, alerts.MESSAGE_TYPE) == CANCELLED
    listed: dict[str, Mapping[str, Any]] = {}
    for area in () if cancelled else _readable_areas(entity):
        if area["code"] not in rule.areas:
            continue
        subject = f"{area['code']}|{area.get('phenomenon', '')}"
        if subject not in listed or GRADES[area["grade"]] > GRADES[listed[subject]["grade"]]:
            listed[subject] = area
    for state in known:
        if state.subject not in listed:
            code, _, phenomenon = state.subject.partition("|")
            listed[state.subject] = {"code": code, "phenomenon": phenomenon, "grade": Grade.NONE.word}
    stored_at = parse_instant(entity.modified_at) if entity.modified_at else arrived_at
    about = _About(
        source=_text(entity, alerts.SOURCE),
        event=_text(entity, alerts.EVENT),
        status=_STATUSES.get(_text(entity, alerts.STATUS).lower(), Status.ACTUAL),
        label=label,
        order=_text(entity, alerts.ORDER) or f"{iso_order(stored_at)}|{entity.version:09}",
        event_at=_instant(entity, alerts.ISSUED) or stored_at,
        arrived_at=arrived_at,
        ends_at=_ends_at(rule, entity, arrived_at, label),
        rescinded=cancelled,
    )
    return tuple(_level_observation(rule, entity.id, subject, area, about) for subject, area in listed.items())


@dataclass(frozen=True, slots=True)
class _About:
    """What all areas of one message share."""

    source: str
    event: str
    status: Status
    label: str | None
    order: str
    event_at: datetime
    arrived_at: datetime
    ends_at: datetime | None
    rescinded: bool


def _ends_at(rule: LevelRule, entity: Entity, arrived_at: datetime, label: str | None) -> datetime | None:
    """When the message ends by itself; a replay keeps the length of its validity, counted from its arrival."""
    ends_at, issued_at = _instant(entity, alerts.VALID_TO), _instant(entity, alerts.ISSUED)
    if ends_at is not None:
        return arrived_at + (ends_at - issued_at) if label == "replay" and issued_at is not None else ends_at
    return arrived_at + timedelta(seconds=rule.clear_after_s) if rule.clear_after_s is not None else None


def _level_observation(rule: LevelRule, entity_id: str, subject: str, area: Mapping[str, Any], about: _About) -> Observation:
    phenomenon = area.get("phenomenon", "")
    name, level = area.get("name", ""), area.get("kind")
    event = scoped_event(about.event, about.status, about.label)
    return Observation(
        rule_id=rule.id,
        entity_id=entity_id,
        subject=subject,
        key=AlarmKey(about.source, event, area["code"], f"{rule.alert}:{phenomenon}" if phenomenon else rule.alert),
        reading=float(GRADES[area["grade"]]),
        order=about.order,
        event_at=about.event_at,
        arrived_at=about.arrived_at,
        level=level,
        area_name=name,
        headline_ja=f"{name} {level}" if level else rule.name_ja,
        headline_en=f"{area['kindEn']}: {name}" if area.get("kindEn") else f"{rule.name_en}: {name or area['code']}",
        status=about.status,
        label=about.label,
        rescinded=about.rescinded,
        ends_at=about.ends_at,
    )


def _observe_value(rule: ThresholdRule, entity: Entity, arrived_at: datetime, label: str | None) -> tuple[Observation, ...]:
    instance = default_instance(entity, rule.attribute) if rule.entity_type in entity.types else None
    if instance is None:
        return ()
    value = _number(instance)
    observed = instance.get("observedAt")
    event_at = parse_instant(observed) if observed else arrived_at
    name = _text(entity, alerts.term("name"))
    said = f"{value:g} {rule.unit}".strip() if value is not None else ""
    return (
        Observation(
            rule_id=rule.id,
            entity_id=entity.id,
            subject="",
            key=AlarmKey(entity.id, scoped_event(rule.id, Status.ACTUAL, label), rule.area_code, rule.kind),
            reading=value,
            order=iso_order(event_at),
            event_at=event_at,
            arrived_at=arrived_at,
            level=said or None,
            area_name=rule.area_name or name,
            headline_ja=f"{name or entity.id} {rule.name_ja} {said}".strip(),
            headline_en=f"{name or entity.id} {rule.name_en} {said}".strip(),
            label=label,
            location=_point(entity),
        ),
    )


def iso_order(instant: datetime) -> str:
    """An instant as text of one length, so that text order is time order."""
    return iso(instant.replace(microsecond=0))[:-1] + f".{instant.microsecond:06d}Z"


def _value(entity: Entity, name: str) -> Any:
    instance = default_instance(entity, name)
    return None if instance is None else instance.get("value")


def _text(entity: Entity, name: str) -> str:
    value = _value(entity, name)
    return value if isinstance(value, str) else ""


def _instant(entity: Entity, name: str) -> datetime | None:
    """An instant, or None if it is missing or unreadable: anyone may write an Alert, and none may stop the rules."""
    try:
        return parse_instant(_text(entity, name))
    except ValueError:
        return None


def _readable_areas(entity: Entity) -> Iterable[Mapping[str, Any]]:
    entries = _value(entity, alerts.AREAS)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("code"), str) and entry.get("grade") in _GRADE_WORDS:
            yield {name: value for name, value in entry.items() if isinstance(value, str)}


def _number(instance: Instance) -> float | None:
    value = instance.get("value")
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _point(entity: Entity) -> tuple[float, float] | None:
    geometry = _value(entity, LOCATION)
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return None
    longitude, latitude = geometry["coordinates"][:2]
    return float(longitude), float(latitude)
