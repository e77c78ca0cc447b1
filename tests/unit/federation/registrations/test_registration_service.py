"""Registrations as a service: one at a time, figures kept, the live set as true as the store."""

from __future__ import annotations

import asyncio

import pytest
from federation_kit import CALLER, START, Town

from machinami.kernel.errors import MachinamiError, Refusal
from machinami.standards.ngsi_ld.contexts import core_context

ALONE = {"mode": "exclusive", "information": [{"entities": [{"type": "Bus", "id": "urn:x:1"}], "propertyNames": ["speed"]}]}


@pytest.fixture
def town() -> Town:
    return Town()


async def test_of_two_exclusive_registrations_made_at_once_one_is_refused(town: Town) -> None:
    results = await asyncio.gather(town.register("1", **ALONE), town.register("2", **ALONE), return_exceptions=True)
    refused = [one for one in results if isinstance(one, Refusal)]
    assert [one.code for one in refused] == ["federation.registration.other_source"]
    assert len(town.registrations) == len(town.store.records) == 1


async def test_what_the_store_did_not_take_is_not_known(town: Town) -> None:
    await town.register("1")
    town.store.down = True
    with pytest.raises(MachinamiError):
        await town.register("2")
    with pytest.raises(MachinamiError):
        await town.registrations.delete(CALLER, "urn:csr:1")
    assert [one.registration.id for one in town.registrations.for_operation("default", "queryEntity")] == ["urn:csr:1"]


async def test_tries_are_shown_at_once_and_survive_a_store_that_is_away(town: Town) -> None:
    await town.register("1")
    assert (await town.registrations.retrieve(CALLER, "urn:csr:1"))[1] is None
    town.registrations.tried("default", "urn:csr:1", failed=False)
    town.clock.advance(1)
    town.registrations.tried("default", "urn:csr:1", failed=True)
    town.store.down = True
    with pytest.raises(MachinamiError):
        await town.registrations.sweep()
    town.store.down = False
    town.registrations.tried("default", "urn:csr:1", failed=True)
    _, shown = await town.registrations.retrieve(CALLER, "urn:csr:1")
    assert shown is not None
    assert (shown.times_sent, shown.times_failed, shown.failed, shown.last_success) == (3, 2, True, START)
    await town.registrations.sweep()
    assert town.store.counted["urn:csr:1"] == shown
    assert (await town.registrations.retrieve(CALLER, "urn:csr:1"))[1] == shown


async def test_figures_go_with_their_registration(town: Town) -> None:
    await town.register("1")
    town.registrations.tried("default", "urn:csr:1", failed=False)
    await town.registrations.delete(CALLER, "urn:csr:1")
    await town.registrations.sweep()
    assert town.store.counted == {}


async def test_the_sweep_removes_what_has_expired_for_good(town: Town) -> None:
    await town.register("1", expiresAt="2026-01-01T00:00:10Z")
    await town.register("2")
    town.clock.advance(10)
    assert [one.registration.id for one in town.registrations.for_operation("default", "queryEntity")] == ["urn:csr:2"]
    await town.registrations.sweep()
    assert [key[2] for key in town.store.records] == ["urn:csr:2"]


async def test_the_live_set_is_that_of_the_store_after_a_start(town: Town) -> None:
    await town.register("1")
    await town.register("2")
    await town.registrations.update(CALLER, "urn:csr:1", {"description": "x"}, core_context())
    again = Town(store=town.store)
    assert await again.registrations.load() == 2
    found = again.registrations.for_operation("default", "queryEntity")
    assert found == town.registrations.for_operation("default", "queryEntity")
    assert [one.registration.id for one in found] == ["urn:csr:1", "urn:csr:2"]
