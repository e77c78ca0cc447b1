"""Batch operations and purges that registered sources carry out together with this broker.

CIM 009 5.6.7-5.6.10, 5.6.20, 5.6.21.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

import orjson

from machinami.bootstrap.entities_over_sources import meant
from machinami.entrypoints.http.messages import Answer, Call, boolean, json_answer
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.distributed import csf_of
from machinami.entrypoints.http.ngsi_ld.distributed_results import Part, batch_answer, conflict_part, own_part, source_part
from machinami.entrypoints.http.ngsi_ld.distributed_writes import DistributedWrites, Write, piece
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Handler
from machinami.federation.distribution.model import Ask, Origin, Reply, Said, Target
from machinami.federation.distribution.reading import selection
from machinami.federation.distribution.rules import Names, Split, narrowed, offered
from machinami.federation.distribution.service import Sources
from machinami.federation.distribution.speaking import dressed, plain_entity
from machinami.federation.registrations.model import Match, Registered, Wanted
from machinami.kernel.access import require
from machinami.kernel.caller import Role
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.kernel.query import EntityQuery
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context, core_context
from machinami.standards.ngsi_ld.entities import check_entity_id, parse_entity, parse_fragment

BATCHES: Final = {
    "create": "createBatch",
    "upsert": "upsertBatch",
    "update": "updateBatch",
    "merge": "mergeBatch",
    "delete": "deleteBatch",
}


NO_ANSWER_STATUS: Final = 504
_ITEM_ID_MAX: Final = 300
_NARROWED: Final = frozenset({"local", "type", "id", "idPattern", "keep", "drop"})
_WHOLE: Final = frozenset({"createBatch", "upsertBatch", "createEntity", "replaceEntity"})
_LISTS: Final = frozenset({"keep", "drop"})


@dataclass(frozen=True, slots=True)
class Item:
    """One member of a batch with its @context; `split` is None if it can't be read, which our own handler reports."""

    document: Any
    entity_id: str
    context: Context
    split: Split | None


