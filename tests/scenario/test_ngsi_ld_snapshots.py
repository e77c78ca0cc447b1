"""A planner freezes part of the town, works on the copy, and throws it away (CIM 009 4.3.7, 5.5.15, 5.16)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from .scenario_kit import DEFAULT, ENTITIES, SUBSCRIPTIONS, V1, Client, Receiver, until

SNAPSHOTS = f"{V1}/snapshots"
TEMPORAL = f"{V1}/temporal/entities"


def cars(server: Client, kind: str, *speeds: int, **more: Any) -> list[str]:
    items = [{"id": f"urn:ngsi-ld:{kind}:{n}", "type": kind, "speed": speed, **more} for n, speed in enumerate(speeds)]
    assert server.post(f"{V1}/entityOperations/create", items).status == 201
    return [str(one["id"]) for one in items]


def query(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "Query", "entities": [{"type": kind}], **more}


def ready(server: Client, location: str) -> dict[str, Any]:
    def settled() -> Any:
        document = server.get(location).json
        return document if document["snapshotStatus"] != "preparing" else None

    found: dict[str, Any] = until(settled, f"{location} to be filled")
    return found


def frozen(server: Client, *queries: dict[str, Any], **members: Any) -> tuple[dict[str, Any], Client]:
    """A filled snapshot, and a client that works on it."""
    reply = server.post(SNAPSHOTS, {"type": "Snapshot", "snapshotQueries": list(queries), **members})
    assert reply.status == 201, reply.body
    document = ready(server, reply.headers["location"])
    headers = {**server._headers, "NGSILD-Snapshot": document["id"]}
    return document, Client(server.address, headers)


def address(document: dict[str, Any]) -> str:
    return f"{SNAPSHOTS}/{document['id']}"


def test_a_snapshot_keeps_what_its_queries_found(server: Client) -> None:
    ids = cars(server, "SnapA", 80, 30, 90)
    document, copy = frozen(server, query("SnapA", q="speed>50"))
    assert document["snapshotStatus"] == "success"
    assert document["snapshotQueriesDetails"] == [{"resultStatus": "success"}]
    assert document["snapshotPriority"] == 5
    assert {"createdAt", "modifiedAt", "expiresAt", "lastUsedAt"} <= document.keys()
    assert server.patch(f"{ENTITIES}/{ids[0]}/attrs", {"speed": 10}).status == 204
    assert server.delete(f"{ENTITIES}/{ids[2]}").status == 204
    server.create("urn:ngsi-ld:SnapA:late", "SnapA", speed=99)
    reply = copy.get(ENTITIES, type="SnapA", count="true")
    assert [(one["id"], one["speed"]["value"]) for one in reply.json] == [(ids[0], 80), (ids[2], 90)]
    assert (reply.headers["ngsild-results-count"], reply.headers["ngsild-snapshot"]) == ("2", document["id"])
    assert copy.ids(type="SnapA", q="speed==90") == [ids[2]]
    assert copy.read(ids[0])["speed"]["value"] == 80
    assert copy.get(f"{ENTITIES}/{ids[1]}").problem == (404, "ResourceNotFound")
    assert copy.get(f"{V1}/types").json["typeList"] == ["SnapA"]
    assert server.ids(type="SnapA", q="speed>50") == ["urn:ngsi-ld:SnapA:late"]


def test_what_is_tried_out_on_a_snapshot_stays_there(server: Client) -> None:
    [one] = cars(server, "SnapB", 50)
    _, copy = frozen(server, query("SnapB"))
    assert copy.patch(f"{ENTITIES}/{one}/attrs", {"speed": 120}).status == 204
    assert copy.post(ENTITIES, {"id": "urn:ngsi-ld:SnapB:new", "type": "SnapB", "speed": 1}).status == 201
    assert copy.ids(type="SnapB") == [one, "urn:ngsi-ld:SnapB:new"]
    assert copy.read(one)["speed"]["value"] == 120
    assert (server.read(one)["speed"]["value"], server.ids(type="SnapB")) == (50, [one])


def test_only_the_core_and_temporal_operations_are_offered_on_a_snapshot(server: Client) -> None:
    cars(server, "SnapC", 50)
    document, copy = frozen(server, query("SnapC"))
    for reply in (
        copy.get(f"{V1}/csourceSubscriptions"),
        copy.get(f"{V1}/csourceRegistrations", type="SnapC"),
        copy.get(f"{V1}/jsonldContexts"),
    ):
        assert reply.problem == (422, "OperationNotSupported")
        assert reply.headers["ngsild-snapshot"] == document["id"]
    assert copy.get(address(document)).status == 200, "the snapshot itself is not looked for on the snapshot"


def test_a_snapshot_that_is_not_there(server: Client) -> None:
    unknown, wrong = f"{SNAPSHOTS}/urn:ngsi-ld:Snapshot:none", f"{SNAPSHOTS}/{quote('not a uri')}"
    assert server.get(unknown).problem == server.delete(unknown).problem == (404, "ResourceNotFound")
    assert server.patch(unknown, {"snapshotPriority": 1}).problem == (404, "ResourceNotFound")
    assert server.post(f"{unknown}/clone", {"type": "Snapshot"}).problem == (404, "ResourceNotFound")
    assert server.get(wrong).problem == server.delete(wrong).problem == (400, "BadRequestData")
    lost = server.with_headers(NGSILD_Snapshot="urn:ngsi-ld:Snapshot:none")
    reply = lost.get(ENTITIES, type="SnapD")
    assert (reply.problem, reply.headers["ngsild-snapshot"]) == ((404, "ResourceNotFound"), "urn:ngsi-ld:Snapshot:none")
    assert server.with_headers(NGSILD_Snapshot="none").get(ENTITIES, type="SnapD").problem == (400, "BadRequestData")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"type": "Snapshot"},
        {"type": "Query", "snapshotQueries": [query("S")]},
        {"type": "Snapshot", "snapshotQueries": []},
        {"type": "Snapshot", "snapshotQueries": query("S")},
        {"type": "Snapshot", "snapshotQueries": [{"type": "Query"}]},
        {
            "type": "Snapshot",
            "snapshotQueries": [query("S", temporalQ={"timerel": "before", "timeAt": "2030-01-01T00:00:00Z"})],
        },
        {"type": "Snapshot", "snapshotTemporalQueries": [query("S")]},
        {"type": "Snapshot", "snapshotTemporalQueries": [query("S", temporalQ={"timerel": "before"})]},
        {"type": "Snapshot", "snapshotQueries": [query("S", q="a==")]},
        {"type": "Snapshot", "snapshotQueries": [query("S", lang="ja")]},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "snapshotPriority": 0},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "snapshotPriority": 11},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "snapshotPriority": "5"},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "snapshotLifetime": "1 day"},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "endpoint": "mailto:a@example.org"},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "receiverInfo": [{"key": "a b", "value": "c"}]},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "id": "no uri"},
        {"type": "Snapshot", "snapshotQueries": [query("S")], "other": 1},
    ],
)
def test_a_snapshot_that_is_described_wrongly_is_refused(server: Client, members: dict[str, Any]) -> None:
    assert server.post(SNAPSHOTS, members).problem == (400, "BadRequestData")


def test_an_id_is_taken_once(server: Client) -> None:
    cars(server, "SnapE", 1)
    body = {"id": "urn:ngsi-ld:Snapshot:mine", "type": "Snapshot", "snapshotQueries": [query("SnapE")]}
    assert server.post(SNAPSHOTS, body).headers["location"] == f"{SNAPSHOTS}/urn:ngsi-ld:Snapshot:mine"
    assert server.post(SNAPSHOTS, body).problem == (409, "AlreadyExists")
    assert server.delete(f"{SNAPSHOTS}/urn:ngsi-ld:Snapshot:mine").status == 204
    assert server.post(SNAPSHOTS, body).status == 201, "an id is free again when its snapshot is gone"


def test_the_status_tells_what_came_of_each_query(server: Client) -> None:
    cars(server, "SnapF", 1)
    document, _ = frozen(server, query("SnapF"), query("SnapNothing"))
    assert document["snapshotStatus"] == "partial"
    assert document["snapshotQueriesDetails"] == [{"resultStatus": "success"}, {"resultStatus": "empty"}]
    document, copy = frozen(server, query("SnapNothing"))
    assert document["snapshotStatus"] == "empty"
    assert copy.find(type="SnapNothing") == []


def test_a_query_takes_only_the_attributes_and_datasets_it_names(server: Client) -> None:
    several = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}]
    [one] = cars(server, "SnapH", 7, note="x", level=several)
    assert set(frozen(server, query("SnapH", attrs=["speed"]))[1].read(one)) == {"id", "type", "speed"}
    assert set(frozen(server, query("SnapH", pick=["id", "note"]))[1].read(one)) >= {"note"}
    assert "note" not in frozen(server, query("SnapH", omit=["note"]))[1].read(one)
    found = frozen(server, query("SnapH", datasetId=["urn:d:1"]))[1].read(one)
    assert (found["level"]["value"], "speed" in found) == (2, False)


def test_the_past_of_entities_is_kept_by_temporal_queries(server: Client) -> None:
    def reading(day: int, value: int) -> dict[str, Any]:
        return {"type": "Property", "value": value, "observedAt": f"2026-01-{day:02}T00:00:00Z"}

    body = {"id": "urn:ngsi-ld:SnapI:0", "type": "SnapI", "level": [reading(day, day) for day in range(1, 6)]}
    assert server.post(TEMPORAL, body).status == 201
    asked = {"timerel": "between", "timeAt": "2026-01-02T00:00:00Z", "endTimeAt": "2026-01-05T00:00:00Z"}
    reply = server.post(SNAPSHOTS, {"type": "Snapshot", "snapshotTemporalQueries": [query("SnapI", temporalQ=asked)] * 2})
    document = ready(server, reply.headers["location"])
    assert document["snapshotStatus"] == "success"
    assert document["snapshotTemporalQueriesDetails"] == [{"resultStatus": "success"}] * 2
    assert server.delete(f"{ENTITIES}/urn:ngsi-ld:SnapI:0").status == 204
    copy = server.with_headers(NGSILD_Snapshot=document["id"])
    series = copy.get(f"{TEMPORAL}/urn:ngsi-ld:SnapI:0").json["level"]
    assert [one["value"] for one in series] == [2, 3, 4], "each instance once, though two queries found it"
    last = {**asked, "lastN": 1}
    reply = server.post(SNAPSHOTS, {"type": "Snapshot", "snapshotTemporalQueries": [query("SnapI", temporalQ=last)]})
    assert ready(server, reply.headers["location"])["snapshotStatus"] == "empty", "what is gone can't be kept any more"


def test_times_of_expiry_stay_behind(server: Client) -> None:
    """4.22: expiresAt belongs to where something is stored; the copy lives as long as its snapshot."""
    soon = (datetime.now().astimezone() + timedelta(seconds=1.2)).isoformat()
    note = {"type": "Property", "value": 1, "expiresAt": soon}
    body = {"id": "urn:ngsi-ld:SnapJ:0", "type": "SnapJ", "note": note, "expiresAt": soon}
    assert server.post(ENTITIES, body).status == 201
    _, copy = frozen(server, query("SnapJ"))
    until(lambda: server.get(f"{ENTITIES}/urn:ngsi-ld:SnapJ:0").status == 404, "the entity to expire")
    assert copy.read("urn:ngsi-ld:SnapJ:0", options="sysAttrs")["note"]["value"] == 1


def test_a_clone_outlives_its_original(server: Client) -> None:
    [one] = cars(server, "SnapK", 5)
    original, copy = frozen(server, query("SnapK"))
    assert copy.patch(f"{ENTITIES}/{one}/attrs", {"speed": 6}).status == 204
    reply = server.post(f"{address(original)}/clone", {"type": "Snapshot", "snapshotPriority": 9})
    assert reply.status == 201
    clone = ready(server, reply.headers["location"])
    assert (clone["snapshotStatus"], clone["snapshotPriority"]) == ("success", 9)
    assert server.delete(address(original)).status == 204
    assert server.get(address(original)).status == copy.get(ENTITIES, type="SnapK").status == 404
    on_clone = server.with_headers(NGSILD_Snapshot=clone["id"])
    assert on_clone.read(one)["speed"]["value"] == 6
    assert server.post(f"{address(clone)}/clone", {"type": "Snapshot", "snapshotQueries": [query("X")]}).status == 400


def test_lifetime_and_priority_can_be_changed(server: Client) -> None:
    cars(server, "SnapL", 5)
    document, _ = frozen(server, query("SnapL"), snapshotLifetime="PT1H")
    begun, ends = (datetime.fromisoformat(document[name]) for name in ("createdAt", "expiresAt"))
    assert ends - begun == timedelta(hours=1)
    change = {
        "snapshotLifetime": "P10Y",
        "snapshotPriority": 9,
        "snapshotStatus": "failure",
        "expiresAt": "2000-01-01T00:00:00Z",
    }
    reply = server.patch(address(document), change)
    assert (reply.status, reply.json["snapshotPriority"], reply.json["snapshotStatus"]) == (200, 9, "success")
    assert timedelta(days=6) < datetime.fromisoformat(reply.json["expiresAt"]) - begun < timedelta(days=8), "the town's limit"
    assert server.patch(address(document), {"snapshotPriority": "urn:ngsi-ld:null"}).json["snapshotPriority"] == 5
    for bad in (
        {"snapshotQueries": [query("X")]},
        {"snapshotTemporalQueries": []},
        {"id": document["id"]},
        {"type": "Query"},
        {"x": 1},
    ):
        assert server.patch(address(document), bad).problem == (400, "BadRequestData"), bad
    assert server.patch(address(document), {"snapshotLifetime": "PT0S"}).status == 200
    assert server.get(address(document)).problem == (404, "ResourceNotFound")


def test_purge_takes_what_fits_its_query(server: Client) -> None:
    town = server.with_headers(NGSILD_Tenant="snappurge")
    cars(town, "SnapM", 5)
    low, _ = frozen(town, query("SnapM"), snapshotPriority=2)
    high, _ = frozen(town, query("SnapM"), snapshotPriority=8)
    assert town.delete(SNAPSHOTS).problem == (400, "BadRequestData")
    assert town.delete(SNAPSHOTS, q="speed>50").problem == (400, "BadRequestData")
    assert town.delete(SNAPSHOTS, q="snapshotPriority>8").problem == (404, "ResourceNotFound")
    assert server.delete(SNAPSHOTS, q=f'id=="{low["id"]}"').status == 404, "of another tenant"
    assert town.delete(SNAPSHOTS, q='snapshotPriority<5;snapshotStatus=="success"').status == 204
    assert (town.get(address(low)).status, town.get(address(high)).status) == (404, 200)
    assert town.delete(SNAPSHOTS, q=f'id=="{high["id"]}"').status == 204
    assert town.get(address(high)).status == 404


def test_a_snapshot_belongs_to_its_tenant(server: Client) -> None:
    town = server.with_headers(NGSILD_Tenant="snaptown")
    [one] = cars(town, "SnapN", 5)
    document, copy = frozen(town, query("SnapN"))
    reply = copy.get(f"{ENTITIES}/{one}")
    assert (reply.status, reply.headers["ngsild-tenant"]) == (200, "snaptown")
    assert server.get(address(document)).status == 404
    assert server.with_headers(NGSILD_Snapshot=document["id"]).get(ENTITIES, type="SnapN").status == 404
    assert server.with_headers(NGSILD_Tenant="snaptown:1").get(ENTITIES, type="SnapN").status == 400


def test_terms_of_a_context_hold_on_a_snapshot_too(server: Client) -> None:
    context = {"@context": {"Wagen": f"{DEFAULT}SnapO"}}
    hosted = server.post(f"{V1}/jsonldContexts", context)
    link = {"Link": f'<{hosted.headers["location"]}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    [one] = cars(server, "SnapO", 5)
    _, copy = frozen(server, query("SnapO"))
    if hosted.status == 201 and hosted.headers["location"].startswith("http"):
        assert [each["id"] for each in copy.get(ENTITIES, headers=link, type="Wagen").json] == [one]


def test_the_endpoint_is_told_when_a_snapshot_is_ready_and_when_it_is_changed(server: Client, receiver: Receiver) -> None:
    cars(server, "SnapP", 5)
    document, _ = frozen(
        server, query("SnapP"), endpoint=f"{receiver.address}/snap", receiverInfo=[{"key": "X-Room", "value": "planning"}]
    )
    first = until(lambda: receiver.got[:1], "the notification")[0]
    assert (first.document["type"], first.document["snapshotId"]) == ("SnapshotNotification", document["id"])
    assert (first.document["snapshotStatus"], first.document["snapshotQueriesDetails"]) == (
        "success",
        [{"resultStatus": "success"}],
    )
    assert first.headers["x-room"] == "planning"
    assert server.patch(address(document), {"snapshotPriority": 3}).status == 200
    second = until(lambda: receiver.got[1:2], "the second notification")[0]
    assert second.document["snapshotPriority"] == 3


def test_a_snapshot_holds_what_sources_know(server: Client) -> None:
    """The same broker under another tenant stands for a source; a source that is dead is told of."""
    far, near = (server.with_headers(NGSILD_Tenant=name) for name in ("snapsfar", "snapsnear"))
    [here] = cars(near, "SnapQ", 1)
    assert far.post(ENTITIES, {"id": "urn:ngsi-ld:SnapQ:far", "type": "SnapQ", "speed": 2}).status == 201

    def register(name: str, endpoint: str) -> None:
        registration = {
            "id": f"urn:ngsi-ld:ContextSourceRegistration:{name}",
            "type": "ContextSourceRegistration",
            "information": [{"entities": [{"type": "SnapQ"}]}],
            "operations": ["queryEntity"],
            "tenant": "snapsfar",
            "endpoint": endpoint,
        }
        assert near.post(f"{V1}/csourceRegistrations", registration).status == 201

    register("snapalive", server.address)
    document, copy = frozen(near, query("SnapQ", q="speed>0"))
    assert document["snapshotQueriesDetails"] == [{"resultStatus": "success"}]
    assert set(copy.ids(type="SnapQ")) == {here, "urn:ngsi-ld:SnapQ:far"}
    assert far.delete(f"{ENTITIES}/urn:ngsi-ld:SnapQ:far").status == 204
    assert copy.read("urn:ngsi-ld:SnapQ:far")["speed"]["value"] == 2
    register("snapdead", "http://127.0.0.1:59997")
    document, _ = frozen(near, query("SnapQ"))
    [details] = document["snapshotQueriesDetails"]
    assert details["resultStatus"] == "success"
    assert "snapdead" in details["problemDetails"]["detail"] or "127.0.0.1" in details["problemDetails"]["detail"]


def test_a_subscription_to_a_snapshot_tells_of_what_is_tried_out_on_it(server: Client, receiver: Receiver) -> None:
    server = server.with_headers(NGSILD_Tenant="planning")
    [one] = cars(server, "SnapSub", 50)
    document, copy = frozen(server, query("SnapSub"))
    subscription = {
        "id": "urn:ngsi-ld:Subscription:snap", "type": "Subscription", "entities": [{"type": "SnapSub"}],
        "notification": {"endpoint": {"uri": f"{receiver.address}/snap"}},
    }  # fmt: skip
    reply = copy.post(SUBSCRIPTIONS, subscription)
    assert (reply.status, reply.headers["ngsild-snapshot"]) == (201, document["id"])
    often = {**subscription, "id": "urn:ngsi-ld:Subscription:often", "timeInterval": 1}
    often["notification"] = {"endpoint": {"uri": f"{receiver.address}/often"}}
    assert copy.post(SUBSCRIPTIONS, often).status == 201
    own = {**subscription, "notification": {"endpoint": {"uri": f"{receiver.address}/town"}}}
    assert server.post(SUBSCRIPTIONS, own).status == 201, "the id is free in the town itself"
    assert copy.patch(f"{ENTITIES}/{one}/attrs", {"speed": 120}).status == 204
    assert server.patch(f"{ENTITIES}/{one}/attrs", {"speed": 30}).status == 204
    (told,) = receiver.wait("/snap")
    assert (told.headers["ngsild-snapshot"], told.headers["ngsild-tenant"]) == (document["id"], "planning")
    assert told.document["data"][0]["speed"]["value"] == 120
    (told,) = receiver.wait("/town")
    assert ("ngsild-snapshot" in told.headers, told.document["data"][0]["speed"]["value"]) == (False, 30)
    assert receiver.wait("/often")[0].document["data"][0]["speed"]["value"] == 120
    assert {each["id"] for each in copy.get(SUBSCRIPTIONS).json} == {subscription["id"], often["id"]}
    assert server.delete(address(document)).status == 204
    assert copy.get(SUBSCRIPTIONS).problem == (404, "ResourceNotFound")
    until(lambda: server.figure("subscriptions") == 1, "the snapshot's subscriptions to go")
    assert server.get(f"{SUBSCRIPTIONS}/{own['id']}").status == 200
