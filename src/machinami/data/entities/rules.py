"""The write operations of NGSI-LD as pure decisions (CIM 009 5.6.1-5.6.10, 5.6.17-5.6.20; clause texts of V1.9.1 read).

Each function binds its arguments and returns a `Decide`: from the entity as stored (or None) and the present time
(ISO 8601 UTC) to a decision. A `Decide` has no effects, changes none of its inputs and may be called again after a
conflict. An entity that has expired counts as not there (4.22). Names are expanded. `where` is the `type` parameter:
an entity that it does not select counts as not there either. Fragments are `standards.ngsi_ld.fragment`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from machinami.data.entities.decisions import ChangeSet, Decide, Decision, Effect, Keep, Outcome, Put
from machinami.data.entities.draft import Draft, created, refuse_past, refuse_past_instances, removed
from machinami.data.entities.expiry import faded, is_past
from machinami.data.entities.instances import (
    MergeOptions,
    appended,
    find,
    merged,
    partially_updated,
    same_content,
    stamped,
    stamped_attributes,
)
from machinami.data.matching import matches
from machinami.data.matching.selectors import type_matches
from machinami.kernel.change import ChangeKind, InstanceChange
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, TypeSelection
from machinami.standards.ngsi_ld.fragment import Fragment, is_deletion

SCOPE: Final = "https://uri.etsi.org/ngsi-ld/scope"
_EXISTS: Final = "data.attribute.already_exists"
_MISSING: Final = "data.attribute.does_not_exist"
_NO_SCOPE: Final = "data.entity.no_scope"
_DEFAULT_MERGE: Final = MergeOptions()


def create(entity: Entity) -> Decide:
    """Create Entity (5.6.1): refuses an id that exists."""

    def decide(stored: Entity | None, now: str) -> Decision:
        if _exists(stored, now):
            raise Refusal("data.entity.already_exists", id=entity.id)
        return _created(entity, stored, now)

    return decide


def replace_entity(entity: Entity, where: TypeSelection | None = None) -> Decide:
    """Replace Entity (5.6.18): new content throughout; `createdAt` of the entity and of instances that stay is kept."""

    def decide(stored: Entity | None, now: str) -> Decision:
        return _replaced(_present(stored, entity.id, now, where), entity, now)

    return decide


def upsert_replace(entity: Entity) -> Decide:
    """Upsert in replace mode (5.6.8): create, or replace what exists."""

    def decide(stored: Entity | None, now: str) -> Decision:
        if stored is None or not _exists(stored, now):
            return _created(entity, stored, now)
        return _replaced(stored, entity, now)

    return decide


def upsert_update(entity: Entity, fragment: Fragment | None = None) -> Decide:
    """Upsert in update mode (5.6.8): create, or update as 5.6.2 does with `fragment` (default: the entity's content)."""
    content = fragment or Fragment(entity.types, entity.scopes or None, entity.expires_at, entity.attributes)

    def decide(stored: Entity | None, now: str) -> Decision:
        if stored is None or not _exists(stored, now):
            return _created(entity, stored, now)
        return _updated(Draft(stored, now), content)

    return decide


def append_attributes(entity_id: str, fragment: Fragment, overwrite: bool = True, where: TypeSelection | None = None) -> Decide:
    """Append Attributes (5.6.3), also each entity of a batch update (5.6.9).

    Without `overwrite`, existing instances are left and reported, and scopes are added to the stored ones.
    """

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_present(stored, entity_id, now, where), now)
        for name, instances in fragment.attributes.items():
            for one in instances:
                if not overwrite and draft.find(name, one.get("datasetId")) is not None:
                    draft.leave(name, one.get("datasetId"), _EXISTS)
                else:
                    _write(draft, name, one)
        draft.add_types(fragment.types)
        if fragment.scopes is not None:
            if overwrite:
                draft.scopes = fragment.scopes
            else:
                draft.add_scopes(fragment.scopes)
        if overwrite or draft.expires_at is None:
            draft.set_expiry(fragment.expires_at)
        return draft.decide()

    return decide


def update_attributes(entity_id: str, fragment: Fragment, where: TypeSelection | None = None) -> Decide:
    """Update Attributes (5.6.2): each instance given replaces its counterpart or is added; nulls delete.

    The scope is replaced only if the entity has one; else it is ignored and reported as not updated.
    """

    def decide(stored: Entity | None, now: str) -> Decision:
        return _updated(Draft(_present(stored, entity_id, now, where), now), fragment)

    return decide


