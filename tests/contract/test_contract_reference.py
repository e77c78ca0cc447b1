"""The stores find what the reference model of `sdk.reference` finds: no difference over generated cities and queries.

A query goes the whole way from its text: the model reads it by itself, the store gets it through the parsers of `standards`.
"""

from __future__ import annotations

import os
from itertools import combinations, count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.entities.expiry import living
from machinami.data.matching import matches
from machinami.data.ports import Mutation
from machinami.kernel.clock import iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import EntityQuery, Ordering, Page, Selector
from machinami.sdk.reference import Question, answers, comparison
from machinami.standards.collation import collation_key, parse_collation
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.geo import parse_geo_query
from machinami.standards.ngsi_ld.ordering import parse_ordering
from machinami.standards.ngsi_ld.q import parse_q
from machinami.standards.ngsi_ld.scope import parse_scope_query
from machinami.standards.ngsi_ld.types import parse_type_selection

from .generated_questions import linked_cities, questions
from .servers import START

PROVE = os.environ.get("MACHINAMI_PROVE") == "1"
CITIES = int(os.environ.get("MACHINAMI_TEST_CITIES", "3000" if PROVE else "50"))
NOW = START.replace(hour=4)
CONTEXT = core_context()
_tenants = count(1)
generated = settings(
    max_examples=CITIES,
    deadline=None,
    database=None,
    derandomize=not PROVE,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
many_questions = st.lists(questions(), min_size=12, max_size=12)


def expand(name: str) -> str:
    return CONTEXT.expanded[name]


def query_of(question: Question) -> EntityQuery:
    """What the store gets: the question through the parsers of the API."""
    types = parse_type_selection(question.type, CONTEXT) if question.type else None
    ids = frozenset(question.id.split(",")) if question.id else None
    geo = None
    if question.georel:
        geo = parse_geo_query(question.georel, question.geometry, question.coordinates, question.geoproperty, CONTEXT)
    return EntityQuery(
        selectors=(Selector(types, ids, question.id_pattern or None),) if types or ids or question.id_pattern else (),
        attributes=tuple(expand(name) for name in question.attrs.split(",")) if question.attrs else (),
        condition=parse_q(question.q, CONTEXT, links_max=2) if question.q else None,
        geo=geo,
        scope=parse_scope_query(question.scope_q) if question.scope_q else None,
    )


def difference(found: list[str], city: list[Entity], question: Question) -> dict[str, Any]:
    """Ids with (what the model says, whether they were found) where both differ."""
    wanted = {one.id: answers(one, question, NOW, expand, city) for one in city}
    return {name: (say, name in found) for name, say in wanted.items() if say is not None and say != (name in found)}


def order_of(question: Question) -> Ordering | None:
    """The order the store gets."""
    if not question.order_by:
        return None
    return parse_ordering(question.order_by, CONTEXT, coordinates=question.order_from, geometry=question.order_geometry)


def disorder(found: list[Entity], question: Question) -> list[tuple[str, str]]:
    """Pairs that the model would have the other way round."""
    compare = comparison(question.order_by, expand, texts, question.order_from, question.order_geometry)
    return [
        (one.id, other.id)
        for one, other in combinations(found, 2)
        if (sign := compare(living_of(one), living_of(other))) is not None and sign > 0
    ]


def living_of(entity: Entity) -> Entity:
    return living(entity, iso(NOW)) or entity


def texts(one: str, other: str) -> int:
    key = collation_key(parse_collation(""))
    return (key(one) > key(other)) - (key(one) < key(other))


@settings(generated, max_examples=CITIES * 4)
@given(city=linked_cities(), asked=many_questions)
def test_matching_agrees_with_the_reference(city: tuple[Entity, ...], asked: list[Question]) -> None:
    for question in asked:
        query = query_of(question)
        there = {one.id: alive for one in city if (alive := living(one, iso(NOW))) is not None}
        found = [one.id for one in city if matches(one, query, iso(NOW), there)]
        assert not difference(found, list(city), question), question


@generated
@given(city=linked_cities(), later=linked_cities(), asked=many_questions)
async def test_the_store_agrees_with_the_reference(
    postgres: PostgresStore, city: tuple[Entity, ...], later: tuple[Entity, ...], asked: list[Question]
) -> None:
    tenant = f"reference{next(_tenants)}"
    for step in (city, later):
        results = await postgres.write([Mutation(tenant, one.id, rules.upsert_replace(one)) for one in step])
        assert not [one for one in results if isinstance(one, MachinamiError)]
    ids = dict.fromkeys(one.id for step in (city, later) for one in step)
    stored = [entity for one in ids if (entity := await postgres.get(tenant, one))]
    for question in asked:
        order = order_of(question)
        try:
            result = await postgres.query(tenant, query_of(question), Page(100, count=True, order=order), NOW)
        except Refusal as error:
            pytest.fail(f"{question}: {error.code}")
        found = [one.id for one in result.entities]
        assert not difference(found, stored, question), question
        assert result.total == len(found)
        assert not disorder(result.entities, question), question
        part = await postgres.query(tenant, query_of(question), Page(2, 1, order=order), NOW)
        assert ([one.id for one in part.entities], part.more) == (found[1:3], len(found) > 3)
