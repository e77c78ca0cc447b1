"""Distributed operations around the handlers of one broker (CIM 009 4.3.6): the table of routes with sources behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper

from machinami.entrypoints.http.routing import Handler, Table

Wrappers = Mapping[tuple[str, str], Callable[[Handler], Handler]]


def with_sources(table: Table, wrappers: Iterable[Wrappers]) -> Table:
    """The same routes, with those handlers wrapped that sources have a part in; they stay what they are called."""
    found = {path: dict(methods) for path, methods in table.items()}
    for each in wrappers:
        for (path, method), wrap in each.items():
            if method in found.get(path, {}):
                found[path][method] = update_wrapper(wrap(found[path][method]), found[path][method])
    return found
