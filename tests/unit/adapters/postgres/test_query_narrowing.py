"""A query's narrowings lose no answer: what `data.matching` finds is among the rows that the SQL selects.

The pieces of SQL run here on SQLite, over the index rows of generated cities. Its binary order of texts is that of the
"C" collation; the few PostgreSQL forms that are used are rewritten. tests/contract asks real servers the same.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from generated_cities import LOCATION, D, cities, either_queries, narrow_queries
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.adapters.postgres.index_rows import OPAQUE, TEXT_CHARACTERS_MAX, path_key, rows_of
from machinami.adapters.postgres.query_sql import PROBE_ROWS_MAX, Sql, exact, joined, plan_query
from machinami.data.matching import matches
from machinami.kernel.clock import iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import shard_of
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
    Selector,
)

NOW = datetime(2026, 5, 14, 4, 0, tzinfo=UTC)
TENANT = "town"
LEVEL = f"{D}level"
SCHEMA = """
create table entity (tenant, shard, id, sequence, expires_at);
create table entity_type (tenant, type, sequence);
create table entity_attribute (tenant, path, sequence);
create table entity_number (tenant, path, value, sequence);
create table entity_text (tenant, path, value, sequence);
create table entity_cell (tenant, path, cell, sequence);
"""

REWRITTEN = (
    (r"(?:^|(?<=\()|(?<=union )|(?<=union all )|(?<=intersect ))\((?=\(|select)", "select * from ("),
    (r"= any\((\$\d+)::\w+\[\]\)", r"in (select value from json_each(\1))"),
    (
        r"unnest\((\$\d+)::\w+\[\], (\$\d+)::\w+\[\]\) as (\w+)\((\w+), (\w+)\)",
        r"(select a.value as \4, b.value as \5 from json_each(\1) a join json_each(\2) b on a.key = b.key) \3",
    ),
    (r"cross join lateral \(select (\w)\.sequence from (\w+) \w where (.*?) offset 0\) \w", r"join \2 \1 on \3"),
    (r" offset 0\)", ")"),
    (r"\$(\d+)", r"?\1"),
)
"""PostgreSQL's forms → SQLite's: operands of set operations in parentheses, arrays, look-ups by row, numbered parameters."""


class Index:
    """The index tables of a city, beside those of another tenant that must never show."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(SCHEMA)

    def add(self, tenant: str, entity: Entity) -> None:
        rows, number = rows_of(entity, None), entity.sequence
        put = self._connection.executemany
        put(
            "insert into entity values (?, ?, ?, ?, ?)",
            [(tenant, shard_of(tenant, entity.id), entity.id, number, entity.expires_at)],
        )
        put("insert into entity_type values (?, ?, ?)", [(tenant, one, number) for one in entity.types])
        put("insert into entity_attribute values (?, ?, ?)", [(tenant, one, number) for one in rows.attributes])
        for table, pairs in (("number", rows.numbers), ("text", rows.texts), ("cell", rows.cells)):
            put(f"insert into entity_{table} values (?, ?, ?, ?)", [(tenant, *pair, number) for pair in pairs])

    def rows(self, sql: Sql) -> list[tuple[Any, ...]]:
        text, parameters = sql.numbered()
        for found, instead in REWRITTEN:
            text = re.sub(found, instead, text)
        values = [
            json.dumps(one) if isinstance(one, list | tuple) else iso(one) if isinstance(one, datetime) else one
            for one in parameters
        ]
        return self._connection.execute(text, values).fetchall()

    def sequences(self, sql: Sql) -> set[int]:
        return {row[0] for row in self.rows(sql)}


@contextmanager
def indexed(city: tuple[Entity, ...]) -> Iterator[tuple[Index, list[Entity]]]:
    """The index of a city whose entities have sequences from 1, and the entities."""
    connection = sqlite3.connect(":memory:")
    try:
        index = Index(connection)
        numbered = [replace(one, sequence=place) for place, one in enumerate(city, start=1)]
        for one in numbered:
            index.add(TENANT, one)
            index.add("other town", replace(one, sequence=one.sequence + 1_000))
        yield index, numbered
    finally:
        connection.close()


