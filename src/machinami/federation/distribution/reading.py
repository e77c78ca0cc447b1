"""What sources know of entities: the requests that ask for them, and their answers as versions (CIM 009 5.7.1, 5.7.2)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from machinami.federation.distribution import discovering, rules, speaking
from machinami.federation.distribution.answers import read_entity
from machinami.federation.distribution.merging import Version
from machinami.federation.distribution.model import Ask, Origin, Reply, Said, Target
from machinami.federation.distribution.rules import Names, Narrowed
from machinami.federation.distribution.service import Sources
from machinami.federation.registrations.model import Match, Mode
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.kernel.name_use import NameUse
from machinami.kernel.query import Selector, TypeSelection
from machinami.standards.ngsi_ld.attributes import is_date_time
from machinami.standards.ngsi_ld.contexts import Context

READ_OPERATIONS: Final = frozenset({"retrieveEntity", "queryEntity", "queryBatch"})
QUERY_OPERATIONS: Final = frozenset({"queryEntity", "queryBatch"})
_SYSTEM_TIMES: Final = ("options", "sysAttrs")
_TIMES: Final = ("expiresAt", "createdAt", "modifiedAt")
_ANSWERS: Final = frozenset({200, 203, 206})
_PART: Final = 206
_PICK_SINCE: Final = (1, 8)
_RANGE: Final = re.compile(r"date-?time\s+\S+?Z-(\S+Z)/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """One document of a source's answer about histories, with its @context and the range of time that the answer holds."""

    match: Match
    document: Any
    context: Context
    content_range: str


