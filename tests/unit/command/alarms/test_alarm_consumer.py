"""The consumer of the change log that feeds the alarm rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from machinami.command.alarms.consumer import AlarmConsumer
from machinami.kernel.caller import Caller
from machinami.kernel.change import Change, ChangeKind, Cursor
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Unavailable


class Alarms:
    """Use cases that note what they were given; `changed` is what they say came of it."""

    def __init__(self) -> None:
        self.judged: list[tuple[str, list[int]]] = []
        self.overdue: list[str] = []
        self.changed: tuple[str, ...] = ("alarm",)
        self.failing_tenant = ""

    async def raise_from_changes(self, caller: Caller, changes: list[Change]) -> tuple[str, ...]:
        if caller.tenant == self.failing_tenant:
            raise Unavailable("data.store.unavailable", reason="test")
        assert caller.principal == "system:alarms"
        self.judged.append((caller.tenant, [one.cursor.position for one in changes]))
        return self.changed

    async def raise_overdue(self, caller: Caller) -> tuple[str, ...]:
        self.overdue.append(caller.tenant)
        return self.changed


def change(number: int, tenant: str = "default") -> Change:
    entity = Entity(f"urn:{number}", ("T",))
    return Change(Cursor(number, number), datetime(2026, 11, 26, tzinfo=UTC), tenant, entity, ChangeKind.UPDATED)


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


@pytest.fixture
def told() -> list[tuple[str, tuple[str, ...]]]:
    return []


@pytest.fixture
def consumer(alarms: Alarms, told: list[tuple[str, tuple[str, ...]]]) -> AlarmConsumer:
    return AlarmConsumer(alarms, lambda tenant, changed: told.append((tenant, tuple(changed))))  # type: ignore[arg-type]


async def test_handle_judges_each_tenants_run_of_changes_in_order(consumer, alarms, told) -> None:
    await consumer.handle(Cursor(), [change(1), change(2), change(3, "other"), change(4)])
    assert alarms.judged == [("default", [1, 2]), ("other", [3]), ("default", [4])]
    assert told == [("default", ("alarm",)), ("other", ("alarm",)), ("default", ("alarm",))]


async def test_handle_stops_at_the_run_that_failed_so_that_it_comes_again(consumer, alarms, told) -> None:
    alarms.failing_tenant = "other"
    with pytest.raises(Unavailable):
        await consumer.handle(Cursor(), [change(1), change(2, "other"), change(3)])
    assert alarms.judged == [("default", [1])]
    assert told == [("default", ("alarm",))]


async def test_nobody_is_told_when_no_alarm_changed(consumer, alarms, told) -> None:
    alarms.changed = ()
    await consumer.handle(Cursor(), [change(1)])
    await consumer.idle()
    assert told == []


async def test_idle_completes_durations(consumer, alarms, told) -> None:
    await consumer.idle()
    assert alarms.overdue == ["default"]
    assert told == [("default", ("alarm",))]
