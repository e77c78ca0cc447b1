"""Snapshots: clauses 6.36-6.38 over 5.16, and the header that puts an operation on one of them (6.3.22)."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from machinami.data.matching.conditions import holds
from machinami.data.snapshots.documents import status_document
from machinami.data.snapshots.model import Snapshot
from machinami.data.snapshots.service import Snapshots
from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld import parameters
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX, location
from machinami.entrypoints.http.ngsi_ld.negotiation import Body, Negotiator
from machinami.entrypoints.http.ngsi_ld.snapshot_steps import read_step
from machinami.entrypoints.http.problems import problem_answer
from machinami.entrypoints.http.routing import Handler, Table, takes
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.query import Condition, conditions
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id
from machinami.standards.ngsi_ld.snapshots import MEMBERS, OUTPUT, QUERIES, Use, read_snapshot

HEADER: Final = "ngsild-snapshot"
ON_SNAPSHOTS: Final = ("/entities", "/entityOperations", "/types", "/attributes", "/subscriptions", "/temporal", "/entityMaps")
"""Resources of the Core API and the Temporal API (table 4.3.5-1)."""
WORDS: Final = Context({}, "https://uri.etsi.org/ngsi-ld/", None)
"""Names of members, as a purge's query says them: `id` and `type` among them."""
_TIMES: Final = ("createdAt", "modifiedAt", "expiresAt")


class SnapshotHandlers:
    """Handlers of `/snapshots`, `/snapshots/{id}` and `/snapshots/{id}/clone`."""

    def __init__(self, snapshots: Snapshots, negotiator: Negotiator, settings: Settings) -> None:
        self._snapshots = snapshots
        self._negotiator = negotiator
        self._settings = settings

    def routes(self) -> Table:
        return {
            "/snapshots": {"POST": self.create, "DELETE": self.purge},
            "/snapshots/*": {"GET": self.retrieve, "PATCH": self.update, "DELETE": self.delete},
            "/snapshots/*/clone": {"POST": self.clone},
        }

    @takes("local")
    async def create(self, call: Call) -> Answer:
        """POST /snapshots (6.36.3.1, 5.16.1)."""
        body = await self._negotiator.body(call)
        members = read_snapshot(body.document, Use.CREATE)
        most = self._settings.integer("snapshot_queries_max")
        documents = [one for name in QUERIES for one in members.get(name, ())]
        if len(documents) > most:
            raise Refusal("http.batch.too_many", given=str(len(documents)), most=str(most))
        steps = [read_step(one, body.context, self._settings) for one in documents]
        return _created(await self._snapshots.create(call.caller, members, steps))

    @takes("local")
    async def clone(self, call: Call) -> Answer:
        """POST /snapshots/{id}/clone (6.38.3.1, 5.16.2)."""
        snapshot_id = check_entity_id(call.segments[0])
        body = await self._negotiator.body(call)
        return _created(await self._snapshots.clone(call.caller, snapshot_id, read_snapshot(body.document, Use.CLONE)))

    @takes("local")
    async def retrieve(self, call: Call) -> Answer:
        """GET /snapshots/{id} (6.37.3.1, 5.16.3)."""
        context = await self._negotiator.link(call)
        found = await self._snapshots.retrieve(call.caller, check_entity_id(call.segments[0]))
        return self._negotiator.answer(call, status_document(found), context)

    @takes("local")
    async def update(self, call: Call) -> Answer:
        """PATCH /snapshots/{id} (6.37.3.2, 5.16.4)."""
        snapshot_id = check_entity_id(call.segments[0])
        body: Body = await self._negotiator.body(call)
        changed = await self._snapshots.update(call.caller, snapshot_id, read_snapshot(body.document, Use.UPDATE))
        return self._negotiator.answer(call, status_document(changed), body.context)

    @takes("local")
    async def delete(self, call: Call) -> Answer:
        """DELETE /snapshots/{id} (6.37.3.3, 5.16.5)."""
        await self._snapshots.delete(call.caller, check_entity_id(call.segments[0]))
        return Answer(204)

    @takes("local", "q")
    async def purge(self, call: Call) -> Answer:
        """DELETE /snapshots (6.36.3.2, 5.16.7): those that fit a query on members of the Snapshot."""
        if not call.query.get("q"):
            raise Refusal("http.query.incomplete", given="purge", missing="q")
        condition = self._condition(call.query["q"])
        await self._snapshots.purge(call.caller, lambda one: holds(condition, _as_entity(one)))
        return Answer(204)

    def _condition(self, text: str) -> Condition:
        condition = parameters.condition(text, WORDS, self._settings)
        allowed = {_name(member) for member in (*MEMBERS, *OUTPUT)} | set(_TIMES)
        if any(one.path.name not in allowed or one.path.links for one in conditions(condition)):
            raise Refusal("http.query.not_valid", name="q", value=text[:50], wanted="members of a snapshot")
        return condition


def on_snapshots(table: Table, snapshots: Snapshots) -> Table:
    """The same handlers, which a call with the header `NGSILD-Snapshot` finds working on that snapshot (5.5.15, 6.3.22)."""
    return {
        path: {
            method: handler if path.startswith("/snapshots") else _scoped(handler, path, snapshots)
            for method, handler in methods.items()
        }
        for path, methods in table.items()
    }


def _scoped(handler: Handler, path: str, snapshots: Snapshots) -> Handler:
    offered = path.startswith(ON_SNAPSHOTS)

    @wraps(handler)
    def scoped(call: Call) -> Awaitable[Answer]:
        named = call.headers.get(HEADER)
        return handler(call) if named is None else on(named, call)

    async def on(named: str, call: Call) -> Answer:
        try:
            if not offered:
                raise Refusal("data.snapshot.operation_not_supported", operation=f"{call.method} {path}")
            caller = await snapshots.enter(call.caller, check_entity_id(named))
            answer = await handler(replace(call, caller=caller))
        except MachinamiError as error:
            answer = problem_answer(error)
        answer.headers[HEADER] = named
        return answer

    return scoped


def _created(one: Snapshot) -> Answer:
    return Answer(201, headers={"location": location(f"{PREFIX}/snapshots", one.id)})


def _name(member: str) -> str:
    return WORDS.expanded[member]


def _as_entity(one: Snapshot) -> Entity:
    """The status as something that a query can look at: its members are Properties."""
    document = status_document(one)
    times = {name: str(document.pop(name)) for name in _TIMES}
    attributes: dict[str, Any] = {_name(name): [{"type": "Property", "value": value}] for name, value in document.items()}
    return Entity(one.id, ("Snapshot",), attributes, (), times["createdAt"], times["modifiedAt"], times["expiresAt"])