def wanted(city: list[Entity], query: EntityQuery) -> set[int]:
    try:
        return {one.sequence for one in city if matches(one, query, iso(NOW))}
    except Refusal:
        return set()


@settings(max_examples=60)
@given(cities, st.lists(narrow_queries | either_queries, min_size=4, max_size=4))
def test_plan_query_keeps_every_entity_that_matches_whatever_is_small(
    city: tuple[Entity, ...], queries: list[EntityQuery]
) -> None:
    with indexed(city) as (index, numbered):
        for query in queries:
            plan, answer = plan_query(TENANT, query), wanted(numbered, query)
            places, large = range(len(plan.narrowings)), PROBE_ROWS_MAX + 1
            one_large = [[large * (place == one) for place in places] for one in places]
            for sizes in ([0] * len(places), [large] * len(places), *one_large):
                driven = index.sequences(plan.driver(sizes))
                assert answer <= driven <= {one.sequence for one in numbered}, query


@settings(max_examples=20)
@given(cities, st.lists(narrow_queries, min_size=3, max_size=3))
def test_probe_counts_the_rows_of_each_narrowing(city: tuple[Entity, ...], queries: list[EntityQuery]) -> None:
    with indexed(city) as (index, _):
        for query in queries:
            plan = plan_query(TENANT, query)
            if plan.narrowings:
                [sizes] = index.rows(plan.probe())
                assert len(sizes) == len(plan.narrowings)
                for size, one in zip(sizes, plan.narrowings, strict=True):
                    assert size >= len(index.sequences(one))


@settings(max_examples=50)
@given(narrow_queries)
def test_exact_is_said_only_of_one_plain_type_or_of_everything(query: EntityQuery) -> None:
    if exact(query):
        assert (query.attributes, query.condition, query.geo, query.scope) == ((), None, None, None)
        assert len(query.selectors) <= 1
        assert all(one.ids is None and one.id_pattern is None for one in query.selectors)


def thing(value: Any, kind: str = "Property", member: str = "value") -> tuple[Entity, ...]:
    return (Entity("urn:1", ("T",), {LEVEL: [{"type": kind, member: value}]}),)


def compare(operator: Comparison, *operands: Any, members: tuple[str, ...] = ()) -> EntityQuery:
    return EntityQuery(condition=Compare(AttributePath(LEVEL, (), members), operator, operands))


@pytest.mark.parametrize(
    ("value", "query"),
    [
        (12345678901234569, compare(Comparison.GREATER, 12345678901234568)),
        (12345678901234567, compare(Comparison.LESS, 12345678901234568)),
        (12345678901234567, compare(Comparison.EQUAL, Range(12345678901234567, 12345678901234567))),
        (2**63, compare(Comparison.GREATER_EQUAL, 2**63)),
        ({"deep": 7}, compare(Comparison.EQUAL, 7, members=("deep",))),
        ([[5]], compare(Comparison.NOT_EQUAL, 6)),
        ({"@value": 5}, compare(Comparison.EQUAL, 5)),
        ("x" * 200, compare(Comparison.EQUAL, "x" * 200)),
        ("長" * 200, compare(Comparison.EQUAL, "長" * 200)),
        (False, compare(Comparison.EQUAL, False)),
        (None, EntityQuery(condition=Exists(AttributePath(LEVEL)))),
    ],
)
def test_plan_query_keeps_the_entity_when_the_value_is_an_odd_one(value: Any, query: EntityQuery) -> None:
    with indexed(thing(value)) as (index, numbered):
        assert wanted(numbered, query) == {1}
        plan = plan_query(TENANT, query)
        assert index.sequences(plan.driver([0] * len(plan.narrowings))) == {1}


