"""Use cases of feeds: official telegrams and weather snapshots become entities of the town (issue part E)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.entity import Entity
from machinami.linkage.feeds.alerts import alerts_of, bulletin_of, fold, overtaken
from machinami.linkage.feeds.weather import weather_of
from machinami.linkage.ports import CityEntities, LateAlerts
from machinami.standards.amedas import Snapshot, Station
from machinami.standards.jma.telegram import parse_telegram


@dataclass(frozen=True, slots=True)
class Received:
    """What one telegram came to: its title and how many Alert entities it gave."""

    title: str
    alerts: int


class Feeds:
    """Takes messages in for one town."""

    def __init__(self, city: CityEntities, late: LateAlerts) -> None:
        self._city = city
        self._late = late

    async def telegram(self, caller: Caller, xml: bytes, label: str = "", run: str = "") -> Received:
        """A JMA disaster telegram: listed as a bulletin, and as Alerts where it warns (older ones never win).

        `run` tells one replay of a recorded telegram from the next: each is an event of its own.
        """
        require(caller, Role.WRITER)
        telegram = parse_telegram(xml)
        if run:
            telegram = replace(telegram, head=replace(telegram.head, event_id=f"{telegram.head.event_id}@{run}"))
        bulletin = bulletin_of(telegram, label or None)
        alerts = alerts_of(telegram, label or None)
        late: dict[str, Entity] = {}

        def folded(stored: Entity | None, incoming: Entity) -> Entity | None:
            if overtaken(stored, incoming):
                late[incoming.id] = incoming
            return fold(stored, incoming)

        for error in await self._city.save(caller, [bulletin, *alerts], label, folded):
            if error is not None:
                raise error
        for alert in alerts:
            if alert.id in late:
                await self._late.late(caller, alert)
        return Received(telegram.head.title, len(alerts))

    async def weather(
        self, caller: Caller, snapshot: Snapshot, stations: Mapping[str, Station], at: datetime
    ) -> tuple[int, list[str]]:
        """An AMeDAS snapshot of an instant as one WeatherObserved entity per station.

        Returns how many there were, and the stations that the table doesn't know.
        """
        require(caller, Role.WRITER)
        entities, unknown = weather_of(snapshot, stations, at)
        await self._saved(caller, entities, "snapshot")
        return len(entities), unknown

    async def movement(self, caller: Caller, entities: list[Entity]) -> None:
        """States of simulated things, labelled as such."""
        require(caller, Role.WRITER)
        await self._saved(caller, entities, "simulation")

    async def _saved(self, caller: Caller, entities: list[Entity], label: str) -> None:
        for error in await self._city.save(caller, entities, label):
            if error is not None:
                raise error
