"""Whatever is wrong with a document, the answer has the standard's error type for it and nothing has changed (CIM 009 5.5.4, 6.3)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .scenario_kit import ENTITIES, LD_JSON, PROBLEMS, V1, Client, Reply, address_of

JSON = "application/json"
INVALID = (400, "InvalidRequest")
BAD = (400, "BadRequestData")
NULL = "urn:ngsi-ld:null"
STORED = "urn:ngsi-ld:Malformed:stored"
NEW = "urn:ngsi-ld:Malformed:new"
LINK = '<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld>; rel="http://www.w3.org/ns/json-ld#context"'
Document = dict[str, Any]
tried = settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))

KINDS: dict[str, tuple[str, Any, list[Any]]] = {
    "Property": ("value", 7, [None, NULL, {"a": NULL}, {"a": {"b": NULL}}, [{"a": NULL}]]),
    "Relationship": ("object", "urn:ngsi-ld:Other:1", [None, "no uri", 7, [], ["urn:a", 7], {"id": "urn:a"}, NULL, True]),
    "GeoProperty": (
        "value", {"type": "Point", "coordinates": [134.0, 34.3]},
        [7, "POINT(1 2)", {"type": "Circle", "coordinates": [1, 2]}, {"type": "Point"}, {"type": "Point", "coordinates": ["1", "2"]},
         {"type": "Point", "coordinates": [1]}, {"type": "LineString", "coordinates": [[1, 2]]}, {"type": "Polygon", "coordinates": [1]},
         {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, NULL],
    ),
    "LanguageProperty": ("languageMap", {"ja": "水", "en": "water"}, [None, {}, "water", ["water"], {"ja": 7}, {"not a tag": "x"}, {"en": [7]}, {"@none": NULL}]),
    "VocabProperty": ("vocab", "term", [None, 7, [], [7], {"a": 1}, ""]),
    "ListProperty": ("valueList", [1, 2], [None, 7, "x", {"a": 1}]),
    "ListRelationship": ("objectList", [{"object": "urn:ngsi-ld:Other:1"}], [None, 7, "urn:a", ["no uri"], [{"object": 7}], [{"x": "urn:a"}]]),
    "JsonProperty": ("json", {"deep": [1, None]}, []),
}  # fmt: skip
NOT_TIMES = ["yesterday", "2026-13-01T00:00:00Z", "2026-05-14", "2026-05-14T00:00:00", 7, None, {}, "2026-05-14 00:00:00Z"]
BAD_NAMES = ["with space", "<tag>", "quo\"te", "a(b)", "tab\t"]  # fmt: skip

NOT_REIFIED = ["datasetId", "observedAt", "unitCode", "instanceId", "valueType", "objectType"]

attributes = st.sampled_from(sorted(KINDS)).map(lambda kind: {"type": kind, KINDS[kind][0]: copy.deepcopy(KINDS[kind][1])})


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A valid entity whose attribute `a` may have a sub-attribute and metadata."""
    document: Document = {"id": NEW, "type": draw(st.sampled_from(["Malformed", ["Malformed", "Other"]]))}
    for name in draw(st.sampled_from([["a"], ["a", "b"], ["a", "b", "location"]])):
        document[name] = draw(attributes)
        if draw(st.booleans()):
            document[name]["sub"] = draw(attributes)
        if draw(st.booleans()):
            document[name]["observedAt"] = "2026-05-14T03:00:00Z"
    document["scope"] = draw(st.sampled_from(["/town", ["/town", "/town/east"]]))
    return document


def set_in(path: tuple[str, ...], value: Any) -> Callable[[Document], Document]:
    """The document with another value at a place (objects on the way are made)."""

    def change(document: Document) -> Document:
        changed = copy.deepcopy(document)
        place = changed
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value
        return changed

    return change


def without(name: str) -> Callable[[Document], Document]:
    return lambda document: {key: one for key, one in document.items() if key != name}


def of_kind(kind: str, value: Any) -> Document:
    return {"type": kind, KINDS[kind][0]: value}