def placed(*rings: list[list[float]], points: tuple[tuple[float, float], ...] = ()) -> tuple[Entity, ...]:
    shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
    shapes += [{"type": "Point", "coordinates": list(point)} for point in points]
    return tuple(
        Entity(f"urn:{place}", ("T",), {LOCATION: [{"type": "GeoProperty", "value": one}]})
        for place, one in enumerate(shapes, start=1)
    )


@pytest.mark.parametrize(
    "geo",
    [
        GeoQuery(GeoRelation.NEAR, "Point", (134.05, 34.05), LOCATION, 10.0),
        GeoQuery(GeoRelation.INTERSECTS, "Point", (134.05, 34.05), LOCATION),
        GeoQuery(GeoRelation.CONTAINS, "Point", (134.05, 34.05), LOCATION),
        GeoQuery(GeoRelation.WITHIN, "Polygon", (((130, 30), (140, 30), (140, 40), (130, 40), (130, 30)),), LOCATION),
        GeoQuery(GeoRelation.NEAR, "Polygon", (((135, 34), (136, 34), (136, 35), (135, 34)),), LOCATION, 90_000.0),
        GeoQuery(GeoRelation.DISJOINT, "Point", (0.0, 0.0), LOCATION),
        GeoQuery(GeoRelation.NEAR, "Point", (0.0, 0.0), LOCATION, None, 1_000.0),
    ],
)
def test_plan_query_keeps_an_area_that_is_larger_or_smaller_than_the_one_asked_for(geo: GeoQuery) -> None:
    city = placed([[134.0, 34.0], [134.1, 34.0], [134.1, 34.1], [134.0, 34.1], [134.0, 34.0]])
    with indexed(city) as (index, numbered):
        query = EntityQuery(geo=geo)
        assert wanted(numbered, query) == {1}
        assert index.sequences(plan_query(TENANT, query).driver([0])) == {1}


def test_plan_query_keeps_what_lies_across_the_antimeridian() -> None:
    with indexed(placed(points=((179.9999, 0.0), (-179.9999, 0.0), (179.0, 0.0)))) as (index, numbered):
        query = EntityQuery(geo=GeoQuery(GeoRelation.NEAR, "Point", (180.0, 0.0), LOCATION, 50.0))
        assert wanted(numbered, query) == {1, 2}
        assert index.sequences(plan_query(TENANT, query).driver([0])) == {1, 2}


@pytest.mark.parametrize(
    "condition",
    [
        Compare(AttributePath(LEVEL, (f"{D}accuracy",)), Comparison.EQUAL, (5,)),
        Compare(AttributePath(LEVEL, ("observedAt",)), Comparison.GREATER, (Instant("2026-01-01T00:00:00Z"),)),
        Or((Compare(AttributePath(LEVEL), Comparison.EQUAL, (7,)), Compare(AttributePath(LEVEL), Comparison.NOT_EQUAL, (7,)))),
        Or((Compare(AttributePath(LEVEL), Comparison.EQUAL, (7,)), Exists(AttributePath("modifiedAt")))),
        And((Exists(AttributePath("modifiedAt")), Exists(AttributePath(LEVEL)))),
        Compare(AttributePath(LEVEL), Comparison.EQUAL, (7, Range("2025", "2027"), "x")),
    ],
)
def test_plan_query_keeps_the_entity_when_the_index_cannot_tell(condition: Condition) -> None:
    accuracy = {f"{D}accuracy": [{"type": "Property", "value": 5}]}
    instance = {"type": "Property", "value": "x", "observedAt": "2026-05-14T00:00:00Z", "attributes": accuracy}
    city = (Entity("urn:1", ("T",), {LEVEL: [instance]}, modified_at="2026-05-14T00:00:00Z"),)
    with indexed(city) as (index, numbered):
        query = EntityQuery(condition=condition)
        assert wanted(numbered, query) == {1}
        plan = plan_query(TENANT, query)
        assert index.sequences(plan.driver([0] * len(plan.narrowings))) == {1}


