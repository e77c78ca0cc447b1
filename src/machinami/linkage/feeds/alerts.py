"""JMA telegrams → Alert entities: what the source said, one entity per source, event, issuing area and kind.

A later telegram of the same event and kind has the same entity id and replaces it; `fold` decides which of two is the
newer. 訂正 replaces what it corrects; 取消 leaves the entity with no area in force. Drills (訓練), tests (試験) and
replays have ids of their own, so that they never touch the real thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from machinami.kernel.clock import iso
from machinami.kernel.entity import Entity, default_instance
from machinami.kernel.ids import stable_urn
from machinami.linkage.feeds.shape import attributes, point, prop
from machinami.standards import alerts
from machinami.standards.alerts import GRADES, SEVERITY_OF_GRADE, STATUS_WORDS, Grade
from machinami.standards.jma import grades
from machinami.standards.jma.model import Area, IntensityArea, Item, Kind, Telegram, TsunamiArea

SOURCE: Final = "jma"
CANCELLED: Final = "取消"
NANKAI_AREA: Final = Area("南海トラフ地震防災対策推進地域", "nankai-trough", "machinami")
"""These telegrams name no area; rules of the towns concerned watch this code of ours."""

AreaEntry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """How telegrams whose title starts with `title` become alerts.

    `standing`: one continuing event although each telegram has an EventID of its own.
    """

    title: str
    alert: str
    category: str
    areas: Callable[[Telegram], Iterable[AreaEntry]]
    standing: bool = False


def alerts_of(telegram: Telegram, label: str | None = None) -> list[Entity]:
    """The Alert entity of a telegram, or nothing for kinds that warn of nothing (forecasts, observations of seasons).

    `label` marks a replay. The list has one entity at most today; callers must not rely on that.
    """
    family = family_of(telegram)
    if family is None:
        return []
    areas = [] if telegram.head.info_type == CANCELLED else _unique(family.areas(telegram))
    return [_entity(telegram, family, areas, label)]


def family_of(telegram: Telegram) -> Family | None:
    """The row of `FAMILIES` for the telegram's Control/Title."""
    return next((family for family in FAMILIES if telegram.control.title.startswith(family.title)), None)


def event_of(telegram: Telegram) -> str:
    """What a telegram is about: JMA's EventID, or the title where there is none or where it does not link telegrams."""
    family = family_of(telegram)
    standing = family is not None and family.standing
    return telegram.control.title if standing else telegram.head.event_id or telegram.control.title


def areas_of(alert: Entity, codes: Iterable[str]) -> list[AreaEntry]:
    """The entries of an Alert for the area codes of a town (its profile names them), strongest first."""
    wanted = frozenset(codes)
    instance = default_instance(alert, alerts.AREAS)
    entries: list[AreaEntry] = [] if instance is None else instance["value"]
    return sorted((entry for entry in entries if entry["code"] in wanted), key=lambda entry: -GRADES[entry["grade"]])


def fold(stored: Entity | None, incoming: Entity) -> Entity | None:
    """The Alert to store, or None if `incoming` is older than what is stored, or the same telegram again."""
    if stored is None or _order(incoming) > _order(stored):
        return incoming
    return None


def overtaken(stored: Entity | None, incoming: Entity) -> bool:
    """Whether a newer message about the same event is already stored: the incoming one comes late."""
    return stored is not None and _order(incoming) < _order(stored)


