"""Pure decisions on snapshots: how they begin, change and end, and what of an entity is copied (CIM 009 5.16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from machinami.data.snapshots.model import Progress, Result, Snapshot, SnapshotLimits, Status, Step
from machinami.kernel.entity import NGSI_LD_NULL, Attributes, Entity, Instance
from machinami.kernel.errors import MachinamiError
from machinami.kernel.ids import new_urn
from machinami.standards.ngsi_ld.durations import parse_duration

DEFAULT_INSTANCE = "@none"


def begun(tenant: str, members: Mapping[str, Any], steps: Sequence[Step], now: datetime, limits: SnapshotLimits) -> Snapshot:
    """A new snapshot (5.16.1.4, 5.16.2.4)."""
    given = {name: value for name, value in members.items() if name != "id"}
    snapshot_id = str(members.get("id") or new_urn("Snapshot"))
    return Snapshot(tenant, snapshot_id, given, tuple(steps), now, now, now, end_of(given, now, limits))


def end_of(members: Mapping[str, Any], now: datetime, limits: SnapshotLimits) -> datetime:
    """When it expires: as suggested "with respect to the current point in time" (5.2.41), within the limit."""
    longest = now + timedelta(seconds=limits.lifetime_s_max)
    suggested = members.get("snapshotLifetime")
    if suggested is None:
        return min(longest, now + timedelta(seconds=limits.lifetime_s))
    return min(longest, parse_duration("snapshotLifetime", suggested).after(now))


def updated(one: Snapshot, fragment: Mapping[str, Any], now: datetime, limits: SnapshotLimits) -> Snapshot:
    """With the members of a fragment (5.5.8): the NGSI-LD Null removes one. A new lifetime counts from now."""
    members = {**one.members, **fragment}
    members = {name: value for name, value in members.items() if value != NGSI_LD_NULL}
    ends = end_of(members, now, limits) if "snapshotLifetime" in fragment else one.expires_at
    return replace(one, members=members, modified_at=now, expires_at=ends)


def finished_step(progress: Progress, problem: MachinamiError | None = None, *, failed: bool = True) -> Progress:
    """Behind a step that is through, or failed; a problem may also be told of one that is through."""
    status = Result.SUCCESS if progress.found else Result.EMPTY
    result: dict[str, Any] = {"resultStatus": (Result.FAILURE if problem is not None and failed else status).value}
    if problem is not None:
        result["problem"] = {"code": problem.code, "parameters": problem.parameters}
    return Progress(progress.step + 1, 0, 0, progress.copied, (*progress.results, result))


def outcome(one: Snapshot) -> Status:
    """The status at the end (5.16.1.4); a clone is a success unless the copying failed (5.16.2.4)."""
    results = [Result(entry["resultStatus"]) for entry in one.progress.results]
    if any(step.source for step in one.steps):
        return Status.FAILURE if Result.FAILURE in results else Status.SUCCESS
    if all(result is Result.SUCCESS for result in results):
        return Status.SUCCESS
    if Result.SUCCESS in results:
        return Status.PARTIAL
    return Status.EMPTY if Result.EMPTY in results else Status.FAILURE


def copy_of(entity: Entity, step: Step) -> Entity:
    """What is kept of an entity. Its times of expiry are not: they belong to where it was stored (4.22)."""
    attributes: Attributes = {}
    for name, instances in entity.attributes.items():
        if name in step.drop or (step.keep is not None and name not in step.keep):
            continue
        kept = [_lasting(one) for one in instances if step.datasets is None or _dataset(one) in step.datasets]
        if kept:
            attributes[name] = kept
    return replace(entity, attributes=attributes, expires_at=None, sequence=0)


def _dataset(instance: Instance) -> str:
    return str(instance.get("datasetId", DEFAULT_INSTANCE))


def _lasting(instance: Instance) -> Instance:
    return {name: value for name, value in instance.items() if name != "expiresAt"} if "expiresAt" in instance else instance
