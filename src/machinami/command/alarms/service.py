"""Use cases of alarms; the caller comes first. All decisions are in `rules` and `conditions`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from machinami.command.alarms import rules as state_machine
from machinami.command.alarms.conditions import LevelRule, Rule, evaluate, observe, without_pending
from machinami.command.alarms.model import Action, Alarm, AlarmEvent
from machinami.command.alarms.ports import (
    AlarmPage,
    AlarmQuery,
    AlarmRecord,
    AlarmStore,
    AlarmTransaction,
    ListState,
)
from machinami.command.alarms.rules import ActionRequest, Actor
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role, home_of
from machinami.kernel.change import Change, ChangeKind
from machinami.kernel.clock import Clock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.standards.alerts import ALERT

CONSUMER: Final = "alarms"
"""The name of the alarm rules' cursor in the change log."""

LIST_MAX: Final = 1_000
DUE_STATES_MAX: Final = 1_000


class Alarms:
    """Lists, actions and the consumer that turns committed changes into alarms."""

    def __init__(self, store: AlarmStore, clock: Clock, rules: Iterable[Rule] = ()) -> None:
        self._store = store
        self._clock = clock
        self.use_rules(rules)

    def use_rules(self, rules: Iterable[Rule]) -> None:
        """Take other rules from the next change on."""
        self._rules = {rule.id: rule for rule in rules}
        by_type: dict[str, list[Rule]] = defaultdict(list)
        for rule in self._rules.values():
            by_type[ALERT if isinstance(rule, LevelRule) else rule.entity_type].append(rule)
        self._by_type = dict(by_type)

    @property
    def has_rules(self) -> bool:
        """Whether any change could raise an alarm."""
        return bool(self._rules)

    async def find(
        self, caller: Caller, state: str = "active", limit: int = LIST_MAX, entity_id: str | None = None
    ) -> AlarmPage:
        """Alarms newest first, at most `limit` (and never more than 1,000)."""
        require(caller, Role.READER)
        if state not in list(ListState):
            raise Refusal("command.alarm.unknown_state", state=state)
        query = AlarmQuery(ListState(state), max(1, min(limit, LIST_MAX)), entity_id)
        return await self._store.find(caller.tenant, query)

    async def get(self, caller: Caller, alarm_id: str) -> AlarmRecord:
        """One alarm with its history and deliveries."""
        require(caller, Role.READER)
        record = await self._store.record(caller.tenant, alarm_id)
        if record is None:
            raise Refusal("command.alarm.does_not_exist", alarm=alarm_id)
        return record

    async def act(
        self, caller: Caller, alarm_id: str, action: str, text: str = "", to: str = "", until: datetime | None = None
    ) -> AlarmRecord:
        """A person's action; only operators. Returns the alarm afterwards."""
        if not caller.has(Role.OPERATOR):
            raise Refusal("command.alarm.operator_needed", principal=caller.principal)
        if action not in list(Action):
            raise Refusal("command.alarm.unknown_action", action=action, allowed=", ".join(Action))
        actor = Actor(caller.principal, caller.display_name or caller.principal)
        async with self._store.transaction(caller.tenant) as transaction:
            alarm = await transaction.alarm(alarm_id)
            if alarm is None:
                raise Refusal("command.alarm.does_not_exist", alarm=alarm_id)
            request = ActionRequest(Action(action), text, to, until)
            await transaction.keep_alarm(state_machine.act(alarm, request, actor, self._clock.now()))
        return await self.get(caller, alarm_id)

    async def receive(self, caller: Caller, events: Sequence[AlarmEvent]) -> tuple[Alarm, ...]:
        """Take declared alarms (intake, drained journal) in; returns the alarms they changed, in order."""
        async with self._store.transaction(caller.tenant) as transaction:
            return tuple([alarm for event in events if (alarm := await self._take(caller.tenant, transaction, event))])

    async def raise_from_changes(self, caller: Caller, changes: Sequence[Change]) -> tuple[Alarm, ...]:
        """Run the rules over committed changes and move the cursor behind the last one, all in one transaction.

        `changes` are the caller's tenant's, in the order of the log. Returns the alarms that changed.
        """
        if not changes:
            return ()
        changed: list[Alarm] = []
        async with self._store.transaction(caller.tenant) as transaction:
            for change in changes:
                for rule in self._concerned(change):
                    changed += await self._judge(caller.tenant, transaction, rule, change.entity, change.at, change.label)
            await transaction.move_cursor(CONSUMER, changes[-1].cursor)
        return tuple(changed)

    async def raise_late(self, caller: Caller, entity: Entity) -> tuple[Alarm, ...]:
        """Judge a message that was not stored because a newer one of its event is: a warning that was already over
        when it came in still opens a (cleared, late) alarm."""
        changed: list[Alarm] = []
        async with self._store.transaction(caller.tenant) as transaction:
            for rule in [rule for name in entity.types for rule in self._by_type.get(name, ())]:
                changed += await self._judge(caller.tenant, transaction, rule, entity, self._clock.now())
        return tuple(changed)

    async def raise_overdue(self, caller: Caller) -> tuple[Alarm, ...]:
        """Complete the durations that ended without a new observation; the consumer calls it about once a second.

        A rule, entity or value that is gone ends the wait.
        """
        now = self._clock.now()
        changed: list[Alarm] = []
        for state in await self._store.due_states(caller.tenant, now, DUE_STATES_MAX):
            entity = await self._store.entity(caller.tenant, state.entity_id)
            async with self._store.transaction(caller.tenant) as transaction:
                if entity is not None and state.rule_id in self._rules:
                    changed += await self._judge(caller.tenant, transaction, self._rules[state.rule_id], entity, now)
                for rest in await transaction.rule_states(state.rule_id, state.entity_id):
                    if rest.due_at is not None and rest.due_at <= now:
                        await transaction.keep_rule_state(without_pending(rest))
        return tuple(changed)

    def _concerned(self, change: Change) -> list[Rule]:
        """The rules that look at something the change touched; deletions end nothing that a source raised.

        What is tried out on a copy of the town (a snapshot) raises no alarm.
        """
        if change.kind is ChangeKind.DELETED or change.tenant != home_of(change.tenant):
            return []
        rules = [rule for name in change.entity.types for rule in self._by_type.get(name, ())]
        return [rule for rule in rules if isinstance(rule, LevelRule) or not change.names or rule.attribute in change.names]

    async def _judge(
        self, tenant: str, transaction: AlarmTransaction, rule: Rule, entity: Entity, at: datetime, label: str = ""
    ) -> list[Alarm]:
        changed: list[Alarm] = []
        known = {state.subject: state for state in await transaction.rule_states(rule.id, entity.id)}
        for seen in observe(rule, entity, at, known.values(), label):
            before = known.get(seen.subject)
            after, event = evaluate(rule, before, seen, self._clock.now())
            if after != before:
                await transaction.keep_rule_state(after)
            if event and (alarm := await self._take(tenant, transaction, event)):
                changed.append(alarm)
        return changed

    async def _take(self, tenant: str, transaction: AlarmTransaction, event: AlarmEvent) -> Alarm | None:
        before = await transaction.latest_alarm(event.key)
        transition = state_machine.apply(tenant, before, event)
        if transition.alarm is None or transition.alarm == before:
            return None
        await transaction.keep_alarm(transition)
        return transition.alarm
