"""A small city: layers, entities in the memory store, and alarms by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from machinami.bootstrap.joints import MapEntitiesOverData
from machinami.citymap.model import CityView, Domain, Layer
from machinami.citymap.service import CityMap
from machinami.data.entities import rules
from machinami.data.entities.service import Entities
from machinami.data.ports import Mutation
from machinami.kernel.caller import Caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity, Instance
from machinami.linkage.feeds.shape import attributes, point, prop
from machinami.sdk.memory_store import MemoryEntityStore
from machinami.standards.alerts import term

START = datetime(2026, 11, 26, tzinfo=UTC)


def layer(layer_id: str, kind: str, order: int, **other: Any) -> Layer:
    return Layer(layer_id, "disaster", layer_id + " ja", layer_id + " en", term(kind), "#000000", "place", order, **other)


VIEW = CityView(
    "test", "372013", "高松市", "Takamatsu", (134.0, 34.3), 11.0, (Domain("disaster", "防災", "Disaster"),),
    (
        layer("gauge-heat", "Gauge", 30, value=term("temperature")),
        layer("gauge", "Gauge", 10, value=term("level"), label="simulation"),
        layer("shelter", "Shelter", 20),
    ),
)  # fmt: skip


class Alarms:
    """`MapAlarms` by hand."""

    def __init__(self) -> None:
        self.by: dict[str, tuple[int, str]] = {}
        self.rows: list[dict[str, Any]] = []

    async def by_entity(self, caller: Caller) -> Mapping[str, tuple[int, str]]:
        return self.by

    async def areas(self, caller: Caller) -> list[dict[str, Any]]:
        return self.rows


def thing(entity_id: str, kind: str = "Shelter", lon: float | None = 134.0, **named: Any) -> Entity:
    """An entity with a place (unless `lon` is None) and attributes by short name; bare values become Properties."""
    shaped: dict[str, Instance | None] = {
        name: value if isinstance(value, dict) and "type" in value else prop(value) for name, value in named.items()
    }
    if lon is not None:
        shaped["location"] = point(lon, 34.3)
    return Entity(f"urn:ngsi-ld:{kind}:{entity_id}", (term(kind),), attributes(shaped))


@pytest.fixture
def store() -> MemoryEntityStore:
    return MemoryEntityStore(VirtualClock(START))


@pytest.fixture
def put(store: MemoryEntityStore) -> Callable[..., Awaitable[None]]:
    """Store entities of a tenant, in order."""

    async def put(*entities: Entity, tenant: str = "default") -> None:
        await store.write([Mutation(tenant, one.id, rules.upsert_replace(one)) for one in entities])

    return put


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


@pytest.fixture
def city(store: MemoryEntityStore, alarms: Alarms) -> CityMap:
    entities = MapEntitiesOverData(Entities(store, VirtualClock(START)))
    return CityMap(
        VIEW,
        entities,
        alarms,
        {"590": {"type": "Point", "coordinates": [134.0, 34.3]}},
        lambda: {term("Park"): ("公園", "Parks")},
    )


@pytest.fixture
def make() -> Callable[..., Entity]:
    return thing


@pytest.fixture
def gauge_layer() -> Layer:
    return VIEW.layers[1]
