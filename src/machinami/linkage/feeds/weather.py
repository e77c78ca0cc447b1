"""AMeDAS → WeatherObserved (Smart Data Models), one entity per station.

Units follow the model: °C, mm, cm, m/s, h, relative humidity 0-1, wind direction in degrees. Where that changes the
number, the sub-property `published` keeps the one JMA gives; `qualityFlag` keeps JMA's flag; `amedas` keeps the whole
row verbatim, gaps included. What was not measured has no attribute: a gap never becomes 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from machinami.kernel.clock import iso
from machinami.kernel.entity import Entity, Instance
from machinami.linkage.feeds.shape import attributes, point, prop
from machinami.standards.alerts import term
from machinami.standards.amedas import Reading, Snapshot, Station


@dataclass(frozen=True, slots=True)
class Quantity:
    """One element: JMA's name, the attribute, its UN/CEFACT unit, and how to convert (None: no such value)."""

    element: str
    attribute: str
    unit: str
    convert: Callable[[float], float | None] = float


def _direction(sixteenths: float) -> float | None:
    """16 points clockwise, 1 = 北北東 … 16 = 北, 0 = 静穏 (calm: no direction)."""
    return None if sixteenths == 0 else sixteenths * 22.5


QUANTITIES: Final = (
    Quantity("temp", "temperature", "CEL"),
    Quantity("humidity", "relativeHumidity", "C62", lambda percent: percent / 100),
    Quantity("wind", "windSpeed", "MTS"),
    Quantity("windDirection", "windDirection", "DD", _direction),
    Quantity("precipitation10m", "precipitation10m", "MMT"),
    Quantity("precipitation1h", "precipitation", "MMT"),
    Quantity("precipitation3h", "precipitation3h", "MMT"),
    Quantity("precipitation24h", "precipitation24h", "MMT"),
    Quantity("snow", "snowHeight", "CMT"),
    Quantity("snow1h", "snowfall1h", "CMT"),
    Quantity("snow6h", "snowfall6h", "CMT"),
    Quantity("snow12h", "snowfall12h", "CMT"),
    Quantity("snow24h", "snowfall24h", "CMT"),
    Quantity("sun1h", "sunshine1h", "HUR"),
    Quantity("pressure", "atmosphericPressure", "A97"),
    Quantity("normalPressure", "seaLevelPressure", "A97"),
    Quantity("visibility", "visibility", "MTR"),
)
"""The elements that become attributes; others stay in `amedas`."""


def weather_of(
    snapshot: Snapshot, stations: Mapping[str, Station], at: datetime, label: str | None = "snapshot"
) -> tuple[list[Entity], list[str]]:
    """Entities of all stations of a snapshot taken at `at`, and the ids of stations that the table doesn't know.

    `label` is `snapshot` for a dated copy, None for a live feed.
    """
    known = [_weather(stations[station], row, at, label) for station, row in snapshot.items() if station in stations]
    return known, [station for station in snapshot if station not in stations]


def weather_id(station: str) -> str:
    """The entity id of a station's weather."""
    return f"urn:ngsi-ld:WeatherObserved:amedas:{station}"


def _weather(station: Station, row: Mapping[str, Reading], at: datetime, label: str | None) -> Entity:
    named: dict[str, Instance | None] = {
        "name": prop(station.name),
        "alternateName": prop(station.name_en),
        "stationCode": prop(station.id),
        "source": prop("気象庁"),
        "dateObserved": prop(iso(at)),
        "location": point(station.longitude, station.latitude),
        "elevation": prop(station.altitude_m, unit="MTR"),
        "amedas": {"type": "JsonProperty", "json": {name: [one.value, one.flag] for name, one in row.items()}},
    }
    for quantity in QUANTITIES:
        if quantity.element in row:
            named[quantity.attribute] = _measured(quantity, row[quantity.element], at)
    return Entity(weather_id(station.id), (term("WeatherObserved"),), attributes(named, label))


def _measured(quantity: Quantity, reading: Reading, at: datetime) -> Instance | None:
    if reading.measured is None:
        return None
    value = quantity.convert(reading.measured)
    if value is None:
        return None
    sub = {"qualityFlag": prop(reading.flag)}
    if value != reading.measured:
        sub["published"] = prop(reading.measured)
    return prop(value, at, quantity.unit, sub)