@dataclass(slots=True)
class Heard:
    """What sources said: versions of entities by id, in the order of their registrations, and what is to be warned of."""

    versions: dict[str, list[Version]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    uses: list[NameUse] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def take(self, other: Heard) -> None:
        """Add what was heard elsewhere."""
        for entity_id, versions in other.versions.items():
            self.versions.setdefault(entity_id, []).extend(versions)
        self.warnings += [one for one in other.warnings if one not in self.warnings]
        self.uses += other.uses
        self.told += other.told


class SourceReader:
    """Asks sources for entities in the names of one request's @context."""

    def __init__(
        self,
        sources: Sources,
        origin: Origin,
        context: Context,
        names: Names,
        style: str = "queryEntity",
        *,
        scoped: bool = True,
    ) -> None:
        """`names` are the attributes that the request is about, None for all; `style` the query operation liked best.

        `scoped`: it is about the scope as well, which has a past like an attribute.
        """
        self._sources = sources
        self._origin = origin
        self._context = context
        self._names = names
        self._style = style
        self._members = ("id", "type", "scope") if scoped else ("id", "type")

    async def entity(self, matches: Sequence[Match], entity_id: str, types: Sequence[str]) -> Heard:
        """What sources know of one entity."""
        kinds = tuple(frozenset({one}) for one in types)
        selector = Selector(TypeSelection(kinds) if kinds else None, frozenset({entity_id}))
        return await self._from_each(matches, (selector,), entity_id)

    async def entities(self, matches: Sequence[Match], selectors: Sequence[Selector]) -> Heard:
        """What sources know of the entities that are selected, filters apart: those need whole entities (4.3.6.7)."""
        return await self._from_each(matches, selectors, "")

    async def uses(self, matches: Sequence[Match], operation: str, name: str) -> Heard:
        """Which types and attributes sources have; `name` is the one that is asked about, empty for all."""
        heard = Heard()
        for one in await asyncio.gather(*(self._uses_of_one(match, operation, name) for match in matches)):
            heard.take(one)
        return heard

    async def _uses_of_one(self, match: Match, operation: str, name: str) -> Heard:
        target = await self._target(match)
        if isinstance(target, Heard):
            return target
        said = await self._sources.ask(target, discovering.discovery(operation, name, target.context), self._origin)
        heard = Heard(warnings=self._warnings(target, said))
        if isinstance(said, Reply) and said.status in _ANSWERS:
            try:
                context = await self._sources.context_of(target, said.document)
                uses = discovering.uses_of(operation, said.document, context)
                heard.uses += discovering.fitting(uses, match.information)
            except (MachinamiError, TypeError, KeyError, ValueError):
                error = Unavailable(
                    "federation.source.not_understood", registration=target.id, reason=f"no answer of {operation}"
                )
                heard.warnings += self._warnings(target, error)
        return heard

    async def histories(
        self, matches: Sequence[Match], selectors: Sequence[Selector], entity_id: str, time: Mapping[str, str],
        *, whole: bool = False,
    ) -> Heard:  # fmt: skip
        """What sources know of the past of one entity, or of those that are selected; `time` is the temporal query (4.11).

        `whole`: all of it and not only a page each; Refusal `federation.temporal.too_long` if that is more than a request
        may take.
        """
        heard = Heard()
        for one in await asyncio.gather(*(self._past_of_one(match, selectors, entity_id, time, whole) for match in matches)):
            heard.take(one)
        return heard

    async def _past_of_one(
        self, match: Match, selectors: Sequence[Selector], entity_id: str, time: Mapping[str, str], whole: bool
    ) -> Heard:
        target = await self._target(match)
        if isinstance(target, Heard):
            return target
        names = rules.offered(match.information, self._names)
        if whole:
            time = {name: text for name, text in time.items() if name != "lastN"}
        heard = Heard()
        if entity_id:
            path = f"/temporal/entities/{quote(entity_id, safe=':')}"
            await self._past_pages(heard, match, target, path, self._projection(target, names), time, whole)
            return heard
        limits = self._sources.limits
        for part in rules.narrowed(selectors, match.information):
            for offset in self._offsets(heard, target):
                page = (("limit", str(limits.page_entities)), ("offset", str(offset)))
                chosen = (*selection(part, target.context), *self._projection(target, names, bool(part.types)))
                told = await self._past_pages(heard, match, target, "/temporal/entities", chosen, time, whole, page)
                if told < limits.page_entities:
                    break
        return heard

    async def _past_pages(
        self, heard: Heard, match: Match, target: Target, path: str, chosen: tuple[tuple[str, str], ...],
        time: Mapping[str, str], whole: bool, page: tuple[tuple[str, str], ...] = (),
    ) -> int:  # fmt: skip
        """Ask for a page of instances, and with `whole` for those behind it; how many entities there are on the first.

        Behind a page the entities that were on it are asked for by id: others may have no instances there.
        """
        over = self._sources.monotonic() + self._sources.patience_s(target)
        number, first, end = -1, len(heard.told), ""
        while True:
            ask = Ask("GET", path, (*chosen, *time.items(), _SYSTEM_TIMES, *page), reads=True)
            before = len(heard.told)
            told = await self._past_page(heard, match, target, ask)
            number = told if number < 0 else number
            reached = range_end(heard.told[-1].content_range) if len(heard.told) > before else ""
            if not whole or not reached:
                return number
            instances = sum(map(_instances, heard.told[first:]))
            if reached == end or self._sources.monotonic() > over or instances > self._sources.limits.instances_max:
                raise Refusal("federation.temporal.too_long", registration=target.id)
            end, time = reached, _behind(time, reached, target)
            heard.told[before:] = [replace(one, content_range="") for one in heard.told[before:]]
            if page and told:
                ids = [one.document["id"] for one in heard.told[before:] if isinstance(one.document, dict)]
                kept = tuple(one for one in chosen if one[0] not in ("id", "idPattern"))
                chosen = (("id", ",".join(map(str, ids))), *kept)
                page = (("limit", str(self._sources.limits.page_entities)),)

    async def _past_page(self, heard: Heard, match: Match, target: Target, ask: Ask) -> int:
        said = await self._sources.ask(target, ask, self._origin)
        heard.warnings += self._warnings(target, said)
        if not isinstance(said, Reply) or said.status not in _ANSWERS:
            return 0
        documents = said.document if isinstance(said.document, list) else [said.document]
        if said.status == _PART and not range_end(said.content_range):
            reason = Unavailable(
                "federation.source.not_understood", registration=target.id, reason="a part of a history without its range"
            )
            heard.warnings += self._warnings(target, reason)
        for document in documents:
            try:
                context = await self._sources.context_of(target, document)
            except MachinamiError as error:
                reason = Unavailable("federation.source.not_understood", registration=target.id, reason=error.code)
                heard.warnings += self._warnings(target, reason)
                continue
            heard.told.append(Told(match, document, context, said.content_range if said.status == _PART else ""))
        return len(documents)

    def not_understood(self, told: Told, reason: str) -> str:
        """The warning about a document that is not what was asked for."""
        registration = told.match.registration.id
        error = Unavailable("federation.source.not_understood", registration=registration, reason=reason)
        return self._sources.warning(self._origin, error) or ""

    async def _target(self, match: Match) -> Target | Heard:
        """The source to speak with, or the warning that its @context can't be had."""
        try:
            return await self._sources.target(match.registered, self._context, has_body=False)
        except MachinamiError as error:
            reason = Unavailable("federation.source.no_answer", registration=match.registration.id, reason=error.code)
            return Heard(warnings=self._warnings(Target(match.registered, self._context), reason))

    async def _from_each(self, matches: Sequence[Match], selectors: Sequence[Selector], entity_id: str) -> Heard:
        heard = Heard()
        for one in await asyncio.gather(*(self._from_one(match, selectors, entity_id) for match in matches)):
            heard.take(one)
        return heard

    async def _from_one(self, match: Match, selectors: Sequence[Selector], entity_id: str) -> Heard:
        target = await self._target(match)
        if isinstance(target, Heard):
            return target
        names = rules.offered(match.information, self._names)
        heard = Heard()
        if entity_id and "retrieveEntity" in match.registration.operations:
            await self._page(heard, match, target, self._retrieval(target, entity_id, names))
            return heard
        parts = rules.narrowed(selectors, match.information)
        for one in await asyncio.gather(*(self._pages(match, target, part, names) for part in parts)):
            heard.take(one)
        return heard

    async def _pages(self, match: Match, target: Target, part: Narrowed, names: Names) -> Heard:
        heard, limits = Heard(), self._sources.limits
        for offset in self._offsets(heard, target):
            number = await self._page(heard, match, target, self._query(match, target, part, names, offset))
            if number < limits.page_entities:
                break
        return heard

    def _offsets(self, heard: Heard, target: Target) -> Iterator[int]:
        """Where the pages of a source begin, as long as it may take: all its pages within the time of one answer."""
        limits = self._sources.limits
        over = self._sources.monotonic() + self._sources.patience_s(target)
        for offset in range(0, limits.entities_max, limits.page_entities):
            if offset and self._sources.monotonic() > over:
                heard.warnings.append(self._sources.overflow_warning(self._origin, target, offset))
                return
            yield offset
        heard.warnings.append(self._sources.overflow_warning(self._origin, target, limits.entities_max))

    async def _page(self, heard: Heard, match: Match, target: Target, ask: Ask) -> int:
        """Ask once; how many documents came."""
        said = await self._sources.ask(target, ask, self._origin)
        heard.warnings += self._warnings(target, said)
        if not isinstance(said, Reply) or said.status not in _ANSWERS:
            return 0
        documents = said.document if isinstance(said.document, list) else [said.document]
        broken = 0
        for document in documents:
            try:
                entity = read_entity(document, await self._sources.context_of(target, document))
            except MachinamiError:
                broken += 1
                continue
            self._keep(heard, match, entity)
        if broken:
            reason = f"{broken} of {len(documents)} entities are no NGSI-LD"
            error = Unavailable("federation.source.not_understood", registration=target.id, reason=reason)
            heard.warnings += self._warnings(target, error)
        return len(documents)

    def _keep(self, heard: Heard, match: Match, entity: Entity) -> None:
        kept = rules.kept_of_answer(entity, match.information)
        if kept is not None:
            version = Version(kept, supplementary=match.registration.mode is Mode.AUXILIARY, source=match.registration.id)
            heard.versions.setdefault(kept.id, []).append(version)

    def _warnings(self, target: Target, said: Said) -> list[str]:
        if isinstance(said, MachinamiError):
            own = self._sources.warning(self._origin, said)
            return [own] if own else []
        if said.status not in _ANSWERS and said.status != 404:
            return [*said.warnings, self._sources.error_warning(self._origin, target, said.status)]
        return list(said.warnings)

    def _retrieval(self, target: Target, entity_id: str, names: Names) -> Ask:
        query = (_SYSTEM_TIMES, *self._projection(target, names))
        return Ask("GET", f"/entities/{quote(entity_id, safe=':')}", query, reads=True)

    def _query(self, match: Match, target: Target, part: Narrowed, names: Names, offset: int) -> Ask:
        page = (("limit", str(self._sources.limits.page_entities)), *((("offset", str(offset)),) if offset else ()))
        offers = match.registration.operations
        if "queryEntity" in offers and not (self._style == "queryBatch" and self._style in offers):
            chosen = (*selection(part, target.context), *self._projection(target, names, bool(part.types)))
            return Ask("GET", "/entities", (*chosen, _SYSTEM_TIMES, *page), reads=True)
        document: dict[str, Any] = {"type": "Query", "entities": _selectors(part, target.context)}
        document |= {name: text.split(",") for name, text in self._projection(target, names, bool(part.types))}
        return Ask("POST", "/entityOperations/query", (_SYSTEM_TIMES, *page), document, reads=True)

    def _projection(self, target: Target, names: Names, filtered: bool = True) -> tuple[tuple[str, str], ...]:
        """The attributes to send, as `pick`; as `attrs` for a source that says it is older than that.

        Also as `attrs` where nothing else narrows a query: it would be too wide (5.7.2.4).
        """
        if names is None:
            return ()
        listed = [target.context.compacted[one] for one in sorted(names)]
        if not filtered or (speaking.conformance(target) or _PICK_SINCE) < _PICK_SINCE:
            return (("attrs", ",".join(listed)),) if listed else ()
        return (("pick", ",".join((*self._members, *listed, *_TIMES))),)


def range_end(content_range: str) -> str:
    """The instant at which the page of instances ends that a Content-Range tells of, empty if it tells none (6.3.10)."""
    found = _RANGE.search(content_range)
    return found[1] if found and is_date_time(found[1]) else ""


def _behind(time: Mapping[str, str], end: str, target: Target) -> dict[str, str]:
    """The temporal query for what follows a page, which is complete up to its end (6.3.10).

    Without `timerel` and `timeproperty` there may be instances without the time that pages are cut by: they would be lost.
    """
    if "timerel" not in time and "timeproperty" not in time:
        raise Refusal("federation.temporal.too_long", registration=target.id)
    begin = iso(parse_instant(end) + timedelta(microseconds=1))
    if time.get("timerel") == "before":
        return {**time, "timerel": "between", "timeAt": begin, "endTimeAt": time["timeAt"]}
    return {**time, "timerel": time.get("timerel", "after"), "timeAt": begin}


def _instances(told: Told) -> int:
    document = told.document if isinstance(told.document, dict) else {}
    return sum(len(body) for body in document.values() if isinstance(body, list))


def selection(part: Narrowed, context: Context) -> tuple[tuple[str, str], ...]:
    """The parameters that select entities at a source."""
    types = _type_text(part.types, context)
    given = (("type", types), ("id", ",".join(part.ids)), ("idPattern", part.id_pattern or ""))
    return tuple((name, text) for name, text in given if text)


def _type_text(types: Iterable[frozenset[str]], context: Context) -> str:
    """A selection of types in the language of 4.17."""
    alternatives = [";".join(context.compacted[one] for one in sorted(kinds)) for kinds in types]
    return ",".join(f"({one})" if ";" in one and len(alternatives) > 1 else one for one in alternatives)


def _selectors(part: Narrowed, context: Context) -> list[dict[str, Any]]:
    types = _type_text(part.types, context)
    base = {"type": types} if types else {}
    if part.ids:
        return [{**base, "id": one} for one in part.ids]
    return [{**base, "idPattern": part.id_pattern}] if part.id_pattern else [base]
