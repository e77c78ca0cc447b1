"""What the map needs of the other groups; `bootstrap` joins them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from machinami.kernel.caller import Caller
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery, Page


class MapEntities(Protocol):
    """Reading entities."""

    async def page(self, caller: Caller, query: EntityQuery, page: Page) -> tuple[list[Entity], bool]:
        """Entities in order of creation and whether there are more."""

    async def counts(self, caller: Caller) -> Mapping[str, int]:
        """How many entities each type (expanded) has."""


class MapAlarms(Protocol):
    """Alarms as the map shows them."""

    async def by_entity(self, caller: Caller) -> Mapping[str, tuple[int, str]]:
        """Entity id → (number of open alarms, worst severity)."""

    async def areas(self, caller: Caller) -> list[dict[str, Any]]:
        """Open alarms that concern an area: rows with `id`, `area_code`, `severity`, `headline_ja`, `status` …"""
