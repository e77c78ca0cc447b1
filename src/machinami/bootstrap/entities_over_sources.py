"""Entities that this broker and registered sources know together (CIM 009 4.3.6.7, 5.7.1, 5.7.2): use cases of both groups.

A source that fails is missing from what is found; the warnings name it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from machinami.data.entities.service import Entities
from machinami.data.matching import matches
from machinami.data.matching.linking import linked_entities
from machinami.data.matching.selectors import type_matches
from machinami.data.ports import EntityStore, QueryResult
from machinami.federation.distribution.discovering import together
from machinami.federation.distribution.merging import Version, merged
from machinami.federation.distribution.model import Origin
from machinami.federation.distribution.reading import QUERY_OPERATIONS, READ_OPERATIONS, Heard, SourceReader
from machinami.federation.distribution.rules import names_of, without_proxied
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import Match, Mode, Wanted
from machinami.federation.registrations.rules import as_entity
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.name_use import NameUse
from machinami.kernel.query import Condition, EntityQuery, Page, Selector, TypeSelection, chains

IDS_AT_ONCE: Final = 500


class EntitiesOverSources(Entities):
    """Entities as one request sees them: those of this broker merged with what its sources know; collects warnings."""

    def __init__(self, own: Entities, sources: Sources, origin: Origin, reader: SourceReader, clock: Clock) -> None:
        vars(self).update(vars(own))
        self._store = cast("EntityStore", _StoreOverSources(own, self))
        self._sources = sources
        self._origin = origin
        self._reader = reader
        self._time = clock
        self.warnings: list[str] = []
        self.discovers = ""
        self.csf: Condition | None = None
        self.linked_max = 2_000
        self.candidates_max = 50_000
        self._places: dict[str, tuple[str, ...]] = {}

    def places(self, entity_id: str) -> tuple[str, ...]:
        return self._places.get(entity_id) or super().places(entity_id)

    async def retrieve(self, caller: Caller, entity_id: str, where: TypeSelection | None = None) -> Entity:
        """5.7.1 over sources; sources of other types than those we know the entity by are not asked."""
        require(caller, Role.READER)
        known = await self._known(caller, entity_id)
        types = where or _types_of(known)
        concerned = self._concerned((Selector(types, frozenset({entity_id})),), frozenset())
        if not concerned:
            return await super().retrieve(caller, entity_id, where)
        found: Entity | None = None if known is None else without_proxied(known, concerned)
        asked = self._chosen(concerned, READ_OPERATIONS)
        if self._may_ask(asked):
            heard = await self._reader.entity(asked, entity_id, known.types if known else ())
            self._note(heard)
            found = self._merged(found, heard.versions.get(entity_id, ()))
        if found is None or (where is not None and not type_matches(where, found.types)):
            raise Refusal("data.entity.does_not_exist", id=entity_id)
        return found

    async def many(self, own: dict[str, Entity], ids: Collection[str]) -> dict[str, Entity]:
        """Entities by id, as they are linked to, merged with what sources know of them (4.5.23)."""
        selectors = (Selector(ids=frozenset(ids)),)
        concerned = self._concerned(selectors, frozenset())
        asked = self._chosen(concerned, QUERY_OPERATIONS)
        if not asked or not self._may_ask(asked):
            return own
        heard = await self._reader.entities(asked, selectors)
        self._note(heard)
        mine = {entity_id: without_proxied(one, concerned) for entity_id, one in own.items()}
        found = {one: self._merged(mine.get(one), heard.versions.get(one, ())) for one in {*mine, *heard.versions}}
        return {entity_id: one for entity_id, one in found.items() if one is not None}

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> QueryResult:
        """5.7.2 over sources: first what this broker alone knows in order of creation, then what sources know, by id."""
        require(caller, Role.READER)
        concerned = self._concerned(query.selectors, names_of(query), frozenset(query.dataset_ids))
        asked = self._chosen(concerned, QUERY_OPERATIONS)
        asking, linking = self._may_ask(asked), bool(chains(query.condition))
        if not asking and not linking:
            return await super().find(caller, query, page)
        if page.order is not None:
            raise Refusal("http.query.incomplete", given="orderBy", missing="local=true")
        heard = await self._reader.entities(asked, query.selectors) if asking else Heard()
        self._note(heard)
        held = await self._held(caller, list(heard.versions))
        for entity_id, versions in heard.versions.items():
            own = super().places(entity_id) if entity_id in held else ()
            self._places[entity_id] = (*own, *dict.fromkeys(one.source for one in versions))
        if linking or any(map(_hides, concerned)):
            whole = replace(query, condition=None) if linking else query
            alone = await self._alone(caller, whole, concerned, frozenset(heard.versions))
            return await self._page_by_links(caller, query, page, [*alone, *self._together(heard, held, concerned, whole)])
        together = self._together(heard, held, concerned, query)
        shadowed = [one for one in held.values() if matches(one, query, self._now())]
        return await self._page(caller, query, page, shadowed, together, concerned)

    async def name_uses(self, caller: Caller, *, of_type: str | None = None, attribute: str | None = None) -> list[NameUse]:
        """5.7.5-5.7.10 over sources, by the operation that is being served; counts of several places are added up."""
        own = await super().name_uses(caller, of_type=of_type, attribute=attribute)
        types = (Selector(TypeSelection((frozenset({of_type}),))),) if of_type else ()
        names = frozenset({attribute}) if attribute else frozenset()
        wanted = Wanted(types, names, previous_sources=self._sources.passed(self._origin))
        asked = self._sources.concerned(self._origin, wanted, self.discovers)
        if not self._may_ask(asked):
            return own
        heard = await self._reader.uses(asked, self.discovers, of_type or attribute or "")
        self._note(heard)
        return together([*own, *heard.uses])

    def _concerned(
        self, selectors: Sequence[Selector], attributes: frozenset[str], datasets: frozenset[str] = frozenset()
    ) -> list[Match]:
        wanted = Wanted(tuple(selectors), attributes, datasets, self._sources.passed(self._origin))
        return self._sources.concerned(self._origin, wanted)

    def _chosen(self, concerned: Sequence[Match], operations: frozenset[str]) -> list[Match]:
        """Those that offer any of the operations and are meant by the context source filter (5.7.2: csf)."""
        return meant([one for one in concerned if operations & one.registration.operations], self.csf, self._now())

    def _may_ask(self, asked: Sequence[Match]) -> bool:
        """Whether sources may be asked: not again when the request came through here before (6.3.17)."""
        if not asked or not self._sources.loops(self._origin):
            return bool(asked)
        if len(asked) == 1 and asked[0].registration.proxied:
            raise Refusal("federation.operation.loop")
        self.warnings.append(self._sources.loop_warning(self._origin))
        return False

    def _note(self, heard: Heard) -> None:
        self.warnings += [one for one in heard.warnings if one not in self.warnings]

    async def _known(self, caller: Caller, entity_id: str) -> Entity | None:
        try:
            return await super().retrieve(caller, entity_id)
        except Refusal as error:
            if error.code != "data.entity.does_not_exist":
                raise
            return None

    async def _held(self, caller: Caller, ids: Sequence[str]) -> dict[str, Entity]:
        """Our own entities among those that sources know."""
        found: dict[str, Entity] = {}
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = frozenset(ids[start : start + IDS_AT_ONCE])
            result = await super().find(caller, EntityQuery((Selector(ids=some),)), Page(limit=len(some)))
            found |= {one.id: one for one in result.entities}
        return found

    def _together(
        self, heard: Heard, held: Mapping[str, Entity], concerned: Sequence[Match], query: EntityQuery
    ) -> list[Entity]:
        """The merged entities that the query finds, by id."""
        found = []
        for entity_id in sorted(heard.versions):
            own = held.get(entity_id)
            mine = None if own is None else without_proxied(own, concerned)
            entity = self._merged(mine, heard.versions[entity_id])
            if entity is not None and matches(entity, query, self._now()):
                found.append(entity)
        return found

    def _merged(self, own: Entity | None, versions: Sequence[Version]) -> Entity | None:
        """One entity of all versions, an auxiliary source's only where there is anything to supplement."""
        everyone = [*([] if own is None else [Version(own)]), *versions]
        return merged(everyone, self._now())

    async def _page(
        self, caller: Caller, query: EntityQuery, page: Page, shadowed: Sequence[Entity], together: Sequence[Entity],
        concerned: Sequence[Match],
    ) -> QueryResult:  # fmt: skip
        """A page of our own entities without the shadowed ones, with the merged ones behind them.

        One query of the store is enough at any offset: of the shadowed entities, so many stand before its window as were
        created before its first entity.
        """
        window = await super().find(caller, query, replace(page, limit=page.limit + 1 + len(shadowed)))
        hidden = {one.id for one in shadowed}
        before = sum(one.sequence < window.entities[0].sequence for one in shadowed) if window.entities else 0
        alone = [one for one in window.entities if one.id not in hidden][before:]
        mine = alone[: page.limit]
        own_total = await self._own_total(caller, query, page, window) if len(alone) <= page.limit or page.count else 0
        number = own_total - len(shadowed)
        start = max(page.offset, number) - number
        theirs = together[start : start + page.limit - len(mine)] if len(alone) <= page.limit else []
        more = len(alone) > page.limit or start + len(theirs) < len(together)
        shown = [kept for one in mine if (kept := without_proxied(one, concerned)) is not None]
        return replace(window, entities=[*shown, *theirs], more=more, total=number + len(together) if page.count else None)

    async def _alone(
        self, caller: Caller, query: EntityQuery, concerned: Sequence[Match], others: Collection[str]
    ) -> list[Entity]:
        """All of our own entities that no source knows, in order of creation, within the budget of a query."""
        found: list[Entity] = []
        most, after, examined, more = self.candidates_max, 0, 0, True
        while more:
            result = await super().find(caller, query, Page(IDS_AT_ONCE, after_sequence=after))
            examined, more = examined + len(result.entities), result.more
            if examined > most:
                raise Refusal("data.query.too_complex", examined=str(examined), budget=str(most))
            after = result.entities[-1].sequence if result.entities else after
            kept = (without_proxied(one, concerned) for one in result.entities if one.id not in others)
            found += [one for one in kept if one is not None]
        return found

    async def _page_by_links(self, caller: Caller, query: EntityQuery, page: Page, candidates: Sequence[Entity]) -> QueryResult:
        """A page of the candidates whose linked entities, here and at sources, are as the condition wants them (4.9)."""
        get_many = partial(self._store.get_many, caller.tenant)
        there = await linked_entities(get_many, candidates, chains(query.condition), self._now(), self.linked_max)
        found = [one for one in candidates if matches(one, query, self._now(), there)]
        end = page.offset + page.limit
        return QueryResult(found[page.offset : end], len(found) if page.count else None, len(found) > end)

    async def _own_total(self, caller: Caller, query: EntityQuery, page: Page, window: QueryResult) -> int:
        if window.total is not None:
            return window.total
        if window.entities or page.offset == 0:
            return page.offset + len(window.entities)
        counted = await super().find(caller, query, Page(limit=1, count=True))
        return counted.total or 0

    def _now(self) -> str:
        return iso(self._time.now())


class _StoreOverSources:
    """The store, but for entities that are linked to: those may be known to sources alone."""

    def __init__(self, own: Entities, view: EntitiesOverSources) -> None:
        self._own: EntityStore = vars(own)["_store"]
        self._view = view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    async def get_many(self, tenant: str, ids: Collection[str]) -> dict[str, Entity]:
        return await self._view.many(await self._own.get_many(tenant, ids), ids)


def _hides(match: Match) -> bool:
    """Whether entities that are left here may not be shown at all, so that pages can't be counted by our own store."""
    return match.registration.mode is Mode.REDIRECT and any(not info.attributes for info in match.information)


def _types_of(entity: Entity | None) -> TypeSelection | None:
    return None if entity is None else TypeSelection(tuple(frozenset({one}) for one in entity.types))


def meant(found: Sequence[Match], csf: Condition | None, now: str) -> list[Match]:
    """Those of the sources that a context source filter means."""
    query = EntityQuery(condition=csf)
    return [one for one in found if csf is None or matches(as_entity(one.registered), query, now)]
