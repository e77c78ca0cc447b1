"""Cutting temporal answers to pages by time (CIM 009 6.3.10; the rules of the product for what the clause leaves open).

An entity shows at most a page of instances, all its attributes counted together. What is shown is complete from the begin
of the range to its end: the cut falls between two instants, and it is the same for all entities of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from machinami.data.temporal.model import Evolution, Series


def cut(found: Sequence[Evolution], size: int, newest_first: bool) -> tuple[list[Evolution], datetime | None]:
    """The instances of one page and the instant at which it ends; None if nothing had to be cut.

    Each series holds the first `size` + 1 instances of what was asked for (the last ones with `newest_first`). A series of
    which nothing is left stays, empty.
    """
    ends = [end for one in found if (end := _end(one.series, size, newest_first)) is not None]
    if not ends:
        return list(found), None
    end = max(ends) if newest_first else min(ends)
    return [replace(one, series=tuple(_kept(each, end, newest_first) for each in one.series)) for one in found], end


def _end(series: Sequence[Series], size: int, newest_first: bool) -> datetime | None:
    times = sorted((point.time for one in series for point in one.points), reverse=newest_first)
    if len(times) <= size:
        return None
    earlier = [time for time in times[:size] if time != times[size]]
    return earlier[-1] if earlier else times[size]


def _kept(series: Series, end: datetime, newest_first: bool) -> Series:
    points = [point for point in series.points if (point.time >= end if newest_first else point.time <= end)]
    return replace(series, points=tuple(points))


def span(found: Sequence[Evolution]) -> tuple[datetime, datetime]:
    """The first and the last instant of what is shown; there is at least one."""
    times = [point.time for one in found for series in one.series for point in series.points]
    return min(times), max(times)
