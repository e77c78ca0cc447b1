"""The `DeliveryStore` port, and what matchers do with it, on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.delivery import PostgresDeliveries, SubscriptionState
from machinami.data.delivery.model import Delivery, Failure, Outcome, Settlement, State, Urgency
from machinami.kernel.change import Cursor
from machinami.kernel.errors import Unavailable

from .servers import START, Database

HOOK = "http://127.0.0.1:9/hook"
ENDPOINT = "http://127.0.0.1:9"
BAD = Outcome(status=500, detail="sorry")
GOOD = Outcome(status=204, duration_s=0.25)
LATER = START + timedelta(hours=1)
MANY = {ENDPOINT: 1_000}


@pytest.fixture
async def deliveries(pool: Pool) -> PostgresDeliveries:
    await pool.execute("truncate delivery, subscription_state, subscription_period, consumer")
    return PostgresDeliveries(pool, ConsumerCursors(pool))


def row(
    tenant: str, name: str, subscription: str = "urn:s:1", key: str = "urn:e:1", at: datetime = START, **members: Any
) -> Delivery:
    fixed: dict[str, Any] = {"url": HOOK, "endpoint": ENDPOINT, "body": name.encode(), "headers": {}, **members}
    return Delivery(tenant, 0, subscription, key, f"urn:n:{name}", created_at=at, **fixed)


async def queue(deliveries: PostgresDeliveries, *rows: Delivery) -> None:
    old = await ConsumerCursors(deliveries._pool).load("test")
    await deliveries.commit_matches("test", old, Cursor(old.transaction + 1, 0), rows)


async def claim(
    deliveries: PostgresDeliveries, now: datetime = START, limit: int = 100, lane: int = 8,
    allowances: Mapping[str, int] | None = None, lease_s: float = 15.0,
) -> list[Delivery]:  # fmt: skip
    return await deliveries.due(now, limit, lane, MANY if allowances is None else allowances, lease_s)


def names(rows: list[Delivery]) -> list[str]:
    return [one.body.decode() for one in rows]


def delivered(one: Delivery, at: datetime = START) -> Settlement:
    return Settlement(one, State.DELIVERED, GOOD, at)


def waiting(one: Delivery, due_at: datetime, at: datetime = START) -> Settlement:
    return Settlement(one, State.WAITING, BAD, at, due_at)


def dead(one: Delivery, at: datetime = START) -> Settlement:
    return Settlement(one, State.DEAD, BAD, at)


async def test_due_gives_the_row_as_it_was_queued(deliveries: PostgresDeliveries, tenant: str) -> None:
    full = row(
        tenant, "a", headers={"X-Key": "鍵", "Link": "<x>"}, timeout_s=2.5, cooldown_s=7.0, urgency=Urgency.ALARM,
        at=START - timedelta(seconds=3),
    )  # fmt: skip
    await queue(deliveries, full)
    [claimed] = await claim(deliveries)
    assert claimed.number > 0
    assert claimed == replace(full, number=claimed.number)


async def test_due_gives_nothing_when_the_row_is_claimed_or_not_due(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "now"), row(tenant, "later", key="urn:e:2", at=START + timedelta(seconds=1)))
    assert names(await claim(deliveries)) == ["now"]
    assert names(await claim(deliveries)) == []
    assert names(await claim(deliveries, START + timedelta(seconds=1))) == ["later"]
    assert await deliveries.waiting() == 2


async def test_due_claims_again_when_the_lease_and_the_own_timeout_are_over(
    deliveries: PostgresDeliveries, tenant: str
) -> None:
    await queue(deliveries, row(tenant, "a", timeout_s=20.0))
    await claim(deliveries, lease_s=15)
    assert await claim(deliveries, START + timedelta(seconds=34.9), lease_s=15) == []
    assert names(await claim(deliveries, START + timedelta(seconds=35), lease_s=15)) == ["a"]


async def test_due_keeps_the_order_of_a_key_when_several_rows_wait(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"), row(tenant, "2"))
    await queue(deliveries, row(tenant, "3"), row(tenant, "x", key="urn:e:2"), row(tenant, "y", subscription="urn:s:2"))
    seen = []
    for _ in range(4):
        claimed = await claim(deliveries)
        seen.append(sorted(names(claimed)))
        assert await claim(deliveries) == []
        await deliveries.settle([delivered(one) for one in claimed])
    assert seen == [["1", "x", "y"], ["2"], ["3"], []]
    assert await deliveries.waiting() == 0


async def test_due_puts_alarms_first_then_by_due_time_and_number(deliveries: PostgresDeliveries, tenant: str) -> None:
    early = START - timedelta(seconds=9)
    rows = [
        row(tenant, "m-late", key="1", at=START - timedelta(seconds=1)),
        row(tenant, "m-early", key="2", at=early),
        row(tenant, "m-early2", key="3", at=early),
        row(tenant, "alarm", key="4", urgency=Urgency.ALARM),
    ]
    await queue(deliveries, *rows)
    first = await claim(deliveries, limit=3)
    assert names(first) == ["alarm", "m-early", "m-early2"]
    assert names(await claim(deliveries)) == ["m-late"]


async def test_due_bounds_a_lane_when_its_claims_live(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, *(row(tenant, str(n), key=str(n)) for n in range(5)), row(tenant, "other", subscription="urn:s:2"))
    first = await claim(deliveries, lane=2)
    assert names(first) == ["0", "1", "other"]
    assert await claim(deliveries, lane=2) == []
    await deliveries.settle([delivered(first[0])])
    assert names(await claim(deliveries, lane=2)) == ["2"]
    assert names(await claim(deliveries, START + timedelta(seconds=60), lane=2)) == ["1", "2", "other"]


async def test_due_gives_an_endpoint_its_allowance_and_one_if_it_is_unknown(
    deliveries: PostgresDeliveries, tenant: str
) -> None:
    ends = {"a": 3, "closed": 0, "unknown": None}
    await queue(
        deliveries,
        *(row(tenant, f"{end}{n}", key=str(n), subscription=f"s:{end}", endpoint=end) for end in ends for n in range(5)),
    )
    shares = {end: share for end, share in ends.items() if share is not None}
    claimed = await claim(deliveries, allowances=shares)
    assert sorted(names(claimed)) == ["a0", "a1", "a2", "unknown0"]


async def test_due_passes_over_a_full_lane_when_the_endpoint_has_another(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, *(row(tenant, f"full{n}", key=str(n)) for n in range(3)))
    await claim(deliveries, lane=1)
    await queue(deliveries, row(tenant, "free", subscription="urn:s:2"))
    assert names(await claim(deliveries, lane=1, allowances={ENDPOINT: 1})) == ["free"]


async def test_due_lets_a_lane_rest_while_one_of_its_rows_cools_down(deliveries: PostgresDeliveries, tenant: str) -> None:
    cooling = {"cooldown_s": 60.0}
    await queue(deliveries, row(tenant, "a", key="urn:e:1", **cooling), row(tenant, "other", subscription="urn:s:2"))
    first = next(one for one in await claim(deliveries) if one.body == b"a")
    await deliveries.settle([waiting(first, START + timedelta(seconds=60))])
    await queue(deliveries, row(tenant, "b", key="urn:e:2", **cooling), row(tenant, "more", "urn:s:2", "urn:e:2"))
    assert names(await claim(deliveries, START + timedelta(seconds=59))) == ["other", "more"]
    later = await claim(deliveries, START + timedelta(seconds=61))
    assert {"a", "b"} <= set(names(later))


async def test_commit_period_moves_the_time_and_queues_in_one(deliveries: PostgresDeliveries, tenant: str) -> None:
    assert await deliveries.commit_period(tenant, "urn:s:1", None, START, [row(tenant, "a")]) == 1
    assert await deliveries.periods() == {(tenant, "urn:s:1"): START}
    with pytest.raises(Unavailable):
        await deliveries.commit_period(tenant, "urn:s:1", None, LATER, [row(tenant, "b")])
    [only] = await claim(deliveries)
    assert await deliveries.commit_period(tenant, "urn:s:1", START, LATER, [row(tenant, "c")]) == 0
    assert await deliveries.periods() == {(tenant, "urn:s:1"): LATER}
    await deliveries.settle([delivered(only)])
    again = LATER + timedelta(hours=1)
    assert await deliveries.commit_period(tenant, "urn:s:1", LATER, again, [row(tenant, "d")]) == 1
    assert names(await claim(deliveries, LATER)) == ["d"]
    await deliveries.drop_lane(tenant, "urn:s:1")
    assert await deliveries.periods() == {}


async def test_commit_period_lets_one_of_two_workers_win(deliveries: PostgresDeliveries, tenant: str) -> None:
    tries = [deliveries.commit_period(tenant, "urn:s:1", None, LATER, [row(tenant, f"{n}")]) for n in range(2)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(map(repr, map(type, outcomes))) == ["<class 'int'>", "<class 'machinami.kernel.errors.Unavailable'>"]
    assert await deliveries.waiting() == 1


async def test_due_never_gives_a_row_twice_when_workers_compete(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, *(row(tenant, str(n), key=str(n), subscription=f"s:{n % 7}") for n in range(200)))
    batches = await asyncio.gather(*(claim(deliveries, limit=10, lane=20) for _ in range(16)))
    claimed = [one.number for batch in batches for one in batch]
    assert len(claimed) == len(set(claimed)) == 7 * 20


async def test_settle_waits_for_the_next_try_when_it_failed(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"), row(tenant, "2"))
    [one] = await claim(deliveries)
    await deliveries.settle([waiting(one, START + timedelta(seconds=9))])
    assert await claim(deliveries, START + timedelta(seconds=8.9)) == []
    [again] = await claim(deliveries, START + timedelta(seconds=9))
    assert (names([again]), again.attempts, again.notification_id) == (["1"], 1, one.notification_id)


async def test_settle_lets_the_next_row_go_when_one_is_dead(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"), row(tenant, "2"))
    [one] = await claim(deliveries)
    await deliveries.settle([dead(one, LATER)])
    assert names(await claim(deliveries)) == ["2"]
    [letter] = await deliveries.dead_letters(tenant, None, 0, 10)
    assert (letter.delivery.body, letter.dead_at, letter.reason, letter.delivery.attempts) == (
        b"1",
        LATER,
        "HTTP 500: sorry",
        1,
    )
    assert await deliveries.waiting() == 1


@pytest.mark.parametrize("state", list(State))
async def test_settle_changes_nothing_when_it_is_repeated(deliveries: PostgresDeliveries, tenant: str, state: State) -> None:
    await queue(deliveries, row(tenant, "1"))
    [one] = await claim(deliveries)
    settlement = Settlement(one, state, GOOD if state is State.DELIVERED else BAD, START, LATER)
    await deliveries.settle([settlement])
    before = await deliveries._pool.fetch("select d::text from delivery d union all select s::text from subscription_state s")
    await deliveries.settle([settlement, settlement])
    assert (
        await deliveries._pool.fetch("select d::text from delivery d union all select s::text from subscription_state s")
        == before
    )
    assert (await deliveries.states(tenant, ["urn:s:1"]))["urn:s:1"].times_sent == 1


async def test_settle_removes_the_row_when_a_lapsed_claim_was_delivered_after_all(
    deliveries: PostgresDeliveries, tenant: str
) -> None:
    await queue(deliveries, row(tenant, "1"))
    [slow] = await claim(deliveries)
    [other] = await claim(deliveries, LATER)
    await deliveries.settle([waiting(other, LATER)])
    await deliveries.settle([delivered(slow)])
    assert await claim(deliveries, LATER + timedelta(hours=1)) == []
    assert await deliveries.waiting() == 0


async def test_settle_counts_each_try_of_a_subscription(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"), row(tenant, "2", key="urn:e:2"), row(tenant, "3", subscription="urn:s:2"))
    one, two, _ = await claim(deliveries)
    at = [START + timedelta(seconds=n) for n in range(4)]
    await deliveries.settle([waiting(one, at[2], at[1]), delivered(two, at[0])])
    assert await deliveries.states(tenant, ["urn:s:1", "urn:s:2", "urn:s:none"]) == {
        "urn:s:1": SubscriptionState(2, 1, at[1], at[0], at[1])
    }
    [again] = await claim(deliveries, at[2])
    await deliveries.settle([delivered(again, at[3])])
    assert await deliveries.states(tenant, ["urn:s:1"]) == {"urn:s:1": SubscriptionState(3, 1, at[3], at[3], at[1])}
    assert await deliveries.states(f"{tenant}-other", ["urn:s:1"]) == {}


async def test_settle_takes_texts_that_the_database_cannot_store(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"))
    [one] = await claim(deliveries)
    odd = Outcome(failure=Failure.PROTOCOL, detail="nul \0 half \ud800 " + "長" * 5_000)
    await deliveries.settle([Settlement(one, State.DEAD, odd, START)])
    [letter] = await deliveries.dead_letters(tenant, None, 0, 10)
    assert letter.reason.startswith("not-http: nul  half ?")
    assert len(letter.reason) == 500


async def test_release_gives_the_claim_back_untried(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"))
    claimed = await claim(deliveries)
    await deliveries.release(claimed)
    assert await claim(deliveries) == claimed


async def test_free_claims_gives_back_what_a_dead_server_had(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"))
    claimed = await claim(deliveries)
    await deliveries.free_claims()
    assert await claim(deliveries) == claimed


async def test_expire_buries_what_is_too_old_for_its_class(deliveries: PostgresDeliveries, tenant: str) -> None:
    hour = timedelta(hours=1)
    old = START - 30 * hour
    await queue(
        deliveries,
        row(tenant, "old", at=old),
        row(tenant, "young"),
        row(tenant, "elsewhere", endpoint="x", at=old),
        row(tenant, "alarm", key="2", urgency=Urgency.ALARM, at=old),
        row(tenant, "old alarm", key="3", urgency=Urgency.ALARM, at=START - 80 * hour),
    )
    bounds = {Urgency.ALARM: START - 72 * hour, Urgency.MEASURE: START - 24 * hour}
    assert await deliveries.expire(ENDPOINT, bounds, LATER, 100) == 2
    letters = await deliveries.dead_letters(tenant, None, 0, 10)
    assert names([one.delivery for one in letters]) == ["old", "old alarm"]
    assert {(one.dead_at, one.reason) for one in letters} == {(LATER, "not delivered within its time")}
    assert names(await claim(deliveries, allowances={ENDPOINT: 9, "x": 0})) == ["alarm", "young"]
    assert await deliveries.expire(ENDPOINT, bounds, LATER, 100) == 0


async def test_expire_leaves_claimed_rows_and_keeps_the_limit(deliveries: PostgresDeliveries, tenant: str) -> None:
    old = START - timedelta(hours=30)
    await queue(deliveries, *(row(tenant, str(n), key=str(n), at=old + timedelta(seconds=n)) for n in range(5)))
    [held] = await claim(deliveries, limit=1)
    bounds = dict.fromkeys(Urgency, START)
    assert await deliveries.expire(ENDPOINT, bounds, START, 3) == 3
    assert await deliveries.expire(ENDPOINT, bounds, START, 3) == 1
    assert held.number not in [one.delivery.number for one in await deliveries.dead_letters(tenant, None, 0, 10)]


async def test_requeue_lets_dead_letters_wait_again_in_order(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"), row(tenant, "2"), row(tenant, "3"))
    for _ in range(2):
        [one] = await claim(deliveries)
        await deliveries.settle([dead(one)])
    numbers = [one.delivery.number for one in await deliveries.dead_letters(tenant, None, 0, 10)]
    [third] = await claim(deliveries)
    assert await deliveries.requeue(f"{tenant}-other", numbers, LATER) == 0
    assert await deliveries.requeue(tenant, [*numbers, third.number, 10**12], LATER) == 2
    assert await deliveries.dead_letters(tenant, None, 0, 10) == []
    [one] = await claim(deliveries, LATER, lane=8)
    assert (names([one]), one.created_at, one.attempts, one.notification_id) == (["1"], LATER, 0, "urn:n:1")
    await deliveries.settle([waiting(third, LATER)])
    assert await claim(deliveries, LATER) == []
    await deliveries.settle([delivered(one)])
    assert names(await claim(deliveries, LATER)) == ["2"]


async def test_dead_letters_are_paged_by_number_and_lane(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, *(row(tenant, str(n), key=str(n), subscription=f"s:{n % 2}") for n in range(6)))
    await deliveries.settle([dead(one) for one in await claim(deliveries)])
    first = await deliveries.dead_letters(tenant, None, 0, 4)
    rest = await deliveries.dead_letters(tenant, None, first[-1].delivery.number, 4)
    assert names([one.delivery for one in [*first, *rest]]) == [str(n) for n in range(6)]
    assert names([one.delivery for one in await deliveries.dead_letters(tenant, "s:1", 0, 10)]) == ["1", "3", "5"]
    assert await deliveries.dead_letters(f"{tenant}-other", None, 0, 10) == []


async def test_drop_lane_removes_what_waits_and_keeps_dead_letters(deliveries: PostgresDeliveries, tenant: str) -> None:
    await queue(deliveries, row(tenant, "1"), row(tenant, "2"), row(tenant, "other", subscription="urn:s:2"))
    [one, other] = await claim(deliveries)
    await deliveries.settle([dead(one)])
    [second] = await claim(deliveries)
    await deliveries.drop_lane(tenant, "urn:s:1")
    assert await deliveries.states(tenant, ["urn:s:1"]) == {}
    await deliveries.settle([delivered(second), delivered(other)])
    assert await deliveries.states(tenant, ["urn:s:1"]) == {}
    assert len(await deliveries.dead_letters(tenant, "urn:s:1", 0, 10)) == 1
    assert await deliveries.waiting() == 0


async def test_commit_matches_writes_nothing_when_the_cursor_has_moved(deliveries: PostgresDeliveries, tenant: str) -> None:
    cursors = ConsumerCursors(deliveries._pool)
    assert await cursors.load("m") == Cursor(0, 0)
    await deliveries.commit_matches("m", Cursor(0, 0), Cursor(5, 2), [row(tenant, "1")])
    for old in (Cursor(0, 0), Cursor(5, 1), Cursor(4, 2)):
        with pytest.raises(Unavailable, match=r"data\.consumer\.overtaken"):
            await deliveries.commit_matches("m", old, Cursor(6, 0), [row(tenant, "2")])
    with pytest.raises(Unavailable, match=r"data\.consumer\.overtaken"):
        await deliveries.commit_matches("unknown", Cursor(0, 0), Cursor(6, 0), [row(tenant, "2")])
    assert await cursors.load("m") == Cursor(5, 2)
    assert await deliveries.waiting() == 1


async def test_commit_matches_moves_the_cursor_when_nothing_matched(deliveries: PostgresDeliveries) -> None:
    cursors = ConsumerCursors(deliveries._pool)
    huge = Cursor(2**40, 2**50)
    await deliveries.commit_matches("m", await cursors.load("m"), huge, [])
    assert await cursors.load("m") == huge
    assert await deliveries.waiting() == 0


async def test_commit_matches_lets_one_win_when_two_workers_hold_the_same_cursor(
    deliveries: PostgresDeliveries, tenant: str
) -> None:
    old = await ConsumerCursors(deliveries._pool).load("m")
    results = await asyncio.gather(
        *(deliveries.commit_matches("m", old, Cursor(7, n), [row(tenant, str(n))]) for n in range(4)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["NoneType", "Unavailable", "Unavailable", "Unavailable"]
    assert await deliveries.waiting() == 1


async def test_no_key_is_left_without_head_when_rows_come_while_others_go(
    deliveries: PostgresDeliveries, tenant: str, database: Database
) -> None:
    """The row behind a delivered one must always find its turn, however inserting and settling interleave."""
    sent: list[str] = []

    async def matcher() -> None:
        for n in range(60):
            await queue(deliveries, row(tenant, f"{n}", key=f"k{n % 3}"))

    async def worker() -> None:
        while len(sent) < 60:
            claimed = await claim(deliveries, limit=2)
            sent.extend(names(claimed))
            await deliveries.settle([delivered(one) for one in claimed])
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(matcher(), worker(), worker())
    for key in range(3):
        assert [one for one in sent if int(one) % 3 == key] == [str(n) for n in range(key, 60, 3)]
    assert await deliveries.waiting() == 0


async def test_exactly_one_row_of_each_key_is_head_when_everything_happens_at_once(
    deliveries: PostgresDeliveries, tenant: str
) -> None:
    async def matcher(name: str) -> None:
        for n in range(20):
            async with deliveries._pool.transaction() as connection:
                await deliveries.insert(
                    connection, [row(tenant, f"{name}{n}", key=f"k{n % 2}", at=START + timedelta(seconds=n))]
                )

    async def burier() -> None:
        for n in range(20):
            await deliveries.expire(ENDPOINT, dict.fromkeys(Urgency, START + timedelta(seconds=n)), START, 2)
            await deliveries.requeue(
                tenant, [one.delivery.number for one in await deliveries.dead_letters(tenant, None, 0, 3)], START
            )

    async def worker() -> None:
        for n in range(20):
            claimed = await claim(deliveries, LATER, limit=3)
            settle = (delivered, dead, lambda one: waiting(one, START))[n % 3]
            await deliveries.settle([settle(one) for one in claimed])

    await asyncio.gather(matcher("a"), matcher("b"), burier(), worker(), worker())
    wrong = await deliveries._pool.fetch(
        "select order_key from delivery where dead_at is null group by tenant, subscription_id, order_key"
        " having count(*) filter (where head) <> 1 or min(number) <> min(number) filter (where head)"
    )
    assert wrong == []
