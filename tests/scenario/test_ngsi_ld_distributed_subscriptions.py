"""Who subscribes in one town is told what changes in the others, whatever was there first and whatever was away meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .scenario_kit import ENTITIES, SUBSCRIPTIONS, V1, City, Client, Delivered, Receiver, address_of, running, until

REGISTRATIONS = f"{V1}/csourceRegistrations"
QUICK = {"MACHINAMI_DELIVERY_BACKOFF_MIN_S": "0.1", "MACHINAMI_DELIVERY_BACKOFF_MAX_S": "0.5"}


class Town:
    """A broker with a folder and an address that stay when it stops."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self._folder = folder
        self._city: City | None = None
        self._stack = ExitStack()
        self.client = Client(f"http://127.0.0.1:{self.port}")

    def start(self) -> Client:
        arguments = ("serve", "--dev", "--data", str(self._folder), "--port", str(self.port), "--log", "warning")
        self._city = self._stack.enter_context(running(*arguments, **QUICK))
        self._city.ready()
        return self.client

    def stop(self) -> None:
        self._stack.close()

    def kill(self) -> None:
        """As when the power goes."""
        assert self._city is not None
        self._city.process.kill()
        self._city.process.wait(30)
        self.stop()

    def copies(self) -> list[Any]:
        """Subscriptions that another broker made here."""
        found = self.client.get(SUBSCRIPTIONS, limit=100).json
        return [one for one in found if "/source-notifications/" in one["notification"]["endpoint"]["uri"]]


@pytest.fixture(scope="module")
def all_towns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, Town]]:
    folder = tmp_path_factory.mktemp("towns")
    hub, far = Town(folder / "hub"), Town(folder / "far")
    for town in (hub, far):
        town.start()
    yield hub, far
    for town in (hub, far):
        town.stop()


@pytest.fixture
def towns(all_towns: tuple[Town, Town]) -> tuple[Town, Town]:
    """The town of the subscribers, and one whose entities they want to hear of; both empty."""
    for town in all_towns:
        assert town.client.delete("/dev/state").status == 204
    return all_towns


def register(town: Town, source: Town, name: str = "far", kind: str = "Gauge", **members: Any) -> str:
    """Register a source; its address."""
    given = {
        "id": f"urn:ngsi-ld:ContextSourceRegistration:{name}", "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": kind}]}], "endpoint": source.client.address, **members,
    }  # fmt: skip
    reply = town.client.post(REGISTRATIONS, given)
    assert reply.status == 201, reply.body
    return reply.headers["location"]


def subscribe(town: Town, uri: str, name: str = "1", **members: Any) -> str:
    """Subscribe to gauges; the subscription's address."""
    given = {
        "id": f"urn:ngsi-ld:Subscription:{name}", "type": "Subscription", "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": uri}}, **members,
    }  # fmt: skip
    reply = town.client.post(SUBSCRIPTIONS, given)
    assert reply.status == 201, reply.body
    return reply.headers["location"]


def copied(town: Town, number: int = 1) -> list[Any]:
    """The copies at a town, once there are so many."""
    until(lambda: len(town.copies()) == number, f"{number} copies")
    return town.copies()


def levels(deliveries: list[Delivered]) -> list[Any]:
    return [one["level"]["value"] for each in deliveries for one in each.document["data"]]


def gauge(number: int) -> str:
    return f"urn:ngsi-ld:Gauge:{number}"


def test_a_subscriber_hears_of_other_towns_under_the_own_subscription(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far)
    address = subscribe(hub, f"{receiver.address}/all", q="level>2")
    (copy,) = copied(far)
    assert copy["q"] == "level>2"
    assert copy["id"] != "urn:ngsi-ld:Subscription:1"
    far.client.create(gauge(1), "Gauge", level=1)
    far.client.create(gauge(2), "Gauge", level=3)
    hub.client.create(gauge(3), "Gauge", level=4)
    got = receiver.wait("/all", 2)
    assert sorted(levels(got)) == [3, 4]
    assert {one.document["subscriptionId"] for one in got} == {"urn:ngsi-ld:Subscription:1"}
    until(lambda: hub.client.get(address).json["notification"].get("timesSent") == 2)


