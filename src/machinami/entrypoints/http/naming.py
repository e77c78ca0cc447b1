"""What the attributes and types of the city's data are called, for readers who don't know the data models."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from machinami.kernel.late import Late

if TYPE_CHECKING:
    from machinami.linkage.importing import catalogue
else:
    catalogue = Late("machinami.linkage.importing.catalogue")

FEED_TYPES: Final[dict[str, tuple[str, str]]] = {
    "Alert": ("警報情報", "Alerts"),
    "DisasterBulletin": ("気象庁電文", "JMA telegrams"),
    "WeatherObserved": ("気象観測", "Weather observations"),
    "WaterLevelObserved": ("水位観測", "Water levels"),
    "Vehicle": ("車両", "Vehicles"),
}
FEED_ATTRIBUTES: Final[dict[str, tuple[str, str]]] = {
    "alertSource": ("発表元", "Source"),
    "areas": ("対象の地域", "Areas"),
    "arrivalAt": ("到達予想時刻", "Expected arrival"),
    "arrivalCondition": ("到達の状況", "Arrival"),
    "amedas": ("アメダスの原データ", "AMeDAS as published"),
    "code": ("コード", "Code"),
    "codeType": ("コードの種別", "Kind of code"),
    "dateIssued": ("発表日時", "Issued at"),
    "depth": ("深さ", "Depth"),
    "epicentre": ("震央", "Epicentre"),
    "eventId": ("識別情報", "Event"),
    "grade": ("段階", "Grade"),
    "heightText": ("予想される高さ", "Expected height"),
    "infoType": ("情報の形態", "Kind of report"),
    "issuer": ("発表官署", "Issuer"),
    "kind": ("種別", "Kind"),
    "kindCode": ("種別コード", "Code of the kind"),
    "kindEn": ("種別(英語)", "Kind in English"),
    "lastKind": ("前回の種別", "Kind before"),
    "magnitude": ("マグニチュード", "Magnitude"),
    "messageOrder": ("電文の順序", "Order of the telegram"),
    "messageTitle": ("電文の種類", "Title of the telegram"),
    "normalPressure": ("海面気圧の平年値", "Normal pressure"),
    "precipitation10m": ("10分間降水量", "Precipitation in 10 minutes"),
    "precipitation1h": ("1時間降水量", "Precipitation in 1 hour"),
    "precipitation3h": ("3時間降水量", "Precipitation in 3 hours"),
    "precipitation24h": ("24時間降水量", "Precipitation in 24 hours"),
    "phenomenon": ("現象", "Phenomenon"),
    "published": ("公表値", "As published"),
    "qualityFlag": ("品質情報", "Quality flag"),
    "seaLevelPressure": ("海面気圧", "Sea-level pressure"),
    "serialNumber": ("情報番号", "Serial number"),
    "snowfall1h": ("1時間降雪量", "Snowfall in 1 hour"),
    "snowfall6h": ("6時間降雪量", "Snowfall in 6 hours"),
    "snowfall12h": ("12時間降雪量", "Snowfall in 12 hours"),
    "snowfall24h": ("24時間降雪量", "Snowfall in 24 hours"),
    "stationCode": ("観測所番号", "Station code"),
    "subCategory": ("小分類", "Subcategory"),
    "sunshine1h": ("1時間日照時間", "Sunshine in 1 hour"),
    "validFrom": ("有効期間の開始", "Valid from"),
    "validTo": ("有効期間の終了", "Valid to"),
    "value": ("値", "Value"),
    "vehicleType": ("車種", "Kind of vehicle"),
    "visibility": ("視程", "Visibility"),
}
"""Attributes that the feeds write and no data model of the imports names."""

_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@cache
def names_document() -> dict[str, Any]:
    """`GET /api/attributes`: Japanese and English names by attribute and by short type.

    The data models of the imports name their items in Japanese; the English name is the attribute's own, in words. Where
    two models call an attribute differently, the earlier model's name is shown.
    """
    attributes = dict(FEED_ATTRIBUTES)
    types = dict(FEED_TYPES)
    for model in catalogue.load_models():
        types.setdefault(model.type, (model.ja, model.en))
        for item in model.items:
            attributes.setdefault(item.name, (item.ja.replace("_", " "), in_words(item.name)))
    return {"attributes": _both(attributes), "types": _both(types)}


def in_words(name: str) -> str:
    """`hazardFloodL1` as "Hazard flood L1"."""
    first, *rest = _WORD.split(name)
    return " ".join(
        (first[:1].upper() + first[1:], *(one if one[1:2].isdigit() or one.isupper() else one.lower() for one in rest))
    )


def _both(names: dict[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
    return {name: {"ja": ja, "en": en} for name, (ja, en) in sorted(names.items())}
