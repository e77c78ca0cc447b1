"""Entity type selection (CIM 009 4.17): `A,B`, `A|B` (any of), `A;B` (all of), with parentheses, in disjunctive form."""

from __future__ import annotations

import re

from machinami.kernel.errors import Refusal
from machinami.kernel.query import TypeSelection
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.cursor import Cursor

_NAME = re.compile(r"[^\s,|;()]+")
Sets = tuple[frozenset[str], ...]


def parse_type_selection(text: str, context: Context, nodes_max: int = 200) -> TypeSelection:
    """The selection that `text` says, names expanded. Raises Refusal `ngsi_ld.query.not_valid` (language `type`),
    `.too_complex` (also when the disjunctive form has more than `nodes_max` sets), `ngsi_ld.name.*`."""
    cursor = Cursor("type", text, nodes_max)
    sets = _any_of(cursor, context, 0)
    if cursor.peek():
        raise cursor.fail(f"{cursor.peek()!r} is not expected here")
    return TypeSelection(sets)


def _any_of(cursor: Cursor, context: Context, depth: int) -> Sets:
    sets = _all_of(cursor, context, depth)
    while cursor.take(",") or cursor.take("|"):
        sets += _all_of(cursor, context, depth)
    return _bounded(cursor, tuple(dict.fromkeys(sets)))


def _all_of(cursor: Cursor, context: Context, depth: int) -> Sets:
    sets = _one(cursor, context, depth)
    while cursor.take(";"):
        right = _one(cursor, context, depth)
        _bounded(cursor, sets, len(right))
        sets = tuple(dict.fromkeys(a | b for a in sets for b in right))
    return sets


def _one(cursor: Cursor, context: Context, depth: int) -> Sets:
    cursor.spend()
    if cursor.peek() == "(" and depth < 50:
        cursor.take("(")
        sets = _any_of(cursor, context, depth + 1)
        if not cursor.take(")"):
            raise cursor.fail("a closing parenthesis is missing")
        return sets
    match = _NAME.match(cursor.text, cursor.at)
    if match is None:
        raise cursor.fail("an entity type is expected")
    cursor.at = match.end()
    return (frozenset({context.expanded[match.group()]}),)


def _bounded(cursor: Cursor, sets: Sets, times: int = 1) -> Sets:
    if len(sets) * times > cursor.nodes_max:
        raise Refusal("ngsi_ld.query.too_complex", language=cursor.language, nodes_max=cursor.nodes_max)
    return sets