def wrong_attributes() -> list[Document | Any]:
    """Attribute bodies that no entity may have, in any operation that writes whole attributes."""
    found: list[Any] = [of_kind(kind, value) for kind, (_, _, wrong) in KINDS.items() for value in wrong]
    found += [{"type": kind} for kind in KINDS]
    for kind, (member, value, _) in KINDS.items():
        others = [one for one, _, _ in KINDS.values() if one != member]
        found += [{"type": kind, member: value, other: KINDS["Property"][1]} for other in others]
        found += [{"type": kind, member: value, "observedAt": time} for time in NOT_TIMES]
        found += [{"type": kind, member: value, "expiresAt": time} for time in (*NOT_TIMES, "2020-01-01T00:00:00Z")]
        found += [{"type": kind, member: value, "datasetId": one} for one in ("no uri", 7, NULL, [])]
        if kind not in ("Property", "ListProperty"):
            found.append({"type": kind, member: value, "unitCode": "MTR"})
    found += [{"type": "Property", "value": 1, member: one} for one in (7, "", []) for member in ("unitCode", "valueType")]
    found += [
        {"type": "Property", "value": 1, member: "urn:a"}
        for member in ("previousObject", "entity", "objectType", "entityIdSealed")
    ]
    found += [
        {"type": "Relationship", "object": "urn:a", member: "b"} for member in ("valueType", "previousValue", "entityList")
    ]
    found += [{"type": "Property", "value": 1, "@context": {"sub": "https://example.org/sub"}}]
    found += [{"type": one, "value": 1} for one in ("Nothing", 7, ["Property"], "", None)]
    found += [None, NULL, [of_kind("Property", 1), of_kind("Property", 2)]]
    found += [{"type": "Property", "value": 1, "sub": None}, {"type": "Property", "value": 1, "sub": NULL}]
    return found


WRONG_ATTRIBUTES = wrong_attributes()


@dataclass(frozen=True)
class Case:
    """One thing that may be wrong with an entity, and the error type for it."""

    change: Callable[[Document], Any]
    wanted: tuple[int, str]


WRONG_ENTITIES = [
    *(Case(set_in(("id",), one), BAD) for one in ("no uri", 7, None, NULL, "", [], "urn:with space")),
    *(Case(set_in(("type",), one), BAD) for one in (7, "", [], [7], {}, "with space", None)),
    *(Case(set_in(("scope",), one), BAD) for one in (7, "", ["/a", 7], "/a b", "/a//b", {}, NULL)),
    *(Case(set_in(("expiresAt",), one), BAD) for one in (*NOT_TIMES, "2020-01-01T00:00:00Z")),
    *(Case(set_in((name,), of_kind("Property", 1)), BAD) for name in (*BAD_NAMES, *NOT_REIFIED)),
    *(Case(set_in(("@context",), one), BAD) for one in ("https://example.org/c", {}, [])),
    *(Case(lambda _, one=one: one, INVALID) for one in ([], "text", 7, None, True)),
    Case(without("id"), BAD),
    Case(without("type"), BAD),
]


@pytest.fixture
def unchanged(server: Client) -> Any:
    """Checks after each try that the stored entity is as it was and no other has come."""
    stored = {"id": STORED, "type": "Malformed", "a": {"type": "Property", "value": 1, "unitCode": "MTR"}, "scope": "/town"}
    server.delete(address_of(NEW))
    server.post(f"{V1}/entityOperations/upsert", [stored])
    before = server.read(STORED, options="sysAttrs")

    def check() -> None:
        assert server.read(STORED, options="sysAttrs") == before
        assert server.ids(type="Malformed") == [STORED]

    return check


def refused(reply: Reply, wanted: tuple[int, str]) -> None:
    assert reply.problem == wanted, reply.body


@tried
@given(document=documents(), case=st.sampled_from(WRONG_ENTITIES))
def test_create_refuses_an_entity_that_is_wrong(server: Client, unchanged: Any, document: Document, case: Case) -> None:
    body = json.dumps(case.change(document)).encode()
    refused(server.post(ENTITIES, body, {"Content-Type": JSON}), case.wanted)
    unchanged()


