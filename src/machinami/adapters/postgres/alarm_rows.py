"""Alarms, their history and rule states as rows: JSON documents and columns, there and back."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import asyncpg

from machinami.command.alarms.conditions import RuleState
from machinami.command.alarms.model import Alarm, AlarmKey, Comment, Effect, HistoryEntry, Severity, Status
from machinami.kernel.clock import iso, parse_instant

_INSTANTS: Final = frozenset(
    {"raised_at", "event_at", "arrived_at", "last_at", "acknowledged_at", "shelved_until", "cleared_at", "closed_at"}
)
_ELSEWHERE: Final = frozenset({"key", "comments"})
_PLAIN: Final = tuple(field.name for field in fields(Alarm) if field.name not in _INSTANTS | _ELSEWHERE)


def alarm_document(alarm: Alarm) -> dict[str, Any]:
    """The JSON document that is stored; `alarm_of` reads it back. Members without a value are left out."""
    document: dict[str, Any] = {name: getattr(alarm, name) for name in _PLAIN}
    document |= {name: _text(getattr(alarm, name)) for name in _INSTANTS}
    document["key"] = [alarm.key.source, alarm.key.event, alarm.key.area, alarm.key.kind]
    document["comments"] = [[comment.by, iso(comment.at), comment.text] for comment in alarm.comments] or None
    return {name: value for name, value in document.items() if value is not None}


def alarm_of(document: dict[str, Any]) -> Alarm:
    """Read what `alarm_document` wrote."""
    values: dict[str, Any] = {name: parse_instant(value) if name in _INSTANTS else value for name, value in document.items()}
    values["key"] = AlarmKey(*document["key"])
    values["severity"] = Severity(document["severity"])
    values["status"] = Status(document["status"])
    values["comments"] = tuple(Comment(by, parse_instant(at), text) for by, at, text in document.get("comments", ()))
    if "location" in document:
        values["location"] = tuple(document["location"])
    return Alarm(**values)


def history_document(entry: HistoryEntry) -> dict[str, Any]:
    """One history line as JSON; `history_of` reads it back."""
    return {
        "at": iso(entry.at),
        "by": entry.by,
        "what": str(entry.what),
        "text": entry.text,
        "name": entry.name,
        "event_at": _text(entry.event_at),
        "severity": entry.severity,
    }


def history_of(alarm_id: str, document: dict[str, Any]) -> HistoryEntry:
    """Read what `history_document` wrote."""
    event_at, severity = document["event_at"], document["severity"]
    return HistoryEntry(
        alarm_id,
        parse_instant(document["at"]),
        document["by"],
        document["what"],
        document["text"],
        document["name"],
        parse_instant(event_at) if event_at else None,
        Severity(severity) if severity else None,
    )


RULE_STATE: Final = (
    'rule_id, entity_id, subject, firing, "order", seen_at, pending, pending_event_at, pending_arrived_at, due_at'
)


def rule_state_values(state: RuleState) -> tuple[Any, ...]:
    """The columns of `RULE_STATE`."""
    return (
        state.rule_id, state.entity_id, state.subject, state.firing, state.order, state.seen_at, state.pending,
        state.pending_event_at, state.pending_arrived_at, state.due_at,
    )  # fmt: skip


def rule_state_of(row: asyncpg.Record) -> RuleState:
    """A row of `RULE_STATE`."""
    values: dict[str, Any] = dict(row)
    return RuleState(**{**values, "pending": Effect(values["pending"]) if values["pending"] else None})


def _text(instant: datetime | None) -> str | None:
    return iso(instant) if instant else None
