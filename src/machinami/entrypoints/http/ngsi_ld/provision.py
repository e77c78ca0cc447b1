"""Entities and attributes as they are written: clauses 6.4 to 6.7 over 5.6."""

from __future__ import annotations

from typing import Any, Final

from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision, Outcome
from machinami.data.entities.instances import MergeOptions
from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import Answer, Call, boolean, json_answer
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX, location
from machinami.entrypoints.http.ngsi_ld.negotiation import Body, Negotiator
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.error_texts import describe
from machinami.kernel.errors import Refusal
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id, parse_attribute, parse_entity, parse_fragment
from machinami.standards.ngsi_ld.render import Format

PATCH_ATTRIBUTE: Final = parameters.LOCAL | {"type", "observedAt"}


class ProvisionHandlers:
    """Handlers that write `/entities…`; each names its clause."""

    def __init__(self, entities: Entities, negotiator: Negotiator, settings: Settings) -> None:
        self._entities = entities
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/entities": {"POST": self.create},
            "/entities/*": {"PATCH": self.merge, "PUT": self.replace, "DELETE": self.delete},
            "/entities/*/attrs": {"POST": self.append, "PATCH": self.update},
            "/entities/*/attrs/*": {
                "PATCH": self.patch_attribute,
                "PUT": self.replace_attribute,
                "DELETE": self.delete_attribute,
            },
        }

    @takes("local")
    async def create(self, call: Call) -> Answer:
        """POST /entities (6.4.3.1, 5.6.1)."""
        body = await self._object(call)
        entity = parse_entity(body.document, body.context)
        await self._entities.apply(call.caller, entity.id, rules.create(entity))
        return Answer(201, headers={"location": location(f"{PREFIX}/entities", entity.id)})

    @takes("local", "type", "lang", "observedAt", "format", "options")
    async def merge(self, call: Call) -> Answer:
        """PATCH /entities/{id} (6.5.3.4, 5.6.17)."""
        body = await self._object(call)
        simplified = _is_simplified(call)
        fragment = parse_fragment(body.document, body.context, nulls=True, partial=True, simplified=simplified)
        entity_id = self._id(call, fragment.id)
        options = MergeOptions(observed_at=parameters.observed_at(call), lang=call.query.get("lang"))
        rule = rules.merge(entity_id, fragment, options, self._where(call, body.context))
        return _no_content(await self._entities.apply(call.caller, entity_id, rule), entity_id)

    @takes("local", "type")
    async def replace(self, call: Call) -> Answer:
        """PUT /entities/{id} (6.5.3.3, 5.6.18)."""
        body = await self._object(call)
        document = body.document
        if "id" not in document:
            document = {**document, "id": call.segments[0]}
        entity = parse_entity(document, body.context)
        self._id(call, entity.id)
        rule = rules.replace_entity(entity, self._where(call, body.context))
        return _no_content(await self._entities.apply(call.caller, entity.id, rule), entity.id)

    @takes("local", "type")
    async def delete(self, call: Call) -> Answer:
        """DELETE /entities/{id} (6.5.3.2, 5.6.6)."""
        context = await self._negotiator.link(call)
        entity_id = self._id(call)
        await self._entities.apply(call.caller, entity_id, rules.delete_entity(entity_id, self._where(call, context)))
        return Answer(204)

    @takes("local", "type", "options")
    async def append(self, call: Call) -> Answer:
        """POST /entities/{id}/attrs (6.6.3.1, 5.6.3)."""
        body = await self._object(call)
        fragment = parse_fragment(body.document, body.context, nulls=False)
        entity_id = self._id(call, fragment.id)
        overwrite = _option(call, "noOverwrite") is False
        rule = rules.append_attributes(entity_id, fragment, overwrite, self._where(call, body.context))
        return _no_content(await self._entities.apply(call.caller, entity_id, rule), entity_id)

    @takes("local", "type")
    async def update(self, call: Call) -> Answer:
        """PATCH /entities/{id}/attrs (6.6.3.2, 5.6.2)."""
        body = await self._object(call)
        fragment = parse_fragment(body.document, body.context, nulls=True)
        entity_id = self._id(call, fragment.id)
        rule = rules.update_attributes(entity_id, fragment, self._where(call, body.context))
        return _no_content(await self._entities.apply(call.caller, entity_id, rule), entity_id)

    @takes(*PATCH_ATTRIBUTE)
    async def patch_attribute(self, call: Call) -> Answer:
        """PATCH /entities/{id}/attrs/{attr} (6.7.3.1, 5.6.4)."""
        body = await self._negotiator.body(call)
        name, instances = parse_attribute(call.segments[1], body.document, body.context, nulls=True, partial=True)
        entity_id = self._id(call)
        observed = parameters.observed_at(call)
        given = [{"observedAt": observed, **one} for one in instances] if observed else instances
        rule = rules.partial_update(entity_id, name, given, self._where(call, body.context))
        return _no_content(await self._entities.apply(call.caller, entity_id, rule), entity_id)

    @takes("local", "type")
    async def replace_attribute(self, call: Call) -> Answer:
        """PUT /entities/{id}/attrs/{attr} (6.7.3.3, 5.6.19)."""
        body = await self._negotiator.body(call)
        name, instances = parse_attribute(call.segments[1], body.document, body.context)
        entity_id = self._id(call)
        rule = rules.replace_attribute(entity_id, name, instances, self._where(call, body.context))
        return _no_content(await self._entities.apply(call.caller, entity_id, rule), entity_id)

    @takes("local", "type", "datasetId", "deleteAll")
    async def delete_attribute(self, call: Call) -> Answer:
        """DELETE /entities/{id}/attrs/{attr} (6.7.3.2, 5.6.5)."""
        context = await self._negotiator.link(call)
        entity_id = self._id(call)
        rule = rules.delete_attribute(
            entity_id, context.expanded[call.segments[1]], _dataset(call),
            boolean(call, "deleteAll"), self._where(call, context),
        )  # fmt: skip
        return _no_content(await self._entities.apply(call.caller, entity_id, rule), entity_id)

    async def _object(self, call: Call) -> Body:
        """The body, which must be a JSON object: anything else is no entity or fragment at all."""
        body = await self._negotiator.body(call)
        if not isinstance(body.document, dict):
            raise Refusal("http.body.not_an_object")
        return body

    def _id(self, call: Call, in_body: str | None = None) -> str:
        entity_id = check_entity_id(call.segments[0])
        if in_body is not None and in_body != entity_id:
            raise Refusal("http.body.other_id", path=entity_id, body=in_body)
        return entity_id

    def _where(self, call: Call, context: Context) -> Any:
        return parameters.where_type(call, context, self._settings)


