"""AMeDAS (アメダス): JMA's station table and the map files with all stations at one instant.

A map file `YYYYMMDDhhmmss.json` (Japanese time in its name only) maps station → element → [value, quality flag].
`amedastable.json` maps station → name and place, latitude and longitude as [degrees, minutes]. Pure: bytes in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from machinami.kernel.errors import Refusal

STATIONS_MAX: Final = 10_000
JAPAN: Final = timezone(timedelta(hours=9))
_NAME: Final = re.compile(r"(\d{14})\.json$")

MEASURED_FLAGS: Final = frozenset({0, 1, 2, 3, 4})
"""0 normal, 1 slightly doubtful, 2 very doubtful, 3 unfit for use, 4 too few data in the period. 5 and above, or no
flag at all, mean that nothing was measured (停止, 障害, 観測なし), whatever number stands there."""


@dataclass(frozen=True, slots=True)
class Station:
    """One station: degrees WGS84-compatible, metres above sea level; `kind` A-F and `elements` as published."""

    id: str
    name: str
    name_kana: str
    name_en: str
    latitude: float
    longitude: float
    altitude_m: float
    kind: str
    elements: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One element of one station as published: the value may be missing, the flag too."""

    value: float | None
    flag: int | None

    @property
    def measured(self) -> float | None:
        """The value if it was measured, else None; never 0 for a gap."""
        return self.value if self.flag in MEASURED_FLAGS else None


Snapshot = Mapping[str, Mapping[str, Reading]]


def parse_stations(text: bytes) -> dict[str, Station]:
    """`amedastable.json`."""
    return {station: _station(station, row) for station, row in _table(text).items()}


def parse_snapshot(text: bytes) -> dict[str, dict[str, Reading]]:
    """A map file."""
    return {
        station: {element: _reading(station, element, pair) for element, pair in row.items()}
        for station, row in _table(text).items()
    }


def snapshot_instant(file_name: str) -> datetime:
    """The instant of a map file, from its name (Japanese time), as aware UTC."""
    found = _NAME.search(file_name)
    try:
        if found is None:
            raise ValueError
        return datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=JAPAN).astimezone(UTC)
    except ValueError as error:
        raise Refusal("standards.amedas.value_wrong", station="-", element="file name", value=file_name[:100]) from error


def _table(text: bytes) -> dict[str, dict[str, Any]]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("standards.amedas.value_wrong", station="-", element="file", value=str(error)[:100]) from error
    if not isinstance(table, dict) or len(table) > STATIONS_MAX or not all(isinstance(row, dict) for row in table.values()):
        raise Refusal("standards.amedas.value_wrong", station="-", element="file", value=f"{type(table).__name__}")
    return table


def _station(station: str, row: Mapping[str, Any]) -> Station:
    return Station(
        id=station,
        name=_text(station, row, "kjName"),
        name_kana=_text(station, row, "knName"),
        name_en=_text(station, row, "enName"),
        latitude=_degrees(station, row, "lat", 90),
        longitude=_degrees(station, row, "lon", 180),
        altitude_m=_number(station, "alt", row.get("alt")),
        kind=_text(station, row, "type"),
        elements=_text(station, row, "elems"),
    )


def _degrees(station: str, row: Mapping[str, Any], member: str, limit: int) -> float:
    pair = row.get(member)
    if not isinstance(pair, list) or len(pair) != 2:
        raise _wrong(station, member, pair)
    degrees, minutes = (_number(station, member, part) for part in pair)
    if not (abs(degrees) <= limit and 0 <= minutes < 60):
        raise _wrong(station, member, pair)
    return round(degrees + (minutes if degrees >= 0 else -minutes) / 60, 6)


def _reading(station: str, element: str, pair: Any) -> Reading:
    if not isinstance(pair, list) or len(pair) != 2:
        raise _wrong(station, element, pair)
    value, flag = pair
    if flag is not None and (isinstance(flag, bool) or not isinstance(flag, int)):
        raise _wrong(station, element, pair)
    return Reading(None if value is None else _number(station, element, value), flag)


def _number(station: str, member: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(station, member, value)
    return value


def _text(station: str, row: Mapping[str, Any], member: str) -> str:
    value = row.get(member)
    if not isinstance(value, str):
        raise _wrong(station, member, value)
    return value


def _wrong(station: str, element: str, value: Any) -> Refusal:
    return Refusal("standards.amedas.value_wrong", station=station, element=element, value=str(value)[:80])
