"""The `FederationStore` port on real servers: a record's change and its letters are one transaction."""

from __future__ import annotations

from datetime import timedelta

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.adapters.postgres.registrations import PostgresFederation
from machinami.federation.registrations.model import Figures, Letter, Tries, Write
from machinami.kernel.errors import MachinamiError

from .servers import START

KIND = "registration"


@pytest.fixture
async def deliveries(pool: Pool) -> PostgresDeliveries:
    await pool.execute("truncate delivery, subscription_state, subscription_period, consumer, record, registration_state")
    return PostgresDeliveries(pool, ConsumerCursors(pool))


@pytest.fixture
async def store(pool: Pool, deliveries: PostgresDeliveries) -> PostgresFederation:
    return PostgresFederation(pool, deliveries)


def letter(tenant: str, name: str = "1", body: bytes = b"{}") -> Letter:
    return Letter(tenant, "urn:s:1", "urn:r:1", f"urn:n:{name}", "http://127.0.0.1:9/hook", body, {"A": "b"}, START)


async def waiting(deliveries: PostgresDeliveries) -> list[str]:
    rows = await deliveries.due(START + timedelta(hours=1), 100, 8, {}, 0.0)
    return [row.notification_id for row in rows]


async def test_write_keeps_a_new_record_and_its_letters(
    store: PostgresFederation, deliveries: PostgresDeliveries, tenant: str
) -> None:
    number = await store.write(Write(tenant, KIND, "urn:r:1", {"a": 1}, new=True), [letter(tenant)])
    assert await store.load(KIND, 0, 10) == ([(tenant, number, {"a": 1})], 0)
    assert await waiting(deliveries) == ["urn:n:1"]


async def test_write_does_nothing_at_all_when_the_record_is_not_as_expected(
    store: PostgresFederation, deliveries: PostgresDeliveries, tenant: str
) -> None:
    await store.write(Write(tenant, KIND, "urn:r:1", {"a": 1}, new=True))
    assert await store.write(Write(tenant, KIND, "urn:r:1", {"a": 2}, new=True), [letter(tenant)]) is None
    assert await store.write(Write(tenant, KIND, "urn:r:2", {"a": 2}), [letter(tenant)]) is None
    assert await store.write(Write(tenant, KIND, "urn:r:2"), [letter(tenant)]) is None
    assert [record for _, _, record in (await store.load(KIND, 0, 10))[0]] == [{"a": 1}]
    assert await waiting(deliveries) == []


async def test_write_changes_nothing_when_a_letter_cannot_be_queued(
    store: PostgresFederation, deliveries: PostgresDeliveries, tenant: str
) -> None:
    with pytest.raises((MachinamiError, Exception)):
        await store.write(Write(tenant, KIND, "urn:r:1", {"a": 1}, new=True), [letter(tenant, "\0")])
    assert await store.load(KIND, 0, 10) == ([], 0)


async def test_a_changed_record_keeps_its_place(store: PostgresFederation, tenant: str) -> None:
    first = await store.write(Write(tenant, KIND, "urn:r:1", {"a": 1}, new=True))
    await store.write(Write(tenant, KIND, "urn:r:2", {"a": 2}, new=True))
    assert await store.write(Write(tenant, KIND, "urn:r:1", {"a": 3})) == first
    records, place = await store.load(KIND, 0, 1)
    assert [record for _, _, record in records] == [{"a": 3}]
    assert [record for _, _, record in (await store.load(KIND, place, 1))[0]] == [{"a": 2}]


async def test_figures_add_up_and_go_with_their_registration(store: PostgresFederation, tenant: str) -> None:
    later = START + timedelta(minutes=1)
    await store.write(Write(tenant, KIND, "urn:r:1", {}, new=True))
    await store.count_tries([Tries(tenant, "urn:r:1", 3, 1, START, later, ends_failed=True)])
    await store.count_tries([Tries(tenant, "urn:r:1", 1, 0, later, None, ends_failed=False)])
    await store.count_tries([Tries(tenant, "urn:gone", 1, 0, later, None, ends_failed=False)])
    assert await store.figures(tenant, ["urn:r:1", "urn:gone"]) == {"urn:r:1": Figures(4, 1, later, later, failed=False)}
    await store.write(Write(tenant, KIND, "urn:r:1"))
    assert await store.figures(tenant, ["urn:r:1"]) == {}


async def test_send_in_time_moves_the_time_and_queues_unless_one_waits(
    store: PostgresFederation, deliveries: PostgresDeliveries, tenant: str
) -> None:
    later, last = START + timedelta(minutes=1), START + timedelta(minutes=2)
    assert await store.send_in_time(letter(tenant), None, START)
    assert not await store.send_in_time(letter(tenant, "2"), START, later)
    assert (await store.periods())[tenant, "urn:s:1"] == later
    with pytest.raises(MachinamiError):
        await store.send_in_time(letter(tenant, "3"), START, last)
    assert await waiting(deliveries) == ["urn:n:1"]
