"""What alarms need from the store, named by that need; the adapter lives in `adapters`.

Everything that one batch of changes causes - rule states, alarms, their history, what subscribers are told, the
consumer's cursor - is one transaction (design.md, "Alarm and alert"; trust N2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from machinami.command.alarms.conditions import RuleState
from machinami.command.alarms.model import Alarm, AlarmKey, HistoryEntry, Transition
from machinami.kernel.change import Cursor
from machinami.kernel.entity import Entity


class ListState(StrEnum):
    """Which alarms: `active` = not closed (cleared ones too: someone still has to close them), `acknowledged` = those of
    them that a person has acknowledged, `history` = closed, `all`."""

    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    HISTORY = "history"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class AlarmQuery:
    """What to list: newest `raised_at` first. `entity_id` keeps the alarms about one entity."""

    state: ListState
    limit: int
    entity_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One subscriber's notification about an alarm. `state`: pending, delivered, failing or dead."""

    subscriber: str
    state: str
    attempts: int
    at: datetime
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """When each hop of one alarm was done (trust N11), aware UTC; None: not yet. The last hop is `Alarm.acknowledged_at`.

    `received`: accepted at our edge; `stored`: committed; `sent`: first attempt to any subscriber; `delivered`: first
    confirmation by one.
    """

    received: datetime
    stored: datetime | None = None
    sent: datetime | None = None
    delivered: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """One alarm as it is listed; `history` and `deliveries` are filled when one alarm is asked for."""

    alarm: Alarm
    ledger: Ledger
    history: tuple[HistoryEntry, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """A list and, whatever the list's filter, how many alarms are not closed, by severity and of those shelved."""

    records: tuple[AlarmRecord, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


class AlarmTransaction(Protocol):
    """One open transaction of one tenant; leaving the context without an error commits it."""

    async def rule_states(self, rule_id: str, entity_id: str) -> Sequence[RuleState]:
        """What the rule remembers of the entity's subjects."""

    async def keep_rule_state(self, state: RuleState) -> None:
        """Insert or replace by (rule, entity, subject)."""

    async def latest_alarm(self, key: AlarmKey) -> Alarm | None:
        """The highest occurrence of the key, closed or not, locked until the end of the transaction."""

    async def alarm(self, alarm_id: str) -> Alarm | None:
        """One alarm, locked likewise."""

    async def keep_alarm(self, transition: Transition) -> None:
        """Insert or replace `transition.alarm` by id, append its history and, if there is a notice, queue its deliveries."""

    async def move_cursor(self, consumer: str, cursor: Cursor) -> None:
        """Remember that `consumer` has read the change log up to and including `cursor`."""


class AlarmStore(Protocol):
    """Alarms of all tenants."""

    def transaction(self, tenant: str) -> AbstractAsyncContextManager[AlarmTransaction]:
        """A new transaction."""

    async def find(self, tenant: str, query: AlarmQuery) -> AlarmPage:
        """A list, newest first."""

    async def record(self, tenant: str, alarm_id: str) -> AlarmRecord | None:
        """One alarm with history (oldest first) and deliveries."""

    async def due_states(self, tenant: str, now: datetime, limit: int) -> Sequence[RuleState]:
        """Rule states whose `due_at` has come, earliest first."""

    async def entity(self, tenant: str, entity_id: str) -> Entity | None:
        """The entity as it is now."""
