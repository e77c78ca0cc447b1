"""Type selection (4.17), ids, scopes (4.19)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.data.matching.selectors import scope_holds, scope_pattern_matches, selects, type_matches
from machinami.kernel.entity import Entity
from machinami.kernel.query import ScopeQuery, Selector, TypeSelection

BUS = Entity("urn:ngsi-ld:Bus:7", ("Bus", "Vehicle"))


def types(*alternatives: str) -> TypeSelection:
    return TypeSelection(tuple(frozenset(one.split("+")) for one in alternatives))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (types("Bus"), True),
        (types("Home", "Vehicle"), True),
        (types("Bus+Vehicle"), True),
        (types("Bus+Home", "Home"), False),
        (types("Bus+Home", "Vehicle"), True),
    ],
)
def test_type_matches_any_alternative_as_a_whole(selection: TypeSelection, expected: bool) -> None:
    assert type_matches(selection, BUS.types) is expected


NAMES = st.sets(st.sampled_from("ABCD"))


@given(NAMES, st.lists(NAMES.filter(bool), min_size=1, max_size=3))
@settings(deadline=None)
def test_type_matches_is_the_disjunction_of_conjunctions(has: set[str], alternatives: list[set[str]]) -> None:
    selection = TypeSelection(tuple(frozenset(one) for one in alternatives))
    expected = any(all(name in has for name in one) for one in alternatives)
    assert type_matches(selection, has) is expected


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ((Selector(ids=frozenset({BUS.id})),), True),
        ((Selector(ids=frozenset({"urn:other"})),), False),
        ((Selector(id_pattern="Bus:[0-9]+$"),), True),
        ((Selector(id_pattern="^Bus"),), False),
        ((Selector(types("Bus"), frozenset({"urn:other"})),), False),
        ((Selector(types("Home")), Selector(types("Bus"))), True),
        ((Selector(),), True),
    ],
)
def test_selects_needs_all_parts_of_one_selector(selectors: tuple[Selector, ...], expected: bool) -> None:
    assert selects(selectors, BUS) is expected


@pytest.mark.parametrize(
    ("pattern", "scope", "expected"),
    [
        ("/Madrid", "/Madrid", True),
        ("/Madrid", "/Madrid/Gardens", False),
        ("/Madrid/Gardens/#", "/Madrid/Gardens", True),
        ("/Madrid/Gardens/#", "/Madrid/Gardens/ParqueNorte/Parterre1", True),
        ("/Madrid/Gardens/#", "/Madrid", False),
        ("/Madrid/Gardens/#", "/Madrid/GardensNorte", False),
        ("/Madrid/+/ParqueNorte", "/Madrid/Sights/ParqueNorte", True),
        ("/Madrid/+/ParqueNorte", "/Madrid/ParqueNorte", False),
        ("/Madrid/+", "/Madrid", False),
        ("/+/Gardens/#", "/Madrid/Gardens/A", True),
        ("/#", "/Madrid/Gardens", True),
        ("CompanyB", "/CompanyB", True),
    ],
)
def test_scope_pattern_matches_levels(pattern: str, scope: str, expected: bool) -> None:
    assert scope_pattern_matches(pattern, scope) is expected


def test_scope_holds_needs_all_patterns_of_one_alternative() -> None:
    query = ScopeQuery((("/Madrid/Districts", "/CompanyA"), ("/CompanyB",)))
    assert scope_holds(query, ("/CompanyA", "/Madrid/Districts"))
    assert not scope_holds(query, ("/CompanyA",))
    assert scope_holds(query, ("/CompanyB",))


def test_scope_holds_never_for_an_entity_without_scope() -> None:
    assert not scope_holds(ScopeQuery((("/#",),)), ())
