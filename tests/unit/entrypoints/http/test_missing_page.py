"""An address without a page: a page for people, a problem document for programs."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from machinami.entrypoints.http.app import _http_problem
from machinami.entrypoints.http.errors import ROWS
from machinami.kernel.error_texts import ERRORS, register


@pytest.fixture(autouse=True)
def texts() -> None:
    if "http.path.unknown" not in ERRORS:
        register(ROWS)


def asked(accept: str, path: str = "/nosuchpage", method: str = "GET") -> Request:
    headers = [(b"accept", accept.encode()), (b"accept-language", b"en")]
    return Request({"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers})


async def test_http_problem_is_a_page_when_a_browser_asks() -> None:
    answer = await _http_problem(asked("text/html,application/xhtml+xml,*/*;q=0.8"), HTTPException(404))
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert b"Page not found" in answer.body
    assert b'"path": "/nosuchpage"' in answer.body


async def test_http_problem_is_json_when_a_program_asks() -> None:
    for request in (
        asked("*/*"),
        asked("application/json"),
        asked("text/html", method="POST"),
        asked("text/html", "/static/x/a.js"),
    ):
        answer = await _http_problem(request, HTTPException(404))
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("application/problem+json")