@settings(tried, max_examples=150)
@given(document=documents(), wrong=st.sampled_from(WRONG_ATTRIBUTES), deep=st.booleans(), data=st.data())
def test_write_refuses_an_attribute_that_is_wrong(
    server: Client, unchanged: Any, document: Document, wrong: Any, deep: bool, data: st.DataObject
) -> None:
    broken = set_in(("a", "sub") if deep else ("a",), wrong)(document)
    fragment = {"a": broken["a"]}
    operation = data.draw(
        st.sampled_from(["create", "replace", "append", "put", "batch create", "batch upsert", "batch update"])
    )
    if operation == "create":
        refused(server.post(ENTITIES, broken), BAD)
    elif operation == "replace":
        refused(server.put(address_of(STORED), {**broken, "id": STORED}), BAD)
    elif operation == "append":
        refused(server.post(f"{address_of(STORED)}/attrs", fragment), BAD)
    elif operation == "put" and isinstance(broken["a"], dict):
        refused(server.put(f"{address_of(STORED)}/attrs/a", broken["a"]), BAD)
    elif operation.startswith("batch"):
        reply = server.post(
            f"{V1}/entityOperations/{operation[6:]}", [{**broken, "id": STORED if operation[6:] == "update" else NEW}]
        )
        assert (reply.status, reply.json["success"]) == (207, []), reply.body
        [error] = reply.json["errors"]
        assert error["error"]["type"] == f"{PROBLEMS}BadRequestData", error
    unchanged()


@tried
@given(document=documents(), cut=st.floats(0, 1, exclude_max=True), data=st.data())
def test_create_refuses_what_is_no_json(
    server: Client, unchanged: Any, document: Document, cut: float, data: st.DataObject
) -> None:
    text = json.dumps(document)
    broken = data.draw(
        st.sampled_from(
            [
                text[: int(cut * len(text))],
                text + "}",
                text.replace('"id"', '"type": "Malformed", "id"', 1),
                text.replace('"Malformed', '"Mal\\u0000formed', 1),
                text.replace("{", "{" + '"x": NaN, ', 1),
                text.replace("{", "{" + '"x": 123456789012345678901234567890, ', 1),
                "[" * 100 + "]" * 100,
                "\ufeff" + text,
            ]
        )
    )
    refused(server.post(ENTITIES, broken.encode(), {"Content-Type": JSON}), INVALID)
    unchanged()


