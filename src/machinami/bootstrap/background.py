"""What runs beside the requests: tasks whose end is noticed, steps that are repeated, snapshots that are filled."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from machinami.data.snapshots.service import Snapshots
from machinami.kernel.errors import MachinamiError

logger = logging.getLogger(__name__)
SNAPSHOTS_S: Final = 1.0


class Background:
    """The tasks of a running city."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` run until `stop`."""
        self.add(asyncio.create_task(work, name=name))

    def add(self, task: asyncio.Task[None]) -> None:
        """Let a task end with the others; if it fails before, `running` and the log say so."""
        self._tasks.append(task)
        task.add_done_callback(_tell_failure)

    def running(self) -> dict[str, bool]:
        """Each task by its name, and whether it is well."""
        return {task.get_name(): not _failed(task) for task in self._tasks}

    async def stop(self) -> None:
        """End all tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def repeat(name: str, every_s: float, step: Callable[[], Awaitable[object]]) -> None:
    """`step` again and again; one that is refused or finds no store is tried at the next turn."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await step()
        except MachinamiError as error:
            logger.warning("%s had to wait: %s", name, error.code)


class SnapshotFiller:
    """Fills snapshots as they are asked for, and those that an earlier run left unfinished; clears away what is gone."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """A snapshot waits."""
        self._wanted.set()

    async def run(self, snapshots: Snapshots) -> None:
        """Until cancelled."""
        while True:
            self._wanted.clear()
            try:
                while await snapshots.fill():
                    pass
                await snapshots.sweep()
            except MachinamiError as error:
                logger.warning("snapshots had to wait: %s", error.code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), SNAPSHOTS_S)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _tell_failure(task: asyncio.Task[None]) -> None:
    if _failed(task):
        logger.error("%s ended with an error", task.get_name(), exc_info=task.exception())