def _entity(telegram: Telegram, family: Family, areas: list[AreaEntry], label: str | None) -> Entity:
    head, control = telegram.head, telegram.control
    worst = max((GRADES[entry["grade"]] for entry in areas), default=Grade.NONE)
    status = STATUS_WORDS.get(control.status, "Test")
    at = head.reported_at
    quake = next((one for one in telegram.earthquakes if one.latitude is not None and one.longitude is not None), None)
    named = {
        "alertSource": prop(SOURCE),
        "eventId": prop(event_of(telegram)),
        "category": prop(family.category),
        "subCategory": prop(family.alert),
        "severity": prop(SEVERITY_OF_GRADE[worst], at),
        "grade": prop(worst.word, at),
        "dateIssued": prop(iso(at)),
        "validFrom": prop(iso(head.target_at)) if head.target_at else None,
        "validTo": prop(iso(head.valid_until)) if head.valid_until else None,
        "name": prop(head.title),
        "title": prop(head.title),
        "description": prop(head.headline or telegram.text or head.title),
        "status": prop(status),
        "infoType": prop(head.info_type),
        "issuer": prop(control.editorial_office or "気象庁"),
        "messageOrder": prop(telegram.order),
        "messageTitle": prop(control.title),
        "serialNumber": prop(head.serial) if head.serial else None,
        "areas": prop(areas, at),
        "areaServed": prop(sorted({entry["name"] for entry in areas if GRADES[entry["grade"]] >= Grade.ADVISORY})),
        "magnitude": prop(quake.magnitude) if quake and quake.magnitude is not None else None,
        "depth": prop(quake.depth_km, unit="KMT") if quake and quake.depth_km is not None else None,
        "epicentre": prop(quake.name) if quake else None,
        "location": point(quake.longitude, quake.latitude)
        if quake and quake.longitude is not None and quake.latitude is not None
        else None,
    }
    identity = (SOURCE, event_of(telegram), _issuing_area(telegram), control.title, status, label or "")
    return Entity(stable_urn("Alert", *identity), (alerts.ALERT,), attributes(named, label))


def _issuing_area(telegram: Telegram) -> str:
    """What tells two telegrams without EventID apart: the widest area of the warning, else the issuing office."""
    if telegram.head.event_id:
        return ""
    for item in telegram.warnings or telegram.head.items:
        if item.areas and "府県予報区" in item.layer:
            return item.areas[0].code
    return telegram.control.editorial_office


def _order(alert: Entity) -> str:
    instance = default_instance(alert, alerts.ORDER)
    return "" if instance is None else str(instance["value"])


def _unique(entries: Iterable[AreaEntry]) -> list[AreaEntry]:
    """One entry per coded area and phenomenon, the strongest."""
    found: dict[tuple[str, str], AreaEntry] = {}
    for entry in entries:
        if not entry.get("code"):
            continue
        key = (entry["code"], entry.get("phenomenon", ""))
        if key not in found or GRADES[entry["grade"]] > GRADES[found[key]["grade"]]:
            found[key] = entry
    return list(found.values())


def _entry(area: Area, kind: Kind, grade: Grade, **more: Any) -> AreaEntry:
    entry = {
        "code": area.code,
        "name": area.name,
        "codeType": area.code_type,
        "kind": kind.name,
        "kindCode": kind.code,
        "grade": grade.word,
        "status": kind.status,
        "lastKind": kind.last,
        **more,
    }
    return {name: value for name, value in entry.items() if value not in ("", None)}


_TSUNAMI_EN: Final = {
    Grade.EMERGENCY: "Major tsunami warning",
    Grade.WARNING: "Tsunami warning",
    Grade.ADVISORY: "Tsunami advisory",
    Grade.INFORMATION: "Slight sea-level change",
    Grade.NONE: "Tsunami warning lifted",
}


def _tsunami_areas(telegram: Telegram) -> Iterable[AreaEntry]:
    return (_tsunami_entry(one) for one in telegram.tsunami)


def _tsunami_entry(one: TsunamiArea) -> AreaEntry:
    grade = grades.TSUNAMI.get(one.kind.code, Grade.INFORMATION)
    arrival = iso(one.first_arrival_at) if one.first_arrival_at else None
    return _entry(
        one.area,
        one.kind,
        grade,
        kindEn=_TSUNAMI_EN[grade],
        arrivalAt=arrival,
        arrivalCondition=one.first_condition,
        height=one.height_m,
        heightText=one.height_text,
    )


def _intensity_areas(telegram: Telegram) -> Iterable[AreaEntry]:
    """Prefectures, areas and municipalities; stations stay in the telegram."""
    if telegram.intensity is None:
        return
    for one in telegram.intensity.areas:
        if one.layer != "station" and one.intensity:
            yield _intensity_entry(one, telegram.intensity.forecast)