def test_a_change_of_the_subscription_reaches_its_copies_and_so_does_its_end(
    towns: tuple[Town, Town], receiver: Receiver
) -> None:
    hub, far = towns
    register(hub, far)
    address = subscribe(hub, f"{receiver.address}/changed", q="level>2")
    copied(far)
    assert hub.client.patch(address, {"q": None, "isActive": False}).status == 204
    until(lambda: [one["status"] for one in far.copies()] == ["paused"])
    assert "q" not in far.copies()[0]
    assert hub.client.patch(address, {"isActive": True}).status == 204
    until(lambda: [one["status"] for one in far.copies()] == ["active"])
    far.client.create(gauge(1), "Gauge", level=1)
    assert levels(receiver.wait("/changed")) == [1]
    assert hub.client.delete(address).status == 204
    copied(far, 0)


def test_a_registration_that_comes_later_brings_the_subscription_and_takes_it_along(
    towns: tuple[Town, Town], receiver: Receiver
) -> None:
    hub, far = towns
    subscribe(hub, f"{receiver.address}/later")
    address = register(hub, far)
    copied(far)
    far.client.create(gauge(1), "Gauge", level=1)
    receiver.wait("/later")
    assert hub.client.patch(address, {"information": [{"entities": [{"type": "Elsewhere"}]}]}).status == 204
    copied(far, 0)
    assert hub.client.patch(address, {"information": [{"entities": [{"type": "Gauge"}]}]}).status == 204
    copied(far)
    assert hub.client.delete(address).status == 204
    copied(far, 0)
    far.client.create(gauge(2), "Gauge", level=2)
    assert levels(receiver.at("/later")) == [1]


