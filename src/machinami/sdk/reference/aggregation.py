"""Aggregation of time series (CIM 009 4.5.19): values of one kind, period by period.

What the clause leaves open is read so: periods begin with the time range of the query, or with the first instance where it has
no begin; months are those of the calendar of the zone; a period without values is left out; the deviation is that of a sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from statistics import fmean, stdev
from typing import Any

Points = Sequence[tuple[datetime, Any]]
_DURATION = re.compile(r"P((\d+)W|((\d+)Y)?((\d+)M)?((\d+)D)?(T((\d+)H)?((\d+)M)?((\d+)S)?)?)")


def aggregated_points(
    points: Points, method: str, duration: str, begin: datetime | None, zone: tzinfo
) -> list[tuple[datetime, Any]]:
    """(begin of the period, what the method says of it) for each period that it says something of."""
    if not points:
        return []
    times = sorted(points, key=lambda one: one[0])
    origin = begin or times[0][0]
    found = []
    number = 0
    while True:
        start = _shifted(origin, duration, number, zone)
        end = _shifted(origin, duration, number + 1, zone)
        whole = start == end
        values = [value for time, value in times if whole or start <= time < end]
        said = _said(method, values) if values else None
        if said is not None:
            found.append((start, said))
        if whole or end > times[-1][0]:
            return found
        number += 1


def _shifted(origin: datetime, duration: str, times: int, zone: tzinfo) -> datetime:
    """`times` durations after the origin: months by the calendar first, then what is always as long."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(duration)
    weeks, years, months, days, hours, minutes, seconds = (int(match[place] or 0) for place in (2, 4, 6, 8, 11, 13, 15))
    span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not years and not months:
        return origin + times * span
    local = origin.astimezone(zone)
    month = local.year * 12 + local.month - 1 + times * (12 * years + months)
    day = local.day
    while True:
        try:
            moved = local.replace(year=month // 12, month=month % 12 + 1, day=day)
        except ValueError:
            day -= 1
        else:
            return (moved + times * span).astimezone(origin.tzinfo)


def _said(method: str, values: list[Any]) -> Any:
    """Tables 4.5.19.1-1 and -3; None where a method doesn't apply."""
    if method == "totalCount":
        return len(values)
    if method == "distinctCount":
        return len({_alike(one) for one in values})
    if all(isinstance(one, str) for one in values):
        return {"min": min, "max": max}[method](values) if method in ("min", "max") else None
    if all(isinstance(one, list) for one in values):
        return _of_numbers(method, [len(one) for one in values]) if method in ("avg", "sum", "min", "max") else None
    if all(isinstance(one, int | float) for one in values):
        return _of_numbers(method, [float(one) for one in values])
    return None


def _of_numbers(method: str, numbers: Sequence[float]) -> float | None:
    match method:
        case "stddev":
            return stdev(numbers) if len(numbers) > 1 else None
        case "sumsq":
            return sum(one * one for one in numbers)
        case "sum":
            return sum(numbers)
        case "avg":
            return fmean(numbers)
    return min(numbers) if method == "min" else max(numbers)


def _alike(value: Any) -> str:
    """The same text for the same value: 3 is 3.0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(float(value))
    return json.dumps(value, sort_keys=True)
