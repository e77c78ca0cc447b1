"""A small stand-in for the console's JSON server: generated data, a live feed, alarms that can be worked on.

The front end's browser tests run against it alone. It serves the same addresses and shapes as `entrypoints.http`;
`POST /fake/…` lets a test change something (a value, an alarm) and watch the page follow.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from machinami.entrypoints.web.pages import routes as page_routes

CITY_CENTRE = (134.046, 34.34)
CREDIT = {
    "credit_ja": "高松市オープンデータ",
    "credit_en": "Takamatsu City Open Data",
    "credit_url": "https://github.com/takamatsu-city/opendata",
}
JMA = {"credit_ja": "気象庁", "credit_en": "Japan Meteorological Agency", "credit_url": "https://www.jma.go.jp/"}
OWN = {"credit_ja": "Machinami 模擬", "credit_en": "Machinami simulation", "credit_url": None}
DOMAINS = [
    ("disaster", "防災", "Disaster"),
    ("health", "健康・福祉", "Health"),
    ("living", "くらし", "Living"),
    ("environment", "環境", "Environment"),
    ("traffic", "交通", "Traffic"),
]
#        id, domain, ja, en, type, colour, icon, count, visible, live, label
LAYERS = [
    ("evacuation-space", "disaster", "指定緊急避難場所・指定避難所", "Shelters", "EvacuationSpace", "#1f6f5c", "shelter", 195, True, False, None),
    ("tsunami-building", "disaster", "津波避難ビル", "Tsunami evacuation buildings", "TsunamiBuilding", "#24558f", "tsunami", 112, True, False, None),
    ("aed", "health", "AED 設置場所", "AED locations", "AED", "#b0315c", "aed", 450, False, False, None),
    ("clinic", "health", "医療機関", "Clinics and hospitals", "Clinic", "#8a3ffc", "hospital", 617, False, False, None),
    ("toilet", "living", "公衆トイレ", "Public toilets", "PublicToilet", "#5a6270", "toilet", 169, False, False, None),
    ("park", "living", "公園", "Parks", "Park", "#4f7a1f", "park", 310, True, False, None),
    ("event", "living", "イベント", "Events", "Event", "#a35200", "event", 51, False, False, None),
    ("pond", "environment", "ため池", "Ponds", "Pond", "#1a7f9c", "pond", 841, False, False, None),
    ("weather", "environment", "気象観測所", "Weather stations", "WeatherObserved", "#3f6ad8", "weather", 12, True, False, "snapshot"),
    ("gauge", "disaster", "河川水位", "River gauges", "WaterLevel", "#0b6e99", "gauge", 2, True, True, "simulation"),
    ("bus", "traffic", "バス", "Buses", "Vehicle", "#5b4bb7", "bus", 2, True, True, "simulation"),
]  # fmt: skip
PLACES = [
    "栗林",
    "屋島",
    "香西",
    "仏生山",
    "太田",
    "一宮",
    "牟礼",
    "庵治",
    "国分寺",
    "塩江",
    "鶴尾",
    "木太",
    "古高松",
    "川島",
    "円座",
    "檀紙",
]
KINDS = {
    "evacuation-space": "小学校",
    "tsunami-building": "ビル",
    "aed": "コミュニティセンター AED",
    "clinic": "医院",
    "toilet": "公衆便所",
    "park": "公園",
    "event": "まつり",
    "pond": "池",
    "weather": "観測所",
    "gauge": "水位計",
    "bus": "バス",
}
HISTORY = [("raised", "feed:jma", "津波警報を受信")]


def now(minutes_ago: float = 0) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat(timespec="seconds").replace("+00:00", "Z")


def make_features(row: tuple[Any, ...], dice: random.Random) -> dict[str, dict[str, Any]]:
    layer, _, _, _, kind, _, _, count, _, live, label = row
    found = {}
    for index in range(count):
        angle, radius = dice.random(), dice.random() ** 1.7 * 0.14
        lon = CITY_CENTRE[0] + (angle - 0.5) * (0.1 + radius) * 1.9
        lat = CITY_CENTRE[1] - 0.015 - dice.random() * (0.05 + radius)
        entity = f"urn:ngsi-ld:{kind}:372013:{index:04d}"
        measured = layer in {"weather", "gauge"}
        unit = {"weather": "°C", "gauge": "m"}.get(layer)
        found[entity] = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]},
            "properties": {
                "id": entity, "name": f"{PLACES[index % len(PLACES)]}{KINDS[layer]}{index // len(PLACES) + 1 if count > 16 else ''}", "type": kind,
                "detail_ja": f"高松市{PLACES[index % len(PLACES)]}町{index + 1}番地", "detail_en": f"{index + 1} {kind} Street, Takamatsu",
                "value": round(dice.uniform(0.8, 2.4), 2) if measured else None, "unit": unit, "severity": None,
                "observed_at": now(1) if measured or live else None, "label": label, "alarms": 0,
            },
        }  # fmt: skip
    return found


def make_alarm(number: int, severity: str, ja: str, en: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"alarm-{number}", "source": "jma", "event": f"event-{number}", "area_code": "37201", "area_name": "香川県", "kind": "tsunami",
        "severity": severity, "level": None, "headline_ja": ja, "headline_en": en, "active": True, "acknowledged": False, "closed": False,
        "acknowledged_by": None, "acknowledged_at": None, "assigned_to": None, "shelved_until": None, "status": "actual", "label": None,
        "raised_at": now(number * 7 + 2), "event_at": now(number * 7 + 2), "arrived_at": now(number * 7 + 2), "late": False, "cleared_at": None,
        "count": 1, "last_at": now(number), "entity_id": None, "location": None, "comments": [],
        "actions": ["acknowledge", "assign", "comment", "shelve"],
        "ledger": {"received": now(number * 7 + 2), "stored": now(number * 7 + 2), "sent": now(number * 7 + 1), "delivered": None, "acknowledged": None},
    }  # fmt: skip
    return {**row, **changes}


def first_alarms() -> list[dict[str, Any]]:
    return [
        make_alarm(1, "critical", "大津波警報（香川県）", "Major tsunami warning (Kagawa)", status="exercise", label="replay", level="大津波警報", location=[134.05, 34.372], count=3),
        make_alarm(2, "major", "春日川水位計 氾濫危険水位 2.40 m", "River gauge above danger level 2.40 m", label="simulation", kind="threshold", source="rule", area_name="高松市", entity_id="urn:ngsi-ld:WaterLevel:372013:0000"),
        make_alarm(3, "minor", "大雨警報（高松市）", "Heavy rain warning (Takamatsu)", kind="rain", area_name="高松市", late=True, event_at=now(95), acknowledged=True, acknowledged_by="佐藤", acknowledged_at=now(12), assigned_to="危機管理課", actions=["assign", "comment", "undo"]),
        make_alarm(4, "warning", "強風注意報（高松市）", "Gale advisory (Takamatsu)", kind="wind", area_name="高松市"),
    ]  # fmt: skip


DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "tags": [{"name": "Entities", "description": "Entities as they are asked for."}],
    "paths": {
        "/ngsi-ld/v1/entities/{id}": {
            "get": {
                "tags": ["Entities"], "description": "GET /entities/{id} (6.5.3.1, 5.7.1).", "x-clauses": ["6.5.3.1", "5.7.1"],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "local", "in": "query", "schema": {"type": "string", "enum": ["true", "false"]},
                     "description": "Whether to leave other brokers out.", "x-ja": "他のブローカーに問い合わせないか。"},
                    {"$ref": "#/components/parameters/Tenant"},
                ],
            },
        },
        "/alarms/{id}/{action}": {
            "post": {
                "tags": ["Entities"], "description": "POST /alarms/{id}/{action}.",
                "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("id", "action")],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Any"}}}},
            },
        },
    },
    "components": {
        "schemas": {"Any": {"examples": [{"text": "seen"}]}},
        "parameters": {"Tenant": {"name": "NGSILD-Tenant", "in": "header", "schema": {"type": "string"}, "description": "The tenant.", "x-ja": "テナント。"}},
    },
}  # fmt: skip


@dataclass
class FakeCity:
    """State of the stand-in; `events` are kept so that a page can resume."""

    empty: bool = False
    basemaps: list[dict[str, Any]] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    layers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        dice = random.Random(372013)
        if not self.empty:
            self.layers = {row[0]: make_features(row, dice) for row in LAYERS}
            self.alarms = {row["id"]: row for row in first_alarms()}

    def push(self, name: str, data: Any) -> None:
        self.events.append((name, data))
        self.changed.set()
        self.changed = asyncio.Event()

    def find(self, entity: str) -> tuple[str, dict[str, Any]] | None:
        return next(((layer, rows[entity]) for layer, rows in self.layers.items() if entity in rows), None)

    # --- console JSON
    async def city(self, request: Request) -> Response:
        bundled = {
            "id": "bundled",
            "kind": "bundled",
            "name_ja": "内蔵の白地図",
            "name_en": "Bundled",
            "credit_ja": "国土数値情報（行政区域データ）国土交通省",
            "credit_en": "MLIT National Land Numerical Information (administrative areas)",
        }
        me = {"name": "試用 (trial operator)", "principal": "dev:trial", "roles": ["reader", "writer", "operator", "admin"]}
        return JSONResponse(
            {
                "profile": "takamatsu",
                "name_ja": "高松市",
                "name_en": "Takamatsu",
                "code": "372013",
                "center": CITY_CENTRE,
                "zoom": 11.3,
                "dev": True,
                "version": "0.1.0",
                "me": me,
                "csrf": "token-1",
                "basemaps": [bundled, *self.basemaps],
            }
        )

    async def layer_list(self, request: Request) -> Response:
        rows = [
            {"id": r[0], "domain": r[1], "name_ja": r[2], "name_en": r[3], "type": r[4], "color": r[5], "icon": r[6], "count": len(self.layers[r[0]]), "order": index, "visible": r[8], "opacity": 1, "live": r[9], "stale_after_s": 600 if r[9] else None, "licence": "CC BY 4.0", "label": r[10], **(OWN if r[9] else JMA if r[0] == "weather" else CREDIT)}
            for index, r in enumerate(LAYERS) if not self.empty
        ]  # fmt: skip
        return JSONResponse({"layers": rows, "domains": [{"id": a, "name_ja": b, "name_en": c} for a, b, c in DOMAINS]})

    async def features(self, request: Request) -> Response:
        rows = self.layers.get(request.path_params["id"])
        if rows is None:
            return self.problem(404, "citymap.layer.unknown")
        return JSONResponse({"type": "FeatureCollection", "features": list(rows.values())}, media_type="application/geo+json")

    async def areas(self, request: Request) -> Response:
        ring = [
            [133.95, 34.40],
            [134.02, 34.355],
            [134.09, 34.365],
            [134.17, 34.345],
            [134.2, 34.42],
            [134.05, 34.45],
            [133.95, 34.40],
        ]
        rows = [row for row in self.alarms.values() if row["active"] and row["kind"] == "tsunami"]
        return JSONResponse(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "geometry": {"type": "Polygon", "coordinates": [ring]},
                        "properties": {
                            "alarm_id": row["id"],
                            "severity": row["severity"],
                            "headline": row["headline_ja"],
                            "status": row["status"],
                        },
                    }
                    for row in rows
                ],
            }
        )

    async def search(self, request: Request) -> Response:
        words = request.query_params.get("q", "")
        rows = [
            {"kind": "entity", "id": key, "name": feature["properties"]["name"], "type": feature["properties"]["type"], "lon": feature["geometry"]["coordinates"][0], "lat": feature["geometry"]["coordinates"][1]}
            for found in self.layers.values() for key, feature in found.items() if words and (words in feature["properties"]["name"] or words in key)
        ]  # fmt: skip
        return JSONResponse({"results": rows[:10]})

    async def stream(self, request: Request) -> Response:
        start = int(request.headers.get("last-event-id") or len(self.events))

        async def body() -> AsyncIterator[str]:
            sent = start
            yield ": open\n\n"
            while True:
                for number in range(sent, len(self.events)):
                    name, data = self.events[number]
                    yield f"id: {number + 1}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
                sent = len(self.events)
                waiting = self.changed
                try:
                    await asyncio.wait_for(waiting.wait(), 10)
                except TimeoutError:
                    yield ": beat\n\n"

        return StreamingResponse(body(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    # --- alarms
    async def alarm_list(self, request: Request) -> Response:
        state, entity = request.query_params.get("state", "active"), request.query_params.get("entity")
        rows = [row for row in self.alarms.values() if entity is None or row["entity_id"] == entity]
        chosen = {
            "active": lambda r: not r["closed"],
            "acknowledged": lambda r: not r["closed"] and r["acknowledged"],
            "history": lambda r: r["closed"],
            "all": lambda r: True,
        }[state]
        rows = [row for row in rows if chosen(row)]
        counts = {
            name: sum(row["severity"] == name for row in rows) for name in ("critical", "major", "minor", "warning", "info")
        }
        return JSONResponse({"alarms": rows, "counts": counts})

    async def alarm_one(self, request: Request) -> Response:
        row = self.alarms.get(request.path_params["id"])
        if row is None:
            return self.problem(404, "command.alarm.unknown")
        history = [{"at": row["raised_at"], "by": "feed:jma", "what": "raised", "text": row["headline_ja"]}]
        if row["acknowledged"]:
            history.append({"at": row["acknowledged_at"], "by": row["acknowledged_by"], "what": "acknowledged", "text": ""})
        deliveries = [
            {
                "subscriber": "https://bosai.example.jp/hook",
                "state": "delivered",
                "attempts": 1,
                "at": row["arrived_at"],
                "error": None,
            },
            {"subscriber": "https://mail.example.jp/", "state": "retrying", "attempts": 3, "at": now(1), "error": "503"},
        ]
        return JSONResponse({**row, "history": history, "deliveries": deliveries})

    async def alarm_act(self, request: Request) -> Response:
        row, action = self.alarms.get(request.path_params["id"]), request.path_params["action"]
        if row is None:
            return self.problem(404, "command.alarm.unknown")
        body = json.loads(await request.body() or b"{}")
        if action not in row["actions"]:
            return self.problem(409, "command.alarm.illegal_action")
        changes = self.outcome(row, action, body)
        self.before[row["id"]] = row
        self.alarms[row["id"]] = {**row, **changes}
        self.push("alarm", self.alarms[row["id"]])
        return JSONResponse(self.alarms[row["id"]])

    def outcome(self, row: dict[str, Any], action: str, body: dict[str, Any]) -> dict[str, Any]:
        if action == "undo":
            return self.before.get(
                row["id"],
                {
                    **row,
                    "acknowledged": False,
                    "acknowledged_by": None,
                    "actions": ["acknowledge", "assign", "comment", "shelve"],
                },
            )
        if action == "acknowledge":
            return {
                "acknowledged": True,
                "acknowledged_by": "試用",
                "acknowledged_at": now(),
                "actions": ["undo", "assign", "comment"],
                "ledger": {**row["ledger"], "acknowledged": now()},
            }
        if action == "close":
            return {"closed": True, "actions": []}
        if action == "assign":
            return {"assigned_to": body.get("to")}
        if action == "shelve":
            return {"shelved_until": body.get("until")}
        return {"comments": [*row["comments"], {"by": "試用", "at": now(), "text": body.get("text", "")}]}

    # --- entities and types
    async def types(self, request: Request) -> Response:
        return JSONResponse(
            {
                "types": [
                    {
                        "type": r[4],
                        "iri": f"https://example.org/{r[4]}",
                        "count": len(self.layers[r[0]]),
                        "name_ja": r[2],
                        "name_en": r[3],
                    }
                    for r in LAYERS
                    if not self.empty
                ]
            }
        )

    async def entities(self, request: Request) -> Response:
        kind, words, after = (request.query_params.get(key, "") for key in ("type", "q", "after"))
        limit = int(request.query_params.get("limit", 50))
        rows = [
            {"id": key, "name": f["properties"]["name"], "type": f["properties"]["type"], "lon": f["geometry"]["coordinates"][0], "lat": f["geometry"]["coordinates"][1], "modified_at": now(30), "label": f["properties"]["label"]}
            for found in self.layers.values() for key, f in found.items() if (not kind or f["properties"]["type"] == kind) and words in f["properties"]["name"] and key > after
        ]  # fmt: skip
        rows.sort(key=lambda row: str(row["id"]))
        return JSONResponse({"rows": rows[:limit], "next": rows[limit - 1]["id"] if len(rows) > limit else None})

    async def entity(self, request: Request) -> Response:
        found = self.find(request.path_params["id"])
        if found is None:
            return self.problem(404, "data.entity.does_not_exist")
        properties, place = found[1]["properties"], found[1]["geometry"]
        body = {
            "id": properties["id"], "type": properties["type"], "createdAt": now(9000), "modifiedAt": now(2),
            "name": {"type": "Property", "value": properties["name"]}, "location": {"type": "GeoProperty", "value": place},
            "address": {"type": "Property", "value": {"addressRegion": "香川県", "addressLocality": "高松市", "streetAddress": properties["detail_ja"]}},
            "capacity": {"type": "Property", "value": 420}, "isOpen": {"type": "Property", "value": True},
            "partOf": {"type": "Relationship", "object": "urn:ngsi-ld:Park:372013:0001"},
            "source": {"type": "Property", "value": "https://github.com/takamatsu-city/opendata"},
        }  # fmt: skip
        if properties["value"] is not None:
            body["waterLevel"] = {
                "type": "Property",
                "value": properties["value"],
                "unitCode": "MTR",
                "observedAt": properties["observed_at"],
            }
        return JSONResponse(body, media_type="application/ld+json")

    async def temporal(self, request: Request) -> Response:
        found = self.find(request.path_params["id"])
        if found is None:
            return self.problem(404, "data.entity.does_not_exist")
        dice = random.Random(7)
        points = []
        level = 1.1
        for minutes in range(60 * 24, 0, -10):
            level = max(0.4, level + dice.uniform(-0.06, 0.065))
            points.append(
                {
                    "type": "Property",
                    "value": round(level, 2),
                    "unitCode": "MTR",
                    "observedAt": now(minutes),
                    "instanceId": f"urn:i:{minutes}",
                }
            )
        start = request.query_params.get("timeAt", "")
        if request.query_params.get("format") == "aggregatedValues":
            sums = {"avg": 1.25, "min": 1.1, "max": 1.5}
            hours = [(now(60 * hour), now(60 * hour - 60)) for hour in (3, 2, 1)]
            level = {"type": "Property", **{name: [[value, *hour] for hour in hours] for name, value in sums.items()}}
            return JSONResponse({"id": request.path_params["id"], "waterLevel": level})
        kept = [point for point in points if str(point["observedAt"]) >= start]
        measured = found[1]["properties"]["value"] is not None
        return JSONResponse(
            {
                "id": request.path_params["id"],
                "type": found[1]["properties"]["type"],
                **({"waterLevel": kept} if measured else {}),
            },
            status_code=206 if start < now(60 * 48) else 200,
        )

    # --- imports
    async def import_start(self, request: Request) -> Response:
        form = await request.form()
        run = f"run-{len(self.runs) + 1}" + ("-dry" if form.get("dry_run") == "true" else "")
        self.runs[run] = 0
        _ = asyncio.get_running_loop().call_later(0.2, self.import_step, run)
        return JSONResponse({"run": run}, status_code=202)

    def import_step(self, run: str) -> None:
        self.runs[run] += 50
        self.push(
            "import",
            {"run": run, "done": self.runs[run], "total": 100, "phase": "storing" if self.runs[run] < 100 else "finished"},
        )
        if self.runs[run] < 100:
            asyncio.get_running_loop().call_later(0.3, self.import_step, run)

    async def import_list(self, request: Request) -> Response:
        return JSONResponse(
            {
                "runs": [
                    {
                        "run": run,
                        "state": "done",
                        "started_at": now(3),
                        "names": ["避難所.xlsx", "a.xlsx", "b.xlsx"],
                        "files": [{"problem": {"code": "x"}}],
                    }
                    for run in self.runs
                ]
            }
        )

    async def import_one(self, request: Request) -> Response:
        run = request.path_params["run"]
        if run == "run-failed":
            problem = {"code": "import.file.unknown", "detail": "No sheet.", "detail_ja": "表がありません。", "remedy": "Choose one.", "remedy_ja": "選び直してください。"}  # fmt: skip
            counts = {"error": 0, "warning": 0, "info": 0}
            return JSONResponse(
                {"run": run, "state": "failed", "files": [], "findings_count": counts, "findings": [], "problem": problem}
            )
        if run not in self.runs and run != "run-0":
            return self.problem(404, "data.import.unknown_run")
        done = self.runs.get(run, 100) >= 100
        state = ("dry_run" if run.endswith("dry") else "done") if done else "running"
        findings = [
            {"code": "row.position.swapped", "severity": "error", "file": "避難所.xlsx", "sheet": "Sheet1", "row": 17, "column": "緯度", "value": "134.05", "proposal": "34.34", "text_ja": "緯度と経度が入れ替わっています。", "text_en": "Latitude and longitude are swapped."},
            {"code": "row.year.missing", "severity": "warning", "file": "避難所.xlsx", "sheet": "Sheet1", "row": 23, "column": "更新日", "value": "3月1日", "proposal": None, "text_ja": "年がありません。", "text_en": "The year is missing."},
            {"code": "row.name.blank", "severity": "info", "file": "避難所.xlsx", "sheet": "Sheet1", "row": 41, "column": "名称", "value": " 栗林小学校", "proposal": "栗林小学校", "text_ja": "名称の前に空白があります。", "text_en": "The name starts with a blank."},
        ]  # fmt: skip
        columns = [
            {"heading": "No.", "use": "row_number", "attribute": ""},
            {"heading": "名称", "use": "item", "attribute": "name"},
            {"heading": "緯度", "use": "item", "attribute": "latitude"},
            {"heading": "経度", "use": "item", "attribute": "longitude"},
            {"heading": "地域の目印", "use": "extra", "attribute": "chiikiNoMejirushi"},
        ]
        mapping = {
            "machinamiMapping": 1,
            "fingerprint": "abc123",
            "publication": "evacuation_space",
            "model": "evacuation-space",
            "key": ["name", "address"],
            "columns": columns,
        }
        row = {
            "name": "避難所.xlsx",
            "sheet": "Sheet1",
            "model": "EvacuationSpace",
            "model_ja": "避難所",
            "rows": 195,
            "model_en": "Shelters",
            "merged": 0,
            "created": 190,
            "updated": 3,
            "unchanged": 0,
            "withdrawn": 0,
            "rejected": 2,
            "mapping": mapping,
        }
        return JSONResponse(
            {
                "run": run,
                "state": state,
                "by": "試用",
                "started_at": now(1),
                "files": [row] if done else [],
                "findings_count": {"error": 1, "warning": 1, "info": 1} if done else {"error": 0, "warning": 0, "info": 0},
                "findings": findings if done else [],
                "problem": None,
            }
        )

    async def models(self, request: Request) -> Response:
        return JSONResponse(
            {
                "models": [
                    {
                        "id": "evacuation-space",
                        "type": "EvacuationSpace",
                        "name_ja": "避難所",
                        "name_en": "Shelters",
                        "subject": "place",
                    }
                ]
            }
        )

    async def attributes(self, request: Request) -> Response:
        names = {
            "capacity": {"ja": "想定収容人数", "en": "Capacity"},
            "chiikiNoMejirushi": {"ja": "地域の目印", "en": "Local landmark"},
        }
        types = {"AED": {"ja": "AED設置場所", "en": "AED locations"}}
        return JSONResponse({"attributes": names, "types": types})

    async def accept(self, request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def login(self, request: Request) -> Response:
        body = await request.json()
        return (
            JSONResponse({"ok": True}) if body.get("password") == "correct horse" else self.problem(401, "security.login.wrong")
        )

    # --- handles for tests
    async def fake_value(self, request: Request) -> Response:
        body = await request.json()
        found = self.find(body["id"])
        assert found is not None
        layer, feature = found
        properties = {
            **feature["properties"],
            "value": body.get("value", feature["properties"]["value"]),
            "observed_at": body.get("observed_at", now()),
        }
        self.layers[layer][body["id"]] = {**feature, "properties": properties}
        self.push("entity", {"id": body["id"], "layers": [layer], "feature": self.layers[layer][body["id"]]})
        return JSONResponse({})

    async def fake_alarm(self, request: Request) -> Response:
        body = await request.json()
        row = make_alarm(len(self.alarms) + 1, body.pop("severity"), body.pop("ja"), body.pop("en"), **body)
        self.alarms[row["id"]] = row
        self.push("alarm", row)
        return JSONResponse(row)

    def problem(self, status: int, code: str) -> Response:
        body = {
            "type": "about:blank",
            "title": "Refused",
            "detail": f"Refused: {code}",
            "detail_ja": f"受け付けられません（{code}）。",
            "status": status,
            "code": code,
            "remedy": "Check what was asked.",
            "remedy_ja": "内容を確かめてください。",
        }
        return JSONResponse(body, status_code=status, media_type="application/problem+json")

    def app(self) -> Starlette:
        hosts = sorted({"/".join(base["url"].split("/")[:3]) for base in self.basemaps})
        return Starlette(routes=[
            *page_routes(online_hosts=hosts), Route("/openapi.json", lambda request: JSONResponse(DESCRIPTION)),
            Route("/api/city", self.city), Route("/api/layers", self.layer_list), Route("/api/layers/{id}/features", self.features),
            Route("/api/areas/alarms", self.areas), Route("/api/search", self.search), Route("/api/stream", self.stream),
            Route("/api/types", self.types), Route("/api/entities", self.entities), Route("/api/imports", self.import_start, methods=["POST"]),
            Route("/api/imports", self.import_list), Route("/api/imports/{run}", self.import_one), Route("/api/models", self.models), Route("/api/attributes", self.attributes),
            Route("/api/imports/{run}/findings.csv", lambda request: PlainTextResponse("sheet,row\n", media_type="text/csv")),
            Route("/api/mappings/{fingerprint}", self.accept, methods=["PUT"]),
            Route("/alarms", self.alarm_list), Route("/alarms/{id}", self.alarm_one), Route("/alarms/{id}/{action}", self.alarm_act, methods=["POST"]),
            Route("/ngsi-ld/v1/entities/{id}", self.entity), Route("/ngsi-ld/v1/temporal/entities/{id}", self.temporal),
            Route("/auth/login", self.login, methods=["POST"]), Route("/auth/logout", self.accept, methods=["POST"]), Route("/auth/setup", self.accept, methods=["POST"]),
            Route("/fake/value", self.fake_value, methods=["POST"]), Route("/fake/alarm", self.fake_alarm, methods=["POST"]),
        ])  # fmt: skip


if __name__ == "__main__":
    import sys

    import uvicorn

    uvicorn.run(FakeCity().app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
