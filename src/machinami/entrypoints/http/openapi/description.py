"""Routes → OpenAPI 3.1: the route tables say what exists, the handlers' docstrings what it is called and by which clause.

Nothing is written down twice. A handler's docstring begins with `METHOD /path/{id}?query= (clauses)`. The query
parameters of the NGSI-LD API are those that a handler declares with `takes`, by which all others are refused; elsewhere
they are those of the docstring. What a parameter or a body looks like stands in `parameters.json` and `bodies.json`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from machinami import __version__
from machinami.entrypoints.http.messages import JSON, Answer, Call, json_answer
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX
from machinami.entrypoints.http.ngsi_ld.negotiation import body_types
from machinami.entrypoints.http.problems import problem_type
from machinami.entrypoints.http.routing import Handler, Routes, taken

_HEAD: Final = re.compile(
    r"(?P<method>[A-Z]+) (?P<path>/(?:[^\s?;,]*[^\s?;,.:])?)(?:\?(?P<query>[\w=&]*))?(?: \((?P<clauses>[\d., ]+)\))?"
)
_NAME: Final = re.compile(r"\{(\w+)\}")
_UNTOLD: Final = {"schema": {"type": "string"}, "en": "", "ja": ""}
METHODS_WITH_BODY: Final = ("POST", "PATCH", "PUT")


@dataclass(frozen=True, slots=True)
class Head:
    """What the first line of a handler's docstring says."""

    method: str
    path: str
    query: tuple[str, ...]
    clauses: tuple[str, ...]


def head(handler: Handler) -> Head:
    """The head of a handler's docstring; ValueError if it has none."""
    found = _HEAD.match(inspect.getdoc(handler) or "")
    if found is None:
        raise ValueError(f"{_name(handler)}: its docstring must begin with METHOD /path")
    query = tuple(part.rstrip("=") for part in (found["query"] or "").split("&") if part)
    clauses = tuple(part.strip() for part in (found["clauses"] or "").split(",") if part.strip())
    return Head(found["method"], found["path"], query, clauses)


@cache
def _words(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files(__package__).joinpath(name).read_text("utf-8"))
    return found


def known_parameters() -> Mapping[str, Any]:
    """Schema and texts by parameter."""
    return _words("parameters.json")


def body_of(method: str, pattern: str) -> str | None:
    """The name of the schema of a request body of the NGSI-LD API, by the route's pattern."""
    name: str | None = _words("bodies.json")["operations"].get(f"{method} {pattern}")
    return name


def describe(all_routes: Sequence[Routes]) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    for routes in all_routes:
        for pattern, handlers in routes.table.items():
            for method, handler in handlers.items():
                path = template(routes.prefix, pattern, handler)
                operation = _operation(method, path, handler, open_to_all=routes.open_to_all)
                paths.setdefault(path, {})[method.lower()] = operation
                tags.setdefault(operation["tags"][0], _about(handler))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Machinami",
            "version": __version__,
            "summary": "NGSI-LD (ETSI GS CIM 009 V1.9.1) and the APIs of the console",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {
            "schemas": _words("bodies.json")["schemas"],
            "parameters": _words("headers.json"),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def template(prefix: str, pattern: str, handler: Handler) -> str:
    """The path with the names that the docstring gives to its `*`; ValueError if the two don't agree."""
    names = iter(_NAME.findall(head(handler).path))
    path = re.sub(r"\*", lambda _: "{" + next(names, "?") + "}", prefix.rstrip("/") + "/" + pattern.strip("/")).rstrip("/")
    if not path.endswith(head(handler).path.rstrip("/")):
        raise ValueError(f"{_name(handler)}: its docstring says {head(handler).path}, its route {path}")
    return path


def _operation(method: str, path: str, handler: Handler, *, open_to_all: bool) -> dict[str, Any]:
    said = head(handler)
    if said.method != method:
        raise ValueError(f"{_name(handler)}: its docstring says {said.method}, its route {method}")
    text = " ".join((inspect.getdoc(handler) or "").split())
    operation: dict[str, Any] = {
        "operationId": _name(handler),
        "tags": [_tag(handler)],
        "summary": f"{method} {said.path}",
        "description": text,
        "parameters": _parameters(path, handler, said),
        "responses": {
            "2XX": {"description": "It is done, or here it is."},
            "default": {
                "description": "It was refused; the problem says why and what to do.",
                "content": {problem_type(path): {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }
    if said.clauses:
        operation["x-clauses"] = list(said.clauses)
    if method in METHODS_WITH_BODY:
        operation["requestBody"] = _body(method, path)
    if open_to_all:
        operation["security"] = []
    return operation


def _parameters(path: str, handler: Handler, said: Head) -> list[dict[str, Any]]:
    named: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, **_example(name)}}
        for name in _NAME.findall(path)
    ]
    declared = taken(handler)
    for name in sorted(said.query if declared is None else declared):
        row = known_parameters().get(name, _UNTOLD)
        named.append({"name": name, "in": "query", "schema": row["schema"], "description": row["en"], "x-ja": row["ja"]})
    if path.startswith(PREFIX):
        named += [{"$ref": f"#/components/parameters/{name}"} for name in _words("headers.json")]
    return named


def _example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = _words("bodies.json")["paths"].get(name, {})
    return found


def _body(method: str, path: str) -> dict[str, Any]:
    ngsi_ld = path.startswith(PREFIX)
    media_types = body_types(method) if ngsi_ld else (JSON,)
    schema = body_of(method, _NAME.sub("*", path.removeprefix(PREFIX))) or "Any"
    content = {one: {"schema": {"$ref": f"#/components/schemas/{schema}"}} for one in media_types}
    return {"required": ngsi_ld, "content": content}


def _name(handler: Handler) -> str:
    return f"{_tag(handler)}.{getattr(handler, '__name__', 'handler')}"


def _tag(handler: Handler) -> str:
    return str(getattr(handler, "__qualname__", "")).partition(".")[0].removesuffix("Handlers") or "Other"


def _about(handler: Handler) -> str:
    module = inspect.getmodule(handler)
    return (inspect.getdoc(module) or "").partition("\n")[0]


class DescriptionHandlers:
    """Serves the description of `routes` and of itself."""

    def __init__(self, routes: Sequence[Routes]) -> None:
        self._routes = (*routes, Routes("/openapi.json", {"/": {"GET": self.description}}, open_to_all=True))
        self._document: dict[str, Any] | None = None

    def all_routes(self) -> list[Routes]:
        """The described routes, this one last."""
        return list(self._routes)

    async def description(self, _: Call) -> Answer:
        """GET /openapi.json: this description (OpenAPI 3.1), made at the first request."""
        if self._document is None:
            self._document = await asyncio.to_thread(describe, self._routes)
        return json_answer(self._document)
