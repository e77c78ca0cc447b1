"""Whatever JSON stands where a name, a kind or a value belongs: a refusal, never a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.kernel.errors import MachinamiError
from machinami.standards.ngsi_ld.contexts import build_context, core_context
from machinami.standards.ngsi_ld.entities import parse_attribute, parse_entity
from machinami.standards.ngsi_ld.subscriptions import parse_subscription

CONTEXT = core_context()
KINDS = (
    "Property", "Relationship", "GeoProperty", "LanguageProperty", "VocabProperty", "ListProperty", "ListRelationship",
    "JsonProperty", None,
)  # fmt: skip
MEMBERS = [
    "type",
    "value",
    "object",
    "languageMap",
    "vocab",
    "valueList",
    "objectList",
    "json",
    "datasetId",
    "observedAt",
    "unitCode",
    "objectType",
    "scope",
    "expiresAt",
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "id", "a", "coordinates"]), inner),
    max_leaves=4,
)
SUBSCRIPTION = {"type": "Subscription", "entities": [{"type": "X"}], "notification": {"endpoint": {"uri": "http://a.example/"}}}
GEO = {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": [1, 2]}


def survives(call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    try:
        call(*arguments, **options)
    except MachinamiError as refusal:
        assert "." in refusal.code


@given(odd=ODD, kind=st.sampled_from(KINDS), member=st.sampled_from(MEMBERS))
def test_parse_entity_and_attribute_refuse_or_take_any_json(odd: Any, kind: str | None, member: str) -> None:
    body = {"type": kind, member: odd} if kind else {member: odd}
    for nulls in (False, True):
        survives(parse_attribute, "a", body, CONTEXT, nulls=nulls, partial=nulls)
    survives(parse_entity, {"id": "urn:a:b", "type": "T", "a": [body, body]}, CONTEXT)
    survives(parse_entity, {"id": "urn:a:b", "type": "T", "a": {"type": "GeoProperty", "value": {"type": odd, "coordinates": odd}}}, CONTEXT)  # fmt: skip
    survives(parse_entity, {"id": odd, "type": odd}, CONTEXT)


@pytest.mark.parametrize(
    "place",
    [
        *((member,) for member in ["watchedAttributes", "entities", "notificationTrigger", "q", "geoQ", "scopeQ", "isActive", "expiresAt", "throttling"]),
        *(("notification", member) for member in ["attributes", "pick", "omit", "format", "endpoint", "sysAttrs", "showChanges"]),
        *(("notification", "endpoint", member) for member in ["uri", "accept", "timeout", "cooldown", "receiverInfo", "notifierInfo"]),
        *(("geoQ", member) for member in ["georel", "geometry", "coordinates", "geoproperty"]),
    ],
)  # fmt: skip
@given(odd=ODD)
def test_parse_subscription_refuses_or_takes_any_json(place: tuple[str, ...], odd: Any) -> None:
    document: dict[str, Any] = {**SUBSCRIPTION, "notification": {"endpoint": dict(SUBSCRIPTION["notification"]["endpoint"])}}  # type: ignore[index]
    if place[0] == "geoQ" and len(place) > 1:
        document["geoQ"] = dict(GEO)
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = odd
    survives(parse_subscription, document, CONTEXT, new_id="urn:x:y")


@given(odd=ODD)
def test_build_context_refuses_or_takes_any_json(odd: Any) -> None:
    for local in (odd, {"a": odd}, {"a": {"@id": odd, "@type": odd}}, {"@vocab": odd}, [odd, odd]):
        survives(build_context, local, lambda _: {"@context": odd})