def _intensity_entry(one: IntensityArea, forecast: bool) -> AreaEntry:
    said = f"{'予想' if forecast else ''}震度{one.intensity.replace('-', '弱').replace('+', '強')}"
    arrival = iso(one.arrival_at) if one.arrival_at else None
    return _entry(
        Area(one.name, one.code, f"震度/{one.layer}"),
        Kind(said, one.kind.code if one.kind else ""),
        grades.INTENSITY.get(one.intensity, Grade.INFORMATION),
        kindEn=f"{'Expected seismic' if forecast else 'Seismic'} intensity {one.intensity}",
        intensity=one.intensity,
        arrivalAt=arrival,
    )


_WEATHER_EN: Final = {
    "大雨": "heavy rain",
    "洪水": "flood",
    "暴風": "storm",
    "暴風雪": "snowstorm",
    "大雪": "heavy snow",
    "波浪": "high waves",
    "高潮": "storm surge",
    "土砂災害": "landslide",
    "雷": "thunderstorm",
    "融雪": "snow melting",
    "濃霧": "dense fog",
    "乾燥": "dry air",
    "なだれ": "avalanche",
    "低温": "low temperature",
    "霜": "frost",
    "着氷": "icing",
    "着雪": "snow accretion",
}
_GRADE_EN: Final = {
    Grade.EMERGENCY: "Emergency warning",
    Grade.DANGER: "Danger warning",
    Grade.WARNING: "Warning",
    Grade.ADVISORY: "Advisory",
    Grade.INFORMATION: "Information",
    Grade.NONE: "Lifted",
}


def _weather_areas(telegram: Telegram) -> Iterable[AreaEntry]:
    for item in telegram.warnings or telegram.head.items:
        if "種別毎" in item.layer:
            continue
        for kind in item.kinds:
            phenomenon = grades.weather_phenomenon(kind)
            grade = grades.weather_grade(kind)
            if not kind.code or (grade is Grade.NONE and phenomenon in ("", "なし", "解除")):
                continue
            english = f"{_GRADE_EN[grade]}, {_WEATHER_EN.get(phenomenon, phenomenon)}"
            for area in item.areas:
                yield _entry(area, kind, grade, phenomenon=phenomenon, kindEn=english)


def _simple(grade_of: Callable[[Kind], Grade], english: str, kind_ja: str = "") -> Callable[[Telegram], Iterable[AreaEntry]]:
    """Areas of telegrams with one phenomenon: Warning items, or the headline's where the body has no codes."""

    def areas(telegram: Telegram) -> Iterable[AreaEntry]:
        coded = [item for item in telegram.warnings if any(kind.code for kind in item.kinds)]
        for item in coded or telegram.head.items:
            yield from _simple_entries(item, grade_of, english, kind_ja)

    return areas


def _simple_entries(item: Item, grade_of: Callable[[Kind], Grade], english: str, kind_ja: str) -> Iterable[AreaEntry]:
    for kind in item.kinds:
        grade = grade_of(kind)
        if not kind.name or (grade is Grade.NONE and kind.name == "なし"):
            continue
        name = kind.condition if kind.name == "情報タグ" else kind_ja if kind_ja and grade else kind.name
        shown = Kind(name, kind.code, kind.status, kind.condition, kind.last)
        for area in item.areas:
            yield _entry(area, shown, grade, kindEn=f"{english} ({_GRADE_EN[grade].lower()})")


def _headline_only(grade_of: Callable[[Kind], Grade], english: str) -> Callable[[Telegram], Iterable[AreaEntry]]:
    """Areas of telegrams whose headline has the level and the body only the text (指定河川洪水予報, 情報タグ)."""

    def areas(telegram: Telegram) -> Iterable[AreaEntry]:
        for item in telegram.head.items:
            yield from _simple_entries(item, grade_of, english, "")

    return areas


def _nankai_areas(telegram: Telegram) -> Iterable[AreaEntry]:
    kind = telegram.serial_kind
    if kind is not None:
        grade = grades.NANKAI.get(kind.code, Grade.INFORMATION)
        yield _entry(NANKAI_AREA, kind, grade, kindEn=f"Nankai Trough earthquake extra information: {_GRADE_EN[grade].lower()}")


def _constant(grade: Grade) -> Callable[[Kind], Grade]:
    return lambda kind: Grade.NONE if grades.is_over(kind) else grade


def _tag_grade(kind: Kind) -> Grade:
    """情報タグ of 府県気象防災速報: 記録的短時間大雨 counts as a warning, the others as advisories."""
    return Grade.WARNING if "記録雨" in kind.condition else Grade.ADVISORY


