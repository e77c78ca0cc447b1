"""Reading one entity: what has expired is not there, whether it was read before or not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from machinami.data.entities import rules
from machinami.data.entities.service import Entities
from machinami.kernel.caller import development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.sdk.memory_store import MemoryEntityStore

CALLER = development_caller()
A = "https://uri.etsi.org/ngsi-ld/default-context/a"
LATER = "2026-11-26T00:00:10Z"


def city() -> tuple[Entities, VirtualClock]:
    clock = VirtualClock(datetime(2026, 11, 26, tzinfo=UTC))
    return Entities(MemoryEntityStore(clock), clock), clock


@pytest.mark.parametrize("reads_before", [0, 2])
async def test_retrieve_does_not_find_an_entity_once_it_expired(reads_before: int) -> None:
    entities, clock = city()
    entity = Entity("urn:x:1", ("T",), {A: [{"type": "Property", "value": 1}]}, expires_at=LATER)
    await entities.apply(CALLER, entity.id, rules.create(entity))
    for _ in range(reads_before):
        assert (await entities.retrieve(CALLER, entity.id)).id == entity.id
    clock.advance(11)
    with pytest.raises(Refusal) as refused:
        await entities.retrieve(CALLER, entity.id)
    assert refused.value.code == "data.entity.does_not_exist"


@pytest.mark.parametrize("reads_before", [0, 2])
async def test_retrieve_leaves_out_an_attribute_once_it_expired(reads_before: int) -> None:
    entities, clock = city()
    entity = Entity("urn:x:1", ("T",), {A: [{"type": "Property", "value": 1, "expiresAt": LATER}]})
    await entities.apply(CALLER, entity.id, rules.create(entity))
    for _ in range(reads_before):
        assert A in (await entities.retrieve(CALLER, entity.id)).attributes
    clock.advance(11)
    assert A not in (await entities.retrieve(CALLER, entity.id)).attributes


async def test_retrieve_finds_the_newest_state_and_nothing_after_a_deletion() -> None:
    entities, _ = city()
    entity = Entity("urn:x:1", ("T",), {A: [{"type": "Property", "value": 1}]})
    await entities.apply(CALLER, entity.id, rules.create(entity))
    for value in (2, 3):
        await entities.apply(CALLER, entity.id, rules.partial_update(entity.id, A, [{"type": "Property", "value": value}]))
        assert (await entities.retrieve(CALLER, entity.id)).attributes[A][0]["value"] == value
    await entities.apply(CALLER, entity.id, rules.delete_entity(entity.id))
    with pytest.raises(Refusal):
        await entities.retrieve(CALLER, entity.id)
