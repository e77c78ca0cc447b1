"""A snapshot (CIM 009 5.2.41), and how it is filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from machinami.data.temporal.model import Window
from machinami.kernel.query import EntityQuery


class Status(StrEnum):
    """What became of the copying (table 5.2.41-2)."""

    PREPARING = "preparing"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    EMPTY = "empty"


class Result(StrEnum):
    """What came of one query (5.2.42)."""

    SUCCESS = "success"
    EMPTY = "empty"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be copied: what a query finds, of a window of its past if there is one, or a whole snapshot (`source`).

    `keep` and `drop` are names of attributes (None: all are kept), `datasets` of instances (`@none`: the default one).
    """

    query: EntityQuery = field(default_factory=EntityQuery)
    window: Window | None = None
    keep: frozenset[str] | None = None
    drop: frozenset[str] = frozenset()
    datasets: frozenset[str] | None = None
    source: int = 0
    source_id: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """Which instances of entities' past are copied: those of the tenant `place` within the window (None: all)."""

    place: str
    window: Window | None = None
    keep: frozenset[str] | None = None
    drop: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the copying is: the step at work, the sequence of the last entity it found, how many it found, and how many
    entities the snapshot holds.

    `results` has one entry for each finished step: `{"resultStatus"}`, with `problem` (code and parameters) after a failure.
    """

    step: int = 0
    after: int = 0
    found: int = 0
    copied: int = 0
    results: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`members` are those that the client gave, as they came; the copy lies under the tenant `place`.

    `number` is given by the store.
    """

    tenant: str
    id: str
    members: Mapping[str, Any]
    steps: tuple[Step, ...]
    created_at: datetime
    modified_at: datetime
    last_used_at: datetime
    expires_at: datetime
    status: Status = Status.PREPARING
    progress: Progress = field(default_factory=Progress)
    number: int = 0

    @property
    def place(self) -> str:
        return f"{self.tenant}:{self.number}"

    @property
    def priority(self) -> int:
        return int(self.members.get("snapshotPriority", 5))


@dataclass(frozen=True, slots=True)
class SnapshotLimits:
    """`snapshots_max` per tenant, `entities_max` in one of them, lifetimes in seconds."""

    snapshots_max: int
    entities_max: int
    lifetime_s: float
    lifetime_s_max: float
