"""Declared alarms: what `POST /alarms`, alarm topics and edges send, as JSON → `AlarmEvent` (trust N7).

    {"event": "pump-3", "kind": "pumpFailure", "severity": "major", "active": true,
     "headline_ja": "第3ポンプ停止", "headline_en": "Pump 3 stopped",
     "area_code": "372013", "area_name": "高松市", "event_at": "2026-11-26T03:00:00+09:00", "sequence": 17,
     "level": "…", "status": "actual", "entity_id": "urn:…", "location": [134.05, 34.34]}

`event`, `kind` and, while active, `severity` and one headline are needed. The source is the caller, never the body. A
source without a `sequence` of its own is ordered by the journal's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final

from machinami.command.alarms.model import AlarmEvent, AlarmKey, Effect, Severity, Status, scoped_event
from machinami.kernel.caller import Caller
from machinami.kernel.clock import parse_instant
from machinami.kernel.errors import Refusal

TEXT_CHARACTERS_MAX: Final = 500
SEQUENCE_MAX: Final = 10**18
_MEMBERS: Final = frozenset(
    {
        "event", "kind", "severity", "active", "headline_ja", "headline_en", "area_code", "area_name", "event_at", "sequence",
        "level", "status", "label", "entity_id", "location",
    }
)  # fmt: skip
_LABELS: Final = ("replay", "simulation")


def event_of(body: Any, caller: Caller, arrived_at: datetime, journal_sequence: int) -> AlarmEvent:
    """The message that `body` (parsed JSON) declares; raises `Refusal` `command.intake.*` if it declares none."""
    if not isinstance(body, dict):
        raise _wrong("body", body, "an object")
    if unknown := sorted(set(body) - _MEMBERS):
        raise Refusal("command.intake.member_unknown", member=str(unknown[0])[:80])
    active = body.get("active", True)
    if not isinstance(active, bool):
        raise _wrong("active", active, "true or false")
    status, label = _status(body), _label(body)
    ja, en = _text(body, "headline_ja"), _text(body, "headline_en")
    if active and not (ja or en):
        raise Refusal("command.intake.member_missing", member="headline_ja")
    key = AlarmKey(
        caller.principal, scoped_event(_needed(body, "event"), status, label), _text(body, "area_code"), _needed(body, "kind")
    )
    return AlarmEvent(
        key=key,
        effect=Effect.RAISE if active else Effect.CLEAR,
        severity=_severity(body) if active or "severity" in body else Severity.INFO,
        order=f"{_sequence(body, journal_sequence):019}",
        event_at=_event_at(body, arrived_at),
        arrived_at=arrived_at,
        level=_text(body, "level") or None,
        area_name=_text(body, "area_name"),
        headline_ja=ja or en,
        headline_en=en or ja,
        status=status,
        label=label,
        entity_id=_text(body, "entity_id") or None,
        location=_location(body),
    )


def _text(body: Mapping[str, Any], member: str) -> str:
    value = body.get(member, "")
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX:
        raise _wrong(member, value, f"a text of at most {TEXT_CHARACTERS_MAX} characters")
    return value.strip()


def _needed(body: Mapping[str, Any], member: str) -> str:
    text = _text(body, member)
    if not text:
        raise Refusal("command.intake.member_missing", member=member)
    return text


def _severity(body: Mapping[str, Any]) -> Severity:
    word = _needed(body, "severity")
    if word not in list(Severity):
        raise _wrong("severity", word, "one of " + ", ".join(Severity))
    return Severity(word)


def _status(body: Mapping[str, Any]) -> Status:
    word = _text(body, "status") or Status.ACTUAL
    if word not in list(Status):
        raise _wrong("status", word, "one of " + ", ".join(Status))
    return Status(word)


def _label(body: Mapping[str, Any]) -> str | None:
    word = _text(body, "label") or None
    if word is not None and word not in _LABELS:
        raise _wrong("label", word, "one of " + ", ".join(_LABELS))
    return word


def _sequence(body: Mapping[str, Any], journal_sequence: int) -> int:
    value = body.get("sequence", journal_sequence)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < SEQUENCE_MAX:
        raise _wrong("sequence", value, "a whole number from 0")
    return value


def _event_at(body: Mapping[str, Any], arrived_at: datetime) -> datetime:
    if "event_at" not in body:
        return arrived_at
    try:
        return parse_instant(_text(body, "event_at"))
    except ValueError as error:
        raise _wrong("event_at", body["event_at"], "a date-time with an offset") from error


def _location(body: Mapping[str, Any]) -> tuple[float, float] | None:
    value = body.get("location")
    if value is None:
        return None
    expected = "[longitude, latitude] in degrees"
    if not isinstance(value, list) or len(value) != 2:
        raise _wrong("location", value, expected)
    for number, limit in zip(value, (180, 90), strict=True):
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not isfinite(number) or abs(number) > limit:
            raise _wrong("location", value, expected)
    return float(value[0]), float(value[1])


def _wrong(member: str, value: Any, expected: str) -> Refusal:
    return Refusal("command.intake.value_wrong", member=member, value=repr(value)[:80], expected=expected)
