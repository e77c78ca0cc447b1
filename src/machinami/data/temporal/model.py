"""Time series of attribute instances, and the part of them that a temporal query asks for (CIM 009 4.5.6, 4.11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.kernel.query import Comparison
from machinami.standards.ngsi_ld.aggregation import Method, Periods, Sums

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DEFAULT_INSTANCE: Final = "@none"
_URN = re.compile(r"urn:ngsi-ld:Instance:(-?\d{1,18})-(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Bound:
    """Values that are numbers and compare so with `number`; an operator of order."""

    operator: Comparison
    number: float


@dataclass(frozen=True, slots=True)
class Window:
    """Which instances of an attribute: those whose `time_property` lies at or after `after` and before `before` (4.11).

    `strict`: instances that don't convey the time property are left out. `newest_first` with `limit` takes the last ones.
    `datasets` keeps instances of these datasets (`@none`: the default one); None keeps all. `bound` keeps Properties within it.
    """

    time_property: str = "observedAt"
    after: datetime | None = None
    before: datetime | None = None
    strict: bool = False
    newest_first: bool = False
    limit: int = 100
    datasets: frozenset[str] | None = None
    bound: Bound | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One instance with `instanceId`, `createdAt` and `modifiedAt` of its own, at the instant the query orders by."""

    time: datetime
    instance: Instance


@dataclass(frozen=True, slots=True)
class Series:
    """The instances of one attribute of one entity that a window holds, in order of time. `kind`: an attribute type it has."""

    entity_id: str
    attribute: str
    kind: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """An instance as it is kept: `at` and `number` say where, `instance` is what was written."""

    number: int
    at: datetime
    instance: Instance


@dataclass(frozen=True, slots=True)
class Grid:
    """How a window is divided: `begins` are the boundaries of periods where calendar months count."""

    methods: tuple[Method, ...]
    periods: Periods
    begins: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """The sums of one dataset of an attribute in the period that begins at `start`."""

    entity_id: str
    attribute: str
    dataset_id: str | None
    start: datetime
    sums: Sums


@dataclass(frozen=True, slots=True)
class Aggregated:
    """One dataset of an attribute: its sums by period, in order of time."""

    attribute: str
    kind: str
    dataset_id: str | None
    periods: tuple[tuple[datetime, datetime, Sums], ...]


@dataclass(frozen=True, slots=True)
class Evolution:
    """An entity as it stands and what a window holds of its past: instances, or what they were aggregated to."""

    entity: Entity
    series: tuple[Series, ...] = ()
    aggregates: tuple[Aggregated, ...] = ()


def instance_urn(at: datetime, number: int) -> str:
    """The id of an instance; it encodes the instance's time (UTC; the driver gives the first and last instants of the
    calendar without a zone), so that the month partition is known."""
    return f"urn:ngsi-ld:Instance:{(at.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)}-{number}"


def parse_instance_urn(urn: str) -> tuple[datetime, int] | None:
    """(time, number) of an instance's id; None if it is none of ours."""
    match = _URN.fullmatch(urn)
    if match is None:
        return None
    try:
        return EPOCH + timedelta(microseconds=int(match[1])), int(match[2])
    except OverflowError:
        return None


def no_instance(entity_id: str, attribute: str, urn: str) -> Refusal:
    """The refusal of an instance id that names none (5.6.14.4)."""
    return Refusal("data.temporal.no_instance", id=entity_id, attribute=attribute, instance=urn)
