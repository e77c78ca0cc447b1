"""Transient entities and attributes (CIM 009 4.22): what has expired is not there, swept or not."""

from __future__ import annotations

from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import Attributes, Entity, Instance


def is_past(expires_at: str | None, now: str) -> bool:
    """Whether an `expiresAt` (ISO 8601 with offset, or None = never) has been reached at `now` (ISO 8601 UTC)."""
    return expires_at is not None and parse_instant(expires_at) <= parse_instant(now)


def can_expire(entity: Entity) -> bool:
    """Whether the entity or any instance of its attributes has a time at which it goes (4.22)."""
    return entity.expires_at is not None or any(
        "expiresAt" in one for instances in entity.attributes.values() for one in instances
    )


def living(entity: Entity | None, now: str) -> Entity | None:
    """The entity as it may be shown at `now`: None if it expired, without its expired attribute instances.

    Returns the same object when nothing has expired, which is the usual case and costs about a microsecond.
    """
    if entity is None or is_past(entity.expires_at, now):
        return None
    for instances in entity.attributes.values():
        for one in instances:
            if "expiresAt" in one and is_past(one["expiresAt"], now):
                return entity.with_attributes(_living_attributes(entity.attributes, now))
    return entity


def expired_instances(entity: Entity, now: str) -> list[tuple[str, Instance]]:
    """(attribute, instance) of each attribute instance that has expired at `now`."""
    return [
        (name, one)
        for name, instances in entity.attributes.items()
        for one in instances
        if "expiresAt" in one and is_past(one["expiresAt"], now)
    ]


def _living_attributes(attributes: Attributes, now: str) -> Attributes:
    kept: Attributes = {}
    for name, instances in attributes.items():
        alive = [one for one in instances if not is_past(one.get("expiresAt"), now)]
        if alive:
            kept[name] = alive
    return kept
