"""Use cases on temporal evolutions: read the history, hand a pure rule to the store (CIM 009 5.6.11-5.6.16, 5.7.3, 5.7.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

from machinami.data.entities.decisions import Decide, Decision
from machinami.data.entities.expiry import living
from machinami.data.entities.past import SCOPE
from machinami.data.matching.ordering import order_key
from machinami.data.matching.selectors import type_matches
from machinami.data.ports import EntityStore, Mutation
from machinami.data.temporal import rules
from machinami.data.temporal.matching import PastMatcher
from machinami.data.temporal.model import Aggregated, Cell, Evolution, Grid, Kept, Series, Window, no_instance
from machinami.data.temporal.paging import cut
from machinami.data.temporal.ports import History, Place
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import EntityQuery, Ordering, Page, TypeSelection
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.aggregation import WHOLE, Method, Periods, Sums, applies
from machinami.standards.ngsi_ld.durations import Duration
from machinami.standards.ngsi_ld.temporal_input import Evolved

TRIES_MAX: Final = 10
CHUNK: Final = 100
LOCAL: Final = "@none"


@dataclass(frozen=True, slots=True)
class Aggregation:
    """The methods and the length of a period; `zone` is where its days and months begin."""

    methods: tuple[Method, ...]
    duration: Duration
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown: a window of time, and attributes by name (None: all), `omitted` ones left out; `aggregation` instead
    of the instances themselves."""

    window: Window
    names: tuple[str, ...] | None = None
    omitted: frozenset[str] = frozenset()
    aggregation: Aggregation | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Entities with their series; `end`: the page of instances ends there; `more`: entities follow; `total` if asked for."""

    found: list[Evolution]
    end: datetime | None = None
    more: bool = False
    total: int | None = None


class Temporal:
    """Reads and writes of temporal evolutions for one caller at a time."""

    def __init__(self, store: EntityStore, history: History, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._history = history
        self._clock = clock
        self._page = settings.integer("history_page_instances")
        self._matcher = PastMatcher(history, settings.integer("history_matched_max"))
        self._periods_max = settings.integer("history_periods_max")
        self._candidates_max = settings.integer("query_candidates_max")

    def places(self, entity_id: str) -> tuple[str, ...]:
        """Where the past of an entity that was found is known: here (`@none`), with sources also under registrations."""
        return (LOCAL,)

    async def upsert(self, caller: Caller, entity_id: str, given: Evolved) -> Decision:
        """Create the temporal evolution, or add to it (5.6.11)."""
        return await self._apply(caller, entity_id, rules.upsert(entity_id, given))

    async def add(self, caller: Caller, entity_id: str, given: Evolved) -> Decision:
        """Add instances to attributes (5.6.12)."""
        return await self._apply(caller, entity_id, rules.add(entity_id, given))

    async def delete(self, caller: Caller, entity_id: str) -> Decision:
        """Delete the temporal evolution (5.6.16)."""
        return await self._apply(caller, entity_id, rules.delete(entity_id))

    async def delete_attribute(self, caller: Caller, entity_id: str, name: str, dataset_id: str | None, every: bool) -> None:
        """Delete an attribute, or one dataset of it (5.6.13)."""

        async def attempt(entity: Entity) -> Decide:
            datasets = None if every else frozenset({dataset_id or "@none"})
            if not await self._history.series(caller.tenant, [(entity_id, name)], Window(limit=1, datasets=datasets)):
                raise Refusal("data.attribute.does_not_exist", id=entity_id, attribute=name)
            return rules.delete_attribute(entity_id, entity.version, name, dataset_id, every)

        await self._correct(caller, entity_id, attempt)

    async def replace_instance(self, caller: Caller, place: Place, urn: str, given: Instance) -> None:
        """Replace one instance (5.6.14)."""

        async def attempt(entity: Entity) -> Decide:
            kept = await self._kept(caller, place, urn)
            return rules.replace_instance(entity.id, entity.version, place[1], kept, given)

        await self._correct(caller, place[0], attempt)

    async def delete_instance(self, caller: Caller, place: Place, urn: str) -> None:
        """Delete one instance (5.6.15)."""

        async def attempt(entity: Entity) -> Decide:
            kept = await self._kept(caller, place, urn)
            next_one = await self._history.newest(caller.tenant, place, kept.instance.get("datasetId"), kept.number)
            successor = next_one.instance if next_one else None
            return rules.delete_instance(entity.id, entity.version, place[1], kept, successor)

        await self._correct(caller, place[0], attempt)

    async def retrieve(self, caller: Caller, entity_id: str, asked: Asked, where: TypeSelection | None = None) -> Answered:
        """One entity's evolution (5.7.3); refused if nothing of the attributes named is in its history."""
        require(caller, Role.READER)
        entity = await self._living(caller, entity_id)
        if where is not None and not type_matches(where, entity.types):
            raise Refusal("data.entity.does_not_exist", id=entity_id)
        [evolution] = await self._evolutions(caller, [entity], asked)
        if not evolution.series and not evolution.aggregates and asked.names:
            known = await self._history.attributes(caller.tenant, [entity_id])
            if not set(asked.names) & set(known.get(entity_id, ())):
                raise Refusal("data.temporal.no_attribute", id=entity_id, attributes=", ".join(asked.names))
        return Answered(*cut([evolution], self._page, asked.window.newest_first))

    async def find(
        self, caller: Caller, query: EntityQuery, page: Page, asked: Asked, order: Ordering | None = None
    ) -> Answered:
        """The evolutions of entities that have instances in the window and match there (5.7.4)."""
        require(caller, Role.READER)
        need = None if order is not None or page.count else page.offset + page.limit + 1
        matched = await self._matched(caller, query, asked.window, need)
        total = len(matched) if page.count else None
        if order is not None:
            matched.sort(key=order_key(order))
        chosen = matched[page.offset : page.offset + page.limit]
        found = await self._evolutions(caller, chosen, asked)
        shown, end = cut(found, self._page, asked.window.newest_first)
        return Answered(shown, end, len(matched) > page.offset + page.limit, total)

    async def shown(self, caller: Caller, entities: Sequence[Entity], asked: Asked) -> Answered:
        """What is asked for of entities that were found before (5.5.9.3)."""
        require(caller, Role.READER)
        return Answered(*cut(await self._evolutions(caller, entities, asked), self._page, asked.window.newest_first))

    async def matched(self, caller: Caller, query: EntityQuery, window: Window) -> list[Entity]:
        """All entities that have instances in the window and match there, in order of creation, within the budget."""
        require(caller, Role.READER)
        return await self._matched(caller, query, window, None)

    async def _matched(self, caller: Caller, query: EntityQuery, window: Window, need: int | None) -> list[Entity]:
        """Entities that match, in order of creation: the first `need`, or all within the budget."""
        now = self._clock.now()
        plain = replace(query, attributes=(), condition=None, geo=None, scope=None)
        matched: list[Entity] = []
        examined, after, more = 0, 0, True
        while more and (need is None or len(matched) < need):
            result = await self._store.query(caller.tenant, plain, Page(CHUNK, after_sequence=after), now)
            examined += len(result.entities)
            more = result.more
            if examined > self._candidates_max:
                raise Refusal("data.query.too_complex", examined=str(examined), budget=str(self._candidates_max))
            if result.entities:
                after = result.entities[-1].sequence
                matched += await self._that_match(caller, result.entities, query, window, iso(now))
        return matched

    async def _that_match(
        self, caller: Caller, candidates: Sequence[Entity], query: EntityQuery, window: Window, now: str
    ) -> list[Entity]:
        if query.attributes:
            places = [(one.id, name) for one in candidates for name in query.attributes]
        else:
            places = await self._all_places(caller, candidates)
        present = await self._matcher.present(caller.tenant, candidates, places, window)
        return await self._matcher.matching(caller.tenant, present, query, window, now)

    async def _evolutions(self, caller: Caller, entities: Sequence[Entity], asked: Asked) -> list[Evolution]:
        if asked.names is None:
            places = [one for one in await self._all_places(caller, entities) if one[1] not in asked.omitted]
        else:
            places = [(one.id, name) for one in entities for name in asked.names if name not in asked.omitted]
        if asked.aggregation is not None:
            aggregates = await self._aggregates(caller, places, asked, asked.aggregation)
            return [Evolution(one, (), aggregates.get(one.id, ())) for one in entities]
        limit = min(self._page + 1, asked.window.limit)
        past = _by_entity(await self._history.series(caller.tenant, places, replace(asked.window, limit=limit)))
        return [Evolution(one, tuple(past.get(one.id, ()))) for one in entities]

    async def _aggregates(
        self, caller: Caller, places: Sequence[Place], asked: Asked, wanted: Aggregation
    ) -> dict[str, tuple[Aggregated, ...]]:
        """Attributes aggregated, by entity: an entity's by the same periods, from the begin of the window, else from its first
        instance."""
        window = asked.window
        mine = [one for one in places if one[1] != SCOPE or asked.names]
        first = await self._history.series(caller.tenant, mine, replace(window, limit=1, newest_first=False))
        newest = await self._history.series(caller.tenant, mine, replace(window, limit=1, newest_first=True))
        begins, ends = _extremes(first, min), _extremes(newest, max)
        kinds = {(one.entity_id, one.attribute): one.kind for one in newest}
        alike: dict[tuple[datetime, datetime], list[Place]] = {}
        for place in kinds:
            span = (window.after or begins[place[0]], window.before or ends[place[0]])
            key = span if wanted.duration == WHOLE else (span[0], max(ends.values()))
            alike.setdefault(key, []).append(place)
        found: dict[str, tuple[Aggregated, ...]] = {}
        for (origin, end), some in alike.items():
            grid = self._grid(wanted, origin, end)
            for place, one in self._gathered(
                await self._history.aggregate(caller.tenant, some, window, grid, self._periods_max), kinds, grid
            ):
                if asked.names and not any(applies(method, sums) for method in wanted.methods for _, _, sums in one.periods):
                    raise Refusal("data.temporal.not_aggregable", id=place[0], attribute=one.attribute)
                found[place[0]] = (*found.get(place[0], ()), one)
        return found

    def _grid(self, wanted: Aggregation, origin: datetime, end: datetime) -> Grid:
        periods = Periods(origin, wanted.duration, end, wanted.zone)
        begins = periods.boundaries(end, self._periods_max) if wanted.duration.months else []
        if begins is None:
            raise self._too_many_periods()
        return Grid(wanted.methods, periods, tuple(begins))

    def _gathered(self, cells: Sequence[Cell], kinds: Mapping[Place, str], grid: Grid) -> list[tuple[Place, Aggregated]]:
        by_dataset: dict[tuple[Place, str | None], list[tuple[datetime, datetime, Sums]]] = {}
        counts = Counter((one.entity_id, one.attribute) for one in cells)
        if any(count > self._periods_max for count in counts.values()):
            raise self._too_many_periods()
        for cell in cells:
            span = grid.periods.range_of(cell.start, grid.begins)
            by_dataset.setdefault(((cell.entity_id, cell.attribute), cell.dataset_id), []).append((*span, cell.sums))
        return [
            (place, Aggregated(place[1], kinds[place], dataset, tuple(one))) for (place, dataset), one in by_dataset.items()
        ]

    def _too_many_periods(self) -> Refusal:
        return Refusal("data.temporal.too_many_periods", periods_max=str(self._periods_max))

    async def _all_places(self, caller: Caller, entities: Sequence[Entity]) -> list[Place]:
        known = await self._history.attributes(caller.tenant, [one.id for one in entities])
        return [(one.id, name) for one in entities for name in _in_order(one, known.get(one.id, ()))]

    async def _living(self, caller: Caller, entity_id: str) -> Entity:
        entity = living(await self._store.get(caller.tenant, entity_id), iso(self._clock.now()))
        if entity is None:
            raise Refusal("data.entity.does_not_exist", id=entity_id)
        return entity

    async def _kept(self, caller: Caller, place: Place, urn: str) -> Kept:
        kept = await self._history.instance(caller.tenant, place, urn)
        if kept is None:
            raise no_instance(*place, urn)
        return kept

    async def _apply(self, caller: Caller, entity_id: str, decide: Decide) -> Decision:
        require(caller, Role.WRITER)
        [result] = await self._store.write([Mutation(caller.tenant, entity_id, decide, caller.principal)])
        if isinstance(result, MachinamiError):
            raise result
        return result

    async def _correct(self, caller: Caller, entity_id: str, attempt: Callable[[Entity], Awaitable[Decide]]) -> None:
        """Decide on the history as it is; once more if the entity moves on before that is written."""
        require(caller, Role.WRITER)
        for tries in range(1, TRIES_MAX + 1):
            decide = await attempt(await self._living(caller, entity_id))
            try:
                await self._apply(caller, entity_id, decide)
                return
            except MachinamiError as error:
                if error.code != "data.store.conflict" or tries == TRIES_MAX:
                    raise


def _in_order(entity: Entity, known: Sequence[str]) -> list[str]:
    """Attribute names as the entity has them, then those that it had, the scope first."""
    own = [name for name in entity.attributes if name in known]
    return [
        *(name for name in known if name == SCOPE),
        *own,
        *(name for name in known if name not in entity.attributes and name != SCOPE),
    ]


def _by_entity(series: Sequence[Series]) -> dict[str, list[Series]]:
    found: dict[str, list[Series]] = {}
    for one in series:
        found.setdefault(one.entity_id, []).append(one)
    return found


def _extremes(series: Sequence[Series], chosen: Callable[[datetime, datetime], datetime]) -> dict[str, datetime]:
    """The first or the last instant of each entity, of series of one instance each."""
    found: dict[str, datetime] = {}
    for one in series:
        time = one.points[0].time
        found[one.entity_id] = chosen(found.get(one.entity_id, time), time)
    return found
