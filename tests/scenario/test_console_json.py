"""What the console's pages fetch: the city, its layers, search, lists, alarms and the live stream."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .scenario_kit import Client, Receiver, Stream, address_of, until

SHELTER = "urn:ngsi-ld:EvacuationSpace:372013:1"


@pytest.fixture(scope="module", autouse=True)
def city(emptied: None, server: Client) -> None:
    """Three shelters and a river gauge."""
    names = ("中央小学校", "ＡＢＣホール", "サンポート高松")
    for number, name in enumerate(names, 1):
        server.create(
            f"urn:ngsi-ld:EvacuationSpace:372013:{number}", "EvacuationSpace",
            name={"languageMap": {"ja": name}}, location={"type": "Point", "coordinates": [134.04 + number / 100, 34.34]},
        )  # fmt: skip
    server.create(
        "urn:ngsi-ld:WaterLevelObserved:1", "WaterLevelObserved", name="橋の下",
        waterLevel={"value": 1.2, "unitCode": "MTR", "observedAt": "2026-05-14T00:00:00Z"},
        location={"type": "Point", "coordinates": [134.05, 34.33]},
    )  # fmt: skip


@pytest.fixture
def stream(server: Client) -> Iterator[Stream]:
    made = Stream(server)
    assert made.next() == ("hello", {})
    yield made
    made.close()


def test_the_city_says_what_the_shell_needs(server: Client) -> None:
    document = server.get("/api/city").json
    assert (document["profile"], document["name_ja"], document["code"], document["dev"]) == (
        "takamatsu",
        "高松市",
        "372013",
        True,
    )
    assert document["me"]["name"].startswith("試用")
    assert document["basemaps"][0]["kind"] == "bundled"


def test_layers_count_their_entities(server: Client) -> None:
    document = server.get("/api/layers").json
    counts = {one["id"]: one["count"] for one in document["layers"]}
    shelters = next(one for one in document["layers"] if one["type"] == "EvacuationSpace")
    assert shelters["count"] == 3
    assert counts["river-gauge"] == 1
    assert {one["domain"] for one in document["layers"]} <= {one["id"] for one in document["domains"]}


def test_features_of_a_layer_are_geojson(server: Client) -> None:
    document = server.get("/api/layers/river-gauge/features").json
    [feature] = document["features"]
    assert feature["geometry"]["coordinates"] == [134.05, 34.33]
    assert (feature["properties"]["value"], feature["properties"]["unit"]) == (1.2, "m")
    assert document["truncated"] is False
    assert server.get("/api/layers/none/features").problem == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("中央", ["中央小学校"]),
        ("abc", ["ＡＢＣホール"]),
        ("ＡＢＣ", ["ＡＢＣホール"]),
        ("ｻﾝﾎﾟｰﾄ", ["サンポート高松"]),
        ("サンポート 高松", ["サンポート高松"]),
        (SHELTER, ["中央小学校"]),
        ("urn:ngsi-ld:Nothing:1", []),
        ("どこにもない", []),
        ("", []),
    ],
)
def test_search_finds_names_in_any_width_and_ids(server: Client, text: str, found: list[str]) -> None:
    assert [one["name"] for one in server.get("/api/search", q=text).json["results"]] == found


@pytest.mark.parametrize("text", ["34.34, 134.05", "134.05 34.34", "３４．３４，１３４．０５"])
def test_search_reads_coordinates_in_either_order(server: Client, text: str) -> None:
    [place] = server.get("/api/search", q=text).json["results"]
    assert (place["kind"], place["lat"], place["lon"]) == ("coordinate", 34.34, 134.05)


def test_the_list_goes_page_by_page(server: Client) -> None:
    first = server.get("/api/entities", type="EvacuationSpace", limit=2).json
    assert [row["name"] for row in first["rows"]] == ["中央小学校", "ＡＢＣホール"]
    second = server.get("/api/entities", type="EvacuationSpace", limit=2, after=first["next"]).json
    assert [row["name"] for row in second["rows"]] == ["サンポート高松"]
    assert second["next"] is None
    assert [row["name"] for row in server.get("/api/entities", q="ホール").json["rows"]] == ["ＡＢＣホール"]
    assert server.get("/api/entities", type="Nothing").problem == (404, "ResourceNotFound")
    assert server.get("/api/entities", limit="x").problem == (400, "BadRequestData")
    assert {"EvacuationSpace", "WaterLevelObserved"} <= {
        one["type"].rpartition("/")[2] for one in server.get("/api/types").json["types"]
    }


# --- the live stream


def test_a_change_is_on_the_page_within_two_seconds(server: Client, stream: Stream) -> None:
    began = time.monotonic()
    server.patch(address_of("urn:ngsi-ld:WaterLevelObserved:1"), {"waterLevel": {"value": 1.3}})
    gauge = "urn:ngsi-ld:WaterLevelObserved:1"
    data = stream.until("entity", lambda data: data["id"] == gauge and data["feature"]["properties"]["value"] == 1.3)
    assert time.monotonic() - began < 2
    assert data["layers"] == ["river-gauge"]


def test_a_deleted_entity_leaves_the_map_and_a_new_type_is_announced(server: Client, stream: Stream) -> None:
    server.create("urn:ngsi-ld:Bench:1", "Bench", a=1)
    assert stream.until("types") == {"type": "https://uri.etsi.org/ngsi-ld/default-context/Bench"}
    server.create("urn:ngsi-ld:Vehicle:9", "Vehicle", location={"type": "Point", "coordinates": [134, 34]})
    server.delete(address_of("urn:ngsi-ld:Vehicle:9"))
    gone = stream.until("entity", lambda data: data["id"] == "urn:ngsi-ld:Vehicle:9" and data["feature"] is None)
    assert gone["layers"]


def test_a_page_that_comes_back_catches_up(server: Client, stream: Stream) -> None:
    stream.close()
    for number in range(5):
        server.create(f"urn:ngsi-ld:Missed:{number}", "Missed", n=number)
    until(lambda: len(server.get("/api/entities", type="Missed").json["rows"]) == 5, "five entities")
    again = Stream(server, stream.last_id)
    try:
        assert again.next()[0] == "comment"
        missed = [again.until("types") for _ in range(5)]
        assert len(missed) == 5
    finally:
        again.close()


@pytest.mark.parametrize("last", ["nonsense", "00000000-5", "x-y", "-", "99999999999999999999"])
def test_a_page_with_an_unknown_place_is_told_to_start_afresh(server: Client, last: str) -> None:
    opened = Stream(server, last)
    assert opened.next() == ("reset", {})
    opened.close()


def test_a_quiet_stream_still_beats_and_a_closed_one_is_forgotten(server: Client, stream: Stream) -> None:
    assert stream.until("comment") == "still here"
    assert server.figure("live_streams") >= 1
    stream.close()
    until(lambda: server.figure("live_streams") == 0, "the stream to be forgotten")


def test_tenants_do_not_hear_each_other(server: Client, stream: Stream) -> None:
    server.with_headers(NGSILD_Tenant="aji").create("urn:ngsi-ld:Secret:1", "Secret", a=1)
    server.create("urn:ngsi-ld:Open:1", "Open", a=1)
    assert stream.until("types")["type"].endswith("/Open")


# --- alarms


def warn(server: Client, event: str, grade: str = "warning", order: str = "") -> None:
    """A tsunami message for 香川県, as a feed would store it."""
    alert: dict[str, Any] = {
        "id": f"urn:ngsi-ld:Alert:{event}", "type": "Alert", "alertSource": "test", "eventId": event, "subCategory": "tsunami",
        "status": "Exercise", "title": "津波警報", "areas": {"value": [{"code": "590", "name": "香川県", "grade": grade}]},
    }  # fmt: skip
    assert server.post("/ngsi-ld/v1/entityOperations/upsert", [alert]).status in (201, 204)


def open_alarm(server: Client, event: str) -> dict[str, Any]:
    """The alarm of an event, once it is raised."""

    def find() -> dict[str, Any] | None:
        rows = server.get("/alarms", state="all").json["alarms"]
        return next((row for row in rows if row["event"] == event), None)

    return until(find, "the alarm")


def test_an_alarm_is_raised_told_acknowledged_cleared_and_closed(server: Client, stream: Stream, receiver: Receiver) -> None:
    added = server.post("/api/alarm-webhooks", {"name": "当直", "url": f"{receiver.address}/alarms"})
    assert added.status == 201
    warn(server, "event-1")
    row = open_alarm(server, "event-1")
    assert stream.until("alarm")["id"] == row["id"]
    assert (row["active"], row["acknowledged"], row["severity"], row["status"]) == (True, False, "major", "exercise")
    assert receiver.wait("/alarms")[0].document["alarm"]["id"] == row["id"]
    assert receiver.at("/alarms")[0].document["text_ja"].startswith("【訓練】")
    address = f"/alarms/{row['id']}"
    assert server.post(f"{address}/close", {}).status == 409
    done = server.post(f"{address}/acknowledge", {"text": "確認した"})
    assert done.status == 200
    assert done.json["acknowledged_by"].startswith("試用")
    assert server.post(f"{address}/acknowledge", {}).problem == (409, "AlreadyExists")
    assert server.post(f"{address}/comment", {"text": "避難所を開設"}).json["comments"][0]["text"] == "避難所を開設"
    assert server.post(f"{address}/comment", {"text": None}).problem == (400, "BadRequestData")
    assert server.post(f"{address}/assign", {"to": "佐藤"}).json["assigned_to"] == "佐藤"
    assert server.post(f"{address}/shelve", {"text": "x", "until": "2020-01-01T00:00:00Z"}).problem == (400, "BadRequestData")
    assert server.post(f"{address}/dance", {}).problem == (400, "InvalidRequest")
    assert server.post("/alarms/none/acknowledge", {}).problem == (404, "ResourceNotFound")
    assert server.post(f"{address}/comment", b"text=x", {"Content-Type": "text/plain"}).problem == (415, "UnsupportedMediaType")
    assert server.post(f"{address}/comment", {"text": 5}).problem == (400, "BadRequestData")
    warn(server, "event-1", "none")
    until(lambda: not server.get(address).json["active"], "the alarm to clear")
    closed = server.post(f"{address}/close", {}).json
    assert closed["closed"] is True
    whats = [line["what"] for line in closed["history"]]
    assert len(whats) >= 5
    until(lambda: server.get(address).json["ledger"]["delivered"], "the delivery to be written down")
    assert server.get(address).json["deliveries"][0]["subscriber"] == "当直"
    assert server.delete("/api/alarm-webhooks/%E5%BD%93%E7%9B%B4").status == 204


def test_alarms_of_an_area_are_on_the_map_while_they_last(server: Client) -> None:
    warn(server, "event-2")
    row = open_alarm(server, "event-2")
    [area] = [one for one in server.get("/api/areas/alarms").json["features"] if one["properties"]["alarm_id"] == row["id"]]
    assert area["geometry"]["type"] in ("Polygon", "MultiPolygon", "LineString", "MultiLineString")
    listed = [one["id"] for one in server.get("/alarms", state="active").json["alarms"]]
    assert row["id"] in listed
    assert server.get("/alarms", state="sideways").problem == (400, "InvalidRequest")
    assert server.get("/alarms", limit=0).problem == (400, "BadRequestData")
    assert server.get("/alarms/none").problem == (404, "ResourceNotFound")


def test_pages_come_with_a_strict_policy_and_version_names_us(server: Client) -> None:
    for path in ("/", "/operations", "/data", "/import", "/login", "/setup", f"/entities/{SHELTER}", "/imports/x"):
        reply = server.get(path)
        assert reply.status == 200
        policy = reply.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert not re.search(r"https?:", policy)
    version = server.get("/version").json
    assert version["machinami"]["name"] == "Machinami"
    assert version["orion"]["version"]
    assert server.get("/health").json["status"] == "pass"


def test_emptying_forgets_everything_quickly(server: Client) -> None:
    began = time.monotonic()
    assert server.delete("/dev/state").status == 204
    assert time.monotonic() - began < 3
    assert server.get("/api/types").json["types"] == []
    assert server.get("/alarms", state="all").json["alarms"] == []
    warn(server, "event-3")
    assert open_alarm(server, "event-3")["active"] is True
