"""What entity maps need."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from machinami.data.entity_maps.model import EntityMap
from machinami.data.ports import QueryResult
from machinami.kernel.caller import Caller
from machinami.kernel.query import EntityQuery, Page


class EntityMapStore(Protocol):
    """Maps by tenant and id, kept until they expire; each call is one durable statement."""

    async def add(self, tenant: str, one: EntityMap, most: int) -> None:
        """Keep a map. Of more than `most` of the tenant, those that expire first go."""

    async def fetch(self, tenant: str, map_id: str, now: datetime) -> EntityMap | None:
        """The map, unless it has expired at `now`."""

    async def renew(self, tenant: str, map_id: str, expires_at: datetime, now: datetime) -> bool:
        """Give the map another end; False if it is not there or has expired."""

    async def drop_entities(self, tenant: str, map_id: str, ids: Collection[str]) -> None:
        """Take entities out of the map."""

    async def remove(self, tenant: str, map_id: str, now: datetime) -> bool:
        """Delete; False if it was not there or had expired."""

    async def sweep(self, now: datetime) -> int:
        """Delete what has expired, in all tenants; how many."""


class Finder(Protocol):
    """Finds entities for a caller (`data.entities.service.Entities`)."""

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> QueryResult: ...

    def places(self, entity_id: str) -> tuple[str, ...]:
        """Where an entity that was found is known: `@none` for here, and ids of registrations."""
