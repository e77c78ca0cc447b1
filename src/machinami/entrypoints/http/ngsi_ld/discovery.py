"""Discovery of types and attributes: clauses 6.25 to 6.28 over 5.7.5 to 5.7.10."""

from __future__ import annotations

from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Table, takes
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

    @takes("local", "details")
    async def types(self, call: Call) -> Answer:
        """GET /types (6.25, 5.7.5), with `details=true` 5.7.6."""
        details, context = boolean(call, "details"), await self._negotiator.link(call)
        uses = await self._entities.name_uses(call.caller, attribute=None if details else "")
        if details:
            return self._negotiator.answer(call, discovery.entity_types(uses, context), context)
        return self._negotiator.answer(call, discovery.entity_type_list(uses, context, call.caller.tenant), context)

    @takes("local")
    async def type_info(self, call: Call) -> Answer:
        """GET /types/{type} (6.26, 5.7.7)."""
        context = await self._negotiator.link(call)
        iri = context.expanded[call.segments[0]]
        document = discovery.entity_type_info(iri, await self._entities.name_uses(call.caller, of_type=iri), context)
        if document is None:
            raise Refusal("data.type.does_not_exist", type=call.segments[0])
        return self._negotiator.answer(call, document, context)

    @takes("local", "details")
    async def attributes(self, call: Call) -> Answer:
        """GET /attributes (6.27, 5.7.8), with `details=true` 5.7.9."""
        details, context = boolean(call, "details"), await self._negotiator.link(call)
        uses = await self._entities.name_uses(call.caller, of_type=None if details else "")
        if details:
            return self._negotiator.answer(call, discovery.attributes(uses, context), context)
        return self._negotiator.answer(call, discovery.attribute_list(uses, context, call.caller.tenant), context)

    @takes("local")
    async def attribute_info(self, call: Call) -> Answer:
        """GET /attributes/{attrId} (6.28, 5.7.10)."""
        context = await self._negotiator.link(call)
        iri = context.expanded[call.segments[0]]
        document = discovery.attribute_info(iri, await self._entities.name_uses(call.caller, attribute=iri), context)
        if document is None:
            raise Refusal("http.attribute.not_in_use", attribute=call.segments[0])
        return self._negotiator.answer(call, document, context)
