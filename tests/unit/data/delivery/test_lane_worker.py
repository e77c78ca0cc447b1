"""The lane worker in virtual time: order kept, nothing lost, the dead slow nobody (trust-R6, R7, R8; N5, N8, N10)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from fake_delivery_store import FakeDeliveryStore
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_loop import START, LoopClock, run_virtual

from machinami.data.delivery.model import Delivery, Failure, LaneLimits, Outcome, State, Urgency
from machinami.data.delivery.rules import endpoint_of
from machinami.data.delivery.worker import LaneWorker

Behaviour = Callable[["Receipt", float], Awaitable[Outcome]]
HOUR_S = 3600.0


@dataclass(frozen=True)
class Receipt:
    at_s: float
    url: str
    notification_id: str
    body: bytes


class Town:
    """Receivers by host name, each with a behaviour; checks the lanes' bounds at each send."""

    def __init__(self, store: FakeDeliveryStore, limits: LaneLimits) -> None:
        self.store = store
        self.limits = limits
        self.behaviours: dict[str, Behaviour] = {}
        self.tries: list[Receipt] = []
        self.taken: list[Receipt] = []
        self.under_way: Counter[tuple[str, str]] = Counter()
        self.most_under_way = 0

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Outcome:
        loop = asyncio.get_running_loop()
        started = loop.time()
        receipt = Receipt(started, url, headers["webhook-id"], body)
        self.tries.append(receipt)
        lane, key, _ = receipt.notification_id.split("/")
        self.under_way[lane, key] += 1
        assert self.under_way[lane, key] == 1, "two in flight for one entity of a subscription"
        assert sum(count for (one, _), count in self.under_way.items() if one == lane) <= self.limits.lane_in_flight_max
        self.most_under_way = max(self.most_under_way, self.under_way.total())
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await self.behaviours.get(endpoint_of(url), answers(0.01))(receipt, timeout_s)
        except TimeoutError:
            outcome = Outcome(failure=Failure.TIMEOUT)
        finally:
            self.under_way[lane, key] -= 1
        if outcome.delivered:
            self.taken.append(receipt)
        return replace(outcome, duration_s=loop.time() - started)

    def add(self, lane: str, key: str, step: int, host: str | None = None, **changes: object) -> Delivery:
        url = f"http://{host or lane}.example/n"
        now = LoopClock().now()
        one = Delivery("t", 0, lane, key, f"{lane}/{key}/{step}", url, endpoint_of(url), b"{}", {}, now)
        return self.store.add(replace(one, **changes))  # type: ignore[arg-type]

    def first_takings(self) -> dict[tuple[str, str], list[int]]:
        """Steps per (lane, key) in the order in which they were first taken."""
        found: dict[tuple[str, str], list[int]] = defaultdict(list)
        for receipt in self.taken:
            lane, key, step = receipt.notification_id.split("/")
            if int(step) not in found[lane, key]:
                found[lane, key].append(int(step))
        return found


def answers(latency_s: float, status: int = 200) -> Behaviour:
    async def behave(receipt: Receipt, timeout_s: float) -> Outcome:
        await asyncio.sleep(latency_s)
        return Outcome(status=status, detail=f"HTTP {status}")

    return behave


async def black_hole(receipt: Receipt, timeout_s: float) -> Outcome:
    await asyncio.sleep(10 * timeout_s)
    return Outcome(status=200)


def dead_until(at_s: float) -> Behaviour:
    async def behave(receipt: Receipt, timeout_s: float) -> Outcome:
        return Outcome(status=200) if receipt.at_s >= at_s else Outcome(failure=Failure.CONNECT)

    return behave


def make(limits: LaneLimits | None = None) -> Town:
    return Town(FakeDeliveryStore(), limits or LaneLimits())


@asynccontextmanager
async def working(town: Town, seed: int = 1) -> AsyncIterator[LaneWorker]:
    worker = LaneWorker(town.store, town, LoopClock(), town.limits, random.Random(seed))
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await task


