"""The past of some entities in memory, put together of what several places know, to be asked like a store's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter, ge, gt, le, lt
from typing import Final

from machinami.data.temporal.model import DEFAULT_INSTANCE, Bound, Cell, Evolution, Grid, Kept, Point, Series, Window
from machinami.data.temporal.ports import Place
from machinami.kernel.entity import Instance
from machinami.kernel.query import Comparison
from machinami.standards.ngsi_ld.aggregation import summed

_ORDER: Final = {Comparison.GREATER: gt, Comparison.GREATER_EQUAL: ge, Comparison.LESS: lt, Comparison.LESS_EQUAL: le}


class GatheredHistory:
    """Implements `data.temporal.ports.History` over evolutions that one window was read for; nothing of it can be corrected."""

    def __init__(self, found: Iterable[Evolution]) -> None:
        self._series = {(one.entity_id, one.attribute): one for each in found for one in each.series}

    async def attributes(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {}
        for entity_id, name in self._series:
            if entity_id in entity_ids:
                names[entity_id] = (*names.get(entity_id, ()), name)
        return names

    async def series(self, tenant: str, places: Sequence[Place], window: Window) -> list[Series]:
        chosen = [(place, self._chosen(place, window)) for place in places]
        return [Series(*place, points[-1].instance["type"], points) for place, points in chosen if points]

    async def aggregate(self, tenant: str, places: Sequence[Place], window: Window, grid: Grid, most: int) -> list[Cell]:
        found: list[Cell] = []
        for place in places:
            groups: dict[tuple[datetime, str], list[Instance]] = {}
            for point in self._chosen(place, window):
                start = grid.periods.begin_of(point.time, grid.begins)
                groups.setdefault((start, point.instance.get("datasetId", "")), []).append(point.instance)
            cells = [Cell(*place, dataset or None, start, summed(groups[start, dataset])) for start, dataset in sorted(groups)]
            found += cells[: most + 1]
        return found

    async def instance(self, tenant: str, place: Place, urn: str) -> Kept | None:
        return None

    async def newest(self, tenant: str, place: Place, dataset_id: str | None, but: int) -> Kept | None:
        return None

    def _chosen(self, place: Place, window: Window) -> tuple[Point, ...]:
        """What the window holds of a place, in order of time."""
        known = self._series.get(place)
        points = sorted((one for one in known.points if _holds(window, one)) if known else (), key=attrgetter("time"))
        return tuple(points[-window.limit :] if window.newest_first else points[: window.limit])


def _holds(window: Window, point: Point) -> bool:
    if window.datasets is not None and point.instance.get("datasetId", DEFAULT_INSTANCE) not in window.datasets:
        return False
    return window.bound is None or _within(point.instance, window.bound)


def _within(instance: Instance, bound: Bound) -> bool:
    value = instance.get("value")
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(_ORDER[bound.operator](value, bound.number))
