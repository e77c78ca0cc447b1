"""Coordinates of a row: read, doubted, and only placed on the map when nothing speaks against them.

Degrees of JGD2011 (equal to WGS 84 here). Swapped or impossible coordinates are never corrected silently: the row is
taken over without a location and the finding proposes what was probably meant.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from machinami.linkage.importing.model import Cell, Town
from machinami.linkage.importing.values import folded, published_text

TOWN_MARGIN_DEGREES: Final = 1.0
JAPAN: Final = (20.0, 122.0, 46.5, 154.5)
_DECIMAL = re.compile(r"[NSEW北南東西]?[緯経]?([+-]?\d+(?:\.\d+)?)[°度]?[NSEW]?", re.I)
_SEXAGESIMAL = re.compile(r"[NSEW北南東西]?[緯経]?(\d{1,3})[°度.](\d{1,2})['′分.](\d{1,2}(?:\.\d+)?)?[\"″秒]?[NSEW]?", re.I)
_PAIR = re.compile(r"\(?([^,、;/]+)[,、;/]([^,、;/]+?)\)?")


@dataclass(frozen=True, slots=True)
class Position:
    """Longitude and latitude to place (both or none), the published text, and notes (finding code, proposal)."""

    longitude: float | None = None
    latitude: float | None = None
    published: str = ""
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def placed(self) -> bool:
        """Whether the row can be shown on a map."""
        return self.longitude is not None

    def geometry(self) -> dict[str, Any]:
        """The GeoJSON point."""
        return {"type": "Point", "coordinates": [self.longitude, self.latitude]}


def parse_degrees(cell: Cell) -> tuple[float | None, bool]:
    """(degrees, whether the cell was plainly a decimal number). Degrees, minutes and seconds are read; else None."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return (float(cell), True) if math.isfinite(cell) else (None, False)
    text = published_text(cell).strip()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        return float(text), text.isascii()
    plain = folded(text)
    if found := _DECIMAL.fullmatch(plain):
        return float(found[1]), False
    if found := _SEXAGESIMAL.fullmatch(plain):
        minutes, seconds = int(found[2]), float(found[3] or 0)
        if minutes < 60 and seconds < 60:
            return round(int(found[1]) + minutes / 60 + seconds / 3600, 8), False
    return None, False


def split_pair(cell: Cell) -> tuple[str, str] | None:
    """Both parts of a combined cell such as `34.3428,134.0467`, or None."""
    found = _PAIR.fullmatch(published_text(cell).strip())
    return (found[1].strip(), found[2].strip()) if found else None


def read_position(latitude: Cell, longitude: Cell, town: Town) -> Position:
    """Judge a row's two coordinates against the globe, Japan and the town."""
    texts = [published_text(latitude).strip(), published_text(longitude).strip()]
    published = ", ".join(texts) if any(texts) else ""
    if not all(texts):
        return Position(
            published=published, notes=(("import.position.missing" if not any(texts) else "import.position.half", ""),)
        )
    (lat, lat_plain), (lon, lon_plain) = parse_degrees(latitude), parse_degrees(longitude)
    if lat is None or lon is None:
        return Position(published=published, notes=(("import.position.unreadable", ""),))
    if lat == 0 and lon == 0:
        return Position(published=published, notes=(("import.position.zero", ""),))
    if not _near(lat, lon, town):
        if _near(lon, lat, town):
            return Position(published=published, notes=(("import.position.swapped", f"{lon:g}, {lat:g}"),))
        impossible = abs(lat) > 90 or abs(lon) > 180
        return Position(
            published=published, notes=(("import.position.impossible" if impossible else "import.position.far", ""),)
        )
    notes = () if lat_plain and lon_plain else (("import.position.read_as", f"{lat:.8g}, {lon:.9g}"),)
    return Position(lon, lat, published, notes)


def _near(latitude: float, longitude: float, town: Town) -> bool:
    if town.latitude is None or town.longitude is None:
        south, west, north, east = JAPAN
        return south <= latitude <= north and west <= longitude <= east
    return abs(latitude - town.latitude) <= TOWN_MARGIN_DEGREES and abs(longitude - town.longitude) <= TOWN_MARGIN_DEGREES


def distance_m(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Metres between two (longitude, latitude) points on a sphere; exact enough below a few kilometres."""
    (lon1, lat1), (lon2, lat2) = first, second
    x = math.radians(lon2 - lon1) * math.cos(math.radians((lat1 + lat2) / 2))
    return 6_371_000 * math.hypot(x, math.radians(lat2 - lat1))
