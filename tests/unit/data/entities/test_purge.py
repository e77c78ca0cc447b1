"""A purge goes step by step, tells what it did, and takes only what still answers its query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from machinami.data.entities import purge as purging
from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision, Keep
from machinami.data.entities.purge import Purge, purge
from machinami.data.entities.service import Entities
from machinami.data.ports import Mutation
from machinami.kernel.caller import development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Unavailable
from machinami.kernel.query import EntityQuery, Page, Selector, TypeSelection
from machinami.sdk.memory_store import MemoryEntityStore

CALLER = development_caller()
ALL = EntityQuery((Selector(TypeSelection((frozenset({"T"}),))),))
START = datetime(2026, 5, 14, 3, tzinfo=UTC)
NOW = "2026-05-14T03:00:00Z"


def thing(number: int, **attributes: int) -> Entity:
    found = {name: [{"type": "Property", "value": value}] for name, value in attributes.items()}
    return Entity(f"urn:t:{number}", ("T",), found)


class BreakingStore(MemoryEntityStore):
    """Stops answering once `writes_left` writes have been made."""

    writes_left = 1_000_000

    async def write(self, mutations: Sequence[Mutation]) -> list[Decision | MachinamiError]:
        if self.writes_left <= 0:
            raise Unavailable("data.store.unavailable", reason="gone")
        self.writes_left -= 1
        return await super().write(mutations)


async def city(count: int) -> tuple[BreakingStore, Entities]:
    store = BreakingStore(VirtualClock(START))
    entities = Entities(store, VirtualClock(START))
    await entities.apply_each(CALLER, [(f"urn:t:{n}", rules.create(thing(n, a=n, b=n))) for n in range(count)])
    return store, entities


async def purged(entities: Entities, most: int = 1_000) -> Purge:
    return await purge(entities, CALLER, ALL, rules.purge_entity(ALL), most)


async def left(entities: Entities) -> int:
    total = (await entities.find(CALLER, ALL, Page(limit=0, count=True))).total
    assert total is not None
    return total


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "STEP", 10)


async def test_purge_takes_all_steps_when_nothing_fails() -> None:
    _, entities = await city(35)
    done = await purged(entities)
    assert (len(done.success), done.errors, await left(entities)) == (35, [], 0)


async def test_purge_names_the_next_entity_when_more_match_than_it_may_take() -> None:
    _, entities = await city(35)
    done = await purged(entities, 20)
    [(first, error)] = done.errors
    assert (len(done.success), first, error.code, await left(entities)) == (20, "urn:t:20", "data.entity.more_to_purge", 15)


async def test_purge_tells_what_it_left_when_the_store_goes_away_on_the_way() -> None:
    store, entities = await city(35)
    store.writes_left = 2
    done = await purged(entities)
    assert done.success == [f"urn:t:{n}" for n in range(20)]
    assert [one for one, _ in done.errors] == [f"urn:t:{n}" for n in range(20, 30)]
    assert await left(entities) == 15


async def test_purge_raises_when_the_store_is_away_from_the_start() -> None:
    store, entities = await city(5)
    store.writes_left = 0
    with pytest.raises(Unavailable):
        await purged(entities)


def test_purge_entity_keeps_what_no_longer_matches() -> None:
    other = Entity("urn:t:1", ("Other",), {})
    assert isinstance(rules.purge_entity(ALL)(other, NOW), Keep)
    assert isinstance(rules.purge_entity(ALL)(None, NOW), Keep)


@pytest.mark.parametrize(
    ("names", "keep", "rest"), [({"a"}, False, {"b"}), ({"a"}, True, {"a"}), ({"a", "b"}, False, set()), ({"c"}, True, set())]
)
async def test_purge_attributes_drops_or_keeps_the_named_ones(names: set[str], keep: bool, rest: set[str]) -> None:
    _, entities = await city(3)
    await purge(entities, CALLER, ALL, rules.purge_attributes(ALL, frozenset(names), keep), 100)
    assert set((await entities.retrieve(CALLER, "urn:t:1")).attributes) == rest
