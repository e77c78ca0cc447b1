"""Which entity map a query or a retrieval goes by: header `NGSILD-EntityMap`, `entityMap=true` (CIM 009 5.5.14, 6.4.3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from machinami.data.entity_maps.model import EntityMap
from machinami.data.entity_maps.ports import Finder
from machinami.data.entity_maps.service import EntityMaps
from machinami.data.ports import QueryResult
from machinami.entrypoints.http.messages import Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX, location
from machinami.kernel.clock import Clock
from machinami.kernel.query import EntityQuery, Page
from machinami.standards.ngsi_ld.durations import parse_duration

HEADER: Final = "ngsild-entitymap"
PARAMETERS: Final = frozenset({"entityMap", "entityMapLifetime"})


@dataclass(frozen=True, slots=True)
class MapInUse:
    """The map that a request goes by; `made`: it was made for it."""

    maps: EntityMaps
    one: EntityMap
    made: bool

    @property
    def status(self) -> int:
        return 201 if self.made else 200

    @property
    def headers(self) -> dict[str, str]:
        return {HEADER: address_of(self.one)}

    async def page(self, call: Call, query: EntityQuery, page: Page, entities: Finder) -> QueryResult:
        """A page of the map (5.5.9.3)."""
        return await self.maps.page(call.caller, self.one, query, page, entities)


class MapUse:
    """Finds or makes the map that a request asks to go by."""

    def __init__(self, maps: EntityMaps, clock: Clock) -> None:
        self.maps = maps
        self._clock = clock

    async def of(self, call: Call, query: EntityQuery, page: Page, entities: Finder) -> MapInUse | None:
        """The map of the header, or a new one if it can't be had any more (5.7.2.4) or one is asked for; None otherwise."""
        named = call.header(HEADER)
        if not boolean(call, "entityMap") and not named:
            return None
        found = await self.maps.find(call.caller, id_of(named)) if named else None
        if found is not None:
            return MapInUse(self.maps, found, made=False)
        return await self.made(call, query, page, entities)

    async def made(self, call: Call, query: EntityQuery, page: Page, entities: Finder) -> MapInUse:
        """A new map of what the query finds."""
        return MapInUse(self.maps, await self.maps.create(call.caller, query, page, entities, self._end(call)), made=True)

    def _end(self, call: Call) -> datetime | None:
        text = call.query.get("entityMapLifetime")
        return parse_duration("entityMapLifetime", text).after(self._clock.now()) if text is not None else None


def id_of(named: str) -> str:
    """The id of the map that the header names by its resource."""
    return unquote(named.rpartition("/")[2])


def address_of(one: EntityMap) -> str:
    """The map's resource, as the header names it."""
    return location(f"{PREFIX}/entityMaps", one.id)


def with_map(answer: Answer, mapped: MapInUse | None) -> Answer:
    """The answer with the location of the map it went by; 201 if that was made for it (6.4.3.2)."""
    if mapped is not None:
        answer.status = mapped.status if answer.status == 200 else answer.status
        answer.headers |= mapped.headers
    return answer
