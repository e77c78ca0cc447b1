"""What an alarm is: two axes (active or cleared, acknowledged or not), one row per source, event, area and kind.

design.md, "Fixed once"; console A1-A3, A8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from machinami.kernel.ids import stable_urn


class Severity(StrEnum):
    """Five levels (console A2): 緊急, 重大, 警戒, 注意, 情報."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """1 (info) to 5 (critical)."""
        return _RANKS[self]


_RANKS: Final = {Severity.CRITICAL: 5, Severity.MAJOR: 4, Severity.MINOR: 3, Severity.WARNING: 2, Severity.INFO: 1}


class Status(StrEnum):
    """Whether the source means it: 通常, 訓練, 試験."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    TEST = "test"


class Effect(StrEnum):
    """What a source's message does to the active axis. `CLEAR` never touches acknowledgement."""

    RAISE = "raise"
    CLEAR = "clear"


class Notice(StrEnum):
    """What subscribers of alarms are told about a transition."""

    RAISED = "raised"
    RAISED_AGAIN = "raised_again"
    WORSENED = "worsened"
    EASED = "eased"
    CLEARED = "cleared"
    ACKNOWLEDGED = "acknowledged"
    REOPENED = "reopened"
    CLOSED = "closed"


class Action(StrEnum):
    """What a person can do; `UNDO` takes an acknowledgement back."""

    ACKNOWLEDGE = "acknowledge"
    UNDO = "undo"
    ASSIGN = "assign"
    COMMENT = "comment"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    CLOSE = "close"


def scoped_event(event: str, status: Status, label: str | None) -> str:
    """The event part of a key: a drill, a test or a replay never shares an alarm with the real event of that name.

    Otherwise the all-clear at the end of a drill could clear a real warning.
    """
    marks = [mark for mark in ("" if status is Status.ACTUAL else status.value, label or "") if mark]
    return "#".join([event, *marks])


@dataclass(frozen=True, slots=True)
class AlarmKey:
    """What makes two messages the same alarm. `event` comes from `scoped_event`."""

    source: str
    event: str
    area: str
    kind: str


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One message about a key, already judged by a rule or declared by an intake.

    `order` is the source's own order within the key, compared as text (e.g. report time and serial); equal order means
    the same message again. `event_at` is when it happened by the source, `arrived_at` when Machinami accepted it (both
    aware UTC). `over_at` is set on a raise that was overtaken: a newer message, already known, ended it at that time.
    `rescinded` marks a clear by which the source withdraws what it said (取消).
    """

    key: AlarmKey
    effect: Effect
    severity: Severity
    order: str
    event_at: datetime
    arrived_at: datetime
    level: str | None = None
    area_name: str = ""
    headline_ja: str = ""
    headline_en: str = ""
    status: Status = Status.ACTUAL
    label: str | None = None
    entity_id: str | None = None
    location: tuple[float, float] | None = None
    rule_id: str | None = None
    over_at: datetime | None = None
    rescinded: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """A person's remark; `by` is the display name, `at` aware UTC."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """The state people work on. `order` is that of the newest message taken into the state.

    `occurrence` counts the alarms of one key: after closing, a new raise opens the next one, with a new id. `count` is
    the number of messages folded into this one. All instants are aware UTC; `location` is (longitude, latitude).
    """

    id: str
    key: AlarmKey
    occurrence: int
    severity: Severity
    status: Status
    order: str
    raised_at: datetime
    event_at: datetime
    arrived_at: datetime
    last_at: datetime
    level: str | None = None
    label: str | None = None
    area_name: str = ""
    headline_ja: str = ""
    headline_en: str = ""
    entity_id: str | None = None
    location: tuple[float, float] | None = None
    rule_id: str | None = None
    active: bool = True
    acknowledged: bool = False
    closed: bool = False
    late: bool = False
    count: int = 1
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    assigned_to: str | None = None
    shelved_until: datetime | None = None
    shelved_reason: str | None = None
    cleared_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    comments: tuple[Comment, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of an alarm's ledger: who did what when; `by` is a source (`jma`) or a person's principal.

    `name` is what people read for `by`. `what` is a `Notice`, an `Action`, or one of `late`, `rescinded`, `updated`.
    """

    alarm_id: str
    at: datetime
    by: str
    what: str
    text: str = ""
    name: str = ""
    event_at: datetime | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """The outcome of a pure rule: the new state, its history lines and what subscribers are told (None: nothing).

    `alarm` is None if there is none and none is needed (an all-clear without an alarm).
    """

    alarm: Alarm | None
    history: tuple[HistoryEntry, ...] = field(default=())
    notice: Notice | None = None


def alarm_id(tenant: str, key: AlarmKey, occurrence: int) -> str:
    """The id of the n-th alarm of a key, the same on every server."""
    return stable_urn("Alarm", tenant, key.source, key.event, key.area, key.kind, str(occurrence))
