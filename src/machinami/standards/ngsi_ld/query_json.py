"""Typed queries and subscriptions as plain JSON, for storage that must not depend on any @context staying reachable.

A dataclass is `{"$": class, field: …}`, an enumeration member `{"$": class, "v": value}`, a set `{"$": "set", "v": […]}`
(sorted, so that equal values give equal JSON); tuples are arrays. Fields of type dict are JSON already and stay as they
are. Only the classes named here are ever built.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from machinami.kernel import query as tree

CLASSES: dict[str, Any] = {
    one.__name__: one
    for one in (
        *(tree.And, tree.AttributePath, tree.Compare, tree.Comparison, tree.EntityQuery, tree.Exists, tree.GeoQuery),
        *(tree.GeoRelation, tree.Instant, tree.Link, tree.Or, tree.Ordering, tree.OrderTerm, tree.Page, tree.Range),
        *(tree.ScopeQuery, tree.Selector, tree.TypeSelection),
    )
}


def to_json(node: Any, classes: dict[str, Any] = CLASSES) -> Any:
    """The JSON of a tree of the classes named; TypeError for anything else."""
    if isinstance(node, Enum):
        return {"$": _named(node, classes), "v": node.value}
    if is_dataclass(node):
        written: dict[str, Any] = {"$": _named(node, classes)}
        for field in fields(node):
            value = getattr(node, field.name)
            if value != field.default:
                written[field.name] = value if isinstance(value, dict) else to_json(value, classes)
        return written
    if isinstance(node, frozenset):
        return {"$": "set", "v": sorted((to_json(one, classes) for one in node), key=str)}
    if isinstance(node, tuple):
        return [to_json(one, classes) for one in node]
    if node is None or isinstance(node, (str, int, float, bool)):
        return node
    raise TypeError(f"{type(node).__name__} has no JSON form here")


def from_json(value: Any, classes: dict[str, Any] = CLASSES) -> Any:
    """What `to_json` wrote; KeyError or TypeError for JSON it can't have written."""
    if isinstance(value, list):
        return tuple(from_json(one, classes) for one in value)
    if not isinstance(value, dict):
        return value
    if value["$"] == "set":
        return frozenset(from_json(one, classes) for one in value["v"])
    kind = classes[value["$"]]
    if issubclass(kind, Enum):
        return kind(value["v"])
    verbatim = {field.name for field in fields(kind) if "dict[" in str(field.type)}
    return kind(**{name: each if name in verbatim else from_json(each, classes) for name, each in value.items() if name != "$"})


def _named(node: Any, classes: dict[str, Any]) -> str:
    name = type(node).__name__
    if classes.get(name) is not type(node):
        raise TypeError(f"{name} has no JSON form here")
    return name
