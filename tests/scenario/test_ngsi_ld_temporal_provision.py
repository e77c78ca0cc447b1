"""An operator brings the past of a sensor along, corrects it, and asks for it: temporal provision and what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from .scenario_kit import V1, Client, address_of

TEMPORAL = f"{V1}/temporal/entities"
QUERY = f"{V1}/temporal/entityOperations/query"
PUMP = "urn:ngsi-ld:Pump:1"
SERIES = f"{TEMPORAL}/{PUMP}"
ALL: dict[str, Any] = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def fresh(server: Client) -> None:
    """Each test begins with an empty city."""
    assert server.delete("/dev/state").status == 204


def flow(value: Any, at: str, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at, **members}


def bring(server: Client, entity_id: str = PUMP, status: int = 201, kind: str = "Pump", **series: Any) -> None:
    reply = server.post(TEMPORAL, {"id": entity_id, "type": kind, **series})
    assert reply.status == status, reply.body


def seen(server: Client, name: str = "flow", **asked: Any) -> list[Any]:
    reply = server.get(SERIES, **asked)
    assert reply.status in (200, 206), reply.body
    return [one["value"] for one in reply.json.get(name, [])]


def found(server: Client, **asked: Any) -> list[str]:
    reply = server.get(TEMPORAL, **{**ALL, **asked})
    assert reply.status == 200, reply.body
    return [one["id"] for one in reply.json]


def test_a_past_that_is_brought_along_makes_the_entity_and_is_added_to(server: Client) -> None:
    bring(server, flow=[flow(1, "2026-01-01T00:00:00Z"), flow(3, "2026-01-03T00:00:00Z")])
    assert server.read(PUMP)["flow"]["value"] == 3
    bring(server, status=204, flow=[flow(2, "2026-01-02T00:00:00Z")])
    assert seen(server) == [1, 2, 3]
    assert server.read(PUMP)["flow"]["value"] == 3
    reply = server.post(f"{SERIES}/attrs", {"flow": [flow(4, "2026-01-04T00:00:00Z")], "speed": {"value": 9}})
    assert reply.status == 204
    assert (server.read(PUMP)["flow"]["value"], server.read(PUMP)["speed"]["value"]) == (4, 9)
    assert server.post(f"{TEMPORAL}/urn:x:none/attrs", {"flow": [flow(1, "2026-01-01T00:00:00Z")]}).problem[0] == 404


def test_an_instance_is_corrected_and_removed(server: Client) -> None:
    bring(server, flow=[flow(1, "2026-01-01T00:00:00Z"), flow(3, "2026-01-03T00:00:00Z")])
    first, last = (one["instanceId"] for one in server.get(SERIES).json["flow"])
    assert server.patch(f"{SERIES}/attrs/flow/{first}", flow(10, "2026-01-01T00:00:00Z")).status == 204
    assert server.patch(f"{SERIES}/attrs/flow/{last}", {"flow": [flow(30, "2025-12-31T00:00:00Z")]}).status == 204
    shown = server.get(SERIES, options="sysAttrs").json["flow"]
    assert [(one["value"], one["instanceId"]) for one in shown] == [(30, last), (10, first)]
    assert shown[0]["modifiedAt"] > shown[0]["createdAt"]
    assert server.read(PUMP)["flow"]["value"] == 30
    assert server.delete(f"{SERIES}/attrs/flow/{last}").status == 204
    assert (seen(server), server.read(PUMP)["flow"]["value"]) == ([10], 10)
    assert server.delete(f"{SERIES}/attrs/flow/{last}").problem == (404, "ResourceNotFound")
    assert server.delete(f"{SERIES}/attrs/flow/nothing").problem == (400, "BadRequestData")
    assert server.patch(f"{SERIES}/attrs/speed/{first}", flow(1, "2026-01-01T00:00:00Z")).problem == (404, "ResourceNotFound")
    two = {"flow": [flow(1, "2026-01-01T00:00:00Z"), flow(2, "2026-01-01T00:00:00Z", datasetId="urn:d:1")]}
    for wrong in (two, [], {"flow": []}, [flow(1, "2026-01-01")]):
        assert server.patch(f"{SERIES}/attrs/flow/{first}", wrong).problem == (400, "BadRequestData")


def test_a_deletion_leaves_its_mark(server: Client) -> None:
    bring(server, flow=[flow(1, "2026-01-01T00:00:00Z")], scope="/plant")
    assert server.delete(f"{address_of(PUMP)}/attrs/flow").status == 204
    assert server.delete(f"{address_of(PUMP)}/attrs/scope").status == 204
    assert seen(server) == [1]
    marks = server.get(SERIES, timeproperty="deletedAt").json
    assert [one["value"] for one in marks["flow"]] == ["urn:ngsi-ld:null"]
    assert [one["value"] for one in marks["scope"]] == [[]]
    assert server.delete(f"{SERIES}/attrs/flow", deleteAll="true").status == 204
    assert server.get(SERIES).json.get("flow") is None
    assert server.delete(f"{SERIES}/attrs/flow").problem == (404, "ResourceNotFound")
    assert server.delete(SERIES).status == 204
    assert server.get(SERIES).problem == server.get(address_of(PUMP)).problem == (404, "ResourceNotFound")


def test_scopes_have_a_past(server: Client) -> None:
    told = [{"type": "Property", "value": f"/{one}", "observedAt": f"202{one}-01-01T00:00:00Z"} for one in (5, 3)]
    bring(server, scope=told)
    assert server.read(PUMP)["scope"] == "/5"
    assert [one["value"] for one in server.get(SERIES).json["scope"]] == ["/3", "/5"]
    before = {"timerel": "before", "timeAt": "2024-01-01T00:00:00Z"}
    assert found(server, type="Pump", scopeQ="/3", **before) == [PUMP]
    assert found(server, type="Pump", scopeQ="/4", **before) == []


def test_queries_look_at_the_past_and_not_at_the_present(server: Client) -> None:
    bring(server, flow=[flow(90, "2026-01-01T00:00:00Z"), flow(10, "2026-02-01T00:00:00Z")])
    bring(server, "urn:ngsi-ld:Pump:2", flow=[flow(95, "2026-02-02T00:00:00Z", datasetId="urn:d:1")])
    bring(server, "urn:ngsi-ld:Valve:1", kind="Valve", place={"type": "Point", "coordinates": [139.7, 35.6]})
    january = {"timerel": "before", "timeAt": "2026-01-15T00:00:00Z"}
    assert found(server, type="Pump", q="flow>80") == [PUMP, "urn:ngsi-ld:Pump:2"]
    assert found(server, type="Pump", q="flow>80", **january) == [PUMP]
    assert found(server, type="Pump", q="flow<20", **january) == []
    assert found(server, type="Pump") == found(server, attrs="flow") == [PUMP, "urn:ngsi-ld:Pump:2"]
    assert found(server, type="Pump", datasetId="urn:d:1") == ["urn:ngsi-ld:Pump:2"]
    assert found(server, type="Pump", orderBy="id;desc") == ["urn:ngsi-ld:Pump:2", PUMP]
    near = {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": "[139.7,35.6]", "geoproperty": "place"}
    assert found(server, type="Valve", timeproperty="modifiedAt", **near) == ["urn:ngsi-ld:Valve:1"]
    assert found(server, type="Valve", **near) == []
    body = {"type": "Query", "entities": [{"type": "Pump"}], "q": "flow>92", "temporalQ": {**ALL, "lastN": 1}}
    assert [one["id"] for one in server.post(QUERY, body).json] == ["urn:ngsi-ld:Pump:2"]


def test_a_condition_finds_its_instance_in_a_long_past(server: Client) -> None:
    minutes = [f"2026-01-0{1 + n // 60}T00:{n % 60:02}:00Z" for n in range(120)]
    bring(
        server,
        flow=[flow(n, minute) for n, minute in enumerate(minutes)],
        word=[flow(f"w{n}", at) for n, at in enumerate(minutes)],
    )
    for q, wanted in (
        ("flow>118", [PUMP]), ("flow>119", []), ("flow>=119;flow<1", [PUMP]), ("flow==119", [PUMP]), ("flow>119|flow<0", []),
        ('word=="w119"', [PUMP]), ('word=="w60"', [PUMP]), ('word=="w120"', []), ('word=="w119";flow>119', []), ("word", [PUMP]), ("wort", []),
    ):  # fmt: skip
        assert found(server, type="Pump", q=q, attrs="flow", lastN=1) == wanted, q


def test_pages_of_entities_and_their_number(server: Client) -> None:
    for number in range(5):
        bring(server, f"urn:ngsi-ld:Pump:{number}", flow=[flow(number, "2026-01-01T00:00:00Z")])
    first = server.get(TEMPORAL, type="Pump", limit=2, offset=2, count="true", **ALL)
    assert [one["id"][-1] for one in first.json] == ["2", "3"]
    assert first.headers["ngsild-results-count"] == "5"
    assert 'rel="next"' in first.headers["link"]
    assert 'rel="prev"' in first.headers["link"]
    assert 'rel="next"' not in server.get(TEMPORAL, type="Pump", limit=2, offset=3, **ALL).headers["link"]


def test_an_entity_map_freezes_what_a_temporal_query_found(server: Client) -> None:
    for number in (1, 2, 3):
        bring(server, f"urn:ngsi-ld:Pump:{number}", flow=[flow(number, f"2026-01-0{number}T00:00:00Z")])
    asked = {"type": "Pump", "limit": 2, "timerel": "before", "timeAt": "2026-01-03T00:00:00Z"}
    first = server.get(TEMPORAL, entityMap="true", **{**asked, "limit": 1})
    assert (first.status, [one["id"][-1] for one in first.json]) == (201, ["1"])
    by_map = {"NGSILD-EntityMap": first.headers["ngsild-entitymap"]}
    assert sorted(server.get(first.headers["ngsild-entitymap"]).json["entityMap"]) == [
        "urn:ngsi-ld:Pump:1",
        "urn:ngsi-ld:Pump:2",
    ]
    bring(server, "urn:ngsi-ld:Pump:0", flow=[flow(0, "2026-01-01T00:00:00Z")])
    again = server.get(TEMPORAL, by_map, offset=1, **asked)
    assert (again.status, [one["id"][-1] for one in again.json]) == (200, ["2"])
    assert [one["value"] for one in again.json[0]["flow"]] == [2]
    assert server.get(SERIES, entityMap="true").status == 201


def test_a_page_ends_at_the_same_instant_for_all_entities(server: Client) -> None:
    """The server of these tests shows 5 instances a page."""
    hours = [flow(hour, f"2026-01-01T{hour:02}:00:00Z") for hour in range(8)]
    bring(server, flow=hours)
    bring(server, "urn:ngsi-ld:Pump:2", flow=hours[6:], speed=hours[3:4])
    page = server.get(TEMPORAL, type="Pump", **ALL)
    assert page.status == 206
    assert page.headers["content-range"] == "date-time 2000-01-01T00:00:00Z-2026-01-01T04:00:00Z/*"
    one, other = page.json
    assert ([each["value"] for each in one["flow"]], [each["value"] for each in other["speed"]]) == ([0, 1, 2, 3, 4], [3])
    assert other["flow"] == []
    values = server.get(TEMPORAL, type="Pump", format="temporalValues", **ALL).json[1]
    assert values["flow"] == {"type": "Property", "values": []}


def test_only_what_conveys_the_time_property_matches(server: Client) -> None:
    server.create(PUMP, "Pump", flow=5, name="north")
    assert seen(server) == [5]
    assert seen(server, **ALL) == []
    assert seen(server, timeproperty="modifiedAt", **ALL) == [5]
    assert server.get(SERIES, attrs="depth").problem == (404, "ResourceNotFound")
    assert server.get(SERIES, attrs="flow", **ALL).json == {"id": PUMP, "type": "Pump"}


def test_projection_of_temporal_entities(server: Client) -> None:
    bring(server, flow=[flow(1, "2026-01-01T00:00:00Z")], speed=[flow(2, "2026-01-01T00:00:00Z")])
    assert sorted(server.get(SERIES, pick="id,speed").json) == ["id", "speed"]
    assert sorted(server.get(SERIES, omit="type,speed").json) == ["flow", "id"]
    assert server.get(TEMPORAL, type="Pump", pick="id", **ALL).json == [{"id": PUMP}]
    for asked in ({"pick": "flow", "omit": "flow"}, {"pick": "flow", "attrs": "speed"}, {"omit": "flow", "attrs": "speed"}):
        assert server.get(SERIES, **asked).problem == (400, "BadRequestData")
    assert server.get(SERIES, pick="depth").problem == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    "asked",
    [
        ALL, {"type": "Pump"}, {"id": PUMP, **ALL}, {"type": "Pump", "orderBy": "flow", **ALL}, {"q": "flow>", **ALL},
        {"type": "Pump", "pick": "flow{speed}", **ALL}, {"type": "Pump", "orderBy": "id", "collation": "??", **ALL},
    ],
)  # fmt: skip
def test_a_query_that_is_too_wide_or_not_temporal_is_refused(server: Client, asked: dict[str, str]) -> None:
    assert server.get(TEMPORAL, **asked).problem == (400, "BadRequestData")


# --- aggregation


def test_hours_are_aggregated(server: Client) -> None:
    bring(server, flow=[flow(n, f"2026-01-01T0{n // 2}:{30 * (n % 2):02}:00Z") for n in range(6)], name={"value": "north"})
    asked = {"format": "aggregatedValues", "aggrMethods": "avg,max,totalCount", "aggrPeriodDuration": "PT1H"}
    told = server.get(SERIES, **asked).json
    assert told["flow"]["avg"] == [
        [0.5, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"],
        [2.5, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"],
        [4.5, "2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"],
    ]
    assert [one[0] for one in told["flow"]["max"]] == [1, 3, 5]
    assert [one[0] for one in told["name"]["max"]] == ["north"]
    whole = server.get(SERIES, options="aggregatedValues", aggrMethods="sum", attrs="flow", **ALL).json
    assert whole["flow"]["sum"] == [[15, "2000-01-01T00:00:00Z", "2026-01-01T02:30:00Z"]]


def test_each_entity_is_aggregated_from_its_own_first_instance(server: Client) -> None:
    bring(
        server, flow=[flow(1, "2026-01-01T00:30:00Z"), flow(3, "2026-01-01T01:00:00Z")], speed=[flow(7, "2026-01-01T02:00:00Z")]
    )
    bring(server, "urn:ngsi-ld:Pump:2", flow=[flow(5, "2026-01-01T04:15:00Z")])
    asked = {
        "type": "Pump",
        "timerel": "before",
        "timeAt": "2027-01-01T00:00:00Z",
        "format": "aggregatedValues",
        "aggrMethods": "sum",
    }
    one, other = server.get(TEMPORAL, aggrPeriodDuration="PT1H", **asked).json
    assert one["flow"]["sum"] == [[4, "2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z"]]
    assert one["speed"]["sum"] == [[7, "2026-01-01T01:30:00Z", "2026-01-01T02:30:00Z"]]
    assert other["flow"]["sum"] == [[5, "2026-01-01T04:15:00Z", "2026-01-01T05:15:00Z"]]
    whole = server.get(TEMPORAL, **asked).json
    assert [each["flow"]["sum"][0][2] for each in whole] == ["2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]


def test_months_are_those_of_the_zone_that_is_asked_in(server: Client) -> None:
    bring(server, flow=[flow(1, "2026-02-28T14:59:59Z"), flow(2, "2026-02-28T15:00:00Z"), flow(4, "2026-03-31T15:00:00Z")])
    asked = {"options": "aggregatedValues", "aggrMethods": "sum", "aggrPeriodDuration": "P1M", "timerel": "after"}
    in_tokyo = server.get(SERIES, timeAt="2026-01-01T00:00:00+09:00", **asked).json["flow"]["sum"]
    assert in_tokyo == [
        [1, "2026-01-31T15:00:00Z", "2026-02-28T15:00:00Z"],
        [2, "2026-02-28T15:00:00Z", "2026-03-31T15:00:00Z"],
        [4, "2026-03-31T15:00:00Z", "2026-04-30T15:00:00Z"],
    ]
    in_utc = server.get(SERIES, timeAt="2026-01-01T00:00:00Z", **asked).json["flow"]["sum"]
    assert [one[0] for one in in_utc] == [3, 4]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"aggrMethods": "mean"}, (400, "BadRequestData")),
        ({}, (400, "BadRequestData")),
        ({"aggrMethods": "avg", "aggrPeriodDuration": "1 hour"}, (400, "BadRequestData")),
        ({"aggrMethods": "avg", "attrs": "name"}, (400, "InvalidRequest")),
        ({"aggrMethods": "avg", "attrs": "flow", "aggrPeriodDuration": "PT0.0001S"}, None),
    ],
)
def test_an_aggregation_that_can_not_be_is_refused(server: Client, asked: dict[str, str], problem: Any) -> None:
    bring(server, flow=[flow(1, "2026-01-01T00:00:00Z")], name=[flow("north", "2026-01-01T00:00:00Z")])
    reply = server.get(SERIES, format="aggregatedValues", **asked)
    assert (reply.status == 200) if problem is None else (reply.problem == problem)
