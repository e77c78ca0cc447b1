"""The store ports in memory, for tests of apps and as a reference for the real store: small, plain, no durability.

Queries are answered by walking all entities and asking `data.matching`; nothing is indexed, so that there is nothing to
get wrong. Everything runs in one event loop turn, so each call is atomic.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from machinami.data.entities.decisions import ChangeSet, Decision, Keep, Remove
from machinami.data.entities.expiry import faded, is_past, living
from machinami.data.entities.past import history_of
from machinami.data.matching import matches
from machinami.data.matching.ordering import order_key
from machinami.data.ports import Mutation, QueryResult, TypeCount
from machinami.kernel.change import Change, ChangeKind, Cursor
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError
from machinami.kernel.name_use import NameUse
from machinami.kernel.query import EntityQuery, Page
from machinami.sdk.memory_history import MemoryHistory

_Key = tuple[str, str]


class MemoryEntityStore:
    """Implements `data.ports.EntityStore`. `history_kept_on_delete` as the setting of that name."""

    def __init__(self, clock: Clock, history_kept_on_delete: bool = False) -> None:
        self._clock = clock
        self._history_kept = history_kept_on_delete
        self._entities: dict[_Key, Entity] = {}
        self.history = MemoryHistory()
        self._log: list[Change] = []
        self._sequence = 0

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

    async def get_many(self, tenant: str, ids: Collection[str]) -> dict[str, Entity]:
        return {one: entity for one in ids if (entity := self._entities.get((tenant, one))) is not None}

    async def query(self, tenant: str, query: EntityQuery, page: Page, now: datetime) -> QueryResult:
        mine = sorted((one for (owner, _), one in self._entities.items() if owner == tenant), key=lambda one: one.sequence)
        there = {one.id: alive for one in mine if (alive := living(one, iso(now))) is not None}
        found = [one for one in mine if matches(one, query, iso(now), there)]
        if page.order is not None:
            key = order_key(page.order)
            found.sort(key=lambda one: key(there[one.id]))
        behind = [one for one in found if one.sequence > page.after_sequence][page.offset :]
        total = len(found) if page.count else None
        return QueryResult(behind[: page.limit], total, len(behind) > page.limit)

    async def types(self, tenant: str) -> list[TypeCount]:
        counts: dict[str, int] = {}
        for (owner, _), entity in self._entities.items():
            if owner == tenant:
                for one in entity.types:
                    counts[one] = counts.get(one, 0) + 1
        return [TypeCount(one, counts[one]) for one in sorted(counts)]

    async def name_uses(self, tenant: str, *, of_type: str | None = None, attribute: str | None = None) -> list[NameUse]:
        counts: dict[tuple[str, str, str], int] = {}
        for (owner, _), entity in self._entities.items():
            names = [("", "")] + [(name, one["type"]) for name, many in entity.attributes.items() for one in many]
            for use in [(kind, *name) for kind in ("", *entity.types) for name in names if owner == tenant]:
                counts[use] = counts.get(use, 0) + 1
        found = [NameUse(*use, count) for use, count in counts.items()]
        if of_type is None and attribute is None:
            return [one for one in found if one.type]
        return [one for one in found if of_type in (None, one.type) and attribute in (None, one.attribute)]

    async def changes(self, after: Cursor, limit: int) -> list[Change]:
        return [one for one in self._log if one.cursor > after][:limit]

    async def newest(self) -> Cursor:
        return self._log[-1].cursor if self._log else Cursor()

    async def expire(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        found = self._entities.items()
        gone = [key for key, one in found if is_past(one.expires_at, iso(now)) or faded(one, iso(now))]
        return gone[:limit]

    def _commit(self, mutation: Mutation, decision: Decision, now: datetime) -> Decision:
        if isinstance(decision, Keep):
            return decision
        key = (mutation.tenant, mutation.entity_id)
        if isinstance(decision, Remove):
            del self._entities[key]
            self.history.remember(*key, history_of(decision, iso(now)), now)
            if decision.forget or not self._history_kept:
                self.history.forget(*key)
            self._append(mutation, decision.entity, decision.changed, now)
            return decision
        entity = decision.entity
        if decision.supplants is not None and not self._history_kept:
            self.history.forget(*key)
        if entity.sequence == 0:
            self._sequence += 1
            entity = replace(entity, sequence=self._sequence)
        self._entities[key] = entity
        for edit in decision.edits:
            self.history.correct(*key, edit, now)
        self.history.remember(*key, history_of(decision, iso(now)), now)
        self._append(mutation, entity, decision.changed, now)
        return replace(decision, entity=entity)

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
