"""Distributed operations around the handlers of one broker (CIM 009 4.3.6): the table of routes with sources behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import update_wrapper
from typing import Any, Final, Protocol, TypeVar

from machinami.entrypoints.http.messages import Answer, Call, boolean
from machinami.entrypoints.http.ngsi_ld.parameters import condition, local_scope
from machinami.entrypoints.http.problems import problem_answer
from machinami.entrypoints.http.routing import Handler, Table
from machinami.federation.distribution.rules import Names
from machinami.federation.distribution.service import Sources
from machinami.kernel.errors import MachinamiError
from machinami.kernel.query import Condition
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context

Wrappers = Mapping[tuple[str, str], Callable[[Handler], Handler]]
WARNING: Final = "ngsild-warning"
_MEMBERS: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"})
_WHOLE: Final = ("q", "georel", "scopeQ", "join", "orderBy", "geometryProperty", "geoQ")


class Warned(Protocol):
    """What collects warnings while a request is answered."""

    warnings: list[str]


V = TypeVar("V", bound=Warned)


def with_sources(table: Table, wrappers: Iterable[Wrappers]) -> Table:
    """The same routes, with those handlers wrapped that sources have a part in; they stay what they are called."""
    found = {path: dict(methods) for path, methods in table.items()}
    for each in wrappers:
        for (path, method), wrap in each.items():
            if method in found.get(path, {}):
                found[path][method] = update_wrapper(wrap(found[path][method]), found[path][method])
    return found


def over_sources(
    sources: Sources, view_of: Callable[[Call], Awaitable[V | None]], handler_over: Callable[[V], Handler]
) -> Callable[[Handler], Handler]:
    """Give a call the handler over what its tenant's sources know too, unless it is limited to what is held here.

    `view_of` tells what the call sees: None if its body limits it.
    """

    def around(handler: Handler) -> Handler:
        def handle(call: Call) -> Awaitable[Answer]:
            return over(call) if sources.any(call.caller.tenant) else handler(call)

        async def over(call: Call) -> Answer:
            if boolean(call, "local") or local_scope(call.query):
                return await handler(call)
            view = await view_of(call)
            return await handler(call) if view is None else await warned(handler_over(view)(call), view)

        return handle

    return around


def csf_of(asked: Mapping[str, Any], context: Context, settings: Settings) -> Condition | None:
    """The context source filter of a request (5.7.2, 5.7.4), None if it has none."""
    if not asked.get("csf"):
        return None
    return condition(str(asked["csf"]), context, settings)


def attributes_asked(asked: Mapping[str, Any], context: Context) -> Names:
    """The attributes that a request is about; None (all of them) where its filters or links need whole entities."""
    listed = asked.get("pick") or asked.get("attrs")
    if not listed or any(asked.get(name) for name in _WHOLE):
        return None
    parts = listed if isinstance(listed, list) else str(listed).split(",")
    names = [one.strip() for one in parts if isinstance(one, str)]
    if any(set(one) & set("{}()|") for one in names):
        return None
    return frozenset(context.expanded[one] for one in names if one and one not in _MEMBERS)


async def warned(answering: Awaitable[Answer], view: Warned) -> Answer:
    """The answer, or the error, with the warnings about sources that are missing from it (6.3.17)."""
    try:
        answer = await answering
    except MachinamiError as error:
        if not view.warnings:
            raise
        answer = problem_answer(error)
    if view.warnings:
        answer.headers[WARNING] = ", ".join(view.warnings)
    return answer
