"""Entity maps on a real server: kept until they expire, bounded, and pages that stay what they were (CIM 009 5.5.9.3, 5.14)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from machinami.adapters.postgres.entity_maps import PostgresEntityMaps
from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.entities.service import Entities
from machinami.data.entity_maps.model import EntityMap, EntityMapLimits
from machinami.data.entity_maps.service import EntityMaps
from machinami.data.ports import Mutation
from machinami.kernel.caller import Caller, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import (
    AttributePath,
    Compare,
    Comparison,
    EntityQuery,
    Page,
    Selector,
    TypeSelection,
)

from .servers import START

SENSORS = EntityQuery(selectors=(Selector(TypeSelection((frozenset({"https://example.org/Sensor"}),))),))
LEVEL = "https://example.org/level"
LIMITS = EntityMapLimits(entities_max=1_200, maps_max=3, lifetime_s=60, lifetime_s_max=600)


@pytest.fixture
def caller(tenant: str) -> Caller:
    return development_caller(tenant)


@pytest.fixture
def entities(postgres: PostgresStore, clock: VirtualClock) -> Entities:
    return Entities(postgres, clock)


@pytest.fixture
async def maps(postgres: PostgresStore, clock: VirtualClock) -> EntityMaps:
    return EntityMaps(PostgresEntityMaps(postgres.pool), clock, LIMITS)


async def settle(store: PostgresStore, tenant: str, numbers: range, level: int = 1) -> None:
    instances = [{"type": "Property", "value": level}]
    cities = [Entity(f"urn:s:{n}", ("https://example.org/Sensor",), {LEVEL: instances}) for n in numbers]
    await store.write([Mutation(tenant, one.id, rules.upsert_replace(one)) for one in cities])


async def leave(store: PostgresStore, tenant: str, *numbers: int) -> None:
    ids = [f"urn:s:{n}" for n in numbers]
    await store.write([Mutation(tenant, one, rules.delete_entity(one)) for one in ids])


async def numbers_of(maps: EntityMaps, entities: Entities, caller: Caller, map_id: str, page: Page) -> list[int]:
    result = await maps.page(caller, await maps.retrieve(caller, map_id), SENSORS, page, entities)
    return [int(one.id.removeprefix("urn:s:")) for one in result.entities]


async def test_pages_of_a_map_stay_when_entities_come(
    postgres: PostgresStore, maps: EntityMaps, entities: Entities, caller: Caller
) -> None:
    await settle(postgres, caller.tenant, range(1_050))
    made = await maps.create(caller, SENSORS, Page(2), entities)
    assert [name for name, _ in made.entities] == [f"urn:s:{n}" for n in range(1_050)]
    assert {sources for _, sources in made.entities} == {("@none",)}
    await settle(postgres, caller.tenant, range(2_000, 2_010))
    assert await numbers_of(maps, entities, caller, made.id, Page(3)) == [0, 1, 2]
    assert await numbers_of(maps, entities, caller, made.id, Page(1_000, 1_000)) == list(range(1_000, 1_050))


async def test_no_entity_is_left_out_of_the_pages_behind_when_others_go(
    postgres: PostgresStore, maps: EntityMaps, entities: Entities, caller: Caller
) -> None:
    """Entities that left before their page was read are not in it; the page is filled, and each of the others comes once."""
    await settle(postgres, caller.tenant, range(10))
    made = await maps.create(caller, SENSORS, Page(3), entities)
    assert await numbers_of(maps, entities, caller, made.id, Page(3)) == [0, 1, 2]
    await leave(postgres, caller.tenant, 1, 4, 5)
    assert await numbers_of(maps, entities, caller, made.id, Page(3, 3)) == [3, 6, 7]
    assert await numbers_of(maps, entities, caller, made.id, Page(3, 6)) == [8, 9]
    assert [name for name, _ in (await maps.retrieve(caller, made.id)).entities] == [
        f"urn:s:{n}" for n in (0, 1, 2, 3, 6, 7, 8, 9)
    ]


async def test_filters_are_checked_again_on_each_page(
    postgres: PostgresStore, maps: EntityMaps, entities: Entities, caller: Caller
) -> None:
    low = EntityQuery(SENSORS.selectors, condition=Compare(AttributePath(LEVEL), Comparison.LESS, (5,)))
    await settle(postgres, caller.tenant, range(5))
    made = await maps.create(caller, low, Page(2), entities)
    await settle(postgres, caller.tenant, range(1, 3), level=9)
    found = await maps.page(caller, made, low, Page(2, count=True), entities)
    assert ([one.id for one in found.entities], found.total, found.more) == (["urn:s:0", "urn:s:3"], 3, True)


async def test_a_query_that_finds_too_much_makes_no_map(
    postgres: PostgresStore, maps: EntityMaps, entities: Entities, caller: Caller
) -> None:
    await settle(postgres, caller.tenant, range(1_201))
    with pytest.raises(Refusal, match="too_many_entities"):
        await maps.create(caller, SENSORS, Page(2), entities)


async def test_a_map_ends_when_its_time_is_over(
    maps: EntityMaps, entities: Entities, caller: Caller, clock: VirtualClock
) -> None:
    made = await maps.create(caller, SENSORS, Page(2), entities)
    assert made.expires_at == START + timedelta(seconds=60)
    await maps.renew(caller, made.id, START + timedelta(days=99))
    assert (await maps.retrieve(caller, made.id)).expires_at == START + timedelta(seconds=600), (
        "no longer than the longest life"
    )
    clock.advance(601)
    for ask in (maps.retrieve(caller, made.id), maps.delete(caller, made.id), maps.renew(caller, made.id, clock.now())):
        with pytest.raises(Refusal, match="does_not_exist"):
            await ask
    assert await maps.sweep() >= 1


async def test_those_that_expire_first_make_room(postgres: PostgresStore, tenant: str, clock: VirtualClock) -> None:
    store = PostgresEntityMaps(postgres.pool)
    for n in (5, 1, 4, 2, 3):
        await store.add(tenant, EntityMap(f"urn:m:{n}", START + timedelta(minutes=n), ()), LIMITS.maps_max)
    left = [n for n in range(1, 6) if await store.fetch(tenant, f"urn:m:{n}", clock.now())]
    assert left == [3, 4, 5]
    assert await store.fetch("another", "urn:m:5", clock.now()) is None