FAMILIES: Final[tuple[Family, ...]] = (
    Family("津波警報", "tsunami", "naturalDisaster", _tsunami_areas),
    Family("津波情報", "tsunamiInformation", "naturalDisaster", _tsunami_areas),
    Family("沖合の津波", "tsunamiInformation", "naturalDisaster", _tsunami_areas),
    Family("緊急地震速報", "earthquakeEarlyWarning", "naturalDisaster", _intensity_areas),
    Family("震度速報", "earthquake", "naturalDisaster", _intensity_areas),
    Family("震源", "earthquake", "naturalDisaster", _intensity_areas),
    Family("顕著な地震", "earthquake", "naturalDisaster", _intensity_areas),
    Family("長周期地震動", "longPeriodGroundMotion", "naturalDisaster", _intensity_areas),
    Family("南海トラフ地震臨時情報", "nankaiTrough", "naturalDisaster", _nankai_areas, standing=True),
    Family("気象特別警報報知", "weatherEmergencyNotice", "weather", _weather_areas),
    Family("気象特別警報", "weatherWarning", "weather", _weather_areas),
    Family("気象警報", "weatherWarning", "weather", _weather_areas),
    Family(
        "土砂災害警戒情報",
        "landslide",
        "naturalDisaster",
        _simple(_constant(Grade.DANGER), "Landslide alert", "土砂災害警戒情報"),
    ),
    Family("記録的短時間大雨", "heavyRain", "weather", _simple(_constant(Grade.WARNING), "Record heavy rain in a short time")),
    Family("竜巻注意情報", "tornado", "weather", _simple(_constant(Grade.ADVISORY), "Tornado watch")),
    Family("指定河川洪水予報", "flood", "naturalDisaster", _headline_only(grades.flood_grade, "River flood forecast")),
    Family("水位周知河川", "flood", "naturalDisaster", _headline_only(grades.flood_grade, "River level information")),
    Family("噴火", "volcano", "naturalDisaster", _simple(grades.volcano_grade, "Volcano")),
    Family("火山現象に関する海上", "volcano", "naturalDisaster", _simple(grades.volcano_grade, "Volcano")),
    Family("降灰予報", "ashfall", "naturalDisaster", _simple(grades.volcano_grade, "Ash fall")),
    Family("地方海上警報", "marine", "weather", _simple(grades.weather_grade, "Marine warning")),
    Family("全般海上警報", "marine", "weather", _simple(grades.weather_grade, "Marine warning")),
    Family("熱中症警戒アラート", "heat", "weather", _simple(_constant(Grade.ADVISORY), "Heat alert")),
    Family("府県気象防災速報", "weatherBulletin", "weather", _headline_only(_tag_grade, "Weather bulletin")),
)


def bulletin_of(telegram: Telegram, label: str | None = None) -> Entity:
    """The telegram itself as a `DisasterBulletin`, so that each one received is listed, whatever its kind."""
    head, control = telegram.head, telegram.control
    areas: Mapping[str, str] = {
        area.code: area.name for item in (*head.items, *telegram.warnings) for area in item.areas if area.code
    } or {area.code: area.name for area in telegram.body_areas}
    named = {
        "alertSource": prop(SOURCE),
        "messageTitle": prop(control.title),
        "name": prop(head.title),
        "title": prop(head.title),
        "description": prop(head.headline or telegram.text or head.title),
        "kind": prop(head.info_kind),
        "status": prop(STATUS_WORDS.get(control.status, "Test")),
        "infoType": prop(head.info_type),
        "dateIssued": prop(iso(head.reported_at)),
        "validTo": prop(iso(head.valid_until)) if head.valid_until else None,
        "issuer": prop(control.editorial_office or "気象庁"),
        "eventId": prop(head.event_id) if head.event_id else None,
        "serialNumber": prop(head.serial) if head.serial else None,
        "areas": prop([{"code": code, "name": name} for code, name in areas.items()]),
    }
    said = (control.title, head.title, head.event_id, telegram.order, control.editorial_office, head.info_type)
    identity = (SOURCE, *said, label or "")
    return Entity(stable_urn("DisasterBulletin", *identity), (alerts.BULLETIN,), attributes(named, label))
