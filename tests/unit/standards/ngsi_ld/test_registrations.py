"""Context source registrations as documents (5.2.8-5.2.11, 5.2.34, 5.9.2, 5.9.3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import build_context
from machinami.standards.ngsi_ld.operations import GROUPS, OPERATIONS
from machinami.standards.ngsi_ld.registration_model import Management, Mode
from machinami.standards.ngsi_ld.registrations import (
    from_record,
    parse_registration,
    patch_registration,
    render_registration,
    to_record,
)

CONTEXT = build_context({"Bus": "https://example.org/Bus", "speed": "https://example.org/speed"}, lambda url: None)
BUS, SPEED = "https://example.org/Bus", "https://example.org/speed"
CORE = "https://uri.etsi.org/ngsi-ld/default-context/"


def document(**members: Any) -> dict[str, Any]:
    return {
        "id": "urn:ngsi-ld:ContextSourceRegistration:1",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "Bus", "id": "urn:ngsi-ld:Bus:7"}], "propertyNames": ["speed"]}],
        "endpoint": "http://buses.example:1026/city",
        **members,
    }


FULL = document(
    mode="exclusive",
    operations=["retrieveOps", "updateAttrs"],
    tenant="transit",
    contextSourceInfo=[{"key": "jsonldContext", "value": "https://example.org/context.jsonld"}],
    contextSourceAlias="buses",
    management={"timeout": 1500, "cooldown": 500, "cacheDuration": "PT1M30S", "localOnly": True},
    scope="Takamatsu/Port",
    location={"type": "Point", "coordinates": [134.05, 34.35]},
    observationInterval={"startAt": "2025-01-01T00:00:00Z"},
    expiresAt="2035-01-01T00:00:00Z",
    description="two\nlines",
    fleet={"size": 3},
)


def test_parse_registration_expands_and_types_all_members() -> None:
    found = parse_registration(FULL, CONTEXT)
    assert found.information[0].entities[0].types == {BUS}
    assert found.information[0].attributes == {SPEED}
    assert found.operations == {"retrieveEntity", "queryEntity", "updateAttrs"}
    assert (found.mode, found.source_tenant, found.source_alias) == (Mode.EXCLUSIVE, "transit", "buses")
    assert found.management == Management(1.5, 0.5, 90.0, local_only=True)
    assert found.scopes == ("/Takamatsu/Port",)
    assert found.properties == {f"{CORE}fleet": {"size": 3}}
    assert found.temporal
    assert found.proxied


def test_a_record_read_back_is_the_same_registration() -> None:
    found = parse_registration(FULL, CONTEXT)
    assert from_record(to_record(found)) == found


def test_render_registration_shows_what_was_given_in_the_names_of_the_asker() -> None:
    found = parse_registration(FULL, CONTEXT)
    assert render_registration(found, CONTEXT) == FULL
    plain = render_registration(found, build_context(None, lambda url: None))
    assert plain["information"][0] == {
        "entities": [{"type": BUS, "id": "urn:ngsi-ld:Bus:7"}],
        "propertyNames": [SPEED],
    }


def test_render_registration_tells_defaults_when_nothing_was_said() -> None:
    shown = render_registration(parse_registration(document(), CONTEXT), CONTEXT)
    assert (shown["mode"], shown["operations"]) == ("inclusive", ["federationOps"])


@pytest.mark.parametrize("nothing", [None, "urn:ngsi-ld:null"])
def test_patch_registration_removes_a_member_when_it_is_null(nothing: Any) -> None:
    found = parse_registration(FULL, CONTEXT)
    patched = patch_registration(found, {"expiresAt": nothing, "fleet": nothing, "operations": nothing}, CONTEXT)
    assert patched.expires_at is None
    assert patched.properties == {}
    assert patched.operations == GROUPS["federationOps"]
    assert "expiresAt" not in render_registration(patched, CONTEXT)


def test_read_only_members_are_ignored() -> None:
    found = parse_registration(document(status="failed", timesSent=5, createdAt="x"), CONTEXT)
    assert render_registration(found, CONTEXT).keys().isdisjoint({"status", "timesSent", "createdAt"})


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Subscription"},
        {"id": "nothing"},
        {"information": []},
        {"information": None},
        {"information": [{}]},
        {"information": [{"entities": [{"id": "urn:ngsi-ld:Bus:7"}]}]},
        {"information": [{"entities": [{"type": "Bus", "idPattern": "(?="}]}]},
        {"information": [{"entities": [{"type": "Bus", "name": "x"}]}]},
        {"endpoint": "buses"},
        {"endpoint": "mqtt://buses.example"},
        {"mode": "shared"},
        {"operations": ["everything"]},
        {"operations": []},
        {"expiresAt": "tomorrow"},
        {"management": {"timeout": 0}},
        {"management": {"cacheDuration": "P"}},
        {"management": {"cacheDuration": "P1W2D"}},
        {"management": {"cacheDuration": "1 day"}},
        {"contextSourceInfo": [{"key": "X", "value": "a\r\nB: c"}]},
        {"contextSourceInfo": [{"key": "accept", "value": "text/html"}]},
        {"contextSourceInfo": [{"key": "ngsildConformance", "value": "newest"}]},
        {"tenant": "a\nb"},
        {"location": {"type": "Point", "coordinates": [400, 0]}},
        {"observationInterval": {"endAt": "2025-01-01T00:00:00Z"}},
        {"observationInterval": {"startAt": "2025-01-01T00:00:00Z", "endAt": "2024-01-01T00:00:00Z"}},
        {"mode": "exclusive", "information": [{"entities": [{"type": "Bus"}], "propertyNames": ["speed"]}]},
        {
            "mode": "exclusive",
            "information": [{"entities": [{"type": "Bus", "idPattern": ".*"}], "propertyNames": ["speed"]}],
        },
        {"mode": "exclusive", "information": [{"entities": [{"type": "Bus", "id": "urn:ngsi-ld:Bus:7"}]}]},
        {"mode": "exclusive", "information": [{"propertyNames": ["speed"]}]},
        {"mode": "auxiliary", "operations": ["federationOps"]},
        {"mode": "auxiliary", "operations": ["retrieveOps", "updateOps"]},
    ],
)
def test_parse_registration_refuses_what_is_not_valid(members: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        parse_registration(document(**members), CONTEXT)


def test_an_auxiliary_registration_without_operations_offers_retrieval_and_query_alone() -> None:
    auxiliary = parse_registration(document(mode="auxiliary"), CONTEXT)
    assert auxiliary.operations == {"retrieveEntity", "queryEntity"}
    assert render_registration(auxiliary, CONTEXT)["operations"] == ["retrieveOps"]
    inclusive = patch_registration(auxiliary, {"mode": "inclusive"}, CONTEXT)
    assert "queryBatch" in inclusive.operations
    assert patch_registration(inclusive, {"mode": "auxiliary"}, CONTEXT) == auxiliary


def test_groups_hold_operations_of_the_table_only() -> None:
    assert all(group <= OPERATIONS for group in GROUPS.values())
    assert len(OPERATIONS) == 43
    assert {name: len(group) for name, group in GROUPS.items()} == {
        "federationOps": 19,
        "associationOps": 15,
        "updateOps": 4,
        "retrieveOps": 2,
        "redirectionOps": 23,
    }


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["urn:ngsi-ld:null", "Bus", "exclusive"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "id", "key", "value", "entities", "startAt", "coordinates", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(FULL)), ODD, st.booleans())
@settings(deadline=None, max_examples=400)
def test_odd_values_are_refused_or_read_but_nothing_breaks(member: str, value: Any, patched: bool) -> None:
    try:
        if patched:
            found = patch_registration(parse_registration(FULL, CONTEXT), {member: value}, CONTEXT)
        else:
            found = parse_registration({**FULL, member: value}, CONTEXT)
    except Refusal:
        return
    assert from_record(to_record(found)) == found
    render_registration(found, CONTEXT)
