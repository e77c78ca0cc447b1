"""The `History` port: provision of series, corrections, and aggregation, which must be equal to the plain twin's on any series."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from machinami.adapters.postgres.store import PostgresStore
from machinami.data.entities import rules as entity_rules
from machinami.data.ports import Mutation
from machinami.data.temporal import rules
from machinami.data.temporal.model import Bound, Cell, Grid, Series, Window
from machinami.kernel.clock import VirtualClock, iso, parse_instant
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import MachinamiError
from machinami.kernel.query import Comparison
from machinami.kernel.settings import Settings
from machinami.sdk.memory_store import MemoryEntityStore
from machinami.standards.ngsi_ld.aggregation import Method, Periods, aggregated
from machinami.standards.ngsi_ld.durations import Duration, parse_duration
from machinami.standards.ngsi_ld.temporal_input import Evolved

from .history_kit import past
from .servers import SERVERS, START, Database

D = "https://uri.etsi.org/ngsi-ld/default-context/"
LEVEL, NAME = f"{D}level", f"{D}name"
GAUGE = "urn:ngsi-ld:Gauge:1"
METHODS = tuple(Method)
TOKYO = timezone(timedelta(hours=9))


def at(minute: float) -> str:
    return iso(START + timedelta(minutes=minute))


def prop(value: Any, minute: float, **members: Any) -> Instance:
    return {"type": "Property", "value": value, "observedAt": at(minute), **members}


async def add(store: Any, tenant: str, *instances: Instance, name: str = LEVEL) -> None:
    given = Evolved((f"{D}Gauge",), {name: list(instances)})
    [result] = await store.write([Mutation(tenant, GAUGE, rules.upsert(GAUGE, given))])
    assert not isinstance(result, MachinamiError), result


async def values(store: Any, tenant: str, **window: Any) -> list[Any]:
    return [one.get("value") for one in await past(store.history, tenant, GAUGE, LEVEL, **window)]


async def test_older_instances_go_to_the_history_and_the_newest_stays_current(
    store: Any, tenant: str, clock: VirtualClock
) -> None:
    await add(store, tenant, prop(2, 2), prop(5, 5), prop(1, 1, datasetId="urn:d:1"))
    clock.advance(1)
    await add(store, tenant, prop(3, 3), prop(4, 4))
    entity = await store.get(tenant, GAUGE)
    assert [one["value"] for one in entity.attributes[LEVEL]] == [5, 1]
    assert await values(store, tenant) == [1, 2, 3, 4, 5]
    assert entity.version == 2
    await add(store, tenant, prop(6, 6))
    assert [one["value"] for one in (await store.get(tenant, GAUGE)).attributes[LEVEL]] == [6, 1]


async def test_the_ends_of_the_calendar_are_instants_like_others(store: Any, tenant: str) -> None:
    ends = ["0001-01-01T00:00:00Z", at(0), "9999-12-31T23:59:59.999999Z"]
    await add(store, tenant, *[{"type": "Property", "value": n, "observedAt": one} for n, one in enumerate(ends)])
    [series] = await store.history.series(tenant, [(GAUGE, LEVEL)], Window())
    assert [one.time for one in series.points] == [parse_instant(one) for one in ends]
    periods = Periods(series.points[0].time, parse_duration("d", "P9999Y"), series.points[2].time)
    grid = Grid((Method.SUM,), periods, tuple(periods.boundaries(periods.end, 10) or ()))
    [cell] = await store.history.aggregate(tenant, [(GAUGE, LEVEL)], Window(limit=2**31), grid, 10)
    assert (cell.start, aggregated(Method.SUM, cell.sums)) == (series.points[0].time, 3)
    urn, found = await kept(store, tenant, 2)
    await correct(store, tenant, rules.replace_instance, found, prop(5, 1))
    assert (await values(store, tenant), (await kept(store, tenant, 5))[0]) == ([0, 1, 5], urn)


async def test_a_refused_provision_leaves_nothing(store: Any, tenant: str) -> None:
    past_expiry = Evolved((f"{D}Gauge",), {LEVEL: [prop(1, 1)]}, expires_at=at(-10))
    [result] = await store.write([Mutation(tenant, GAUGE, rules.upsert(GAUGE, past_expiry))])
    assert isinstance(result, MachinamiError)
    assert (await store.get(tenant, GAUGE), await values(store, tenant)) == (None, [])


async def kept(store: Any, tenant: str, value: Any) -> Any:
    [urn] = [one["instanceId"] for one in await past(store.history, tenant, GAUGE, LEVEL) if one.get("value") == value]
    return urn, await store.history.instance(tenant, (GAUGE, LEVEL), urn)


async def correct(store: Any, tenant: str, rule: Any, *arguments: Any) -> Any:
    version = (await store.get(tenant, GAUGE)).version
    [result] = await store.write([Mutation(tenant, GAUGE, rule(GAUGE, version, LEVEL, *arguments))])
    return result


async def test_a_corrected_instance_keeps_its_id_even_in_another_month(store: Any, tenant: str, clock: VirtualClock) -> None:
    await add(store, tenant, prop(1, 1), prop(2, 2))
    urn, found = await kept(store, tenant, 1)
    clock.advance(60)
    moved = {"type": "Property", "value": 10, "observedAt": "2020-02-29T00:00:00Z"}
    await correct(store, tenant, rules.replace_instance, found, moved)
    [first, _] = await past(store.history, tenant, GAUGE, LEVEL)
    assert (first["value"], first["instanceId"], first["createdAt"], first["modifiedAt"]) == (10, urn, iso(START), at(1))
    again = await store.history.instance(tenant, (GAUGE, LEVEL), urn)
    await correct(store, tenant, rules.replace_instance, again, {"type": "Property", "value": 11, "observedAt": at(1)})
    assert await values(store, tenant) == [11, 2]
    assert (await kept(store, tenant, 11))[0] == urn
    assert await values(store, tenant, time_property="modifiedAt", after=START + timedelta(seconds=1)) == [11]


async def test_correcting_the_newest_instance_corrects_the_entity(store: Any, tenant: str) -> None:
    await add(store, tenant, prop(1, 1), prop(2, 2))
    _, newest = await kept(store, tenant, 2)
    await correct(store, tenant, rules.replace_instance, newest, prop(20, 2))
    assert [one["value"] for one in (await store.get(tenant, GAUGE)).attributes[LEVEL]] == [20]
    _, newest = await kept(store, tenant, 20)
    before = await store.history.newest(tenant, (GAUGE, LEVEL), None, newest.number)
    await correct(store, tenant, rules.delete_instance, newest, before.instance)
    assert [one["value"] for one in (await store.get(tenant, GAUGE)).attributes[LEVEL]] == [1]
    _, last = await kept(store, tenant, 1)
    assert await store.history.newest(tenant, (GAUGE, LEVEL), None, last.number) is None
    await correct(store, tenant, rules.delete_instance, last, None)
    assert LEVEL not in (await store.get(tenant, GAUGE)).attributes
    assert await values(store, tenant) == []


async def test_a_correction_decided_on_an_older_history_changes_nothing(store: Any, tenant: str) -> None:
    await add(store, tenant, prop(1, 1), prop(2, 2))
    _, found = await kept(store, tenant, 1)
    version = (await store.get(tenant, GAUGE)).version
    await add(store, tenant, prop(3, 3))
    [result] = await store.write([Mutation(tenant, GAUGE, rules.delete_instance(GAUGE, version, LEVEL, found, None))])
    assert isinstance(result, MachinamiError)
    assert result.code == "data.store.conflict"
    assert await values(store, tenant) == [1, 2, 3]


async def test_deleting_an_attribute_erases_one_dataset_or_all(store: Any, tenant: str) -> None:
    await add(store, tenant, prop(1, 1), prop(2, 2), prop(3, 3, datasetId="urn:d:1"))
    await correct(store, tenant, rules.delete_attribute, None, False)
    assert await values(store, tenant) == [3, None]
    await correct(store, tenant, rules.delete_attribute, None, True)
    assert await values(store, tenant) == [None]
    assert await store.history.attributes(tenant, [GAUGE]) == {GAUGE: (LEVEL,)}


async def test_the_evolution_goes_as_a_whole_even_if_history_is_kept(
    place: Database | None, clock: VirtualClock, tenant: str
) -> None:
    store: Any = MemoryEntityStore(clock, history_kept_on_delete=True)
    if place is not None:
        store = PostgresStore(place.arguments, clock, Settings({"history_kept_on_delete": True}), cached_reads=True)
        await store.open()
    await add(store, tenant, prop(1, 1))
    await store.write([Mutation(tenant, GAUGE, entity_rules.delete_entity(GAUGE))])
    assert await values(store, tenant) == [1, None]
    await add(store, tenant, prop(2, 2))
    await store.write([Mutation(tenant, GAUGE, rules.delete(GAUGE))])
    assert await values(store, tenant) == []
    if place is not None:
        await store.close()


async def test_scopes_have_a_history(store: Any, tenant: str, clock: VirtualClock) -> None:
    await store.write([Mutation(tenant, GAUGE, entity_rules.create(Entity(GAUGE, (f"{D}Gauge",), scopes=("/a", "/b"))))])
    clock.advance(60)
    await store.write([Mutation(tenant, GAUGE, entity_rules.delete_attribute(GAUGE, entity_rules.SCOPE))])
    told = await past(store.history, tenant, GAUGE, entity_rules.SCOPE)
    assert [(one.get("value"), one.get("observedAt"), one.get("deletedAt")) for one in told] == [
        (["/a", "/b"], iso(START), None), (None, None, at(1)),
    ]  # fmt: skip


async def both(place: Database, clock: VirtualClock) -> tuple[PostgresStore, MemoryEntityStore]:
    store = PostgresStore(place.arguments, clock, Settings(), cached_reads=True)
    await store.open()
    return store, MemoryEntityStore(clock)


def any_window(chance: random.Random) -> Window:
    def minute() -> datetime | None:
        return START + timedelta(minutes=chance.randrange(-100, 60_000)) if chance.random() < 0.5 else None

    operators = (Comparison.GREATER, Comparison.GREATER_EQUAL, Comparison.LESS, Comparison.LESS_EQUAL)
    return Window(
        time_property=chance.choice(["observedAt", "createdAt", "modifiedAt", "deletedAt"]),
        after=minute(),
        before=minute(),
        strict=chance.random() < 0.5,
        newest_first=chance.random() < 0.5,
        limit=chance.choice([1, 3, 40, 1_000]),
        datasets=chance.choice(
            [None, frozenset({"@none"}), frozenset({"urn:d:0", "urn:d:1"}), frozenset({"@none", "urn:d:1"})]
        ),
        bound=chance.choice([None, None, Bound(chance.choice(operators), chance.choice([0, 1, -2, 12.5]))]),
    )


def unnumbered(series: list[Series]) -> list[Any]:
    """Series without the ids of instances, whose numbers are each store's own."""
    return [(one.attribute, [(point.time, {**point.instance, "instanceId": ""}) for point in one.points]) for one in series]


