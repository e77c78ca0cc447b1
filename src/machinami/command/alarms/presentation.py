"""Alarms as the console and webhooks see them: JSON-ready rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from machinami.command.alarms.model import Alarm, HistoryEntry, Notice, Status
from machinami.command.alarms.ports import AlarmPage, AlarmRecord, Delivery, Ledger
from machinami.command.alarms.rules import actions_allowed
from machinami.kernel.clock import iso

SEVERITY_WORDS: Final = {
    "critical": ("緊急", "Critical"),
    "major": ("重大", "Major"),
    "minor": ("警戒", "Minor"),
    "warning": ("注意", "Warning"),
    "info": ("情報", "Info"),
}

_MARKS: Final = {
    Status.EXERCISE: ("【訓練】", "[EXERCISE] "),
    Status.TEST: ("【試験】", "[TEST] "),
    "replay": ("【再生】", "[REPLAY] "),
    "simulation": ("【模擬】", "[SIMULATION] "),
    "snapshot": ("【記録】", "[SNAPSHOT] "),
}


def page_document(page: AlarmPage, now: datetime) -> dict[str, Any]:
    """`GET /alarms`."""
    return {"alarms": [row(record.alarm, record.ledger, now) for record in page.records], "counts": dict(page.counts)}


def record_document(record: AlarmRecord, now: datetime) -> dict[str, Any]:
    """`GET /alarms/{id}`: the row with history and deliveries."""
    return {
        **row(record.alarm, record.ledger, now),
        "history": [_history_line(entry) for entry in record.history],
        "deliveries": [_delivery(delivery) for delivery in record.deliveries],
    }


def row(alarm: Alarm, ledger: Ledger, now: datetime) -> dict[str, Any]:
    """One row of the alarm list; instants are ISO 8601 UTC, `location` is [longitude, latitude]."""
    return {
        "id": alarm.id,
        "source": alarm.key.source,
        "event": alarm.key.event.partition("#")[0],
        "area_code": alarm.key.area,
        "area_name": alarm.area_name,
        "kind": alarm.key.kind,
        "severity": alarm.severity.value,
        "level": alarm.level,
        "headline_ja": alarm.headline_ja,
        "headline_en": alarm.headline_en,
        "active": alarm.active,
        "acknowledged": alarm.acknowledged,
        "closed": alarm.closed,
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged_at": _at(alarm.acknowledged_at),
        "assigned_to": alarm.assigned_to,
        "shelved_until": _at(alarm.shelved_until),
        "shelved_reason": alarm.shelved_reason,
        "status": alarm.status.value,
        "label": alarm.label,
        "raised_at": iso(alarm.raised_at),
        "event_at": iso(alarm.event_at),
        "arrived_at": iso(alarm.arrived_at),
        "late": alarm.late,
        "cleared_at": _at(alarm.cleared_at),
        "closed_at": _at(alarm.closed_at),
        "closed_by": alarm.closed_by,
        "count": alarm.count,
        "last_at": iso(alarm.last_at),
        "occurrence": alarm.occurrence,
        "entity_id": alarm.entity_id,
        "location": list(alarm.location) if alarm.location else None,
        "comments": [{"by": comment.by, "at": iso(comment.at), "text": comment.text} for comment in alarm.comments],
        "actions": [action.value for action in actions_allowed(alarm, now)],
        "ledger": {
            "received": iso(ledger.received),
            "stored": _at(ledger.stored),
            "sent": _at(ledger.sent),
            "delivered": _at(ledger.delivered),
            "acknowledged": _at(alarm.acknowledged_at),
        },
    }


def notification_document(notification_id: str, alarm: Alarm, notice: Notice, at: datetime) -> dict[str, Any]:
    """The body of an alarm webhook: what happened and the alarm's row.

    The texts carry the marks of drills, tests, replays and simulations, and say what happened to the alarm, because a
    receiver may show nothing else: the end of a warning must not read like the warning.
    """
    marks_ja, marks_en = marks(alarm)
    said_ja, said_en = NOTICES[notice]
    return {
        "id": notification_id,
        "type": "AlarmNotification",
        "notice": notice.value,
        "notifiedAt": iso(at),
        "text_ja": f"{marks_ja}{said_ja}{alarm.headline_ja}",
        "text_en": f"{marks_en}{said_en}{alarm.headline_en}",
        "alarm": row(alarm, Ledger(alarm.arrived_at), at),
    }


NOTICES: Final[dict[Notice, tuple[str, str]]] = {
    Notice.RAISED: ("", ""),
    Notice.RAISED_AGAIN: ("【再発生】", "[Raised again] "),
    Notice.WORSENED: ("【引き上げ】", "[Worsened] "),
    Notice.EASED: ("【引き下げ】", "[Eased] "),
    Notice.CLEARED: ("【解除】", "[Cleared] "),
    Notice.ACKNOWLEDGED: ("【確認済み】", "[Acknowledged] "),
    Notice.REOPENED: ("【確認取り消し】", "[Acknowledgement withdrawn] "),
    Notice.CLOSED: ("【対応終了】", "[Closed] "),
}


def marks(alarm: Alarm) -> tuple[str, str]:
    """The honest labels of an alarm as (Japanese, English) prefixes; empty for the real thing."""
    found = [_MARKS[mark] for mark in (alarm.status, alarm.label) if mark in _MARKS]
    return "".join(ja for ja, _ in found), "".join(en for _, en in found)


def _history_line(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "at": iso(entry.at),
        "by": entry.name or entry.by,
        "what": entry.what,
        "text": entry.text,
        "event_at": _at(entry.event_at),
        "severity": entry.severity.value if entry.severity else None,
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "subscriber": delivery.subscriber,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "at": iso(delivery.at),
        "error": delivery.error,
    }


def _at(instant: datetime | None) -> str | None:
    return iso(instant) if instant else None
