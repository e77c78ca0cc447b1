"""A program is told of each change that it waits for: once, in order, in its own words, whatever else goes wrong."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .mosquitto_kit import listening, mosquitto, needs_mosquitto, only_user
from .scenario_kit import (
    ENTITIES,
    LD_JSON,
    OFFLINE_CONTEXT,
    SUBSCRIPTIONS,
    WAIT_S,
    Client,
    Delivered,
    Receiver,
    address_of,
    running,
    until,
)


def subscribe(server: Client, uri: str, **members: Any) -> str:
    """Make a subscription; its address. `endpoint` and `notification` add to the defaults."""
    endpoint = {"uri": uri, **members.pop("endpoint", {})}
    notification = {"endpoint": endpoint, **members.pop("notification", {})}
    document = {"type": "Subscription", "notification": notification, **members}
    reply = server.post(SUBSCRIPTIONS, document)
    assert reply.status == 201, reply.body
    return reply.headers["location"]


def told(deliveries: list[Delivered], name: str) -> list[Any]:
    """The values of an attribute, in the order in which they came."""
    return [one.document["data"][0].get(name, {}).get("value") for one in deliveries]


def test_each_change_is_told_exactly_once_and_in_order(server: Client, receiver: Receiver) -> None:
    address = subscribe(server, f"{receiver.address}/each", entities=[{"type": "Told"}])
    server.create("urn:ngsi-ld:Told:1", "Told", n=0)
    for number in range(1, 30):
        assert server.patch(address_of("urn:ngsi-ld:Told:1"), {"n": number}).status == 204
    deliveries = receiver.wait("/each", 30)
    assert told(deliveries, "n") == list(range(30))
    ids = [one.document["id"] for one in deliveries]
    assert len(set(ids)) == 30
    first = deliveries[0]
    assert first.document["type"] == "Notification"
    assert first.document["subscriptionId"] == address.rpartition("/")[2]
    assert first.document["notifiedAt"].endswith("Z")
    assert first.headers["content-type"] == "application/json"
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in first.headers["link"]
    assert first.headers["webhook-id"] == first.document["id"]


def test_the_notification_speaks_as_the_subscription_asks(server: Client, receiver: Receiver) -> None:
    subscribe(
        server, f"{receiver.address}/plain", entities=[{"type": "Spoken"}],
        notification={"format": "simplified", "pick": ["id", "a"]},
        endpoint={"accept": LD_JSON, "receiverInfo": [{"key": "X-Token", "value": "s3cret"}]},
    )  # fmt: skip
    subscribe(server, f"{receiver.address}/geo", entities=[{"type": "Spoken"}], endpoint={"accept": "application/geo+json"})
    server.create("urn:ngsi-ld:Spoken:1", "Spoken", a=1, b=2, location={"type": "Point", "coordinates": [134, 34]})
    [plain] = receiver.wait("/plain")
    assert plain.headers["content-type"] == LD_JSON
    assert plain.headers["x-token"] == "s3cret"
    context = plain.document["@context"]
    assert plain.document["data"] == [{"id": "urn:ngsi-ld:Spoken:1", "a": 1, "@context": context}]
    [geo] = receiver.wait("/geo")
    assert geo.headers["content-type"] == "application/geo+json"
    assert geo.document["data"]["features"][0]["geometry"] == {"type": "Point", "coordinates": [134, 34]}


def test_a_subscription_beside_others_is_told_of_nothing_from_before_it(server: Client, receiver: Receiver) -> None:
    subscribe(server, f"{receiver.address}/beside", entities=[{"type": "Elsewhere"}])
    server.create("urn:ngsi-ld:Earlier:1", "Earlier", n=0)
    for number in range(1, 4):
        server.patch(address_of("urn:ngsi-ld:Earlier:1"), {"n": number})
    path = subscribe(server, f"{receiver.address}/late", entities=[{"type": "Earlier"}], q="n>100")
    server.patch(address_of("urn:ngsi-ld:Earlier:1"), {"n": 4})
    assert server.patch(path, {"q": "n>3"}).status == 204
    server.patch(address_of("urn:ngsi-ld:Earlier:1"), {"n": 5})
    assert told(receiver.wait("/late", 1), "n") == [5]


def test_an_interval_tells_of_all_that_matches_whether_it_changed_or_not(server: Client, receiver: Receiver) -> None:
    for number in (1, 2, 3):
        server.create(f"urn:ngsi-ld:Tide:{number}", "Tide", level=number)
    path = subscribe(server, f"{receiver.address}/tide", entities=[{"type": "Tide"}], q="level>1", timeInterval=1)
    server.patch(address_of("urn:ngsi-ld:Tide:3"), {"level": 4})
    first, second = (one.document for one in receiver.wait("/tide", 2)[:2])
    for document in (first, second):
        assert [(one["id"][-1], one["level"]["value"]) for one in document["data"]] == [("2", 2), ("3", 4)]
    assert first["id"] != second["id"]
    shown = server.get(path).json
    assert (shown["timeInterval"], shown["notification"]["status"]) == (1, "ok")
    assert server.patch(path, {"isActive": False}).status == 204
    count = len(receiver.at("/tide"))
    time.sleep(2.2)
    assert len(receiver.at("/tide")) <= count + 1


@needs_mosquitto
@pytest.mark.parametrize("quality", ["0", "1", "2"])
def test_a_notification_is_published_to_the_broker_of_the_subscription(server: Client, tmp_path: Path, quality: str) -> None:
    with mosquitto(tmp_path, *only_user(tmp_path, "town", "s3cret")) as broker:
        uri = f"mqtt://town:s3cret@127.0.0.1:{broker.port}/town/levels"
        info = {"notifierInfo": [{"key": "MQTT-QoS", "value": quality}], "receiverInfo": [{"key": "X-City", "value": "a"}]}
        path = subscribe(server, uri, entities=[{"type": f"Published{quality}"}], endpoint=info)
        with listening(broker.port, "town/#", "town", "s3cret") as heard:
            server.create(f"urn:ngsi-ld:Published:{quality}", f"Published{quality}", level=5)
            message = heard.get(timeout=WAIT_S)
    told = json.loads(message.payload)
    assert (message.topic, message.qos) == ("town/levels", int(quality))
    assert told["metadata"]["Content-Type"] == "application/json"
    assert told["metadata"]["X-City"] == "a"
    assert told["body"]["data"][0]["level"] == {"type": "Property", "value": 5}
    until(lambda: server.get(path).json["notification"].get("lastSuccess"), "the figures")


def test_only_watched_attributes_and_matching_entities_fire(server: Client, receiver: Receiver) -> None:
    square = [[[134.0, 34.0], [135.0, 34.0], [135.0, 35.0], [134.0, 35.0], [134.0, 34.0]]]
    subscribe(
        server, f"{receiver.address}/some", entities=[{"type": "Level", "idPattern": "^urn:ngsi-ld:Level:[12]$"}],
        watchedAttributes=["level"], q="level>5",
        geoQ={"georel": "within", "geometry": "Polygon", "coordinates": square},
    )  # fmt: skip
    inside, outside = ({"type": "Point", "coordinates": [lon, 34.5]} for lon in (134.5, 140.0))
    server.create("urn:ngsi-ld:Level:1", "Level", level=1, other=1, location=inside)  # q says no
    server.create("urn:ngsi-ld:Level:2", "Level", level=9, location=outside)  # geoQ says no
    server.create("urn:ngsi-ld:Level:3", "Level", level=9, location=inside)  # idPattern says no
    server.create("urn:ngsi-ld:Level:1x", "Other", level=9, location=inside)  # type says no
    server.patch(address_of("urn:ngsi-ld:Level:1"), {"level": 6})
    server.patch(address_of("urn:ngsi-ld:Level:1"), {"other": 2})  # not watched
    server.patch(address_of("urn:ngsi-ld:Level:1"), {"level": 7})
    deliveries = receiver.wait("/some", 2)
    assert told(deliveries, "level") == [6, 7]
    server.patch(address_of("urn:ngsi-ld:Level:2"), {"level": 10, "location": inside})
    assert told(receiver.wait("/some", 3), "level") == [6, 7, 10]


def test_triggers_tell_creation_update_and_deletion_apart(server: Client, receiver: Receiver) -> None:
    for name in ("entityCreated", "entityUpdated", "entityDeleted", "attributeCreated", "attributeDeleted"):
        subscribe(server, f"{receiver.address}/{name}", entities=[{"type": "Life"}], notificationTrigger=[name])
    server.create("urn:ngsi-ld:Life:1", "Life", a=1)
    address = address_of("urn:ngsi-ld:Life:1")
    server.patch(address, {"a": 2})
    server.patch(address, {"b": 1})
    server.delete(f"{address}/attrs/b")
    server.delete(address)
    assert receiver.wait("/entityDeleted")[0].document["data"][0]["id"] == "urn:ngsi-ld:Life:1"
    removed = receiver.wait("/attributeDeleted")[0].document["data"][0]
    assert removed["b"]["value"] == "urn:ngsi-ld:null"
    assert told(receiver.wait("/entityCreated"), "a") == [1]
    assert told(receiver.wait("/attributeCreated", 2), "b")[:2] == [None, 1]
    assert len(receiver.wait("/entityUpdated", 3)) == 3


def test_show_changes_brings_the_previous_value(server: Client, receiver: Receiver) -> None:
    subscribe(server, f"{receiver.address}/before", entities=[{"type": "Before"}], notification={"showChanges": True})
    server.create("urn:ngsi-ld:Before:1", "Before", a=1)
    server.patch(address_of("urn:ngsi-ld:Before:1"), {"a": 2})
    assert receiver.wait("/before", 2)[1].document["data"][0]["a"]["previousValue"] == 1


def test_throttling_keeps_the_rest_of_a_burst_back(server: Client, receiver: Receiver) -> None:
    subscribe(server, f"{receiver.address}/slow", entities=[{"type": "Burst"}], throttling=60)
    subscribe(server, f"{receiver.address}/all", entities=[{"type": "Burst"}])
    before = server.figure("notifications_matched_total")
    server.create("urn:ngsi-ld:Burst:1", "Burst", n=0)
    for number in range(1, 5):
        server.patch(address_of("urn:ngsi-ld:Burst:1"), {"n": number})
    receiver.wait("/all", 5)
    assert told(receiver.wait("/slow"), "n") == [0]
    assert server.figure("notifications_matched_total") - before == 6


def test_a_failed_notification_is_sent_again_under_the_same_id_and_the_figures_say_so(
    server: Client, receiver: Receiver
) -> None:
    receiver.answers["/shaky"] = [500]
    address = subscribe(server, f"{receiver.address}/shaky", entities=[{"type": "Shaky"}])
    server.create("urn:ngsi-ld:Shaky:1", "Shaky", n=1)
    first, second = receiver.wait("/shaky", 2)
    assert first.document == second.document

    def settled() -> dict[str, Any] | None:
        figures = server.get(address).json["notification"]
        return figures if "lastSuccess" in figures else None

    figures = until(settled, "the success to be written down")
    assert figures["lastSuccess"] > figures["lastFailure"]
    assert (figures["status"], figures["timesFailed"]) == ("ok", 1)
    server.patch(address_of("urn:ngsi-ld:Shaky:1"), {"n": 2})
    assert told(receiver.wait("/shaky", 3), "n") == [1, 1, 2]
    until(lambda: server.get(address).json["notification"]["timesSent"] >= 2, "two notifications to be counted")


def test_a_dead_receiver_holds_up_nobody_else(server: Client, receiver: Receiver) -> None:
    receiver.held["/stuck"] = threading.Event()
    subscribe(server, f"{receiver.address}/stuck", entities=[{"type": "Busy"}])
    dead = subscribe(server, "http://127.0.0.1:1024/nobody", entities=[{"type": "Busy"}])
    other = Receiver()
    try:
        subscribe(server, f"{other.address}/well", entities=[{"type": "Busy"}])
        for number in range(20):
            server.create(f"urn:ngsi-ld:Busy:{number}", "Busy", n=number)
        assert sorted(told(other.wait("/well", 20), "n")) == list(range(20))
    finally:
        other.close()
    until(lambda: server.get(dead).json["notification"].get("lastFailure"), "the failure to be told")
    assert server.get(dead).json["notification"]["status"] == "failed"


def test_paused_and_expired_subscriptions_are_silent_and_say_so(server: Client, receiver: Receiver) -> None:
    paused = subscribe(server, f"{receiver.address}/paused", entities=[{"type": "Quiet"}], isActive=False)
    soon = (datetime.now(UTC) + timedelta(milliseconds=300)).isoformat()
    over = subscribe(server, f"{receiver.address}/over", entities=[{"type": "Quiet"}], expiresAt=soon)
    subscribe(server, f"{receiver.address}/loud", entities=[{"type": "Quiet"}])
    assert server.get(paused).json["status"] == "paused"
    until(lambda: server.get(over).json["status"] == "expired", "the subscription to expire")
    before = server.figure("notifications_matched_total")
    server.create("urn:ngsi-ld:Quiet:1", "Quiet", n=1)
    receiver.wait("/loud")
    assert server.figure("notifications_matched_total") - before == 1
    assert server.patch(paused, {"isActive": True}).status == 204
    server.patch(address_of("urn:ngsi-ld:Quiet:1"), {"n": 2})
    assert told(receiver.wait("/paused"), "n") == [2]
    assert receiver.at("/over") == []


def test_an_expiry_with_an_offset_is_judged_by_its_instant(server: Client, receiver: Receiver) -> None:
    japan, hawaii = timedelta(hours=9), timedelta(hours=-10)
    now = datetime.now(UTC)
    past = (now - timedelta(hours=1) + japan).strftime("%Y-%m-%dT%H:%M:%S+09:00")
    future = (now + timedelta(hours=1) + hawaii).strftime("%Y-%m-%dT%H:%M:%S-10:00")
    document = {
        "type": "Subscription", "entities": [{"type": "X"}], "notification": {"endpoint": {"uri": f"{receiver.address}/x"}},
    }  # fmt: skip
    assert server.post(SUBSCRIPTIONS, {**document, "expiresAt": past}).problem == (400, "BadRequestData")
    assert server.post(SUBSCRIPTIONS, {**document, "expiresAt": future}).status == 201


def test_a_deleted_subscription_is_silent(server: Client, receiver: Receiver) -> None:
    address = subscribe(server, f"{receiver.address}/gone", entities=[{"type": "Stop"}])
    subscribe(server, f"{receiver.address}/kept", entities=[{"type": "Stop"}])
    server.create("urn:ngsi-ld:Stop:1", "Stop", n=1)
    receiver.wait("/gone")
    assert server.delete(address).status == 204
    server.patch(address_of("urn:ngsi-ld:Stop:1"), {"n": 2})
    receiver.wait("/kept", 2)
    assert told(receiver.at("/gone"), "n") == [1]
    assert server.get(address).problem == (404, "ResourceNotFound")
    assert server.delete(address).problem == (404, "ResourceNotFound")


def test_subscriptions_are_listed_as_they_were_made_and_changed(server: Client, receiver: Receiver) -> None:
    assert server.delete("/dev/state").status == 204
    made = [
        subscribe(server, f"{receiver.address}/{number}", entities=[{"type": "Listed"}], q="a>1;b<2",
                  id=f"urn:ngsi-ld:Subscription:{number}", watchedAttributes=["a"], description="たな卸し")
        for number in range(3)
    ]  # fmt: skip
    reply = server.get(SUBSCRIPTIONS, limit=2, count="true", options="sysAttrs")
    assert reply.headers["ngsild-results-count"] == "3"
    following = f'<{SUBSCRIPTIONS}?limit=2&count=true&options=sysAttrs&offset=2>;rel="next";type='
    assert f'{following}"application/json"' in reply.headers["link"]
    reply = server.get(SUBSCRIPTIONS, {"Accept": LD_JSON}, limit=2, count="true", options="sysAttrs")
    assert reply.headers["link"] == f'{following}"application/ld+json"'
    document = server.get(made[0]).json
    assert (document["q"], document["watchedAttributes"], document["description"]) == ("a>1;b<2", ["a"], "たな卸し")
    assert document["entities"] == [{"type": "Listed"}]
    assert server.patch(made[0], {"q": "a>5", "description": None}).status == 204
    changed = server.get(made[0], options="sysAttrs").json
    assert changed["q"] == "a>5"
    assert "description" not in changed
    assert changed["modifiedAt"] > changed["createdAt"]
    twice = {"type": "Subscription", "id": "urn:ngsi-ld:Subscription:0", "entities": [{"type": "T"}],
             "notification": {"endpoint": {"uri": f"{receiver.address}/0"}}}  # fmt: skip
    assert server.post(SUBSCRIPTIONS, twice).problem == (409, "AlreadyExists")


def test_names_follow_the_context_of_the_subscription(server: Client, receiver: Receiver) -> None:
    reply = server.post(
        SUBSCRIPTIONS,
        {
            "type": "Subscription", "entities": [{"type": "水位計"}], "watchedAttributes": ["水位"],
            "notification": {"endpoint": {"uri": f"{receiver.address}/ja", "accept": LD_JSON}},
            "@context": {"水位計": "https://example.org/Gauge", "水位": "https://example.org/level"},
        },
    )  # fmt: skip
    assert reply.status == 201
    server.create("urn:ngsi-ld:Gauge:ja", "https://example.org/Gauge", **{"https://example.org/level": 2.5})
    [delivered] = receiver.wait("/ja")
    assert delivered.document["data"][0]["type"] == "水位計"
    assert delivered.document["data"][0]["水位"]["value"] == 2.5


def test_a_notification_context_that_cannot_be_had_is_refused_at_once(server: Client, receiver: Receiver) -> None:
    document = {
        "type": "Subscription", "entities": [{"type": "X"}], "jsonldContext": "http://127.0.0.1:1025/context.jsonld",
        "notification": {"endpoint": {"uri": f"{receiver.address}/x"}},
    }  # fmt: skip
    assert server.post(SUBSCRIPTIONS, document).problem == (504, "LdContextNotAvailable")


def test_a_tenants_notification_names_the_tenant(server: Client, receiver: Receiver) -> None:
    aji = server.with_headers(NGSILD_Tenant="aji")
    subscribe(aji, f"{receiver.address}/aji", entities=[{"type": "Own"}])
    server.create("urn:ngsi-ld:Own:1", "Own", n=1)
    aji.create("urn:ngsi-ld:Own:1", "Own", n=2)
    deliveries = receiver.wait("/aji")
    assert told(deliveries, "n") == [2]
    assert deliveries[0].headers["ngsild-tenant"] == "aji"


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"type": "Nothing"}, (400, "BadRequestData")),
        ({"entities": []}, (400, "BadRequestData")),
        ({"entities": [{"id": "no uri"}]}, (400, "BadRequestData")),
        ({"q": "a>"}, (400, "BadRequestData")),
        ({"q": "a~=(", "entities": [{"type": "X"}]}, (400, "BadRequestData")),
        ({"geoQ": {"georel": "near", "geometry": "Point", "coordinates": [1, 2]}}, (400, "BadRequestData")),
        ({"throttling": -1}, (400, "BadRequestData")),
        ({"expiresAt": "tomorrow"}, (400, "BadRequestData")),
        ({"isActive": "yes"}, (400, "BadRequestData")),
        ({"notificationTrigger": ["never"]}, (400, "BadRequestData")),
        ({"timeInterval": 5, "throttling": 5}, (400, "BadRequestData")),
        ({"csf": "x>"}, (400, "BadRequestData")),
        ({"temporalQ": {"timerel": "before", "timeAt": "2026-01-01T00:00:00Z"}}, (400, "BadRequestData")),
        ({"unheard": 1}, (400, "BadRequestData")),
        ({"notification": {"endpoint": {"uri": "mqtt://127.0.0.1/"}}}, (400, "BadRequestData")),
        ({"notification": {"endpoint": {"uri": "mqtt://10.0.0.1/x"}}}, (403, "Forbidden")),
        ({"notification": {"endpoint": {"uri": "file:///etc/passwd"}}}, (400, "BadRequestData")),
        ({"notification": {"endpoint": {"uri": "http://10.0.0.1/x"}}}, (403, "Forbidden")),
        ({"notification": {"endpoint": {"uri": "http://169.254.169.254/latest"}}}, (403, "Forbidden")),
        ({"notification": {"endpoint": {"uri": "http://127.0.0.1:22/x"}}}, (400, "BadRequestData")),
        ({"notification": {"endpoint": {"uri": "http://user:word@example.org/x"}}}, (400, "BadRequestData")),
        ({"notification": {}}, (400, "BadRequestData")),
    ],
)  # fmt: skip
def test_a_wrong_subscription_is_refused_and_not_kept(
    server: Client, members: dict[str, Any], problem: tuple[int, str]
) -> None:
    before = server.get(SUBSCRIPTIONS, limit=0, count="true").headers["ngsild-results-count"]
    document = {
        "type": "Subscription", "entities": [{"type": "X"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:8080/x"}}, **members,
    }  # fmt: skip
    assert server.post(SUBSCRIPTIONS, document).problem == problem
    assert server.get(SUBSCRIPTIONS, limit=0, count="true").headers["ngsild-results-count"] == before


def test_what_a_subscription_shows_of_itself_and_its_rhythm_outlast_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    arguments = ("serve", "--dev", "--data", str(tmp_path / "data"), "--port", "0", "--log", "warning")
    with running(*arguments) as city:
        server = Client(city.ready())
        told = subscribe(server, f"{receiver.address}/told", entities=[{"type": "Lasting"}], throttling=3_600)
        periodic = subscribe(server, f"{receiver.address}/often", entities=[{"type": "Lasting"}], timeInterval=1)
        server.create("urn:ngsi-ld:Lasting:1", "Lasting", level=1)
        receiver.wait("/told")
        receiver.wait("/often")
        before = until(lambda: server.get(told).json["notification"].get("lastSuccess") and server.get(told).json, "figures")
    count = len(receiver.at("/often"))
    with running(*arguments) as city:
        server = Client(city.ready())
        assert server.get(told).json == before
        server.patch(address_of("urn:ngsi-ld:Lasting:1"), {"level": 2})
        receiver.wait("/often", count + 2)
        assert server.get(periodic).json["notification"]["timesSent"] >= count + 2
        assert len(receiver.at("/told")) == 1


def test_a_new_context_of_several_parts_names_what_is_told_from_then_on(server: Client, receiver: Receiver) -> None:
    parts = [{"Tank": "https://old.example/Tank", "fill": "https://old.example/fill"}]
    url = f"{receiver.address}/renamed"
    given = {"type": "Subscription", "entities": [{"type": "Tank"}], "notification": {"endpoint": {"uri": url}}}
    address = server.post(SUBSCRIPTIONS, {**given, "@context": parts}).headers["location"]
    newer = [{"Tank": "https://new.example/Tank"}, {"volume": "https://old.example/fill"}]
    fragment = {"entities": [{"type": "Tank"}], "@context": newer}
    assert server.patch(address, fragment).status == 204
    entity = {"id": "urn:ngsi-ld:Tank:1", "type": "Tank", "volume": {"type": "Property", "value": 3}, "@context": newer}
    assert server.post(ENTITIES, entity).status == 201
    (told,) = receiver.wait("/renamed")
    assert told.document["data"][0]["volume"]["value"] == 3
    link = told.headers["link"].partition(">")[0].removeprefix("<")
    assert server.get(link.removeprefix(server.address)).json["@context"] == newer
    assert server.patch(address, {"jsonldContext": OFFLINE_CONTEXT}).status == 204
    assert server.patch(address, {"entities": [{"type": "Tank"}], "@context": parts}).status == 204
    assert server.get(address).json["jsonldContext"] == OFFLINE_CONTEXT, "what the client chose for notifications stays"
