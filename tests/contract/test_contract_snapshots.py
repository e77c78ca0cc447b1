"""Snapshots on real servers: filled in steps that outlive a restart, bounded, and cleared away without a trace (CIM 009 5.16)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.adapters.postgres.snapshots import PLACES, PostgresSnapshots
from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules
from machinami.data.entities.service import Entities
from machinami.data.ports import Mutation
from machinami.data.snapshots.model import Snapshot, SnapshotLimits, Status, Step
from machinami.data.snapshots.service import Snapshots
from machinami.data.temporal.model import Window
from machinami.data.temporal.service import Temporal
from machinami.kernel.caller import Caller, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal, Unavailable
from machinami.kernel.query import EntityQuery, Page, Selector, TypeSelection
from machinami.kernel.settings import Settings

KIND = "https://example.org/Sensor"
LEVEL = "https://example.org/level"
ALL = Step(EntityQuery((Selector(TypeSelection((frozenset({KIND}),))),)))
NOTHING = Step(EntityQuery((Selector(TypeSelection((frozenset({"https://example.org/Nothing"}),))),)))
LIMITS = SnapshotLimits(snapshots_max=3, entities_max=1_200, lifetime_s=600, lifetime_s_max=6_000)


class AnyTarget:
    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        """Everything may be told."""


class Breaking:
    """Finds as `entities` does, but fails the n-th time."""

    def __init__(self, entities: Entities, good: int) -> None:
        self.entities = entities
        self.good = good

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> Any:
        self.good -= 1
        if self.good < 0:
            raise Unavailable("data.store.unavailable", reason="the power is out")
        return await self.entities.find(caller, query, page)


@pytest.fixture
def caller(tenant: str) -> Caller:
    return development_caller(tenant)


@pytest.fixture
def kept(postgres: PostgresStore, clock: VirtualClock) -> PostgresSnapshots:
    return PostgresSnapshots(postgres.pool, PostgresDeliveries(postgres.pool, ConsumerCursors(postgres.pool)), clock)


def over(finder: Any, kept: PostgresSnapshots, postgres: PostgresStore, clock: VirtualClock) -> Snapshots:
    temporal = Temporal(postgres, postgres.history, clock, Settings())
    silent = {"on_begun": lambda: None, "on_queued": lambda: None}
    return Snapshots(kept, finder, temporal, AnyTarget(), clock, LIMITS, **silent)


@pytest.fixture
async def snapshots(kept: PostgresSnapshots, postgres: PostgresStore, clock: VirtualClock) -> AsyncIterator[Snapshots]:
    made = over(Entities(postgres, clock), kept, postgres, clock)
    yield made
    clock.advance(1e6)
    while await kept.clear(clock.now(), 100_000):
        pass


async def settle(store: PostgresStore, tenant: str, numbers: range, level: int = 1) -> None:
    instances = [{"type": "Property", "value": level}]
    city = [Entity(f"urn:s:{n}", (KIND,), {LEVEL: instances}, scopes=("/town",)) for n in numbers]
    await store.write([Mutation(tenant, one.id, rules.upsert_replace(one)) for one in city])


async def filled(snapshots: Snapshots, caller: Caller, *steps: Step, **members: Any) -> Snapshot:
    made = await snapshots.create(caller, members, steps)
    while await snapshots.fill():
        pass
    return await snapshots.retrieve(caller, made.id)


async def rows_of(pool: Pool, place: str) -> dict[str, int]:
    return {name: (await pool.fetch(f"select count(*) from {name} where tenant = $1", place))[0][0] for name in PLACES}


async def test_a_copy_is_whole_and_changes_with_nothing(
    postgres: PostgresStore, snapshots: Snapshots, caller: Caller, clock: VirtualClock
) -> None:
    await settle(postgres, caller.tenant, range(1_050))
    one = await filled(snapshots, caller, ALL, ALL)
    assert (one.status, one.progress.copied) == (Status.SUCCESS, 1_050), "what two queries find is kept once"
    before = await postgres.query(caller.tenant, ALL.query, Page(2_000), clock.now())
    await settle(postgres, caller.tenant, range(500, 1_100), level=2)
    inside = await postgres.query(one.place, ALL.query, Page(2_000, count=True), clock.now())
    assert inside.total == 1_050
    stripped = [(a.id, a.types, a.attributes, a.scopes, a.created_at, a.modified_at) for a in inside.entities]
    assert stripped == [(a.id, a.types, a.attributes, a.scopes, a.created_at, a.modified_at) for a in before.entities]
    changes = [change for change in await postgres.changes(await _start(postgres), 10_000) if change.tenant == one.place]
    assert not changes, "nobody is told of a copy"


async def _start(postgres: PostgresStore) -> Any:
    return type(await postgres.newest())()


async def test_filling_goes_on_where_it_was_when_the_power_came_back(
    postgres: PostgresStore, kept: PostgresSnapshots, snapshots: Snapshots, caller: Caller, clock: VirtualClock
) -> None:
    await settle(postgres, caller.tenant, range(1_150))
    broken = over(Breaking(Entities(postgres, clock), good=2), kept, postgres, clock)
    made = await broken.create(caller, {}, [ALL])
    with pytest.raises(Unavailable):
        await broken.fill()
    half = await snapshots.retrieve(caller, made.id)
    assert (half.status, half.progress.copied) == (Status.PREPARING, 1_000)
    assert (await rows_of(postgres.pool, half.place))["entity"] == 1_000
    with pytest.raises(Refusal, match="preparing"):
        await snapshots.enter(caller, made.id)
    while await snapshots.fill():
        pass
    whole = await snapshots.retrieve(caller, made.id)
    assert (whole.status, whole.progress.copied) == (Status.SUCCESS, 1_150)
    assert (await rows_of(postgres.pool, whole.place))["entity"] == 1_150


async def test_a_query_that_finds_too_much_fails_and_the_others_stand(
    postgres: PostgresStore, snapshots: Snapshots, caller: Caller
) -> None:
    await settle(postgres, caller.tenant, range(1_201))
    few = Step(EntityQuery((Selector(ids=frozenset({"urn:s:7"})),)))
    one = await filled(snapshots, caller, few, ALL, NOTHING)
    assert one.status is Status.PARTIAL
    assert [result["resultStatus"] for result in one.progress.results] == ["success", "failure", "empty"]
    assert one.progress.results[1]["problem"]["code"] == "data.snapshot.too_large"


@pytest.mark.parametrize(
    ("steps", "status"), [((NOTHING,), Status.EMPTY), ((NOTHING, NOTHING), Status.EMPTY), ((ALL, NOTHING), Status.PARTIAL)]
)
async def test_status_follows_from_the_results(
    postgres: PostgresStore, snapshots: Snapshots, caller: Caller, steps: tuple[Step, ...], status: Status
) -> None:
    await settle(postgres, caller.tenant, range(3))
    assert (await filled(snapshots, caller, *steps)).status is status


async def test_a_snapshot_that_failed_in_all_says_so(postgres: PostgresStore, snapshots: Snapshots, caller: Caller) -> None:
    await settle(postgres, caller.tenant, range(1_201))
    one = await filled(snapshots, caller, replace_window(ALL))
    assert one.status is Status.FAILURE


def replace_window(step: Step) -> Step:
    return Step(step.query, Window("createdAt", limit=2**31))


async def test_nothing_is_left_of_a_snapshot_that_is_gone(
    postgres: PostgresStore, kept: PostgresSnapshots, snapshots: Snapshots, caller: Caller, clock: VirtualClock
) -> None:
    await settle(postgres, caller.tenant, range(20))
    one = await filled(snapshots, caller, replace_window(ALL))
    before = await rows_of(postgres.pool, one.place)
    assert min(before[name] for name in ("entity", "entity_type", "entity_number", "entity_text", "history")) >= 20
    town = await rows_of(postgres.pool, caller.tenant)
    await snapshots.delete(caller, one.id)
    with pytest.raises(Refusal, match="does_not_exist"):
        await snapshots.retrieve(caller, one.id)
    steps = 0
    while await kept.clear(clock.now(), 30):
        steps += 1
    assert steps > 3, "it goes in bounded steps"
    assert set((await rows_of(postgres.pool, one.place)).values()) == {0}
    assert await rows_of(postgres.pool, caller.tenant) == town


async def test_gone_names_the_places_whose_snapshots_are_not_there(
    postgres: PostgresStore, kept: PostgresSnapshots, snapshots: Snapshots, caller: Caller, clock: VirtualClock
) -> None:
    await settle(postgres, caller.tenant, range(2))
    one, other = await filled(snapshots, caller, ALL), await filled(snapshots, caller, ALL)
    places = {one.place, other.place, f"{caller.tenant}:999999999", "elsewhere:1"}
    assert await snapshots.gone(places) == places - {one.place, other.place}
    await snapshots.delete(caller, one.id)
    assert await snapshots.gone(places) == places - {other.place}


async def test_an_expired_snapshot_is_gone(
    postgres: PostgresStore, kept: PostgresSnapshots, snapshots: Snapshots, caller: Caller, clock: VirtualClock
) -> None:
    await settle(postgres, caller.tenant, range(2))
    one = await filled(snapshots, caller, ALL, snapshotLifetime="PT5M")
    assert one.expires_at - one.created_at == timedelta(minutes=5)
    clock.advance(301)
    with pytest.raises(Refusal, match="does_not_exist"):
        await snapshots.retrieve(caller, one.id)
    again = await filled(snapshots, caller, ALL, id=one.id)
    assert (again.id, again.number > one.number) == (one.id, True)
    while await kept.clear(clock.now(), 10_000):
        pass
    assert set((await rows_of(postgres.pool, one.place)).values()) == {0}
    assert (await rows_of(postgres.pool, again.place))["entity"] == 2


async def test_those_of_low_priority_make_room(postgres: PostgresStore, snapshots: Snapshots, caller: Caller) -> None:
    await settle(postgres, caller.tenant, range(1))
    made = {n: await filled(snapshots, caller, ALL, snapshotPriority=n) for n in (7, 3, 5)}
    five = await filled(snapshots, caller, ALL, snapshotPriority=5)
    with pytest.raises(Refusal, match="does_not_exist"):
        await snapshots.retrieve(caller, made[3].id)
    for one in (made[7], made[5], five):
        assert (await snapshots.retrieve(caller, one.id)).status is Status.SUCCESS
    with pytest.raises(Refusal, match="too_many"):
        await snapshots.create(caller, {"snapshotPriority": 4}, [ALL])


async def test_filling_stops_when_the_snapshot_was_deleted(
    postgres: PostgresStore, kept: PostgresSnapshots, snapshots: Snapshots, caller: Caller, clock: VirtualClock
) -> None:
    await settle(postgres, caller.tenant, range(2))
    made = await snapshots.create(caller, {}, [ALL])
    waiting = await kept.filling(100, clock.now())
    await snapshots.delete(caller, made.id)
    for one in waiting:
        assert (await kept.copy(one, [], None, one.progress, 10) is None) is (one.id == made.id)
    assert not [one for one in await kept.filling(100, clock.now()) if one.id == made.id]


async def test_a_clone_fails_when_its_original_is_gone_before_it_was_copied(
    postgres: PostgresStore, snapshots: Snapshots, caller: Caller
) -> None:
    await settle(postgres, caller.tenant, range(2))
    original = await filled(snapshots, caller, ALL)
    clone = await snapshots.clone(caller, original.id, {})
    await snapshots.delete(caller, original.id)
    while await snapshots.fill():
        pass
    found = await snapshots.retrieve(caller, clone.id)
    assert (found.status, found.progress.results[0]["problem"]["code"]) == (Status.FAILURE, "data.snapshot.source_gone")


async def test_a_clone_holds_the_past_too(postgres: PostgresStore, snapshots: Snapshots, caller: Caller) -> None:
    await settle(postgres, caller.tenant, range(3))
    original = await filled(snapshots, caller, replace_window(ALL))
    clone = await snapshots.clone(caller, original.id, {})
    while await snapshots.fill():
        pass
    one = await snapshots.retrieve(caller, clone.id)
    assert one.status is Status.SUCCESS
    counted = [await rows_of(postgres.pool, place) for place in (original.place, one.place)]
    assert counted[0] == counted[1]
    assert counted[0]["history"] >= 3
