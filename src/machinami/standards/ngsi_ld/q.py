"""The NGSI-LD query language (CIM 009 4.9) to the kernel's tree: recursive descent with a budget, exact error positions.

`;` (AND) binds stronger than `|` (OR); parentheses group. Besides quoted strings, numbers, booleans, date-times and URIs
an unquoted word is read as a string, as clients in the field write it. `relationship{attribute}` leads to linked entities,
`relationship{Type,Type:attribute}` to those of these types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

import re2

from machinami.kernel.errors import Refusal
from machinami.kernel.query import (
    And,
    AttributePath,
    Compare,
    Comparison,
    Condition,
    Exists,
    Instant,
    Link,
    Operand,
    Or,
    Range,
    Scalar,
)
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.cursor import Cursor

TEMPORAL_MEMBERS: Final = frozenset({"observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
SYSTEM_MEMBERS: Final = TEMPORAL_MEMBERS | {"unitCode", "datasetId", "objectType", "instanceId"}
_ENTITY_TIMES: Final = frozenset({"createdAt", "modifiedAt", "expiresAt"})

_OPERATORS: Final = ("!~=", "~=", "==", "!=", ">=", "<=", ">", "<")
_NAME = re.compile(r"[^\s=!<>~;|()\[\]{}\",]+")
_TYPES = re.compile(r"([^\s=!<>~;|()\[\]{}\":]+):(?!//)")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_BARE = re.compile(r"(?:(?!\.\.)[^\s;|()\",])+")


def parse_q(
    text: str,
    context: Context,
    *,
    nodes_max: int = 200,
    pattern_characters_max: int = 512,
    expand_values: frozenset[str] = frozenset(),
    links_max: int = 0,
) -> Condition:
    """The condition that `text` (percent-decoded) says.

    `expand_values` holds expanded attribute names whose string operands are expanded to IRIs too (`expandValues`).
    `links_max` is how far linked entities may lie (5.7.2.4: the `joinLevel` of the request). Patterns are RE2. Raises
    Refusal `ngsi_ld.query.not_valid` (position, reason), `.too_complex`, `.too_deep`, `.pattern_not_valid`;
    `ngsi_ld.name.*` for impossible names.
    """
    return _Parser(text, context, nodes_max, pattern_characters_max, expand_values, links_max).whole()


def read_path(cursor: Cursor, context: Context) -> AttributePath:
    """The attribute path that stands at the cursor, without braces."""
    parser = _Parser("", context, cursor.nodes_max, 0, frozenset(), 0)
    parser.cursor = cursor
    return parser.path()


class _Parser:
    def __init__(
        self, text: str, context: Context, nodes_max: int, pattern_max: int, expand_values: frozenset[str], links_max: int
    ) -> None:
        self.cursor = Cursor("q", text, nodes_max)
        self.context = context
        self.pattern_max = pattern_max
        self.expand_values = expand_values
        self.links_max = links_max

    def whole(self) -> Condition:
        condition = self.any_of(0)
        if self.cursor.peek():
            raise self.cursor.fail(f"{self.cursor.peek()!r} is not expected here")
        return condition

    def any_of(self, depth: int) -> Condition:
        items = self.separated("|", lambda: self.all_of(depth))
        return items[0] if len(items) == 1 else Or(items)

    def all_of(self, depth: int) -> Condition:
        items = self.separated(";", lambda: self.term(depth))
        return items[0] if len(items) == 1 else And(items)

    def separated(self, mark: str, read: Callable[[], Condition]) -> tuple[Condition, ...]:
        items = [read()]
        while self.cursor.take(mark):
            items.append(read())
        return tuple(items)

    def term(self, depth: int) -> Condition:
        cursor = self.cursor
        cursor.spend()
        if cursor.take("("):
            if depth >= 50:
                raise Refusal("ngsi_ld.query.too_complex", language="q", nodes_max=cursor.nodes_max)
            inner = self.any_of(depth + 1)
            if not cursor.take(")"):
                raise cursor.fail("a closing parenthesis is missing")
            return inner
        path = self.path()
        operator = next((one for one in _OPERATORS if cursor.take(one)), None)
        if operator is None:
            return Exists(path)
        comparison = Comparison(operator)
        if comparison in (Comparison.MATCHES, Comparison.NOT_MATCHES):
            return Compare(path, comparison, (self.pattern(),))
        return Compare(path, comparison, self.operands(path, comparison))

    def path(self, links: tuple[Link, ...] = ()) -> AttributePath:
        cursor = self.cursor
        start = cursor.at
        match = _NAME.match(cursor.text, cursor.at)
        if match is None:
            raise cursor.fail("an attribute name is expected")
        cursor.at = match.end()
        names = [match.group()] if "://" in match.group() else match.group().split(".")
        if not all(names):
            raise cursor.fail("a name between dots is empty", start)
        if cursor.take("{"):
            return self.linked_path(names, links)
        members: list[str] = []
        if cursor.take("["):
            end = cursor.text.find("]", cursor.at)
            if end < 0:
                raise cursor.fail("a closing bracket is missing")
            members = cursor.text[cursor.at : end].split(".")
            if not all(members):
                raise cursor.fail("a name between dots is empty")
            cursor.at = end + 1
        name = names[0] if names[0] in _ENTITY_TIMES and len(names) == 1 else self.context.expanded[names[0]]
        sub = tuple(one if one in SYSTEM_MEMBERS else self.context.expanded[one] for one in names[1:])
        return AttributePath(name, sub, tuple(members), links)

    def linked_path(self, names: list[str], links: tuple[Link, ...]) -> AttributePath:
        """What stands in braces behind a Relationship's name."""
        cursor = self.cursor
        cursor.spend()
        if len(names) > 1:
            raise cursor.fail("braces follow the name of a Relationship")
        if len(links) >= self.links_max:
            raise Refusal("ngsi_ld.query.too_deep", language="q", levels=self.links_max)
        types: frozenset[str] = frozenset()
        match = _TYPES.match(cursor.text, cursor.at)
        if match is not None:
            types = frozenset(self.context.expanded[one] for one in match.group(1).split(","))
            cursor.at = match.end()
        path = self.path((*links, Link(self.context.expanded[names[0]], types)))
        if not cursor.take("}"):
            raise cursor.fail("a closing brace is missing")
        return path

    def pattern(self) -> str:
        cursor = self.cursor
        start = cursor.at
        if cursor.peek() == '"':
            pattern = self.quoted()
        else:
            pattern = self.bare_pattern()
        if not pattern:
            raise cursor.fail("a pattern is expected", start)
        check_pattern(pattern, self.pattern_max)
        return pattern

    def bare_pattern(self) -> str:
        """An unquoted pattern ends at `;` or at `|` or `)` outside of its own brackets."""
        text, start, depth = self.cursor.text, self.cursor.at, 0
        at = start
        while at < len(text):
            sign = text[at]
            if sign == "\\":
                at += 1
            elif sign in "([":
                depth += 1
            elif sign in ")]":
                if depth == 0:
                    break
                depth -= 1
            elif sign == ";" or (sign == "|" and depth == 0):
                break
            at += 1
        self.cursor.at = min(at, len(text))
        return text[start : self.cursor.at]

    def operands(self, path: AttributePath, comparison: Comparison) -> tuple[Operand, ...]:
        cursor = self.cursor
        first = self.scalar(path)
        equality = comparison in (Comparison.EQUAL, Comparison.NOT_EQUAL)
        if cursor.text.startswith("..", cursor.at) or cursor.peek() == ",":
            if not equality:
                raise cursor.fail("ranges and lists go with == and != only")
            if cursor.take(".."):
                return (self.range(first, self.scalar(path)),)
        values: list[Operand] = [first]
        while cursor.take(","):
            cursor.spend()
            values.append(self.scalar(path))
        if not equality and isinstance(first, bool):
            raise cursor.fail("true and false can't be ordered")
        return tuple(values)

    def range(self, low: Scalar, high: Scalar) -> Range:
        numbers = all(isinstance(end, (int, float)) and not isinstance(end, bool) for end in (low, high))
        if isinstance(low, bool) or isinstance(high, bool) or not (numbers or type(low) is type(high)):
            raise self.cursor.fail("both ends of a range must be of the same kind")
        return Range(low, high)

    def scalar(self, path: AttributePath) -> Scalar:
        cursor = self.cursor
        start = cursor.at
        temporal = (path.sub[-1] if path.sub else path.name) in TEMPORAL_MEMBERS
        if cursor.peek() == '"':
            text = self.quoted()
            return Instant(text) if temporal else self.word(path, text)
        match = _BARE.match(cursor.text, start)
        if match is None:
            raise cursor.fail("a value is expected")
        cursor.at = match.end()
        return self.literal(path, match.group(), start)

    def literal(self, path: AttributePath, text: str, start: int) -> Scalar:
        if text == "true" or text == "false":
            return text == "true"
        if _NUMBER.fullmatch(text):
            number = float(text) if any(sign in text for sign in ".eE") else int(text)
            if number in (float("inf"), float("-inf")) or (isinstance(number, int) and abs(number) >= 2**63):
                raise self.cursor.fail("the number is too large", start)
            return number
        if _INSTANT.fullmatch(text):
            return Instant(text)
        if text[0] in "<>=!~" or any(sign in text for sign in "=<>"):
            raise self.cursor.fail("a value is expected; put quotes around a text with such signs", start)
        return self.word(path, text)

    def word(self, path: AttributePath, text: str) -> str:
        return self.context.expand_value(text) if path.name in self.expand_values and not path.members else text

    def quoted(self) -> str:
        cursor = self.cursor
        match = _STRING.match(cursor.text, cursor.at)
        if match is None:
            raise cursor.fail("the closing quote is missing")
        try:
            text = str(json.loads(match.group()))
        except ValueError:
            raise cursor.fail("the escape sequence is not JSON's") from None
        cursor.at = match.end()
        return text


def check_pattern(pattern: str, characters_max: int) -> None:
    """Refuse a pattern that is too long or no RE2 (`ngsi_ld.query.pattern_not_valid`)."""
    if len(pattern) > characters_max:
        raise Refusal("ngsi_ld.query.pattern_not_valid", pattern=pattern[:80], reason=f"more than {characters_max} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        raise Refusal("ngsi_ld.query.pattern_not_valid", pattern=pattern[:80], reason=str(error)) from None
