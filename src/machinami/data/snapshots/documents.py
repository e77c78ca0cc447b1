"""What others see of a snapshot: its status (CIM 009 5.2.41) and the notification of a change of it (5.3.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from machinami.data.snapshots.model import Snapshot
from machinami.kernel.clock import iso
from machinami.kernel.error_texts import ERRORS, describe
from machinami.kernel.errors import Refusal

ERROR_TYPES: Final = "https://uri.etsi.org/ngsi-ld/errors/"


def status_document(one: Snapshot) -> dict[str, Any]:
    """The Snapshot with its output-only members."""
    queries, temporal = details_of(one)
    document = {"id": one.id, "type": "Snapshot", **one.members, "snapshotPriority": one.priority}
    document["snapshotStatus"] = one.status.value
    if queries:
        document["snapshotQueriesDetails"] = queries
    if temporal:
        document["snapshotTemporalQueriesDetails"] = temporal
    times = {"createdAt": one.created_at, "modifiedAt": one.modified_at, "expiresAt": one.expires_at}
    return document | {name: iso(at) for name, at in (*times.items(), ("lastUsedAt", one.last_used_at))}


def notification_document(one: Snapshot, notification_id: str, now: datetime) -> dict[str, Any]:
    """The SnapshotNotification; table 5.3.4-1 names the list of the temporal queries otherwise than the Snapshot."""
    queries, temporal = details_of(one)
    document: dict[str, Any] = {
        "id": notification_id,
        "type": "SnapshotNotification",
        "notifiedAt": iso(now),
        "expiresAt": iso(one.expires_at),
        "snapshotId": one.id,
        "snapshotPriority": one.priority,
        "snapshotStatus": one.status.value,
    }
    if queries:
        document["snapshotQueriesDetails"] = queries
    if temporal:
        document["temporalSnapshotQueriesDetails"] = temporal
    return document


def details_of(one: Snapshot) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """ExecutionResultDetails (5.2.42) of the queries and of the temporal queries that are through, in their order."""
    written = [_details(result) for result in one.progress.results]
    done = [(step, each) for step, each in zip(one.steps, written, strict=False) if not step.source]
    return [each for step, each in done if step.window is None], [each for step, each in done if step.window is not None]


def _details(result: dict[str, Any]) -> dict[str, Any]:
    problem = result.get("problem")
    if problem is None:
        return {"resultStatus": result["resultStatus"]}
    error = Refusal(problem["code"], **problem["parameters"])
    title, remedy = describe(error)
    kind = ERRORS[error.code].kind
    details = {"type": f"{ERROR_TYPES}{kind.value}", "title": title, "detail": f"{title} {remedy}"}
    return {"resultStatus": result["resultStatus"], "problemDetails": details}
