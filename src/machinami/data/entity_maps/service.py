"""Use cases of entity maps (CIM 009 5.14) and paging over them (5.5.9.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from machinami.data.entity_maps.model import EntityMap, EntityMapLimits
from machinami.data.entity_maps.ports import EntityMapStore, Finder
from machinami.data.ports import QueryResult
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import new_urn
from machinami.kernel.query import EntityQuery, Page, Selector

CHUNK: Final = 500


class EntityMaps:
    """Makes maps of what queries find, and reads the entities of a map page by page."""

    def __init__(self, store: EntityMapStore, clock: Clock, limits: EntityMapLimits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits

    async def create(
        self, caller: Caller, query: EntityQuery, page: Page, finder: Finder, until: datetime | None = None
    ) -> EntityMap:
        """A map of all that the query finds (5.14.4), in the page's order; `until` is the end that the client suggests."""
        require(caller, Role.READER)
        most = self._limits.entities_max
        result = await finder.find(caller, query, replace(page, limit=most, offset=0, count=False))
        if result.more:
            raise Refusal("data.entity_map.too_many_entities", most=str(most))
        entities = tuple((one.id, finder.places(one.id)) for one in result.entities)
        made = EntityMap(new_urn("EntityMap"), self._end(until), entities)
        await self._store.add(caller.tenant, made, self._limits.maps_max)
        return made

    async def retrieve(self, caller: Caller, map_id: str) -> EntityMap:
        """5.14.1."""
        found = await self.find(caller, map_id)
        if found is None:
            raise Refusal("data.entity_map.does_not_exist", id=map_id)
        return found

    async def find(self, caller: Caller, map_id: str) -> EntityMap | None:
        """The map, None if it is not there or has expired."""
        require(caller, Role.READER)
        return await self._store.fetch(caller.tenant, map_id, self._clock.now())

    async def renew(self, caller: Caller, map_id: str, until: datetime) -> None:
        """Another end for a map (5.14.2), within the longest lifetime."""
        require(caller, Role.READER)
        if not await self._store.renew(caller.tenant, map_id, self._end(until), self._clock.now()):
            raise Refusal("data.entity_map.does_not_exist", id=map_id)

    async def delete(self, caller: Caller, map_id: str) -> None:
        """5.14.3."""
        require(caller, Role.READER)
        if not await self._store.remove(caller.tenant, map_id, self._clock.now()):
            raise Refusal("data.entity_map.does_not_exist", id=map_id)

    async def page(self, caller: Caller, one: EntityMap, query: EntityQuery, page: Page, finder: Finder) -> QueryResult:
        """A page of the map's entities that (still) match the query (5.5.9.3).

        The filters are checked anew. Entities that no longer match leave the map, but only those from the page on: so the
        offsets of the pages behind stay right and none is left out, and the page is filled from what follows. With `count`
        the whole rest of the map is looked at.
        """
        found: list[Entity] = []
        gone: list[str] = []
        at, more = page.offset, False
        ids = [name for name, _ in one.entities]
        while at < len(ids) and (page.count or not more):
            chunk = ids[at : at + min(CHUNK, max(page.limit, 1) + 1)]
            there = await _there(caller, query, chunk, finder)
            gone += [name for name in chunk if name not in there]
            found += [there[name] for name in chunk if name in there]
            more = len(found) > page.limit
            found = found[: page.limit + 1]
            at += len(chunk)
        if gone:
            await self._store.drop_entities(caller.tenant, one.id, gone)
        total = len(ids) - len(gone) if page.count else None
        return QueryResult(found[: page.limit], total, more)

    async def sweep(self) -> int:
        """Delete maps that have expired, in all tenants."""
        return await self._store.sweep(self._clock.now())

    def _end(self, until: datetime | None) -> datetime:
        now = self._clock.now()
        longest = now + timedelta(seconds=self._limits.lifetime_s_max)
        return min(until or now + timedelta(seconds=self._limits.lifetime_s), longest)


async def _there(caller: Caller, query: EntityQuery, ids: list[str], finder: Finder) -> dict[str, Entity]:
    """Those of the entities that match the query now."""
    wanted = frozenset(ids)
    each = (replace(one, ids=wanted if one.ids is None else wanted & one.ids) for one in query.selectors or (Selector(),))
    selectors = tuple(one for one in each if one.ids)
    if not selectors:
        return {}
    result = await finder.find(caller, replace(query, selectors=selectors), Page(len(ids)))
    return {entity.id: entity for entity in result.entities}
