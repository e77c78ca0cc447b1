"""The work that the server does for a query right after a large import, when it has no statistics of the tables yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from machinami.adapters.postgres.query_sql import PROBE_ROWS_MAX, Plan, Sql, plan_query
from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.ports import Mutation
from machinami.data.temporal.model import Grid, Window
from machinami.kernel.entity import Entity
from machinami.kernel.query import (
    And,
    AttributePath,
    Compare,
    Comparison,
    EntityQuery,
    GeoQuery,
    GeoRelation,
    Selector,
    TypeSelection,
)
from machinami.standards.ngsi_ld.aggregation import Method, Periods
from machinami.standards.ngsi_ld.durations import Duration

from .servers import START

D = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"
TOWN = "large town"
ENTITIES = 3_000
EXPIRED = range(100, 105)
OF_TYPE = EntityQuery((Selector(TypeSelection((frozenset({f"{D}Gauge"}),))),))
INDEXED = ("entity", "entity_type", "entity_attribute", "entity_number", "entity_text", "entity_cell")


def gauge(number: int) -> Entity:
    place = {"type": "Point", "coordinates": [134 + number % 60 / 100, 34 + number // 60 / 100]}
    attributes = {
        f"{D}level": [{"type": "Property", "value": number}],
        f"{D}name": [{"type": "Property", "value": f"gauge {number}"}],
        LOCATION: [{"type": "GeoProperty", "value": place}],
    }
    made = Entity(f"urn:ngsi-ld:Gauge:{number}", (f"{D}Gauge",), attributes)
    return replace(made, expires_at="2026-05-14T01:00:00Z") if number in EXPIRED else made


@pytest.fixture
async def filled(postgres: PostgresStore) -> PostgresStore:
    """A store that has just been filled and that nobody has analyzed."""
    if not await postgres.types(TOWN):
        await postgres.pool.execute("; ".join(f"alter table {one} set (autovacuum_enabled = off)" for one in INDEXED))
        await postgres.write([Mutation(TOWN, one.id, rules.create(one)) for one in map(gauge, range(ENTITIES))])
    return postgres


async def work(store: PostgresStore, sql: Sql) -> int:
    """How many rows the server handled, step by step, those that it threw away included."""
    text, parameters = sql.numbered()
    row = await store.pool.fetch_row(f"explain (analyze, timing off, format json) {text}", *parameters)
    assert row is not None
    return _handled(json.loads(row[0])[0]["Plan"])


def _handled(step: dict[str, Any]) -> int:
    rows = sum(count for name, count in step.items() if name == "Actual Rows" or name.startswith("Rows Removed"))
    return int(rows * step["Actual Loops"]) + sum(_handled(one) for one in step.get("Plans", ()))


async def driver(store: PostgresStore, plan: Plan) -> Sql:
    text, parameters = plan.probe().numbered()
    sizes = list(await store.pool.fetch_row(text, *parameters) or ())
    found = plan.narrowed(sizes, PROBE_ROWS_MAX)
    assert found is not None
    return found


def compared(name: str, operator: Comparison, value: Any) -> Compare:
    return Compare(AttributePath(f"{D}{name}"), operator, (value,))


@pytest.mark.parametrize(
    "query",
    [
        replace(OF_TYPE, geo=GeoQuery(GeoRelation.NEAR, "Point", (134.3, 34.2), LOCATION, 1_500.0)),
        replace(OF_TYPE, condition=compared("name", Comparison.EQUAL, "gauge 77")),
        replace(OF_TYPE, condition=compared("level", Comparison.GREATER, ENTITIES - 10)),
        replace(OF_TYPE, condition=And((compared("level", Comparison.LESS, 10), compared("name", Comparison.EQUAL, "gauge 7")))),
        EntityQuery((Selector(ids=frozenset({"urn:ngsi-ld:Gauge:5", "urn:ngsi-ld:Gauge:6"})),)),
    ],
    ids=["near", "text", "number", "number and text", "ids"],
)  # fmt: skip
async def test_query_handles_little_more_than_what_it_finds_when_there_are_no_statistics(
    filled: PostgresStore, query: EntityQuery
) -> None:
    plan = plan_query(TOWN, query)
    assert await work(filled, plan.probe()) < 300
    assert await work(filled, plan.page(await driver(filled, plan), 0, 64)) < 300


async def test_page_of_a_type_handles_little_more_than_the_page_when_there_are_no_statistics(filled: PostgresStore) -> None:
    plan = plan_query(TOWN, OF_TYPE)
    assert await work(filled, plan.page(plan.ordered(), 0, 20)) < 100


async def test_count_of_a_type_handles_what_has_expired_only_when_there_are_no_statistics(filled: PostgresStore) -> None:
    plan = plan_query(TOWN, OF_TYPE)
    text, parameters = plan.count(START).numbered()
    row = await filled.pool.fetch_row(text, *parameters)
    assert row is not None
    assert row[0] == ENTITIES - len(EXPIRED)
    assert await work(filled, plan.count(START)) < 100


async def test_aggregation_sorts_no_points_when_there_are_no_statistics(
    postgres: PostgresStore, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await postgres.pool.execute(
        "insert into history (tenant, id, attribute, at, received_at, instance)"
        " select $1, 'urn:a', 'x', t, t, jsonb_build_object('type', 'Property', 'value', n % 7)"
        " from generate_series(1, 3000) n, lateral (select $2::timestamptz + n * interval '1 minute' as t) times",
        tenant, START,
    )  # fmt: skip
    steps: list[dict[str, Any]] = []
    hashed = postgres.history._hashed

    async def explained(sql: str, *parameters: Any) -> list[Any]:
        [row] = await hashed(f"explain (analyze, timing off, format json) {sql}", *parameters)
        steps.extend(_steps(json.loads(row[0])[0]["Plan"]))
        return []

    monkeypatch.setattr(postgres.history, "_hashed", explained)
    grid = Grid(tuple(Method), Periods(START, Duration(0, timedelta(hours=1)), START + timedelta(days=3)))
    await postgres.history.aggregate(tenant, [("urn:a", "x")], Window(limit=10_000), grid, 100)
    assert max(one["Actual Rows"] for one in steps) == 3_000
    assert max(one["Actual Rows"] for one in steps if "Sort" in one["Node Type"]) <= 51


def _steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for one in step.get("Plans", ()):
        yield from _steps(one)
