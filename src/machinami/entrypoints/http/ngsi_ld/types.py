"""Discovery of types: clauses 6.25 and 6.26 over 5.7.5 and 5.7.7."""

from __future__ import annotations

from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import Answer, Call, only
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Table
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import stable_urn


class TypeHandlers:
    """Handlers of `/types…`."""

    def __init__(self, entities: Entities, negotiator: Negotiator) -> None:
        self._entities = entities
        self._negotiator = negotiator

    def routes(self) -> Table:
        return {"/types": {"GET": self.listing}, "/types/*": {"GET": self.one}}

    async def listing(self, call: Call) -> Answer:
        """GET /types (6.25, 5.7.5). Details (5.7.6) are not offered yet and are refused."""
        only(call, parameters.LOCAL | {"details"})
        if call.query.get("details", "false") != "false":
            raise Refusal("http.feature.not_yet", feature="details=true")
        context = await self._negotiator.link(call)
        counts = await self._entities.types(call.caller)
        names = sorted(context.compacted[one.type] for one in counts)
        document = {
            "id": stable_urn("EntityTypeList", call.caller.tenant, *names),
            "type": "EntityTypeList",
            "typeList": names,
        }
        return self._negotiator.answer(call, document, context)

    async def one(self, call: Call) -> Answer:
        """GET /types/{type} (6.26, 5.7.7), without the attributes' details."""
        only(call, parameters.LOCAL)
        context = await self._negotiator.link(call)
        iri = context.expanded[call.segments[0]]
        for found in await self._entities.types(call.caller):
            if found.type == iri:
                document = {
                    "id": iri,
                    "type": "EntityTypeInfo",
                    "typeName": context.compacted[iri],
                    "entityCount": found.count,
                }
                return self._negotiator.answer(call, document, context)
        raise Refusal("data.type.does_not_exist", type=call.segments[0])
