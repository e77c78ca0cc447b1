"""Feeds the alarm rules from the change log, tenant by tenant, and passes on which alarms changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from machinami.command.alarms.model import Alarm
from machinami.command.alarms.service import Alarms
from machinami.kernel.caller import DEFAULT_TENANT, system_caller
from machinami.kernel.change import Change, Cursor

Told = Callable[[str, Sequence[Alarm]], None]


class AlarmConsumer:
    """`on_change(tenant, alarms)` is called after the commit of what changed."""

    def __init__(self, alarms: Alarms, on_change: Told) -> None:
        self._alarms = alarms
        self._on_change = on_change

    async def handle(self, _: Cursor, changes: list[Change]) -> None:
        """Judge a batch; each tenant's run of changes is one transaction, which also moves the cursor."""
        for tenant, run in groupby(changes, key=lambda change: change.tenant):
            changed = await self._alarms.raise_from_changes(system_caller("alarms", tenant), list(run))
            if changed:
                self._on_change(tenant, changed)

    async def idle(self) -> None:
        """Complete durations that ended without an observation."""
        changed = await self._alarms.raise_overdue(system_caller("alarms"))
        if changed:
            self._on_change(DEFAULT_TENANT, changed)
