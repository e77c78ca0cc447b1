"""The counters of types and attributes say what a recount of all entities says, whoever writes at the same time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple
from datetime import timedelta
from importlib.resources import files
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from machinami.adapters.postgres import name_uses
from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.entities.service import Entities
from machinami.data.ports import Decide, EntityStore, Mutation
from machinami.kernel.caller import development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.name_use import NameUse
from machinami.standards.ngsi_ld.fragment import Fragment

from .generated_cities import IDS, NAMES, entities
from .servers import START

generated = settings(
    max_examples=40, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
_tenants = count(1)
IN_AN_HOUR = "2026-05-14T04:00:00Z"
LATER = "2026-05-14T05:00:00Z"


@st.composite
def mutations(draw: st.DrawFn) -> Mutation:
    """A write of one of few entities: created, replaced, extended, reduced or deleted."""
    entity_id = draw(st.sampled_from(IDS))
    entity = draw(entities(entity_id))
    content = Fragment(entity.types, None, None, entity.attributes)
    decide = draw(
        st.sampled_from(
            [
                rules.create(entity),
                rules.upsert_replace(entity),
                rules.upsert_update(entity),
                rules.append_attributes(entity_id, content, overwrite=False),
                rules.merge(entity_id, content),
                rules.delete_attribute(entity_id, draw(st.sampled_from(NAMES)), delete_all=True),
                rules.delete_entity(entity_id),
                rules.remove_expired(),
            ]
        )
    )
    return Mutation("", entity_id, decide)


def recount(found: list[Entity]) -> list[NameUse]:
    uses: Counter[tuple[str, str, str]] = Counter()
    for entity in found:
        for kind in ("", *entity.types):
            uses[kind, "", ""] += 1
            for name, instances in entity.attributes.items():
                for one in instances:
                    uses[kind, name, one["type"]] += 1
    return [NameUse(*use, number) for use, number in sorted(uses.items())]


def in_order(uses: list[NameUse]) -> list[NameUse]:
    return sorted(uses, key=astuple)


async def counted(store: EntityStore, tenant: str) -> list[NameUse]:
    """All counters, totals included."""
    return in_order(await store.name_uses(tenant) + await store.name_uses(tenant, of_type=""))


async def stored(store: PostgresStore, tenant: str) -> list[Entity]:
    ids = await store.pool.fetch("select id from entity where tenant = $1", tenant)
    found = [await store.get(tenant, row["id"]) for row in ids]
    return [one for one in found if one is not None]


@generated
@given(lots=st.lists(st.lists(mutations(), min_size=1, max_size=6), min_size=1, max_size=12), seed=st.integers(0, 1000))
async def test_name_uses_equal_a_recount_when_several_write_at_once(
    postgres: PostgresStore, lots: list[list[Mutation]], seed: int
) -> None:
    tenant = f"uses{next(_tenants)}"
    chance = random.Random(seed)

    async def write(lot: list[Mutation]) -> None:
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.003]))
        await postgres.write([Mutation(tenant, one.entity_id, one.decide) for one in lot])
        if chance.random() < 0.2:
            await postgres.pool.execute(name_uses.FOLD)

    await asyncio.gather(*(write(lot) for lot in lots))
    assert await counted(postgres, tenant) == recount(await stored(postgres, tenant))
    await postgres.keep_house()
    found = await counted(postgres, tenant)
    assert found == recount(await stored(postgres, tenant))
    for one in found[:3]:
        typed = await postgres.name_uses(tenant, of_type=one.type)
        assert in_order(typed) == [each for each in found if each.type == one.type]
        named = await postgres.name_uses(tenant, attribute=one.attribute)
        assert in_order(named) == [each for each in found if each.attribute == one.attribute]


async def test_name_uses_are_counted_anew_by_the_migration(postgres: PostgresStore, tenant: str) -> None:
    made = [
        Entity("urn:a", ("A", "B"), {"x": [{"type": "Property", "value": 1}, {"type": "Relationship", "object": "urn:b", "datasetId": "urn:d"}]}),
        Entity("urn:b", ("A",), {"x": [{"type": "Property", "value": 1, "expiresAt": LATER}], "y": [expiring(IN_AN_HOUR)]}),
    ]  # fmt: skip
    await postgres.write([Mutation(tenant, one.id, rules.create(one)) for one in made])
    before = await counted(postgres, tenant)
    due = await postgres.pool.fetch("select * from attribute_expiry order by tenant, id")
    await postgres.pool.execute("truncate name_use, name_use_change, attribute_expiry")
    migration = files("machinami.adapters.postgres").joinpath("migrations/0009_discovery.sql").read_text("utf-8")
    await postgres.pool.execute(migration.partition("-- What is there already.")[2])
    assert await counted(postgres, tenant) == before == recount(await stored(postgres, tenant))
    assert await postgres.pool.fetch("select * from attribute_expiry order by tenant, id") == due


async def test_write_notes_nothing_when_it_changes_no_names(postgres: PostgresStore, tenant: str) -> None:
    thing = Entity("urn:a", ("A",), {"x": [{"type": "Property", "value": 1}]})
    await postgres.write([Mutation(tenant, thing.id, rules.create(thing))])
    noted = await postgres.pool.fetch("select number from name_use_change")
    for value in range(3):
        other = thing.with_attributes({"x": [{"type": "Property", "value": value}]})
        await postgres.write([Mutation(tenant, thing.id, rules.upsert_replace(other))])
    assert await postgres.pool.fetch("select number from name_use_change") == noted


async def test_changes_are_folded_when_many_wait(postgres: PostgresStore, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("machinami.adapters.postgres.store.FOLD_AT", 5)
    for number in range(20):
        thing = Entity(f"urn:{number}", ("A",), {"x": [{"type": "Property", "value": 1}]})
        await postgres.write([Mutation(tenant, thing.id, rules.create(thing))])
    for _ in range(100):
        if len(await postgres.pool.fetch("select 1 from name_use_change")) < 8:
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError("nothing was folded")
    assert NameUse("A", "x", "Property", 20) in await postgres.name_uses(tenant)


async def test_changes_are_folded_when_one_write_notes_many(
    postgres: PostgresStore, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("machinami.adapters.postgres.store.FOLD_AT", 100)
    many = {f"x{number}": [{"type": "Property", "value": number}] for number in range(60)}
    await postgres.keep_house()
    await postgres.write([Mutation(tenant, "urn:many", rules.create(Entity("urn:many", ("A",), many)))])
    for _ in range(100):
        if not await postgres.pool.fetch("select 1 from name_use_change"):
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError("nothing was folded")


def expiring(at: str, **members: str) -> Instance:
    return {"type": "Property", "value": 1, "expiresAt": at, **members}


async def test_discovery_forgets_what_has_expired_at_once(store: EntityStore, clock: VirtualClock, tenant: str) -> None:
    service, caller = Entities(store, clock), development_caller(tenant)
    plain: Instance = {"type": "Property", "value": 1}
    made = [
        Entity("urn:goes", ("A",), {"x": [plain]}, expires_at=IN_AN_HOUR),
        Entity("urn:fades", ("A",), {"x": [plain, expiring(IN_AN_HOUR, datasetId="urn:d")], "y": [expiring(LATER)]}),
    ]
    await service.apply_each(caller, [(one.id, rules.create(one)) for one in made])
    clock.advance(3_700)
    assert [(one.type, one.attribute, one.count) for one in in_order(await service.name_uses(caller, of_type="A"))] == [
        ("A", "", 1), ("A", "x", 1), ("A", "y", 1),
    ]  # fmt: skip
    assert await store.get(tenant, "urn:goes") is None
    clock.advance(3_700)
    assert sorted(one.attribute for one in await service.name_uses(caller, of_type="A")) == ["", "x"]
    assert await store.expire(clock.now(), 10) == []


async def test_expire_forgets_an_attribute_whose_time_was_lifted(store: EntityStore, clock: VirtualClock, tenant: str) -> None:
    fading = Entity("urn:a", ("A",), {"x": [expiring(IN_AN_HOUR)]})
    lasting = Entity("urn:a", ("A",), {"x": [{"type": "Property", "value": 2}]})
    await store.write(
        [Mutation(tenant, "urn:a", rules.create(fading)), Mutation(tenant, "urn:a", rules.upsert_replace(lasting))]
    )
    await store.write([Mutation(tenant, "urn:b", rules.create(Entity("urn:b", ("A",), fading.attributes)))])
    await store.write([Mutation(tenant, "urn:b", rules.delete_entity("urn:b"))])
    soon = Entity("urn:c", ("A",), fading.attributes, expires_at=IN_AN_HOUR)
    await store.write([Mutation(tenant, "urn:c", rules.create(soon))])
    below = Entity("urn:d", ("A",), {"x": [{"type": "Property", "value": 2, "attributes": fading.attributes}]})
    await store.write([Mutation(tenant, "urn:d", rules.create(below))])
    assert sorted(await store.expire(START + timedelta(hours=2), 10)) == [(tenant, "urn:c"), (tenant, "urn:d")]


async def test_name_uses_follow_a_change_of_kind_or_type_alone(store: EntityStore, tenant: str) -> None:
    steps = [
        Entity("urn:a", ("A",), {"x": [{"type": "Property", "value": 1}]}),
        Entity("urn:a", ("A",), {"x": [{"type": "Relationship", "object": "urn:b"}]}),
        Entity("urn:a", ("B",), {"x": [{"type": "Relationship", "object": "urn:b"}]}),
    ]
    for step in steps:
        await store.write([Mutation(tenant, "urn:a", rules.upsert_replace(step))])
        assert await counted(store, tenant) == recount([step])
    await store.write([Mutation(tenant, "urn:a", rules.upsert_replace(steps[one])) for one in (0, 1, 2, 0)])
    assert await counted(store, tenant) == recount([steps[0]])


async def test_counters_hold_when_several_lanes_and_the_folding_commit_at_once(postgres: PostgresStore, tenant: str) -> None:
    def lot(number: int, decide: Callable[[Entity], Decide]) -> list[Mutation]:
        things = [Entity(f"urn:{number}:{one}", ("A",), {"x": [{"type": "Property", "value": one}]}) for one in range(150)]
        return [Mutation(tenant, one.id, decide(one)) for one in things]

    async def fold() -> None:
        for _ in range(10):
            await postgres.pool.execute(name_uses.FOLD)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(postgres.write(lot(number, rules.create)) for number in range(12)), fold())
    assert NameUse("A", "x", "Property", 1_800) in await postgres.name_uses(tenant)
    gone = [lot(number, lambda one: rules.delete_entity(one.id)) for number in range(6)]
    more = [lot(number, rules.create) for number in range(20, 24)]
    await asyncio.gather(*(postgres.write(one) for one in gone + more), fold())
    assert await counted(postgres, tenant) == recount(await stored(postgres, tenant))
    assert NameUse("A", "", "", 1_500) in await postgres.name_uses(tenant)
    assert postgres.writer.conflicts == 0
