"""Temporal evolutions as they are written: clauses 6.18 to 6.22 over 5.6.11 to 5.6.16."""

from __future__ import annotations

from typing import Any

from machinami.data.entities.decisions import Effect
from machinami.data.entities.past import SCOPE
from machinami.data.temporal.service import Temporal
from machinami.entrypoints.http.messages import Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX, location
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.entity import Instance
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id, parse_attribute
from machinami.standards.ngsi_ld.temporal_input import parse_evolution, parse_evolution_fragment, scope_value


class TemporalProvisionHandlers:
    """Handlers that write `/temporal/entities…`; each names its clause."""

    def __init__(self, temporal: Temporal, negotiator: Negotiator) -> None:
        self._temporal = temporal
        self._negotiator = negotiator

    def routes(self) -> Table:
        return {
            "/temporal/entities": {"POST": self.upsert},
            "/temporal/entities/*": {"DELETE": self.delete},
            "/temporal/entities/*/attrs": {"POST": self.add},
            "/temporal/entities/*/attrs/*": {"DELETE": self.delete_attribute},
            "/temporal/entities/*/attrs/*/*": {"PATCH": self.replace_instance, "DELETE": self.delete_instance},
        }

    @takes("local")
    async def upsert(self, call: Call) -> Answer:
        """POST /temporal/entities (6.18.3.1, 5.6.11)."""
        body = await self._negotiator.body(call)
        entity_id, given = parse_evolution(body.document, body.context)
        decision = await self._temporal.upsert(call.caller, entity_id, given)
        if decision.outcome.effect is Effect.CREATED:
            return Answer(201, headers={"location": location(f"{PREFIX}/temporal/entities", entity_id)})
        return Answer(204)

    @takes("local")
    async def delete(self, call: Call) -> Answer:
        """DELETE /temporal/entities/{id} (6.19.3.2, 5.6.16)."""
        await self._temporal.delete(call.caller, check_entity_id(call.segments[0]))
        return Answer(204)

    @takes("local")
    async def add(self, call: Call) -> Answer:
        """POST /temporal/entities/{id}/attrs (6.20.3.1, 5.6.12)."""
        body = await self._negotiator.body(call)
        entity_id = check_entity_id(call.segments[0])
        in_body, given = parse_evolution_fragment(body.document, body.context)
        if in_body is not None and in_body != entity_id:
            raise Refusal("http.body.other_id", path=entity_id, body=in_body)
        await self._temporal.add(call.caller, entity_id, given)
        return Answer(204)

    @takes("local", "datasetId", "deleteAll")
    async def delete_attribute(self, call: Call) -> Answer:
        """DELETE /temporal/entities/{id}/attrs/{attr} (6.21.3.1, 5.6.13)."""
        context = await self._negotiator.link(call)
        entity_id, name = check_entity_id(call.segments[0]), context.expanded[call.segments[1]]
        every = boolean(call, "deleteAll")
        await self._temporal.delete_attribute(call.caller, entity_id, name, call.query.get("datasetId"), every)
        return Answer(204)

    @takes("local")
    async def replace_instance(self, call: Call) -> Answer:
        """PATCH /temporal/entities/{id}/attrs/{attr}/{instance} (6.22.3.1, 5.6.14)."""
        body = await self._negotiator.body(call)
        place, urn = self._named(call, body.context)
        await self._temporal.replace_instance(call.caller, place, urn, _single(call.segments[1], body.document, body.context))
        return Answer(204)

    @takes("local")
    async def delete_instance(self, call: Call) -> Answer:
        """DELETE /temporal/entities/{id}/attrs/{attr}/{instance} (6.22.3.2, 5.6.15)."""
        place, urn = self._named(call, await self._negotiator.link(call))
        await self._temporal.delete_instance(call.caller, place, urn)
        return Answer(204)

    @staticmethod
    def _named(call: Call, context: Context) -> tuple[tuple[str, str], str]:
        entity_id, name, urn = call.segments
        if not is_uri(urn):
            raise Refusal("http.query.not_valid", name="instanceId", value=urn[:100], wanted="a URI")
        return (check_entity_id(entity_id), context.expanded[name]), urn


def _single(name: str, body: Any, context: Context) -> Instance:
    """The one instance of a body: itself, an array of it, or a fragment that has it under the attribute's name (5.6.14.3)."""
    iri = context.expanded[name]
    if isinstance(body, dict) and "type" not in body and len(named := [one for one in body if one != "@context"]) == 1:
        body = body[named[0]] if context.expanded[named[0]] == iri else body
    listed = body if isinstance(body, list) else [body]
    if len(listed) != 1 or not isinstance(listed[0], dict):
        raise Refusal("http.query.not_valid", name=name[:100], value="…", wanted="exactly one instance")
    [instance] = parse_attribute(name, listed[0], context)[1]
    return {**instance, "value": scope_value(instance.get("value"))} if iri == SCOPE else instance
