"""An alarm store in memory: transactions work on copies that replace the state on commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy

from machinami.command.alarms.model import Notice
from machinami.command.alarms.ports import AlarmPage, AlarmRecord, Ledger, ListState


class FakeTransaction:
    def __init__(self, state):
        self.state = state

    async def rule_states(self, rule_id, entity_id):
        return [one for key, one in self.state["states"].items() if key[:2] == (rule_id, entity_id)]

    async def keep_rule_state(self, state):
        self.state["states"][state.rule_id, state.entity_id, state.subject] = state

    async def latest_alarm(self, key):
        found = [alarm for alarm in self.state["alarms"].values() if alarm.key == key]
        return max(found, key=lambda alarm: alarm.occurrence, default=None)

    async def alarm(self, alarm_id):
        return self.state["alarms"].get(alarm_id)

    async def keep_alarm(self, transition):
        self.state["alarms"][transition.alarm.id] = transition.alarm
        self.state["history"] += transition.history
        if transition.notice:
            self.state["notices"].append((transition.alarm.id, transition.notice))

    async def move_cursor(self, consumer, cursor):
        self.state["cursors"][consumer] = cursor


class FakeAlarmStore:
    def __init__(self):
        self.state = {"alarms": {}, "history": [], "states": {}, "notices": [], "cursors": {}}
        self.entities = {}

    @property
    def notices(self) -> list[Notice]:
        return [notice for _, notice in self.state["notices"]]

    @asynccontextmanager
    async def transaction(self, tenant) -> AsyncIterator[FakeTransaction]:
        copy = deepcopy(self.state)
        yield FakeTransaction(copy)
        self.state = copy

    async def find(self, tenant, query):
        keep = {
            ListState.ACTIVE: lambda alarm: not alarm.closed,
            ListState.ACKNOWLEDGED: lambda alarm: not alarm.closed and alarm.acknowledged,
            ListState.HISTORY: lambda alarm: alarm.closed,
            ListState.ALL: lambda alarm: True,
        }[query.state]
        alarms = [one for one in self.state["alarms"].values() if keep(one) and query.entity_id in (None, one.entity_id)]
        alarms.sort(key=lambda alarm: alarm.raised_at, reverse=True)
        counts = Counter(alarm.severity.value for alarm in self.state["alarms"].values() if not alarm.closed)
        return AlarmPage(tuple(AlarmRecord(one, Ledger(one.arrived_at)) for one in alarms[: query.limit]), counts)

    async def record(self, tenant, alarm_id):
        alarm = self.state["alarms"].get(alarm_id)
        history = tuple(entry for entry in self.state["history"] if entry.alarm_id == alarm_id)
        return AlarmRecord(alarm, Ledger(alarm.arrived_at), history) if alarm else None

    async def due_states(self, tenant, now, limit):
        due = [one for one in self.state["states"].values() if one.due_at is not None and one.due_at <= now]
        return sorted(due, key=lambda one: one.due_at)[:limit]

    async def entity(self, tenant, entity_id):
        return self.entities.get(entity_id)
