"""Where one group's port meets another group's use cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from machinami.adapters.postgres.delivery import PostgresDeliveries
from machinami.command.alarms.consumer import Told
from machinami.command.alarms.model import Alarm, Severity
from machinami.command.alarms.presentation import page_document
from machinami.command.alarms.service import LIST_MAX, Alarms
from machinami.data.delivery.worker import LaneWorker
from machinami.data.entities import rules
from machinami.data.entities.decisions import Decide, Decision, Effect, Keep, Outcome
from machinami.data.entities.service import Entities
from machinami.kernel.caller import Caller, system_caller
from machinami.kernel.clock import Clock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError
from machinami.kernel.query import EntityQuery, Page, Selector
from machinami.linkage.ports import Fold

READ_PAGE = 1_000


class CityEntitiesOverData:
    """`linkage.ports.CityEntities` over the data group's use cases."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    async def save(
        self, caller: Caller, entities: Sequence[Entity], label: str = "", fold: Fold | None = None
    ) -> list[MachinamiError | None]:
        results = await self._entities.apply_each(
            caller, [(entity.id, rules.unless_unchanged(_saving(entity, fold))) for entity in entities], label
        )
        return [result if isinstance(result, MachinamiError) else None for result in results]

    async def having(self, caller: Caller, attribute: str) -> list[Entity]:
        found: list[Entity] = []
        after, more = 0, True
        while more:
            page = Page(READ_PAGE, after_sequence=after)
            result = await self._entities.find(caller, EntityQuery(attributes=(attribute,)), page)
            found += result.entities
            after, more = (result.entities[-1].sequence if result.entities else after), result.more
        return found


def _saving(entity: Entity, fold: Fold | None) -> Decide:
    if fold is None:
        return rules.upsert_replace(entity)

    def decide(current: Entity | None, now: str) -> Decision:
        chosen = fold(current, entity)
        if chosen is None:
            return Keep(current, Outcome(Effect.UNCHANGED))
        return rules.upsert_replace(chosen)(current, now)

    return decide


class LocalEntitiesOverData:
    """`LocalEntities` and `OwnEntities` of federation over the data group's use cases."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    async def first(self, caller: Caller, query: EntityQuery) -> str | None:
        found = await self._entities.find(system_caller("federation", caller.tenant), query, Page(1))
        return found.entities[0].id if found.entities else None

    async def one(self, caller: Caller, entity_id: str) -> Entity | None:
        found = await self._entities.find(caller, EntityQuery((Selector(ids=frozenset({entity_id})),)), Page(1))
        return found.entities[0] if found.entities else None


class LanesOverDelivery:
    """`federation.registration_subscriptions.ports.Lanes` over the delivery lanes."""

    def __init__(self, deliveries: PostgresDeliveries, worker: LaneWorker) -> None:
        self.settled = worker.settled
        self.states = deliveries.states
        self.drop_lane = deliveries.drop_lane


class LateAlertsOverCommand:
    """`linkage.ports.LateAlerts` over the command group's use cases."""

    def __init__(self, alarms: Alarms, on_change: Told) -> None:
        self._alarms = alarms
        self._on_change = on_change

    async def late(self, caller: Caller, alert: Entity) -> None:
        changed = await self._alarms.raise_late(caller, alert)
        if changed:
            self._on_change(caller.tenant, changed)


class MapEntitiesOverData:
    """`citymap.ports.MapEntities` over the data group's use cases."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    async def page(self, caller: Caller, query: EntityQuery, page: Page) -> tuple[list[Entity], bool]:
        result = await self._entities.find(caller, query, page)
        return result.entities, result.more

    async def counts(self, caller: Caller) -> Mapping[str, int]:
        return {one.type: one.count for one in await self._entities.types(caller)}


class MapAlarmsOverCommand:
    """`citymap.ports.MapAlarms` over the command group's use cases."""

    def __init__(self, alarms: Alarms, clock: Clock) -> None:
        self._alarms = alarms
        self._clock = clock

    async def by_entity(self, caller: Caller) -> Mapping[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        for alarm in await self._open(caller):
            if alarm.entity_id and alarm.active:
                count, worst = found.get(alarm.entity_id, (0, alarm.severity.value))
                found[alarm.entity_id] = (count + 1, max(Severity(worst), alarm.severity, key=lambda one: one.rank).value)
        return found

    async def areas(self, caller: Caller) -> list[dict[str, Any]]:
        page = await self._alarms.find(caller, "active", LIST_MAX)
        rows: list[dict[str, Any]] = page_document(page, self._clock.now())["alarms"]
        return [{**row, "alarm_id": row["id"]} for row in rows if row["active"] and row["area_code"]]

    async def _open(self, caller: Caller) -> list[Alarm]:
        page = await self._alarms.find(caller, "active", LIST_MAX)
        return [record.alarm for record in page.records]
