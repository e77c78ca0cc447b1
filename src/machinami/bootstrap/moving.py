"""What moves in a demonstration: imports the profile's files, replays its telegrams, simulates its gauge and bus.

Each step goes through the same use cases as a real city's files and feeds; everything is labelled in the data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from machinami.bootstrap.core import Core
from machinami.bootstrap.profile import Replay
from machinami.kernel.caller import Caller, system_caller
from machinami.linkage.feeds.replay import Recorded, schedule
from machinami.linkage.feeds.simulation import bus, gauge
from machinami.linkage.importing.runs import ImportRequest, UploadedFile
from machinami.standards.amedas import parse_snapshot, parse_stations, snapshot_instant
from machinami.standards.jma.telegram import parse_telegram

Narrator = Callable[[str, dict[str, Any]], None]
SHEET_ENDINGS = (".xlsx", ".xls", ".ods", ".csv")


class Demonstration:
    """Runs a profile's moving parts; `tell(event, facts)` narrates."""

    def __init__(self, core: Core, tell: Narrator) -> None:
        self._core = core
        self._profile = core.profile
        self._tell = tell
        self._caller: Caller = system_caller("demonstration")

    def start(self) -> None:
        """Begin everything in the background; it ends with the core."""
        works = [("simulation", self._simulate()), ("demonstration data", self._fill())]
        works += [(f"replay {place}", self._replay(replay)) for place, replay in enumerate(self._profile.replays, start=1)]
        for name, work in works:
            self._core.add_task(asyncio.create_task(work, name=name))

    async def _fill(self) -> None:
        if self._profile.weather is not None:
            snapshot, stations = self._profile.weather
            at = snapshot_instant(snapshot.name)
            count, _ = await self._core.feeds.weather(
                self._caller, parse_snapshot(snapshot.read_bytes()), parse_stations(stations.read_bytes()), at
            )
            self._tell("weather", {"stations": count, "at": at})
        if self._profile.opendata is not None:
            folder = self._profile.opendata
            paths = sorted(path for path in folder.rglob("*") if path.suffix in SHEET_ENDINGS)
            files = tuple(UploadedFile(str(path.relative_to(folder)), path.read_bytes()) for path in paths)
            began = self._core.clock.monotonic()
            run = await self._core.imports.carry_out(self._caller, ImportRequest(files, self._profile.view.code))
            self._tell("imported", {"run": run, "seconds": self._core.clock.monotonic() - began})

    async def _simulate(self) -> None:
        while self._profile.gauges or self._profile.buses:
            now = self._core.clock.now()
            entities = [gauge(plan, now) for plan in self._profile.gauges] + [bus(plan, now) for plan in self._profile.buses]
            await self._core.feeds.movement(self._caller, entities)
            await asyncio.sleep(self._profile.simulation_every_s)

    async def _replay(self, replay: Replay) -> None:
        recorded = []
        for path in replay.files:
            body = path.read_bytes()
            recorded.append(Recorded(parse_telegram(body).head.reported_at, path.name, body))
        plan = schedule(recorded, replay.speed, replay.start_after_s, replay.gap_s_max)
        began = self._core.clock.monotonic()
        for due in plan:
            await asyncio.sleep(max(0.0, due.after_s - (self._core.clock.monotonic() - began)))
            received = await self._core.feeds.telegram(self._caller, due.message.body, "replay")
            facts = {"title": received.title, "sent_at": due.message.sent_at, "alerts": received.alerts}
            self._tell("telegram", facts)
