"""The consumer's loop: in order, nothing skipped, whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from machinami.kernel import change_reader
from machinami.kernel.change import Change, ChangeKind, Cursor
from machinami.kernel.change_reader import ChangeReader
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Unavailable


def change(number: int) -> Change:
    entity = Entity(f"urn:{number}", ("T",), version=1, sequence=number)
    return Change(Cursor(number, number), datetime(2026, 11, 26, tzinfo=UTC), "default", entity, ChangeKind.CREATED)


class Log:
    """A change log with a consumer whose cursor moves when it has handled, and which fails on demand."""

    def __init__(self, changes: int = 0) -> None:
        self.changes = [change(number) for number in range(1, changes + 1)]
        self.durable = Cursor()
        self.handled: list[int] = []
        self.starts = self.reads = self.idles = 0
        self.failures: list[Exception] = []
        self.rested = asyncio.Event()

    async def start(self) -> Cursor:
        self.starts += 1
        return self.durable

    async def read(self, after: Cursor, limit: int) -> list[Change]:
        self.reads += 1
        found = [one for one in self.changes if one.cursor > after][:limit]
        if not found:
            self.rested.set()
        return found

    async def handle(self, old: Cursor, changes: list[Change]) -> None:
        assert old == self.durable
        if self.failures:
            raise self.failures.pop(0)
        self.handled += [one.cursor.position for one in changes]
        self.durable = changes[-1].cursor

    async def idle(self) -> None:
        self.idles += 1

    def reader(self, **other: Any) -> ChangeReader:
        parts: dict[str, Any] = {"start": self.start, "read": self.read, "handle": self.handle, "idle": self.idle} | other
        return ChangeReader("test", **parts)


@asynccontextmanager
async def running(reader: ChangeReader) -> AsyncIterator[None]:
    task = asyncio.create_task(reader.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_step_reads_on_at_once_only_when_the_batch_was_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_reader, "BATCH", 2)
    log = Log(5)
    reader = log.reader()
    assert [await reader.step() for _ in range(4)] == [True, True, False, False]
    assert log.handled == [1, 2, 3, 4, 5]
    assert (reader.handled, log.starts, log.idles) == (5, 1, 4)


@pytest.mark.parametrize("failure", [Unavailable("data.store.unavailable", reason="test"), RuntimeError("a bug")])
async def test_run_handles_the_same_batch_again_when_handling_failed(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_reader, "POLL_S", 0.0)
    log = Log(3)
    log.failures = [failure, failure]
    async with running(log.reader()):
        await asyncio.wait_for(log.rested.wait(), 10)
    assert log.handled == [1, 2, 3]
    assert log.starts == 3


async def test_run_goes_on_when_reading_failed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_reader, "POLL_S", 0.0)
    log = Log(1)

    async def read(after: Cursor, limit: int) -> list[Change]:
        if log.reads == 0:
            log.reads += 1
            raise Unavailable("data.store.unavailable", reason="test")
        return await log.read(after, limit)

    async with running(log.reader(read=read)):
        await asyncio.wait_for(log.rested.wait(), 10)
    assert log.handled == [1]


async def test_wake_ends_the_rest_before_the_poll_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_reader, "POLL_S", 3600.0)
    log = Log()
    reader = log.reader()
    async with running(reader):
        await asyncio.wait_for(log.rested.wait(), 10)
        log.rested.clear()
        log.changes.append(change(1))
        reader.wake()
        await _until(lambda: log.handled == [1])


async def test_wake_is_not_lost_when_it_comes_while_a_batch_is_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_reader, "POLL_S", 3600.0)
    log = Log(1)

    async def handle(old: Cursor, changes: list[Change]) -> None:
        await log.handle(old, changes)
        if len(log.changes) == 1:
            log.changes.append(change(2))
            reader.wake()

    reader = log.reader(handle=handle)
    async with running(reader):
        await _until(lambda: log.handled == [1, 2])


async def test_run_polls_when_nobody_wakes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_reader, "POLL_S", 0.0)
    log = Log()
    async with running(log.reader()):
        await _until(lambda: log.idles > 2)
        log.changes.append(change(1))
        await _until(lambda: log.handled == [1])


async def test_restart_begins_where_start_says_when_it_rests() -> None:
    log = Log(2)
    reader = log.reader()
    await reader.step()
    log.durable = Cursor()
    reader.restart()
    await reader.step()
    assert log.handled == [1, 2, 1, 2]


async def test_restart_holds_when_it_comes_while_a_batch_is_handled() -> None:
    """The store is emptied while changes are handled: the old place in the log means nothing any more."""
    log = Log(2)

    async def handle(old: Cursor, changes: list[Change]) -> None:
        await log.handle(old, changes)
        if log.starts == 1:
            reader.restart()
            log.durable = Cursor()

    reader = log.reader(handle=handle)
    await reader.step()
    await reader.step()
    assert log.handled == [1, 2, 1, 2]


async def _until(question: Callable[[], bool]) -> None:
    """Let the reader run until the answer is yes."""
    for _ in range(10_000):
        if question():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")
