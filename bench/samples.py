"""Synthetic load: air-quality stations of the size of technology.md stage (b), and a shelter sheet in the standard headings."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from bench.load import request

TYPE = "AirQualityObserved"
BATCH = 100
HOT = 2_000
"""Entities that the update and read stages turn over."""

TILE = 100_000
WEST, SOUTH, EAST, NORTH = 133.9, 34.2, 134.2, 34.4
STREETS = ("番町", "天神前", "寿町", "古新町", "紺屋町")


def entity_id(number: int) -> str:
    return f"urn:ngsi-ld:{TYPE}:kagawa-{number:06d}"


def entity(number: int, value: float) -> dict[str, Any]:
    """Five attributes and a location, about 830 bytes. Each `TILE` of them has a region of its own: density stays as it is."""
    place = random.Random(number)
    east = number // TILE * (EAST - WEST)
    at = "2026-11-20T04:05:06Z"
    return {
        "id": entity_id(number),
        "type": TYPE,
        "name": {"type": "Property", "value": f"測定局 {number} {STREETS[number % len(STREETS)]}"},
        "pm25": {"type": "Property", "value": value, "unitCode": "GQ", "observedAt": at},
        "no2": {"type": "Property", "value": round(value / 3, 2), "unitCode": "GQ", "observedAt": at},
        "temperature": {"type": "Property", "value": round(value / 2, 1), "unitCode": "CEL", "observedAt": at},
        "operatedBy": {"type": "Relationship", "object": f"urn:ngsi-ld:Organization:kagawa-{number % 17}"},
        "location": {
            "type": "GeoProperty",
            "value": {
                "type": "Point",
                "coordinates": [round(place.uniform(WEST, EAST) + east, 6), round(place.uniform(SOUTH, NORTH), 6)],
            },
        },
    }


def batches(entities: int, seed: int, start: int = 0, size: int = BATCH) -> Iterator[bytes]:
    """Upsert requests of `size` entities each, with values that differ from seed to seed."""
    values = random.Random(seed)
    for first in range(start, entities, size):
        body = [entity(number, round(values.uniform(0, 100), 2)) for number in range(first, min(entities, first + size))]
        yield request("POST", "/ngsi-ld/v1/entityOperations/upsert", json.dumps(body, ensure_ascii=False).encode())


def patches(count: int) -> list[bytes]:
    """Single-attribute updates with a measurement."""
    values = random.Random(7)
    found = []
    for number in range(count):
        body = {
            "type": "Property",
            "value": round(values.uniform(0, 100), 2),
            "observedAt": f"2026-11-21T01:{number % 60:02d}:05Z",
        }
        path = f"/ngsi-ld/v1/entities/{entity_id(number % HOT)}/attrs/pm25"
        found.append(request("PATCH", path, json.dumps(body).encode()))
    return found


def gets() -> list[bytes]:
    return [request("GET", f"/ngsi-ld/v1/entities/{entity_id(number)}") for number in range(HOT)]


def near_queries(entities: int) -> list[bytes]:
    """Type + numeric q + near: a circle that holds about 150 stations, of which about a third are above the value."""
    places = random.Random(11)
    metres = 600 * (100_000 / entities) ** 0.5
    found = []
    for _ in range(500):
        lon, lat = places.uniform(WEST, EAST), places.uniform(SOUTH, NORTH)
        found.append(
            request(
                "GET",
                f"/ngsi-ld/v1/entities?type={TYPE}&q=pm25%3E65&georel=near%3BmaxDistance==%3D{metres:.0f}".replace(
                    "==%3D", "%3D%3D"
                )
                + f"&geometry=Point&coordinates=%5B{lon:.5f}%2C{lat:.5f}%5D",
            )
        )
    return found


def numeric_queries() -> list[bytes]:
    """Type + numeric q that half of all stations match: the first page of twenty."""
    return [request("GET", f"/ngsi-ld/v1/entities?type={TYPE}&q=pm25%3E{40 + n % 20}") for n in range(40)]


POINTS = 100_000
SERIES = "urn:ngsi-ld:BenchSeries:1"


def series() -> bytes:
    """A temporal entity with its first point; the stage adds the others."""
    point = {"type": "Property", "value": 0, "observedAt": "2026-01-01T00:00:00Z"}
    return request(
        "POST", "/ngsi-ld/v1/temporal/entities", json.dumps({"id": SERIES, "type": "Series", "flow": [point]}).encode()
    )


def aggregations() -> list[bytes]:
    """All points of the series by day: average, least and greatest value."""
    asked = "attrs=flow&timerel=after&timeAt=2026-01-01T00:00:00Z&format=aggregatedValues&aggrMethods=avg,min,max"
    return [request("GET", f"/ngsi-ld/v1/temporal/entities/{SERIES}?{asked}&aggrPeriodDuration=P{days}D") for days in (1, 2, 7)]


def page_queries(entities: int) -> list[bytes]:
    """Pages of twenty of one type, from anywhere in the first tenth of the list."""
    places = random.Random(13)
    offsets = [places.randrange(entities // 10) // 20 * 20 for _ in range(500)]
    return [request("GET", f"/ngsi-ld/v1/entities?type={TYPE}&limit=20&offset={offset}") for offset in offsets]


def write_shelters(path: Path, rows: int) -> None:
    """A shelter list as a town would publish it (headings of 自治体標準オープンデータセット)."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("指定緊急避難場所一覧")
    sheet.append([
        "全国地方公共団体コード", "ID", "地方公共団体名", "名称", "名称_カナ", "所在地_連結表記", "緯度", "経度",
        "標高", "電話番号", "災害種別_洪水", "災害種別_崖崩れ、土石流及び地滑り", "災害種別_高潮", "災害種別_地震",
        "災害種別_津波", "災害種別_大規模な火事",
        "指定避難所との重複", "想定収容人数", "対象となる町会・自治会", "備考",
    ])  # fmt: skip
    places = random.Random(3)
    for number in range(1, rows + 1):
        sheet.append([
            "372013", f"{number:010d}", "香川県高松市", f"第{number}避難所", "ヒナンジョ",
            f"香川県高松市{STREETS[number % len(STREETS)]}{number}番地", round(places.uniform(SOUTH, NORTH), 6),
            round(places.uniform(WEST, EAST), 6), number % 90, "087-839-2345",
            "1", "", "1", "1", "" if number % 3 else "1", "1", "1" if number % 2 else "", 50 + number % 700,
            f"{STREETS[number % 5]}自治会", "",
        ])  # fmt: skip
    book.save(path)