@pytest.mark.parametrize("place", SERVERS, indirect=True)
@pytest.mark.parametrize("seed", range(3))
async def test_series_are_those_of_the_plain_twin(place: Database | None, clock: VirtualClock, tenant: str, seed: int) -> None:
    assert place is not None
    chance = random.Random(seed)
    store, twin = await both(place, clock)
    try:
        for _ in range(4):
            instances = [any_instance(chance) for _ in range(25)]
            unobserved = [{"type": "Property", "value": n} for n in range(3)]
            dropped = chance.choice([None, "urn:d:0"])
            for one in (store, twin):
                await add(one, tenant, *instances)
                await add(one, tenant, *unobserved, name=NAME)
                rule = entity_rules.delete_attribute(GAUGE, LEVEL, dropped)
                await one.write([Mutation(tenant, GAUGE, rule)])
            clock.advance(chance.randrange(1, 1_000_000))
        places = [(GAUGE, LEVEL), (GAUGE, NAME), ("urn:x:none", LEVEL)]
        for _ in range(150):
            window = any_window(chance)
            ours, theirs = [unnumbered(await one.history.series(tenant, places, window)) for one in (store, twin)]
            assert ours == theirs, window
        names = await store.history.attributes(tenant, [GAUGE, "urn:x:none"])
        assert names == await twin.history.attributes(tenant, [GAUGE, "urn:x:none"]) == {GAUGE: (LEVEL, NAME)}
    finally:
        await store.close()


