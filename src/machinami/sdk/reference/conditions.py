"""The query language `q` (CIM 009 4.9) read from its text and decided on one entity.

`;` binds stronger than `|`. An element that a path names has one *target* per attribute instance; a term holds if it holds
for any of them. What 4.9 leaves open is read so: a term without a language looks at every language of a LanguageProperty; a
text that is written as a date or time is compared with a date or time as an instant if both carry an offset, else as text;
`{"@type", "@value"}` stands for its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from machinami.kernel.entity import VALUE_MEMBER, Entity, Instance

Expand = Callable[[str], str]
Test = Callable[[Entity], bool]

_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<operator>!~=|~=|==|!=|>=|<=|>|<)|(?P<dots>\.\.)|(?P<mark>[;|(),\[\]{}])'
    r'|(?P<word>(?:(?!\.\.)[^\s;|(),\[\]{}"=!<>~])+)'
)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.,]+(Z|[+-][0-9:]+)?)?|[0-9]{2}:[0-9]{2}(:[0-9.,]+)?(Z|[+-][0-9:]+)?)")
_TIMES = ("observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt")
_MEMBERS = (*_TIMES, "unitCode", "datasetId", "objectType", "instanceId")


@dataclass(frozen=True)
class _Moment:
    text: str


@dataclass(frozen=True)
class _Between:
    low: Any
    high: Any


@dataclass(frozen=True)
class _Target:
    """Where a path leads: its values (several for an array), and those that stand alone and so can be ordered or matched."""

    values: list[Any]
    alone: list[Any]


def condition(text: str, expand: Expand, city: Mapping[str, Entity]) -> Test:
    """What `text` asks of an entity; `expand` makes IRIs of attribute names, `city` holds the entities that can be linked."""
    tokens = [(str(one.lastgroup), one.group()) for one in _TOKEN.finditer(text)]
    reader = _Reader(tokens, expand, city)
    test = reader.any_of()
    if reader.tokens or "".join(one for _, one in tokens) != text:
        raise ValueError(f"no query: {text}")
    return test


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], expand: Expand, city: Mapping[str, Entity]) -> None:
        self.tokens = list(tokens)
        self.expand = expand
        self.city = city

    def next_is(self, text: str) -> bool:
        if self.tokens and self.tokens[0][1] == text:
            self.tokens.pop(0)
            return True
        return False

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.next_is("|"):
            tests.append(self.all_of())
        return lambda entity: any(test(entity) for test in tests)

    def all_of(self) -> Test:
        tests = [self.term()]
        while self.next_is(";"):
            tests.append(self.term())
        return lambda entity: all(test(entity) for test in tests)

    def term(self) -> Test:
        if self.next_is("("):
            inner = self.any_of()
            if not self.next_is(")"):
                raise ValueError("a parenthesis is open")
            return inner
        word = self.tokens.pop(0)[1]
        links: list[tuple[str, list[str]]] = []
        while self.next_is("{"):
            kinds, name = self.within()
            links.append((self.expand(word), kinds))
            word = name
        names = [word] if "://" in word else word.split(".")
        members: list[str] = []
        if self.next_is("["):
            members = self.tokens.pop(0)[1].split(".")
            self.next_is("]")
        for _ in links:
            if not self.next_is("}"):
                raise ValueError("a brace is open")

        def targets(entity: Entity) -> list[_Target]:
            found = _linked([entity], links, self.city)
            return [target for one in found for target in _targets(one, names, members, self.expand)]

        if not self.tokens or self.tokens[0][0] != "operator":
            return lambda entity: bool(targets(entity))
        operator = self.tokens.pop(0)[1]
        operands = self.operands(temporal=names[-1] in _TIMES, pattern="~" in operator)
        return lambda entity: any(_holds(target, operator, operands) for target in targets(entity))

    def within(self) -> tuple[list[str], str]:
        """(types, name) behind an opening brace: `name`, `Type:name` or `Type,Type:name`."""
        words = [self.tokens.pop(0)[1]]
        while self.next_is(","):
            words.append(self.tokens.pop(0)[1])
        *kinds, last = words
        if ":" in last:
            kind, last = last.split(":")
            kinds.append(kind)
        return [self.expand(one) for one in kinds], last

    def operands(self, *, temporal: bool, pattern: bool) -> list[Any]:
        first = self.operand(temporal, pattern)
        if self.next_is(".."):
            return [_Between(first, self.operand(temporal, pattern))]
        found = [first]
        while self.next_is(","):
            found.append(self.operand(temporal, pattern))
        return found

    def operand(self, temporal: bool, pattern: bool) -> Any:
        kind, text = self.tokens.pop(0)
        if kind == "quoted":
            unquoted = json.loads(text)
            return _Moment(unquoted) if temporal and not pattern else unquoted
        if text in ("true", "false"):
            return text == "true"
        if _NUMBER.fullmatch(text):
            return json.loads(text)
        return _Moment(text) if _TIME.fullmatch(text) else text


def _linked(entities: list[Entity], links: list[tuple[str, list[str]]], city: Mapping[str, Entity]) -> list[Entity]:
    """The entities at the end of a chain of Relationships."""
    for name, kinds in links:
        instances = [one for entity in entities for one in entity.attributes.get(name, [])]
        objects = [
            each for one in instances if one["type"].endswith("Relationship") for target in [_target(one, [])] if target
            for each in target.values
        ]  # fmt: skip
        entities = [city[one] for one in objects if one in city]
        entities = [one for one in entities if not kinds or set(kinds) & set(one.types)]
    return entities


def _targets(entity: Entity, names: list[str], members: list[str], expand: Expand) -> list[_Target]:
    own = {"createdAt": entity.created_at, "modifiedAt": entity.modified_at, "expiresAt": entity.expires_at}
    if len(names) == 1 and names[0] in own:
        return [_Target([own[names[0]]], [own[names[0]]])] if own[names[0]] and not members else []
    instances = entity.attributes.get(expand(names[0]), [])
    for place, name in enumerate(names[1:], start=1):
        if name in _MEMBERS:
            last = place == len(names) - 1 and not members
            return [_Target([one[name]], [one[name]]) for one in instances if name in one] if last else []
        instances = [sub for one in instances for sub in one.get("attributes", {}).get(expand(name), [])]
    return [target for one in instances if (target := _target(one, members)) is not None]


def _target(instance: Instance, members: list[str]) -> _Target | None:
    kind = instance["type"]
    value = instance.get(VALUE_MEMBER[kind])
    if kind in ("Relationship", "ListRelationship"):
        objects = value if isinstance(value, list) else [value]
        plain = [one["object"] if isinstance(one, dict) else one for one in objects]
        return None if members else _Target(plain, [])
    if kind == "LanguageProperty":
        return _language(value, members)
    for member in members:
        if not isinstance(value, dict) or member not in value:
            return None
        value = value[member]
    if isinstance(value, list):
        return _Target([_bare(one) for one in value], [])
    return _Target([_bare(value)], [_bare(value)])


def _language(value: Any, members: list[str]) -> _Target | None:
    if members not in ([], ["*"]):
        value = {members[0]: value[members[0]]} if len(members) == 1 and members[0] in value else {}
    texts = list(value.values())
    if not texts and members not in ([], ["*"]):
        return None
    flat = [text for one in texts for text in (one if isinstance(one, list) else [one])]
    return _Target(flat, [one for one in texts if isinstance(one, str)])


def _bare(value: Any) -> Any:
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


def _holds(target: _Target, operator: str, operands: list[Any]) -> bool:
    if operator in ("==", "!="):
        equal = any(_equal(value, operand) for value in target.values for operand in operands)
        return equal if operator == "==" else not equal
    if operator in ("~=", "!~="):
        texts = [one for one in target.alone if isinstance(one, str)]
        found = any(re.search(operands[0], one) for one in texts)
        return found if operator == "~=" else bool(texts) and not found
    signs = {">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[operator]
    return any(_compared(value, operands[0]) in signs for value in target.alone)


def _equal(value: Any, operand: Any) -> bool:
    if isinstance(operand, _Between):
        return _compared(value, operand.low) in (0, 1) and _compared(value, operand.high) in (-1, 0)
    return _compared(value, operand) == 0


def _compared(value: Any, operand: Any) -> int | None:
    """-1, 0 or 1; None for values of two kinds, which are unequal and in no order."""
    if isinstance(operand, _Moment):
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            return None
        left, right = read_instant(value), read_instant(operand.text)
        if left is None or right is None:
            return (value > operand.text) - (value < operand.text)
        return (left > right) - (left < right)
    if _kind(value) is None or _kind(value) is not _kind(operand):
        return None
    return int(value > operand) - int(value < operand)


def _kind(value: Any) -> type | None:
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def read_instant(text: str) -> datetime | None:
    """A moment with an offset, None for other texts."""
    try:
        read = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return None
    return read if read.tzinfo else None
