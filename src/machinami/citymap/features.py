"""An entity as a map feature: pure."""

from __future__ import annotations

from typing import Any, Final

from machinami.citymap.model import Layer
from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import LOCATION, Entity, Instance, default_instance, value_of
from machinami.kernel.geometry import box_of
from machinami.standards.alerts import term

NAME: Final = term("name")
ALTERNATE_NAME: Final = term("alternateName")
TITLE: Final = term("title")
LABEL: Final = term("label")
ADDRESS: Final = term("address")
DESCRIPTION: Final = term("description")
WITHDRAWN: Final = term("withdrawn")
_DETAILS: Final = (ADDRESS, DESCRIPTION)


def name_of(entity: Entity, language: str = "ja") -> str:
    """What people call it: its name (in the language, if it has several), else its title, else its id."""
    if language == "en":
        english = _text(entity, ALTERNATE_NAME, "en")
        if english and english.isascii():
            return english
    for name in (NAME, TITLE):
        text = _text(entity, name, language)
        if text:
            return text
    return entity.id


def label_of(entity: Entity) -> str | None:
    """`replay`, `simulation` or `snapshot`, if the entity says so of itself."""
    return _text(entity, LABEL, "en") or None


def is_withdrawn(entity: Entity) -> bool:
    """Whether its list no longer has it."""
    instance = default_instance(entity, WITHDRAWN)
    return instance is not None and value_of(instance) is True


def feature(entity: Entity, layer: Layer, alarms: int = 0, severity: str | None = None) -> dict[str, Any] | None:
    """The GeoJSON feature of an entity in a layer; None if it has no place or was withdrawn."""
    place = default_instance(entity, LOCATION)
    if place is None or place["type"] != "GeoProperty" or is_withdrawn(entity):
        return None
    figure = default_instance(entity, layer.value) if layer.value else None
    shown = value_of(figure) if figure else None
    return {
        "type": "Feature",
        "geometry": place["value"],
        "properties": {
            "id": entity.id,
            "layer": layer.id,
            "type": layer.id,
            "name": name_of(entity),
            "name_en": name_of(entity, "en"),
            "detail_ja": _detail(entity, "ja"),
            "detail_en": _detail(entity, "en"),
            "value": shown if isinstance(shown, int | float) and not isinstance(shown, bool) else None,
            "unit": UNITS.get(str(figure.get("unitCode", "")), str(figure.get("unitCode", ""))) if figure else "",
            "severity": severity,
            "alarms": alarms,
            "observed_at": observed_at(figure, place),
            "label": label_of(entity) or layer.label,
        },
    }


UNITS: Final = {
    "CEL": "°C", "MTR": "m", "MMT": "mm", "CMT": "cm", "MTS": "m/s", "KMH": "km/h", "DD": "°", "P1": "%", "HUR": "h",
    "A97": "hPa", "KMT": "km", "C62": "",
}  # fmt: skip
"""UN/CEFACT common codes as people write them."""


def observed_at(*instances: Instance | None) -> str | None:
    """The newest `observedAt` of the instances."""
    times = [one["observedAt"] for one in instances if one and "observedAt" in one]
    return max(times, key=parse_instant) if times else None


def point_of(entity: Entity) -> tuple[float, float] | None:
    """(longitude, latitude) of an entity: its point, or the middle of its geometry's box."""
    place = default_instance(entity, LOCATION)
    if place is None or place["type"] != "GeoProperty" or "coordinates" not in place["value"]:
        return None
    box = box_of(place["value"]["coordinates"])
    return (box.west + box.east) / 2, (box.south + box.north) / 2


def _detail(entity: Entity, language: str) -> str:
    for name in _DETAILS:
        text = _text(entity, name, language)
        if text:
            return text
    return ""


def _text(entity: Entity, name: str, language: str) -> str:
    instance = default_instance(entity, name)
    if instance is None:
        return ""
    value = value_of(instance)
    if instance["type"] == "LanguageProperty" and isinstance(value, dict):
        chosen = value.get(language) or next(iter(value.values()), "")
        return chosen if isinstance(chosen, str) else ""
    return value if isinstance(value, str) else ""
