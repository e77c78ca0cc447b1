"""Temporal evolutions that this broker and registered sources know together (CIM 009 5.7.3, 5.7.4, 4.5.5).

A source answers with a page of instances. Beyond the end of any page something may be missing, so the merged page ends
where the first of them does; the client goes on from there as with one broker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from machinami.data.matching.ordering import order_key
from machinami.data.matching.selectors import type_matches
from machinami.data.temporal.matching import holds
from machinami.data.temporal.model import Evolution, Point, Series, Window
from machinami.data.temporal.paging import cut
from machinami.data.temporal.service import Answered, Asked, Temporal
from machinami.entrypoints.http.messages import Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld.distributed_reads import attributes_asked, warned
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.ngsi_ld.temporal import TEMPORAL, TemporalHandlers
from machinami.entrypoints.http.routing import Handler
from machinami.federation.distribution.model import Origin
from machinami.federation.distribution.reading import SourceReader, Told
from machinami.federation.distribution.rules import kept_of_answer
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import Match, Mode, Wanted
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso, parse_instant
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import EntityQuery, Ordering, Page, Selector, TypeSelection
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_date_time
from machinami.standards.ngsi_ld.temporal import TemporalQuery, parse_temporal_query
from machinami.standards.ngsi_ld.temporal_input import parse_evolution

_RANGE: Final = re.compile(r"date-?time\s+\S+?Z-(\S+Z)/", re.IGNORECASE)
_OWN_MEMBERS: Final = ("createdAt", "modifiedAt", "deletedAt", "instanceId")
_UNFORWARDED: Final = frozenset({"aggrMethods", "aggrPeriodDuration"})
_PAST: Final = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Past:
    """A source's version of an evolution; `end`: what it knows beyond is on a page of its own."""

    evolution: Evolution
    supplementary: bool
    end: datetime | None


