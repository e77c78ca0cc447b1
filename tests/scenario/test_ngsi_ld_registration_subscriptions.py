"""Who wants to know of context sources is told of those that are there, come, change and go, once and in order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .mosquitto_kit import WAIT_S, listening, mosquitto, needs_mosquitto
from .scenario_kit import LD_JSON, V1, Client, Delivered, Receiver, until

REGISTRATIONS = f"{V1}/csourceRegistrations"
SUBSCRIPTIONS = f"{V1}/csourceSubscriptions"


def register(server: Client, kind: str, name: str, **members: Any) -> str:
    """Register a source of entities of a type; its address."""
    document = {
        "type": "ContextSourceRegistration",
        "id": f"urn:ngsi-ld:source:{name}",
        "information": [{"entities": [{"type": kind}]}],
        "endpoint": "http://my.csource.org:1026",
        **members,
    }
    reply = server.post(REGISTRATIONS, document)
    assert reply.status == 201, reply.body
    return reply.headers["location"]


def subscribe(server: Client, uri: str, kind: str, **members: Any) -> str:
    """Subscribe to sources of entities of a type; the subscription's address. `endpoint` adds to the default."""
    endpoint = {"uri": uri, **members.pop("endpoint", {})}
    notification = {"endpoint": endpoint, **members.pop("notification", {})}
    document = {"type": "Subscription", "entities": [{"type": kind}], "notification": notification, **members}
    reply = server.post(SUBSCRIPTIONS, document)
    assert reply.status == 201, reply.body
    return reply.headers["location"]


def heard(deliveries: list[Delivered]) -> list[tuple[str, list[str]]]:
    """(reason, names of the sources) of each notification."""
    return [
        (one.document["triggerReason"], [each["id"].rpartition(":")[2] for each in one.document["data"]]) for one in deliveries
    ]


def test_a_subscriber_is_told_what_is_there_and_then_of_each_change(server: Client, receiver: Receiver) -> None:
    there = register(server, "Told", "there")
    address = subscribe(server, f"{receiver.address}/told", "Told")
    new = register(server, "Told", "new", information=[{"entities": [{"type": "Other"}]}, {"entities": [{"type": "Told"}]}])
    register(server, "Untold", "other")
    assert server.patch(new, {"description": "changed"}).status == 204
    assert server.patch(there, {"information": [{"entities": [{"type": "Untold"}]}]}).status == 204
    assert server.patch(there, {"information": [{"entities": [{"type": "Told"}]}]}).status == 204
    assert server.delete(new).status == 204
    deliveries = receiver.wait("/told", 6)
    assert heard(deliveries) == [
        ("newlyMatching", ["there"]),
        ("newlyMatching", ["new"]),
        ("updated", ["new"]),
        ("noLongerMatching", ["there"]),
        ("newlyMatching", ["there"]),
        ("noLongerMatching", ["new"]),
    ]
    second = deliveries[1].document
    assert second["type"] == "ContextSourceNotification"
    assert second["subscriptionId"] == address.rpartition("/")[2]
    assert second["data"][0]["information"] == [{"entities": [{"type": "Told"}]}], "only what matches is told"
    assert deliveries[1].headers["webhook-id"] == second["id"]
    assert len({one.document["id"] for one in deliveries}) == 6


def test_the_notification_speaks_as_the_subscription_asks(server: Client, receiver: Receiver) -> None:
    register(server, "Spoken", "spoken")
    subscribe(
        server, f"{receiver.address}/ld", "Spoken",
        endpoint={"accept": LD_JSON, "receiverInfo": [{"key": "X-Token", "value": "s3cret"}]},
    )  # fmt: skip
    subscribe(server, f"{receiver.address}/json", "Spoken")
    [ld] = receiver.wait("/ld")
    assert (ld.headers["content-type"], ld.headers["x-token"]) == (LD_JSON, "s3cret")
    assert ld.document["@context"]
    [plain] = receiver.wait("/json")
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in plain.headers["link"]
    assert "@context" not in plain.document


