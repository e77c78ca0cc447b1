"""What the map needs of the other groups; `bootstrap` joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from machinami.kernel.caller import Caller
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery, Page
from machinami.standards.pmtiles import Header


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


@dataclass(frozen=True, slots=True)
class Archive:
    """A tile archive as read: header, metadata and size."""

    header: Header
    metadata: Mapping[str, Any]
    bytes: int


@dataclass(frozen=True, slots=True)
class KeptArchive:
    """A copy in the data folder."""

    id: str
    sha256: str
    archive: Archive


class TileFiles(Protocol):
    """The folder of imported tile archives; calls block."""

    def inspect(self, source: Path) -> Archive:
        """Read what an archive says about itself; Refusal if it is none or can't be read."""

    def keep(self, source: Path, name_for: Callable[[str], str]) -> KeptArchive:
        """Copy an archive durably under the id that `name_for` gives to its SHA-256; all or nothing."""

    def remove(self, basemap_id: str) -> None:
        """Delete a copy; one that is gone already is no error."""

    def path(self, basemap_id: str) -> Path:
        """Where a copy lies."""


class BasemapRecords(Protocol):
    """Durable records by kind."""

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None: ...
    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None: ...
    async def remove(self, tenant: str, kind: str, key: str) -> bool: ...
    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]: ...