def test_a_copy_asks_for_no_more_than_the_source_is_registered_for(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    information = [{"entities": [{"type": "Gauge", "id": gauge(1)}], "propertyNames": ["level"]}]
    register(hub, far, information=information, mode="exclusive", operations=["createSubscription", "retrieveEntity"])
    subscribe(hub, f"{receiver.address}/narrow")
    (copy,) = copied(far)
    assert copy["entities"] == [{"type": "Gauge", "id": gauge(1)}]
    assert copy["watchedAttributes"] == ["level"]
    far.client.create(gauge(2), "Gauge", level=1)
    far.client.create(gauge(1), "Gauge", level=2, secret=3)
    (told,) = receiver.wait("/narrow")
    assert [(one["id"], "secret" in one) for one in told.document["data"]] == [(gauge(1), False)]


@pytest.mark.parametrize(
    ("registration", "subscription"),
    [
        ({"operations": ["retrieveOps"]}, {}),
        ({"operations": ["retrieveOps"], "mode": "auxiliary"}, {}),
        ({"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}}, {}),
        ({}, {"localOnly": True}),
        ({}, {"csf": 'registrationName=="other"'}),
        ({"location": {"type": "Point", "coordinates": [0, 0]}},
         {"geoQ": {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": [9, 9]}}),
        ({"information": [{"entities": [{"type": "Gauge"}], "propertyNames": ["other"]}]}, {"watchedAttributes": ["level"]}),
    ],
)  # fmt: skip
def test_sources_that_are_not_meant_get_no_copy(
    towns: tuple[Town, Town], receiver: Receiver, registration: dict[str, Any], subscription: dict[str, Any]
) -> None:
    hub, far = towns
    register(hub, far, "not", **registration)
    subscribe(hub, f"{receiver.address}/none", **subscription)
    register(hub, far, "mark", "Mark")
    subscribe(hub, f"{receiver.address}/mark", "mark", entities=[{"type": "Mark"}])
    assert [one["entities"] for one in copied(far)] == [[{"type": "Mark"}]]


def test_a_context_source_filter_leaves_the_chosen_sources_alone(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far, registrationName="chosen")
    subscribe(hub, f"{receiver.address}/chosen", csf='registrationName=="chosen"')
    copied(far)
    hub.client.create(gauge(1), "Gauge", level=1)
    far.client.create(gauge(2), "Gauge", level=2)
    assert levels(receiver.wait("/chosen")) == [2]


def test_each_town_speaks_with_its_own_names_and_tenants(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = (one.client for one in towns)
    north, south = {"NGSILD-Tenant": "north"}, {"NGSILD-Tenant": "south"}
    own = [{"Pegel": "https://example.org/Gauge", "stand": "https://example.org/level"}]
    other = {"Gauge": "https://example.org/Gauge", "level": "https://example.org/level"}
    registration = {
        "type": "ContextSourceRegistration", "information": [{"entities": [{"type": "https://example.org/Gauge"}]}],
        "endpoint": far.address, "tenant": "south",
    }  # fmt: skip
    assert hub.post(REGISTRATIONS, registration, north).status == 201
    endpoint = {"uri": f"{receiver.address}/names", "accept": "application/ld+json"}
    given = {
        "type": "Subscription", "entities": [{"type": "Pegel"}], "q": "stand>2", "watchedAttributes": ["stand"],
        "notification": {"endpoint": endpoint, "format": "simplified", "omit": ["note"]}, "@context": own,
    }  # fmt: skip
    assert hub.post(SUBSCRIPTIONS, given, north).status == 201
    (copy,) = until(lambda: (found := far.get(SUBSCRIPTIONS, south)).status == 200 and found.json)
    assert (copy["entities"], copy["watchedAttributes"]) == (
        [{"type": "https://example.org/Gauge"}],
        ["https://example.org/level"],
    )
    for number in (1, 3):
        entity = {"id": gauge(number), "type": "Gauge", "level": number, "note": "x", "@context": other}
        assert far.post(ENTITIES, entity, south).status == 201
    (told,) = receiver.wait("/names")
    assert told.headers["ngsild-tenant"] == "north"
    (entity,) = told.document["data"]
    assert hub.get(entity.pop("@context").removeprefix(hub.address), north).json["@context"] == own
    assert entity == {"id": gauge(3), "type": "Pegel", "stand": 3}


def test_an_interval_is_kept_by_each_source(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far, information=[{"entities": [{"type": "Gauge"}], "propertyNames": ["level"]}])
    far.client.create(gauge(1), "Gauge", level=1)
    hub.client.create(gauge(2), "Gauge", level=2)
    subscribe(hub, f"{receiver.address}/often", timeInterval=1)
    assert set(levels(receiver.wait("/often", 4))) == {1, 2}


def test_nobody_else_can_speak_for_a_source(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far)
    subscribe(hub, f"{receiver.address}/secret")
    (copy,) = copied(far)
    document = {
        "id": "urn:ngsi-ld:Notification:1", "type": "Notification", "subscriptionId": copy["id"],
        "notifiedAt": "2026-01-01T00:00:00Z",
        "data": [{"id": gauge(1), "type": "Gauge", "level": {"type": "Property", "value": 1}}],
    }  # fmt: skip
    place = "/source-notifications"
    assert hub.client.post(f"{place}/{'a' * 43}", document).problem == (404, "ResourceNotFound")
    token = copy["notification"]["endpoint"]["uri"].rpartition("/")[2]
    assert hub.client.post(f"{place}/{token}", {**document, "data": "none"}).problem == (400, "BadRequestData")
    assert hub.client.post(f"{place}/{token}", document).status == 200
    assert levels(receiver.wait("/secret")) == [1]
    other = {**document, "data": [{**document["data"][0], "type": "Other"}]}
    assert hub.client.post(f"{place}/{token}", other).status == 200
    assert len(receiver.at("/secret")) == 1


def test_throttling_holds_over_all_sources_together(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far)
    subscribe(hub, f"{receiver.address}/calm", throttling=600)
    copied(far)
    hub.client.create(gauge(1), "Gauge", level=1)
    receiver.wait("/calm")
    far.client.create(gauge(2), "Gauge", level=2)
    until(lambda: far.copies()[0]["notification"].get("lastSuccess"))
    assert levels(receiver.at("/calm")) == [1]


def test_deletions_and_previous_values_are_told_as_if_they_were_here(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far)
    triggers = ["attributeUpdated", "attributeDeleted", "entityDeleted"]
    notification = {"endpoint": {"uri": f"{receiver.address}/gone"}, "showChanges": True}
    subscribe(hub, "", notificationTrigger=triggers, notification=notification)
    copied(far)
    far.client.create(gauge(1), "Gauge", level=1, name="old")
    far.client.patch(f"{address_of(gauge(1))}/attrs", {"level": 2})
    far.client.delete(f"{address_of(gauge(1))}/attrs/name")
    far.client.delete(address_of(gauge(1)))
    first, second, third = (one.document["data"][0] for one in receiver.wait("/gone", 3))
    assert (first["level"]["value"], first["level"]["previousValue"]) == (2, 1)
    assert second["name"]["value"] == "urn:ngsi-ld:null"
    assert second["name"]["previousValue"] == "old"
    assert third["deletedAt"]


def test_a_split_entity_is_judged_and_told_as_a_whole(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far)
    subscribe(hub, f"{receiver.address}/whole", splitEntities=True, q="limit<5", watchedAttributes=["level"])
    assert "q" not in copied(far)[0]
    hub.client.create(gauge(1), "Gauge", limit=3)
    hub.client.create(gauge(2), "Gauge", limit=9)
    far.client.create(gauge(2), "Gauge", level=8)
    far.client.create(gauge(1), "Gauge", level=7)
    (told,) = receiver.wait("/whole")
    (entity,) = told.document["data"]
    assert (entity["id"], entity["limit"]["value"], entity["level"]["value"]) == (gauge(1), 3, 7)


def test_two_towns_that_register_each_other_tell_each_change_once(towns: tuple[Town, Town], receiver: Receiver) -> None:
    hub, far = towns
    register(hub, far)
    register(far, hub)
    subscribe(hub, f"{receiver.address}/ring")
    copied(far)
    far.client.create(gauge(1), "Gauge", level=1)
    hub.client.create(gauge(2), "Gauge", level=2)
    receiver.wait("/ring", 2)
    subscribe(far, f"{receiver.address}/back", "2")
    (copy,) = copied(hub)
    assert len(far.copies()) == 1
    hub.client.patch(f"{address_of(gauge(2))}/attrs", {"level": 3})
    assert levels(receiver.wait("/back")) == [3]
    receiver.wait("/ring", 3)
    assert sorted(levels(receiver.at("/ring"))) == [1, 2, 3]
    via = {"Via": f"1.1 {far.client.get(f'{V1}/info/sourceIdentity').json['contextSourceAlias']}"}
    given = {"type": "Subscription", "entities": [{"type": "Gauge"}], "notification": copy["notification"]}
    assert far.client.post(SUBSCRIPTIONS, given, via).status == 508


def test_a_source_that_is_away_gets_and_loses_its_copy_when_it_is_back(tmp_path: Path, receiver: Receiver) -> None:
    hub, far = Town(tmp_path / "hub"), Town(tmp_path / "far")
    try:
        hub.start()
        register(hub, far)
        address = subscribe(hub, f"{receiver.address}/away", subscriptionName="first")
        far.start()
        copied(far)
        far.stop()
        assert hub.client.patch(address, {"subscriptionName": "second"}).status == 204
        hub.stop()
        hub.start()
        far.start()
        until(lambda: [one["subscriptionName"] for one in far.copies()] == ["second"])
        far.client.create(gauge(1), "Gauge", level=1)
        receiver.wait("/away")
        far.stop()
        assert hub.client.delete(address).status == 204
        hub.stop()
        hub.start()
        far.start()
        copied(far, 0)
        until(lambda: hub.client.figure("subscription_copies") == 0)
    finally:
        hub.stop()
        far.stop()


def test_what_a_source_tells_while_we_are_away_is_told_when_we_are_back(tmp_path: Path, receiver: Receiver) -> None:
    hub, far = Town(tmp_path / "hub"), Town(tmp_path / "far")
    try:
        for town in (hub, far):
            town.start()
        register(hub, far)
        subscribe(hub, f"{receiver.address}/missed")
        copied(far)
        hub.stop()
        far.client.create(gauge(1), "Gauge", level=1)
        hub.start()
        assert levels(receiver.wait("/missed")) == [1]
    finally:
        hub.stop()
        far.stop()


def test_a_broker_that_is_killed_leaves_no_copy_behind_and_misses_none(tmp_path: Path, receiver: Receiver) -> None:
    hub, far = Town(tmp_path / "hub"), Town(tmp_path / "far")
    try:
        for town in (hub, far):
            town.start()
        register(hub, far)
        addresses = [subscribe(hub, f"{receiver.address}/many", str(number)) for number in range(40)]
        hub.kill()
        hub.start()
        copied(far, 40)
        for address in addresses[:20]:
            assert hub.client.delete(address).status == 204
        hub.kill()
        hub.start()
        copied(far, 20)
        until(lambda: hub.client.figure("subscription_copies") == 20)
        far.client.create(gauge(1), "Gauge", level=1)
        names = {one.document["subscriptionId"] for one in receiver.wait("/many", 20)}
        assert names == {f"urn:ngsi-ld:Subscription:{number}" for number in range(20, 40)}
    finally:
        hub.stop()
        far.stop()
