"""What moves in a demonstration: imports the profile's files, replays its telegrams, simulates its gauge and bus.

Each step goes through the same use cases as a real city's files and feeds; everything is labelled in the data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from machinami.bootstrap.core import Core
from machinami.bootstrap.profile import Replay
from machinami.command.alarms.model import Alarm, AlarmEvent, Effect
from machinami.kernel.caller import Caller, system_caller
from machinami.kernel.clock import iso
from machinami.linkage.feeds.replay import Recorded, schedule
from machinami.linkage.feeds.simulation import bus, gauge
from machinami.linkage.importing.runs import ImportRequest, UploadedFile
from machinami.standards.amedas import parse_snapshot, parse_stations, snapshot_instant
from machinami.standards.jma.telegram import parse_telegram

Narrator = Callable[[str, dict[str, Any]], None]
SHEET_ENDINGS = (".xlsx", ".xls", ".ods", ".csv")


def ending(alarm: Alarm, now: datetime) -> AlarmEvent:
    """The message that ends an alarm because the replay that raised it is over."""
    return AlarmEvent(
        key=alarm.key, effect=Effect.CLEAR, severity=alarm.severity, order="~", event_at=now, arrived_at=now,
        area_name=alarm.area_name, headline_ja=alarm.headline_ja, headline_en=alarm.headline_en, status=alarm.status,
        label=alarm.label, entity_id=alarm.entity_id, rescinded=True,
    )  # fmt: skip


class Demonstration:
    """Runs a profile's moving parts; `tell(event, facts)` narrates."""

    def __init__(self, core: Core, tell: Narrator) -> None:
        self._core = core
        self._profile = core.profile
        self._tell = tell
        self._caller: Caller = system_caller("demonstration")
        self._run = iso(core.clock.now())

    def start(self) -> None:
        """Begin everything in the background; it ends with the core."""
        works = [
            ("end of earlier replays", self._end_earlier_replays()),
            ("simulation", self._simulate()),
            ("demonstration data", self._fill()),
        ]
        works += [(f"replay {place}", self._replay(replay)) for place, replay in enumerate(self._profile.replays, start=1)]
        for name, work in works:
            self._core.add_task(asyncio.create_task(work, name=name))

    async def _end_earlier_replays(self) -> None:
        """Clear alarms that an earlier demonstration left active: their replay never came to its end."""
        page = await self._core.alarms.find(self._caller, "active")
        now = self._core.clock.now()
        left = [one.alarm for one in page.records if one.alarm.active and one.alarm.label == "replay"]
        changed = await self._core.alarms.receive(self._caller, [ending(alarm, now) for alarm in left])
        self._core.alarms_changed(self._caller.tenant, changed)

    async def _fill(self) -> None:
        if self._profile.weather is not None:
            snapshot, stations = self._profile.weather
            at = snapshot_instant(snapshot.name)
            count, _ = await self._core.linkage.feeds.weather(
                self._caller, parse_snapshot(snapshot.read_bytes()), parse_stations(stations.read_bytes()), at
            )
            self._tell("weather", {"stations": count, "at": at})
        if self._profile.opendata is not None:
            folder = self._profile.opendata
            paths = sorted(path for path in folder.rglob("*") if path.suffix in SHEET_ENDINGS)
            files = tuple(UploadedFile(str(path.relative_to(folder)), path.read_bytes()) for path in paths)
            began = self._core.clock.monotonic()
            run = await self._core.linkage.imports.carry_out(self._caller, ImportRequest(files, self._profile.view.code))
            self._tell("imported", {"run": run, "seconds": self._core.clock.monotonic() - began})

    async def _simulate(self) -> None:
        while self._profile.gauges or self._profile.buses:
            now = self._core.clock.now()
            entities = [gauge(plan, now) for plan in self._profile.gauges] + [bus(plan, now) for plan in self._profile.buses]
            await self._core.linkage.feeds.movement(self._caller, entities)
            await asyncio.sleep(self._profile.simulation_every_s)

    async def _replay(self, replay: Replay) -> None:
        recorded = []
        titles = {}
        for path in replay.files:
            body = path.read_bytes()
            head = parse_telegram(body).head
            titles[path.name] = head.title
            recorded.append(Recorded(head.reported_at, path.name, body))
        plan = schedule(recorded, replay.speed, replay.start_after_s, replay.gap_s_max)
        began = self._core.clock.monotonic()
        for due in plan:
            await asyncio.sleep(max(0.0, due.after_s - (self._core.clock.monotonic() - began)))
            self._tell("telegram", {"title": titles[due.message.name], "sent_at": due.message.sent_at})
            await self._core.linkage.feeds.telegram(self._caller, due.message.body, "replay", self._run)
