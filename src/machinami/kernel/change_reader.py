"""The loop that every consumer of the change log runs: read behind the cursor, handle, go on; woken by a hint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from machinami.kernel.change import Change, Cursor
from machinami.kernel.errors import MachinamiError

logger = logging.getLogger(__name__)
BATCH: Final = 500
POLL_S: Final = 1.0


class ChangeReader:
    """Reads committed changes in order for one consumer.

    `start` gives the cursor to begin behind, `read` the changes behind a cursor, `handle` takes the cursor before and the
    changes, and has made whatever follows from them durable when it returns. `idle` runs about once a second. An error
    is logged and the batch is read again from where `start` says: nothing is skipped (trust-N8, N9).
    """

    def __init__(
        self, name: str, start: Callable[[], Awaitable[Cursor]], read: Callable[[Cursor, int], Awaitable[list[Change]]],
        handle: Callable[[Cursor, list[Change]], Awaitable[None]], idle: Callable[[], Awaitable[object]] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self._start = start
        self._read = read
        self._handle = handle
        self._idle = idle
        self._wake = asyncio.Event()
        self._cursor: Cursor | None = None
        self.handled = 0

    def wake(self) -> None:
        """There may be new changes."""
        self._wake.set()

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
        if self._cursor is None:
            self._cursor = await self._start()
        cursor = self._cursor
        changes = await self._read(cursor, BATCH)
        if changes:
            await self._handle(cursor, changes)
            if self._cursor is cursor:
                self._cursor = changes[-1].cursor
            self.handled += len(changes)
        if self._idle is not None:
            await self._idle()
        return len(changes) == BATCH

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), POLL_S)
        except TimeoutError:
            return
        self._wake.clear()
