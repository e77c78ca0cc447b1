"""Temporal evolutions that this broker and registered sources know together (CIM 009 5.7.3, 5.7.4, 4.5.5).

A source answers with a page of instances. Beyond the end of any page something may be missing, so the merged page ends
where the first of them does; the client goes on from there as with one broker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from machinami.bootstrap.entities_over_sources import meant
from machinami.bootstrap.pasts_of_sources import Past, is_present, past_of, together
from machinami.data.entities.expiry import living
from machinami.data.matching.selectors import type_matches
from machinami.data.temporal.gathered import GatheredHistory
from machinami.data.temporal.matching import PastMatcher
from machinami.data.temporal.model import Evolution, Series
from machinami.data.temporal.paging import cut
from machinami.data.temporal.ports import History
from machinami.data.temporal.service import Answered, Asked, Temporal
from machinami.federation.distribution.model import Origin
from machinami.federation.distribution.reading import SourceReader
from machinami.federation.distribution.rules import names_of, without_proxied
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import Match, Wanted
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import Condition, EntityQuery, Ordering, Page, Selector, TypeSelection
from machinami.standards.ngsi_ld.temporal import TemporalQuery, parse_temporal_query

_OURS = "@none"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What several places know together, by entity, and what sources told of it."""

    found: Mapping[str, Evolution]
    pasts: Mapping[str, Sequence[Past]]


