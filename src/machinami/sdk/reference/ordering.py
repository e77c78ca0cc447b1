"""Entity ordering (CIM 009 4.23) read from the text of `orderBy`: entities compared two by two.

What 4.23 leaves open is read so: of several instances the one without datasetId counts, else the first; of a LanguageProperty
its `@none`, English or first text; null and missing values stay last when descending; equals keep the order of creation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from machinami.kernel.entity import VALUE_MEMBER, Entity, Instance
from machinami.sdk.reference.conditions import Expand, read_instant
from machinami.sdk.reference.geometry import distance_m

_KINDS = ("number", "string", "object", "array", "boolean", "Time", "Date", "DateTime", "null", "missing")
_TIMES = ("observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt")
_TERM = re.compile(r"(?P<path>[^;,\[]+)(\[(?P<members>[^\]]+)\])?(;(?P<direction>asc|desc|dist-asc|dist-desc))?(,|$)")
Texts = Callable[[str, str], int]
_MISSING = object()


def comparison(
    order_by: str, expand: Expand, texts: Texts, order_from: str = "", geometry: str = "Point"
) -> Callable[[Entity, Entity], int | None]:
    """A function that says how two entities compare by `orderBy`: below 0 if the first comes first, None if their distances
    are too close to say. `texts` compares two texts by the collation asked for."""
    terms = [one.groupdict() for one in _TERM.finditer(order_by)]

    def compare(one: Entity, other: Entity) -> int | None:
        for term in terms:
            sign = by_distance(term, one, other) if (term["direction"] or "").startswith("dist") else 0
            if sign is None:
                return None
            sign = sign or by_value(term, one, other)
            if sign:
                return sign
        return one.sequence - other.sequence

    def by_distance(term: dict[str, Any], one: Entity, other: Entity) -> int | None:
        places = [_first(each.attributes.get(expand(term["path"]), [])) for each in (one, other)]
        there = [each is not None and each["type"] == "GeoProperty" for each in places]
        if not all(there):
            return there[1] - there[0]
        reference = json.loads(order_from)
        (near, doubt), (far, more) = (distance_m(geometry, reference, each["value"]) for each in places if each)
        if abs(near - far) <= doubt + more:
            return 0 if places[0] == places[1] else None
        return (1 if near > far else -1) * _down(term)

    def by_value(term: dict[str, Any], one: Entity, other: Entity) -> int:
        left, right = (_value(each, term["path"], (term["members"] or "").split("."), expand) for each in (one, other))
        ranks = [_KINDS.index(each[0]) for each in (left, right)]
        if max(ranks) >= _KINDS.index("null"):
            return ranks[0] - ranks[1]
        return _down(term) * _compare(left, right, texts)

    return compare


def _down(term: dict[str, Any]) -> int:
    return -1 if (term["direction"] or "").endswith("desc") else 1


def _first(instances: list[Instance]) -> Instance | None:
    return next((one for one in instances if "datasetId" not in one), instances[0] if instances else None)


def _value(entity: Entity, path: str, members: list[str], expand: Expand) -> tuple[str, Any]:
    """(kind, value) of what a path leads to."""
    first, *rest = path.split(".")
    own = {
        "id": entity.id, "type": list(entity.types), "scope": list(entity.scopes), "createdAt": entity.created_at,
        "modifiedAt": entity.modified_at, "expiresAt": entity.expires_at or _MISSING,
    }  # fmt: skip
    if not rest and members == [""] and first in own:
        value = own[first]
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else value or _MISSING
        return _kind(value, first in _TIMES)
    instance = _first(entity.attributes.get(expand(first), []))
    for name in rest:
        if instance is None:
            return "missing", None
        if name in (*_TIMES, "unitCode", "datasetId", "objectType"):
            return _kind(instance.get(name, _MISSING), name in _TIMES)
        instance = _first(instance.get("attributes", {}).get(expand(name), []))
    return _kind(_inside(instance, members), False) if instance is not None else ("missing", None)


def _inside(instance: Instance, members: list[str]) -> Any:
    value = instance[VALUE_MEMBER[instance["type"]]]
    if instance["type"] in ("Relationship", "ListRelationship") and members != [""]:
        return _MISSING
    if instance["type"] == "LanguageProperty" and members == [""]:
        return value.get("@none", value.get("en", next(iter(value.values()))))
    for name in members if members != [""] else []:
        value = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def _kind(value: Any, is_time: bool) -> tuple[str, Any]:
    if value is _MISSING:
        return "missing", None
    if value is None:
        return "null", None
    if is_time:
        return "DateTime", value
    if isinstance(value, dict):
        kind = value.get("@type")
        return (kind, value["@value"]) if kind in _KINDS[5:8] and isinstance(value.get("@value"), str) else ("object", value)
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return kinds[type(value)], value


def _compare(left: tuple[str, Any], right: tuple[str, Any], texts: Texts) -> int:
    if left[0] != right[0]:
        return _KINDS.index(left[0]) - _KINDS.index(right[0])
    kind, one, other = left[0], left[1], right[1]
    if kind == "string":
        return texts(one, other)
    if kind == "array":
        for each, its in zip(one, other, strict=False):
            sign = _compare(_kind(each, False), _kind(its, False), texts)
            if sign:
                return sign
        return len(one) - len(other)
    if kind in ("Time", "Date", "DateTime"):
        moments = [read_instant(each) for each in (one, other)]
        if moments[0] is None or moments[1] is None:
            known = (moments[0] is None) - (moments[1] is None)
            return known or (one > other) - (one < other)
        return (moments[0] > moments[1]) - (moments[0] < moments[1])
    if kind == "object":
        one, other = (json.dumps(each, sort_keys=True, ensure_ascii=False) for each in (one, other))
    return int(one > other) - int(one < other)
