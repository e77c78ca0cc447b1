"""The `DocumentStore` port: PostgreSQL and the store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.records import PostgresRecords
from machinami.data.ports import DocumentStore
from machinami.kernel.errors import Refusal
from machinami.sdk.memory_store import MemoryDocumentStore

from .servers import Database


@pytest.fixture
async def store(place: Database | None) -> AsyncIterator[DocumentStore]:
    if place is None:
        yield MemoryDocumentStore()
        return
    pool = Pool(place.arguments, 2, 10.0)
    await pool.open()
    yield PostgresRecords(pool)
    await pool.close()


async def test_put_creates_and_replaces(store: DocumentStore, tenant: str) -> None:
    await store.put(tenant, "mapping", "a", {"n": 1, "名": ["高松", None, 1.5, True]})
    assert await store.fetch(tenant, "mapping", "a") == {"n": 1, "名": ["高松", None, 1.5, True]}
    await store.put(tenant, "mapping", "a", {"n": 2})
    assert await store.fetch(tenant, "mapping", "a") == {"n": 2}
    assert await store.count(tenant, "mapping") == 1


async def test_add_is_refused_when_the_key_is_there(store: DocumentStore, tenant: str) -> None:
    assert await store.add(tenant, "mapping", "a", {"n": 1}) is True
    assert await store.add(tenant, "mapping", "a", {"n": 2}) is False
    assert await store.fetch(tenant, "mapping", "a") == {"n": 1}


async def test_records_of_other_tenants_and_kinds_stay_apart(store: DocumentStore, tenant: str) -> None:
    for place, kind in ((tenant, "a"), (tenant, "b"), (f"{tenant}-other", "a")):
        assert await store.add(place, kind, "key", {"of": [place, kind]}) is True
    assert await store.remove(tenant, "a", "key") is True
    assert await store.fetch(tenant, "a", "key") is None
    assert await store.fetch(tenant, "b", "key") == {"of": [tenant, "b"]}
    assert await store.fetch(f"{tenant}-other", "a", "key") == {"of": [f"{tenant}-other", "a"]}
    assert [await store.count(tenant, kind) for kind in ("a", "b", "c")] == [0, 1, 0]


async def test_remove_says_whether_it_was_there(store: DocumentStore, tenant: str) -> None:
    await store.put(tenant, "a", "key", {})
    assert [await store.remove(tenant, "a", "key") for _ in range(2)] == [True, False]


async def test_listing_pages_in_order_of_creation(store: DocumentStore, tenant: str) -> None:
    for key in ("z", "m", "a", "k"):
        await store.add(tenant, "a", key, {"key": key})
    await store.put(tenant, "a", "z", {"key": "z", "changed": True})
    assert [one["key"] for one in await store.listing(tenant, "a", 10)] == ["z", "m", "a", "k"]
    assert [one["key"] for one in await store.listing(tenant, "a", 2, 1)] == ["m", "a"]
    assert await store.listing(tenant, "a", 2, 4) == []


async def test_put_refuses_with_a_reason_when_a_text_holds_nul(pool: Pool) -> None:
    with pytest.raises(Refusal) as refused:
        await PostgresRecords(pool).put("default", "thing", "a", {"text": "a\u0000b"})
    assert refused.value.code == "data.store.value_refused"
