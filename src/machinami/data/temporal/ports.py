"""What temporal use cases need from a store's history (implemented by `adapters.postgres.history` and the fake in `sdk`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from machinami.data.temporal.model import Cell, Grid, Kept, Series, Window

Place = tuple[str, str]
"""(entity id, expanded attribute name)"""


class History(Protocol):
    """Reads what the store's writes left behind; it is written by `EntityStore.write` alone."""

    async def attributes(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The names of all attributes that the history of each entity has, the scope and deleted ones included."""

    async def series(self, tenant: str, places: Sequence[Place], window: Window) -> list[Series]:
        """What the window holds, at most `window.limit` instances a place; places without any are left out."""

    async def instance(self, tenant: str, place: Place, urn: str) -> Kept | None:
        """The instance of an id, None if there is none."""

    async def newest(self, tenant: str, place: Place, dataset_id: str | None, but: int) -> Kept | None:
        """The newest instance of an attribute and dataset that is no mark of a deletion, leaving out number `but`."""

    async def aggregate(self, tenant: str, places: Sequence[Place], window: Window, grid: Grid, most: int) -> list[Cell]:
        """The sums of what the window holds, by place, period and dataset; `most` + 1 of a place that has more.

        Only what the grid's methods need is summed up (`standards.ngsi_ld.aggregation.needs`).
        """
