"""The write operations on temporal evolutions as pure decisions (CIM 009 5.6.11-5.6.16; clause texts of V1.9.1 read).

Current state and history are one entity: the newest instance of an attribute and dataset is the entity's current one, older
ones go to the history alone. What corrects the history was decided on what was read of it, so it names the entity's version
then: every change of the history raises it. `data.store.conflict` says that it moved on meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from machinami.data.entities.decisions import ChangeSet, Decide, Decision, Effect, Erase, Keep, Outcome, Put, Rewrite
from machinami.data.entities.draft import Draft, created, refuse_past, refuse_past_instances, removed
from machinami.data.entities.expiry import is_past
from machinami.data.entities.instances import stamped
from machinami.data.entities.past import SCOPE, scope_change, scope_instance
from machinami.data.temporal.model import Kept
from machinami.kernel.change import ChangeKind, InstanceChange
from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import Attributes, Entity, Instance
from machinami.kernel.errors import Refusal, Unavailable
from machinami.standards.ngsi_ld.temporal_input import Evolved, ScopeAt

Changes = tuple[InstanceChange, ...]


def upsert(entity_id: str, given: Evolved) -> Decide:
    """Create or Update Temporal Evolution (5.6.11): creates the entity too if it is absent, else adds instances."""

    def decide(stored: Entity | None, now: str) -> Decision:
        if stored is None or is_past(stored.expires_at, now):
            return _create(entity_id, given, stored, now)
        return _add(stored, given, now)

    return decide


def add(entity_id: str, given: Evolved) -> Decide:
    """Add Attributes to Temporal Evolution (5.6.12): the entity must exist."""

    def decide(stored: Entity | None, now: str) -> Decision:
        return _add(_present(stored, entity_id, now), given, now)

    return decide


def delete(entity_id: str) -> Decide:
    """Delete Temporal Evolution (5.6.16): the entity goes with all of its history."""

    def decide(stored: Entity | None, now: str) -> Decision:
        return replace(removed(_present(stored, entity_id, now)), forget=True)

    return decide


def delete_attribute(entity_id: str, version: int, name: str, dataset_id: str | None, every: bool) -> Decide:
    """Delete Attribute from Temporal Evolution (5.6.13): its instances, current ones included; a mark of the deletion stays."""

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_unmoved(stored, entity_id, version, now), now)
        for one in draft.attributes.get(name, ()):
            if every or one.get("datasetId") == dataset_id:
                draft.drop(name, one)
        if name == SCOPE:
            draft.scopes = ()
        return replace(_put(draft), edits=(Erase(name, dataset_id, every),))

    return decide


def replace_instance(entity_id: str, version: int, name: str, kept: Kept, given: Instance) -> Decide:
    """Modify Attribute Instance (5.6.14): new content, `createdAt` kept; if it is the current instance, that changes too."""

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_unmoved(stored, entity_id, version, now), now)
        dataset = {"datasetId": kept.instance["datasetId"]} if "datasetId" in kept.instance else {}
        after = stamped({**dataset, **given}, kept.instance, now)
        if name == SCOPE:
            after.pop("attributes", None)
        current = draft.find(name, kept.instance.get("datasetId"))
        if current is not None and current == kept.instance:
            draft.drop(name, current)
            draft.changes.pop()
            draft.put(name, current, after)
        return replace(_put(draft), history=(), edits=(Rewrite(name, kept.number, kept.at, after),))

    return decide


def delete_instance(entity_id: str, version: int, name: str, kept: Kept, successor: Instance | None) -> Decide:
    """Delete Attribute Instance (5.6.15); if it is the current instance, `successor` takes its place, or the attribute goes."""

    def decide(stored: Entity | None, now: str) -> Decision:
        draft = Draft(_unmoved(stored, entity_id, version, now), now)
        current = draft.find(name, kept.instance.get("datasetId"))
        if current is not None and current == kept.instance:
            if successor is None:
                draft.drop(name, current)
            else:
                draft.put(name, current, successor)
        return replace(_put(draft), history=(), edits=(Rewrite(name, kept.number, kept.at, None),))

    return decide


def _create(entity_id: str, given: Evolved, stored: Entity | None, now: str) -> Put:
    refuse_past(entity_id, given.expires_at, now)
    attributes: Attributes = {}
    older: list[InstanceChange] = []
    for name, instances in given.attributes.items():
        current = []
        for group in _datasets(instances):
            *rest, newest = [stamped(one, None, now) for one in _in_order(group, now)]
            current.append(newest)
            older += [InstanceChange(name, one.get("datasetId"), None, one) for one in rest]
        attributes[name] = sorted(current, key=lambda one: "datasetId" in one)
    scopes, told = _scopes(given, (), now)
    entity = Entity(entity_id, given.types, attributes, scopes, expires_at=given.expires_at)
    refuse_past_instances(entity, now)
    put = created(entity, stored, now)
    return replace(put, history=(*older, *put.changed.instances, *told))


def _add(stored: Entity, given: Evolved, now: str) -> Decision:
    draft = Draft(stored, now)
    history: list[InstanceChange] = []
    for name, instances in given.attributes.items():
        for group in _datasets(instances):
            *rest, newest = _in_order(group, now)
            history += [_past(name, one, now) for one in rest]
            before = draft.find(name, newest.get("datasetId"))
            if before is None or _time(newest, now) >= _time(before, before["modifiedAt"]):
                draft.put(name, before, stamped(newest, before, now))
                history.append(draft.changes[-1])
            else:
                history.append(_past(name, newest, now))
    draft.add_types(given.types)
    draft.scopes, told = _scopes(given, stored.scopes, now)
    draft.set_expiry(given.expires_at)
    if not history and not told:
        return draft.decide()
    return replace(_put(draft), history=(*history, *told))


def _put(draft: Draft) -> Put:
    """The draft as a change of the entity even if nothing current changes: the history does."""
    decision = draft.decide()
    if isinstance(decision, Put):
        return decision
    if not isinstance(decision, Keep):
        raise TypeError("a draft never removes its entity")
    before = draft.before
    entity = replace(before, version=before.version + 1, modified_at=draft.now)
    return Put(entity, ChangeSet(ChangeKind.UPDATED, (), before), Outcome(Effect.UPDATED))


def _scopes(given: Evolved, before: tuple[str, ...], now: str) -> tuple[tuple[str, ...], Changes]:
    """The scopes that are true now, and what the history gets: each given instance, or the change."""
    if given.scopes is None:
        return before, ()
    if not isinstance(given.scopes, list):
        change = scope_change(before, given.scopes, now)
        return given.scopes, () if change is None else (change,)
    in_order = sorted(given.scopes, key=lambda one: parse_instant(one.observed_at or now))
    changes = [InstanceChange(SCOPE, None, None, _scope_at(one, now)) for one in in_order]
    return in_order[-1].scopes, tuple(changes)


def _scope_at(one: ScopeAt, now: str) -> Instance:
    return scope_instance(one.scopes, now) | ({"observedAt": one.observed_at} if one.observed_at else {})


def _past(name: str, instance: Instance, now: str) -> InstanceChange:
    return InstanceChange(name, instance.get("datasetId"), None, stamped(instance, None, now))


def _datasets(instances: Sequence[Instance]) -> list[list[Instance]]:
    groups: dict[str | None, list[Instance]] = {}
    for one in instances:
        groups.setdefault(one.get("datasetId"), []).append(one)
    return list(groups.values())


def _in_order(instances: Sequence[Instance], now: str) -> list[Instance]:
    return sorted(instances, key=lambda one: _time(one, now))


def _time(instance: Mapping[str, str], otherwise: str) -> datetime:
    return parse_instant(instance.get("observedAt", otherwise))


def _present(stored: Entity | None, entity_id: str, now: str) -> Entity:
    if stored is None or is_past(stored.expires_at, now):
        raise Refusal("data.entity.does_not_exist", id=entity_id)
    return stored


def _unmoved(stored: Entity | None, entity_id: str, version: int, now: str) -> Entity:
    found = _present(stored, entity_id, now)
    if found.version != version:
        raise Unavailable("data.store.conflict", tries="1")
    return found
