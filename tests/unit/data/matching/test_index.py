"""The index of standing queries finds all that match and leaves the rest alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.data.matching import matches
from machinami.data.matching.index import InterestIndex
from machinami.kernel.entity import DEFAULT_VOCABULARY as D
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery, Selector, TypeSelection
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.q import parse_q

NOW = "2026-11-26T01:00:00Z"


def by_type(*alternatives: str) -> EntityQuery:
    return EntityQuery((Selector(TypeSelection(tuple(frozenset(one.split("+")) for one in alternatives))),))


def entity(entity_id: str = "urn:x:1", *types: str) -> Entity:
    return Entity(entity_id, types or ("A",))


def test_candidates_are_found_by_id_type_and_watched_attribute() -> None:
    index: InterestIndex[str] = InterestIndex()
    index.add("all", EntityQuery())
    index.add("type", by_type("A"))
    index.add("type, level", by_type("A"), ("level",))
    index.add("id", EntityQuery((Selector(by_type("B").selectors[0].types, frozenset({"urn:x:1"})),)))
    index.add("any id, level", EntityQuery((Selector(id_pattern="x"),)), ("level", "speed"))
    index.add("other type", by_type("C"))
    one = entity()
    assert index.candidates(one, one, ("speed",)) == {"all", "type", "id", "any id, level"}
    assert index.candidates(one, one, ("level",)) == {"all", "type", "type, level", "id", "any id, level"}
    assert index.candidates(None, entity("urn:x:2", "C"), ()) == {"all", "other type"}
    assert index.candidates(None, None, ()) == set()


def test_candidates_include_those_of_the_types_before() -> None:
    index: InterestIndex[str] = InterestIndex()
    index.add("was", by_type("A"))
    index.add("is", by_type("B"))
    assert index.candidates(entity("urn:x:1", "A"), entity("urn:x:1", "B"), ()) == {"was", "is"}
    assert index.candidates(entity("urn:x:1", "A"), None, ()) == {"was"}


def test_add_replaces_and_remove_forgets() -> None:
    index: InterestIndex[int] = InterestIndex()
    index.add(1, by_type("A"))
    index.add(1, by_type("B", "C+D"))
    one = entity("urn:x:1", "A")
    assert index.candidates(one, one, ()) == set()
    assert index.candidates(None, entity("urn:x:1", "C", "D"), ()) == {1}
    index.remove(1)
    index.remove(1)
    assert len(index) == 0
    assert index.candidates(None, entity("urn:x:1", "B"), ()) == set()
    assert not any(index._homes.values())


GAUGE = {"level": 5, "name": "港", "parts": [1, 2], "odd": True, "state": {"pump": 3}}


def gauge(**values: object) -> Entity:
    return Entity("urn:x:1", ("A",), {D + name: [{"type": "Property", "value": value}] for name, value in values.items()})


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("level>5", True), ("level>=5", True), ("level>6", False), ("level<5", True), ("level<4", False),
        ("level==5", True), ("level==6", False), ('name=="港"', True), ('name=="駅"', False), ("parts==2", True),
        ("parts==3", False), ("state[pump]>2", True), ("state[pump]>4", False), ("level>6;name", False),
        ("name;level>6", False), ("level>6|name", True), ("missing>1", False), ("level==4..6", True), ("level!=5", True),
    ],
)  # fmt: skip
def test_candidates_leave_out_what_a_value_does_not_reach(q: str, found: bool) -> None:
    index: InterestIndex[str] = InterestIndex()
    index.add("one", EntityQuery(condition=parse_q(q, core_context())))
    assert index.candidates(None, gauge(**GAUGE), ()) == ({"one"} if found else set())
    index.remove("one")
    assert not any(index._homes.values())


TYPES = st.sets(st.sampled_from("ABC"), min_size=1, max_size=2).map(frozenset)
selectors = st.builds(
    Selector,
    st.one_of(st.none(), st.builds(TypeSelection, st.lists(TYPES, min_size=1, max_size=2).map(tuple))),
    st.one_of(st.none(), st.sets(st.sampled_from(["urn:x:1", "urn:x:2"]), min_size=1).map(frozenset)),
)
scalars = st.one_of(st.integers(-2, 2), st.sampled_from([0.5, True, False, "1", "x"]))
ordered = st.one_of(st.integers(-2, 2), st.sampled_from([0.5, "1", "x"]))
compares = st.one_of(
    st.builds("{}{}{}".format, st.sampled_from("pq"), st.sampled_from(["==", "!="]), scalars.map(json.dumps)),
    st.builds("{}{}{}".format, st.sampled_from("pq"), st.sampled_from([">", ">=", "<", "<="]), ordered.map(json.dumps)),
)
texts = st.one_of(compares, st.builds("{}{}{}".format, compares, st.sampled_from(";|"), compares))
conditions = st.one_of(st.none(), texts.map(lambda text: parse_q(text, core_context())))
queries = st.builds(EntityQuery, st.lists(selectors, max_size=2).map(tuple), condition=conditions)
values = st.dictionaries(st.sampled_from("pq"), st.one_of(scalars, st.lists(scalars, max_size=2)))
entities = st.builds(
    lambda i, t, found: Entity(i, tuple(sorted(t)), gauge(**found).attributes), st.sampled_from(["urn:x:1", "urn:x:3"]),
    TYPES, values,
)  # fmt: skip


filed_queries = st.lists(st.tuples(queries, st.sets(st.sampled_from("pq"), max_size=1)), max_size=8)


@given(filed_queries, entities, st.sets(st.sampled_from("pq")))
@settings(deadline=None)
def test_candidates_never_miss_a_match(filed: list[tuple[EntityQuery, set[str]]], one: Entity, changed: set[str]) -> None:
    index: InterestIndex[int] = InterestIndex()
    for key, (query, watched) in enumerate(filed):
        index.add(key, query, watched)
    found = index.candidates(None, one, changed)
    for key, (query, watched) in enumerate(filed):
        if matches(one, query, NOW) and (not watched or watched & changed):
            assert key in found
