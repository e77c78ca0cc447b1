"""What happened: the rows of the change log that every reaction reads (design.md, one picture)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from machinami.kernel.entity import Entity, Instance


class ChangeKind(StrEnum):
    """How an entity changed as a whole."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class InstanceChange:
    """One attribute instance that changed: `before` is None when it was added, `after` is None when it was removed."""

    attribute: str
    dataset_id: str | None
    before: Instance | None
    after: Instance | None


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the change log. Ordered by transaction first, so that a slow committer is never skipped (trust-N9)."""

    transaction: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one entity.

    `after` is the entity as it stands after the change (for a deletion: as it was). `instances` lists what changed;
    `label` carries `replay`, `simulation` or `snapshot` when the data are not live measurements.
    """

    cursor: Cursor
    at: datetime
    tenant: str
    entity: Entity
    kind: ChangeKind
    instances: tuple[InstanceChange, ...] = ()
    principal: str = ""
    label: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Expanded names of the attributes that changed."""
        return frozenset(one.attribute for one in self.instances)


class Told(NamedTuple):
    """A committed change whose place in the log is not known yet; `entity` and `instances` as in `Change`."""

    tenant: str
    entity: Entity
    kind: ChangeKind
    instances: tuple[InstanceChange, ...]
    principal: str
    label: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that this process committed, with its changes in the order of the log and their size in it."""

    transaction: int
    at: datetime
    told: list[Told]
    size_bytes: int
