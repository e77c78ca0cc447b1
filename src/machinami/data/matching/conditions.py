"""The query language `q` over one entity (CIM 009 4.9).

A path leads to *targets*, one per attribute instance ("any value of such instances"). A comparison holds if it holds
for one target. What a target offers to compare is a list of candidates: the value itself, or the elements of an array,
of a `valueList` or of a languageMap. `==` asks for one candidate that is equal, `!=` that there is a target and none is;
`>`, `~=` and the like look at a single value (or at any text of a languageMap) of the operand's own data type, so that an
array or another type never matches. A Relationship answers only to `==` and `!=`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any, Final

from machinami.data.matching.linking import objects_behind
from machinami.data.matching.patterns import pattern
from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import VALUE_MEMBER, Attributes, Entity, Instance
from machinami.kernel.query import And, AttributePath, Compare, Comparison, Condition, Exists, Instant, Link, Operand, Or, Range
from machinami.kernel.relationships import objects_of

CORE: Final = "https://uri.etsi.org/ngsi-ld/"
_SYSTEM_MEMBERS: Final = frozenset(
    {"observedAt", "createdAt", "modifiedAt", "expiresAt", "unitCode", "datasetId", "objectType"}
)
_ENTITY_TIMES: Final[dict[str, Callable[[Entity], str | None]]] = {
    "createdAt": lambda entity: entity.created_at or None,
    "modifiedAt": lambda entity: entity.modified_at or None,
    "expiresAt": lambda entity: entity.expires_at,
}
_ORDER: Final[dict[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.GREATER: gt,
    Comparison.GREATER_EQUAL: ge,
    Comparison.LESS: lt,
    Comparison.LESS_EQUAL: le,
}
_DATE_OR_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d[\d:.,]*(?:Z|[+-][\d:]+)?)?|\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-][\d:]+)?", re.ASCII
)
_NONE: Final[tuple[Any, ...]] = ()
Linked = Mapping[str, Entity]
NOTHING_LINKED: Final[Linked] = {}


Values = Sequence[Any]
Target = tuple[Values, Values]
"""One value that a path leads to: the candidates for equality, and the single values for order and patterns."""


def holds(condition: Condition, entity: Entity, linked: Linked = NOTHING_LINKED) -> bool:
    """Whether the entity meets the condition; `linked` holds the entities behind its Relationships, by id."""
    if isinstance(condition, Compare):
        return _compare_holds(condition, entity, linked)
    if isinstance(condition, And):
        return all(holds(item, entity, linked) for item in condition.items)
    if isinstance(condition, Or):
        return any(holds(item, entity, linked) for item in condition.items)
    return _exists(condition, entity, linked)


def _exists(condition: Exists, entity: Entity, linked: Linked) -> bool:
    return next(targets(condition.path, entity, linked), None) is not None


def _compare_holds(condition: Compare, entity: Entity, linked: Linked) -> bool:
    operator, operands = condition.operator, condition.operands
    for candidates, singles in targets(condition.path, entity, linked):
        if operator is Comparison.EQUAL:
            if _any_equal(candidates, operands):
                return True
        elif operator is Comparison.NOT_EQUAL:
            if not _any_equal(candidates, operands):
                return True
        elif _single_holds(operator, singles, operands[0]):
            return True
    return False


def _any_equal(candidates: Values, operands: tuple[Operand, ...]) -> bool:
    return any(equals(value, operand) for value in candidates for operand in operands)


def _single_holds(operator: Comparison, singles: Values, operand: Operand) -> bool:
    if operator in (Comparison.MATCHES, Comparison.NOT_MATCHES):
        if not isinstance(operand, str):
            return False
        texts = [value for value in singles if isinstance(value, str)]
        found = any(pattern(operand).search(text) is not None for text in texts)
        return found if operator is Comparison.MATCHES else bool(texts) and not found
    ordered = _ORDER[operator]
    for value in singles:
        pair = _comparable(value, operand)
        if pair is not None and ordered(*pair):
            return True
    return False


def equals(value: Any, operand: Operand) -> bool:
    """Whether a JSON value equals an operand of the same data type, or lies in its range (both ends included)."""
    if isinstance(operand, Range):
        low = _comparable(value, operand.low)
        high = _comparable(value, operand.high)
        return low is not None and high is not None and bool(low[0] >= low[1]) and bool(high[0] <= high[1])
    pair = _comparable(value, operand)
    return pair is not None and bool(pair[0] == pair[1])


def _comparable(value: Any, operand: Operand) -> tuple[Any, Any] | None:
    """Both sides in one ordered type; None when their data types differ, which never matches (4.9)."""
    if isinstance(operand, Instant):
        return _times(value, operand.text) if isinstance(value, str) else None
    if isinstance(operand, bool) or isinstance(value, bool):
        return (value, operand) if isinstance(operand, bool) and isinstance(value, bool) else None
    if isinstance(operand, int | float):
        return (value, operand) if isinstance(value, int | float) else None
    return (value, operand) if isinstance(operand, str) and isinstance(value, str) else None


def _times(value: str, text: str) -> tuple[Any, Any] | None:
    """Instants in UTC if both carry an offset, else both as text, provided that the value is a date or time at all."""
    if _DATE_OR_TIME.fullmatch(value) is None:
        return None
    left, right = _instant(value), _instant(text)
    if left is not None and right is not None:
        return left, right
    return value, text


@lru_cache(maxsize=8_192)
def _instant(text: str) -> datetime | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None


def targets(path: AttributePath, entity: Entity, linked: Linked = NOTHING_LINKED) -> Iterator[Target]:
    """The targets of a path; none if the element is not there (or the member is not defined in the value)."""
    if path.links:
        yield from _behind(path, path.links[0], entity, linked)
        return
    name = path.name
    if not path.sub and not path.members:
        read = _ENTITY_TIMES.get(name.removeprefix(CORE))
        if read is not None and name not in entity.attributes:
            time = read(entity)
            if time is not None:
                yield (time,), (time,)
            return
    yield from _walk(entity.attributes, name, path.sub, path.members)


def _behind(path: AttributePath, link: Link, entity: Entity, linked: Linked) -> Iterator[Target]:
    rest = replace(path, links=path.links[1:])
    for one in objects_behind(entity, link.name):
        other = linked.get(one)
        if other is not None and (not link.types or not link.types.isdisjoint(other.types)):
            yield from targets(rest, other, linked)


def _walk(attributes: Attributes, name: str, sub: tuple[str, ...], members: tuple[str, ...]) -> Iterator[Target]:
    for instance in attributes.get(name, ()):
        if not sub:
            target = _target(instance, members)
            if target is not None:
                yield target
            continue
        member = sub[0].removeprefix(CORE)
        if member in _SYSTEM_MEMBERS and len(sub) == 1:
            if member in instance and not members:
                yield _plain(instance[member])
        else:
            yield from _walk(instance.get("attributes", {}), sub[0], sub[1:], members)


def _target(instance: Instance, members: tuple[str, ...]) -> Target | None:
    kind = instance["type"]
    value = instance.get(VALUE_MEMBER[kind])
    if kind == "LanguageProperty":
        return _language_target(value, members)
    if kind in ("Relationship", "ListRelationship"):
        return None if members else (objects_of(instance), _NONE)
    for member in members:
        if not isinstance(value, dict) or member not in value:
            return None
        value = value[member]
    return _plain(value)


def _plain(value: Any) -> Target:
    """A JSON value; `{"@type": …, "@value": …}` (annex C.6) stands for its value."""
    if isinstance(value, list):
        return [_untyped(one) for one in value], _NONE
    single = (_untyped(value),)
    return single, single


def _untyped(value: Any) -> Any:
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


def _language_target(value: Any, members: tuple[str, ...]) -> Target | None:
    """One language by its tag, or all of them: without a tag or with `*`; a language may hold several texts."""
    if not isinstance(value, dict) or len(members) > 1:
        return None
    if members and members[0] != "*":
        if members[0] not in value:
            return None
        chosen = [value[members[0]]]
    else:
        chosen = list(value.values())
    texts = [text for one in chosen for text in (one if isinstance(one, list) else (one,))]
    return texts, [one for one in chosen if not isinstance(one, list)]
