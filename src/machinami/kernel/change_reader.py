"""The loop that every consumer of the change log runs: read behind the cursor, handle, go on; woken by a hint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from machinami.kernel.change import Change, Cursor
from machinami.kernel.errors import MachinamiError

logger = logging.getLogger(__name__)
BATCH: Final = 500
POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Interest:
    """When a consumer may leave changes unread because nobody waits for what would follow from them.

    `wanted` says whether somebody does, `newest` gives the log's end, `skip` makes a move of the cursor durable. The end
    is looked up before `wanted` is asked: who begins to wait after that is told of everything that comes later.
    """

    wanted: Callable[[], bool]
    newest: Callable[[], Awaitable[Cursor]]
    skip: Callable[[Cursor, Cursor], Awaitable[None]]


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
        self.handled = 0

    def wake(self) -> None:
        """There may be new changes."""
        if self._interest is None or self._interest.wanted():
            self._wake.set()

    async def skip_ahead(self) -> None:
        """Leave everything committed so far unread, if nobody waits for it: before the first one begins to wait."""
        async with self._turn:
            if self._cursor is None:
                self._cursor = await self._start()
            await self._skipped(self._cursor)

    def restart(self) -> None:
        """Ask `start` again before the next batch (the store was emptied)."""
        self._cursor = None
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
        cursor = self._cursor
        changes = [] if await self._skipped(cursor) else await self._read(cursor, BATCH)
        if changes:
            await self._handle(cursor, changes)
            if self._cursor is cursor:
                self._cursor = changes[-1].cursor
            self.handled += len(changes)
        if self._idle is not None:
            await self._idle()
        return len(changes) == BATCH

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
