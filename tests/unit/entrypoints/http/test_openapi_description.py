"""The description says what the routes say: every operation, every parameter that a handler takes, nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from machinami.entrypoints.http.app import api_routes
from machinami.entrypoints.http.messages import Answer, Call
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX
from machinami.entrypoints.http.openapi.description import body_of, describe, head, known_parameters, template
from machinami.entrypoints.http.routing import Handler, Routes, checked, taken, takes
from machinami.kernel.caller import development_caller
from machinami.kernel.errors import Refusal
from machinami.kernel.settings import Settings

PAGE = frozenset({"limit", "offset"})


class Anything:
    """Stands for a use case that nobody calls here."""

    def __getattr__(self, name: str) -> Anything:
        return Anything()

    def __call__(self, *_: Any, **__: Any) -> Anything:
        return Anything()


class AnyCore(SimpleNamespace):
    def __getattr__(self, name: str) -> Anything:
        return Anything()


@pytest.fixture(scope="module")
def routes() -> list[Routes]:
    return api_routes(AnyCore(settings=Settings()))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def document(routes: list[Routes]) -> Any:
    return json.loads(json.dumps(describe(routes)))


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]


def test_every_route_is_described_once(routes: list[Routes], document: Any) -> None:
    described = {(method.upper(), re.sub(r"\{\w+\}", "*", path)) for path, method, _ in operations(document)}
    tables = [
        (method, (one.prefix.rstrip("/") + "/" + pattern.strip("/")).rstrip("/"))
        for one in routes
        for pattern, handlers in one.table.items()
        for method in handlers
    ]
    assert described == set(tables)
    assert len(tables) == len(set(tables)) > 60
    ids = [one["operationId"] for _, _, one in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_operation_of_the_standard_names_its_clauses_and_checks_its_parameters(
    routes: list[Routes], document: Any
) -> None:
    for path, method, one in operations(document):
        if path.startswith(PREFIX):
            assert one.get("x-clauses"), (method, path)
            assert one["tags"], (method, path)
    for one_table in routes:
        for pattern, handlers in one_table.table.items() if one_table.prefix == PREFIX else ():
            for method, handler in handlers.items():
                assert taken(handler) is not None, (method, pattern)


def test_every_body_of_the_standard_has_a_schema_and_an_example(routes: list[Routes], document: Any) -> None:
    for one in routes:
        for pattern, handlers in one.table.items() if one.prefix == PREFIX else ():
            for method in {"POST", "PATCH", "PUT"} & handlers.keys():
                schema = body_of(method, pattern)
                assert schema is not None, (method, pattern)
                assert document["components"]["schemas"][schema]["examples"], schema


def test_references_point_to_something_and_path_names_are_parameters(document: Any) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        found = document
        for part in reference.split("/"):
            found = found[part]
    for path, _, one in operations(document):
        named = [row["name"] for row in one["parameters"] if row.get("in") == "path"]
        assert named == re.findall(r"\{(\w+)\}", path)


def test_parameters_are_told_in_both_languages(document: Any) -> None:
    taken = {row["name"] for _, _, one in operations(document) for row in one["parameters"] if row.get("in") == "query"}
    assert taken - known_parameters().keys() == set()
    for name, row in known_parameters().items():
        assert row["en"].isascii(), name
        assert not row["ja"].isascii(), name
        assert row["schema"]["type"] in ("string", "integer"), name


class Handlers:
    """Handlers as others write them."""

    most = 5

    @takes(*PAGE, "q")
    async def listing(self, call: Call) -> Answer:
        """GET /things/{id}/parts (6.1, 5.2.3): all of them."""
        return Answer(200)

    async def free(self, call: Call) -> Answer:
        """GET /things?after=&q=."""
        return Answer(200)

    async def silent(self, call: Call) -> Answer:
        return Answer(200)


def test_head_reads_path_query_and_clauses() -> None:
    said = head(Handlers().listing)
    assert (said.method, said.path, said.query, said.clauses) == (
        "GET", "/things/{id}/parts", (), ("6.1", "5.2.3"),
    )  # fmt: skip
    said = head(Handlers().free)
    assert (said.path, said.query, said.clauses) == ("/things", ("after", "q"), ())
    with pytest.raises(ValueError, match="docstring"):
        head(Handlers().silent)


def test_takes_is_what_the_description_says_and_what_the_check_allows() -> None:
    table = checked({"/things/*/parts": {"GET": Handlers().listing}})
    described = describe([Routes("/", table)])["paths"]["/things/{id}/parts"]["get"]["parameters"]
    assert [row["name"] for row in described if row["in"] == "query"] == ["limit", "offset", "q"]
    assert answered(table["/things/*/parts"]["GET"], limit="1", q="a").status == 200
    with pytest.raises(Refusal) as refused:
        answered(table["/things/*/parts"]["GET"], after="1")
    assert refused.value.code == "http.query.unknown"


def answered(handler: Handler, **query: str) -> Answer:
    async def ask() -> Answer:
        return await handler(Call("GET", "/", development_caller(), {}, query))

    return asyncio.run(ask())


def test_checked_refuses_a_handler_that_does_not_declare() -> None:
    with pytest.raises(ValueError, match="free"):
        checked({"/things": {"GET": Handlers().free}})


def test_template_refuses_a_docstring_of_another_route() -> None:
    assert template("/api/", "/things/*/parts", Handlers().listing) == "/api/things/{id}/parts"
    with pytest.raises(ValueError, match="its route"):
        template("/api/", "/thing/*/parts", Handlers().listing)


def test_problems_are_told_in_the_media_type_they_have(document: Any) -> None:
    for path, _, one in operations(document):
        wanted = "application/json" if path.startswith(PREFIX) else "application/problem+json"
        assert list(one["responses"]["default"]["content"]) == [wanted]
