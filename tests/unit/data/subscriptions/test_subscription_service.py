"""Use cases on subscriptions: the durable records and the live set tell the same."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from machinami.data.subscriptions import service
from machinami.data.subscriptions.service import Subscriptions
from machinami.kernel.caller import Caller, Role, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import build_context, core_context
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

CALLER = development_caller()
READER = Caller("default", "user:a", "test", frozenset({Role.READER}))
ID = "urn:ngsi-ld:Subscription:a"
ONE, TWO = {"type": "Property", "value": 1}, {"type": "Property", "value": 2}


@pytest.fixture
def subscriptions(records: Any, matches: Any, guard: Any, clock: VirtualClock) -> Subscriptions:
    return Subscriptions(records, matches, guard, clock, SubscriptionLimits())


async def code(call: Awaitable[Any]) -> str:
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value.code


def standing(subscriptions: Subscriptions, change: Any, **entity: Any) -> list[str]:
    found = subscriptions.standing(change({"level": ONE}, {"level": TWO}, **entity))
    return [one.subscription.id for one in found]


async def test_create_is_live_at_once_and_after_a_start_anew(
    subscriptions: Subscriptions, document: Any, change: Any, records: Any, matches: Any, guard: Any, clock: VirtualClock
) -> None:
    created = await subscriptions.create(CALLER, document(id=ID, q="level==2"), core_context())
    assert created.id == ID
    assert standing(subscriptions, change) == [ID]
    started = Subscriptions(records, matches, guard, clock, SubscriptionLimits())
    assert await started.load() == 1
    assert started.standing(change({"level": ONE}, {"level": TWO})) == subscriptions.standing(
        change({"level": ONE}, {"level": TWO})
    )


async def test_create_gives_an_id_when_there_is_none(subscriptions: Subscriptions, document: Any) -> None:
    one = await subscriptions.create(CALLER, document(), core_context())
    other = await subscriptions.create(CALLER, document(), core_context())
    assert one.id != other.id
    assert one.id.startswith("urn:ngsi-ld:Subscription:")


async def test_create_refuses_an_id_that_is_taken_and_leaves_the_first(
    subscriptions: Subscriptions, document: Any, change: Any
) -> None:
    await subscriptions.create(CALLER, document(id=ID), core_context())
    assert await code(subscriptions.create(CALLER, document(id=ID, isActive=False), core_context())) == (
        "data.subscription.already_exists"
    )
    assert (await subscriptions.retrieve(READER, ID))[0].subscription.active
    await subscriptions.create(development_caller("other"), document(id=ID), core_context())
    assert len(subscriptions) == 2


@pytest.mark.parametrize(
    ("expires_at", "refused"),
    [("2026-11-26T08:59:59+09:00", True), ("2026-11-26T00:00:00Z", True), ("2026-11-25T23:00:00-09:00", False)],
)
async def test_create_refuses_a_time_of_expiry_that_has_passed_whatever_its_offset(
    subscriptions: Subscriptions, document: Any, expires_at: str, refused: bool
) -> None:
    call = subscriptions.create(CALLER, document(id=ID, expiresAt=expires_at), core_context())
    if refused:
        assert await code(call) == "data.subscription.expires_in_past"
        assert len(subscriptions) == 0
    else:
        assert (await call).expires_at == expires_at


async def test_update_moves_the_subscription_in_the_live_set(
    subscriptions: Subscriptions, document: Any, change: Any, clock: VirtualClock
) -> None:
    await subscriptions.create(CALLER, document(id=ID), core_context())
    clock.advance(60)
    await subscriptions.update(CALLER, ID, {"entities": [{"type": "Bus"}], "watchedAttributes": ["level"]}, core_context())
    assert standing(subscriptions, change) == []
    assert standing(subscriptions, change, type="Bus") == [ID]
    [(found, _)], total = await subscriptions.listing(READER, 10, 0)
    assert (found.created_at, found.modified_at, total) == ("2026-11-26T00:00:00Z", "2026-11-26T00:01:00Z", 1)
    assert found.subscription.watched == ("https://uri.etsi.org/ngsi-ld/default-context/level",)


async def test_update_keeps_the_context_of_the_subscription_unless_another_is_given(
    subscriptions: Subscriptions, document: Any
) -> None:
    theirs = build_context({"Gauge": "https://city.example/Gauge"}, lambda _: None)
    await subscriptions.create(CALLER, document(id=ID), theirs)
    await subscriptions.update(CALLER, ID, {"description": "x"}, core_context())
    assert (await subscriptions.retrieve(READER, ID))[0].context_source == theirs.source
    other = build_context({"Gauge": "https://other.example/Gauge"}, lambda _: None)
    await subscriptions.update(CALLER, ID, {"description": "x"}, other)
    assert (await subscriptions.retrieve(READER, ID))[0].context_source == other.source


async def test_update_leaves_everything_when_it_is_refused(subscriptions: Subscriptions, document: Any, change: Any) -> None:
    await subscriptions.create(CALLER, document(id=ID), core_context())
    before = await subscriptions.retrieve(READER, ID)
    target = {"notification": {"endpoint": {"uri": "http://forbidden.example/"}}}
    assert await code(subscriptions.update(CALLER, ID, target, core_context())) == "egress.address.forbidden"
    assert await subscriptions.retrieve(READER, ID) == before
    assert standing(subscriptions, change) == [ID]


async def test_delete_ends_the_subscription_and_its_waiting_notifications(
    subscriptions: Subscriptions, document: Any, change: Any, matches: Any
) -> None:
    await subscriptions.create(CALLER, document(id=ID), core_context())
    await subscriptions.delete(CALLER, ID)
    assert (standing(subscriptions, change), len(subscriptions)) == ([], 0)
    assert matches.dropped == [("default", ID)]
    assert await subscriptions.load() == 0


async def test_what_is_not_there_is_refused(subscriptions: Subscriptions, document: Any) -> None:
    await subscriptions.create(development_caller("other"), document(id=ID), core_context())
    for call in (
        subscriptions.retrieve(READER, ID), subscriptions.delete(CALLER, ID),
        subscriptions.update(CALLER, ID, {"isActive": False}, core_context()),
    ):  # fmt: skip
        assert await code(call) == "data.subscription.does_not_exist"
    assert len(subscriptions) == 1


async def test_changes_need_the_writers_role(subscriptions: Subscriptions, document: Any) -> None:
    await subscriptions.create(CALLER, document(id=ID), core_context())
    for call in (
        subscriptions.create(READER, document(), core_context()), subscriptions.delete(READER, ID),
        subscriptions.update(READER, ID, {}, core_context()),
    ):  # fmt: skip
        assert await code(call) == "security.access.forbidden"


async def test_standing_shows_only_subscriptions_of_the_changes_tenant(
    subscriptions: Subscriptions, document: Any, change: Any
) -> None:
    await subscriptions.create(development_caller("other"), document(id=ID), core_context())
    assert standing(subscriptions, change) == []
    assert standing(subscriptions, change, tenant="other") == [ID]


async def test_load_reads_all_pages(
    subscriptions: Subscriptions, document: Any, monkeypatch: pytest.MonkeyPatch, records: Any, matches: Any, guard: Any,
    clock: VirtualClock,
) -> None:  # fmt: skip
    for number in range(5):
        await subscriptions.create(development_caller(f"t{number % 2}"), document(), core_context())
    monkeypatch.setattr(service, "LOAD_BATCH", 2)
    assert await Subscriptions(records, matches, guard, clock, SubscriptionLimits()).load() == 5


async def test_forget_all_empties_the_live_set(subscriptions: Subscriptions, document: Any, change: Any) -> None:
    await subscriptions.create(CALLER, document(), core_context())
    subscriptions.forget_all()
    assert (standing(subscriptions, change), len(subscriptions)) == ([], 0)
