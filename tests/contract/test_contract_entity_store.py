"""The `EntityStore` port: what every store does, the in-memory one included."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision, Effect
from machinami.data.ports import Decide, Mutation
from machinami.kernel.change import Change, ChangeKind, Cursor
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import (
    AttributePath,
    Compare,
    Comparison,
    EntityQuery,
    Link,
    Ordering,
    OrderTerm,
    Page,
    Selector,
    TypeSelection,
)
from machinami.sdk.memory_store import MemoryEntityStore

from .history_kit import past
from .servers import START

D = "https://uri.etsi.org/ngsi-ld/default-context/"
LEVEL, NAME = f"{D}level", f"{D}name"
GAUGE = "urn:ngsi-ld:Gauge:1"
Store = PostgresStore | MemoryEntityStore


def gauge(number: int = 1, level: Any = 1.5, **members: Any) -> Entity:
    return Entity(f"urn:ngsi-ld:Gauge:{number}", (f"{D}Gauge",), {LEVEL: [{"type": "Property", "value": level}]}, **members)


def put(tenant: str, entity: Entity) -> Mutation:
    return Mutation(tenant, entity.id, rules.upsert_replace(entity), "user:sato")


def new(tenant: str, entity: Entity) -> Mutation:
    return Mutation(tenant, entity.id, rules.create(entity), "user:sato")


def level_to(value: Any, entity_id: str = GAUGE) -> Decide:
    return rules.partial_update(entity_id, LEVEL, [{"type": "Property", "value": value}])


def gone(tenant: str, entity_id: str = GAUGE) -> Mutation:
    return Mutation(tenant, entity_id, rules.delete_entity(entity_id), "user:sato")


async def ids(store: Store, tenant: str, page: Page, query: EntityQuery = EntityQuery()) -> list[str]:
    return [one.id for one in (await store.query(tenant, query, page, START)).entities]


def effects(results: list[Decision | MachinamiError]) -> list[Any]:
    return [one.code if isinstance(one, MachinamiError) else one.outcome.effect for one in results]


async def changes_of(store: Store, tenant: str, limit: int = 1_000) -> list[Change]:
    return [one for one in await store.changes(Cursor(), limit) if one.tenant == tenant]


async def test_write_keeps_the_entity_when_it_is_new(store: Store, tenant: str) -> None:
    entity = gauge(scopes=("/a/b",), expires_at="2027-01-01T00:00:00Z")
    assert effects(await store.write([new(tenant, entity)])) == [Effect.CREATED]
    found = await store.get(tenant, GAUGE)
    assert found is not None
    assert found.sequence > 0
    assert found == replace(
        entity, version=1, sequence=found.sequence, created_at=iso(START), modified_at=iso(START),
        attributes={LEVEL: [{"type": "Property", "value": 1.5, "createdAt": iso(START), "modifiedAt": iso(START)}]},
    )  # fmt: skip


async def test_get_is_none_when_there_is_no_such_entity(store: Store, tenant: str) -> None:
    assert await store.get(tenant, "urn:ngsi-ld:Gauge:none") is None


async def test_write_applies_in_order_when_one_call_holds_several_of_one_entity(store: Store, tenant: str) -> None:
    results = await store.write(
        [new(tenant, gauge()), *(Mutation(tenant, GAUGE, level_to(value)) for value in (2, 3, 4)), new(tenant, gauge())]
    )
    assert effects(results) == [Effect.CREATED, Effect.UPDATED, Effect.UPDATED, Effect.UPDATED, "data.entity.already_exists"]
    found = await store.get(tenant, GAUGE)
    assert found is not None
    assert (found.version, found.attributes[LEVEL][0]["value"]) == (4, 4)
    history = await past(store.history, tenant, GAUGE, LEVEL)
    assert [one["value"] for one in history] == [1.5, 2, 3, 4]
    assert [(one.kind, one.entity.version) for one in await changes_of(store, tenant)] == [
        (ChangeKind.CREATED, 1), (ChangeKind.UPDATED, 2), (ChangeKind.UPDATED, 3), (ChangeKind.UPDATED, 4),
    ]  # fmt: skip


async def test_write_fails_only_the_bad_member_when_one_is_refused(store: Store, tenant: str) -> None:
    await store.write([new(tenant, gauge(1))])
    results = await store.write([new(tenant, gauge(2)), new(tenant, gauge(1)), new(tenant, gauge(3))])
    assert effects(results) == [Effect.CREATED, "data.entity.already_exists", Effect.CREATED]
    assert await ids(store, tenant, Page(10)) == [gauge(n).id for n in (1, 2, 3)]


async def test_write_changes_nothing_when_the_decision_keeps(store: Store, tenant: str) -> None:
    await store.write([new(tenant, gauge())])
    again = Mutation(tenant, GAUGE, rules.unless_unchanged(rules.upsert_replace(gauge())))
    assert effects(await store.write([again])) == [Effect.UNCHANGED]
    assert len(await changes_of(store, tenant)) == 1


async def test_write_makes_a_new_entity_when_one_group_deletes_and_creates(store: Store, tenant: str) -> None:
    await store.write([new(tenant, gauge(1)), new(tenant, gauge(2))])
    first = await store.get(tenant, GAUGE)
    results = await store.write([gone(tenant), new(tenant, gauge(1, 9)), Mutation(tenant, GAUGE, level_to(10))])
    assert effects(results) == [Effect.DELETED, Effect.CREATED, Effect.UPDATED]
    second = await store.get(tenant, GAUGE)
    assert first is not None
    assert second is not None
    assert (second.version, second.attributes[LEVEL][0]["value"]) == (2, 10)
    assert second.sequence > first.sequence
    assert await ids(store, tenant, Page(10)) == [gauge(2).id, GAUGE]
    assert [one["value"] for one in await past(store.history, tenant, GAUGE, LEVEL)] == [9, 10]
    kinds = [one.kind for one in await changes_of(store, tenant) if one.entity.id == GAUGE]
    assert kinds == [ChangeKind.CREATED, ChangeKind.DELETED, ChangeKind.CREATED, ChangeKind.UPDATED]


async def test_write_leaves_nothing_when_one_group_creates_and_deletes(store: Store, tenant: str) -> None:
    results = await store.write([new(tenant, gauge()), gone(tenant)])
    assert effects(results) == [Effect.CREATED, Effect.DELETED]
    assert await store.get(tenant, GAUGE) is None
    assert await ids(store, tenant, Page(10)) == []
    assert await store.types(tenant) == []
    assert await past(store.history, tenant, GAUGE, LEVEL) == []
    assert [one.kind for one in await changes_of(store, tenant)] == [ChangeKind.CREATED, ChangeKind.DELETED]


async def test_write_keeps_tenants_apart_when_both_have_the_id(store: Store, tenant: str) -> None:
    other = f"{tenant}-other"
    await store.write([new(tenant, gauge(1, 1)), new(other, gauge(1, 2))])
    await store.write([Mutation(other, GAUGE, level_to(3))])
    values = [(await store.get(one, GAUGE)).attributes[LEVEL][0]["value"] for one in (tenant, other)]  # type: ignore[union-attr]
    assert values == [1, 3]
    await store.write([gone(tenant)])
    assert await store.get(tenant, GAUGE) is None
    assert await ids(store, other, Page(10)) == [GAUGE]
    assert len(await past(store.history, other, GAUGE, LEVEL)) == 2
    assert [one.count for one in await store.types(other)] == [1]


async def test_write_supplants_when_the_expired_entity_was_not_swept(store: Store, tenant: str, clock: VirtualClock) -> None:
    await store.write([new(tenant, gauge(1, 1, expires_at=iso(START + timedelta(seconds=5))))])
    old = await store.get(tenant, GAUGE)
    clock.advance(5)
    assert await store.expire(clock.now(), 1_000) == [(tenant, GAUGE)]
    assert effects(await store.write([new(tenant, gauge(1, 2))])) == [Effect.CREATED]
    found = await store.get(tenant, GAUGE)
    assert old is not None
    assert found is not None
    assert found.sequence > old.sequence
    assert [one["value"] for one in await past(store.history, tenant, GAUGE, LEVEL)] == [2]
    assert await store.expire(clock.now(), 1_000) == []
    assert await ids(store, tenant, Page(10)) == [GAUGE]


async def test_query_leaves_out_what_has_expired(store: Store, tenant: str) -> None:
    await store.write([new(tenant, gauge(1, expires_at=iso(START + timedelta(seconds=5)))), new(tenant, gauge(2))])
    selection = EntityQuery((Selector(TypeSelection((frozenset({f"{D}Gauge"}),))),))
    for query in (EntityQuery(), selection):
        before = await store.query(tenant, query, Page(10, count=True), START + timedelta(seconds=4))
        after = await store.query(tenant, query, Page(10, count=True), START + timedelta(seconds=5))
        assert ([one.id for one in before.entities], before.total) == ([gauge(1).id, gauge(2).id], 2)
        assert ([one.id for one in after.entities], after.total) == ([gauge(2).id], 1)
    await store.write([gone(tenant)])


async def test_query_pages_are_stable_when_others_write_meanwhile(store: Store, tenant: str) -> None:
    await store.write([new(tenant, gauge(n)) for n in range(25)])
    seen: list[str] = []
    after, more = 0, True
    for turn in range(25):
        result = await store.query(tenant, EntityQuery(), Page(4, after_sequence=after, count=True), START)
        seen += [one.id for one in result.entities]
        assert result.total == 25
        if not result.more:
            more = False
            break
        after = result.entities[-1].sequence
        updated = Mutation(tenant, gauge(turn).id, level_to(turn, gauge(turn).id))
        await store.write([updated, gone(tenant, gauge(24 - turn).id), new(tenant, gauge(100 + turn))])
    assert more is False
    kept = [gauge(n).id for n in range(19)]
    assert seen[: len(kept)] == kept
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(("limit", "offset"), [(3, 0), (3, 3), (3, 9), (1, 10), (20, 0), (5, 40)])
async def test_query_gives_the_page_asked_for(store: Store, tenant: str, limit: int, offset: int) -> None:
    await store.write([new(tenant, gauge(n)) for n in range(11)])
    result = await store.query(tenant, EntityQuery(), Page(limit, offset, count=True), START)
    wanted = [gauge(n).id for n in range(11)]
    assert [one.id for one in result.entities] == wanted[offset : offset + limit]
    assert (result.total, result.more) == (11, offset + limit < 11)


async def test_history_is_narrowed_by_time_and_order(store: Store, tenant: str, clock: VirtualClock) -> None:
    def at(minute: int) -> str:
        return iso(START + timedelta(minutes=minute))

    first = Entity(GAUGE, (f"{D}Gauge",), {LEVEL: [{"type": "Property", "value": 0, "observedAt": at(0)}]})
    await store.write([new(tenant, first)])
    for minute in (3, 1, 2):
        clock.advance(1)
        one = {"type": "Property", "value": minute, "observedAt": at(minute)}
        await store.write([Mutation(tenant, GAUGE, rules.partial_update(GAUGE, LEVEL, [one]))])

    async def values(**narrowing: Any) -> list[Any]:
        return [one["value"] for one in await past(store.history, tenant, GAUGE, LEVEL, **narrowing)]

    assert await values() == [0, 1, 2, 3]
    assert await values(newest_first=True, limit=2) == [2, 3]
    assert await values(after=START + timedelta(minutes=1), before=START + timedelta(minutes=3)) == [1, 2]
    assert await values(time_property="modifiedAt") == [0, 3, 1, 2]
    assert await values(time_property="modifiedAt", after=START + timedelta(seconds=2)) == [1, 2]
    instances = await past(store.history, tenant, GAUGE, LEVEL)
    assert len({one["instanceId"] for one in instances}) == 4
    assert await past(store.history, tenant, GAUGE, NAME) == []


async def test_history_keeps_a_mark_when_an_attribute_is_deleted(store: Store, tenant: str, clock: VirtualClock) -> None:
    attributes = {LEVEL: [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:2"}]}
    await store.write([new(tenant, Entity(GAUGE, (f"{D}Gauge",), attributes))])
    clock.advance(1)
    await store.write([Mutation(tenant, GAUGE, rules.delete_attribute(GAUGE, LEVEL, dataset_id="urn:d:2"))])
    history = await past(store.history, tenant, GAUGE, LEVEL)
    assert [(one.get("value"), one.get("datasetId"), one.get("deletedAt")) for one in history] == [
        (1, None, None), (2, "urn:d:2", None), (None, "urn:d:2", iso(START + timedelta(seconds=1))),
    ]  # fmt: skip


async def test_types_counts_each_type_when_entities_have_several(store: Store, tenant: str) -> None:
    both = Entity("urn:ngsi-ld:X:1", (f"{D}B", f"{D}A"), {})
    await store.write([new(tenant, both), new(tenant, Entity("urn:ngsi-ld:X:2", (f"{D}A",), {}))])
    assert [(one.type, one.count) for one in await store.types(tenant)] == [(f"{D}A", 2), (f"{D}B", 1)]


async def test_changes_tell_before_and_after_of_each_instance(store: Store, tenant: str, clock: VirtualClock) -> None:
    start = await store.newest()
    await store.write([new(tenant, gauge())])
    clock.advance(1)
    await store.write([Mutation(tenant, GAUGE, level_to(7), "key:vendor", "replay")])
    await store.write([gone(tenant)])
    created, updated, deleted = await store.changes(start, 10)
    assert (created.kind, created.principal, created.label) == (ChangeKind.CREATED, "user:sato", "")
    assert [(one.attribute, one.before, one.after["value"]) for one in created.instances] == [(LEVEL, None, 1.5)]  # type: ignore[index]
    assert (updated.kind, updated.principal, updated.label, updated.at) == (
        ChangeKind.UPDATED, "key:vendor", "replay", START + timedelta(seconds=1),
    )  # fmt: skip
    [one] = updated.instances
    assert (one.before["value"], one.after["value"]) == (1.5, 7)  # type: ignore[index]
    assert updated.entity.attributes[LEVEL][0]["value"] == 7
    assert (deleted.kind, deleted.entity.attributes[LEVEL][0]["value"]) == (ChangeKind.DELETED, 7)
    assert [(one.before["value"], one.after) for one in deleted.instances] == [(7, None)]  # type: ignore[index]
    assert created.cursor < updated.cursor < deleted.cursor
    assert await store.changes(start, 2) == [created, updated]
    assert await store.changes(updated.cursor, 10) == [deleted]
    assert await store.newest() == deleted.cursor


async def test_changes_keep_each_step_when_one_group_changes_an_entity_twice(store: Store, tenant: str) -> None:
    start = await store.newest()
    await store.write([new(tenant, gauge()), *(Mutation(tenant, GAUGE, level_to(value)) for value in (2, 3))])
    seen = [
        [(one.before and one.before["value"], one.after and one.after["value"]) for one in change.instances]
        for change in await store.changes(start, 10)
    ]
    assert seen == [[(None, 1.5)], [(1.5, 2)], [(2, 3)]]


async def test_changes_tell_of_every_write_when_many_callers_write_at_once(store: Store, tenant: str) -> None:
    start = await store.newest()
    await store.write([new(tenant, gauge(1, 0))])

    def plus_one(entity: Entity | None, now: str) -> Decision:
        assert entity is not None
        return level_to(entity.attributes[LEVEL][0]["value"] + 1)(entity, now)

    await asyncio.gather(*(store.write([Mutation(tenant, GAUGE, plus_one)]) for _ in range(200)))
    found = await store.get(tenant, GAUGE)
    assert found is not None
    assert (found.attributes[LEVEL][0]["value"], found.version) == (200, 201)
    changes = await store.changes(start, 1_000)
    assert [one.entity.version for one in changes] == list(range(1, 202))
    assert len(await past(store.history, tenant, GAUGE, LEVEL, limit=1_000)) == 201


async def test_expire_names_no_more_than_asked_for(store: Store, tenant: str, clock: VirtualClock) -> None:
    end = START + timedelta(seconds=10)
    await store.write([new(tenant, gauge(n, expires_at=iso(end))) for n in range(5)])
    assert await store.expire(end - timedelta(seconds=1), 100) == []
    assert len(await store.expire(end, 3)) == 3
    assert sorted(await store.expire(end, 100)) == [(tenant, gauge(n).id) for n in range(5)]
    clock.advance(10)
    await store.write([Mutation(tenant, gauge(n).id, rules.remove_expired()) for n in range(5)])
    assert await store.expire(end, 100) == []


async def test_get_gives_what_was_written_when_values_are_unusual(store: Store, tenant: str) -> None:
    values: list[Any] = [
        0, -0.0, 1e308, 12345678901234567, 0.1, "", " ", "髙﨑𠮷", "é\u0301", '"\\', {"a": [1, {"b": None}]}, [], [[1], ["x"]],
        True, "x" * 5_000,
    ]  # fmt: skip
    entity = Entity(GAUGE, (f"{D}Gauge",), {f"{D}v{n}": [{"type": "Property", "value": one}] for n, one in enumerate(values)})
    assert effects(await store.write([new(tenant, entity)])) == [Effect.CREATED]
    found = await store.get(tenant, GAUGE)
    assert found is not None
    assert [found.attributes[f"{D}v{n}"][0]["value"] for n in range(len(values))] == values


async def test_write_raises_nothing_when_a_rule_fails(store: Store, tenant: str) -> None:
    def refuse(entity: Entity | None, now: str) -> Decision:
        raise Refusal("data.entity.does_not_exist", id="x")

    results = await store.write([new(tenant, gauge(1)), Mutation(tenant, "x", refuse), new(tenant, gauge(2))])
    assert effects(results) == [Effect.CREATED, "data.entity.does_not_exist", Effect.CREATED]


async def test_get_many_gives_those_that_there_are_in_this_tenant(store: Store, tenant: str) -> None:
    await store.write([new(tenant, gauge(1)), new(tenant, gauge(2)), new(f"{tenant}x", gauge(3))])
    found = await store.get_many(tenant, [f"urn:ngsi-ld:Gauge:{number}" for number in (1, 2, 3, 4)])
    assert {one: entity.id for one, entity in found.items()} == {gauge(1).id: gauge(1).id, gauge(2).id: gauge(2).id}
    assert await store.get_many(tenant, []) == {}


async def test_query_orders_by_values_and_pages_through_that_order(store: Store, tenant: str) -> None:
    await store.write([new(tenant, gauge(number, value)) for number, value in enumerate([3, "b", 1, "a", 2])])
    order = Ordering((OrderTerm(AttributePath(LEVEL), descending=True),))
    pages = [await store.query(tenant, EntityQuery(), Page(2, offset, True, order=order), START) for offset in (0, 2, 4, 6)]
    levels = [[one.attributes[LEVEL][0]["value"] for one in page.entities] for page in pages]
    assert levels == [["b", "a"], [3, 2], [1], []]
    assert [(page.total, page.more) for page in pages] == [(5, True), (5, True), (5, False), (5, False)]


async def test_query_follows_relationships_through_entities_that_have_not_expired(store: Store, tenant: str) -> None:
    def pointing(number: int, to: int, **members: Any) -> Entity:
        entity = gauge(number, **members)
        refs = [{"type": "Relationship", "object": f"urn:ngsi-ld:Gauge:{to}"}]
        return entity.with_attributes({**entity.attributes, NAME: refs})

    gone = iso(START + timedelta(hours=1))
    await store.write(
        [
            new(tenant, one)
            for one in (pointing(1, 2), pointing(2, 3, level=7), gauge(3, 9), pointing(4, 5), gauge(5, 9, expires_at=gone))
        ]
    )

    async def found(links: int) -> list[str]:
        path = AttributePath(LEVEL, links=(Link(NAME),) * links)
        query = EntityQuery(condition=Compare(path, Comparison.EQUAL, (9,)))
        return [one.id[-1] for one in (await store.query(tenant, query, Page(10), START + timedelta(hours=2))).entities]

    assert [await found(links) for links in (1, 2, 3)] == [["2"], ["1"], []]
