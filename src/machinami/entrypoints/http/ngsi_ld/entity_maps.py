"""Entity maps: clauses 6.32, 6.34 and 6.35 over 5.14."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from machinami.data.entities.service import Entities
from machinami.data.entity_maps.model import EntityMap
from machinami.data.temporal.model import Window
from machinami.data.temporal.service import Temporal
from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.consumption import FIND
from machinami.entrypoints.http.ngsi_ld.map_use import PARAMETERS, MapUse
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.query_bodies import read_query
from machinami.entrypoints.http.ngsi_ld.snapshot_steps import read_step
from machinami.entrypoints.http.ngsi_ld.temporal import FIND as TEMPORAL_FIND
from machinami.entrypoints.http.ngsi_ld.temporal import PastFinder, wanted_of
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Page
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_date_time
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id

_OUTPUT: Final = frozenset({"entityMap", "linkedMaps"})


class EntityMapHandlers:
    """Handlers of `/entityMaps` and `/entityMaps/{id}`."""

    def __init__(self, use: MapUse, entities: Entities, negotiator: Negotiator, settings: Settings) -> None:
        self._maps = use.maps
        self._use = use
        self._entities = entities
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/entityMaps": {"GET": self.create, "POST": self.create_from_body},
            "/entityMaps/*": {"GET": self.retrieve, "PATCH": self.update, "DELETE": self.delete},
        }

    @takes(*FIND)
    async def create(self, call: Call) -> Answer:
        """GET /entityMaps (6.34.3.1, 5.14.4): a map of what the query finds."""
        context = await self._negotiator.link(call)
        query = parameters.entity_query(call.query, context, self._settings)
        parameters.check_width(query, local=parameters.local_scope(call.query))
        return await self._created(call, query, context)

    @takes(*PARAMETERS, "local")
    async def create_from_body(self, call: Call) -> Answer:
        """POST /entityMaps (6.34.3.2, 5.14.4): the same with a Query (5.2.23) as body."""
        body = await self._negotiator.body(call)
        local = parameters.local_scope(call.query)
        return await self._created(call, read_query(body.document, body.context, self._settings, local=local), body.context)

    @takes("local")
    async def retrieve(self, call: Call) -> Answer:
        """GET /entityMaps/{id} (6.32.3.1, 5.14.1)."""
        context = await self._negotiator.link(call)
        found = await self._maps.retrieve(call.caller, check_entity_id(call.segments[0]))
        return self._negotiator.answer(call, document_of(found), context)

    @takes("local")
    async def update(self, call: Call) -> Answer:
        """PATCH /entityMaps/{id} (6.32.3.2, 5.14.2): only the time of expiry can be changed (5.5.14)."""
        map_id = check_entity_id(call.segments[0])
        body = (await self._negotiator.body(call)).document
        await self._maps.renew(call.caller, map_id, _new_end(body, map_id))
        return Answer(204)

    @takes("local")
    async def delete(self, call: Call) -> Answer:
        """DELETE /entityMaps/{id} (6.32.3.3, 5.14.3)."""
        await self._maps.delete(call.caller, check_entity_id(call.segments[0]))
        return Answer(204)

    async def _created(self, call: Call, query: EntityQuery, context: Context) -> Answer:
        order = parameters.ordering(call.query, context, self._settings)
        page = replace(parameters.page(call, self._settings), order=order)
        made = await self._use.made(call, query, page, self._entities)
        return self._negotiator.answer(call, document_of(made.one), context, made.status, made.headers)


class TemporalEntityMapHandlers:
    """Handlers of `/temporal/entityMaps`."""

    def __init__(self, use: MapUse, temporal: Temporal, negotiator: Negotiator, settings: Settings) -> None:
        self._use = use
        self._temporal = temporal
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {"/temporal/entityMaps": {"GET": self.create, "POST": self.create_from_body}}

    @takes(*TEMPORAL_FIND, *PARAMETERS)
    async def create(self, call: Call) -> Answer:
        """GET /temporal/entityMaps (6.35.3.1, 5.14.5): a map of the entities that a temporal query finds."""
        context = await self._negotiator.link(call)
        query = parameters.entity_query(call.query, context, self._settings)
        parameters.check_width(query, local=parameters.local_scope(call.query))
        wanted = wanted_of(call.query, context)
        if wanted.query.relation is None:
            raise Refusal("ngsi_ld.temporal_query.not_valid", reason="timerel and timeAt must be given to query entities")
        return await self._created(call, query, wanted.asked.window, context)

    @takes(*PARAMETERS, "local")
    async def create_from_body(self, call: Call) -> Answer:
        """POST /temporal/entityMaps (6.35.3.2, 5.14.5): the same with a Query (5.2.23) as body."""
        body = await self._negotiator.body(call)
        step = read_step(body.document, body.context, self._settings, local=parameters.local_scope(call.query))
        if step.window is None:
            raise Refusal("ngsi_ld.temporal_query.not_valid", reason="temporalQ is missing")
        return await self._created(call, step.query, step.window, body.context)

    async def _created(self, call: Call, query: EntityQuery, window: Window, context: Context) -> Answer:
        made = await self._use.made(call, query, Page(limit=1), PastFinder(self._temporal, window))
        return self._negotiator.answer(call, document_of(made.one), context, made.status, made.headers)


def document_of(one: EntityMap) -> dict[str, Any]:
    """The EntityMap document (5.2.39)."""
    return {
        "id": one.id,
        "type": "EntityMap",
        "expiresAt": iso(one.expires_at),
        "entityMap": {name: list(sources) for name, sources in one.entities},
        "linkedMaps": dict(one.linked),
    }


def _new_end(body: Any, map_id: str) -> datetime:
    """The `expiresAt` of an EntityMap fragment; what only the broker writes is ignored (5.14.2.4)."""
    if not isinstance(body, dict):
        raise Refusal("http.query.not_valid", name="body", value="…", wanted="an EntityMap")
    fragment = {name: value for name, value in body.items() if name not in (*_OUTPUT, "@context")}
    if fragment.pop("type", "EntityMap") != "EntityMap" or fragment.pop("id", map_id) != map_id:
        raise Refusal("http.query.not_valid", name="body", value="…", wanted=f"the EntityMap {map_id}")
    unknown = sorted(fragment.keys() - {"expiresAt"})
    if unknown:
        raise Refusal("http.body.unknown_member", member=unknown[0][:100])
    text = fragment.get("expiresAt")
    if not is_date_time(text):
        raise Refusal("http.query.not_valid", name="expiresAt", value=str(text)[:50], wanted="a date-time with offset or Z")
    return parse_instant(str(text))
