"""What the store finds is what `data.matching` says of each entity, one by one: no difference over generated cities."""

from __future__ import annotations

import os
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.matching import matches
from machinami.data.ports import Mutation
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import AttributePath, Compare, Comparison, EntityQuery, Exists, Instant, Page, ScopeQuery

from .generated_cities import IDS, NAMES, TYPES, cities, either_queries, narrow_queries
from .servers import START

EXAMPLES = int(os.environ.get("MACHINAMI_TEST_CITIES", "60"))
QUERIES = 10
NOW = START.replace(hour=4)
_tenants = count(1)
generated = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="MACHINAMI_TEST_CITIES" not in os.environ,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Without shrinking: each step is a round trip to a server. More cities, freshly drawn: MACHINAMI_TEST_CITIES=1000."""


def expected(city: list[Entity], query: EntityQuery) -> list[str] | str:
    try:
        return [one.id for one in sorted(city, key=lambda one: one.sequence) if matches(one, query, iso(NOW))]
    except Refusal as error:
        return error.code


async def found(store: PostgresStore, tenant: str, query: EntityQuery, page: Page) -> Any:
    try:
        result = await store.query(tenant, query, page, NOW)
    except Refusal as error:
        return error.code
    assert result.total is None or result.total >= len(result.entities)
    return [one.id for one in result.entities], result.total, result.more


async def settle(store: PostgresStore, tenant: str, city: tuple[Entity, ...]) -> None:
    results = await store.write([Mutation(tenant, one.id, rules.upsert_replace(one)) for one in city])
    assert not [one for one in results if isinstance(one, MachinamiError)]


@generated
@given(city=cities, queries=st.lists(narrow_queries, min_size=QUERIES, max_size=QUERIES))
async def test_query_finds_what_matches_in_a_new_city(
    postgres: PostgresStore, city: tuple[Entity, ...], queries: list[EntityQuery]
) -> None:
    await agree(postgres, [city], queries)


@generated
@given(city=cities, later=cities, queries=st.lists(narrow_queries, min_size=QUERIES, max_size=QUERIES))
async def test_query_finds_what_matches_when_the_city_was_changed(
    postgres: PostgresStore, city: tuple[Entity, ...], later: tuple[Entity, ...], queries: list[EntityQuery]
) -> None:
    """Index rows of values that are gone must be gone; those of what came must be there."""
    await agree(postgres, [city, later], queries)


@generated
@given(
    city=cities, queries=st.lists(narrow_queries | either_queries, min_size=QUERIES, max_size=QUERIES),
    small=st.integers(-1, 3), medium=st.integers(-1, 6),
)  # fmt: skip
async def test_query_finds_what_matches_whatever_is_called_small(
    postgres: PostgresStore, city: tuple[Entity, ...], queries: list[EntityQuery], small: int, medium: int
) -> None:
    """Small narrowings drive the walk, medium ones are put together once, else it goes along an index in order."""
    with (
        patch("machinami.adapters.postgres.store.PROBE_ROWS_MAX", small),
        patch("machinami.adapters.postgres.store.MEDIUM_ROWS_MAX", max(small, medium)),
    ):
        await agree(postgres, [city], queries)


async def agree(store: PostgresStore, steps: list[tuple[Entity, ...]], queries: list[EntityQuery]) -> None:
    tenant = f"city{next(_tenants)}"
    for step in steps:
        await settle(store, tenant, step)
    city = [
        entity for one in dict.fromkeys(one.id for step in steps for one in step) if (entity := await store.get(tenant, one))
    ]
    for query in queries:
        wanted = expected(city, query)
        if isinstance(wanted, str):
            assert await found(store, tenant, query, Page(100)) in (wanted, ([], None, False)), query
            continue
        assert await found(store, tenant, query, Page(100, count=True)) == (wanted, len(wanted), False), query
        assert await found(store, tenant, query, Page(2, 1, count=True)) == (wanted[1:3], len(wanted), len(wanted) > 3), query
        if wanted:
            first = next(one for one in city if one.id == wanted[0])
            behind = Page(2, count=True, after_sequence=first.sequence)
            assert await found(store, tenant, query, behind) == (wanted[1:3], len(wanted), len(wanted) > 3), query


CORE = "https://uri.etsi.org/ngsi-ld/"
REMEMBERED = [
    EntityQuery(condition=Exists(AttributePath(f"{CORE}createdAt"))),
    EntityQuery(condition=Compare(AttributePath(f"{CORE}modifiedAt"), Comparison.LESS, (Instant("2027-01-01T00:00:00Z"),))),
    EntityQuery(condition=Exists(AttributePath("expiresAt"))),
    EntityQuery(condition=Compare(AttributePath(NAMES[0]), Comparison.GREATER, (1,))),
    EntityQuery(condition=Compare(AttributePath(NAMES[0]), Comparison.GREATER, (2**53,))),
    EntityQuery(scope=ScopeQuery((("/bare",),))),
    EntityQuery(scope=ScopeQuery((("/town/#",),))),
]


@pytest.mark.parametrize("query", REMEMBERED)
async def test_query_finds_what_it_once_missed_or_found_twice(postgres: PostgresStore, query: EntityQuery) -> None:
    values = [{"type": "Property", "value": [2, 3, 4]}, {"type": "Property", "value": 2**53 + 1, "datasetId": "urn:d:1"}]
    one = Entity(IDS[0], (TYPES[0],), {NAMES[0]: values}, ("bare", "/town", "/town/east"), expires_at="2027-01-01T00:00:00Z")
    other = Entity(IDS[1], (TYPES[0],), {NAMES[0]: [{"type": "Property", "value": 0}]}, ("/townhall",))
    await agree(postgres, [(one, other)], [query])


async def test_index_rows_are_all_gone_when_the_city_is(postgres: PostgresStore, tenant: str, clock: VirtualClock) -> None:
    @settings(max_examples=1, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(city=st.tuples(cities, cities, cities))
    def draw(city: tuple[tuple[Entity, ...], ...]) -> None:
        drawn.append(city)

    drawn: list[tuple[tuple[Entity, ...], ...]] = []
    draw()
    for city in drawn[0]:
        await settle(postgres, tenant, city)
    ids = {one.id for city in drawn[0] for one in city}
    results = await postgres.write([Mutation(tenant, one, rules.delete_entity(one)) for one in sorted(ids)])
    assert not [one for one in results if isinstance(one, MachinamiError)]
    for table in ("entity", "entity_type", "entity_attribute", "entity_number", "entity_text", "entity_cell", "history"):
        assert (await postgres.pool.fetch(f"select count(*) from {table} where tenant = $1", tenant))[0][0] == 0, table
