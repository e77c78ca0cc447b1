"""A consumer leaves changes unread while nobody waits for what follows from them, and misses none once somebody does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from machinami.kernel import change_reader
from machinami.kernel.change import Change, ChangeKind, Commit, Cursor, Told
from machinami.kernel.change_reader import ChangeReader, Interest
from machinami.kernel.entity import Entity


def change(number: int) -> Change:
    entity = Entity(f"urn:{number}", ("T",), version=1, sequence=number)
    return Change(Cursor(0, number), datetime(2026, 11, 26, tzinfo=UTC), "default", entity, ChangeKind.CREATED)


class Log:
    """A change log of numbers, and whether somebody waits."""

    def __init__(self) -> None:
        self.end = 0
        self.wanted = False
        self.handled: list[int] = []
        self.skips: list[tuple[int, int]] = []
        self.on_newest: Callable[[], None] = lambda: None

    async def newest(self) -> Cursor:
        end = Cursor(0, self.end)
        self.on_newest()
        return end

    async def skip(self, old: Cursor, new: Cursor) -> None:
        self.skips.append((old.position, new.position))

    async def read(self, after: Cursor, limit: int) -> list[Change]:
        return [change(number) for number in range(after.position + 1, self.end + 1)][:limit]

    async def handle(self, _: Cursor, changes: list[Change]) -> None:
        self.handled += [one.cursor.position for one in changes]

    def reader(self) -> ChangeReader:
        async def start() -> Cursor:
            return Cursor()

        interest = Interest(lambda: self.wanted, self.newest, self.skip, lambda told: told.principal == "asked for")
        return ChangeReader("test", start, self.read, self.handle, interest=interest)


async def test_step_leaves_changes_unread_while_nobody_waits_and_reads_all_from_then_on() -> None:
    log = Log()
    reader = log.reader()
    log.end = 3
    await reader.step()
    assert (log.handled, log.skips) == ([], [(0, 3)])
    await reader.step()
    assert log.skips == [(0, 3)]
    log.wanted = True
    log.end = 5
    await reader.step()
    assert log.handled == [4, 5]


async def test_step_reads_when_somebody_begins_to_wait_while_the_end_is_looked_up() -> None:
    log = Log()
    log.end = 2
    log.on_newest = lambda: setattr(log, "wanted", True)
    await log.reader().step()
    assert (log.handled, log.skips) == ([1, 2], [])


async def test_catch_up_leaves_out_what_came_before_the_first_one_waits() -> None:
    log = Log()
    reader = log.reader()
    await reader.step()
    log.end = 4
    await reader.catch_up()
    log.wanted = True
    log.end = 6
    await reader.step()
    assert (log.handled, log.skips) == ([5, 6], [(0, 4)])


async def test_catch_up_handles_what_came_before_one_more_waits() -> None:
    log = Log()
    log.wanted, log.end = True, 4
    await log.reader().catch_up()
    assert log.handled == [1, 2, 3, 4]


async def test_catch_up_does_not_wait_for_a_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_reader, "BATCH", 2)
    log = Log()
    log.wanted, log.end = True, 100
    await log.reader().catch_up()
    assert log.handled == list(range(1, 9))


def commit(transaction: int, *principals: str) -> Commit:
    entity = Entity("urn:1", ("T",))
    told = [Told("default", entity, ChangeKind.UPDATED, (), principal, "") for principal in principals]
    return Commit(transaction, datetime(2026, 11, 26, tzinfo=UTC), told, 0)


@pytest.mark.parametrize(
    ("commits", "at_once"),
    [
        ([], True),
        ([commit(8, "other", "asked for"), commit(9, "other")], True),
        ([commit(8, "other"), commit(9, "other", "other")], False),
        ([commit(8, *["other"] * 499)], False),
        ([commit(8, *["other"] * 500)], True),
    ],
)
async def test_wake_reads_at_once_only_when_something_may_follow(commits: list[Commit], at_once: bool) -> None:
    log = Log()
    reader = log.reader()
    log.wanted = True
    await reader.step()
    reader.wake(commits)
    assert reader._wake.is_set() is at_once


async def test_wake_reads_again_as_long_as_what_was_asked_for_is_held_back_by_an_older_transaction() -> None:
    log = Log()
    reader = log.reader()
    log.wanted, log.end = True, 1
    await reader.step()
    reader.wake([commit(1, "asked for")])
    reader._wake.clear()
    await reader.step()
    reader.wake([commit(0, "other")])
    assert reader._wake.is_set()
