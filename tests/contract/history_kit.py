"""What tests ask of a history: the instances of one attribute, marks of deletions behind the others."""

from __future__ import annotations

from typing import Any

from machinami.data.temporal.model import Window
from machinami.data.temporal.ports import History
from machinami.kernel.entity import Instance


async def past(history: History, tenant: str, entity_id: str, attribute: str, **window: Any) -> list[Instance]:
    """Instances in order of time."""
    asked = [Window(**{"limit": 1_000, **window})]
    if "time_property" not in window:
        asked.append(Window(**{"limit": 1_000, **window, "time_property": "deletedAt"}))
    found = [series for one in asked for series in await history.series(tenant, [(entity_id, attribute)], one)]
    return [point.instance for series in found for point in series.points]
