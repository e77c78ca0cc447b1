"""Hypothesis strategies: small cities whose entities and queries meet each other often, odd values included."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from machinami.kernel.entity import Entity, Instance
from machinami.kernel.query import (
    And,
    AttributePath,
    Compare,
    Comparison,
    Condition,
    EntityQuery,
    Exists,
    GeoQuery,
    GeoRelation,
    Instant,
    Or,
    Range,
    ScopeQuery,
    Selector,
    TypeSelection,
)

D = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"
NAMES = [f"{D}{name}" for name in ("level", "name", "refs")]
SUBS = [f"{D}accuracy", "observedAt", "unitCode", "createdAt"]
TYPES = [f"{D}{name}" for name in ("Shelter", "Gauge", "Park")]
DEEP = "/" + "x" * 130
SCOPES = ["/town", "/town/east", "/town/east/1", "/town/west", "/townhall", DEEP, DEEP + "/y", "bare"]
IDS = [f"urn:ngsi-ld:Thing:{n}" for n in range(8)]
LONG = "長" * 125

numbers = st.sampled_from([0, -0.0, 1, 1.0, -1, 2, 2.5, 3, 1e9, 12345678901234567, 12345678901234568, 0.1, -1e-300])
texts = st.sampled_from(
    [
        "", "a", "A", "b", "true", "false", "1", "é", "e\u0301", "高松", "2026-05-14T03:00:00Z", "2026-05-14T12:00:00+09:00",
        "2026-05-14", LONG, LONG + "1", LONG + "2", "a\nb", "urn:ngsi-ld:Thing:1",
    ]
)  # fmt: skip
scalars = st.one_of(numbers, texts, st.booleans())
positions = st.tuples(
    st.sampled_from([134.0, 134.0001, 134.1, 134.5, -179.999, 179.999, 0.0]), st.sampled_from([0.0, 34.0, 34.001, 34.3, 85.0])
)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=3),
    st.fixed_dictionaries({"member": scalars}, optional={"other": st.lists(scalars, max_size=2)}),
    st.fixed_dictionaries({"@type": st.just("DateTime"), "@value": texts}),
    st.lists(st.lists(numbers, max_size=2), max_size=2),
)


def _box(corner: tuple[float, float], size: float) -> list[list[list[float]]]:
    (x, y), z = corner, size
    return [[[x, y], [x + z, y], [x + z, y + z], [x, y + z], [x, y]]]


sizes = st.sampled_from([0.00001, 0.001, 0.05, 0.6, 4.0])
polygons = st.builds(_box, positions.filter(lambda one: abs(one[0]) < 170 and one[1] < 80), sizes)


def _geometry(kind: str, coordinates: Any) -> dict[str, Any]:
    return {"type": kind, "coordinates": json.loads(json.dumps(coordinates))}


lines = st.tuples(positions, positions).filter(lambda two: two[0] != two[1])
geometries = st.one_of(
    positions.map(lambda one: _geometry("Point", one)),
    polygons.map(lambda one: _geometry("Polygon", one)),
    lines.map(lambda one: _geometry("LineString", one)),
    st.lists(positions, min_size=1, max_size=3).map(lambda many: _geometry("MultiPoint", many)),
)


@st.composite
def instances(draw: st.DrawFn, linking: bool = False) -> Instance:
    """One attribute instance of any type but GeoProperty; `linking`: mostly a Relationship."""
    kind = (
        "Relationship"
        if linking and draw(st.integers(0, 2))
        else draw(st.sampled_from(["Property"] * 5 + ["Relationship", "LanguageProperty", "VocabProperty", "JsonProperty"]))
    )
    one: Instance = {"type": kind}
    if kind == "Property":
        one["value"] = draw(values)
    elif kind == "Relationship":
        one["object"] = draw(st.one_of(st.sampled_from(IDS), st.lists(st.sampled_from(IDS), min_size=1, max_size=3)))
    elif kind == "LanguageProperty":
        one["languageMap"] = draw(
            st.dictionaries(st.sampled_from(["ja", "en", "@none"]), st.one_of(texts, st.lists(texts)), min_size=1)
        )
    elif kind == "VocabProperty":
        one["vocab"] = draw(st.one_of(st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, max_size=2)))
    else:
        one["json"] = draw(values)
    if draw(st.booleans()):
        one["observedAt"] = draw(st.sampled_from(["2026-05-14T03:00:00Z", "2026-05-13T00:00:00Z"]))
    if draw(st.integers(0, 4)) == 0:
        one["attributes"] = {SUBS[0]: [{"type": "Property", "value": draw(scalars)}]}
    if draw(st.integers(0, 5)) == 0:
        one["expiresAt"] = draw(st.sampled_from(["2026-05-14T03:30:00Z", "2027-01-01T00:00:00Z"]))
    return one


@st.composite
def entities(draw: st.DrawFn, entity_id: str) -> Entity:
    """An entity with up to four attributes, each with up to two instances."""
    attributes: dict[str, list[Instance]] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        attributes[name] = draw(st.lists(instances(name == NAMES[2]), min_size=1, max_size=2))
        for place, one in enumerate(attributes[name][1:]):
            one["datasetId"] = f"urn:dataset:{place}"
    if draw(st.booleans()):
        attributes[LOCATION] = [{"type": "GeoProperty", "value": draw(geometries)}]
    return Entity(
        entity_id,
        tuple(draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True))),
        attributes,
        tuple(draw(st.lists(st.sampled_from(SCOPES), max_size=2, unique=True))),
        expires_at=draw(st.sampled_from([None, None, None, "2026-05-14T03:30:00Z"])),
    )


cities = st.lists(st.sampled_from(IDS), min_size=1, unique=True).flatmap(lambda ids: st.tuples(*(entities(one) for one in ids)))


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> Condition:
    """A q condition of all operators, with and without paths into values."""
    shape = draw(st.integers(0, 9)) if depth else 9
    if shape <= 1:
        parts = tuple(draw(st.lists(conditions(depth - 1), min_size=2, max_size=3)))
        return And(parts) if shape == 0 else Or(parts)
    name = draw(st.sampled_from([*NAMES, *NAMES, LOCATION, "modifiedAt", "https://uri.etsi.org/ngsi-ld/createdAt"]))
    sub = draw(st.sampled_from([(), (), (), *((one,) for one in SUBS)]))
    members = draw(st.sampled_from([(), (), (), ("member",), ("other",), ("ja",), ("*",)]))
    path = AttributePath(name, sub, members)
    if draw(st.integers(0, 5)) == 0:
        return Exists(path)
    operator = draw(st.sampled_from(list(Comparison)))
    if operator in (Comparison.MATCHES, Comparison.NOT_MATCHES):
        return Compare(path, operator, (draw(st.sampled_from(["a", "^.$", "松", "[0-9]", "長1"])),))
    operand: Any = st.one_of(scalars, texts.map(Instant), st.sampled_from(IDS + TYPES))
    if operator in (Comparison.EQUAL, Comparison.NOT_EQUAL):
        ranges = st.one_of(
            st.tuples(numbers, numbers).map(lambda two: Range(*sorted(two))),
            st.tuples(texts, texts).map(lambda two: Range(*sorted(two))),
            st.tuples(texts, texts).map(lambda two: Range(Instant(min(two)), Instant(max(two)))),
        )
        return Compare(path, operator, tuple(draw(st.lists(st.one_of(operand, ranges), min_size=1, max_size=3))))
    return Compare(path, operator, (draw(operand),))


@st.composite
def geo_queries(draw: st.DrawFn) -> GeoQuery:
    """All relations; near with either or both bounds."""
    relation = draw(st.sampled_from(list(GeoRelation)))
    if relation is GeoRelation.NEAR:
        high = draw(st.sampled_from([None, 0.0, 5.0, 120.0, 9_000.0, 60_000.0, 3_000_000.0, 3e7]))
        low = draw(st.sampled_from([None, 1.0, 10_000.0])) if high is not None else 100.0
        bounds = {"distance_m_max": high, "distance_m_min": low}
    else:
        bounds = {}
    kind, coordinates = draw(
        st.one_of(positions.map(lambda one: ("Point", one)), polygons.map(lambda one: ("Polygon", _tuples(one))))
    )
    return GeoQuery(relation, kind, coordinates, LOCATION, **bounds)


def _tuples(coordinates: Any) -> Any:
    return tuple(_tuples(one) for one in coordinates) if isinstance(coordinates, list) else coordinates


type_selections = st.lists(st.frozensets(st.sampled_from(TYPES), min_size=1, max_size=2), min_size=1, max_size=2).map(
    lambda any_of: TypeSelection(tuple(any_of))
)
selectors = st.builds(
    Selector,
    types=st.none() | type_selections,
    ids=st.none() | st.frozensets(st.sampled_from([*IDS, "urn:ngsi-ld:none"]), min_size=1),
    id_pattern=st.none() | st.sampled_from(["Thing:[0-3]$", "^urn:ngsi-ld:T", "5"]),
)
scope_patterns = st.sampled_from(
    ["/town", "/town/#", "/+", "/town/+", "/+/east", "/town/east/#", "/#", DEEP, DEEP + "/+", "bare", "/bare"]
)
scope_queries = st.lists(st.lists(scope_patterns, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(
    lambda any_of: ScopeQuery(tuple(any_of))
)
queries = st.builds(
    EntityQuery,
    selectors=st.lists(selectors, max_size=2).map(tuple),
    attributes=st.just(()) | st.lists(st.sampled_from([*NAMES, LOCATION]), min_size=1, max_size=2).map(tuple),
    condition=st.none() | conditions(),
    geo=st.none() | geo_queries(),
    scope=st.none() | scope_queries,
)
narrow_queries = st.one_of(
    queries,
    st.builds(EntityQuery, condition=conditions()),
    st.builds(EntityQuery, geo=geo_queries()),
    st.builds(EntityQuery, scope=scope_queries),
    st.builds(EntityQuery, selectors=selectors.map(lambda one: (one,))),
)
either_queries = st.one_of(
    st.lists(st.sampled_from([*NAMES, LOCATION]), min_size=2, max_size=3).map(
        lambda names: EntityQuery(attributes=tuple(names))
    ),
    type_selections.map(lambda types: EntityQuery(selectors=(Selector(types),))),
    st.lists(conditions(1), min_size=2, max_size=3).map(lambda parts: EntityQuery(condition=Or(tuple(parts)))),
)
"""Queries whose answers come from several parts."""