async def until(condition: Callable[[], bool], within_s: float) -> float:
    """Virtual seconds until the condition holds."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not condition():
        assert loop.time() - started < within_s, "not within the time given"
        await asyncio.sleep(0.01)
    return loop.time() - started


def test_run_delivers_at_once_when_woken_and_by_poll_when_not() -> None:
    async def scenario() -> None:
        town = make()
        async with working(town) as worker:
            await asyncio.sleep(10.05)
            town.add("a", "k", 1)
            worker.wake()
            assert await until(lambda: len(town.taken) == 1, 1.0) < 0.1
            town.add("a", "k", 2)
            assert await until(lambda: len(town.taken) == 2, 1.2) > 0.1
            await until(lambda: not town.store.rows, 1.0)
            assert worker.counters.delivered == 2

    run_virtual(scenario())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60),
    st.floats(0.0, 0.7),
)
def test_run_keeps_order_and_loses_nothing_when_receivers_fail_at_random(
    seed: int, events: list[tuple[int, int]], failing: float
) -> None:
    async def scenario() -> None:
        chance = random.Random(seed)
        town = make()

        async def flaky(receipt: Receipt, timeout_s: float) -> Outcome:
            await asyncio.sleep(chance.random() * 1.2 * timeout_s)
            if chance.random() >= failing:
                return Outcome(status=200)
            return chance.choice([Outcome(status=500), Outcome(status=404), Outcome(failure=Failure.CLOSED)])

        for lane in range(4):
            town.behaviours[f"http://l{lane}.example:80"] = flaky
        expected: dict[tuple[str, str], list[int]] = defaultdict(list)
        async with working(town, seed):
            for step, (lane, key) in enumerate(events):
                town.add(f"l{lane}", f"k{key}", step)
                expected[f"l{lane}", f"k{key}"].append(step)
                await asyncio.sleep(chance.random())
            await until(lambda: not town.store.rows, 20 * HOUR_S)
        assert town.first_takings() == expected
        assert len(town.taken) == len(events)

    run_virtual(scenario())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.lists(st.floats(0.01, 20.0), min_size=1, max_size=4))
def test_run_repeats_only_what_was_in_flight_when_the_worker_is_killed(seed: int, count: int, lives_s: list[float]) -> None:
    async def scenario() -> None:
        chance = random.Random(seed)
        town = make()
        for lane in range(3):
            town.behaviours[f"http://l{lane}.example:80"] = answers(chance.random() * 2)
        expected: dict[tuple[str, str], list[int]] = defaultdict(list)
        for step in range(count):
            lane, key = f"l{chance.randrange(3)}", f"k{chance.randrange(3)}"
            town.add(lane, key, step)
            expected[lane, key].append(step)
        endangered = 0
        for life_s in lives_s:
            worker = LaneWorker(town.store, town, LoopClock(), town.limits, chance)
            task = asyncio.create_task(worker.run())
            await asyncio.sleep(life_s)
            endangered += sum(row.claimed_until is not None for row in town.store.rows.values())
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with working(town):
            await until(lambda: not town.store.rows, HOUR_S)
        assert town.first_takings() == expected
        assert len(town.taken) - count <= endangered

    run_virtual(scenario())


async def _healthy_latencies(ill: bool) -> list[float]:
    town = make(LaneLimits(in_flight_max=128))
    if ill:
        for lane in range(50):
            town.behaviours[f"http://dead{lane}.example:80"] = black_hole
            town.behaviours[f"http://slow{lane}.example:80"] = answers(4.9)
    added: dict[str, float] = {}
    loop = asyncio.get_running_loop()
    async with working(town) as worker:
        for step in range(30):
            for lane in range(20):
                one = town.add(f"well{lane}", f"k{step % 5}", step)
                added[one.notification_id] = loop.time()
            for lane in range(50):
                town.add(f"dead{lane}", f"k{step}", step)
                town.add(f"slow{lane}", f"k{step}", step)
            worker.wake()
            await asyncio.sleep(0.5)
        await until(lambda: sum(one.url.startswith("http://well") for one in town.taken) == 600, 60.0)
        assert town.most_under_way <= town.limits.in_flight_max
        # End at once: the dead lanes' rows stay for a later worker.
    return [one.at_s - added[one.notification_id] for one in town.taken if one.url.startswith("http://well")]


def test_run_serves_the_healthy_as_before_when_others_are_dead_or_slow() -> None:
    alone = sorted(run_virtual(_healthy_latencies(ill=False)))
    among_ill = sorted(run_virtual(_healthy_latencies(ill=True)))
    place = int(0.99 * len(alone))
    assert among_ill[place] <= max(1.2 * alone[place], alone[place] + 0.01)


def test_run_only_probes_when_an_endpoint_is_dead_and_resumes_when_it_revives() -> None:
    async def scenario() -> None:
        town = make()
        town.behaviours["http://a.example:80"] = dead_until(600.0)
        for step in range(300):
            town.add("a", f"k{step % 50}", step)
        async with working(town) as worker:
            await asyncio.sleep(599.0)
            tries = len(town.tries)
            assert 5 + 15 <= tries <= 8 + 25
            assert worker.open_endpoints() == ["http://a.example:80"]
            revived_s = await until(lambda: not town.store.rows, 120.0)
            assert revived_s <= 1.0 + town.limits.probe_s + 5.0
            assert worker.open_endpoints() == []
        assert all(steps == sorted(steps) for steps in town.first_takings().values())

    run_virtual(scenario())


def test_run_keeps_lanes_apart_when_they_share_a_dead_endpoint() -> None:
    async def scenario() -> None:
        town = make()
        town.behaviours["http://shared.example:80"] = black_hole
        for lane in range(50):
            town.add(f"l{lane}", "k", 1, host="shared")
        async with working(town):
            await asyncio.sleep(300.0)
        assert len(town.tries) <= 5 + 300 / 30 + 1

    run_virtual(scenario())


def test_run_goes_on_with_other_entities_when_one_message_is_refused_for_ever() -> None:
    async def scenario() -> None:
        town = make()

        async def picky(receipt: Receipt, timeout_s: float) -> Outcome:
            return Outcome(status=400 if "/bad/" in receipt.notification_id else 200)

        town.behaviours["http://a.example:80"] = picky
        for step in range(20):
            town.add("a", "bad", step)
            town.add("a", "good", step)
        async with working(town) as worker:
            await until(lambda: len(town.taken) == 20, 60.0)
            assert worker.open_endpoints() == []
        assert town.first_takings() == {("a", "good"): list(range(20))}

    run_virtual(scenario())


@pytest.mark.parametrize(("urgency", "hours"), [(Urgency.MEASURE, 24), (Urgency.ALARM, 72)])
def test_run_makes_dead_letters_when_too_old_and_replays_them_with_the_same_id(urgency: Urgency, hours: int) -> None:
    async def scenario() -> None:
        town = make(LaneLimits(poll_s=15.0))  # days pass in this test
        town.behaviours["http://a.example:80"] = dead_until(100 * HOUR_S)
        for step in range(5):
            town.add("a", "k", step, urgency=urgency)
        async with working(town) as worker:
            await asyncio.sleep(hours * HOUR_S - 1)
            assert await town.store.dead_letters("t", "a", 0, 10) == []
            await asyncio.sleep(3 * town.limits.probe_s)
            letters = await town.store.dead_letters("t", "a", 0, 10)
            assert [one.delivery.notification_id for one in letters] == [f"a/k/{step}" for step in range(5)]
            assert worker.counters.dead == 5
            await asyncio.sleep(100 * HOUR_S - asyncio.get_running_loop().time())
            assert await town.store.requeue("t", [one.delivery.number for one in letters], LoopClock().now()) == 5
            await until(lambda: not town.store.rows, 60.0)
        assert town.first_takings() == {("a", "k"): list(range(5))}

    run_virtual(scenario())


def test_run_delivers_old_rows_when_machinami_itself_was_away() -> None:
    async def scenario() -> None:
        town = make()
        for step in range(50):
            town.add("a", f"k{step}", step, created_at=START - timedelta(days=5))
        async with working(town):
            await until(lambda: not town.store.rows, 10.0)
        assert len(town.taken) == 50

    run_virtual(scenario())


def test_run_sends_alarms_first_when_measures_are_piled_up() -> None:
    async def scenario() -> None:
        town = make(LaneLimits(in_flight_max=4, lane_in_flight_max=4))
        for step in range(400):
            town.add("m", f"k{step}", step)
        async with working(town) as worker:
            await asyncio.sleep(0.3)
            town.add("alarm", "k", 1, urgency=Urgency.ALARM)
            worker.wake()
            assert await until(lambda: any(one.url.startswith("http://alarm") for one in town.taken), 1.0) < 0.1
            assert len(town.taken) < 401

    run_virtual(scenario())


def test_run_waits_and_repeats_nothing_when_the_store_is_away() -> None:
    async def scenario() -> None:
        town = make(LaneLimits(in_flight_max=16))
        for step in range(200):
            town.add("a", f"k{step}", step)
        async with working(town) as worker:
            await until(lambda: len(town.taken) > 20, 5.0)
            town.store.down = True
            await asyncio.sleep(300.0)
            assert worker.counters.store_errors > 0
            assert len(town.taken) <= 20 + 2 * 16
            town.store.down = False
            await until(lambda: not town.store.rows, 60.0)
        assert len(town.taken) == 200

    run_virtual(scenario())


def test_run_retries_when_the_sender_itself_is_at_fault() -> None:
    async def scenario() -> None:
        town = make()

        async def broken(receipt: Receipt, timeout_s: float) -> Outcome:
            if len(town.tries) < 3:
                raise ValueError("a fault of ours")
            return Outcome(status=200)

        town.behaviours["http://a.example:80"] = broken
        town.add("a", "k", 1)
        async with working(town) as worker:
            await until(lambda: not town.store.rows, 60.0)
            assert worker.open_endpoints() == []
        assert [one.outcome.failure for one in town.store.settled] == [Failure.INTERNAL, Failure.INTERNAL, None]

    run_virtual(scenario())


def test_run_sends_nothing_twice_when_a_send_outlives_its_claim() -> None:
    async def scenario() -> None:
        town = make()
        tries: list[str] = []

        class Sluggish:
            async def send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Outcome:
                tries.append(headers["webhook-id"])
                await asyncio.sleep(0.01 if len(tries) == 1 else 10 * town.limits.lease_s)
                return Outcome(status=200)

        town.add("a", "k", 1)
        town.add("a", "k", 2)
        worker = LaneWorker(town.store, Sluggish(), LoopClock(), town.limits, random.Random(1))
        task = asyncio.create_task(worker.run())
        await until(lambda: not town.store.rows, HOUR_S)
        worker.stop()
        await task
        assert tries == ["a/k/1", "a/k/2"]

    run_virtual(scenario())


def test_run_goes_on_when_a_pass_fails_in_an_unforeseen_way(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        town = make()
        claim = town.store.due

        async def broken(*arguments: object) -> list[Delivery]:
            town.store.due = claim  # type: ignore[method-assign]
            raise KeyError("a fault of ours")

        town.store.due = broken  # type: ignore[method-assign, assignment]
        town.add("a", "k", 1)
        async with working(town) as worker:
            await until(lambda: not town.store.rows, 5.0)
            assert worker.counters.store_errors == 1

    run_virtual(scenario())
    assert "a pass failed" in caplog.text


def test_run_skips_when_a_subscription_was_deleted_meanwhile() -> None:
    async def scenario() -> None:
        town = make()
        one = town.add("a", "k", 1)
        async with working(town):
            await until(lambda: len(town.tries) == 1, 2.0)
            del town.store.rows[one.number]
            await asyncio.sleep(5.0)
        assert len(town.tries) == 1

    run_virtual(scenario())


def test_stop_settles_what_is_under_way() -> None:
    async def scenario() -> None:
        town = make()
        town.behaviours["http://a.example:80"] = answers(3.0)
        town.add("a", "k", 1)
        async with working(town):
            await until(lambda: len(town.tries) == 1, 2.0)
        assert [one.state for one in town.store.settled] == [State.DELIVERED]
        assert not town.store.rows

    run_virtual(scenario())


def test_run_honours_the_subscriptions_own_timeout_and_cooldown() -> None:
    async def scenario() -> None:
        town = make()
        town.behaviours["http://a.example:80"] = black_hole
        town.add("a", "k", 1, timeout_s=0.5, cooldown_s=20.0)
        async with working(town):
            await until(lambda: len(town.tries) == 3, 120.0)
        gaps = [later.at_s - earlier.at_s for earlier, later in zip(town.tries, town.tries[1:], strict=False)]
        assert all(20.49 <= gap <= 22.01 for gap in gaps), gaps

    run_virtual(scenario())
