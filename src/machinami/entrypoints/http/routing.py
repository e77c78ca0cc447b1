"""Finding the handler of a path: literal segments and `*`, decoded one by one so that ids may hold `/` as `%2F`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import unquote

from machinami.entrypoints.http.messages import Answer, Call, only
from machinami.kernel.errors import Refusal

F = TypeVar("F", bound=Callable[..., Any])
Handler = Callable[[Call], Awaitable[Answer]]
Table = Mapping[str, Mapping[str, Handler]]
"""Handlers by path pattern and method."""
_Pattern = tuple[tuple[tuple[int, str], ...], tuple[int, ...], Mapping[str, Handler]]
"""Literal segments with their places, the places of `*`, and the handlers by method."""


class Routes:
    """Handlers below a prefix. Patterns look like `/entities/*/attrs`; a trailing slash of the request is ignored.

    `open_to_all`: the handlers are called without asking who calls.
    """

    def __init__(self, prefix: str, table: Table, *, open_to_all: bool = False) -> None:
        self.prefix = prefix
        self.open_to_all = open_to_all
        self.table = table
        self._root = prefix.rstrip("/")
        self._by_length: dict[int, list[_Pattern]] = {}
        for pattern, handlers in table.items():
            parts = pattern.strip("/").split("/") if pattern.strip("/") else []
            words = tuple((place, part) for place, part in enumerate(parts) if part != "*")
            stars = tuple(place for place, part in enumerate(parts) if part == "*")
            self._by_length.setdefault(len(parts), []).append((words, stars, handlers))

    def covers(self, raw_path: str) -> bool:
        """Whether a path lies at or below the prefix; `/alarmsx` does not lie below `/alarms`."""
        root = self._root
        return raw_path.startswith(root) and raw_path[len(root) : len(root) + 1] in ("", "/")

    def find(self, method: str, raw_path: str) -> tuple[Handler, tuple[str, ...]]:
        """The handler and what stood for each `*`; Refusal `http.path.unknown` or `http.method.not_allowed`."""
        rest = raw_path[len(self.prefix) :].strip("/")
        parts = rest.split("/") if rest else []
        for words, stars, handlers in self._by_length.get(len(parts), ()):
            for place, word in words:
                if parts[place] != word:
                    break
            else:
                handler = handlers.get(method)
                if handler is None:
                    raise Refusal("http.method.not_allowed", method=method, allowed=", ".join(handlers))
                return handler, tuple([unquote(parts[place]) for place in stars])
        raise Refusal("http.path.unknown", path=raw_path[:200])


def merged(tables: Iterable[Table]) -> Table:
    """One table of several: an area may add methods to a path of another, never take one over."""
    found: dict[str, dict[str, Handler]] = {}
    for table in tables:
        for pattern, handlers in table.items():
            methods = found.setdefault(pattern, {})
            if methods.keys() & handlers.keys():
                raise ValueError(f"two handlers for {pattern}")
            methods.update(handlers)
    return found


def takes(*names: str) -> Callable[[F], F]:
    """Declare the query parameters of a handler: `checked` refuses all others, the API's description lists them."""

    def declare(handler: F) -> F:
        handler.__dict__["takes"] = frozenset(names)
        return handler

    return declare


def taken(handler: Handler) -> frozenset[str] | None:
    """The query parameters that a handler declares; None if it does not say."""
    return getattr(handler, "takes", None)


def checked(table: Table) -> Table:
    """The same handlers, called only with query parameters that they declare; ValueError if one declares none."""
    return {path: {method: _checked(one) for method, one in methods.items()} for path, methods in table.items()}


def _checked(handler: Handler) -> Handler:
    names = taken(handler)
    if names is None:
        raise ValueError(f"{handler} does not say which query parameters it takes")

    @wraps(handler)
    def check(call: Call) -> Awaitable[Answer]:
        if call.query:
            only(call, names)
        return handler(call)

    return check