class TemporalOverSources(Temporal):
    """Temporal evolutions as one request sees them; collects warnings.

    Where instances are filtered or aggregated, whole histories are put together: a page of each would tell something else.
    """

    def __init__(
        self, own: Temporal, sources: Sources, origin: Origin, reader: SourceReader, values: Mapping[str, str], clock: Clock
    ) -> None:
        """`values` are the parameters of the temporal query, in the words of the URL."""
        vars(self).update(vars(own))
        self._sources = sources
        self._origin = origin
        self._reader = reader
        self._values = dict(values)
        self._time = clock
        self._places: dict[str, tuple[str, ...]] = {}
        self.warnings: list[str] = []
        self.csf: Condition | None = None

    def places(self, entity_id: str) -> tuple[str, ...]:
        return self._places.get(entity_id) or super().places(entity_id)

    async def retrieve(self, caller: Caller, entity_id: str, asked: Asked, where: TypeSelection | None = None) -> Answered:
        """5.7.3 over sources."""
        require(caller, Role.READER)
        known = living(await self._store.get(caller.tenant, entity_id), self._now())
        kinds = where or (TypeSelection(tuple(frozenset({one}) for one in known.types)) if known else None)
        selectors = (Selector(kinds, frozenset({entity_id})),)
        concerned = self._concerned(selectors, "retrieveTemporal")
        if not concerned:
            return await super().retrieve(caller, entity_id, asked, where)
        gathered = await self._gather(caller, concerned, selectors, asked, entity_id=entity_id)
        found = gathered.found.get(entity_id)
        if found is None or (where is not None and not type_matches(where, found.entity.types)):
            raise Refusal("data.entity.does_not_exist", id=entity_id)
        [shown] = await self._written(caller, [found.entity], gathered, asked)
        if not shown.series and not shown.aggregates and asked.names and not gathered.pasts:
            mine = await self._history.attributes(caller.tenant, [entity_id])
            if not set(asked.names) & set(mine.get(entity_id, ())):
                raise Refusal("data.temporal.no_attribute", id=entity_id, attributes=", ".join(asked.names))
        return self._cut([shown], gathered, asked)

    async def find(
        self, caller: Caller, query: EntityQuery, page: Page, asked: Asked, order: Ordering | None = None
    ) -> Answered:
        """5.7.4 over sources: first what this broker alone knows in order of creation, then what sources know, by id."""
        require(caller, Role.READER)
        concerned = self._concerned(query.selectors, "queryTemporal", names_of(query))
        if not concerned:
            return await super().find(caller, query, page, asked, order)
        if order is not None:
            raise Refusal("http.query.incomplete", given="orderBy", missing="local=true")
        filtered = query.condition is not None or query.geo is not None or query.scope is not None
        gathered = await self._gather(caller, concerned, query.selectors, asked, whole=filtered)
        candidates = [
            found.entity
            for entity_id, found in sorted(gathered.found.items())
            if is_present(found, gathered.pasts[entity_id], query.attributes)
        ]
        matcher = self._over(gathered)._matcher
        theirs = await matcher.matching(caller.tenant, candidates, query, asked.window, self._now())
        mine = await self._matched(caller, query, asked.window, None)
        everything = [*(one for one in mine if one.id not in gathered.found), *theirs]
        end = page.offset + page.limit
        shown = await self._written(caller, everything[page.offset : end], gathered, asked)
        answered = self._cut(shown, gathered, asked)
        return replace(answered, more=len(everything) > end, total=len(everything) if page.count else None)

    async def shown(self, caller: Caller, entities: Sequence[Entity], asked: Asked) -> Answered:
        """What is asked for of entities that were found before, here and at sources."""
        require(caller, Role.READER)
        kinds = dict.fromkeys(frozenset({kind}) for one in entities for kind in one.types)
        selectors = (Selector(TypeSelection(tuple(kinds)), frozenset(one.id for one in entities)),)
        concerned = self._concerned(selectors, "queryTemporal") if entities else []
        if not concerned:
            return await super().shown(caller, entities, asked)
        gathered = await self._gather(caller, concerned, selectors, asked)
        return self._cut(await self._written(caller, entities, gathered, asked), gathered, asked)

    def _concerned(
        self, selectors: Sequence[Selector], operation: str, attributes: frozenset[str] = frozenset()
    ) -> list[Match]:
        wanted = Wanted(tuple(selectors), attributes, frozenset(), self._sources.passed(self._origin), self._query())
        found = meant(self._sources.concerned(self._origin, wanted, operation), self.csf, self._now())
        if found and self._sources.loops(self._origin):
            self.warnings.append(self._sources.loop_warning(self._origin))
            return []
        return found

    def _query(self) -> TemporalQuery | None:
        given = [self._values.get(name) for name in ("timerel", "timeAt", "endTimeAt", "timeproperty")]
        return parse_temporal_query(*given) if any(given) else None

    async def _gather(
        self, caller: Caller, concerned: Sequence[Match], selectors: Sequence[Selector], asked: Asked, *,
        entity_id: str = "", whole: bool = False,
    ) -> Gathered:  # fmt: skip
        """What sources know of the entities that are selected, put together with what we know of the same."""
        whole = whole or asked.aggregation is not None
        heard = await self._reader.histories(concerned, selectors, entity_id, self._values, whole=whole)
        self.warnings += [one for one in heard.warnings if one not in self.warnings]
        by_id: dict[str, list[Past]] = {}
        for told in heard.told:
            try:
                past = past_of(told, asked.window)
            except (MachinamiError, AttributeError, TypeError, ValueError):
                self.warnings.append(self._reader.not_understood(told, "an entity is no NGSI-LD"))
                continue
            if past is not None:
                by_id.setdefault(past.evolution.entity.id, []).append(past)
        ids = {*by_id, *([entity_id] if entity_id else [])}
        own = await self._own(caller, ids, concerned, asked, whole) if ids else {}
        found: dict[str, Evolution] = {}
        for one in ids:
            merged = together(own.get(one), by_id.get(one, ()))
            if merged is not None:
                found[one] = merged
                sources = dict.fromkeys(past.source for past in by_id.get(one, ()))
                self._places[one] = (*((_OURS,) if one in own else ()), *sources)
        return Gathered(found, by_id)

    async def _own(
        self, caller: Caller, ids: set[str], concerned: Sequence[Match], asked: Asked, whole: bool
    ) -> dict[str, Evolution]:
        """Our own versions of entities, without what is held at a source alone."""
        there = await self._store.get_many(caller.tenant, ids)
        entities = [alive for one in there.values() if (alive := living(one, self._now())) is not None]
        kept = {one.id: one for one in entities if without_proxied(one.with_attributes({}), concerned) is not None}
        places = [
            (entity_id, name)
            for entity_id, name in await self._all_places(caller, list(kept.values()))
            if (bare := without_proxied(kept[entity_id].with_attributes({name: []}), concerned)) and bare.attributes
        ]
        most = self._sources.limits.instances_max if whole else min(self._page, asked.window.limit - 1)
        window = replace(asked.window, limit=most + 1)
        series = await self._history.series(caller.tenant, places, replace(window, newest_first=False) if whole else window)
        if whole and any(len(one.points) > most for one in series):
            raise Refusal("federation.temporal.too_long", registration=_OURS)
        past: dict[str, list[Series]] = {}
        for one in series:
            past.setdefault(one.entity_id, []).append(one)
        return {one: Evolution(entity, tuple(past.get(one, ()))) for one, entity in kept.items()}

    def _over(self, gathered: Gathered) -> Temporal:
        """The same use cases on what was gathered: filters, projection and aggregation are those of one broker."""
        over = copy(self)
        over._history = cast("History", GatheredHistory(gathered.found.values()))
        over._matcher = PastMatcher(over._history, self._sources.limits.instances_max)
        return over

    async def _written(self, caller: Caller, entities: Sequence[Entity], gathered: Gathered, asked: Asked) -> list[Evolution]:
        """What is asked for of entities, in their order: of those that were gathered from there, else from our history."""
        theirs = [one for one in entities if one.id in gathered.found]
        mine = [one for one in entities if one.id not in gathered.found]
        shown = [
            *await self._over(gathered)._evolutions(caller, theirs, asked),
            *(await self._evolutions(caller, mine, asked) if mine else ()),
        ]
        by_id = {one.entity.id: one for one in shown}
        return [by_id[one.id] for one in entities]

    def _cut(self, found: Sequence[Evolution], gathered: Gathered, asked: Asked) -> Answered:
        """A page of instances that ends where the first page of a source does, or ours."""
        newest = asked.window.newest_first
        shown, end = cut(found, self._page, newest)
        ends = [one for one in (end, *(past.end for several in gathered.pasts.values() for past in several)) if one is not None]
        if not ends or (len(ends) == 1 and end is not None):
            return Answered(shown, end)
        last = max(ends) if newest else min(ends)
        kept = [replace(one, series=tuple(_until(series, last, newest) for series in one.series)) for one in shown]
        return Answered(kept, last if any(series.points for one in kept for series in one.series) else None)

    def _now(self) -> str:
        return iso(self._time.now())


def _until(series: Series, end: datetime, newest_first: bool) -> Series:
    return replace(series, points=tuple(one for one in series.points if (one.time >= end if newest_first else one.time <= end)))
