"""Temporal evolutions as they are asked for: clauses 6.18, 6.19 and 6.24 over 5.7.3 and 5.7.4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from machinami.data.ports import QueryResult
from machinami.data.temporal.model import Evolution, Window
from machinami.data.temporal.paging import span
from machinami.data.temporal.service import Aggregation, Answered, Asked, Temporal
from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld import map_use, parameters
from machinami.entrypoints.http.ngsi_ld.consumption import page_headers
from machinami.entrypoints.http.ngsi_ld.map_use import MapUse, with_map
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator, accepted, tell_version, version_of
from machinami.entrypoints.http.ngsi_ld.query_bodies import query_of, words_of
from machinami.entrypoints.http.routing import Table, takes
from machinami.kernel.caller import Caller
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import AttributePath, EntityQuery, Ordering, Page, Selector
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.aggregation import WHOLE, parse_methods
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.durations import parse_duration
from machinami.standards.ngsi_ld.entities import check_entity_id
from machinami.standards.ngsi_ld.render import Representation
from machinami.standards.ngsi_ld.temporal import TemporalQuery, TimeRelation, parse_temporal_query
from machinami.standards.ngsi_ld.temporal_render import (
    SCOPE,
    aggregated_values,
    one_or_many,
    scope_tombstones,
    temporal_attribute,
    temporal_entity,
    temporal_values,
)
from machinami.standards.ngsi_ld.versions import (
    Version,
    conforming,
    conforming_kind,
    conforming_series,
    knows_scope,
)

TEMPORAL: Final = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration"})
SHOWN: Final = frozenset({"attrs", "pick", "omit", "lang", "datasetId", "options", "format"})
RETRIEVE: Final = TEMPORAL | SHOWN | parameters.LOCAL | map_use.PARAMETERS | {"type"}
ORDER: Final = frozenset({"orderBy", "collation"})
HINTED: Final = parameters.LOCAL | parameters.HINTS | map_use.PARAMETERS
FIND: Final = TEMPORAL | SHOWN | ORDER | HINTED | parameters.SELECTION | parameters.PAGING
POST_FIND: Final = parameters.PAGING | parameters.LOCAL | map_use.PARAMETERS | {"options", "format"}
FORMATS: Final = ("normalized", "temporalValues", "aggregatedValues")
OPTIONS: Final = (*FORMATS, "sysAttrs")
ENTITY_MEMBERS: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a temporal answer is to be written: `kept` and `omitted` are entity members (None: all of them).

    `version` is an earlier one of the standard that is preferred (4.3.6.8).
    """

    format: str
    asked: Asked
    query: TemporalQuery
    representation: Representation
    kept: frozenset[str] | None
    omitted: frozenset[str]
    version: Version | None = None


class PastFinder:
    """What an entity map is made of: the entities that a temporal query finds (`data.entity_maps.ports.Finder`)."""

    def __init__(self, temporal: Temporal, window: Window) -> None:
        self._temporal = temporal
        self._window = window

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> QueryResult:
        """A page of the entities that match, without their past."""
        asked = Asked(self._window, ())
        answered = await self._temporal.find(caller, query, page, asked, page.order)
        return QueryResult([one.entity for one in answered.found], answered.total, answered.more)

    def places(self, entity_id: str) -> tuple[str, ...]:
        return self._temporal.places(entity_id)


class PastFound(PastFinder):
    """The same of one entity that was found already."""

    def __init__(self, temporal: Temporal, entity: Entity) -> None:
        super().__init__(temporal, Window())
        self._entity = entity

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> QueryResult:
        return QueryResult([self._entity], None, False)


