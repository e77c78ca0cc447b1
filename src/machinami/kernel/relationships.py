"""Which entities a Relationship names (CIM 009 4.5.3, 4.5.22)."""

from __future__ import annotations

from typing import Any

from machinami.kernel.entity import Instance


def is_relationship(instance: Instance) -> bool:
    """Whether an instance names other entities."""
    kind = instance["type"]
    return bool(kind == "Relationship" or kind == "ListRelationship")


def objects_of(instance: Instance) -> list[str]:
    """The ids in a Relationship's `object` or `objectList`, whose elements may be `{"object": URI}`."""
    value: Any = instance.get("object") if instance["type"] == "Relationship" else instance.get("objectList")
    many = value if isinstance(value, list) else [] if value is None else [value]
    return [one["object"] if isinstance(one, dict) and "object" in one else one for one in many]