def _no_content(decision: Decision, entity_id: str) -> Answer:
    if decision.outcome.complete:
        return Answer(204)
    return json_answer(update_result(decision.outcome, entity_id), 207)


def update_result(outcome: Outcome, entity_id: str) -> dict[str, Any]:
    """An UpdateResult (5.2.18): what was written and what was not, with reasons; names are expanded (6.3.6)."""
    return {
        "updated": list(outcome.updated),
        "notUpdated": [
            {"attributeName": one.attribute, "reason": describe(Refusal(one.code, id=entity_id, attribute=one.attribute))[0]}
            for one in outcome.not_updated
        ],
    }


def _is_simplified(call: Call) -> bool:
    """Whether a fragment comes in the simplified form; normalized and concise need no telling."""
    optional = _option(call, "keyValues", "simplified")
    chosen = call.query.get("format")
    if chosen is None:
        return optional
    if chosen not in parameters.FORMATS:
        raise Refusal("http.query.not_valid", name="format", value=chosen[:50], wanted=", ".join(parameters.FORMATS))
    return parameters.FORMATS[chosen] is Format.SIMPLIFIED


def _dataset(call: Call) -> str | None:
    """The `datasetId` of the instance that is meant; None and `@none` mean the default one (4.5.5)."""
    dataset_id = call.query.get("datasetId", "@none")
    if dataset_id == "@none":
        return None
    if not is_uri(dataset_id):
        raise Refusal("http.query.not_valid", name="datasetId", value=dataset_id[:50], wanted="a URI or @none")
    return dataset_id


def _option(call: Call, *names: str) -> bool:
    given = [one for one in call.query.get("options", "").split(",") if one]
    unknown = [one for one in given if one not in names]
    if unknown:
        raise Refusal("http.query.not_valid", name="options", value=unknown[0][:50], wanted=", ".join(names))
    return bool(given)
