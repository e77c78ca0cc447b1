"""Entities as they are asked for: clauses 6.4 and 6.5 over 5.7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import GEO_JSON, JSON, LD_JSON, Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld import map_use, parameters
from machinami.entrypoints.http.ngsi_ld.map_use import MapUse, with_map
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator, accepted, tell_version, version_of
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Page, Selector
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context, core_context
from machinami.standards.ngsi_ld.entities import check_entity_id
from machinami.standards.ngsi_ld.linked import Inliner, targets
from machinami.standards.ngsi_ld.projection import ENTITY_MEMBERS
from machinami.standards.ngsi_ld.render import Representation, geojson_feature, render_entity
from machinami.standards.ngsi_ld.versions import conforming

MEDIA_TYPES: Final = (JSON, LD_JSON, GEO_JSON)
SHOWN: Final = parameters.REPRESENTATION | parameters.LINKED | parameters.LOCAL | map_use.PARAMETERS
FIND: Final = parameters.SELECTION | SHOWN | parameters.PAGING | parameters.HINTS | parameters.ORDERING
RETRIEVE: Final = SHOWN | {"type"}
ONE: Final = Page(limit=1)
Written = list[tuple[Entity, dict[str, Any]]]


class ConsumptionHandlers:
    """`GET /entities` and `GET /entities/{id}`; each handler names its clause."""

    def __init__(self, entities: Entities, maps: MapUse, negotiator: Negotiator, settings: Settings) -> None:
        self._entities = entities
        self._maps = maps
        self._negotiator = negotiator
        self._settings = settings
        self._written: dict[tuple[str, str, str], tuple[Entity, Answer]] = {}

    def routes(self) -> Table:
        return {"/entities": {"GET": self.find}, "/entities/*": {"GET": self.retrieve}}

    @takes(*FIND)
    async def find(self, call: Call) -> Answer:
        """GET /entities (6.4.3.2, 5.7.2)."""
        context = await self._negotiator.link(call)
        query = parameters.entity_query(call.query, context, self._settings)
        return await self.answer_page(call, query, context)

    async def answer_page(
        self, call: Call, query: EntityQuery, context: Context, address: Mapping[str, str] | None = None
    ) -> Answer:
        """Run a query and write its page in the representation that the call asks for.

        `address` holds the parameters that links to other pages repeat, if not all of the call's.
        """
        parameters.check_width(query, local=parameters.local_scope(call.query))
        boolean(call, "splitEntities")
        media_type = accepted(call, MEDIA_TYPES)
        wanted = parameters.representation(call, context)
        shape = parameters.geometry_property(call, context, media_type)
        page = replace(parameters.page(call, self._settings), order=parameters.ordering(call.query, context, self._settings))
        narrowed = _narrowed(query, wanted)
        mapped = await self._maps.of(call, narrowed, page, self._entities)
        if mapped is None:
            result = await self._entities.find(call.caller, narrowed, page)
        else:
            result = await mapped.page(call, narrowed, page, self._entities)
        repeated = call.query if address is None else address
        headers = page_headers(call.path, repeated, page, result.more, result.total, media_type)
        written = await self._written_all(call, result.entities, context, wanted)
        if media_type == GEO_JSON:
            answer = self._negotiator.geojson_answer(call, _collection(written, wanted, shape), context, headers)
        else:
            answer = self._negotiator.answer(call, [document for _, document in written if document], context, headers=headers)
            tell_version(answer, version_of(call, MEDIA_TYPES))
        return with_map(answer, mapped)

    @takes(*RETRIEVE)
    async def retrieve(self, call: Call) -> Answer:
        """GET /entities/{id} (6.5.3.1, 5.7.1)."""
        media_type = accepted(call, MEDIA_TYPES)
        if not call.query and media_type != GEO_JSON and "link" not in call.headers and "prefer" not in call.headers:
            return self._plain(call, await self._entities.retrieve(call.caller, check_entity_id(call.segments[0])), media_type)
        context = await self._negotiator.link(call)
        wanted = parameters.representation(call, context)
        shape = parameters.geometry_property(call, context, media_type)
        where = parameters.where_type(call, context, self._settings)
        entity = await self._entities.retrieve(call.caller, check_entity_id(call.segments[0]), where)
        if wanted.attributes is not None and not wanted.attributes & entity.attributes.keys():
            raise Refusal("data.attribute.none_of_these", id=entity.id)
        written = await self._written_all(call, [entity], context, wanted)
        if not written[0][1]:
            raise Refusal("data.attribute.none_of_these", id=entity.id)
        flat = parameters.joining(call.query).shape == "flat"
        if media_type == GEO_JSON:
            document = _collection(written, wanted, shape) if flat else geojson_feature(*written[0], wanted, shape)
            answer = self._negotiator.geojson_answer(call, document, context)
        else:
            shown = [document for _, document in written if document] if flat else written[0][1]
            answer = self._negotiator.answer(call, shown, context)
            tell_version(answer, version_of(call, MEDIA_TYPES))
        return with_map(
            answer, await self._maps.of(call, EntityQuery((Selector(ids=frozenset({entity.id})),)), ONE, self._entities)
        )

    async def _written_all(self, call: Call, entities: list[Entity], context: Context, wanted: Representation) -> Written:
        """Entities with their documents; with `join` also those behind their Relationships, inside or appended (4.5.23)."""
        joining = parameters.joining(call.query)
        version = version_of(call, MEDIA_TYPES)
        entities = [conforming(entity, version, context) for entity in entities]
        if not joining.shape:
            return [(entity, render_entity(entity, context, wanted)) for entity in entities]
        most = self._settings.integer("linked_entities_max")
        linked = await self._entities.linked(
            call.caller, [(entity, wanted) for entity in entities], targets,
            levels=joining.levels, known=joining.known, most=most,
        )  # fmt: skip
        linked = [(conforming(entity, version, context), way) for entity, way in linked]
        if joining.shape == "inline":
            inliner = Inliner(context, {one.id: one for one, _ in linked}, joining.levels, joining.known, most)
            return [(entity, inliner.written(entity, wanted)) for entity in entities]
        once: dict[str, tuple[Entity, Representation]] = {entity.id: (entity, wanted) for entity in entities}
        for entity, way in linked:
            once.setdefault(entity.id, (entity, way))
        return [(entity, render_entity(entity, context, way)) for entity, way in once.values()]

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


def _narrowed(query: EntityQuery, wanted: Representation) -> EntityQuery:
    """Where only attributes are picked, an entity without any of them would be written as nothing: it is not looked for."""
    picked = wanted.pick
    if picked is None or picked & ENTITY_MEMBERS or query.attributes:
        return query
    return replace(query, attributes=tuple(sorted(picked)))


def _collection(written: Written, wanted: Representation, geometry_property: str) -> dict[str, Any]:
    """A GeoJSON FeatureCollection (4.5.16.3)."""
    features = [geojson_feature(entity, document, wanted, geometry_property) for entity, document in written]
    return {"type": "FeatureCollection", "features": features}


def page_headers(
    path: str, query: Mapping[str, str], page: Page, more: bool, total: int | None, media_type: str
) -> dict[str, str]:
    """The number of results (6.3.13) and links to the pages around this one, with its media type (6.3.10)."""
    headers = {}
    if total is not None:
        headers["ngsild-results-count"] = str(total)
    links = []
    others = urlencode([(name, value) for name, value in query.items() if name not in ("offset", "limit")])
    start = f"{path}?{others}&" if others else f"{path}?"
    if page.offset and page.limit:
        links.append(f'<{start}limit={page.limit}&offset={max(0, page.offset - page.limit)}>; rel="prev"; type="{media_type}"')
    if more and page.limit:
        links.append(f'<{start}limit={page.limit}&offset={page.offset + page.limit}>; rel="next"; type="{media_type}"')
    if links:
        headers["link"] = ", ".join(links)
    return headers
