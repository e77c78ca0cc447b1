"""Other brokers say what they know: registered, found again, kept apart from each other and from the town's own data."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from .scenario_kit import DEFAULT, LD_JSON, V1, Client, Reply, until

REGISTRATIONS = f"{V1}/csourceRegistrations"
SOURCE = "http://my.csource.org:1026"


def register(
    server: Client, entities: list[dict[str, Any]] | None = None, names: tuple[str, ...] = (), **members: Any
) -> Reply:
    """POST a registration of one information element."""
    information: dict[str, Any] = {}
    if entities is not None:
        information["entities"] = entities
    if names:
        information["propertyNames"] = list(names)
    document = {"type": "ContextSourceRegistration", "information": [information], "endpoint": SOURCE, **members}
    return server.post(REGISTRATIONS, document)


def made(reply: Reply) -> str:
    """The address of what was made."""
    assert reply.status == 201, reply.body
    return reply.headers["location"]


def found(server: Client, **query: Any) -> list[str]:
    """The names of the registrations that a query finds, in order."""
    reply = server.get(REGISTRATIONS, **query)
    assert reply.status == 200, reply.body
    return [one.get("registrationName", one["id"]) for one in reply.json]


def test_a_registration_is_shown_as_it_was_given_and_forgotten_when_deleted(server: Client) -> None:
    document = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:shown",
        "type": "ContextSourceRegistration",
        "information": [
            {"entities": [{"type": "Shown", "idPattern": ".*port$"}], "propertyNames": ["a"], "relationshipNames": ["b"]}
        ],
        "endpoint": SOURCE,
        "mode": "redirect",
        "operations": ["redirectionOps"],
        "expiresAt": "2035-11-29T14:53:15Z",
        "contextSourceInfo": [{"key": "Authorization", "value": "urn:ngsi-ld:request"}],
        "management": {"timeout": 500, "localOnly": True},
        "location": {"type": "Point", "coordinates": [134.05, 34.35]},
        "fleet": {"size": 3},
    }
    address = made(server.post(REGISTRATIONS, document))
    assert server.get(address).json == document
    again = server.post(REGISTRATIONS, document)
    assert again.problem == (409, "AlreadyExists")
    shown = server.get(address, options="sysAttrs", headers={"Accept": LD_JSON}).json
    assert shown["createdAt"] == shown["modifiedAt"]
    assert "@context" in shown
    assert server.delete(address).status == 204
    assert server.get(address).problem == (404, "ResourceNotFound")
    assert server.delete(address).problem == (404, "ResourceNotFound")


def test_an_update_replaces_members_and_null_removes_them(server: Client) -> None:
    address = made(register(server, [{"type": "Patched"}], description="before", expiresAt="2035-01-01T00:00:00Z"))
    assert server.patch(address, {"endpoint": "http://other:1026", "expiresAt": None, "mode": "redirect"}).status == 204
    document = server.get(address).json
    assert (document["endpoint"], document["mode"], document["description"]) == ("http://other:1026", "redirect", "before")
    assert "expiresAt" not in document
    for fragment in (
        {"information": None},
        {"type": "Other"},
        {"id": "urn:ngsi-ld:other:1"},
        {"expiresAt": "2020-01-01T00:00:00Z"},
    ):
        assert server.patch(address, fragment).problem == (400, "BadRequestData"), fragment
    assert register(server, [{"type": "Late"}], expiresAt="2020-01-01T00:00:00Z").problem == (400, "BadRequestData")
    assert server.patch(f"{REGISTRATIONS}/nothing", {"endpoint": SOURCE}).problem == (400, "BadRequestData")
    assert server.patch(f"{REGISTRATIONS}/urn:x:1", {"endpoint": SOURCE}).problem == (404, "ResourceNotFound")


def test_what_is_registered_exclusively_is_registered_once(server: Client) -> None:
    bus = [{"type": "Alone", "id": "urn:ngsi-ld:Alone:1"}]
    made(register(server, bus, ("speed",), mode="exclusive"))
    for mode in ("exclusive", "redirect"):
        assert register(server, bus, ("speed", "colour"), mode=mode).problem == (409, "Conflict")
    assert register(server, [{"type": "Alone"}], mode="redirect").problem == (409, "Conflict")
    made(register(server, bus, ("colour",), mode="exclusive"))
    inclusive = made(register(server, bus, ("speed",)))
    assert server.patch(inclusive, {"mode": "exclusive"}).problem == (409, "Conflict")
    assert register(server, [{"type": "Alone"}], ("speed",), mode="exclusive").problem == (400, "BadRequestData")
    assert register(server, bus, mode="exclusive").problem == (400, "BadRequestData")
    assert register(server, bus, mode="auxiliary", operations=["federationOps"]).problem == (400, "BadRequestData")
    made(register(server, bus, mode="auxiliary", operations=["retrieveOps"]))


def test_a_source_that_stands_for_data_alone_is_refused_while_the_town_holds_them(server: Client) -> None:
    server.create("urn:ngsi-ld:Held:1", "Held", speed=3)
    mine = [{"type": "Held", "id": "urn:ngsi-ld:Held:1"}]
    assert register(server, mine, ("speed",), mode="exclusive").problem == (409, "Conflict")
    made(register(server, mine, ("colour",), mode="exclusive"))
    assert register(server, [{"type": "Held", "idPattern": ":1$"}], mode="redirect").problem == (409, "Conflict")
    made(register(server, [{"type": "Held", "idPattern": ":2$"}], mode="redirect"))


def test_discovery_finds_by_entities_and_attributes_and_shows_what_matches(server: Client) -> None:
    two = [{"entities": [{"type": "Tram"}]}, {"entities": [{"type": "Metro", "id": "urn:x:1"}], "propertyNames": ["speed"]}]
    made(register(server, [], information=two, registrationName="two"))
    anything = made(register(server, None, ("depth",), registrationName="any type"))
    assert found(server, type="Metro") == ["two", "any type"]
    assert found(server, type="Metro", attrs="speed") == ["two"]
    assert found(server, type="Metro", pick="id,speed", omit="scope") == ["two"]
    assert found(server, type="Metro", q="depth>3") == ["any type"]
    assert found(server, type="Metro", id="urn:x:2") == ["any type"]
    assert found(server, type="Metro", idPattern="x:1$") == ["two", "any type"]
    assert found(server, type=f"{DEFAULT}Tram", attrs="depth") == ["two", "any type"]
    [shown] = server.get(REGISTRATIONS, type="Metro", attrs="speed").json
    assert shown["information"] == [two[1]]
    assert server.delete(anything).status == 204


def test_discovery_looks_at_the_sources_own_members(server: Client) -> None:
    area = {"type": "Polygon", "coordinates": [[[134, 34], [135, 34], [135, 35], [134, 35], [134, 34]]]}
    made(register(server, [{"type": "Own"}], registrationName="area", location=area, scope="/Port", owner="city"))
    made(register(server, [{"type": "Own"}], registrationName="plain", owner={"type": "Property", "value": "bus company"}))
    assert found(server, type="Own", csf='owner=="city"') == ["area"]
    assert found(server, type="Own", csf='owner~="^bus"') == ["plain"]
    assert found(server, type="Own", csf=f'endpoint=="{SOURCE}"') == ["area", "plain"]
    assert found(server, type="Own", scopeQ="/Port") == ["area"]
    small = {"geometry": "Polygon", "coordinates": "[[[134.4,34.4],[134.5,34.4],[134.5,34.5],[134.4,34.5],[134.4,34.4]]]"}
    assert found(server, type="Own", georel="within", **small) == ["area"], "something inside may be within"
    assert found(server, type="Own", georel="disjoint", **small) == ["area"], "something inside may be away"
    far = {"geometry": "Point", "coordinates": "[10,10]"}
    assert found(server, type="Own", georel="near;maxDistance==1000", **far) == []
    assert found(server, type="Own", georel="near;minDistance==1000", **far) == ["area"]


def test_sources_of_histories_are_found_by_the_time_asked_for_only(server: Client) -> None:
    interval = {"startAt": "2020-08-01T22:07:00Z", "endAt": "2021-08-01T21:07:00Z"}
    made(register(server, [{"type": "Timed"}], registrationName="observed", observationInterval=interval))
    made(register(server, [{"type": "Timed"}], registrationName="managed", managementInterval=interval))
    made(register(server, [{"type": "Timed"}], registrationName="latest"))
    assert found(server, type="Timed") == ["latest"]
    at = "2021-01-01T00:00:00Z"
    assert found(server, type="Timed", timerel="after", timeAt=at) == ["observed"]
    assert found(server, type="Timed", timerel="before", timeAt=at, timeproperty="modifiedAt") == ["managed"]
    assert found(server, type="Timed", timerel="after", timeAt="2022-01-01T00:00:00Z") == []
    between = {"timerel": "between", "timeAt": "2019-01-01T00:00:00Z"}
    assert found(server, type="Timed", endTimeAt="2020-01-01T00:00:00Z", **between) == []
    assert found(server, type="Timed", endTimeAt="2021-01-01T00:00:00Z", **between) == ["observed"]


def test_discovery_pages_in_order_of_creation_and_says_how_many(server: Client) -> None:
    names = [f"page {number}" for number in range(5)]
    for name in names:
        made(register(server, [{"type": "Paged"}], registrationName=name))
    reply = server.get(REGISTRATIONS, type="Paged", limit=2, offset=2, count="true")
    assert [one["registrationName"] for one in reply.json] == names[2:4]
    assert reply.headers["ngsild-results-count"] == "5"
    assert f'{REGISTRATIONS}?type=Paged&limit=2&offset=4&count=true>;rel="next"' in reply.headers["link"]
    assert 'offset=0&count=true>;rel="prev"' in reply.headers["link"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"id": "urn:x:1"},
        {"type": "A", "id": "nothing"},
        {"q": "(a"},
        {"georel": "within"},
        {"type": "A", "timerel": "before"},
        {"type": "A", "options": "keyValues"},
        {"type": "A", "csf": "(a"},
        {"type": "A", "pick": "a{"},
        {"pick": "a"},
        {"type": "A", "limit": "-1"},
    ],
)
def test_discovery_refuses_what_is_too_wide_or_not_valid(server: Client, query: dict[str, str]) -> None:
    assert server.get(REGISTRATIONS, **query).problem == (400, "BadRequestData")


def test_an_expired_registration_is_gone(server: Client) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    address = made(register(server, [{"type": "Brief"}], id="urn:ngsi-ld:brief:1", expiresAt=soon))
    assert len(found(server, type="Brief")) == 1
    until(lambda: server.get(address).status == 404, "the registration to expire", 5)
    assert found(server, type="Brief") == []
    made(register(server, [{"type": "Brief"}], id="urn:ngsi-ld:brief:1"))
    time.sleep(1.2)
    assert found(server, type="Brief") == ["urn:ngsi-ld:brief:1"], "the sweep must leave the new one alone"


def test_tenants_have_registrations_of_their_own(server: Client) -> None:
    other = server.with_headers(NGSILD_Tenant="elsewhere")
    made(register(other, [{"type": "Apart"}], id="urn:ngsi-ld:apart:1"))
    assert found(server, type="Apart") == []
    assert len(found(other, type="Apart")) == 1
    assert server.get(f"{REGISTRATIONS}/{quote('urn:ngsi-ld:apart:1')}").status == 404