@needs_mosquitto
def test_sources_are_told_over_mqtt_too(server: Client, tmp_path: Path) -> None:
    with mosquitto(tmp_path, "allow_anonymous true") as broker, listening(broker.port, "sources/#") as heard_there:
        subscribe(server, f"mqtt://127.0.0.1:{broker.port}/sources/new", "Published")
        register(server, "Published", "published")
        told = json.loads(heard_there.get(timeout=WAIT_S).payload)
    assert told["metadata"]["Content-Type"] == "application/json"
    assert told["body"]["data"][0]["id"] == "urn:ngsi-ld:source:published"


def test_an_update_of_the_subscription_tells_all_that_match_now(server: Client, receiver: Receiver) -> None:
    register(server, "Before", "before")
    register(server, "After", "after")
    address = subscribe(server, f"{receiver.address}/moved", "Before")
    assert server.patch(address, {"entities": [{"type": "After"}]}).status == 204
    assert heard(receiver.wait("/moved", 2)) == [("newlyMatching", ["before"]), ("newlyMatching", ["after"])]


def test_figures_and_status_of_a_subscription_are_shown(server: Client, receiver: Receiver) -> None:
    receiver.answers["/counted"] = [500, 204]
    address = subscribe(server, f"{receiver.address}/counted", "Counted", subscriptionName="counted")
    assert "timesSent" not in server.get(address).json["notification"]
    register(server, "Counted", "counted")
    receiver.wait("/counted", 2)

    def counted() -> Any:
        shown = server.get(address).json
        return shown if shown["notification"].get("timesSent") == 2 else None

    shown = until(counted, "two tries to be counted")
    assert (shown["status"], shown["subscriptionName"], shown["notification"]["status"]) == ("active", "counted", "ok")
    assert shown["notification"]["timesFailed"] == 1
    assert {"lastNotification", "lastSuccess", "lastFailure"} <= shown["notification"].keys()
    assert "notificationTrigger" not in shown


def test_a_paused_subscription_is_told_nothing_and_all_when_it_goes_on(server: Client, receiver: Receiver) -> None:
    address = subscribe(server, f"{receiver.address}/paused", "Paused", isActive=False)
    assert server.get(address).json["status"] == "paused"
    register(server, "Paused", "paused")
    assert server.patch(address, {"isActive": True}).status == 204
    register(server, "Paused", "later")
    assert heard(receiver.wait("/paused", 2)) == [("newlyMatching", ["paused"]), ("newlyMatching", ["later"])]


def test_an_interval_tells_all_again_and_again_and_no_change(server: Client, receiver: Receiver) -> None:
    address = subscribe(server, f"{receiver.address}/periodic", "Periodic", timeInterval=1)
    register(server, "Periodic", "one")
    deliveries = heard(receiver.wait("/periodic", 3))
    assert deliveries[0] == ("newlyMatching", [])
    assert deliveries[-1] == ("updated", ["one"])
    assert server.get(address).json["timeInterval"] == 1
    assert server.delete(address).status == 204


def test_throttling_keeps_a_minimum_time_between_notifications(server: Client, receiver: Receiver) -> None:
    address = subscribe(server, f"{receiver.address}/throttled", "Throttled", throttling=3600)
    for number in range(3):
        register(server, "Throttled", f"t{number}")
    marker = subscribe(server, f"{receiver.address}/marker", "Throttled")
    receiver.wait("/marker")
    assert heard(receiver.at("/throttled")) == [("newlyMatching", ["t0"])]
    for one in (address, marker):
        assert server.delete(one).status == 204


def test_a_subscriber_is_told_when_a_source_expires(server: Client, receiver: Receiver) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    subscribe(server, f"{receiver.address}/expiry", "Expiring")
    register(server, "Expiring", "brief", expiresAt=soon)
    assert heard(receiver.wait("/expiry", 2)) == [("newlyMatching", ["brief"]), ("noLongerMatching", ["brief"])]