# --- aggregation


def told(cells: list[Cell], methods: tuple[Method, ...]) -> list[Any]:
    return [
        (one.entity_id, one.attribute, one.dataset_id, one.start, [aggregated(method, one.sums) for method in methods])
        for one in cells
    ]


def any_value(chance: random.Random) -> Any:
    kind = chance.randrange(12)
    if kind < 6:
        return round(chance.uniform(-1e3, 1e3), chance.randrange(6))
    return [
        chance.randrange(-5, 5), chance.choice([True, False]), chance.choice(["a", "b", "ア", ""]),
        [1] * chance.randrange(4), {"x": chance.randrange(2), "y": [1.0, "t"]}, {"@type": "DateTime", "@value": at(kind)},
    ][kind - 6]  # fmt: skip


def any_instance(chance: random.Random) -> Instance:
    minute = chance.randrange(0, 400_000) / 7
    if chance.random() < 0.1:
        return {"type": "Relationship", "object": f"urn:x:{chance.randrange(3)}", "observedAt": at(minute)}
    dataset = {"datasetId": f"urn:d:{chance.randrange(2)}"} if chance.random() < 0.3 else {}
    return prop(any_value(chance), round(minute, 3), **dataset)


GRIDS = ["PT1H", "PT17M", "P1D", "P2W", "P1M", "P1Y", "P1M10DT3H", "PT0S"]


