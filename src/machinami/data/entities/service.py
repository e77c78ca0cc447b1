"""Use cases on entities: check the caller, hand a pure rule to the store, give back its outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from machinami.data.entities.decisions import Decide, Decision
from machinami.data.entities.expiry import can_expire, living
from machinami.data.entities.rules import remove_expired
from machinami.data.matching.linking import linked_entities
from machinami.data.matching.selectors import type_matches
from machinami.data.ports import EntityStore, Mutation, QueryResult, TypeCount
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.name_use import NameUse
from machinami.kernel.query import Condition, EntityQuery, Page, TypeSelection, chains

S = TypeVar("S")
Targets = Callable[[Entity, S], Iterable[tuple[str, S]]]
LOCAL = "@none"
SWEEP_BATCH = 500
SWEEP_BATCHES_MAX = 40
LASTING_MAX = 10_000


class Entities:
    """Reads and writes of entities and their types, for one caller at a time."""

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

    def places(self, entity_id: str) -> tuple[str, ...]:
        """Where an entity that was found is known: here (`@none`), with sources also under their registrations (5.2.39)."""
        return (LOCAL,)

    async def linked(
        self, caller: Caller, roots: Sequence[tuple[Entity, S]], targets: Targets[S], *,
        levels: int, known: Collection[str], most: int,
    ) -> list[tuple[Entity, S]]:  # fmt: skip
        """Entities at most `levels` links away from the roots, nearer ones first, one batch per level (4.5.23).

        `targets` names the ids behind an entity, each with how it is looked at; an entity comes once for each such way.
        Those in `known` are left out. More than `most` are refused (`data.query.too_many_linked`).
        """
        require(caller, Role.READER)
        now = iso(self._clock.now())
        found: list[tuple[Entity, S]] = []
        met: set[tuple[str, S]] = set()
        frontier = list(roots)
        for _ in range(levels):
            steps = dict.fromkeys(step for entity, way in frontier for step in targets(entity, way) if step[0] not in known)
            new = [step for step in steps if step not in met]
            met.update(new)
            if not new:
                break
            if len(met) > most:
                raise Refusal("data.query.too_many_linked", most=str(most))
            there = await self._store.get_many(caller.tenant, {one for one, _ in new})
            frontier = [(alive, way) for one, way in new if (alive := living(there.get(one), now)) is not None]
            found += frontier
        return found

    async def behind(self, caller: Caller, entity: Entity, condition: Condition | None, most: int) -> dict[str, Entity]:
        """The entities behind the links that a condition follows from one (4.9); more than `most` are refused."""
        require(caller, Role.READER)
        get_many = partial(self._store.get_many, caller.tenant)
        return await linked_entities(get_many, [entity], chains(condition), iso(self._clock.now()), most)

    async def types(self, caller: Caller) -> list[TypeCount]:
        """The types in use (5.7.5) with their number of entities."""
        require(caller, Role.READER)
        return await self._store.types(caller.tenant)

    async def name_uses(self, caller: Caller, *, of_type: str | None = None, attribute: str | None = None) -> list[NameUse]:
        """The uses of types and attributes (5.7.5-5.7.10), all or those of one; what has expired is swept first."""
        require(caller, Role.READER)
        await self.sweep()
        return await self._store.name_uses(caller.tenant, of_type=of_type, attribute=attribute)

    async def sweep(self) -> int:
        """Delete what has expired (B8), in all tenants; returns how many entities were looked at."""
        rule = remove_expired()
        swept = 0
        for _ in range(SWEEP_BATCHES_MAX):
            expired = await self._store.expire(self._clock.now(), SWEEP_BATCH)
            if expired:
                await self._store.write([Mutation(tenant, one, rule, "system:sweep") for tenant, one in expired])
            swept += len(expired)
            if len(expired) < SWEEP_BATCH:
                break
        return swept