class TemporalOverSources(Temporal):
    """Temporal evolutions as one request sees them; collects warnings."""

    def __init__(
        self, own: Temporal, sources: Sources, origin: Origin, reader: SourceReader, values: Mapping[str, Any], clock: Clock
    ) -> None:
        """`values` are the parameters of the temporal query, in the words of the URL."""
        vars(self).update(vars(own))
        self._sources = sources
        self._origin = origin
        self._reader = reader
        self._values = {name: str(values[name]) for name in sorted(TEMPORAL - _UNFORWARDED) if values.get(name)}
        self._time = clock
        self.warnings: list[str] = []

    async def retrieve(self, caller: Caller, entity_id: str, asked: Asked, where: TypeSelection | None = None) -> Answered:
        """5.7.3 over sources."""
        require(caller, Role.READER)
        try:
            known: Entity | None = await self._living(caller, entity_id)
        except Refusal:
            known = None
        kinds = where or (TypeSelection(tuple(frozenset({one}) for one in known.types)) if known else None)
        selectors = (Selector(kinds, frozenset({entity_id})),)
        concerned = self._concerned(selectors, asked, "retrieveTemporal")
        if not concerned:
            return await super().retrieve(caller, entity_id, asked, where)
        versions = await self._heard(concerned, selectors, entity_id, asked)
        own = (await self._evolutions(caller, [known], asked))[0] if known is not None else None
        found = _together(own, versions.get(entity_id, []), asked.window, self._page)
        if found is None or (where is not None and not type_matches(where, found.entity.types)):
            raise Refusal("data.entity.does_not_exist", id=entity_id)
        if not found.series and asked.names:
            raise Refusal("data.temporal.no_attribute", id=entity_id, attributes=", ".join(asked.names))
        return self._cut([found], [one for each in versions.values() for one in each], asked)

    async def find(
        self, caller: Caller, query: EntityQuery, page: Page, asked: Asked, order: Ordering | None = None
    ) -> Answered:
        """5.7.4 over sources: first what this broker alone knows in order of creation, then what sources know, by id."""
        require(caller, Role.READER)
        concerned = self._concerned(query.selectors, asked, "queryTemporal", query.attributes)
        if not concerned:
            return await super().find(caller, query, page, asked, order)
        versions = await self._heard(concerned, query.selectors, "", asked)
        held = await self._store.get_many(caller.tenant, set(versions)) if versions else {}
        alone = [one for one in await self._matched(caller, query, asked.window, None) if one.id not in versions]
        theirs = [
            one
            for entity_id in sorted(versions)
            if (one := await self._merged(caller, held.get(entity_id), versions[entity_id], asked)) is not None
            and self._found(one, query)
        ]
        everything: list[Entity | Evolution] = [*alone, *theirs]
        if order is not None:
            key = order_key(order)
            everything.sort(key=lambda one: key(one if isinstance(one, Entity) else one.entity))
        chosen = everything[page.offset : page.offset + page.limit]
        mine = [one for one in chosen if isinstance(one, Entity)]
        written = {one.entity.id: one for one in await self._evolutions(caller, mine, asked)}
        shown = [written[one.id] if isinstance(one, Entity) else one for one in chosen]
        answered = self._cut(shown, [one for each in versions.values() for one in each], asked)
        more = len(everything) > page.offset + page.limit
        return replace(answered, more=more, total=len(everything) if page.count else None)

    def _concerned(
        self, selectors: Sequence[Selector], asked: Asked, operation: str, attributes: Sequence[str] = ()
    ) -> list[Match]:
        wanted = Wanted(tuple(selectors), frozenset(attributes), frozenset(), self._sources.passed(self._origin), self._query())
        found = self._sources.concerned(self._origin, wanted, operation)
        if not found:
            return []
        if self._sources.loops(self._origin):
            self.warnings.append(self._sources.loop_warning(self._origin))
            return []
        if asked.aggregation is not None:
            raise Refusal("federation.temporal.not_aggregated")
        return found

    def _query(self) -> TemporalQuery | None:
        given = [self._values.get(name) for name in ("timerel", "timeAt", "endTimeAt", "timeproperty")]
        return parse_temporal_query(*given) if any(given) else None

    async def _heard(
        self, concerned: Sequence[Match], selectors: Sequence[Selector], entity_id: str, asked: Asked
    ) -> dict[str, list[Past]]:
        """The sources' versions by entity."""
        heard = await self._reader.histories(concerned, selectors, entity_id, tuple(self._values.items()))
        self.warnings += [one for one in heard.warnings if one not in self.warnings]
        found: dict[str, list[Past]] = {}
        for told in heard.told:
            try:
                past = _past_of(told, asked.window)
            except (MachinamiError, AttributeError, TypeError, ValueError):
                self.warnings.append(self._reader.not_understood(told, "an entity is no NGSI-LD"))
                continue
            if past is not None:
                found.setdefault(past.evolution.entity.id, []).append(past)
        return found

    async def _merged(self, caller: Caller, own: Entity | None, versions: Sequence[Past], asked: Asked) -> Evolution | None:
        mine = (await self._evolutions(caller, [own], asked))[0] if own is not None else None
        return _together(mine, versions, asked.window, self._page)

    def _found(self, one: Evolution, query: EntityQuery) -> bool:
        if not any(series.points for series in one.series):
            return False
        if query.attributes and not any(series.attribute in query.attributes for series in one.series):
            return False
        plain = query.condition is None and query.geo is None and query.scope is None
        return plain or holds(one.entity, one.series, query, iso(self._time.now()))

    def _cut(self, found: Sequence[Evolution], versions: Sequence[Past], asked: Asked) -> Answered:
        """A page of instances that ends where the first page of a source does, or ours."""
        newest = asked.window.newest_first
        shown, end = cut(found, self._page, newest)
        ends = [one for one in (end, *(past.end for past in versions)) if one is not None]
        if not ends or (len(ends) == 1 and end is not None):
            return Answered(shown, end)
        last = max(ends) if newest else min(ends)
        kept = [replace(one, series=tuple(_until(series, last, newest) for series in one.series)) for one in shown]
        return Answered(kept, last if any(series.points for one in kept for series in one.series) else None)


