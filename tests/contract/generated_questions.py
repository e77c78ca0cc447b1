"""Hypothesis strategies for queries as texts, about the cities of `generated_cities`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from machinami.kernel.entity import Entity
from machinami.sdk.reference import Question

from .generated_cities import DEEP, IDS, D, cities, numbers, polygons, positions, texts

NAMES = ["level", "name", "refs", "location", "accuracy"]
PATHS = [
    *NAMES, *NAMES, "createdAt", "modifiedAt", "expiresAt", "level.accuracy", "name.accuracy", "level.observedAt",
    "name.unitCode", "refs.createdAt", "level.datasetId", "level[member]", "name[ja]", "name[*]", "refs[other]",
    "location[type]", "level.accuracy[member]", "level[member.other]", "refs{level}", "name{Shelter:name}",
    "refs{Gauge,Park:level.accuracy}", "level{refs{name[ja]}}", "refs{Shelter:refs{createdAt}}", "refs{refs}",
]  # fmt: skip
moments = st.sampled_from(
    [
        "2026-05-14T03:00:00Z",
        "2026-05-14T12:00:00+09:00",
        "2026-05-14",
        "2026-05-13T00:00:00Z",
        "12:30:00Z",
        "2026-05-14T03:00:00",
    ]
)
quoted = texts.map(lambda one: json.dumps(one, ensure_ascii=False))
words = st.sampled_from(["a", "true", "false", "Point", *IDS[:2], "https://uri.etsi.org/ngsi-ld/default-context/Shelter"])
plain_numbers = numbers.map(json.dumps)


@st.composite
def terms(draw: st.DrawFn) -> str:
    path = draw(st.sampled_from(PATHS))
    operator = draw(st.sampled_from(["", "==", "!=", "==", "!=", ">", ">=", "<", "<=", "~=", "!~="]))
    if not operator:
        return path
    if "~" in operator:
        pattern = draw(st.sampled_from(["a", "^.$", "松", "[0-9]", "長1", "Thing"]))
        return f"{path}{operator}{json.dumps(pattern, ensure_ascii=False)}"
    if operator not in ("==", "!="):
        return path + operator + draw(st.one_of(plain_numbers, quoted, moments))
    two = draw(st.sampled_from([plain_numbers, quoted, moments]).flatmap(lambda one: st.tuples(one, one).map(sorted)))
    operands = st.lists(st.one_of(plain_numbers, quoted, moments, words), min_size=1, max_size=3).map(",".join)
    return path + operator + draw(st.one_of(operands, operands, st.just("..".join(two))))


@st.composite
def formulas(draw: st.DrawFn, leaves: Any, marks: tuple[str, ...], depth: int = 2) -> str:
    """Leaves joined by the marks, with parentheses where they matter and where they don't."""
    if depth == 0 or draw(st.booleans()):
        return str(draw(leaves))
    parts = [draw(formulas(leaves, marks, depth - 1)) for _ in range(draw(st.integers(2, 3)))]
    text = parts[0]
    for part in parts[1:]:
        text += draw(st.sampled_from(marks)) + (f"({part})" if draw(st.booleans()) else part)
    return f"({text})" if draw(st.integers(0, 3)) == 0 else text


conditions = formulas(terms(), (";", "|"))
type_texts = formulas(
    st.sampled_from(["Shelter", "Gauge", "Park", "https://uri.etsi.org/ngsi-ld/default-context/Park"]), (",", ";", "|")
)
scope_texts = formulas(
    st.sampled_from(
        ["/town", "/town/#", "/+", "/town/+", "/+/east", "/town/east/#", "/#", DEEP, DEEP + "/+", "bare", "town/east", "/+/+/#"]
    ),
    (",", ";", "|"),
)


@st.composite
def geo_texts(draw: st.DrawFn) -> dict[str, str]:
    relation = draw(st.sampled_from(["near", "near", "within", "contains", "overlaps", "intersects", "equals", "disjoint"]))
    if relation == "near":
        high = draw(
            st.sampled_from(["", ";maxDistance==0", ";maxDistance==120", ";maxDistance==9000", ";maxDistance==60000.5"])
        )
        low = draw(st.sampled_from(["", ";minDistance==1", ";minDistance==10000"])) if high else ";minDistance==100"
        relation += high + low
    kinds = st.one_of(
        positions.map(lambda one: ("Point", list(one))),
        polygons.map(lambda one: ("Polygon", one)),
        st.tuples(positions, positions).filter(lambda two: two[0] != two[1]).map(lambda two: ("LineString", two)),
    )
    kind, coordinates = draw(kinds)
    return {"georel": relation, "geometry": kind, "coordinates": json.dumps(coordinates)}


@st.composite
def order_texts(draw: st.DrawFn) -> dict[str, str]:
    """Half of the questions want an order of their own."""
    if draw(st.booleans()):
        return {}
    paths = st.sampled_from([one for one in PATHS if "{" not in one and "[*]" not in one] + ["id", "type", "scope"])
    terms = draw(st.lists(st.tuples(paths, st.sampled_from(["", ";asc", ";desc"])).map("".join), min_size=1, max_size=3))
    if draw(st.integers(0, 3)) == 0:
        terms.insert(0, draw(st.sampled_from(["location;dist-asc", "location;dist-desc", "level;dist-asc"])))
    kind, coordinates = draw(
        st.one_of(positions.map(lambda one: ("Point", list(one))), polygons.map(lambda one: ("Polygon", one)))
    )
    return {"order_by": ",".join(terms), "order_from": json.dumps(coordinates), "order_geometry": kind}


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Mostly one or two parts, so that they decide."""
    parts: dict[str, Any] = {
        "q": conditions,
        "type": type_texts,
        "scope_q": scope_texts,
        "id": st.lists(st.sampled_from([*IDS, "urn:ngsi-ld:none"]), min_size=1, unique=True).map(",".join),
        "id_pattern": st.sampled_from(["Thing:[0-3]$", "^urn:ngsi-ld:T", "5"]),
        "attrs": st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(",".join),
    }
    chosen = draw(st.lists(st.sampled_from(["q", "q", "q", "geo", *parts]), min_size=1, max_size=2, unique=True))
    texts = {name: draw(parts[name]) for name in chosen if name != "geo"}
    return Question(**texts, **(draw(geo_texts()) if "geo" in chosen else {}), **draw(order_texts()))


references = st.one_of(
    st.sampled_from(IDS).map(lambda one: {"type": "Relationship", "object": one}),
    st.lists(st.sampled_from(IDS), min_size=1, max_size=2).map(lambda many: {"type": "Relationship", "object": many}),
    st.lists(st.sampled_from(IDS), min_size=1, max_size=2).map(lambda many: {"type": "ListRelationship", "objectList": many}),
)


@st.composite
def linked_cities(draw: st.DrawFn) -> tuple[Entity, ...]:
    """Cities with more Relationships between their entities, and with lists."""
    found = []
    for one in draw(cities):
        attributes = dict(one.attributes)
        if draw(st.booleans()):
            attributes[f"{D}refs"] = [draw(references)]
        if draw(st.integers(0, 4)) == 0:
            attributes[f"{D}level"] = [{"type": "ListProperty", "valueList": draw(st.lists(numbers | texts, max_size=3))}]
        found.append(one.with_attributes(attributes))
    return tuple(found)
