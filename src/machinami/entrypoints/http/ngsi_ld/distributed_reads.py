"""The handlers of consumption, given entities over sources where a tenant has sources (CIM 009 4.3.6.7, 5.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from machinami.bootstrap.entities_over_sources import EntitiesOverSources
from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import GEO_JSON, Call
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX
from machinami.entrypoints.http.ngsi_ld.batch import BatchHandlers
from machinami.entrypoints.http.ngsi_ld.consumption import ConsumptionHandlers
from machinami.entrypoints.http.ngsi_ld.discovery import DiscoveryHandlers
from machinami.entrypoints.http.ngsi_ld.distributed import attributes_asked, csf_of, over_sources
from machinami.entrypoints.http.ngsi_ld.entity_maps import EntityMapHandlers
from machinami.entrypoints.http.ngsi_ld.map_use import MapUse
from machinami.entrypoints.http.ngsi_ld.negotiation import GEO_TYPES, Negotiator, accepted
from machinami.entrypoints.http.ngsi_ld.query_bodies import any_type
from machinami.entrypoints.http.routing import Handler
from machinami.federation.distribution.model import Origin
from machinami.federation.distribution.reading import SourceReader
from machinami.federation.distribution.service import Sources
from machinami.kernel.clock import Clock
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import core_context


class DistributedReads:
    """Gives the handlers of consumption entities over sources, where a tenant has sources."""

    def __init__(
        self, sources: Sources, entities: Entities, maps: MapUse, negotiator: Negotiator, clock: Clock, settings: Settings
    ) -> None:
        self._sources = sources
        self._maps = maps
        self._entities = entities
        self._negotiator = negotiator
        self._clock = clock
        self._settings = settings

    def handlers(self) -> Mapping[tuple[str, str], Callable[[Handler], Handler]]:
        """What stands around the handler of a path and method."""
        return {
            ("/entities", "GET"): self._over(lambda view: self._consumption(view).find),
            ("/entities/*", "GET"): self._over(lambda view: self._consumption(view).retrieve),
            ("/entityOperations/query", "POST"): self._over(self._query),
            ("/types", "GET"): self._over(lambda view: self._discovery(view).types),
            ("/types/*", "GET"): self._over(lambda view: self._discovery(view).type_info),
            ("/attributes", "GET"): self._over(lambda view: self._discovery(view).attributes),
            ("/attributes/*", "GET"): self._over(lambda view: self._discovery(view).attribute_info),
            ("/entityMaps", "GET"): self._over(lambda view: self._entity_maps(view).create),
            ("/entityMaps", "POST"): self._over(lambda view: self._entity_maps(view).create_from_body),
        }

    def _over(self, handler_over: Callable[[EntitiesOverSources], Handler]) -> Callable[[Handler], Handler]:
        return over_sources(self._sources, self._view, handler_over)

    def _consumption(self, view: Entities) -> ConsumptionHandlers:
        return ConsumptionHandlers(view, self._maps, self._negotiator, self._settings)

    def _discovery(self, view: Entities) -> DiscoveryHandlers:
        return DiscoveryHandlers(view, self._negotiator)

    def _entity_maps(self, view: Entities) -> EntityMapHandlers:
        return EntityMapHandlers(self._maps, view, self._negotiator, self._settings)

    def _query(self, view: Entities) -> Handler:
        return BatchHandlers(view, self._consumption(view), self._negotiator, self._settings).query

    def over(self, tenant: str) -> EntitiesOverSources | None:
        """Entities over the sources of a tenant, for work that no request waits for; None if it has no sources."""
        if not self._sources.any(tenant):
            return None
        origin = Origin(tenant, {})
        reader = SourceReader(self._sources, origin, core_context(), None)
        return EntitiesOverSources(self._entities, self._sources, origin, reader, self._clock)

    async def _view(self, call: Call) -> EntitiesOverSources | None:
        """What a request sees; None if its body limits it to what is held here."""
        origin = Origin(call.caller.tenant, call.headers)
        asked: Mapping[str, Any] = call.query
        if call.method == "POST":
            body = await self._negotiator.body(call, link_for_both=True)
            context, asked = body.context, body.document if isinstance(body.document, dict) else {}
            if any_type(asked.get("entities")):
                return None
        else:
            context = await self._negotiator.link(call)
        style = "queryBatch" if call.method == "POST" else "queryEntity"
        names = None if accepted(call, GEO_TYPES) == GEO_JSON else attributes_asked(asked, context)
        reader = SourceReader(self._sources, origin, context, names, style)
        view = EntitiesOverSources(self._entities, self._sources, origin, reader, self._clock)
        view.discovers = _discovery_of(call)
        view.linked_max = self._settings.integer("linked_entities_max")
        view.candidates_max = self._settings.integer("query_candidates_max")
        view.csf = csf_of(asked, context, self._settings)
        return view


def _discovery_of(call: Call) -> str:
    """The operation (4.20) of a request to `/types…` or `/attributes…`, empty for others."""
    kind = call.path.removeprefix(PREFIX).strip("/").partition("/")[0]
    if kind not in ("types", "attributes"):
        return ""
    subject = "retrieveEntityType" if kind == "types" else "retrieveAttrType"
    if call.segments:
        return f"{subject}Info"
    return f"{subject}Details" if call.query.get("details") == "true" else f"{subject}s"
