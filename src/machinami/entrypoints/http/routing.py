"""Finding the handler of a path: literal segments and `*`, decoded one by one so that ids may hold `/` as `%2F`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from machinami.entrypoints.http.messages import Answer, Call
from machinami.kernel.errors import Refusal

Handler = Callable[[Call], Awaitable[Answer]]


class Routes:
    """Handlers below a prefix. Patterns look like `/entities/*/attrs`; a trailing slash of the request is ignored.

    `open_to_all`: the handlers are called without asking who calls.
    """

    def __init__(self, prefix: str, table: Mapping[str, Mapping[str, Handler]], *, open_to_all: bool = False) -> None:
        self.prefix = prefix
        self.open_to_all = open_to_all
        self.table = table
        self._by_length: dict[int, list[tuple[tuple[str, ...], Mapping[str, Handler]]]] = {}
        for pattern, handlers in table.items():
            parts = tuple(pattern.strip("/").split("/")) if pattern.strip("/") else ()
            self._by_length.setdefault(len(parts), []).append((parts, handlers))

    def covers(self, raw_path: str) -> bool:
        """Whether a path lies at or below the prefix; `/alarmsx` does not lie below `/alarms`."""
        root = self.prefix.rstrip("/")
        return raw_path.startswith(root) and raw_path[len(root) : len(root) + 1] in ("", "/")

    def find(self, method: str, raw_path: str) -> tuple[Handler, tuple[str, ...]]:
        """The handler and what stood for each `*`; Refusal `http.path.unknown` or `http.method.not_allowed`."""
        rest = raw_path[len(self.prefix) :].strip("/")
        parts = rest.split("/") if rest else []
        for pattern, handlers in self._by_length.get(len(parts), ()):
            if all(wanted in ("*", part) for wanted, part in zip(pattern, parts, strict=True)):
                handler = handlers.get(method)
                if handler is None:
                    raise Refusal("http.method.not_allowed", method=method, allowed=", ".join(handlers))
                stars = tuple(unquote(part) for wanted, part in zip(pattern, parts, strict=True) if wanted == "*")
                return handler, stars
        raise Refusal("http.path.unknown", path=raw_path[:200])
