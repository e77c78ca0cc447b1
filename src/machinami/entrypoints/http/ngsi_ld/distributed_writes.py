"""Writes that registered sources carry out together with this broker (CIM 009 4.3.6, the behaviours of 5.6).

Wraps the handlers of provision: they stay what they are and do this broker's part. A tenant without registrations pays
for one look-up. Our part comes first: if our own store can't answer, nothing has been sent anywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

import orjson

from machinami.data.entities.service import Entities
from machinami.entrypoints.http.messages import Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX, location
from machinami.entrypoints.http.ngsi_ld.distributed_results import (
    Part,
    attributes_answer,
    conflict_part,
    entity_answer,
    own_part,
    source_part,
)
from machinami.entrypoints.http.ngsi_ld.negotiation import Negotiator
from machinami.entrypoints.http.routing import Handler
from machinami.federation.distribution.model import Ask, Origin, Reply, Said, Target
from machinami.federation.distribution.rules import Names, Share, Split, split
from machinami.federation.distribution.service import Sources
from machinami.federation.distribution.speaking import dressed, dressed_attribute, plain_entity, renamed_types
from machinami.federation.registrations.model import Mode, Wanted
from machinami.kernel.access import require
from machinami.kernel.caller import Role
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.kernel.query import Selector, TypeSelection
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id, parse_attribute, parse_entity, parse_fragment
from machinami.standards.ngsi_ld.temporal_input import parse_evolution, parse_evolution_fragment

MEMBERS: Final = frozenset(
    {"id", "type", "scope", "expiresAt", "createdAt", "modifiedAt", "deletedAt", "@context", "@id", "@type"}
)
LOOP_STATUS: Final = 508
OF_THE_PAST: Final = frozenset(
    (
        *("upsertTemporal", "deleteTemporal", "appendAttrsTemporal", "deleteAttrsTemporal"),
        *("updateAttrInstanceTemporal", "deleteAttrInstanceTemporal"),
    )
)


@dataclass(frozen=True, slots=True)
class Write:
    """One write on one entity as it came: `document` is None for a deletion, `names` None where it names no attributes.

    `instead` are operations that may stand in for it at a source that does not offer it.
    """

    operation: str
    entity_id: str
    context: Context
    names: Names = None
    types: tuple[str, ...] = ()
    document: Any = None
    attribute: str = ""
    instead: tuple[str, ...] = ()

    @property
    def about_attributes(self) -> bool:
        """Whether its answer speaks of attributes (UpdateResult) and not of the entity."""
        return self.operation in ("appendAttrs", "updateEntity", "updateAttrs", "replaceAttrs", "deleteAttrs")

    def full_name(self, name: str) -> str:
        """An attribute's full name; what a source says is shown as it came where it is no name."""
        try:
            return self.context.expanded[name]
        except MachinamiError:
            return name


