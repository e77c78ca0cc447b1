"""The `AlarmStore` port on real servers, with the use cases on top where several steps belong together."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from machinami.adapters.postgres.alarms import PostgresAlarms
from machinami.adapters.postgres.connection import Pool
from machinami.adapters.postgres.consumers import ConsumerCursors
from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.adapters.postgres.records import PostgresRecords
from machinami.adapters.postgres.store import PostgresStore
from machinami.command.alarms import rules
from machinami.command.alarms.conditions import RuleState
from machinami.command.alarms.model import Action, AlarmEvent, AlarmKey, Effect, Notice, Severity, Status, Transition
from machinami.command.alarms.ports import AlarmQuery, ListState
from machinami.command.alarms.rules import ActionRequest, Actor
from machinami.command.alarms.service import Alarms
from machinami.data.delivery.model import Delivery, Outcome, Settlement, State, Urgency
from machinami.data.entities import rules as entity_rules
from machinami.data.ports import Mutation
from machinami.kernel.caller import system_caller
from machinami.kernel.change import Cursor
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal, Unavailable

from .servers import START

KEY = AlarmKey("jma", "津波", "372013", "tsunami")
EVERYTHING = AlarmQuery(ListState.ALL, 100)
SATO = Actor("user:sato", "佐藤")


@pytest.fixture
async def clean(pool: Pool) -> Pool:
    await pool.execute("truncate alarm, alarm_history, alarm_delivery, alarm_rule_state, delivery, consumer, record")
    return pool


@pytest.fixture
def deliveries(clean: Pool) -> PostgresDeliveries:
    return PostgresDeliveries(clean, ConsumerCursors(clean))


@pytest.fixture
def woken() -> list[bool]:
    return []


@pytest.fixture
def store(clean: Pool, deliveries: PostgresDeliveries, clock: VirtualClock, woken: list[bool]) -> PostgresAlarms:
    return PostgresAlarms(clean, deliveries, clock, on_queued=lambda: woken.append(True))


def event(order: str = "1", effect: Effect = Effect.RAISE, at: datetime = START, **members: Any) -> AlarmEvent:
    fixed: dict[str, Any] = {
        "key": KEY,
        "severity": Severity.MAJOR,
        "headline_ja": "津波警報",
        "headline_en": "Tsunami warning",
    }
    return AlarmEvent(effect=effect, order=order, event_at=at, arrived_at=at, **(fixed | members))


async def take(store: PostgresAlarms, tenant: str, *events: AlarmEvent) -> list[Transition]:
    made = []
    async with store.transaction(tenant) as transaction:
        for one in events:
            made.append(rules.apply(tenant, await transaction.latest_alarm(one.key), one))
            await transaction.keep_alarm(made[-1])
    return made


async def subscribe(pool: Pool, tenant: str, name: str, **members: Any) -> None:
    document = {"id": name, "url": f"http://127.0.0.1:9/{name}", "name": f"{name} さん", **members}
    await PostgresRecords(pool).put(tenant, "alarm-webhook", name, document)


async def claim(deliveries: PostgresDeliveries, now: datetime) -> list[Delivery]:
    return await deliveries.due(now, 100, 8, {"http://127.0.0.1:9": 100}, 15.0)


async def test_keep_alarm_gives_back_every_member(store: PostgresAlarms, tenant: str, clock: VirtualClock) -> None:
    full = event(
        level="津波警報", area_name="香川県", status=Status.EXERCISE, label="replay", entity_id="urn:e:1", rule_id="r",
        location=(134.05, 34.35), at=START - timedelta(hours=1, microseconds=1),
    )  # fmt: skip
    [raised] = await take(store, tenant, full)
    assert raised.alarm is not None
    made = raised
    for request in (
        ActionRequest(Action.ACKNOWLEDGE), ActionRequest(Action.ASSIGN, to="鈴木"), ActionRequest(Action.COMMENT, "確認"),
        ActionRequest(Action.SHELVE, "夜間", until=START + timedelta(hours=2)),
    ):  # fmt: skip
        clock.advance(1)
        async with store.transaction(tenant) as transaction:
            current = await transaction.alarm(raised.alarm.id)
            assert current is not None
            made = rules.act(current, request, SATO, clock.now())
            await transaction.keep_alarm(made)
    record = await store.record(tenant, raised.alarm.id)
    assert record is not None
    assert record.alarm == made.alarm
    assert [one.what for one in record.history] == ["raised", "acknowledge", "assign", "comment", "shelve"]
    assert record.history[0] == raised.history[0]
    assert record.history[-1] == made.history[0]
    assert (record.ledger.received, record.ledger.stored, record.ledger.sent) == (full.arrived_at, START, None)
    async with store.transaction(tenant) as transaction:
        assert await transaction.latest_alarm(KEY) == made.alarm
        assert await transaction.latest_alarm(replace(KEY, area="other")) is None
        assert await transaction.alarm("urn:none") is None


async def test_latest_alarm_is_the_highest_occurrence(store: PostgresAlarms, tenant: str) -> None:
    [first] = await take(store, tenant, event("1"))
    await take(store, tenant, event("2", Effect.CLEAR))
    for action in (Action.ACKNOWLEDGE, Action.CLOSE):
        async with store.transaction(tenant) as transaction:
            alarm = await transaction.alarm(first.alarm.id)  # type: ignore[union-attr]
            await transaction.keep_alarm(rules.act(alarm, ActionRequest(action), SATO, START))  # type: ignore[arg-type]
    [second] = await take(store, tenant, event("3"))
    assert second.alarm is not None
    assert (second.alarm.occurrence, second.alarm.active) == (2, True)
    async with store.transaction(tenant) as transaction:
        assert await transaction.latest_alarm(KEY) == second.alarm


async def test_transaction_keeps_nothing_when_it_fails(
    store: PostgresAlarms, tenant: str, woken: list[bool], clean: Pool
) -> None:
    await subscribe(clean, tenant, "hook")
    raised = rules.apply(tenant, None, event())

    async def fail() -> None:
        async with store.transaction(tenant) as transaction:
            await transaction.keep_alarm(raised)
            await transaction.keep_rule_state(RuleState("r", "e", ""))
            await transaction.move_cursor("alarms", Cursor(5, 5))
            raise Refusal("command.alarm.does_not_exist", alarm="x")

    with pytest.raises(Refusal):
        await fail()
    assert await store.record(tenant, raised.alarm.id) is None  # type: ignore[union-attr]
    tables = ("alarm", "alarm_history", "alarm_delivery", "alarm_rule_state", "delivery", "consumer")
    assert [(await clean.fetch(f"select count(*) from {name}"))[0][0] for name in tables] == [0] * 6
    assert woken == []


async def test_find_lists_newest_first_by_state(store: PostgresAlarms, tenant: str, clock: VirtualClock) -> None:
    alarms = []
    for number, severity in enumerate((Severity.MAJOR, Severity.CRITICAL, Severity.MAJOR, Severity.INFO)):
        key = replace(KEY, area=str(number))
        at = START + timedelta(minutes=number)
        [made] = await take(store, tenant, event(key=key, severity=severity, at=at, entity_id=f"urn:e:{number % 2}"))
        alarms.append(made.alarm)
    await take(store, tenant, event("2", Effect.CLEAR, key=replace(KEY, area="0")))

    async def act(number: int, action: Action, **members: Any) -> None:
        async with store.transaction(tenant) as transaction:
            alarm = await transaction.alarm(alarms[number].id)
            await transaction.keep_alarm(rules.act(alarm, ActionRequest(action, **members), SATO, START))  # type: ignore[arg-type]

    await act(0, Action.ACKNOWLEDGE)
    await act(0, Action.CLOSE)
    await act(1, Action.ACKNOWLEDGE)
    await act(2, Action.SHELVE, text="工事", until=START + timedelta(hours=1))

    async def areas(state: ListState, limit: int = 100, entity_id: str | None = None) -> list[str]:
        page = await store.find(tenant, AlarmQuery(state, limit, entity_id))
        return [one.alarm.key.area for one in page.records]

    assert await areas(ListState.ACTIVE) == ["3", "2", "1"]
    assert await areas(ListState.ACKNOWLEDGED) == ["1"]
    assert await areas(ListState.HISTORY) == ["0"]
    assert await areas(ListState.ALL) == ["3", "2", "1", "0"]
    assert await areas(ListState.ALL, 2) == ["3", "2"]
    assert await areas(ListState.ALL, entity_id="urn:e:1") == ["3", "1"]
    assert await areas(ListState.ACTIVE, entity_id="urn:e:0") == ["2"]
    page = await store.find(tenant, AlarmQuery(ListState.HISTORY, 1))
    assert page.counts == {"critical": 1, "major": 1, "info": 1, "shelved": 1}
    clock.advance(3_600)
    assert (await store.find(tenant, EVERYTHING)).counts["shelved"] == 0
    other = await store.find(f"{tenant}-other", EVERYTHING)
    assert (other.records, dict(other.counts)) == ((), {"shelved": 0})


async def test_record_is_none_when_another_tenant_has_the_alarm(store: PostgresAlarms, tenant: str) -> None:
    [made] = await take(store, tenant, event())
    assert await store.record(f"{tenant}-other", made.alarm.id) is None  # type: ignore[union-attr]


async def test_keep_alarm_queues_one_notification_per_subscriber(
    store: PostgresAlarms, deliveries: PostgresDeliveries, tenant: str, clean: Pool, woken: list[bool]
) -> None:
    await subscribe(clean, tenant, "a", headers={"X-Key": "1"})
    await subscribe(clean, tenant, "b")
    await subscribe(clean, f"{tenant}-other", "c")
    [made] = await take(store, tenant, event(status=Status.EXERCISE))
    assert made.alarm is not None
    assert woken == [True]
    queued = await claim(deliveries, START)
    assert [(one.subscription_id, one.order_key, one.url, one.urgency) for one in queued] == [
        (f"alarm-webhook:{name}", made.alarm.id, f"http://127.0.0.1:9/{name}", Urgency.ALARM) for name in "ab"
    ]
    assert queued[0].headers == {"X-Key": "1", "content-type": "application/json"}
    body = json.loads(queued[0].body)
    assert (body["id"], body["notice"], body["text_ja"]) == (queued[0].notification_id, "raised", "【訓練】津波警報")
    assert body["alarm"]["id"] == made.alarm.id
    record = await store.record(tenant, made.alarm.id)
    assert record is not None
    assert [(one.subscriber, one.state, one.attempts, one.at) for one in record.deliveries] == [
        ("a さん", "pending", 0, START), ("b さん", "pending", 0, START),
    ]  # fmt: skip


async def test_keep_alarm_queues_nothing_when_there_is_no_notice(
    store: PostgresAlarms, deliveries: PostgresDeliveries, tenant: str, clean: Pool, woken: list[bool]
) -> None:
    await subscribe(clean, tenant, "a")
    await take(store, tenant, event("1"), event("2"))
    assert len(await claim(deliveries, START)) == 1
    assert woken == [True]


async def test_notifications_about_one_alarm_stay_in_order_with_ids_of_their_own(
    store: PostgresAlarms, deliveries: PostgresDeliveries, tenant: str, clean: Pool
) -> None:
    await subscribe(clean, tenant, "a")
    await take(store, tenant, event("1"), event("2", severity=Severity.CRITICAL))
    await take(store, tenant, event("3", Effect.CLEAR))
    notices, numbers = [], set()
    for _ in range(3):
        [one] = await claim(deliveries, START)
        notices.append(json.loads(one.body)["notice"])
        numbers.add(one.notification_id)
        await deliveries.settle([Settlement(one, State.DELIVERED, Outcome(204), START)])
    assert notices == [Notice.RAISED, Notice.WORSENED, Notice.CLEARED]
    assert len(numbers) == 3


async def test_ledger_tells_first_try_and_first_confirmation(
    store: PostgresAlarms, deliveries: PostgresDeliveries, tenant: str, clean: Pool
) -> None:
    await subscribe(clean, tenant, "a")
    await subscribe(clean, tenant, "b")
    [made] = await take(store, tenant, event())
    one, two = await claim(deliveries, START)
    at = [START + timedelta(seconds=n) for n in range(20)]
    failed = Outcome(status=503, duration_s=1.5)
    await deliveries.settle([Settlement(one, State.WAITING, failed, at[2], at[5])])
    record = await store.record(tenant, made.alarm.id)  # type: ignore[union-attr]
    assert record is not None
    assert (record.ledger.sent, record.ledger.delivered) == (at[0] + timedelta(seconds=0.5), None)
    [again] = await claim(deliveries, at[5])
    await deliveries.settle(
        [Settlement(again, State.DELIVERED, Outcome(200), at[7]), Settlement(two, State.DEAD, failed, at[9])]
    )
    record = await store.record(tenant, made.alarm.id)  # type: ignore[union-attr]
    assert record is not None
    assert (record.ledger.sent, record.ledger.delivered) == (at[0] + timedelta(seconds=0.5), at[7])
    assert [(one.state, one.attempts, one.at, one.error) for one in record.deliveries] == [
        ("delivered", 2, at[7], ""), ("dead", 1, at[9], "HTTP 503"),
    ]  # fmt: skip
    [listed] = (await store.find(tenant, EVERYTHING)).records
    assert listed.ledger == record.ledger
    await deliveries.requeue(tenant, [two.number], at[10])
    record = await store.record(tenant, made.alarm.id)  # type: ignore[union-attr]
    assert record is not None
    assert [one.state for one in record.deliveries] == ["delivered", "pending"]


async def test_ledger_tells_when_a_notification_grew_too_old_or_lost_its_receiver(
    store: PostgresAlarms, deliveries: PostgresDeliveries, tenant: str, clean: Pool
) -> None:
    await subscribe(clean, tenant, "a")
    await subscribe(clean, tenant, "b")
    [made] = await take(store, tenant, event())
    await deliveries.drop_lane(tenant, "alarm-webhook:b")
    late = START + timedelta(days=4)
    assert await deliveries.expire("http://127.0.0.1:9", dict.fromkeys(Urgency, late), late, 10) == 1
    record = await store.record(tenant, made.alarm.id)  # type: ignore[union-attr]
    assert record is not None
    assert [(one.state, one.error) for one in record.deliveries] == [
        ("dead", "not delivered within its time"), ("dead", "the subscriber was removed"),
    ]  # fmt: skip


async def test_transactions_of_one_tenant_never_open_an_alarm_twice(
    store: PostgresAlarms, deliveries: PostgresDeliveries, tenant: str, clean: Pool
) -> None:
    await subscribe(clean, tenant, "a")
    await asyncio.gather(*(take(store, tenant, event(str(n))) for n in range(12)))
    [record] = (await store.find(tenant, EVERYTHING)).records
    assert record.alarm.count == 12
    assert len(await claim(deliveries, START)) == 1


async def test_rule_states_come_back_as_they_were_kept(store: PostgresAlarms, tenant: str) -> None:
    full = RuleState(
        "r", "urn:e:1", "警報", True, "2026-05", START, Effect.CLEAR,
        START + timedelta(seconds=1), START + timedelta(seconds=2), START + timedelta(seconds=3),
    )  # fmt: skip
    plain = RuleState("r", "urn:e:1", "注意報")
    async with store.transaction(tenant) as transaction:
        await transaction.keep_rule_state(plain)
        await transaction.keep_rule_state(replace(full, firing=False, pending=None, due_at=None))
        await transaction.keep_rule_state(full)
        await transaction.keep_rule_state(replace(full, entity_id="urn:e:2", due_at=START))
        assert {state.subject: state for state in await transaction.rule_states("r", "urn:e:1")} == {
            "警報": full,
            "注意報": plain,
        }
        assert await transaction.rule_states("other", "urn:e:1") == []
    due = await store.due_states(tenant, START + timedelta(seconds=3), 10)
    assert [state.entity_id for state in due] == ["urn:e:2", "urn:e:1"]
    assert len(await store.due_states(tenant, START + timedelta(seconds=3), 1)) == 1
    assert await store.due_states(tenant, START - timedelta(seconds=1), 10) == []
    assert await store.due_states(f"{tenant}-other", START + timedelta(hours=1), 10) == []


async def test_move_cursor_refuses_to_go_back(store: PostgresAlarms, tenant: str, clean: Pool) -> None:
    async def move(cursor: Cursor) -> None:
        async with store.transaction(tenant) as transaction:
            await transaction.keep_rule_state(RuleState("r", "e", str(cursor.position)))
            await transaction.move_cursor("alarms", cursor)

    await move(Cursor(5, 1))
    await move(Cursor(6, 0))
    for behind in (Cursor(6, 0), Cursor(5, 9)):
        with pytest.raises(Unavailable, match=r"data\.consumer\.overtaken"):
            await move(behind)
    assert await ConsumerCursors(clean).load("alarms") == Cursor(6, 0)
    assert (await clean.fetch("select count(*) from alarm_rule_state where tenant = $1", tenant))[0][0] == 2


async def test_entity_reads_what_the_entity_store_holds(store: PostgresAlarms, postgres: PostgresStore, tenant: str) -> None:
    entity = Entity("urn:ngsi-ld:Gauge:1", ("urn:Gauge",), {"urn:level": [{"type": "Property", "value": 2}]})
    await postgres.write([Mutation(tenant, entity.id, entity_rules.create(entity))])
    assert await store.entity(tenant, entity.id) == await postgres.get(tenant, entity.id)
    assert await store.entity(tenant, "urn:none") is None


async def test_alarms_are_acted_on_through_the_use_cases(store: PostgresAlarms, tenant: str, clock: VirtualClock) -> None:
    alarms = Alarms(store, clock)
    caller = system_caller("test", tenant)
    [raised] = await alarms.receive(caller, [event()])
    clock.advance(60)
    record = await alarms.act(caller, raised.id, "acknowledge")
    assert (record.alarm.acknowledged, record.alarm.acknowledged_at) == (True, clock.now())
    assert iso(record.history[-1].at) == iso(clock.now())
    with pytest.raises(Refusal, match=r"command\.alarm\.does_not_exist"):
        await alarms.act(caller, "urn:none", "acknowledge")