class TemporalHandlers:
    """Handlers that read `/temporal/entities…`; each names its clause."""

    def __init__(self, temporal: Temporal, negotiator: Negotiator, settings: Settings, maps: MapUse) -> None:
        self._temporal = temporal
        self._maps = maps
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/temporal/entities": {"GET": self.find},
            "/temporal/entities/*": {"GET": self.retrieve},
            "/temporal/entityOperations/query": {"POST": self.find_by_body},
        }

    @takes(*RETRIEVE)
    async def retrieve(self, call: Call) -> Answer:
        """GET /temporal/entities/{id} (6.19.3.1, 5.7.3)."""
        context = await self._negotiator.link(call)
        entity_id = check_entity_id(call.segments[0])
        wanted = replace(wanted_of(call.query, context), version=version_of(call))
        where = parameters.where_type(call, context, self._settings)
        answered = await self._temporal.retrieve(call.caller, entity_id, wanted.asked, where)
        document = _document(answered.found[0], context, wanted)
        if not document:
            raise Refusal("data.temporal.no_attribute", id=entity_id, attributes=call.query.get("pick", "-")[:200])
        status, headers = _range(answered, wanted)
        answer = self._negotiator.answer(call, document, context, status, headers)
        tell_version(answer, wanted.version)
        itself = EntityQuery((Selector(ids=frozenset({entity_id})),))
        finder = PastFound(self._temporal, answered.found[0].entity)
        return with_map(answer, await self._maps.of(call, itself, Page(1), finder))

    @takes(*FIND)
    async def find(self, call: Call) -> Answer:
        """GET /temporal/entities (6.18.3.2, 5.7.4)."""
        context = await self._negotiator.link(call)
        query = parameters.entity_query(call.query, context, self._settings)
        return await self._answer(call, query, call.query, context)

    @takes(*POST_FIND)
    async def find_by_body(self, call: Call) -> Answer:
        """POST /temporal/entityOperations/query (6.24.3.1, 5.7.4)."""
        body = await self._negotiator.body(call)
        document, temporal = _without_temporal(body.document)
        values = {**call.query, **words_of(document), **temporal}
        query = query_of(document, values, body.context, self._settings)
        return await self._answer(call, query, values, body.context)

    async def _answer(self, call: Call, query: EntityQuery, values: Mapping[str, Any], context: Context) -> Answer:
        wanted = replace(wanted_of(values, context), version=version_of(call))
        if wanted.query.relation is None:
            raise Refusal("ngsi_ld.temporal_query.not_valid", reason="timerel and timeAt must be given to query entities")
        parameters.check_width(query, local=parameters.local_scope(values))
        if parameters.joining(values).levels:
            raise Refusal("http.query.exclusive", one="join", other="a temporal query")
        page = replace(parameters.page(call, self._settings), order=self._order(values, context))
        finder = PastFinder(self._temporal, wanted.asked.window)
        mapped = await self._maps.of(call, query, page, finder)
        if mapped is None:
            answered = await self._temporal.find(call.caller, query, page, wanted.asked, page.order)
        else:
            listed = await mapped.page(call, query, page, finder)
            shown = await self._temporal.shown(call.caller, listed.entities, wanted.asked)
            answered = replace(shown, more=listed.more, total=listed.total)
        documents = [written for one in answered.found if (written := _document(one, context, wanted))]
        status, headers = _range(answered, wanted)
        headers |= page_headers(call.path, call.query, page, answered.more, answered.total, accepted(call))
        answer = self._negotiator.answer(call, documents, context, status, headers)
        tell_version(answer, wanted.version)
        return with_map(answer, mapped)

    def _order(self, values: Mapping[str, Any], context: Context) -> Ordering | None:
        """The order that is asked for: only the id can order temporal evolutions (5.7.4.4)."""
        ordering = parameters.ordering(values, context, self._settings)
        if ordering is not None and [(one.path, one.distance) for one in ordering.terms] != [(AttributePath("id"), False)]:
            raise Refusal("http.query.not_valid", name="orderBy", value=str(values["orderBy"])[:50], wanted="id")
        return ordering


def wanted_of(values: Mapping[str, Any], context: Context) -> Wanted:
    """The temporal query, the projection and the representation that the parameters ask for."""
    chosen, options = _format(values)
    query = parse_temporal_query(
        values.get("timerel"), values.get("timeAt"), values.get("endTimeAt"), values.get("timeproperty"), values.get("lastN")
    )
    named = {name: _members(values[name], context) for name in ("attrs", "pick", "omit") if values.get(name)}
    attrs, pick, omit = named.get("attrs"), named.get("pick"), named.get("omit", ())
    if attrs and (pick or omit):
        raise Refusal("http.query.exclusive", one="attrs", other="pick or omit")
    if pick and set(pick) & set(omit):
        raise Refusal("http.query.exclusive", one="pick", other="the same in omit")
    names = attrs if attrs is not None else pick
    own = (
        None
        if names is None
        else tuple(SCOPE if one == "scope" else one for one in names if one not in ENTITY_MEMBERS or one == "scope")
    )
    left_out = frozenset(SCOPE if one == "scope" else one for one in omit)
    asked = Asked(_window(query, values), own, left_out, _aggregation(values, query) if chosen == "aggregatedValues" else None)
    shown = Representation(sys_attrs="sysAttrs" in options, language=values.get("lang"))
    return Wanted(chosen, asked, query, shown, frozenset(pick) if pick is not None else None, frozenset(omit))


