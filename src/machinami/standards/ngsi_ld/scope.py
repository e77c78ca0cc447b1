"""Scope queries (CIM 009 4.19): `/a/b`, `/a/+/c`, `/a/#`, joined by `;` (all), `,` and `|` (any), with parentheses."""

from __future__ import annotations

import re

from machinami.kernel.errors import Refusal
from machinami.kernel.query import ScopeQuery
from machinami.standards.ngsi_ld.cursor import Cursor

_PATTERN = re.compile(r"/?(?:[^/\s+#,;|()]+|\+)(?:/(?:[^/\s+#,;|()]+|\+))*(?:/#)?|/#")
Patterns = tuple[tuple[str, ...], ...]


def parse_scope_query(text: str, nodes_max: int = 200) -> ScopeQuery:
    """The scope query that `text` says; patterns get a leading slash. Raises Refusal `ngsi_ld.query.not_valid`
    (language `scopeQ`) or `.too_complex`."""
    cursor = Cursor("scopeQ", text, nodes_max)
    patterns = _any_of(cursor, 0)
    if cursor.peek():
        raise cursor.fail(f"{cursor.peek()!r} is not expected here")
    return ScopeQuery(patterns)


def _any_of(cursor: Cursor, depth: int) -> Patterns:
    found = _all_of(cursor, depth)
    while cursor.take(",") or cursor.take("|"):
        found += _all_of(cursor, depth)
    return tuple(dict.fromkeys(found))


def _all_of(cursor: Cursor, depth: int) -> Patterns:
    found = _one(cursor, depth)
    while cursor.take(";"):
        right = _one(cursor, depth)
        if len(found) * len(right) > cursor.nodes_max:
            raise Refusal("ngsi_ld.query.too_complex", language=cursor.language, nodes_max=cursor.nodes_max)
        found = tuple(tuple(dict.fromkeys(a + b)) for a in found for b in right)
    return found


def _one(cursor: Cursor, depth: int) -> Patterns:
    cursor.spend()
    if cursor.peek() == "(" and depth < 50:
        cursor.take("(")
        found = _any_of(cursor, depth + 1)
        if not cursor.take(")"):
            raise cursor.fail("a closing parenthesis is missing")
        return found
    match = _PATTERN.match(cursor.text, cursor.at)
    if match is None:
        raise cursor.fail("a scope such as /a/b, /a/+/c or /a/# is expected")
    cursor.at = match.end()
    pattern = match.group()
    return ((pattern if pattern.startswith("/") else f"/{pattern}",),)
