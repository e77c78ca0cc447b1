"""The store's fake keeps the promises of the port; the contract suite of the real store holds it to the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from history_kit import past

from machinami.data.entities import rules
from machinami.data.entities.decisions import Decide, Put, Remove
from machinami.data.ports import DocumentStore, EntityStore, Mutation
from machinami.kernel.change import ChangeKind, Cursor
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import AttributePath, Compare, Comparison, EntityQuery, Page
from machinami.sdk.memory_store import MemoryDocumentStore, MemoryEntityStore

START = datetime(2026, 11, 26, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


def prop(value: Any, **members: Any) -> Instance:
    return {"type": "Property", "value": value, **members}


def thing(number: int, **members: Any) -> Entity:
    return Entity(f"urn:x:{number}", ("T",), {"n": [prop(number)]}, **members)


def mutation(decide: Decide, number: int = 1, tenant: str = "t") -> Mutation:
    return Mutation(tenant, f"urn:x:{number}", decide, "user:sato", "replay")


async def test_write_applies_in_order_and_reports_each_failure(clock: VirtualClock) -> None:
    store: EntityStore = MemoryEntityStore(clock)
    created, refused, updated = await store.write(
        [
            mutation(rules.create(thing(1))),
            mutation(rules.create(thing(1))),
            mutation(rules.partial_update("urn:x:1", "n", [{"value": 5}])),
        ]
    )
    assert isinstance(created, Put)
    assert isinstance(refused, Refusal)
    assert isinstance(updated, Put)
    entity = await store.get("t", "urn:x:1")
    assert entity is not None
    assert (entity.version, entity.sequence, entity.attributes["n"][0]["value"]) == (2, 1, 5)
    assert await store.get("other", "urn:x:1") is None


async def test_query_pages_in_order_of_creation(clock: VirtualClock) -> None:
    store = MemoryEntityStore(clock)
    await store.write([mutation(rules.create(thing(n)), n) for n in (3, 1, 2, 4)])
    page = await store.query("t", EntityQuery(), Page(2, count=True), clock.now())
    assert [one.id for one in page.entities] == ["urn:x:3", "urn:x:1"]
    assert (page.total, page.more) == (4, True)
    rest = await store.query("t", EntityQuery(), Page(2, after_sequence=page.entities[-1].sequence), clock.now())
    assert ([one.id for one in rest.entities], rest.total, rest.more) == (["urn:x:2", "urn:x:4"], None, False)
    query = EntityQuery(condition=Compare(AttributePath("n"), Comparison.GREATER, (2,)))
    found = await store.query("t", query, Page(10, offset=1), clock.now())
    assert [one.id for one in found.entities] == ["urn:x:4"]


async def test_history_keeps_each_instance_and_goes_with_the_entity(clock: VirtualClock) -> None:
    store = MemoryEntityStore(clock)
    await store.write([mutation(rules.create(thing(1)))])
    clock.advance(10)
    late = prop(9, observedAt="2026-11-26T00:00:00Z")
    await store.write([mutation(rules.replace_attribute("urn:x:1", "n", [late]))])
    clock.advance(10)
    await store.write([mutation(rules.delete_attribute("urn:x:1", "n"))])
    rows = await past(store.history, "t", "urn:x:1", "n")
    assert [one.get("value") for one in rows] == [9, 1, None]
    assert rows[-1]["deletedAt"] == "2026-11-26T01:00:20Z"
    assert len({one["instanceId"] for one in rows}) == 3
    assert [one["value"] for one in await past(store.history, "t", "urn:x:1", "n", before=START)] == [9]
    [newest, stone] = await past(store.history, "t", "urn:x:1", "n", limit=1, newest_first=True)
    assert (newest["value"], "deletedAt" in stone) == (1, True)
    await store.write([mutation(rules.delete_entity("urn:x:1"))])
    assert await past(store.history, "t", "urn:x:1", "n") == []


async def test_history_stays_after_a_deletion_when_the_setting_says_so(clock: VirtualClock) -> None:
    store = MemoryEntityStore(clock, history_kept_on_delete=True)
    await store.write([mutation(rules.create(thing(1))), mutation(rules.delete_entity("urn:x:1"))])
    assert len(await past(store.history, "t", "urn:x:1", "n")) == 2


async def test_changes_are_read_behind_a_cursor(clock: VirtualClock) -> None:
    store = MemoryEntityStore(clock)
    assert await store.newest() == Cursor()
    await store.write([mutation(rules.create(thing(1)))])
    middle = await store.newest()
    await store.write([mutation(rules.delete_entity("urn:x:1"))])
    first, second = await store.changes(Cursor(), 10)
    assert (first.kind, first.principal, first.label, first.names) == (ChangeKind.CREATED, "user:sato", "replay", {"n"})
    assert await store.changes(middle, 10) == [second]
    assert second.kind is ChangeKind.DELETED
    assert await store.changes(Cursor(), 1) == [first]


async def test_expiry_hides_sweeps_and_starts_anew(clock: VirtualClock) -> None:
    store = MemoryEntityStore(clock)
    await store.write([mutation(rules.create(thing(1, expires_at="2026-11-26T01:00:05Z")))])
    clock.advance(5)
    assert (await store.query("t", EntityQuery(), Page(10), clock.now())).entities == []
    assert await store.expire(clock.now(), 10) == [("t", "urn:x:1")]
    (again,) = await store.write([mutation(rules.create(thing(1)))])
    assert isinstance(again, Put)
    assert len(await past(store.history, "t", "urn:x:1", "n")) == 1
    entity = await store.get("t", "urn:x:1")
    assert entity is not None
    assert entity.sequence == 2
    (swept,) = await store.write([mutation(rules.remove_expired())])
    assert not isinstance(swept, Remove | MachinamiError)


async def test_types_counts_current_entities(clock: VirtualClock) -> None:
    store = MemoryEntityStore(clock)
    await store.write([mutation(rules.create(thing(n)), n) for n in (1, 2)])
    assert [(one.type, one.count) for one in await store.types("t")] == [("T", 2)]
    assert await store.types("other") == []


async def test_documents_are_kept_by_tenant_and_kind() -> None:
    store: DocumentStore = MemoryDocumentStore()
    assert await store.add("t", "subscription", "a", {"n": 1})
    assert not await store.add("t", "subscription", "a", {"n": 2})
    await store.put("t", "subscription", "b", {"n": 2})
    await store.put("t", "subscription", "a", {"n": 3})
    assert await store.fetch("t", "subscription", "a") == {"n": 3}
    assert await store.listing("t", "subscription", 1, 1) == [{"n": 2}]
    assert await store.count("t", "subscription") == 2
    assert await store.fetch("other", "subscription", "a") is None
    assert await store.remove("t", "subscription", "a")
    assert not await store.remove("t", "subscription", "a")