def _format(values: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """The representation and the options: `format` comes before what `options` say."""
    options = [one for one in str(values.get("options", "")).split(",") if one]
    for option in options:
        if option not in OPTIONS:
            raise Refusal("http.query.option_unknown", name="options", value=option[:50], wanted=", ".join(OPTIONS))
    chosen = values.get("format")
    if chosen is not None and chosen not in FORMATS:
        raise Refusal("http.query.option_unknown", name="format", value=str(chosen)[:50], wanted=", ".join(FORMATS))
    if chosen is None:
        chosen = next((one for one in options if one in FORMATS), "normalized")
    return chosen, frozenset(options)


def _aggregation(values: Mapping[str, Any], query: TemporalQuery) -> Aggregation:
    """aggrMethods and aggrPeriodDuration; periods follow the calendar of the offset that timeAt is given in (else UTC)."""
    if not values.get("aggrMethods"):
        raise Refusal("ngsi_ld.temporal_query.not_valid", reason="aggregatedValues need aggrMethods")
    text = values.get("aggrPeriodDuration")
    duration = parse_duration("aggrPeriodDuration", text) if text is not None else WHOLE
    offset = datetime.fromisoformat(query.at.replace(",", ".")).tzinfo if query.at else None
    return Aggregation(parse_methods(str(values["aggrMethods"])), duration, offset or UTC)


def _window(query: TemporalQuery, values: Mapping[str, Any]) -> Window:
    at = parse_instant(query.at) if query.at else None
    after, before = at, None
    if query.relation is TimeRelation.BEFORE:
        after, before = None, at
    elif query.relation is TimeRelation.BETWEEN and query.end_at:
        before = parse_instant(query.end_at)
    datasets = frozenset(str(values["datasetId"]).split(",")) if values.get("datasetId") else None
    strict = query.relation is not None or bool(values.get("timeproperty"))
    limit = query.last_n if query.last_n is not None else 2**31
    return Window(query.time_property, after, before, strict, query.last_n is not None, limit, datasets)


def _members(text: str, context: Context) -> tuple[str, ...]:
    """The members named in a list, attributes expanded."""
    names = (name.strip() for name in text.split(","))
    return tuple(dict.fromkeys(name if name in ENTITY_MEMBERS else context.expanded[name] for name in names))


def _document(one: Evolution, context: Context, wanted: Wanted) -> dict[str, Any]:
    """An entity's temporal representation, reduced to the members that were asked for."""
    attributes = _aggregates(one, wanted)
    for series in one.series:
        if series.attribute == SCOPE and not knows_scope(wanted.version):
            continue
        told = [point.instance for point in series.points]
        keeping = wanted.query.time_property if wanted.format == "temporalValues" else ""
        instances = conforming_series(told, wanted.version, context, keeping)
        if series.attribute == SCOPE:
            instances = scope_tombstones(instances)
        if wanted.format == "temporalValues":
            attributes[series.attribute] = temporal_values(
                instances,
                context,
                wanted.representation,
                wanted.query.time_property,
                conforming_kind(series.kind, wanted.version),
            )
        else:
            attributes[series.attribute] = temporal_attribute(
                instances, context, wanted.representation, wanted.query.time_property
            )
    entity = conforming(one.entity, wanted.version, context)
    times = {"createdAt": entity.created_at, "modifiedAt": entity.modified_at} if wanted.representation.sys_attrs else {}
    document = temporal_entity(entity.id, entity.types, attributes, context, times)
    for member in ENTITY_MEMBERS:
        if member in wanted.omitted or (wanted.kept is not None and member not in wanted.kept):
            document.pop(member, None)
    return document


def _aggregates(one: Evolution, wanted: Wanted) -> dict[str, Any]:
    methods = wanted.asked.aggregation.methods if wanted.asked.aggregation else ()
    by_name: dict[str, list[Any]] = {}
    for each in one.aggregates:
        kind = conforming_kind(each.kind, wanted.version)
        written = aggregated_values(kind, each.dataset_id, each.periods, methods)
        if written is not None:
            by_name.setdefault(each.attribute, []).append(written)
    return {name: one_or_many(written) for name, written in by_name.items()}


def _range(answered: Answered, wanted: Wanted) -> tuple[int, dict[str, str]]:
    """200, or 206 with the range of time that the page holds (6.3.10): backwards if lastN was asked for."""
    if answered.end is None:
        return 200, {}
    first, last = span(answered.found)
    query = wanted.query
    if query.last_n is None:
        begin = first if query.relation in (None, TimeRelation.BEFORE) else _instant(query.at)
        return 206, {"content-range": f"date-time {iso(begin)}-{iso(last)}/*"}
    bounds = {TimeRelation.BEFORE: query.at, TimeRelation.BETWEEN: query.end_at}
    bound = bounds.get(query.relation) if query.relation is not None else None
    begin = _instant(bound) if bound else last
    return 206, {"content-range": f"date-time {iso(begin)}-{iso(first)}/{query.last_n}"}


def _instant(text: str | None) -> datetime:
    return parse_instant(str(text))


def _without_temporal(document: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Query document (5.2.23) without its temporalQ, and the TemporalQuery (5.2.21) in the words of URL parameters."""
    if not isinstance(document, dict) or document.get("type") != "Query":
        raise Refusal("http.body.not_a_query")
    temporal = document.get("temporalQ", {})
    if not isinstance(temporal, dict):
        raise Refusal("http.query.not_valid", name="temporalQ", value=str(temporal)[:50], wanted="an object")
    unknown = sorted(temporal.keys() - TEMPORAL - {"type"})
    if unknown:
        raise Refusal("http.body.unknown_member", member=f"temporalQ.{unknown[0]}"[:100])
    values: dict[str, Any] = {name: one for name, one in temporal.items() if name != "type"}
    for name in ("aggrMethods",):
        if isinstance(values.get(name), list):
            values[name] = ",".join(str(one) for one in values[name])
    for name, one in values.items():
        if not isinstance(one, str) and not (name == "lastN" and isinstance(one, int) and not isinstance(one, bool)):
            raise Refusal("http.query.not_valid", name=name, value=str(one)[:50], wanted="a text")
    return {name: one for name, one in document.items() if name != "temporalQ"}, values
