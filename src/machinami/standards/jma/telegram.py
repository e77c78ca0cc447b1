"""Read one telegram of JMA's disaster information XML (jmaxml1). No DTD, no entities, bounded size."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from machinami.kernel.clock import parse_instant
from machinami.kernel.errors import Refusal
from machinami.standards.jma.model import (
    Area,
    Control,
    Earthquake,
    Head,
    Intensity,
    IntensityArea,
    Item,
    Kind,
    Telegram,
    TideObservation,
    TsunamiArea,
)

TELEGRAM_BYTES_MAX: Final = 8_000_000
_ROOT: Final = "{http://xml.kishou.go.jp/jmaxml1/}Report"
_COORDINATE: Final = re.compile(r"^([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?/$")
_LAYERS: Final = {"Pref": "pref", "Area": "area", "City": "city", "IntensityStation": "station"}


def parse_telegram(xml: bytes, bytes_max: int = TELEGRAM_BYTES_MAX) -> Telegram:
    """The telegram in `xml`; raises `Refusal` `standards.jma.*` if it is none."""
    if len(xml) > bytes_max:
        raise Refusal("standards.jma.too_large", size=len(xml), limit=bytes_max)
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Refusal("standards.jma.not_xml", problem=str(error)[:200]) from error
    if root.tag != _ROOT:
        raise Refusal("standards.jma.not_a_telegram", root=root.tag[:100])
    body = _need(root, "Body")
    intensity = next(_each(body, "Intensity"), None)
    return Telegram(
        control=_control(_need(root, "Control")),
        head=_head(_need(root, "Head")),
        earthquakes=tuple(_earthquake(element) for element in _each(body, "Earthquake")),
        intensity=_intensity(intensity) if intensity is not None else None,
        tsunami=tuple(_tsunami_area(item) for item in body.iterfind("{*}Tsunami/{*}Forecast/{*}Item")),
        tide=tuple(_tide_observations(body)),
        warnings=tuple(_warnings(body)),
        serial_kind=_serial_kind(body),
        body_areas=_body_areas(body),
        text=_body_text(body),
        comments=tuple(_comments(body)),
    )


def _control(control: Element) -> Control:
    return Control(
        title=_needed_text(control, "Title"),
        sent_at=_needed_instant(control, "DateTime"),
        status=_needed_text(control, "Status"),
        editorial_office=_text(control, "EditorialOffice"),
        publishing_offices=tuple(name for office in _each(control, "PublishingOffice") for name in _own(office).split()),
    )


def _head(head: Element) -> Head:
    headline = head.find("{*}Headline")
    items: list[Item] = []
    if headline is not None:
        for information in _each(headline, "Information"):
            items += _items(information)
    return Head(
        title=_needed_text(head, "Title"),
        reported_at=_needed_instant(head, "ReportDateTime"),
        target_at=_instant(head, "TargetDateTime"),
        valid_until=_instant(head, "ValidDateTime"),
        event_id=_text(head, "EventID"),
        info_type=_needed_text(head, "InfoType"),
        serial=_text(head, "Serial"),
        info_kind=_needed_text(head, "InfoKind"),
        info_kind_version=_text(head, "InfoKindVersion"),
        headline=_text(headline, "Text") if headline is not None else "",
        items=tuple(items),
    )


def _items(layer: Element) -> list[Item]:
    """The items of an Information, Warning or VolcanoInfo: kinds, then one Area or a list of Areas."""
    items = []
    for item in _each(layer, "Item"):
        last = item.find("{*}LastKind")
        kinds = tuple(_kind(kind, last) for kind in _each(item, "Kind"))
        areas = [_area(area) for area in _each(item, "Area")]
        for group in _each(item, "Areas"):
            areas += [_area(area, group.get("codeType", "")) for area in _each(group, "Area")]
        items.append(Item(layer.get("type", ""), kinds, tuple(areas)))
    return items


def _warnings(body: Element) -> Iterator[Item]:
    for name in ("Warning", "VolcanoInfo"):
        for layer in _each(body, name):
            yield from _items(layer)


def _kind(kind: Element, last: Element | None = None) -> Kind:
    own_last = kind.find("{*}LastKind")
    before = own_last if own_last is not None else last
    condition = _text(kind, "Condition")
    return Kind(
        name=_text(kind, "Name"),
        code=_text(kind, "Code"),
        status=_text(kind, "Status") or condition,
        condition=condition,
        last=_text(before, "Name") if before is not None else "",
        last_code=_text(before, "Code") if before is not None else "",
    )


def _area(area: Element, code_type: str = "") -> Area:
    code = area.find("{*}Code")
    own_type = area.get("codeType", "") or (code.get("type", "") if code is not None else "")
    return Area(_text(area, "Name"), _text(area, "Code"), own_type or code_type)


def _earthquake(earthquake: Element) -> Earthquake:
    area = earthquake.find("{*}Hypocenter/{*}Area")
    magnitude = earthquake.find("{*}Magnitude")
    latitude, longitude, depth_km, datum = _position(area) if area is not None else (None, None, None, "")
    return Earthquake(
        origin_at=_instant(earthquake, "OriginTime"),
        arrival_at=_instant(earthquake, "ArrivalTime"),
        name=_text(area, "Name") if area is not None else "",
        code=_text(area, "Code") if area is not None else "",
        latitude=latitude,
        longitude=longitude,
        depth_km=depth_km,
        datum=datum,
        magnitude=_number(magnitude),
        magnitude_type=magnitude.get("type", "") if magnitude is not None else "",
        magnitude_text=magnitude.get("description", "") if magnitude is not None else "",
        detailed_name=_text(area, "DetailedName") if area is not None else "",
    )


def _position(area: Element) -> tuple[float | None, float | None, float | None, str]:
    """Latitude and longitude in degrees, depth in km, datum; the first coordinate is the one in decimal degrees."""
    for coordinate in _each(area, "Coordinate"):
        found = _COORDINATE.match(_own(coordinate))
        if found is None:
            continue
        minutes = "度分" in coordinate.get("type", "")
        latitude, longitude = (_degrees(found[group], minutes) for group in (1, 2))
        depth_km = abs(float(found[3])) / 1000 if found[3] is not None else None
        return latitude, longitude, depth_km, coordinate.get("datum", "")
    return None, None, None, ""


def _degrees(text: str, minutes: bool) -> float:
    """`+33.2`, or `+3447.1` as degrees and minutes (ddmm.m)."""
    value = abs(float(text))
    if minutes:
        value = value // 100 + (value % 100) / 60
    return -value if text.startswith("-") else value


def _intensity(intensity: Element) -> Intensity | None:
    for name in ("Observation", "Forecast"):
        found = intensity.find(f"{{*}}{name}")
        if found is not None:
            areas = tuple(_intensity_areas(found, ()))
            return Intensity(name == "Forecast", _intensity_of(found), areas)
    return None


def _intensity_areas(parent: Element, within: tuple[str, ...]) -> Iterator[IntensityArea]:
    for element in parent:
        layer = _LAYERS.get(_local(element))
        if layer is None:
            continue
        code = _text(element, "Code")
        kind = element.find("{*}Category/{*}Kind")
        yield IntensityArea(
            layer=layer,
            name=_text(element, "Name"),
            code=code,
            intensity=_intensity_of(element),
            within=within,
            condition=_text(element, "Condition"),
            arrival_at=_instant(element, "ArrivalTime"),
            kind=_kind(kind) if kind is not None else None,
        )
        yield from _intensity_areas(element, (*within, code))


def _intensity_of(element: Element) -> str:
    for name in ("MaxInt", "Int"):
        if text := _text(element, name):
            return text if text[:1].isdigit() else ""
    expected = element.find("{*}ForecastInt")
    if expected is None:
        return ""
    upper, lower = _text(expected, "To"), _text(expected, "From")
    return next((text for text in (upper, lower) if text[:1].isdigit()), "")


def _tsunami_area(item: Element) -> TsunamiArea:
    area, kind = item.find("{*}Area"), item.find("{*}Category/{*}Kind")
    if area is None or kind is None:
        raise Refusal("standards.jma.element_missing", element="Tsunami/Forecast/Item/Area or Category/Kind")
    height = item.find("{*}MaxHeight/{*}TsunamiHeight")
    return TsunamiArea(
        area=_area(area, "津波予報区"),
        kind=_kind(kind, item.find("{*}Category/{*}LastKind")),
        first_arrival_at=_instant(item, "FirstHeight/ArrivalTime"),
        first_condition=_text(item, "FirstHeight/Condition"),
        height_m=_number(height),
        height_text=height.get("description", "") if height is not None else "",
    )


def _tide_observations(body: Element) -> Iterator[TideObservation]:
    for item in body.iterfind("{*}Tsunami/{*}Observation/{*}Item"):
        area = item.find("{*}Area")
        for station in _each(item, "Station"):
            height = station.find("{*}MaxHeight/{*}TsunamiHeight")
            yield TideObservation(
                area=_area(area, "津波予報区") if area is not None else Area("", ""),
                station=_area(station, "潮位観測点"),
                first_arrival_at=_instant(station, "FirstHeight/ArrivalTime"),
                first_condition=_text(station, "FirstHeight/Condition"),
                height_m=_number(height),
                height_text=height.get("description", "") if height is not None else "",
                height_at=_instant(station, "MaxHeight/DateTime"),
            )


def _serial_kind(body: Element) -> Kind | None:
    """InfoSerial of 南海トラフ地震に関連する情報: 調査中 111-, 巨大地震警戒 120 …"""
    found = body.find("{*}EarthquakeInfo/{*}InfoSerial")
    return Kind(_text(found, "Name"), _text(found, "Code")) if found is not None else None


def _body_areas(body: Element) -> tuple[Area, ...]:
    found: dict[tuple[str, str], Area] = {}
    for parent in body.iter():
        group_type = parent.get("codeType", "")
        for element in parent:
            if _local(element) in ("Area", "Pref", "City") and (code := _text(element, "Code")):
                area = _area(element, group_type)
                found.setdefault((code, area.name), area)
    return tuple(found.values())


def _body_text(body: Element) -> str:
    """The running text of telegrams that are text: Text, Comment, VolcanoInfoContent or EarthquakeInfo."""
    parts = [_own(body_text) for body_text in _each(body, "Text")]
    for path in ("Comment/Text", "VolcanoInfoContent/Text", "EarthquakeInfo/Text", "EarthquakeInfo/VolcanoActivity"):
        parts += [_own(element) for element in body.iterfind(_path(path))]
    for headline in body.iterfind(_path("VolcanoInfoContent/VolcanoHeadline")):
        parts.insert(0, _own(headline))
    return "\n".join(part for part in parts if part)


def _comments(body: Element) -> Iterator[str]:
    for comments in _each(body, "Comments"):
        for comment in comments:
            text = _text(comment, "Text") or _own(comment)
            if text:
                yield text


def _each(parent: Element, name: str) -> Iterator[Element]:
    return parent.iterfind(f"{{*}}{name}")


def _path(path: str) -> str:
    return "/".join(f"{{*}}{step}" for step in path.split("/"))


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _own(element: Element) -> str:
    return (element.text or "").strip()


def _text(parent: Element, path: str) -> str:
    return (parent.findtext(_path(path)) or "").strip()


def _need(parent: Element, name: str) -> Element:
    found = parent.find(f"{{*}}{name}")
    if found is None:
        raise Refusal("standards.jma.element_missing", element=name)
    return found


def _needed_text(parent: Element, name: str) -> str:
    text = _text(parent, name)
    if not text:
        raise Refusal("standards.jma.element_missing", element=f"{_local(parent)}/{name}")
    return text


def _needed_instant(parent: Element, name: str) -> datetime:
    found = _instant(parent, name)
    if found is None:
        raise Refusal("standards.jma.element_missing", element=f"{_local(parent)}/{name}")
    return found


def _instant(parent: Element, path: str) -> datetime | None:
    text = _text(parent, path)
    if not text:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Refusal("standards.jma.value_wrong", element=f"{_local(parent)}/{path}", value=text[:80]) from error


def _number(element: Element | None) -> float | None:
    """A number, or None where JMA says unknown (NaN, with `condition` 不明)."""
    if element is None or not _own(element):
        return None
    try:
        value = float(_own(element))
    except ValueError as error:
        raise Refusal("standards.jma.value_wrong", element=_local(element), value=_own(element)[:80]) from error
    return value if math.isfinite(value) else None
