"""What a decision leaves in the history: every change of an attribute instance, and of the scope (CIM 009 4.5.6, 4.5.7)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from machinami.data.entities.decisions import Put, Remove
from machinami.kernel.change import InstanceChange
from machinami.kernel.clock import iso, parse_instant
from machinami.kernel.entity import Instance

SCOPE: Final = "https://uri.etsi.org/ngsi-ld/scope"


def history_of(decision: Put | Remove, now: str) -> tuple[InstanceChange, ...]:
    """The instances to keep, in order."""
    if isinstance(decision, Put) and decision.history is not None:
        return decision.history
    before = decision.changed.before
    after = decision.entity.scopes if isinstance(decision, Put) else ()
    scope = scope_change(before.scopes if before else (), after, now)
    return decision.changed.instances if scope is None else (*decision.changed.instances, scope)


def scope_change(before: tuple[str, ...], after: tuple[str, ...], now: str) -> InstanceChange | None:
    """A change of the scope as an instance of a Property; its observedAt is a copy of modifiedAt (4.5.6)."""
    if before == after:
        return None
    return InstanceChange(SCOPE, None, {"type": "Property"} if before else None, scope_instance(after, now) if after else None)


def scope_instance(scopes: tuple[str, ...], now: str) -> Instance:
    """A scope as an instance of a Property that is true from `now` on."""
    value = scopes[0] if len(scopes) == 1 else list(scopes)
    return {"type": "Property", "value": value, "observedAt": now, "createdAt": now, "modifiedAt": now}


def kept_instance(change: InstanceChange, now: datetime) -> tuple[datetime, Instance]:
    """(time, instance) of a change: the new instance at its observedAt, else `now`, or the mark of a deletion (4.5.7)."""
    if change.after is not None:
        observed = change.after.get("observedAt")
        return (parse_instant(observed) if observed else now), change.after
    stone: Instance = {"type": change.before["type"] if change.before else "Property", "deletedAt": iso(now)}
    if change.dataset_id is not None:
        stone["datasetId"] = change.dataset_id
    return now, stone
