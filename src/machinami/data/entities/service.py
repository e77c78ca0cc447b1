"""Use cases on entities: check the caller, hand a pure rule to the store, give back its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from machinami.data.entities.decisions import Decide, Decision
from machinami.data.entities.expiry import can_expire, living
from machinami.data.entities.rules import remove_expired
from machinami.data.matching.selectors import type_matches
from machinami.data.ports import EntityStore, HistoryQuery, Mutation, QueryResult, TypeCount
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import EntityQuery, Page, TypeSelection

SWEEP_BATCH = 500
LASTING_MAX = 10_000


class Entities:
    """Reads and writes of entities, their types and their history, for one caller at a time."""

    def __init__(self, store: EntityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lasting: dict[tuple[str, str], Entity] = {}

    async def apply(self, caller: Caller, entity_id: str, decide: Decide, label: str = "") -> Decision:
        """Carry out one rule of `rules` on one entity, durably; raises what the rule raises."""
        require(caller, Role.WRITER)
        [result] = await self._store.write([Mutation(caller.tenant, entity_id, decide, caller.principal, label)])
        if isinstance(result, MachinamiError):
            raise result
        return result

    async def apply_each(
        self, caller: Caller, rules: Sequence[tuple[str, Decide]], label: str = ""
    ) -> list[Decision | MachinamiError]:
        """Carry out a rule per entity, each for itself; results in the same order (batch operations, import, feeds)."""
        require(caller, Role.WRITER)
        if not rules:
            return []
        return await self._store.write(
            [Mutation(caller.tenant, entity_id, decide, caller.principal, label) for entity_id, decide in rules]
        )

    async def retrieve(self, caller: Caller, entity_id: str, where: TypeSelection | None = None) -> Entity:
        """The entity as it stands (CIM 009 5.7.1), without what has expired; `where` also asks for a type."""
        require(caller, Role.READER)
        entity = await self._store.get(caller.tenant, entity_id)
        key = (caller.tenant, entity_id)
        if entity is not None and self._lasting.get(key) is not entity:
            if can_expire(entity):
                entity = living(entity, iso(self._clock.now()))
            else:
                self._lasting[key] = entity
                if len(self._lasting) > LASTING_MAX:
                    del self._lasting[next(iter(self._lasting))]
        if entity is None or (where is not None and not type_matches(where, entity.types)):
            raise Refusal("data.entity.does_not_exist", id=entity_id)
        return entity

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> QueryResult:
        """A page of entities that match (5.7.2)."""
        require(caller, Role.READER)
        now = self._clock.now()
        result = await self._store.query(caller.tenant, query, page, now)
        alive = [living(entity, iso(now)) for entity in result.entities]
        return replace(result, entities=[entity for entity in alive if entity is not None])

    async def history(self, caller: Caller, query: HistoryQuery) -> list[Instance]:
        """Instances of one attribute over time (5.7.3), of the caller's tenant."""
        require(caller, Role.READER)
        return await self._store.history(replace(query, tenant=caller.tenant))

    async def types(self, caller: Caller) -> list[TypeCount]:
        """The types in use (5.7.5) with their number of entities."""
        require(caller, Role.READER)
        return await self._store.types(caller.tenant)

    async def sweep(self) -> int:
        """Delete what has expired (B8), in all tenants; returns how many entities were looked at."""
        expired = await self._store.expire(self._clock.now(), SWEEP_BATCH)
        if expired:
            rule = remove_expired()
            await self._store.write([Mutation(tenant, one, rule, "system:sweep") for tenant, one in expired])
        return len(expired)
