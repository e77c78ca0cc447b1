"""Type selection, scope, geo- and temporal queries."""

import pytest

from machinami.kernel.entity import LOCATION
from machinami.kernel.errors import Refusal
from machinami.kernel.query import GeoQuery, GeoRelation
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.geo import parse_geo_query
from machinami.standards.ngsi_ld.scope import parse_scope_query
from machinami.standards.ngsi_ld.temporal import TemporalQuery, TimeRelation, parse_temporal_query
from machinami.standards.ngsi_ld.types import parse_type_selection

CORE = core_context()
D = "https://uri.etsi.org/ngsi-ld/default-context/"


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("A", ["A"]),
        ("A,B", ["A", "B"]),
        ("A|B", ["A", "B"]),
        ("A;B", ["AB"]),
        ("(A;B),C", ["AB", "C"]),
        ("(A|B);C", ["AC", "BC"]),
        ("A;(B|C;D)", ["AB", "ACD"]),
        ("A,A", ["A"]),
    ],
)
def test_parse_type_selection_gives_the_sets_when_the_text_is_good(text, sets):
    assert parse_type_selection(text, CORE).any_of == tuple(frozenset(D + one for one in each) for each in sets)


def test_parse_type_selection_takes_iris():
    assert parse_type_selection("https://a.example/T", CORE).any_of == (frozenset({"https://a.example/T"}),)


@pytest.mark.parametrize("text", ["", ",", "A,", "A;", "(A", "A)", "A B", "((", ";A"])
def test_parse_type_selection_refuses_when_the_text_is_wrong(text):
    with pytest.raises(Refusal) as refusal:
        parse_type_selection(text, CORE)
    assert refusal.value.code == "ngsi_ld.query.not_valid"


def test_parse_type_selection_refuses_when_the_disjunctive_form_explodes():
    with pytest.raises(Refusal) as refusal:
        parse_type_selection(";".join(f"(a{n}|b{n}|c{n})" for n in range(20)), CORE)
    assert refusal.value.code == "ngsi_ld.query.too_complex"


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("/a/b", (("/a/b",),)),
        ("a/b", (("/a/b",),)),
        ("/a/+/c", (("/a/+/c",),)),
        ("/a/#", (("/a/#",),)),
        ("/#", (("/#",),)),
        ("/a,/b", (("/a",), ("/b",))),
        ("/a;/b|/c", (("/a", "/b"), ("/c",))),
        ("(/a|/b);/c", (("/a", "/c"), ("/b", "/c"))),
        ("/高松/港", (("/高松/港",),)),
    ],
)
def test_parse_scope_query_gives_the_patterns_when_the_text_is_good(text, patterns):
    assert parse_scope_query(text).any_of == patterns


@pytest.mark.parametrize("text", ["", "/", "/a/", "/a/#/b", "/a;", "(/a", "/a b", "#a"])
def test_parse_scope_query_refuses_when_the_text_is_wrong(text):
    with pytest.raises(Refusal) as refusal:
        parse_scope_query(text)
    assert refusal.value.code == "ngsi_ld.query.not_valid"


def test_parse_geo_query_reads_near_when_distances_are_given():
    query = parse_geo_query("near;maxDistance==1000;minDistance==2.5", "Point", "[134.04,34.34]", None, CORE)
    assert query == GeoQuery(GeoRelation.NEAR, "Point", (134.04, 34.34), LOCATION, 1000.0, 2.5)


def test_parse_geo_query_reads_polygons_and_other_properties():
    ring = [[0, 0], [0, 1], [1, 1], [0, 0]]
    query = parse_geo_query("within", "Polygon", [ring], "area", CORE)
    assert (query.property_name, query.coordinates) == (D + "area", (tuple(map(tuple, ring)),))
    assert hash(query)


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates"),
    [
        (None, "Point", "[1,2]"),
        ("within", None, "[1,2]"),
        ("within", "Point", None),
        ("within", "Circle", "[1,2]"),
        ("beside", "Point", "[1,2]"),
        ("near", "Point", "[1,2]"),
        ("within;maxDistance==5", "Point", "[1,2]"),
        ("near;maxDistance==-5", "Point", "[1,2]"),
        ("near;maxDistance==5;maxDistance==6", "Point", "[1,2]"),
        ("near;maxDistance=5", "Point", "[1,2]"),
        ("within", "Point", "1,2"),
        ("within", "Point", "[NaN,2]"),
        ("within", "Point", "[1,200]"),
        ("within", "Polygon", "[[0,0],[1,1]]"),
        ("within", "LineString", str([[0, 0]] * 2001)),
        (5, 5, 5),
    ],
)
def test_parse_geo_query_refuses_when_a_part_is_wrong(georel, geometry, coordinates):
    with pytest.raises(Refusal) as refusal:
        parse_geo_query(georel, geometry, coordinates, None, CORE)
    assert refusal.value.code.startswith(("ngsi_ld.geo_query.", "ngsi_ld.geometry."))


def test_parse_temporal_query_reads_each_relation():
    start, end = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00+09:00"
    assert parse_temporal_query(None, None, None) == TemporalQuery()
    assert parse_temporal_query("before", start, None).relation is TimeRelation.BEFORE
    assert parse_temporal_query("between", start, end, "modifiedAt", "5") == TemporalQuery(
        TimeRelation.BETWEEN, start, end, "modifiedAt", 5
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("during", "2026-01-01T00:00:00Z", None),
        ("after", None, None),
        ("after", "2026-01-01", None),
        ("between", "2026-01-01T00:00:00Z", None),
        ("before", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("between", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("between", "2026-01-01T00:00:00Z", "x"),
        (None, "2026-01-01T00:00:00Z", None),
        (None, None, None, "startedAt"),
        (None, None, None, None, "0"),
        (None, None, None, None, "-1"),
        (None, None, None, None, "x"),
        (None, None, None, None, "¹"),
    ],
)
def test_parse_temporal_query_refuses_when_a_part_is_wrong(arguments):
    with pytest.raises(Refusal) as refusal:
        parse_temporal_query(*arguments)
    assert refusal.value.code == "ngsi_ld.temporal_query.not_valid"
