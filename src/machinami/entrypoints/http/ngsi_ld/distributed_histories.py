"""The handlers of temporal consumption, given evolutions over sources where a tenant has sources (CIM 009 5.7.3, 5.7.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from machinami.bootstrap.histories_over_sources import TemporalOverSources
from machinami.data.temporal.service import Temporal
from machinami.entrypoints.http.messages import Call
from machinami.entrypoints.http.ngsi_ld.distributed import attributes_asked, csf_of, over_sources
from machinami.entrypoints.http.ngsi_ld.entity_maps import TemporalEntityMapHandlers
from machinami.entrypoints.http.ngsi_ld.map_use import MapUse
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.query_bodies import any_type
from machinami.entrypoints.http.ngsi_ld.temporal import TEMPORAL, TemporalHandlers
from machinami.entrypoints.http.routing import Handler
from machinami.federation.distribution.model import Origin
from machinami.federation.distribution.reading import SourceReader
from machinami.federation.distribution.service import Sources
from machinami.kernel.clock import Clock
from machinami.kernel.settings import Settings

_FORWARDED = (TEMPORAL - {"aggrMethods", "aggrPeriodDuration"}) | {"datasetId"}


class DistributedHistories:
    """Gives the handlers of temporal consumption evolutions over sources, where a tenant has sources."""

    def __init__(
        self, sources: Sources, temporal: Temporal, maps: MapUse, negotiator: Negotiator, clock: Clock, settings: Settings
    ) -> None:
        self._sources = sources
        self._maps = maps
        self._temporal = temporal
        self._negotiator = negotiator
        self._clock = clock
        self._settings = settings

    def handlers(self) -> Mapping[tuple[str, str], Callable[[Handler], Handler]]:
        """What stands around the handler of a path and method."""
        return {
            ("/temporal/entities", "GET"): self._over(lambda view: self._consumption(view).find),
            ("/temporal/entities/*", "GET"): self._over(lambda view: self._consumption(view).retrieve),
            ("/temporal/entityOperations/query", "POST"): self._over(lambda view: self._consumption(view).find_by_body),
            ("/temporal/entityMaps", "GET"): self._over(lambda view: self._entity_maps(view).create),
            ("/temporal/entityMaps", "POST"): self._over(lambda view: self._entity_maps(view).create_from_body),
        }

    def _over(self, handler_over: Callable[[TemporalOverSources], Handler]) -> Callable[[Handler], Handler]:
        return over_sources(self._sources, self._view, handler_over)

    def _consumption(self, view: Temporal) -> TemporalHandlers:
        return TemporalHandlers(view, self._negotiator, self._settings, self._maps)

    def _entity_maps(self, view: Temporal) -> TemporalEntityMapHandlers:
        return TemporalEntityMapHandlers(self._maps, view, self._negotiator, self._settings)

    async def _view(self, call: Call) -> TemporalOverSources | None:
        """What a request sees; None if its body limits it to what is held here."""
        origin = Origin(call.caller.tenant, call.headers)
        asked: Mapping[str, Any] = call.query
        if call.method == "POST":
            body = await self._negotiator.body(call)
            document = body.document if isinstance(body.document, dict) else {}
            if any_type(document.get("entities")):
                return None
            context, asked = body.context, {**document, **_temporal_part(document)}
        else:
            context = await self._negotiator.link(call)
        scoped = "scope" in str(asked.get("pick") or asked.get("attrs"))
        reader = SourceReader(self._sources, origin, context, attributes_asked(asked, context), scoped=scoped)
        values = {name: str(asked[name]) for name in sorted(_FORWARDED) if asked.get(name)}
        view = TemporalOverSources(self._temporal, self._sources, origin, reader, values, self._clock)
        view.csf = csf_of(asked, context, self._settings)
        return view


def _temporal_part(document: Mapping[str, Any]) -> Mapping[str, Any]:
    part = document.get("temporalQ")
    return part if isinstance(part, dict) else {}