def test_plan_query_narrows_to_the_value_when_it_is_plain() -> None:
    """Not only is nothing lost: a number, a text, a place or an id that is asked for is found by its own rows."""
    here = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.0, 34.0]}}
    there = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.1, 34.0]}}
    city = (
        Entity("urn:1", ("T",), {LEVEL: [{"type": "Property", "value": 1}], LOCATION: [here]}),
        Entity("urn:2", ("T",), {LEVEL: [{"type": "Property", "value": "two"}], LOCATION: [there]}, ("/a/b",)),
    )
    near = GeoQuery(GeoRelation.NEAR, "Point", (134.1, 34.0), LOCATION, 500.0)
    queries = [
        compare(Comparison.GREATER, 1.5),
        compare(Comparison.EQUAL, "two"),
        compare(Comparison.LESS, 0.5),
        EntityQuery(geo=near),
        EntityQuery(selectors=(Selector(ids=frozenset(["urn:2"])),)),
    ]
    with indexed(city) as (index, _):
        found = [index.sequences(plan_query(TENANT, query).driver([0])) for query in queries]
    assert found == [set(), {2}, set(), {2}, {2}]


def test_rows_of_marks_what_it_does_not_look_into_and_cuts_long_texts() -> None:
    path = path_key(LEVEL)
    rows = rows_of(thing([1, "x" * 300, True, {"a": 1}, [2.5]])[0], None)
    assert rows.attributes == {path}
    assert rows.numbers == {(path, 1.0), (path, 2.5)}
    assert rows.texts == {(path, "x" * TEXT_CHARACTERS_MAX), (path, "true"), (path, OPAQUE)}
    assert rows_of(None, None).attributes == set()


def test_rows_of_takes_the_named_attributes_only_when_some_are_named() -> None:
    entity = Entity("urn:1", ("T",), {LEVEL: [{"type": "Property", "value": 1}], D + "b": [{"type": "Property", "value": 2}]})
    assert rows_of(entity, frozenset([D + "b"])).numbers == {(path_key(D + "b"), 2.0)}


@pytest.mark.parametrize(
    ("kind", "member", "value", "texts"),
    [
        ("LanguageProperty", "languageMap", {"ja": "駅", "en": ["station", "stop"]}, {"駅", "station", "stop"}),
        ("Relationship", "object", ["urn:a", "urn:b"], {"urn:a", "urn:b"}),
        ("ListRelationship", "objectList", [{"object": "urn:a"}], {OPAQUE}),
        ("VocabProperty", "vocab", "urn:v", {"urn:v"}),
        ("ListProperty", "valueList", ["p", ["q"]], {"p", "q"}),
        ("JsonProperty", "json", {"a": 1}, {OPAQUE}),
    ],
)
def test_rows_of_indexes_the_texts_of_each_kind(kind: str, member: str, value: Any, texts: set[str]) -> None:
    assert {text for _, text in rows_of(thing(value, kind, member)[0], None).texts} == texts


def test_path_key_is_a_signed_64_bit_hash_that_never_changes() -> None:
    """It is stored in every index row: another hash would need a migration."""
    assert path_key("https://uri.etsi.org/ngsi-ld/location") == PATH_OF_LOCATION
    assert -(2**63) <= PATH_OF_LOCATION < 2**63


def test_numbered_puts_parameters_in_order_when_pieces_are_joined() -> None:
    sql = joined(
        " union ", [Sql("a = ?", (1,)), joined(" intersect ", [Sql("b = ? and c = ?", (2, 3)), Sql("d")]), Sql("e ?", (4,))]
    )
    assert sql.numbered() == ("(a = $1) union ((b = $2 and c = $3) intersect (d)) union (e $4)", (1, 2, 3, 4))


PATH_OF_LOCATION = 6599822627781930028
