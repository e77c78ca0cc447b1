"""Entities and their attributes: clauses 6.4 to 6.7 over the rules of 5.6 and 5.7."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision, Effect, Outcome
from machinami.data.entities.instances import MergeOptions
from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import GEO_JSON, JSON, LD_JSON, Answer, Call, boolean, json_answer, only
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.negotiation import PATCH_TYPES, Negotiator, accepted
from machinami.kernel.entity import Entity
from machinami.kernel.error_texts import describe
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Page
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context, core_context
from machinami.standards.ngsi_ld.entities import check_entity_id, parse_attribute, parse_entity, parse_fragment
from machinami.standards.ngsi_ld.render import (
    Format,
    render_entity,
    render_feature_collection,
    render_geojson_feature,
)

PREFIX: Final = "/ngsi-ld/v1"
MEDIA_TYPES: Final = (JSON, LD_JSON, GEO_JSON)
FIND: Final = parameters.SELECTION | parameters.REPRESENTATION | parameters.PAGING | parameters.LOCAL
RETRIEVE: Final = parameters.REPRESENTATION | parameters.LOCAL | {"type"}
PATCH_ATTRIBUTE: Final = parameters.LOCAL | {"type", "observedAt"}


class EntityHandlers:
    """Handlers of `/entities…`; each names its clause."""

    def __init__(self, entities: Entities, negotiator: Negotiator, settings: Settings) -> None:
        self._entities = entities
        self._negotiator = negotiator
        self._settings = settings
        self._written: dict[tuple[str, str, str], tuple[Entity, Answer]] = {}

    async def create(self, call: Call) -> Answer:
        """POST /entities (6.4.3.1, 5.6.1)."""
        only(call, parameters.LOCAL)
        body = await self._negotiator.body(call)
        entity = parse_entity(body.document, body.context)
        await self._entities.apply(call.caller, entity.id, rules.create(entity))
        return Answer(201, headers={"location": location(f"{PREFIX}/entities", entity.id)})

    async def find(self, call: Call) -> Answer:
        """GET /entities (6.4.3.2, 5.7.2)."""
        only(call, FIND)
        context = await self._negotiator.link(call)
        query = parameters.entity_query(call.query, context, self._settings)
        if not parameters.has_filter(query):
            raise Refusal("http.query.no_filter")
        return await self.answer_page(call, query, context)

    async def answer_page(
        self, call: Call, query: EntityQuery, context: Context, address: Mapping[str, str] | None = None
    ) -> Answer:
        """Run a query and write its page in the representation that the call asks for.

        `address` holds the parameters that links to other pages repeat, if not all of the call's.
        """
        media_type = accepted(call, MEDIA_TYPES)
        wanted = parameters.representation(call, context)
        page = parameters.page(call, self._settings)
        result = await self._entities.find(call.caller, query, page)
        repeated = call.query if address is None else address
        headers = _page_headers(call.path, repeated, page, result.more, result.total)
        if media_type == GEO_JSON:
            shape = parameters.geometry_property(call, context)
            collection = render_feature_collection(result.entities, context, wanted, shape)
            return self._negotiator.geojson_answer(call, collection, context, headers)
        documents = [render_entity(entity, context, wanted) for entity in result.entities]
        return self._negotiator.answer(call, documents, context, headers=headers)

    async def retrieve(self, call: Call) -> Answer:
        """GET /entities/{id} (6.5.3.1, 5.7.1)."""
        media_type = accepted(call, MEDIA_TYPES)
        if not call.query and media_type != GEO_JSON and "link" not in call.headers:
            return self._plain(call, await self._entities.retrieve(call.caller, check_entity_id(call.segments[0])), media_type)
        only(call, RETRIEVE)
        context = await self._negotiator.link(call)
        wanted = parameters.representation(call, context)
        where = parameters.where_type(call, context, self._settings)
        entity = await self._entities.retrieve(call.caller, check_entity_id(call.segments[0]), where)
        if wanted.attributes is not None and not wanted.attributes & entity.attributes.keys():
            raise Refusal("data.attribute.none_of_these", id=entity.id)
        if media_type == GEO_JSON:
            shape = parameters.geometry_property(call, context)
            return self._negotiator.geojson_answer(call, render_geojson_feature(entity, context, wanted, shape), context)
        return self._negotiator.answer(call, render_entity(entity, context, wanted), context)

    def _plain(self, call: Call, entity: Entity, media_type: str) -> Answer:
        """The entity in the form that is asked for most, written once for each state of it.

        Entities are immutable: the same object is the same state (`make bench`: half of a GET's own time was writing it).
        """
        key = (call.caller.tenant, entity.id, media_type)
        kept = self._written.get(key)
        if kept is None or kept[0] is not entity:
            context = core_context()
            kept = (entity, self._negotiator.answer(call, render_entity(entity, context), context))
            self._written[key] = kept
            if len(self._written) > self._settings.integer("entity_cache_max"):
                del self._written[next(iter(self._written))]
        answer = kept[1]
        return Answer(answer.status, answer.body, dict(answer.headers))

    async def merge(self, call: Call) -> Answer:
        """PATCH /entities/{id} (6.5.3.4, 5.6.17)."""
        only(call, parameters.LOCAL | {"type", "lang", "observedAt", "format", "options"})
        body = await self._negotiator.body(call, PATCH_TYPES)
        simplified = _is_simplified(call)
        fragment = parse_fragment(body.document, body.context, nulls=True, partial=True, simplified=simplified)
        entity_id = self._id(call, fragment.id)
        options = MergeOptions(observed_at=parameters.observed_at(call), lang=call.query.get("lang"))
        rule = rules.merge(entity_id, fragment, options, self._where(call, body.context))
        return self._no_content(await self._entities.apply(call.caller, entity_id, rule), body.context)

    async def replace(self, call: Call) -> Answer:
        """PUT /entities/{id} (6.5.3.3, 5.6.18)."""
        only(call, parameters.LOCAL | {"type"})
        body = await self._negotiator.body(call)
        document = body.document
        if isinstance(document, dict) and "id" not in document:
            document = {**document, "id": call.segments[0]}
        entity = parse_entity(document, body.context)
        self._id(call, entity.id)
        rule = rules.replace_entity(entity, self._where(call, body.context))
        return self._no_content(await self._entities.apply(call.caller, entity.id, rule), body.context)

    async def delete(self, call: Call) -> Answer:
        """DELETE /entities/{id} (6.5.3.2, 5.6.6)."""
        only(call, parameters.LOCAL | {"type"})
        context = await self._negotiator.link(call)
        entity_id = self._id(call)
        await self._entities.apply(call.caller, entity_id, rules.delete_entity(entity_id, self._where(call, context)))
        return Answer(204)

    async def append(self, call: Call) -> Answer:
        """POST /entities/{id}/attrs (6.6.3.1, 5.6.3)."""
        only(call, parameters.LOCAL | {"type", "options"})
        body = await self._negotiator.body(call)
        fragment = parse_fragment(body.document, body.context, nulls=False)
        entity_id = self._id(call, fragment.id)
        overwrite = _option(call, "noOverwrite") is False
        rule = rules.append_attributes(entity_id, fragment, overwrite, self._where(call, body.context))
        return self._no_content(await self._entities.apply(call.caller, entity_id, rule), body.context)

    async def update(self, call: Call) -> Answer:
        """PATCH /entities/{id}/attrs (6.6.3.2, 5.6.2)."""
        only(call, parameters.LOCAL | {"type", "options"})
        body = await self._negotiator.body(call, PATCH_TYPES)
        fragment = parse_fragment(body.document, body.context, nulls=True)
        entity_id = self._id(call, fragment.id)
        rule = rules.update_attributes(entity_id, fragment, self._where(call, body.context))
        return self._no_content(await self._entities.apply(call.caller, entity_id, rule), body.context)

    async def patch_attribute(self, call: Call) -> Answer:
        """PATCH /entities/{id}/attrs/{attr} (6.7.3.1, 5.6.4)."""
        only(call, PATCH_ATTRIBUTE)
        body = await self._negotiator.body(call, PATCH_TYPES)
        name, instances = parse_attribute(call.segments[1], body.document, body.context, nulls=True, partial=True)
        entity_id = self._id(call)
        observed = parameters.observed_at(call)
        given = [{"observedAt": observed, **one} for one in instances] if observed else instances
        rule = rules.partial_update(entity_id, name, given, self._where(call, body.context))
        return self._no_content(await self._entities.apply(call.caller, entity_id, rule), body.context)

    async def replace_attribute(self, call: Call) -> Answer:
        """PUT /entities/{id}/attrs/{attr} (6.7.3.3, 5.6.19)."""
        only(call, parameters.LOCAL | {"type"})
        body = await self._negotiator.body(call)
        name, instances = parse_attribute(call.segments[1], body.document, body.context)
        entity_id = self._id(call)
        rule = rules.replace_attribute(entity_id, name, instances, self._where(call, body.context))
        return self._no_content(await self._entities.apply(call.caller, entity_id, rule), body.context)

    async def delete_attribute(self, call: Call) -> Answer:
        """DELETE /entities/{id}/attrs/{attr} (6.7.3.2, 5.6.5)."""
        only(call, parameters.LOCAL | {"type", "datasetId", "deleteAll"})
        context = await self._negotiator.link(call)
        entity_id = self._id(call)
        rule = rules.delete_attribute(
            entity_id, context.expanded[call.segments[1]], call.query.get("datasetId"),
            boolean(call, "deleteAll"), self._where(call, context),
        )  # fmt: skip
        return self._no_content(await self._entities.apply(call.caller, entity_id, rule), context)

    def _id(self, call: Call, in_body: str | None = None) -> str:
        entity_id = check_entity_id(call.segments[0])
        if in_body is not None and in_body != entity_id:
            raise Refusal("http.body.other_id", path=entity_id, body=in_body)
        return entity_id

    def _where(self, call: Call, context: Context) -> Any:
        return parameters.where_type(call, context, self._settings)

    def _no_content(self, decision: Decision, context: Context) -> Answer:
        if decision.outcome.complete:
            return Answer(204)
        return json_answer(update_result(decision.outcome, context), 207)


def update_result(outcome: Outcome, context: Context) -> dict[str, Any]:
    """An UpdateResult (5.2.18): what was written and what was not, with reasons."""
    return {
        "updated": [context.compacted[name] for name in outcome.updated],
        "notUpdated": [
            {
                "attributeName": context.compacted[one.attribute],
                "reason": describe(Refusal(one.code, id="", attribute=context.compacted[one.attribute]))[0],
            }
            for one in outcome.not_updated
        ],
    }


def created(decision: Decision) -> bool:
    """Whether a decision made a new entity."""
    return decision.outcome.effect is Effect.CREATED


def location(address: str, name: str) -> str:
    """The address of a new resource; an id that is a URL is encoded into one path segment."""
    return f"{address}/{quote(name, safe=':@!$&*,;=~')}"


def _page_headers(path: str, query: Mapping[str, str], page: Page, more: bool, total: int | None) -> dict[str, str]:
    headers = {}
    if total is not None:
        headers["ngsild-results-count"] = str(total)
    links = []
    others = urlencode([(name, value) for name, value in query.items() if name not in ("offset", "limit")])
    start = f"{path}?{others}&" if others else f"{path}?"
    if page.offset and page.limit:
        links.append(f'<{start}limit={page.limit}&offset={max(0, page.offset - page.limit)}>; rel="prev"')
    if more and page.limit:
        links.append(f'<{start}limit={page.limit}&offset={page.offset + page.limit}>; rel="next"')
    if links:
        headers["link"] = ", ".join(links)
    return headers


def _is_simplified(call: Call) -> bool:
    """Whether a fragment comes in the simplified form; normalized and concise need no telling."""
    chosen = call.query.get("format", "normalized")
    if chosen not in parameters.FORMATS:
        raise Refusal("http.query.not_valid", name="format", value=chosen[:50], wanted=", ".join(parameters.FORMATS))
    return parameters.FORMATS[chosen] is Format.SIMPLIFIED or _option(call, "keyValues", "simplified")


def _option(call: Call, *names: str) -> bool:
    given = [one for one in call.query.get("options", "").split(",") if one]
    unknown = [one for one in given if one not in names]
    if unknown:
        raise Refusal("http.query.not_valid", name="options", value=unknown[0][:50], wanted=", ".join(names))
    return bool(given)
