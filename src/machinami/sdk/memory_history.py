"""The history in memory: plain lists, walked from end to end; a reference for the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any, Final

from machinami.data.entities.decisions import Edit, Erase
from machinami.data.entities.past import kept_instance
from machinami.data.temporal.model import DEFAULT_INSTANCE, Bound, Cell, Grid, Kept, Point, Series, Window, instance_urn
from machinami.data.temporal.ports import Place
from machinami.kernel.change import InstanceChange
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.entity import Instance
from machinami.kernel.query import Comparison
from machinami.standards.ngsi_ld.aggregation import summed


@dataclass(frozen=True, slots=True)
class Row:
    """One instance of an attribute: `at` is its observedAt, else when it was received; `named_at` is the time in its id."""

    number: int
    at: datetime
    named_at: datetime
    received_at: datetime
    modified_at: datetime
    instance: Instance

    def time(self, name: str) -> datetime:
        """The Temporal Property of a name (4.8)."""
        if name == "observedAt":
            return self.at
        return self.modified_at if name == "modifiedAt" else self.received_at

    def shown(self) -> Instance:
        """The instance with its id and its own times."""
        times = {"createdAt": iso(self.received_at), "modifiedAt": iso(self.modified_at)}
        return {**self.instance, "instanceId": instance_urn(self.named_at, self.number), **times}


class MemoryHistory:
    """Implements `data.temporal.ports.History`; `MemoryEntityStore` writes it."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], list[Row]] = {}
        self._number = 0

    async def attributes(self, tenant: str, entity_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for owner, entity_id, name in sorted(self._rows):
            if owner == tenant and entity_id in entity_ids:
                found[entity_id] = (*found.get(entity_id, ()), name)
        return found

    async def series(self, tenant: str, places: Sequence[Place], window: Window) -> list[Series]:
        found = []
        for entity_id, name in places:
            rows = self.chosen(tenant, (entity_id, name), window)
            rows.sort(key=lambda row: (row.time(window.time_property), row.number), reverse=window.newest_first)
            rows = sorted(rows[: window.limit], key=lambda row: (row.time(window.time_property), row.number))
            if rows:
                points = tuple(Point(row.time(window.time_property), row.shown()) for row in rows)
                found.append(Series(entity_id, name, rows[-1].instance["type"], points))
        return found

    async def aggregate(self, tenant: str, places: Sequence[Place], window: Window, grid: Grid, most: int) -> list[Cell]:
        found = []
        for entity_id, name in places:
            rows = self.chosen(tenant, (entity_id, name), window)
            rows.sort(key=lambda row: (row.time(window.time_property), row.number), reverse=window.newest_first)
            groups: dict[tuple[datetime, str | None], list[Instance]] = {}
            for row in rows[: window.limit]:
                start = grid.periods.begin_of(row.time(window.time_property), grid.begins)
                groups.setdefault((start, row.instance.get("datasetId")), []).append(row.instance)
            cells = [Cell(entity_id, name, dataset, start, summed(one)) for (start, dataset), one in groups.items()]
            cells.sort(key=lambda cell: (cell.start, cell.dataset_id is not None, cell.dataset_id or ""))
            found += cells[: most + 1]
        return found

    async def instance(self, tenant: str, place: Place, urn: str) -> Kept | None:
        for row in self._rows.get((tenant, *place), ()):
            if instance_urn(row.named_at, row.number) == urn:
                return Kept(row.number, row.at, row.instance)
        return None

    async def newest(self, tenant: str, place: Place, dataset_id: str | None, but: int) -> Kept | None:
        rows = [
            row
            for row in self._rows.get((tenant, *place), ())
            if row.instance.get("datasetId") == dataset_id and row.number != but and "deletedAt" not in row.instance
        ]
        row = max(rows, key=lambda row: (row.at, row.number), default=None)
        return None if row is None else Kept(row.number, row.at, row.instance)

    def chosen(self, tenant: str, place: Place, window: Window) -> list[Row]:
        """The rows of a window, in no order, however many."""
        return [row for row in self._rows.get((tenant, *place), ()) if _in_window(row, window)]

    def remember(self, tenant: str, entity_id: str, changes: Sequence[InstanceChange], now: datetime) -> None:
        for change in changes:
            self._number += 1
            at, instance = kept_instance(change, now)
            row = Row(self._number, at, at, now, now, instance)
            self._rows.setdefault((tenant, entity_id, change.attribute), []).append(row)

    def correct(self, tenant: str, entity_id: str, edit: Edit, now: datetime) -> None:
        key = (tenant, entity_id, edit.attribute)
        rows = self._rows.get(key, [])
        if isinstance(edit, Erase):
            rows = [row for row in rows if not edit.every and row.instance.get("datasetId") != edit.dataset_id]
        else:
            rows = [new for row in rows if (new := _rewritten(row, edit.number, edit.instance, now)) is not None]
        self._rows[key] = rows
        if not rows:
            del self._rows[key]

    def forget(self, tenant: str, entity_id: str) -> None:
        for place in [one for one in self._rows if one[:2] == (tenant, entity_id)]:
            del self._rows[place]


_ORDER: Final = {Comparison.GREATER: gt, Comparison.GREATER_EQUAL: ge, Comparison.LESS: lt, Comparison.LESS_EQUAL: le}


def _within(instance: Instance, bound: Bound) -> bool:
    value = instance.get("value")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return bool(_ORDER[bound.operator](value, bound.number))


def _rewritten(row: Row, number: int, instance: Instance | None, now: datetime) -> Row | None:
    if row.number != number:
        return row
    if instance is None:
        return None
    at = parse_instant(instance["observedAt"]) if "observedAt" in instance else row.at
    return replace(row, at=at, instance=instance, modified_at=now)


def _in_window(row: Row, window: Window) -> bool:
    instance: dict[str, Any] = row.instance
    if ("deletedAt" in instance) != (window.time_property == "deletedAt"):
        return False
    if window.strict and window.time_property == "observedAt" and "observedAt" not in instance:
        return False
    if window.datasets is not None and instance.get("datasetId", DEFAULT_INSTANCE) not in window.datasets:
        return False
    if window.bound is not None and not _within(instance, window.bound):
        return False
    time = row.time(window.time_property)
    return (window.after is None or time >= window.after) and (window.before is None or time < window.before)
