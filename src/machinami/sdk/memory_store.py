"""The store ports in memory, for tests of apps and as a reference for the real store: small, plain, no durability.

Queries are answered by walking all entities and asking `data.matching`; nothing is indexed, so that there is nothing to
get wrong. Everything runs in one event loop turn, so each call is atomic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from machinami.data.entities.decisions import ChangeSet, Decision, Keep, Put, Remove
from machinami.data.entities.expiry import is_past
from machinami.data.matching import matches
from machinami.data.ports import HistoryQuery, Mutation, QueryResult, TypeCount
from machinami.kernel.change import Change, ChangeKind, Cursor, InstanceChange
from machinami.kernel.clock import Clock, iso, parse_instant
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import MachinamiError
from machinami.kernel.query import EntityQuery, Page

_RECEIVED_TIMES = ("createdAt", "modifiedAt", "deletedAt")
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    """One instance of an attribute's history: `at` is its observedAt, else when it was received."""

    number: int
    at: datetime
    received_at: datetime
    instance: Instance


class MemoryEntityStore:
    """Implements `data.ports.EntityStore`. `history_kept_on_delete` as the setting of that name."""

    def __init__(self, clock: Clock, history_kept_on_delete: bool = False) -> None:
        self._clock = clock
        self._history_kept = history_kept_on_delete
        self._entities: dict[_Key, Entity] = {}
        self._history: dict[tuple[str, str, str], list[_Row]] = {}
        self._log: list[Change] = []
        self._sequence = 0
        self._instances = 0

    async def write(self, mutations: Sequence[Mutation]) -> list[Decision | MachinamiError]:
        now = self._clock.now()
        results: list[Decision | MachinamiError] = []
        for mutation in mutations:
            try:
                decision = mutation.decide(self._entities.get((mutation.tenant, mutation.entity_id)), iso(now))
            except MachinamiError as error:
                results.append(error)
            else:
                results.append(self._commit(mutation, decision, now))
        return results

    async def get(self, tenant: str, entity_id: str) -> Entity | None:
        return self._entities.get((tenant, entity_id))

    async def query(self, tenant: str, query: EntityQuery, page: Page, now: datetime) -> QueryResult:
        mine = sorted((one for (owner, _), one in self._entities.items() if owner == tenant), key=lambda one: one.sequence)
        found = [one for one in mine if matches(one, query, iso(now))]
        behind = [one for one in found if one.sequence > page.after_sequence][page.offset :]
        total = len(found) if page.count else None
        return QueryResult(behind[: page.limit], total, len(behind) > page.limit)

    async def history(self, query: HistoryQuery) -> list[Instance]:
        def time(row: _Row) -> datetime:
            return row.received_at if query.time_property in _RECEIVED_TIMES else row.at

        rows = [
            row
            for row in self._history.get((query.tenant, query.entity_id, query.attribute), ())
            if (query.after is None or time(row) >= query.after) and (query.before is None or time(row) < query.before)
        ]
        rows.sort(key=lambda row: (time(row), row.number), reverse=query.newest_first)
        return [{**row.instance, "instanceId": _instance_urn(row)} for row in rows[: query.limit]]

    async def types(self, tenant: str) -> list[TypeCount]:
        counts: dict[str, int] = {}
        for (owner, _), entity in self._entities.items():
            if owner == tenant:
                for one in entity.types:
                    counts[one] = counts.get(one, 0) + 1
        return [TypeCount(one, counts[one]) for one in sorted(counts)]

    async def changes(self, after: Cursor, limit: int) -> list[Change]:
        return [one for one in self._log if one.cursor > after][:limit]

    async def newest(self) -> Cursor:
        return self._log[-1].cursor if self._log else Cursor()

    async def expire(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        return [key for key, entity in self._entities.items() if is_past(entity.expires_at, iso(now))][:limit]

    def _commit(self, mutation: Mutation, decision: Decision, now: datetime) -> Decision:
        if isinstance(decision, Keep):
            return decision
        key = (mutation.tenant, mutation.entity_id)
        if isinstance(decision, Remove):
            del self._entities[key]
            self._remember(mutation, decision.changed, now)
            if not self._history_kept:
                self._forget(key)
            self._append(mutation, decision.entity, decision.changed, now)
            return decision
        entity = decision.entity
        if decision.supplants is not None and not self._history_kept:
            self._forget(key)
        if entity.sequence == 0:
            self._sequence += 1
            entity = replace(entity, sequence=self._sequence)
        self._entities[key] = entity
        self._remember(mutation, decision.changed, now)
        self._append(mutation, entity, decision.changed, now)
        return Put(entity, decision.changed, decision.outcome, decision.supplants)

    def _forget(self, key: _Key) -> None:
        for place in [one for one in self._history if one[:2] == key]:
            del self._history[place]

    def _remember(self, mutation: Mutation, changed: ChangeSet, now: datetime) -> None:
        for change in changed.instances:
            self._instances += 1
            instance = change.after if change.after is not None else _tombstone(change, now)
            at = parse_instant(instance["observedAt"]) if "observedAt" in instance else now
            place = (mutation.tenant, mutation.entity_id, change.attribute)
            self._history.setdefault(place, []).append(_Row(self._instances, at, now, instance))

    def _append(self, mutation: Mutation, entity: Entity, changed: ChangeSet, now: datetime) -> None:
        number = len(self._log) + 1
        cursor = Cursor(number, number)
        kind, instances = ChangeKind(changed.kind), changed.instances
        change = Change(cursor, now, mutation.tenant, entity, kind, instances, mutation.principal, mutation.label)
        self._log.append(change)


class MemoryDocumentStore:
    """Implements `data.ports.DocumentStore`."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        self._documents.setdefault((tenant, kind), {})[key] = document

    async def add(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> bool:
        shelf = self._documents.setdefault((tenant, kind), {})
        if key in shelf:
            return False
        shelf[key] = document
        return True

    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
        return self._documents.get((tenant, kind), {}).get(key)

    async def remove(self, tenant: str, kind: str, key: str) -> bool:
        return self._documents.get((tenant, kind), {}).pop(key, None) is not None

    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        return list(self._documents.get((tenant, kind), {}).values())[offset : offset + limit]

    async def count(self, tenant: str, kind: str) -> int:
        return len(self._documents.get((tenant, kind), {}))


def _tombstone(change: InstanceChange, now: datetime) -> Instance:
    stone: Instance = {"type": change.before["type"] if change.before else "Property", "deletedAt": iso(now)}
    if change.dataset_id is not None:
        stone["datasetId"] = change.dataset_id
    return stone


def _instance_urn(row: _Row) -> str:
    return f"urn:ngsi-ld:Instance:{int(row.at.timestamp() * 1_000_000)}-{row.number}"