@pytest.mark.parametrize(
    ("members", "matching"),
    [
        ({"csf": 'owner=="city"'}, {"owner": "city"}),
        ({"scopeQ": "/Port"}, {"scope": "/Port"}),
        (
            {"geoQ": {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": [134, 34]}},
            {"location": {"type": "Point", "coordinates": [134.001, 34]}},
        ),
        (
            {"temporalQ": {"timerel": "after", "timeAt": "2020-06-01T22:07:00Z"}},
            {"observationInterval": {"startAt": "2020-08-01T22:07:00Z"}},
        ),
        (
            {"watchedAttributes": ["a"], "notification": {"attributes": ["b"]}},
            {"information": [{"entities": [{"type": "Chosen"}], "relationshipNames": ["b"]}]},
        ),
    ],
)
def test_only_sources_that_meet_all_conditions_are_told(
    server: Client, receiver: Receiver, members: dict[str, Any], matching: dict[str, Any]
) -> None:
    address = subscribe(server, f"{receiver.address}/chosen", "Chosen", **members)
    for name in members.keys() - {"notification"}:
        assert server.get(address).json[name] == members[name]
    plain = register(server, "Chosen", "plain", information=[{"entities": [{"type": "Chosen"}], "propertyNames": ["c"]}])
    chosen = register(server, "Chosen", "chosen", **matching)
    assert heard(receiver.wait("/chosen")) == [("newlyMatching", ["chosen"])]
    for one in (plain, chosen, address):
        assert server.delete(one).status == 204


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Other"},
        {"notification": None},
        {"entities": []},
        {"watchedAttributes": []},
        {"expiresAt": "2018-01-01T00:00:00Z"},
        {"temporalQ": {"timerel": "after"}},
        {"temporalQ": {"timerel": "sometime", "timeAt": "2020-06-01T22:07:00Z"}},
        {"csf": "(a"},
        {"timeInterval": 0},
        {"timeInterval": 5, "throttling": 5},
        {"unknown": 1},
        {"notification": {"endpoint": {"uri": "http://a.example", "accept": "application/geo+json"}}},
    ],
)
def test_what_is_not_valid_is_refused(server: Client, members: dict[str, Any]) -> None:
    document = {"type": "Subscription", "entities": [{"type": "A"}], "notification": {"endpoint": {"uri": "http://a.example"}}}
    reply = server.post(SUBSCRIPTIONS, {**document, **members})
    assert reply.problem == (400, "BadRequestData")


def test_subscriptions_are_listed_in_pages_and_unknown_ones_not_found(server: Client) -> None:
    other = server.with_headers(NGSILD_Tenant="listed")
    addresses = [subscribe(other, "http://receiver.example", "A", id=f"urn:ngsi-ld:Subscription:{one}") for one in range(3)]
    reply = other.get(SUBSCRIPTIONS, limit=1, offset=1, count="true")
    assert [one["id"] for one in reply.json] == ["urn:ngsi-ld:Subscription:1"]
    assert reply.headers["ngsild-results-count"] == "3"
    assert f'<{SUBSCRIPTIONS}?limit=1&offset=0&count=true>;rel="prev"' in reply.headers["link"]
    assert other.delete(addresses[0]).status == 204
    assert other.get(addresses[0]).problem == (404, "ResourceNotFound")
    assert other.patch(addresses[0], {"isActive": False}).problem == (404, "ResourceNotFound")
    assert other.delete(f"{SUBSCRIPTIONS}/nothing").problem == (400, "BadRequestData")
    again = {"type": "Subscription", "id": "urn:ngsi-ld:Subscription:1", "entities": [{"type": "A"}]}
    again["notification"] = {"endpoint": {"uri": "http://receiver.example"}}
    assert other.post(SUBSCRIPTIONS, again).problem == (409, "AlreadyExists")
