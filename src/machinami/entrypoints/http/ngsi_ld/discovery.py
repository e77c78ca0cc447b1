"""Discovery of types and attributes: clauses 6.25 to 6.28 over 5.7.5 to 5.7.10."""

from __future__ import annotations

from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import Answer, Call, boolean, only
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Table
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld import discovery


class DiscoveryHandlers:
    """Handlers of `/types…` and `/attributes…`."""

    def __init__(self, entities: Entities, negotiator: Negotiator) -> None:
        self._entities = entities
        self._negotiator = negotiator

    def routes(self) -> Table:
        return {
            "/types": {"GET": self.types},
            "/types/*": {"GET": self.type_info},
            "/attributes": {"GET": self.attributes},
            "/attributes/*": {"GET": self.attribute_info},
        }

    async def types(self, call: Call) -> Answer:
        """GET /types (6.25, 5.7.5), with `details=true` 5.7.6."""
        only(call, parameters.LOCAL | {"details"})
        details = boolean(call, "details")
        context = await self._negotiator.link(call)
        if details:
            uses = await self._entities.name_uses(call.caller)
            return self._negotiator.answer(call, discovery.entity_types(uses, context), context)
        uses = await self._entities.name_uses(call.caller, attribute="")
        return self._negotiator.answer(call, discovery.entity_type_list(uses, context, call.caller.tenant), context)

    async def type_info(self, call: Call) -> Answer:
        """GET /types/{type} (6.26, 5.7.7)."""
        only(call, parameters.LOCAL)
        context = await self._negotiator.link(call)
        iri = context.expanded[call.segments[0]]
        document = discovery.entity_type_info(iri, await self._entities.name_uses(call.caller, of_type=iri), context)
        if document is None:
            raise Refusal("data.type.does_not_exist", type=call.segments[0])
        return self._negotiator.answer(call, document, context)

    async def attributes(self, call: Call) -> Answer:
        """GET /attributes (6.27, 5.7.8), with `details=true` 5.7.9."""
        only(call, parameters.LOCAL | {"details"})
        details = boolean(call, "details")
        context = await self._negotiator.link(call)
        if details:
            uses = await self._entities.name_uses(call.caller)
            return self._negotiator.answer(call, discovery.attributes(uses, context), context)
        uses = await self._entities.name_uses(call.caller, of_type="")
        return self._negotiator.answer(call, discovery.attribute_list(uses, context, call.caller.tenant), context)

    async def attribute_info(self, call: Call) -> Answer:
        """GET /attributes/{attrId} (6.28, 5.7.10)."""
        only(call, parameters.LOCAL)
        context = await self._negotiator.link(call)
        iri = context.expanded[call.segments[0]]
        document = discovery.attribute_info(iri, await self._entities.name_uses(call.caller, attribute=iri), context)
        if document is None:
            raise Refusal("http.attribute.not_in_use", attribute=call.segments[0])
        return self._negotiator.answer(call, document, context)
