"""Entities as they are asked for: clauses 6.4 and 6.5 over 5.7."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import GEO_JSON, JSON, LD_JSON, Answer, Call, only
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator, accepted
from machinami.entrypoints.http.routing import Table
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Page
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context, core_context
from machinami.standards.ngsi_ld.entities import check_entity_id
from machinami.standards.ngsi_ld.render import render_entity, render_feature_collection, render_geojson_feature

MEDIA_TYPES: Final = (JSON, LD_JSON, GEO_JSON)
FIND: Final = parameters.SELECTION | parameters.REPRESENTATION | parameters.PAGING | parameters.LOCAL
RETRIEVE: Final = parameters.REPRESENTATION | parameters.LOCAL | {"type"}


class ConsumptionHandlers:
    """`GET /entities` and `GET /entities/{id}`; each handler names its clause."""

    def __init__(self, entities: Entities, negotiator: Negotiator, settings: Settings) -> None:
        self._entities = entities
        self._negotiator = negotiator
        self._settings = settings
        self._written: dict[tuple[str, str, str], tuple[Entity, Answer]] = {}

    def routes(self) -> Table:
        return {"/entities": {"GET": self.find}, "/entities/*": {"GET": self.retrieve}}

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