class DistributedHistories:
    """Gives the handlers of temporal consumption evolutions over sources, where a tenant has sources."""

    def __init__(self, sources: Sources, temporal: Temporal, negotiator: Negotiator, clock: Clock, settings: Settings) -> None:
        self._sources = sources
        self._temporal = temporal
        self._negotiator = negotiator
        self._clock = clock
        self._settings = settings

    def handlers(self) -> Mapping[tuple[str, str], Callable[[Handler], Handler]]:
        """What stands around the handler of a path and method."""
        return {
            ("/temporal/entities", "GET"): self._around(lambda one: one.find),
            ("/temporal/entities/*", "GET"): self._around(lambda one: one.retrieve),
            ("/temporal/entityOperations/query", "POST"): self._around(lambda one: one.find_by_body),
        }

    def _around(self, chosen: Callable[[TemporalHandlers], Handler]) -> Callable[[Handler], Handler]:
        def around(handler: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                if not self._sources.any(call.caller.tenant) or boolean(call, "local"):
                    return await handler(call)
                view = await self._view(call)
                return await warned(chosen(TemporalHandlers(view, self._negotiator, self._settings))(call), view)

            return handle

        return around

    async def _view(self, call: Call) -> TemporalOverSources:
        origin = Origin(call.caller.tenant, call.headers)
        asked: Mapping[str, Any] = call.query
        if call.method == "POST":
            body = await self._negotiator.body(call)
            document = body.document if isinstance(body.document, dict) else {}
            context, asked = body.context, {**document, **_temporal_part(document)}
        else:
            context = await self._negotiator.link(call)
        reader = SourceReader(self._sources, origin, context, attributes_asked(asked, context))
        return TemporalOverSources(self._temporal, self._sources, origin, reader, asked, self._clock)


def _temporal_part(document: Mapping[str, Any]) -> Mapping[str, Any]:
    part = document.get("temporalQ")
    return part if isinstance(part, dict) else {}


def _past_of(told: Told, window: Window) -> Past | None:
    """The evolution that a document holds, as far as the source is registered for it; raises if it is none."""
    entity_id, given = parse_evolution(told.document, told.context)
    whole = Entity(
        entity_id, given.types, given.attributes, created_at=_time(told, "createdAt"), modified_at=_time(told, "modifiedAt")
    )
    kept = kept_of_answer(whole, told.match.information)
    if kept is None:
        return None
    bodies = {
        told.context.expanded[name]: body for name, body in told.document.items() if name not in ("@context", "id", "type")
    }
    series = []
    for name, instances in kept.attributes.items():
        listed = bodies[name] if isinstance(bodies[name], list) else [bodies[name]]
        complete = [{**one, **_own(body)} for one, body in zip(instances, listed, strict=True)]
        points = tuple(Point(at, one) for one in complete if (at := _at(one, window)) is not None)
        series.append(Series(entity_id, name, str(complete[0].get("type", "Property")), points))
    found = _RANGE.search(told.content_range)
    auxiliary = told.match.registration.mode is Mode.AUXILIARY
    return Past(Evolution(kept.with_attributes({}), tuple(series)), auxiliary, parse_instant(found[1]) if found else None)


def _time(told: Told, name: str) -> str:
    value = told.document.get(name)
    return value if is_date_time(value) else ""


def _own(body: Any) -> dict[str, Any]:
    return {name: body[name] for name in _OWN_MEMBERS if isinstance(body, dict) and isinstance(body.get(name), str)}


def _at(instance: Instance, window: Window) -> datetime | None:
    """Where an instance stands in time; without the property that is asked for, where it was written."""
    text = instance.get(window.time_property)
    if text is None and not window.strict:
        text = instance.get("modifiedAt") or instance.get("createdAt") or _PAST
    return parse_instant(str(text)) if is_date_time(text) else None


def _together(own: Evolution | None, versions: Sequence[Past], window: Window, size: int) -> Evolution | None:
    """One evolution: of two instances of a dataset at one instant the first is kept, auxiliary ones only fill instants."""
    parts = [one.evolution for one in sorted(versions, key=lambda one: one.supplementary)]
    everyone = parts if own is None else [own, *parts]
    if not everyone:
        return None
    fillers = {id(one.evolution) for one in versions if one.supplementary}
    points: dict[str, dict[tuple[datetime, str], Point]] = {}
    kinds: dict[str, str] = {}
    for each in everyone:
        for series in each.series:
            kinds.setdefault(series.attribute, series.kind)
            taken = points.setdefault(series.attribute, {})
            instants = {at for at, _ in taken} if id(each) in fillers else frozenset()
            for point in series.points:
                if point.time not in instants:
                    taken.setdefault((point.time, point.instance.get("datasetId", "")), point)
    base = everyone[0].entity
    entity = replace(base, types=tuple(dict.fromkeys(kind for one in everyone for kind in one.entity.types)))
    most = min(size + 1, window.limit)
    merged = tuple(
        Series(entity.id, name, kinds[name], tuple(sorted(found.values(), key=_instant, reverse=window.newest_first)[:most]))
        for name, found in points.items()
    )
    return Evolution(entity, merged)


def _instant(point: Point) -> datetime:
    return point.time


def _until(series: Series, end: datetime, newest_first: bool) -> Series:
    return replace(series, points=tuple(one for one in series.points if (one.time >= end if newest_first else one.time <= end)))