def merge(
    entity_id: str, fragment: Fragment, options: MergeOptions = _DEFAULT_MERGE, where: TypeSelection | None = None
) -> Decide:
    """Merge Entity (5.6.17, 5.6.20) by the merge patch of 5.5.12: to any depth, nulls delete, a null of nothing is nothing."""

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_present(stored, entity_id, now, where), now)
        for name, instances in fragment.attributes.items():
            for one in instances:
                _merge_instance(draft, name, one, options)
        draft.add_types(fragment.types)
        if fragment.scopes is not None:
            draft.scopes = fragment.scopes
        draft.set_expiry(fragment.expires_at)
        return draft.decide()

    return decide


def partial_update(entity_id: str, name: str, instances: Sequence[Instance], where: TypeSelection | None = None) -> Decide:
    """Partial Attribute Update (5.6.4): each partial instance changes the stored one of its `datasetId`, which must exist.

    The type of an attribute can't change. A null value removes the instance (5.5.8; the ETSI suite's 012_07 asks for it).
    """
    _refuse_scope(name)

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_present(stored, entity_id, now, where), now)
        for one in instances:
            before = _instance(draft, name, one.get("datasetId"))
            if is_deletion(one):
                draft.drop(name, before)
            else:
                draft.put(name, before, partially_updated(name, before, one, now))
        return draft.decide()

    return decide


def replace_attribute(entity_id: str, name: str, instances: Sequence[Instance], where: TypeSelection | None = None) -> Decide:
    """Replace Attribute (5.6.19): the stored instance of the same `datasetId` gets new content; `createdAt` is kept."""
    _refuse_scope(name)

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_present(stored, entity_id, now, where), now)
        for one in instances:
            before = _instance(draft, name, one.get("datasetId"))
            draft.put(name, before, stamped(one, before, now))
        return draft.decide()

    return decide


def delete_attribute(
    entity_id: str,
    name: str,
    dataset_id: str | None = None,
    delete_all: bool = False,
    where: TypeSelection | None = None,
) -> Decide:
    """Delete Attribute (5.6.5): one instance, by default the default one, or all; or the entity's scope."""

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_present(stored, entity_id, now, where), now)
        if name == SCOPE:
            if not draft.scopes:
                raise Refusal(_MISSING, id=entity_id, attribute=name)
            draft.scopes = ()
        elif delete_all:
            instances = draft.attributes.get(name)
            if not instances:
                raise Refusal(_MISSING, id=entity_id, attribute=name)
            for one in instances:
                draft.drop(name, one)
        else:
            draft.drop(name, _instance(draft, name, dataset_id))
        return draft.decide()

    return decide


def delete_entity(entity_id: str, where: TypeSelection | None = None) -> Decide:
    """Delete Entity (5.6.6, 5.6.10)."""

    def decide(stored: Entity | None, now: str) -> Decision:
        return removed(_present(stored, entity_id, now, where))

    return decide


def purge_entity(query: EntityQuery) -> Decide:
    """Delete an entity that a purge found (5.6.21), if it still answers the query."""

    def decide(stored: Entity | None, now: str) -> Decision:
        if stored is None or not matches(stored, query, now):
            return Keep(stored, Outcome(Effect.UNCHANGED))
        return removed(stored)

    return decide


def purge_attributes(query: EntityQuery, names: frozenset[str], keep: bool) -> Decide:
    """Delete the attributes in `names`, or all others, from an entity that a purge found and that still answers its query.

    The scope goes only where it is named as one to drop.
    """

    def decide(stored: Entity | None, now: str) -> Decision:
        if stored is None or not matches(stored, query, now):
            return Keep(stored, Outcome(Effect.UNCHANGED))
        draft = Draft(stored, now)
        for name, instances in list(draft.attributes.items()):
            if (name in names) is not keep:
                for one in instances:
                    draft.drop(name, one)
        if SCOPE in names and not keep:
            draft.scopes = ()
        return draft.decide()

    return decide


def remove_expired() -> Decide:
    """The sweep (4.22): remove an expired entity, or the expired attribute instances of a living one."""

    def decide(stored: Entity | None, now: str) -> Decision:
        if stored is None:
            return Keep(None, Outcome(Effect.UNCHANGED))
        if is_past(stored.expires_at, now):
            return removed(stored)
        gone = faded(stored, now)
        if not gone:
            return Keep(stored, Outcome(Effect.UNCHANGED))
        draft = Draft(stored, now)
        draft.changes = [InstanceChange(name, one.get("datasetId"), one, left) for name, one, left in gone]
        return draft.decide()

    return decide


