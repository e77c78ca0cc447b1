"""The next state of one entity while a rule builds it: collects what changed and turns into a decision."""

from __future__ import annotations

from collections.abc import Iterator

from machinami.data.entities.decisions import ChangeSet, Decision, Effect, Keep, NotUpdated, Outcome, Put, Remove
from machinami.data.entities.expiry import expiries, expiries_of, faded, is_past, living
from machinami.data.entities.instances import find, with_instance, without_instance
from machinami.kernel.change import ChangeKind, InstanceChange
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import Refusal


class Draft:
    """A mutable working copy of a living entity; the entity it started from is never touched."""

    __slots__ = ("attributes", "before", "changes", "expires_at", "not_updated", "now", "scopes", "some_expired", "types")

    def __init__(self, stored: Entity, now: str) -> None:
        """`stored` has not expired as a whole; expired attribute instances in it leave with the next write."""
        shown = living(stored, now) or stored
        self.before = stored
        self.now = now
        self.types = stored.types
        self.scopes = stored.scopes
        self.expires_at = stored.expires_at
        self.some_expired = shown is not stored
        self.attributes = dict(shown.attributes)
        self.changes: list[InstanceChange] = []
        self.not_updated: list[NotUpdated] = []

    def find(self, name: str, dataset_id: str | None) -> Instance | None:
        """The instance of an attribute as the draft has it."""
        instances = self.attributes.get(name)
        return None if instances is None else find(instances, dataset_id)

    def put(self, name: str, before: Instance | None, after: Instance) -> None:
        """Set one instance (already stamped), adding or replacing that of its dataset."""
        for expires_at in expiries_of(after):
            refuse_past(self.before.id, expires_at, self.now)
        self.attributes[name] = with_instance(self.attributes.get(name, []), after)
        self.changes.append(InstanceChange(name, after.get("datasetId"), before, after))

    def drop(self, name: str, before: Instance) -> None:
        """Remove one instance, and the attribute with its last one."""
        dataset_id = before.get("datasetId")
        rest = without_instance(self.attributes[name], dataset_id)
        if rest:
            self.attributes[name] = rest
        else:
            del self.attributes[name]
        self.changes.append(InstanceChange(name, dataset_id, before, None))

    def leave(self, name: str, dataset_id: str | None, code: str) -> None:
        """Note that an instance was not updated, and why."""
        self.not_updated.append(NotUpdated(name, code, dataset_id))

    def add_types(self, types: tuple[str, ...]) -> None:
        """Union of types, the stored ones first (5.5.8)."""
        if not set(types) <= set(self.types):
            self.types = (*self.types, *(one for one in dict.fromkeys(types) if one not in self.types))

    def add_scopes(self, scopes: tuple[str, ...]) -> None:
        """Union of scopes, the stored ones first (5.6.3 without overwriting)."""
        self.scopes = (*self.scopes, *(one for one in dict.fromkeys(scopes) if one not in self.scopes))

    def set_expiry(self, expires_at: str | None) -> None:
        """Take over a fragment's `expiresAt`: None leaves it, an empty one removes it, a past one is refused."""
        if expires_at == "":
            self.expires_at = None
        elif expires_at is not None:
            refuse_past(self.before.id, expires_at, self.now)
            self.expires_at = expires_at

    def decide(self, effect: Effect = Effect.UPDATED) -> Decision:
        """The decision: `Put` if anything changed, else `Keep`."""
        before = self.before
        asked = tuple(self.not_updated)
        head = (self.types, self.scopes, self.expires_at)
        if not self.changes and head == (before.types, before.scopes, before.expires_at):
            return Keep(before, Outcome(Effect.UNCHANGED, (), asked))
        names = tuple(dict.fromkeys([change.attribute for change in self.changes]))
        if self.some_expired:
            self._sweep()
        entity = Entity(
            before.id,
            self.types,
            self.attributes,
            self.scopes,
            before.created_at,
            self.now,
            self.expires_at,
            before.version + 1,
            before.sequence,
        )
        changed = ChangeSet(ChangeKind.UPDATED, tuple(self.changes), before)
        return Put(entity, changed, Outcome(effect, names, asked))

    def _sweep(self) -> None:
        """Record the expired instances that this write leaves behind, unless it replaced them."""
        touched: set[tuple[str, str | None]] | None = None
        for name, one, left in faded(self.before, self.now):
            if touched is None:
                touched = {(change.attribute, change.dataset_id) for change in self.changes}
            if (name, one.get("datasetId")) not in touched:
                self.changes.append(InstanceChange(name, one.get("datasetId"), one, left))


def refuse_past(entity_id: str, expires_at: str | None, now: str) -> None:
    """Refuse an `expiresAt` that has already passed: the entity would vanish at once."""
    if expires_at is not None and is_past(expires_at, now):
        raise Refusal("data.entity.expires_in_past", id=entity_id, expires_at=expires_at)


def refuse_past_instances(entity: Entity, now: str) -> None:
    """The same for the attribute instances of a whole entity."""
    for expires_at in expiries(entity.attributes):
        refuse_past(entity.id, expires_at, now)


def created(entity: Entity, stored: Entity | None, now: str) -> Put:
    """A new entity (its attributes already stamped), possibly in the place of an expired one."""
    changes = tuple([InstanceChange(name, one.get("datasetId"), None, one) for name, one in _instances(entity)])
    version = 1 if stored is None else stored.version + 1
    fresh = Entity(entity.id, entity.types, entity.attributes, entity.scopes, now, now, entity.expires_at, version, 0)
    outcome = Outcome(Effect.CREATED, tuple(entity.attributes))
    return Put(fresh, ChangeSet(ChangeKind.CREATED, changes, None), outcome, stored)


def removed(stored: Entity) -> Remove:
    """The deletion of an entity with all its attribute instances."""
    changes = tuple([InstanceChange(name, one.get("datasetId"), one, None) for name, one in _instances(stored)])
    outcome = Outcome(Effect.DELETED, tuple(stored.attributes))
    return Remove(stored, ChangeSet(ChangeKind.DELETED, changes, stored), outcome)


def _instances(entity: Entity) -> Iterator[tuple[str, Instance]]:
    for name, instances in entity.attributes.items():
        for one in instances:
            yield name, one
