"""What a rule decides about one entity; the store's writer carries it out in one transaction with history and log.

A decision is a value: `Put` (write this entity), `Remove` (delete it) or `Keep` (nothing to write). Each carries an
`Outcome`, from which the edges build 201, 204 and 207 answers (CIM 009 5.2.16-5.2.18).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from machinami.kernel.change import ChangeKind, InstanceChange
from machinami.kernel.entity import Entity, Instance


class Effect(StrEnum):
    """What a decision means for the entity as a whole."""

    CREATED = "created"
    REPLACED = "replaced"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class NotUpdated:
    """An attribute instance that was left as it is; `code` is an error code whose texts give the reason (5.2.19)."""

    attribute: str
    code: str
    dataset_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer's content: `updated` are expanded names of attributes that were written or removed, in order, once each."""

    effect: Effect
    updated: tuple[str, ...] = ()
    not_updated: tuple[NotUpdated, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all that was asked for happened (204), else only a part did (207)."""
        return not self.not_updated


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What changed, for history and notifications. `before` is None when the entity did not exist (or had expired)."""

    kind: ChangeKind
    instances: tuple[InstanceChange, ...]
    before: Entity | None

    @property
    def names(self) -> frozenset[str]:
        """Expanded names of the attributes that changed."""
        return frozenset(one.attribute for one in self.instances)


@dataclass(frozen=True, slots=True)
class Erase:
    """Remove an attribute's instances from the history: those of one dataset (None: the default one), or `every` one."""

    attribute: str
    dataset_id: str | None
    every: bool = False


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Replace the instance kept at (`at`, `number`) of an attribute's history; None removes it."""

    attribute: str
    number: int
    at: datetime
    instance: Instance | None


Edit = Erase | Rewrite


@dataclass(frozen=True, slots=True)
class Put:
    """Write `entity`: its `version` is already the next one; `sequence` 0 asks the store for a new one.

    `supplants` is an expired entity under the same id that the sweep had not removed yet: its history goes now (4.22).
    `history` is what the history gets if that is not just what changed; `edits` correct what it has, before that.
    """

    entity: Entity
    changed: ChangeSet
    outcome: Outcome
    supplants: Entity | None = None
    history: tuple[InstanceChange, ...] | None = None
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete `entity` (as it stood); `changed.instances` lists every instance with `after` None.

    `forget`: its history goes too, whatever the setting says.
    """

    entity: Entity
    changed: ChangeSet
    outcome: Outcome
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to write; `entity` is the entity as it stands."""

    entity: Entity | None
    outcome: Outcome


Decision = Put | Remove | Keep
Decide = Callable[[Entity | None, str], Decision]
