"""Transient entities and attributes (CIM 009 4.22): what has expired is not there, swept or not.

Sub-attributes are Properties and Relationships too, so they may expire by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import Attributes, Entity, Instance


def is_past(expires_at: str | None, now: str) -> bool:
    """Whether an `expiresAt` (ISO 8601 with offset, or None = never) has been reached at `now` (ISO 8601 UTC)."""
    return expires_at is not None and parse_instant(expires_at) <= parse_instant(now)


def expiries(attributes: Attributes) -> Iterator[str]:
    """Each `expiresAt` of attribute instances and of their sub-attributes."""
    for instances in attributes.values():
        for one in instances:
            yield from expiries_of(one)


def expiries_of(instance: Instance) -> Iterator[str]:
    """The same of one instance."""
    if "expiresAt" in instance:
        yield instance["expiresAt"]
    if "attributes" in instance:
        yield from expiries(instance["attributes"])


def can_expire(entity: Entity) -> bool:
    """Whether the entity or any instance of its attributes has a time at which it goes (4.22)."""
    return entity.expires_at is not None or any(expiries(entity.attributes))


def living(entity: Entity | None, now: str) -> Entity | None:
    """The entity as it may be shown at `now`: None if it expired, without its expired attribute instances.

    Returns the same object when nothing has expired, which is the usual case and costs about a microsecond.
    """
    if entity is None or is_past(entity.expires_at, now):
        return None
    for instances in entity.attributes.values():
        for one in instances:
            if ("expiresAt" in one or "attributes" in one) and _fades(one, now):
                return entity.with_attributes(_living_attributes(entity.attributes, now))
    return entity


def faded(entity: Entity, now: str) -> list[tuple[str, Instance, Instance | None]]:
    """(attribute, instance, what is left of it) of each instance that has expired at `now`, or in which something has."""
    return [
        (name, one, _left(one, now))
        for name, instances in entity.attributes.items()
        for one in instances
        if ("expiresAt" in one or "attributes" in one) and _fades(one, now)
    ]


def _fades(instance: Instance, now: str) -> bool:
    return any(is_past(one, now) for one in expiries_of(instance))


def _left(instance: Instance, now: str) -> Instance | None:
    if is_past(instance.get("expiresAt"), now):
        return None
    if "attributes" not in instance:
        return instance
    kept = _living_attributes(instance["attributes"], now)
    rest = {name: value for name, value in instance.items() if name != "attributes"}
    return {**rest, "attributes": kept} if kept else rest


def _living_attributes(attributes: Attributes, now: str) -> Attributes:
    kept: Attributes = {}
    for name, instances in attributes.items():
        alive = [left for left in (_left(one, now) for one in instances) if left is not None]
        if alive:
            kept[name] = alive
    return kept