@pytest.mark.parametrize(
    ("headers", "context", "wanted"),
    [
        ({"Content-Type": LD_JSON}, False, BAD),
        ({"Content-Type": LD_JSON, "Link": LINK}, True, BAD),
        ({"Content-Type": JSON}, True, BAD),
        ({"Content-Type": "text/plain"}, False, (415, "UnsupportedMediaType")),
        ({"Content-Type": JSON, "NGSILD-Tenant": "no tenant!"}, False, BAD),
    ],
)
def test_create_refuses_a_context_or_media_type_out_of_place(
    server: Client, unchanged: Any, headers: dict[str, str], context: bool, wanted: tuple[int, str]
) -> None:
    document: Document = {"id": NEW, "type": "Malformed", "a": 1}
    if context:
        document["@context"] = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
    refused(server.post(ENTITIES, json.dumps(document).encode(), headers), wanted)
    unchanged()


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"),
    [
        ("GET", f"{ENTITIES}/no-uri", None, BAD),
        ("DELETE", f"{ENTITIES}/no-uri", None, BAD),
        ("PATCH", f"{ENTITIES}/no-uri", {"a": 1}, BAD),
        ("PUT", f"{ENTITIES}/no-uri", {"type": "Malformed"}, BAD),
        ("POST", f"{ENTITIES}/no-uri/attrs", {"a": 1}, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs/with%20space", {"value": 1}, BAD),
        ("DELETE", f"{address_of(STORED)}/attrs/with%20space", None, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs/scope", {"value": "/x"}, BAD),
        ("PUT", f"{address_of(STORED)}/attrs/scope", {"value": "/x"}, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs/a", {"type": "Relationship", "object": "urn:x"}, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs/a", {"languageMap": {"en": "x"}}, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs/a", {"value": {"x": NULL}}, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs/a", {"value": 1, "datasetId": NULL}, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs", {"a": {"value": {"x": NULL}}}, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs/unknown", {"value": 1}, (404, "ResourceNotFound")),
        ("PATCH", f"{address_of(STORED)}/attrs/a", {"value": 1, "datasetId": "urn:x"}, (404, "ResourceNotFound")),
        ("PUT", f"{address_of(STORED)}/attrs/unknown", {"value": 1}, (404, "ResourceNotFound")),
        ("DELETE", f"{address_of(STORED)}/attrs/unknown", None, (404, "ResourceNotFound")),
        ("PATCH", address_of(NEW), {"a": 1}, (404, "ResourceNotFound")),
        ("PATCH", address_of(STORED), {"id": NEW, "a": 1}, BAD),
        ("PATCH", f"{address_of(STORED)}?format=odd", {"a": 1}, BAD),
        ("PATCH", f"{address_of(STORED)}?observedAt=now", {"a": 1}, BAD),
        ("PATCH", f"{address_of(STORED)}?colour=red", {"a": 1}, INVALID),
        ("POST", f"{address_of(STORED)}/attrs?options=odd", {"a": 1}, BAD),
        ("DELETE", f"{address_of(STORED)}/attrs/a?deleteAll=yes", None, BAD),
        ("PATCH", f"{address_of(STORED)}?local=yes", {"a": 2}, BAD),
        ("POST", f"{V1}/entityOperations/upsert?local=1", [{"id": NEW, "type": "Malformed"}], BAD),
        ("DELETE", f"{address_of(STORED)}/attrs/a?datasetId=no%20uri", None, BAD),
        ("PATCH", f"{address_of(STORED)}/attrs?options=noOverwrite", {"a": 1}, INVALID),
        ("POST", ENTITIES, {"id": STORED, "type": "Malformed"}, (409, "AlreadyExists")),
        ("POST", f"{V1}/entityOperations/create", [], BAD),
        ("POST", f"{V1}/entityOperations/upsert", [None], BAD),
        ("POST", f"{V1}/entityOperations/delete", {}, BAD),
        ("POST", f"{V1}/entityOperations/upsert?options=odd", [{"id": NEW}], BAD),
        ("GET", f"{V1}/types?details=yes", None, BAD),
        ("GET", f"{V1}/attributes?colour=red", None, INVALID),
        ("GET", f"{V1}/types/unknown", None, (404, "ResourceNotFound")),
        ("GET", f"{V1}/attributes/unknown", None, (404, "ResourceNotFound")),
    ],
)  # fmt: skip
def test_operation_refuses_with_the_error_type_of_its_clause(
    server: Client, unchanged: Any, method: str, path: str, body: Any, wanted: tuple[int, str]
) -> None:
    refused(server.request(method, path, body), wanted)
    unchanged()


odd_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", NULL, "urn:a:b", "/a", "@none", "@type", "Property", "Point", "2026-05-14T03:00:00Z", "\u0001", "\U0001f600", "a" * 300]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "@type", "id", "@id", "value", "object", "languageMap", "@value", "@list", "coordinates", "x", "", "a b", "createdAt"]),
        inner, max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in members:
        found += places(one, (*path, key))
    return found


@settings(tried, max_examples=250)
@given(document=documents(), odd=odd_values, data=st.data())
def test_no_document_is_answered_with_a_fault_of_ours(
    server: Client, document: Document, odd: Any, data: st.DataObject
) -> None:
    """Any JSON anywhere: it is taken or refused with 4xx and an error type; what was refused left no trace."""
    changed = copy.deepcopy(document)
    path = data.draw(st.sampled_from(places(changed)))
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = odd
    server.post(f"{V1}/entityOperations/upsert", [{"id": STORED, "type": "Malformed", "a": 1}])
    before = server.read(STORED, options="sysAttrs")
    method, target = data.draw(
        st.sampled_from(
            [("PUT", ""), ("PATCH", ""), ("PATCH", "?format=simplified&lang=en"), ("POST", "/attrs"), ("PATCH", "/attrs"),
             ("PUT", "/attrs/a"), ("PATCH", "/attrs/a")]
        )
    )  # fmt: skip
    body = changed.get("a") if target == "/attrs/a" else {**changed, "id": STORED} if changed.get("id") == NEW else changed
    reply = server.request(method, f"{address_of(STORED)}{target}", json.dumps(body).encode(), {"Content-Type": JSON})
    assert reply.status in (204, 207) or 400 <= reply.status < 500, (method, target, body, reply.body)
    if reply.status >= 400:
        assert reply.json["type"].startswith(PROBLEMS)
        assert server.read(STORED, options="sysAttrs") == before
    else:
        assert server.get(address_of(STORED)).status == 200
