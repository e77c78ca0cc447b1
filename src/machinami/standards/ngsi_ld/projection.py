"""The attribute projection language (CIM 009 4.21) of `pick` and `omit`: `a,b{c,d{e}}`, where `|` is another comma."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.cursor import Cursor

ENTITY_MEMBERS: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"})
DEPTH_MAX: Final = 50
_NAME = re.compile(r"[^\s,|{};()\[\]\"<>=!~]+")


@dataclass(frozen=True, slots=True)
class Projection:
    """Named members: `names` are those without braces, `linked` what is named within the braces of a Relationship.

    Names are expanded, but for the members of the entity itself.
    """

    names: frozenset[str] = frozenset()
    linked: frozenset[tuple[str, Projection]] = frozenset()

    @property
    def all_names(self) -> frozenset[str]:
        return self.names | {name for name, _ in self.linked}

    @property
    def depth(self) -> int:
        """How many links away the farthest named member is."""
        return max((1 + inner.depth for _, inner in self.linked), default=0)

    def behind(self, relationship: str) -> Projection | None:
        """What is named of the entities that a Relationship leads to."""
        return next((inner for name, inner in self.linked if name == relationship), None)


def parse_projection_tree(text: str, context: Context, language: str = "pick", nodes_max: int = 200) -> Projection:
    """The projection that `text` says. Raises Refusal `ngsi_ld.query.not_valid`, `.too_complex`, `ngsi_ld.name.*`."""
    cursor = Cursor(language, text.strip(), nodes_max)
    found = _terms(cursor, context, 0)
    if cursor.peek():
        raise cursor.fail(f"{cursor.peek()!r} is not expected here")
    return found


def _terms(cursor: Cursor, context: Context, depth: int) -> Projection:
    names: set[str] = set()
    linked: dict[str, Projection] = {}
    while True:
        cursor.spend()
        name = _name(cursor, context)
        if cursor.take("{"):
            if depth >= DEPTH_MAX:
                raise cursor.fail("the braces are nested too deep")
            linked[name] = _merged(linked.get(name), _terms(cursor, context, depth + 1))
            if not cursor.take("}"):
                raise cursor.fail("a closing brace is missing")
        else:
            names.add(name)
        if not (cursor.take(",") or cursor.take("|")):
            return Projection(frozenset(names), frozenset(linked.items()))


def _name(cursor: Cursor, context: Context) -> str:
    while cursor.take(" "):
        pass
    match = _NAME.match(cursor.text, cursor.at)
    if match is None:
        raise cursor.fail("a name is expected")
    cursor.at = match.end()
    while cursor.take(" "):
        pass
    name = match.group()
    return name if name in ENTITY_MEMBERS else context.expanded[name]


def _merged(one: Projection | None, other: Projection) -> Projection:
    if one is None:
        return other
    linked = dict(one.linked)
    for name, inner in other.linked:
        linked[name] = _merged(linked.get(name), inner)
    return Projection(one.names | other.names, frozenset(linked.items()))