@dataclass(slots=True)
class Consignment:
    """What of a batch goes to one source."""

    registered: Registered
    items: list[tuple[Item, frozenset[str] | None]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The entities it is about."""
        return [item.entity_id for item, _ in self.items]


class DistributedBatches:
    """Wraps handlers of `/entityOperations/…` that write, and of the purge."""

    def __init__(self, sources: Sources, writes: DistributedWrites, negotiator: Negotiator, settings: Settings) -> None:
        self._sources = sources
        self._writes = writes
        self._negotiator = negotiator
        self._settings = settings

    def handlers(self) -> Mapping[tuple[str, str], Callable[[Handler], Handler]]:
        """What wraps the handler of a path and method."""
        batches = {(f"/entityOperations/{name}", "POST"): self._wrap(operation) for name, operation in BATCHES.items()}
        return {**batches, ("/entities", "DELETE"): self._wrap("purgeEntity")}

    def _wrap(self, operation: str) -> Callable[[Handler], Handler]:
        def wrapped(handler: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                if not self._sources.any(call.caller.tenant) or boolean(call, "local"):
                    return await handler(call)
                require(call.caller, Role.WRITER)
                origin = Origin(call.caller.tenant, call.headers)
                if operation == "purgeEntity":
                    return await self._purge(call, origin, handler)
                return await self._batch(call, origin, operation, handler)

            return handle

        return wrapped

    async def _batch(self, call: Call, origin: Origin, operation: str, handler: Handler) -> Answer:
        body = await self._negotiator.body(call)
        most = self._settings.integer("batch_entities_max")
        if not isinstance(body.document, list) or not body.document or len(body.document) > most:
            return await handler(call)
        contexts = await self._negotiator.item_contexts(call, body)
        pairs = zip(body.document, contexts, strict=True)
        items = [await self._item(call, origin, operation, document, context) for document, context in pairs]
        consignments, conflicts = _consigned(items)
        if not consignments and not conflicts:
            return await handler(call)
        if self._sources.loops(origin):
            raise Refusal("federation.operation.loop")
        parts = [await self._own(call, operation, items, handler)]
        parts += await asyncio.gather(*(self._send(call, origin, operation, one) for one in consignments))
        parts += [conflict_part(one.ids, (), one.registered.registration.id, operation) for one in conflicts]
        ids = list(dict.fromkeys(item.entity_id for item in items))
        return batch_answer(parts, ids, _success(operation, ids, parts))

    async def _item(self, call: Call, origin: Origin, operation: str, document: Any, context: Context | MachinamiError) -> Item:
        """Who has which part of one member; none if it can't be read, which our own handler tells."""
        if isinstance(context, MachinamiError):
            return Item(document, _label(document), core_context(), None)
        try:
            write = _write_of(operation, document, context, _singles(operation, call.query.get("options", "")))
        except Refusal:
            return Item(document, _label(document), context, None)
        return Item(document, write.entity_id, context, await self._writes.parts_of(origin, call, write))

    async def _own(self, call: Call, operation: str, items: Sequence[Item], handler: Handler) -> Part:
        """Our part of a batch: what is left of each member after the proxied sources took theirs."""
        ours = [item for item in items if item.split is None or item.split.here]
        if operation == "deleteBatch":
            ours = [item for item in ours if item.split is None or not item.split.proxied or await self._is_here(call, item)]
        ids = [item.entity_id for item in ours]
        if not ours:
            return Part(())
        left = [item.document if item.split is None else piece(item.document, item.context, item.split.local) for item in ours]
        try:
            return own_part(ids, (), await handler(replace(call, body=orjson.dumps(left))))
        except Unavailable:
            raise
        except MachinamiError as error:
            return own_part(ids, (), error)

    async def _is_here(self, call: Call, item: Item) -> bool:
        return bool(await self._writes.known_types(call, item.entity_id))

    async def _send(self, call: Call, origin: Origin, operation: str, consignment: Consignment) -> Part:
        """One source's part: as a batch if it offers batches, else entity by entity."""
        registered = consignment.registered
        registration = registered.registration
        try:
            target = await self._sources.target(registered, consignment.items[0][0].context)
        except MachinamiError as error:
            said: Said = Unavailable("federation.source.no_answer", registration=registration.id, reason=error.code)
            return source_part(consignment.ids, (), registration.id, said)
        if operation in registration.operations:
            query = tuple((name, value) for name, value in call.query.items() if name != "local")
            documents = [_dressed(item, names, target, operation) for item, names in consignment.items]
            ask = Ask("POST", f"/entityOperations/{_word(operation)}", query, documents)
            return _batch_part(consignment.ids, registration.id, await self._sources.ask(target, ask, origin))
        found: list[Part] = []
        over = self._sources.monotonic() + self._sources.limits.timeout_s_max
        for item, names in consignment.items:
            part = await self._singly(call, origin, operation, target, item, names)
            found.append(part)
            silent = part.failure is not None and part.failure["status"] == NO_ANSWER_STATUS
            if silent or self._sources.monotonic() > over:
                rest = consignment.ids[len(found) :]
                late = Unavailable("federation.source.no_answer", registration=registration.id, reason="no time is left")
                found.append(source_part(rest, (), registration.id, late))
                break
        problems = tuple(problem for part in found for problem in part.problems)
        created = tuple(one for part in found for one in part.created)
        return Part(tuple(consignment.ids), problems=problems, created=created)

    async def _singly(
        self, call: Call, origin: Origin, operation: str, target: Target, item: Item, names: frozenset[str] | None
    ) -> Part:
        """A member of a batch for a source that offers only operations on one entity (5.6.7-5.6.10, 5.6.20)."""
        said: Said | None = None
        offers = target.registered.registration.operations
        for single in [one for one in _singles(operation, call.query.get("options", "")) if one in offers]:
            said = await self._sources.ask(target, _single_ask(single, item, names, target, call), origin)
            if single != "createEntity" or operation != "upsertBatch" or not (isinstance(said, Reply) and said.status == 409):
                break
        if said is None:
            return conflict_part((item.entity_id,), (), target.id, operation)
        part = source_part((item.entity_id,), (), target.id, said)
        return replace(part, created=(item.entity_id,)) if isinstance(said, Reply) and said.status == 201 else part

    async def _purge(self, call: Call, origin: Origin, handler: Handler) -> Answer:
        """DELETE /entities (5.6.21): each source purges what it holds of what the query asks for."""
        context = await self._negotiator.link(call)
        query = parameters.entity_query(call.query, context, self._settings)
        wanted = Wanted(query.selectors, frozenset(query.attributes), previous_sources=self._sources.passed(origin))
        concerned = self._filtered(call, self._sources.concerned(origin, wanted), context)
        offering = [one for one in concerned if "purgeEntity" in one.registration.operations]
        refusing = [one for one in concerned if one.registration.proxied and one not in offering]
        if parameters.local_scope(call.query):
            return await handler(call)
        if not offering and not refusing:
            return await handler(call)
        if self._sources.loops(origin):
            raise Refusal("federation.operation.loop")
        parts = [own_part((), (), await handler(call))]
        for said in await asyncio.gather(*(self._purge_at(call, origin, context, query, one) for one in offering)):
            parts += said
        parts += [conflict_part(("",), (), one.registration.id, "purgeEntity") for one in refusing]
        return batch_answer(parts, (), parts[0].answer or Answer(204))

    def _filtered(self, call: Call, found: Sequence[Match], context: Context) -> list[Match]:
        """The sources that the context source filter means (5.6.21: csf)."""
        return meant(found, csf_of(call.query, context, self._settings), "")

    async def _purge_at(self, call: Call, origin: Origin, context: Context, query: EntityQuery, match: Match) -> list[Part]:
        """The purge at one source: of no more entities and attributes than it is registered for."""
        try:
            target = await self._sources.target(match.registered, context, has_body=False)
        except MachinamiError as error:
            name = match.registration.id
            said = Unavailable("federation.source.no_answer", registration=name, reason=error.code)
            return [source_part(("",), (), name, said)]
        rest = tuple((name, value) for name, value in call.query.items() if name not in _NARROWED)
        named = _purged(call.query, context, match)
        if named == frozenset():
            return []
        drop = () if named is None else (("drop", ",".join(target.context.compacted[one] for one in sorted(named))),)
        keep = (("keep", call.query["keep"]),) if named is None and "keep" in call.query else ()
        found: list[Part] = []
        for part in narrowed(query.selectors, match.information):
            ask = Ask("DELETE", "/entities", (*selection(part, target.context), *rest, *drop, *keep))
            found.append(source_part(("",), (), target.id, await self._sources.ask(target, ask, origin)))
        return found


def _purged(values: Mapping[str, str], context: Context, match: Match) -> Names:
    """The attributes to purge at a source; None for whole entities, or for all attributes but those to keep."""
    asked = {
        name: frozenset(context.expanded[one.strip()] for one in values[name].split(",")) for name in _LISTS & values.keys()
    }
    registered = offered(match.information, None)
    if registered is None:
        return asked.get("drop")
    return registered & asked["drop"] if "drop" in asked else registered - asked.get("keep", frozenset())


def _write_of(operation: str, document: Any, context: Context, singles: tuple[str, ...]) -> Write:
    """One member as a write of its own."""
    if operation == "deleteBatch":
        return Write(operation, check_entity_id(document), context, instead=singles)
    if operation in _WHOLE:
        entity = parse_entity(document, context)
        return Write(operation, entity.id, context, frozenset(entity.attributes), entity.types, document, instead=singles)
    merges = operation == "mergeBatch"
    found = parse_fragment(document, context, nulls=merges, partial=merges)
    names = frozenset(found.attributes)
    return Write(operation, check_entity_id(found.id), context, names, found.types, document, instead=singles)


def _label(document: Any) -> str:
    """What our own handler calls a member that it can't read."""
    return str(document.get("id", "") if isinstance(document, dict) else document)[:_ITEM_ID_MAX]


def _consigned(items: Sequence[Item]) -> tuple[list[Consignment], list[Consignment]]:
    """What goes to each source that takes its part or has an operation to take it by, and what nobody may write."""
    sent: dict[str, Consignment] = {}
    stopped: dict[str, Consignment] = {}
    for item in items:
        if item.split is None:
            continue
        for shares, found in ((item.split.shares, sent), (item.split.conflicts, stopped)):
            for share in shares:
                if share.attributes is not None and not share.attributes and not item.split.here:
                    continue
                registration = share.registered.registration.id
                found.setdefault(registration, Consignment(share.registered)).items.append((item, share.attributes))
    return list(sent.values()), list(stopped.values())


def _dressed(item: Item, names: frozenset[str] | None, target: Target, operation: str) -> Any:
    part = piece(item.document, item.context, names)
    if operation in _WHOLE:
        part = plain_entity(part, target, item.context)
    return dressed(part, target, item.context)


def _batch_part(ids: Sequence[str], registration: str, said: Said) -> Part:
    part = source_part(ids, (), registration, said)
    if isinstance(said, Reply) and said.status == 201 and not part.created:
        return replace(part, created=tuple(ids))
    return part


def _word(operation: str) -> str:
    return operation.removesuffix("Batch")


def _singles(operation: str, options: str) -> tuple[str, ...]:
    """The operations on one entity that stand in for a batch, in the order in which they are tried."""
    if operation == "upsertBatch":
        return ("createEntity", "updateEntity" if "update" in options else "replaceEntity")
    if operation == "updateBatch":
        return ("appendAttrs",) if "noOverwrite" in options else ("updateEntity",)
    return {"createBatch": ("createEntity",), "deleteBatch": ("deleteEntity",), "mergeBatch": ("mergeEntity",)}[operation]


def _single_ask(single: str, item: Item, names: frozenset[str] | None, target: Target, call: Call) -> Ask:
    address = f"/entities/{quote(item.entity_id, safe=':')}"
    if single == "deleteEntity":
        return Ask("DELETE", address)
    document = _dressed(item, names, target, single)
    if single == "createEntity":
        return Ask("POST", "/entities", (), document)
    if single == "appendAttrs":
        return Ask("POST", f"{address}/attrs/", (("options", "noOverwrite"),), document)
    if single == "updateEntity":
        return Ask("PATCH", f"{address}/attrs/", (), document)
    query = tuple((name, value) for name, value in call.query.items() if name in ("lang", "observedAt"))
    return Ask("PATCH" if single == "mergeEntity" else "PUT", address, query, document)


def _success(operation: str, ids: Sequence[str], parts: Sequence[Part]) -> Answer:
    if operation == "createBatch":
        return json_answer(list(ids), 201)
    if operation == "upsertBatch":
        created = {one for part in parts for one in part.created}
        return json_answer([one for one in ids if one in created], 201) if created else Answer(204)
    return Answer(204)
