"""The index of standing queries finds all that match and leaves the rest alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.data.matching import matches
from machinami.data.matching.index import InterestIndex
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery, Selector, TypeSelection

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
    assert not index._filed


TYPES = st.sets(st.sampled_from("ABC"), min_size=1, max_size=2).map(frozenset)
selectors = st.builds(
    Selector,
    st.one_of(st.none(), st.builds(TypeSelection, st.lists(TYPES, min_size=1, max_size=2).map(tuple))),
    st.one_of(st.none(), st.sets(st.sampled_from(["urn:x:1", "urn:x:2"]), min_size=1).map(frozenset)),
)
queries = st.builds(EntityQuery, st.lists(selectors, max_size=2).map(tuple))
entities = st.builds(lambda i, t: Entity(i, tuple(sorted(t))), st.sampled_from(["urn:x:1", "urn:x:3"]), TYPES)


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
