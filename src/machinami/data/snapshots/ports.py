"""What snapshots need."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from machinami.data.delivery.model import Delivery
from machinami.data.ports import QueryResult
from machinami.data.snapshots.model import Past, Progress, Snapshot
from machinami.data.temporal.model import Window
from machinami.kernel.caller import Caller
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery, Page


class SnapshotStore(Protocol):
    """Snapshots and their copies; each call is one transaction. What has expired at `now` is not there."""

    async def add(self, one: Snapshot, most: int) -> Snapshot | None:
        """Keep a new snapshot and give it its number; None if its id is taken.

        Of more than `most` of the tenant those go that have the lowest priority and expire first (5.5.15); if all have a
        higher priority than the new one, Refusal `data.snapshot.too_many`.
        """

    async def fetch(self, tenant: str, snapshot_id: str, now: datetime) -> Snapshot | None: ...

    async def listing(self, tenant: str, now: datetime) -> list[Snapshot]:
        """All of a tenant, in order of creation."""

    async def filling(self, limit: int, now: datetime) -> list[Snapshot]:
        """Those that are not filled yet, of all tenants, in order of creation."""

    async def update(self, one: Snapshot, rows: Sequence[Delivery]) -> bool:
        """Put new members, times, status and progress, and queue notifications; False if it is gone."""

    async def touch(self, one: Snapshot, at: datetime) -> None:
        """Note when it was used last."""

    async def copy(
        self, one: Snapshot, entities: Sequence[Entity], past: Past | None, progress: Progress, most: int
    ) -> Progress | None:
        """Add those entities that the snapshot doesn't hold yet, and the past of all, and note the progress, which is returned
        with their number added; None if the snapshot is gone.

        Refusal `data.snapshot.too_large`, and nothing is added, if it would hold more than `most`.
        """

    async def remove(self, tenant: str, snapshot_id: str, now: datetime) -> bool:
        """It is not there any more; its copy is cleared away by and by."""

    async def gone(self, places: Collection[str], now: datetime) -> set[str]:
        """Those of the places whose snapshots are not there any more."""

    async def clear(self, now: datetime, rows: int) -> bool:
        """Clear at most so many rows of what is gone or has expired; whether more is left."""


class Finder(Protocol):
    """Finds entities for a caller (`data.entities.service.Entities`)."""

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> QueryResult: ...


class SourceFinder(Finder, Protocol):
    """Finds what this broker and its sources know together, for one request; warns of sources that don't answer."""

    warnings: list[str]


class PastFinder(Protocol):
    """Finds entities by their past (`data.temporal.service.Temporal`)."""

    async def matched(self, caller: Caller, query: EntityQuery, window: Window) -> list[Entity]:
        """All that have instances in the window and match there (5.7.4), in order of creation."""
