"""The loop that every consumer of the change log runs: read behind the cursor, handle, go on; woken by a hint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from machinami.kernel.change import Change, Commit, Cursor, Told
from machinami.kernel.errors import MachinamiError

logger = logging.getLogger(__name__)
BATCH: Final = 500
POLL_S: Final = 1.0
CATCH_UP_BATCHES: Final = 4


@dataclass(frozen=True, slots=True)
class Interest:
    """When a consumer may leave changes unread because nobody waits for what would follow from them.

    `wanted` says whether somebody does, `newest` gives the log's end, `skip` makes a move of the cursor durable. The end
    is looked up before `wanted` is asked: who begins to wait after that is told of everything that comes later.
    `concerned` says whether something may follow from a change; changes from which nothing does are read later, many at once.
    """

    wanted: Callable[[], bool]
    newest: Callable[[], Awaitable[Cursor]]
    skip: Callable[[Cursor, Cursor], Awaitable[None]]
    concerned: Callable[[Told], bool] = lambda _: True


class ChangeReader:
    """Reads committed changes in order for one consumer.

    `start` gives the cursor to begin behind, `read` the changes behind a cursor, `handle` takes the cursor before and the
    changes, and has made whatever follows from them durable when it returns. `idle` runs about once a second. An error
    is logged and the batch is read again from where `start` says: nothing is skipped (trust-N8, N9).
    """

    def __init__(
        self, name: str, start: Callable[[], Awaitable[Cursor]], read: Callable[[Cursor, int], Awaitable[list[Change]]],
        handle: Callable[[Cursor, list[Change]], Awaitable[None]], idle: Callable[[], Awaitable[object]] | None = None,
        interest: Interest | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self._start = start
        self._read = read
        self._handle = handle
        self._idle = idle
        self._interest = interest
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._cursor: Cursor | None = None
        self._due = self._unread = 0
        self.handled = 0

    def wake(self, commits: Sequence[Commit] = ()) -> None:
        """There may be new changes: those of the commits, or others."""
        if self._interest is None or (self._interest.wanted() and (not commits or self._pressing(commits, self._interest))):
            self._wake.set()

    async def catch_up(self) -> None:
        """Have what was committed so far behind oneself, before one more begins to wait for what comes.

        A backlog, as after a long halt, is not waited for.
        """
        async with self._turn:
            for _ in range(CATCH_UP_BATCHES):
                if not await self._step():
                    return

    def restart(self) -> None:
        """Ask `start` again before the next batch (the store was emptied)."""
        self._cursor, self._due = None, 0
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                more = await self.step()
            except MachinamiError as error:
                logger.warning("%s waits: %s %s", self.name, error.code, error.parameters)
                self._cursor, more = None, False
            except Exception:
                logger.exception("%s failed; it tries again", self.name)
                self._cursor, more = None, False
            if not more:
                await self._rest()

    async def step(self) -> bool:
        """Handle one batch; whether there may be more at once."""
        async with self._turn:
            return await self._step()

    async def _step(self) -> bool:
        if self._cursor is None:
            self._cursor = await self._start()
        cursor, self._unread = self._cursor, 0
        changes = [] if await self._skipped(cursor) else await self._read(cursor, BATCH)
        if changes:
            await self._handle(cursor, changes)
            if self._cursor is cursor:
                self._cursor = changes[-1].cursor
            self.handled += len(changes)
        if self._idle is not None:
            await self._idle()
        return len(changes) == BATCH

    def _pressing(self, commits: Sequence[Commit], interest: Interest) -> bool:
        """Whether to read at once: something follows from a commit that is not behind the cursor yet, or many wait.

        The log shows a commit only when all that began before it have ended.
        """
        for commit in commits:
            self._unread += len(commit.told)
            if commit.transaction > self._due and any(map(interest.concerned, commit.told)):
                self._due = commit.transaction
        return self._unread >= BATCH or self._cursor is None or self._cursor.transaction < self._due

    async def _skipped(self, cursor: Cursor) -> bool:
        if self._interest is None or self._interest.wanted():
            return False
        end = await self._interest.newest()
        if self._interest.wanted():
            return False
        if end > cursor:
            await self._interest.skip(cursor, end)
            if self._cursor is cursor:
                self._cursor = end
        return True

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), POLL_S)
        except TimeoutError:
            return
        self._wake.clear()
