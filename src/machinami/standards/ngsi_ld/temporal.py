"""Temporal queries (CIM 009 4.11): timerel, timeAt, endTimeAt, timeproperty, lastN."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from machinami.kernel.clock import parse_instant
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.attributes import is_date_time


class TimeRelation(StrEnum):
    """before: < timeAt; after: >= timeAt; between: >= timeAt and < endTimeAt."""

    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"


TIME_PROPERTIES: Final = ("observedAt", "createdAt", "modifiedAt", "deletedAt")


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """Which instances of a time series: `relation` None = all of them. `at` and `end_at` are ISO 8601 text with offset;
    `last_n` keeps the newest n instances of each attribute."""

    relation: TimeRelation | None = None
    at: str | None = None
    end_at: str | None = None
    time_property: str = "observedAt"
    last_n: int | None = None


def parse_temporal_query(
    timerel: str | None,
    time_at: str | None,
    end_time_at: str | None,
    time_property: str | None = None,
    last_n: str | int | None = None,
) -> TemporalQuery:
    """The temporal query of the parameters, as text. Raises Refusal `ngsi_ld.temporal_query.not_valid` (reason)."""
    chosen = time_property or "observedAt"
    if chosen not in TIME_PROPERTIES:
        raise _refuse(f"timeproperty {chosen!r} is none of {', '.join(TIME_PROPERTIES)}")
    count = None
    if last_n is not None:
        if not str(last_n).isascii() or not str(last_n).isdigit() or not 0 < int(last_n) < 2**31:
            raise _refuse("lastN must be a whole number above 0")
        count = int(last_n)
    if timerel is None:
        if time_at is not None or end_time_at is not None:
            raise _refuse("timeAt and endTimeAt need timerel")
        return TemporalQuery(None, None, None, chosen, count)
    if timerel not in tuple(TimeRelation):
        raise _refuse(f"timerel {timerel!r} is none of {', '.join(TimeRelation)}")
    relation = TimeRelation(timerel)
    if not is_date_time(time_at):
        raise _refuse("timeAt must be an ISO 8601 date-time with offset or Z")
    if (relation is TimeRelation.BETWEEN) != (end_time_at is not None):
        raise _refuse("between needs endTimeAt, and no other timerel takes it")
    if end_time_at is not None:
        if not is_date_time(end_time_at):
            raise _refuse("endTimeAt must be an ISO 8601 date-time with offset or Z")
        if parse_instant(end_time_at) <= parse_instant(str(time_at)):
            raise _refuse("endTimeAt must be later than timeAt")
    return TemporalQuery(relation, time_at, end_time_at, chosen, count)


def _refuse(reason: str) -> Refusal:
    return Refusal("ngsi_ld.temporal_query.not_valid", reason=reason)
