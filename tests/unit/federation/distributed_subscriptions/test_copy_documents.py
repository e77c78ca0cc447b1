"""What a copy says: never more than the source is registered for, in its names, and valid at another broker."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.matching import matches
from machinami.federation.distributed_subscriptions import rules
from machinami.federation.distribution.model import Target
from machinami.federation.registrations.model import Match, Registered
from machinami.federation.registrations.rules import matching
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context, build_context, core_context
from machinami.standards.ngsi_ld.registrations import parse_registration
from machinami.standards.ngsi_ld.subscriptions import parse_subscription

NOW = "2026-01-01T00:00:00Z"
URI = "http://us.example/source-notifications/token"
OURS = build_context({"Bus": "https://example.org/Bus", "speed": "https://example.org/speed"}, {}.__getitem__)
THEIRS = build_context({"Autobus": "https://example.org/Bus", "vitesse": "https://example.org/speed"}, {}.__getitem__)


def subscription(**members: Any) -> Any:
    document = {
        "id": "urn:s:1", "type": "Subscription", "entities": [{"type": "Bus"}],
        "notification": {"endpoint": {"uri": "http://x.example"}}, **members,
    }  # fmt: skip
    return parse_subscription({name: value for name, value in document.items() if value is not None}, OURS)


def match_of(wanted: Any, **members: Any) -> Match | None:
    document = {
        "id": "urn:r:1", "type": "ContextSourceRegistration", "endpoint": "http://far.example",
        "information": [{"entities": [{"type": "Bus"}]}], **members,
    }  # fmt: skip
    registered = Registered("default", parse_registration(document, OURS), None, NOW, NOW)
    found = matching(registered, rules.wanted_of(wanted, frozenset()))
    chosen = rules.meant(wanted, [] if found is None else [found], matches, NOW)
    return chosen[0] if chosen else None


def copy(
    wanted: Any, registration: dict[str, Any] | None = None, *, split: bool = False, speaking: Context = OURS, media: str = ""
) -> dict[str, Any]:
    match = match_of(wanted, **(registration or {}))
    assert match is not None
    target = Target(match.registered, speaking, media)
    document = rules.copy_document(wanted, match, target, OURS, "urn:copy:1", URI, split=split)
    again = {name: value for name, value in document.items() if name != "@context"}
    assert parse_subscription(again, speaking).notification.endpoint.uri == URI, "another broker takes it"
    return document


def information(*entities: dict[str, Any], names: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"information": [{"entities": list(entities)} | ({"propertyNames": list(names)} if names else {})]}


@pytest.mark.parametrize(
    ("entities", "registered", "asked"),
    [
        ([{"type": "Bus"}], [{"type": "Bus", "id": "urn:b:1"}], [{"type": "Bus", "id": "urn:b:1"}]),
        ([{"type": "Bus", "id": ["urn:b:1", "urn:b:2"]}], [{"type": "Bus", "idPattern": ".*2"}], [{"type": "Bus", "id": "urn:b:2"}]),
        ([{"type": "Bus", "idPattern": "urn:b:.*"}], [{"type": "Bus"}], [{"type": "Bus", "idPattern": "urn:b:.*"}]),
        ([{"type": "Bus,Tram"}], [{"type": "Bus"}, {"type": "Ship"}], [{"type": "Bus"}]),
        (None, [{"type": "Bus"}], [{"type": "Bus"}]),
    ],
)  # fmt: skip
def test_copy_document_asks_for_the_entities_that_both_speak_of(entities: Any, registered: Any, asked: Any) -> None:
    found = copy(subscription(entities=entities, watchedAttributes=["speed"]), information(*registered))
    assert found["entities"] == asked


@pytest.mark.parametrize(
    ("watched", "registered", "asked"),
    [
        (None, (), None),
        (None, ("speed", "load"), ["load", "speed"]),
        (["speed", "colour"], (), ["colour", "speed"]),
        (["speed", "colour"], ("speed", "load"), ["speed"]),
    ],
)
def test_copy_document_watches_what_both_speak_of(watched: Any, registered: tuple[str, ...], asked: Any) -> None:
    found = copy(subscription(watchedAttributes=watched), information({"type": "Bus"}, names=registered))
    assert sorted(found.get("watchedAttributes", [])) == sorted(asked or [])


def test_copy_document_has_no_watched_attributes_beside_an_interval() -> None:
    found = copy(subscription(timeInterval=5), information({"type": "Bus"}, names=("speed",)))
    assert ("watchedAttributes" in found, found["timeInterval"]) == (False, 5)


FILTERED = {
    "q": "speed>3", "scopeQ": "/town", "expandValues": ["speed"],
    "geoQ": {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": [1, 2], "geoproperty": "speed"},
}  # fmt: skip


def test_copy_document_keeps_filters_only_where_they_can_be_said_and_judged() -> None:
    wanted = subscription(**FILTERED)
    assert FILTERED.items() <= copy(wanted).items()
    assert not FILTERED.keys() & copy(wanted, split=True).keys()
    theirs = copy(wanted, speaking=THEIRS)
    assert (theirs["entities"], theirs["geoQ"]["geoproperty"]) == ([{"type": "Autobus"}], "vitesse")
    assert not {"q", "expandValues"} & theirs.keys()
    linked = subscription(q="line{name}", notification={"endpoint": {"uri": "http://x.example"}, "join": "flat"})
    assert "q" not in copy(linked), "nobody else joins for us"


def test_copy_document_leaves_the_choice_of_what_is_shown_to_us() -> None:
    notification = {
        "endpoint": {"uri": "http://x.example", "accept": "application/geo+json"},
        "pick": ["speed"],
        "join": "flat",
    }
    wanted = subscription(notification=notification, csf="registrationName", lang="ja", ngsildConformance="1.5", throttling=5)
    found = copy(wanted, {"registrationName": "far"})
    assert found["notification"] == {
        "format": "normalized", "sysAttrs": True, "endpoint": {"uri": URI, "accept": "application/json"},
    }  # fmt: skip
    assert not {"csf", "lang", "ngsildConformance"} & found.keys()
    assert (found["throttling"], found["isActive"]) == (5, True)


def test_copy_document_says_in_which_context_it_speaks() -> None:
    assert copy(subscription())["jsonldContext"] == CORE_CONTEXT_URL, "an inline @context has no address to speak in"
    assert copy(subscription())["@context"] == OURS.source
    plain = subscription(entities=[{"type": "https://example.org/Bus"}])
    assert "@context" not in copy(plain, speaking=core_context())
    assert copy(plain, speaking=core_context(), media="application/ld+json")["@context"] == CORE_CONTEXT_URL


def test_copy_document_stays_at_the_source_when_the_registration_says_so() -> None:
    assert copy(subscription(), {"management": {"localOnly": True}})["localOnly"] is True


@pytest.mark.parametrize(
    ("members", "local"),
    [
        ({}, False),
        ({"localOnly": True}, True),
        ({"entities": [{"type": "*"}]}, True),
        ({"entities": [{"id": "urn:b:1"}]}, False),
    ],
)
def test_stays_here_tells_what_is_not_distributed(members: dict[str, Any], local: bool) -> None:
    assert rules.stays_here(subscription(**members)) is local


def test_meant_lets_a_registration_pass_that_says_nothing_about_a_place_or_scope() -> None:
    geo = {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": [1, 2]}
    wanted = subscription(geoQ=geo, scopeQ="/town")
    here = {"location": {"type": "Point", "coordinates": [1, 2]}, "scope": ["/town"]}
    assert match_of(wanted)
    assert match_of(wanted, **here)
    assert not match_of(wanted, location={"type": "Point", "coordinates": [9, 9]})
    assert not match_of(wanted, scope=["/village"])