def unless_unchanged(decide: Decide) -> Decide:
    """The same rule, but a write that would change nothing except system times becomes `Keep` (idempotent imports)."""

    def decide_changes(stored: Entity | None, now: str) -> Decision:
        decision = decide(stored, now)
        if not isinstance(decision, Put):
            return decision
        before = decision.changed.before
        if before is None or not _same(before, decision.entity):
            return decision
        return Keep(stored, Outcome(Effect.UNCHANGED, (), decision.outcome.not_updated))

    return decide_changes


def _exists(stored: Entity | None, now: str) -> bool:
    return stored is not None and not is_past(stored.expires_at, now)


def _present(stored: Entity | None, entity_id: str, now: str, where: TypeSelection | None) -> Entity:
    if stored is None or is_past(stored.expires_at, now) or (where is not None and not type_matches(where, stored.types)):
        raise Refusal("data.entity.does_not_exist", id=entity_id)
    return stored


def _instance(draft: Draft, name: str, dataset_id: str | None) -> Instance:
    instance = draft.find(name, dataset_id)
    if instance is None:
        raise Refusal(_MISSING, id=draft.before.id, attribute=name if dataset_id is None else f"{name} ({dataset_id})")
    return instance


def _refuse_scope(name: str) -> None:
    if name == SCOPE:
        raise Refusal("data.attribute.scope_not_allowed")


def _created(entity: Entity, stored: Entity | None, now: str) -> Put:
    refuse_past(entity.id, entity.expires_at, now)
    refuse_past_instances(entity, now)
    return created(entity.with_attributes(stamped_attributes(entity.attributes, {}, now)), stored, now)


def _replaced(stored: Entity, entity: Entity, now: str) -> Put:
    refuse_past(entity.id, entity.expires_at, now)
    attributes = stamped_attributes(entity.attributes, stored.attributes, now)
    refuse_past_instances(entity, now)
    changes = [
        InstanceChange(name, one.get("datasetId"), find(stored.attributes.get(name, ()), one.get("datasetId")), one)
        for name, instances in attributes.items()
        for one in instances
    ]
    for name, instances in stored.attributes.items():
        kept = attributes.get(name, ())
        gone = [one for one in instances if find(kept, one.get("datasetId")) is None]
        changes += [InstanceChange(name, one.get("datasetId"), one, None) for one in gone]
    after = Entity(
        stored.id,
        entity.types,
        attributes,
        entity.scopes,
        stored.created_at,
        now,
        entity.expires_at,
        stored.version + 1,
        stored.sequence,
    )
    names = tuple(dict.fromkeys(change.attribute for change in changes))
    return Put(after, ChangeSet(ChangeKind.UPDATED, tuple(changes), stored), Outcome(Effect.REPLACED, names))


def _updated(draft: Draft, fragment: Fragment) -> Decision:
    for name, instances in fragment.attributes.items():
        for one in instances:
            _write(draft, name, one)
    draft.add_types(fragment.types)
    if fragment.scopes is not None:
        if draft.scopes:
            draft.scopes = fragment.scopes
        elif fragment.scopes:
            draft.leave(SCOPE, None, _NO_SCOPE)
    draft.set_expiry(fragment.expires_at)
    return draft.decide()


def _write(draft: Draft, name: str, instance: Instance) -> None:
    """Replace or add one instance; one whose value is the NGSI-LD Null deletes its counterpart."""
    dataset_id = instance.get("datasetId")
    before = draft.find(name, dataset_id)
    if not is_deletion(instance):
        draft.put(name, before, stamped(instance, before, draft.now))
    elif before is None:
        draft.leave(name, dataset_id, _MISSING)
    else:
        draft.drop(name, before)


def _merge_instance(draft: Draft, name: str, patch: Instance, options: MergeOptions) -> None:
    before = draft.find(name, patch.get("datasetId"))
    if is_deletion(patch):
        if before is not None:
            draft.drop(name, before)
    elif before is None:
        new = appended(name, patch, draft.now)
        if new is not None:
            draft.put(name, None, new)
    else:
        after = merged(name, before, patch, draft.now, options)
        if after is None:
            draft.drop(name, before)
        else:
            draft.put(name, before, after)


def _same(left: Entity, right: Entity) -> bool:
    if (left.types, left.scopes, left.expires_at) != (right.types, right.scopes, right.expires_at):
        return False
    if left.attributes.keys() != right.attributes.keys():
        return False
    for name, instances in left.attributes.items():
        others = right.attributes[name]
        if len(instances) != len(others):
            return False
        for one in instances:
            other = find(others, one.get("datasetId"))
            if other is None or not same_content(one, other):
                return False
    return True