class DistributedWrites:
    """Wraps handlers of writes on one entity."""

    def __init__(self, sources: Sources, entities: Entities, negotiator: Negotiator) -> None:
        self._sources = sources
        self._entities = entities
        self._negotiator = negotiator

    def handlers(self) -> Mapping[tuple[str, str], Callable[[Handler], Handler]]:
        """What wraps the handler of a path and method."""
        return {
            ("/entities", "POST"): self._wrap("createEntity", self._created),
            ("/entities/*", "PATCH"): self._wrap("mergeEntity", self._merged),
            ("/entities/*", "PUT"): self._wrap("replaceEntity", self._replaced),
            ("/entities/*", "DELETE"): self._wrap("deleteEntity", self._deleted),
            ("/entities/*/attrs", "POST"): self._wrap("appendAttrs", self._appended),
            ("/entities/*/attrs", "PATCH"): self._wrap("updateEntity", self._updated),
            ("/entities/*/attrs/*", "PATCH"): self._wrap("updateAttrs", self._one_attribute),
            ("/entities/*/attrs/*", "PUT"): self._wrap("replaceAttrs", self._one_attribute),
            ("/entities/*/attrs/*", "DELETE"): self._wrap("deleteAttrs", self._deleted),
            ("/temporal/entities", "POST"): self._wrap("upsertTemporal", self._evolved),
            ("/temporal/entities/*", "DELETE"): self._wrap("deleteTemporal", self._deleted),
            ("/temporal/entities/*/attrs", "POST"): self._wrap("appendAttrsTemporal", self._added),
            ("/temporal/entities/*/attrs/*", "DELETE"): self._wrap("deleteAttrsTemporal", self._deleted),
            ("/temporal/entities/*/attrs/*/*", "PATCH"): self._wrap("updateAttrInstanceTemporal", self._one_instance),
            ("/temporal/entities/*/attrs/*/*", "DELETE"): self._wrap("deleteAttrInstanceTemporal", self._deleted),
        }

    def _wrap(self, operation: str, read: Callable[[Call, str], Any]) -> Callable[[Handler], Handler]:
        def wrapped(handler: Handler) -> Handler:
            def handle(call: Call) -> Awaitable[Answer]:
                return over(call) if self._sources.any(call.caller.tenant) else handler(call)

            async def over(call: Call) -> Answer:
                if boolean(call, "local"):
                    return await handler(call)
                require(call.caller, Role.WRITER)
                return await self._distribute(call, await read(call, operation), handler)

            return handle

        return wrapped

    # --- reading what is to be written

    async def _created(self, call: Call, operation: str) -> Write:
        """POST /entities (5.6.1)."""
        body = await self._negotiator.body(call)
        entity = parse_entity(body.document, body.context)
        return Write(operation, entity.id, body.context, frozenset(entity.attributes), entity.types, body.document)

    async def _replaced(self, call: Call, operation: str) -> Write:
        """PUT /entities/{id} (5.6.18)."""
        body = await self._negotiator.body(call)
        document = body.document
        if isinstance(document, dict) and "id" not in document:
            document = {"id": call.segments[0], **document}
        entity = parse_entity(document, body.context)
        return self._checked(
            call, Write(operation, entity.id, body.context, frozenset(entity.attributes), entity.types, document)
        )

    async def _merged(self, call: Call, operation: str) -> Write:
        """PATCH /entities/{id} (5.6.17)."""
        simplified = not {"simplified", "keyValues"}.isdisjoint(
            (call.query.get("format"), *call.query.get("options", "").split(","))
        )
        return await self._fragment(call, operation, nulls=True, partial=True, simplified=simplified)

    async def _appended(self, call: Call, operation: str) -> Write:
        """POST /entities/{id}/attrs (5.6.3)."""
        return await self._fragment(call, operation, nulls=False)

    async def _updated(self, call: Call, operation: str) -> Write:
        """PATCH /entities/{id}/attrs (5.6.2)."""
        return await self._fragment(call, operation, nulls=True)

    async def _fragment(
        self, call: Call, operation: str, *, nulls: bool, partial: bool = False, simplified: bool = False
    ) -> Write:
        body = await self._negotiator.body(call)
        fragment = parse_fragment(body.document, body.context, nulls=nulls, partial=partial, simplified=simplified)
        names, types = frozenset(fragment.attributes), fragment.types
        entity_id = fragment.id or call.segments[0]
        return self._checked(call, Write(operation, entity_id, body.context, names, types, body.document))

    async def _one_attribute(self, call: Call, operation: str) -> Write:
        """PATCH and PUT /entities/{id}/attrs/{attr} (5.6.4, 5.6.19)."""
        body = await self._negotiator.body(call)
        partial = operation == "updateAttrs"
        name, _ = parse_attribute(call.segments[1], body.document, body.context, nulls=partial, partial=partial)
        return self._checked(call, Write(operation, call.segments[0], body.context, frozenset({name}), (), body.document, name))

    async def _evolved(self, call: Call, operation: str) -> Write:
        """POST /temporal/entities (5.6.11)."""
        body = await self._negotiator.body(call)
        entity_id, given = parse_evolution(body.document, body.context)
        return Write(operation, entity_id, body.context, frozenset(given.attributes), given.types, body.document)

    async def _added(self, call: Call, operation: str) -> Write:
        """POST /temporal/entities/{id}/attrs (5.6.12)."""
        body = await self._negotiator.body(call)
        entity_id, given = parse_evolution_fragment(body.document, body.context)
        names, types = frozenset(given.attributes), given.types
        return self._checked(call, Write(operation, entity_id or call.segments[0], body.context, names, types, body.document))

    async def _one_instance(self, call: Call, operation: str) -> Write:
        """PATCH /temporal/entities/{id}/attrs/{attr}/{instance} (5.6.14)."""
        body = await self._negotiator.body(call)
        name = body.context.expanded[call.segments[1]]
        return self._checked(call, Write(operation, call.segments[0], body.context, frozenset({name}), (), body.document, name))

    async def _deleted(self, call: Call, operation: str) -> Write:
        """Deletions of an entity (5.6.6, 5.6.16), an attribute (5.6.5, 5.6.13) and an instance (5.6.15)."""
        context = await self._negotiator.link(call)
        if len(call.segments) == 1:
            return self._checked(call, Write(operation, call.segments[0], context))
        name = context.expanded[call.segments[1]]
        return self._checked(call, Write(operation, call.segments[0], context, frozenset({name}), (), None, name))

    def _checked(self, call: Call, write: Write) -> Write:
        check_entity_id(call.segments[0])
        if write.entity_id != call.segments[0]:
            raise Refusal("http.body.other_id", path=call.segments[0], body=write.entity_id)
        return write

    # --- carrying it out

    async def _distribute(self, call: Call, write: Write, handler: Handler) -> Answer:
        origin = Origin(call.caller.tenant, call.headers)
        parts = await self.parts_of(origin, call, write)
        if not parts.shares and not parts.conflicts:
            return await handler(call)
        if self._sources.loops(origin):
            raise Refusal("federation.operation.loop")
        own = await self._own(call, write, parts, handler)
        said = await self._ask(call, origin, write, parts.shares)
        ids = (write.entity_id,)
        done = [] if own is None else [own]
        for share, one in zip(parts.shares, said, strict=True):
            if not _already_done_here(share, one):
                names = self._shown(write, share.attributes)
                done.append(source_part(ids, names, share.registered.registration.id, one, write.full_name))
        for share in parts.conflicts:
            registration = share.registered.registration.id
            done.append(conflict_part(ids, self._shown(write, share.attributes), registration, write.operation))
        return self._answer(write, done)

    async def parts_of(self, origin: Origin, call: Call, write: Write) -> Split:
        """Who has which part of a write."""
        types = write.types or await self.known_types(call, write.entity_id)
        alternatives = tuple(frozenset({one}) for one in types)
        selector = Selector(TypeSelection(alternatives) if alternatives else None, frozenset({write.entity_id}))
        wanted = Wanted((selector,), write.names or frozenset(), previous_sources=self._sources.passed(origin))
        concerned = self._sources.concerned(origin, wanted, of_the_past=write.operation in OF_THE_PAST)
        return split(concerned, frozenset((write.operation, *write.instead)), write.names)

    async def known_types(self, call: Call, entity_id: str) -> tuple[str, ...]:
        """The types under which we know an entity: sources of other types have no part in it."""
        try:
            return (await self._entities.retrieve(call.caller, entity_id)).types
        except Refusal:
            return ()

    async def _own(self, call: Call, write: Write, parts: Split, handler: Handler) -> Part | None:
        """Our part; None if we have none, or have nothing to delete of what a source alone may hold."""
        if not parts.here:
            return None
        ours = call
        if write.names is not None and parts.local != write.names:
            ours = replace(call, body=orjson.dumps(_piece(write, parts.local)))
        shown = self._shown(write, parts.local)
        try:
            return own_part((write.entity_id,), shown, await handler(ours))
        except Unavailable:
            raise
        except MachinamiError as error:
            if write.names is None and parts.proxied and error.code == "data.entity.does_not_exist":
                return None
            return own_part((write.entity_id,), shown, error)

    async def _ask(self, call: Call, origin: Origin, write: Write, shares: Sequence[Share]) -> list[Said]:
        requests: list[tuple[Target, Ask]] = []
        unspeakable: dict[int, Said] = {}
        for place, share in enumerate(shares):
            try:
                target = await self._sources.target(share.registered, write.context, has_body=write.document is not None)
                requests.append((target, self._put(call, write, share, target)))
            except MachinamiError as error:
                reason = error.code
                unspeakable[place] = Unavailable(
                    "federation.source.no_answer", registration=share.registered.registration.id, reason=reason
                )
        answers = iter(await self._sources.ask_each(requests, origin))
        return [unspeakable[place] if place in unspeakable else next(answers) for place in range(len(shares))]

    def _put(self, call: Call, write: Write, share: Share, target: Target) -> Ask:
        """The request to one source: the same operation on its part, in its names."""
        given = {name: value for name, value in call.query.items() if name != "local"}
        if "type" in given:
            given["type"] = renamed_types(given["type"], write.context, target.context)
        query = tuple(given.items())
        path = _path(call, write, target)
        if write.document is None:
            return Ask(call.method, path, query)
        if write.attribute:
            return Ask(call.method, path, query, dressed_attribute(write.document, target, write.context))
        part = _piece(write, share.attributes)
        if write.operation in ("createEntity", "replaceEntity"):
            part = plain_entity(part, target, write.context)
        return Ask(call.method, path, query, dressed(part, target, write.context))

    def _shown(self, write: Write, names: Names) -> tuple[str, ...]:
        if not write.about_attributes or names is None:
            return ()
        return tuple(sorted(names))

    def _answer(self, write: Write, parts: Sequence[Part]) -> Answer:
        if write.about_attributes:
            return attributes_answer(parts)
        if write.operation not in ("createEntity", "upsertTemporal"):
            return entity_answer(parts, Answer(204), write.entity_id)
        collection = "entities" if write.operation == "createEntity" else "temporal/entities"
        created = Answer(201, headers={"location": location(f"{PREFIX}/{collection}", write.entity_id)})
        return entity_answer(parts, created, write.entity_id)


def _piece(write: Write, names: Names) -> Any:
    """The document with those attributes alone."""
    return piece(write.document, write.context, names)


def piece(document: Any, context: Context, names: Names) -> Any:
    """An entity or fragment with those attributes alone; its other members stay."""
    if names is None or not isinstance(document, dict):
        return document
    return {name: value for name, value in document.items() if name in MEMBERS or context.expanded[name] in names}


def _path(call: Call, write: Write, target: Target) -> str:
    """The resource at the source: ours, with the attribute under the name it has there."""
    parts = call.path.removeprefix(PREFIX).strip("/").split("/")
    if write.attribute:
        parts[parts.index("attrs") + 1] = quote(target.context.compacted[write.attribute], safe=":")
    return f"/{'/'.join(parts)}{'/' if parts[-1] == 'attrs' else ''}"


def _already_done_here(share: Share, said: Said) -> bool:
    """Whether an inclusive source declined because the request reached it before: it has done its part then."""
    inclusive = share.registered.registration.mode is Mode.INCLUSIVE
    return inclusive and isinstance(said, Reply) and said.status == LOOP_STATUS