@pytest.mark.parametrize("place", SERVERS, indirect=True)
@pytest.mark.parametrize("seed", range(4))
async def test_aggregation_is_equal_to_the_plain_twin(
    place: Database | None, clock: VirtualClock, tenant: str, seed: int
) -> None:
    assert place is not None
    chance = random.Random(seed)
    twin = MemoryEntityStore(clock)
    store = PostgresStore(place.arguments, clock, Settings(), cached_reads=True)
    await store.open()
    try:
        instances = [any_instance(chance) for _ in range(300)]
        names = [prop(chance.choice("xyz"), n) for n in range(3)]
        for one in (store, twin):
            await add(one, tenant, *instances)
            await add(one, tenant, *names, name=NAME)
        places = [(GAUGE, LEVEL), (GAUGE, NAME), (GAUGE, f"{D}other")]
        origin = (START - timedelta(minutes=chance.randrange(10_000))).astimezone(TOKYO)
        last = max(parse_instant(one["observedAt"]) for one in instances)
        for duration in GRIDS:
            periods = Periods(origin.astimezone(UTC), parse_duration("d", duration), last, chance.choice([UTC, TOKYO]))
            begins = periods.boundaries(last, 100_000) if periods.duration.months else []
            assert begins is not None
            for methods in (METHODS, (Method.AVG,), (Method.DISTINCT_COUNT, Method.MAX)):
                grid = Grid(methods, periods, tuple(begins))
                for window in (
                    Window(after=periods.origin, limit=2**31),
                    Window(after=periods.origin, strict=True, limit=57, newest_first=True),
                    Window(after=periods.origin, limit=2**31, datasets=frozenset({"@none", "urn:d:1"})),
                ):
                    ours = await store.history.aggregate(tenant, places, window, grid, 100_000)
                    theirs = await twin.history.aggregate(tenant, places, window, grid, 100_000)
                    assert told(ours, methods) == told(theirs, methods)
                    assert ours
    finally:
        await store.close()


async def test_aggregation_stops_behind_the_most_periods(store: Any, tenant: str) -> None:
    await add(store, tenant, *[prop(n, n) for n in range(10)])
    periods = Periods(START, Duration(0, timedelta(minutes=1)), START)
    cells = await store.history.aggregate(tenant, [(GAUGE, LEVEL)], Window(limit=2**31), Grid((Method.SUM,), periods), 5)
    assert len(cells) == 5 + 1


async def test_a_hundred_thousand_points_are_aggregated_by_the_store(postgres: PostgresStore, tenant: str) -> None:
    """Prints the time of each kind of aggregation (the bar is p95 < 100 ms on the reference machine)."""
    await postgres.pool.execute(
        "insert into history (tenant, id, attribute, at, received_at, instance)"
        " select $1, $2, $3, t, t, jsonb_build_object('type', 'Property', 'value', n % 1000 / 10.0, 'observedAt', t)"
        " from generate_series(0, 99999) n, lateral (select $4::timestamptz + n * interval '1 minute' as t) times",
        tenant, GAUGE, LEVEL, datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    await postgres.pool.execute("vacuum analyze history")
    origin = datetime(2026, 1, 1, tzinfo=UTC)
    last = origin + timedelta(minutes=99_999)
    for duration, methods in (
        ("PT1H", (Method.AVG,)),
        ("P1D", METHODS),
        ("P1M", (Method.MIN, Method.MAX)),
        ("PT0S", (Method.AVG,)),
    ):
        periods = Periods(origin, parse_duration("d", duration), last)
        begins = periods.boundaries(last, 1_000) if periods.duration.months else []
        grid = Grid(methods, periods, tuple(begins or ()))
        window = Window(after=origin, strict=True, limit=2**31)
        took = []
        for _ in range(5):
            began = time.perf_counter()
            cells = await postgres.history.aggregate(tenant, [(GAUGE, LEVEL)], window, grid, 10_000)
            took.append(1000 * (time.perf_counter() - began))
        print(
            f"100,000 points by {duration}, {len(methods)} methods: {sorted(took)[2]:.0f} ms (median of 5), {len(cells)} periods"
        )
        assert sum(one.sums.total for one in cells) == 100_000
    assert aggregated(Method.AVG, cells[0].sums) == 49.95
