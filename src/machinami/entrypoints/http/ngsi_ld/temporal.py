"""The time series of one entity's attributes: clause 6.19 over 5.7.3 (what issue "NGSI-LD, all of it" completes)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from machinami.data.entities.service import Entities
from machinami.data.ports import HistoryQuery
from machinami.entrypoints.http.messages import Answer, Call, only
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Table
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.entity import Attributes, Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id
from machinami.standards.ngsi_ld.render import parse_projection
from machinami.standards.ngsi_ld.temporal import TemporalQuery, parse_temporal_query
from machinami.standards.ngsi_ld.temporal_render import render_temporal_entity

ALLOWED = frozenset({"attrs", "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "options", "format", "type"})


class TemporalHandlers:
    """Handler of `/temporal/entities/{id}`."""

    def __init__(self, entities: Entities, negotiator: Negotiator, settings: Settings) -> None:
        self._entities = entities
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {"/temporal/entities/*": {"GET": self.retrieve}}

    async def retrieve(self, call: Call) -> Answer:
        """GET /temporal/entities/{id} (6.19.3.1, 5.7.3). More instances than a page holds: 206 with Content-Range."""
        only(call, ALLOWED | parameters.LOCAL)
        context = await self._negotiator.link(call)
        values = self._values(call)
        query = call.query
        temporal = parse_temporal_query(
            query.get("timerel"), query.get("timeAt"), query.get("endTimeAt"), query.get("timeproperty"), query.get("lastN")
        )
        entity = await self._entities.retrieve(
            call.caller, check_entity_id(call.segments[0]), parameters.where_type(call, context, self._settings)
        )
        names = sorted(parse_projection(query["attrs"], context)) if query.get("attrs") else list(entity.attributes)
        found: Attributes = {}
        cut: list[Instance] = []
        for name in names:
            instances, more = await self._instances(call, entity, name, temporal)
            if instances:
                found[name] = instances
            if more:
                cut = instances
        document = render_temporal_entity(
            entity.id, entity.types, found, context, parameters.representation(self._plain(call), context),
            values=values, time_property=temporal.time_property, scopes=entity.scopes,
        )  # fmt: skip
        if not cut:
            return self._negotiator.answer(call, document, context)
        return self._partial(call, document, context, cut, temporal)

    async def _instances(self, call: Call, entity: Entity, name: str, temporal: TemporalQuery) -> tuple[list[Instance], bool]:
        """Instances in order of time, and whether the page cut off some that were asked for."""
        page = self._settings.integer("history_page_instances")
        wanted = temporal.last_n
        after, before = _bounds(temporal)
        limit = min(page, wanted) if wanted is not None else page
        query = HistoryQuery(
            call.caller.tenant, entity.id, name, after, before, limit + 1, wanted is not None, temporal.time_property
        )
        found = await self._entities.history(call.caller, query)
        more = len(found) > limit and (wanted is None or wanted > limit)
        found = found[:limit]
        return (found[::-1] if wanted is not None else found), more

    def _partial(self, call: Call, document: Any, context: Context, cut: list[Instance], temporal: TemporalQuery) -> Answer:
        first, last = (_time(one, temporal.time_property) for one in (cut[0], cut[-1]))
        span = f"{last}-{first}" if temporal.last_n is not None else f"{first}-{last}"
        total = str(temporal.last_n) if temporal.last_n is not None else "*"
        return self._negotiator.answer(call, document, context, 206, {"content-range": f"date-time {span}/{total}"})

    def _values(self, call: Call) -> bool:
        wanted = {call.query.get("format", ""), *call.query.get("options", "").split(",")} - {""}
        if "aggregatedValues" in wanted:
            raise Refusal("http.feature.not_yet", feature="aggregatedValues")
        known = {"temporalValues", "sysAttrs", "normalized"}
        if wanted - known:
            raise Refusal("http.query.not_valid", name="options", value=min(wanted - known), wanted=", ".join(sorted(known)))
        return "temporalValues" in wanted

    @staticmethod
    def _plain(call: Call) -> Call:
        """The call with only the options that `parameters.representation` knows."""
        options = "sysAttrs" if "sysAttrs" in call.query.get("options", "").split(",") else ""
        query = {"options": options} if options else {}
        return Call(call.method, call.path, call.caller, call.headers, query)


def _bounds(temporal: TemporalQuery) -> tuple[datetime | None, datetime | None]:
    at = parse_instant(temporal.at) if temporal.at else None
    if temporal.relation == "before":
        return None, at
    if temporal.relation == "after":
        return at, None
    if temporal.relation == "between":
        return at, parse_instant(temporal.end_at) if temporal.end_at else None
    return None, None


def _time(instance: Instance, time_property: str) -> str:
    text = instance.get(time_property) or instance.get("modifiedAt") or instance.get("deletedAt") or ""
    return iso(parse_instant(text)) if text else ""
