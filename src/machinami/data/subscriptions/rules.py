"""When a subscription fires, and what its notification says: pure (CIM 009 5.8.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from machinami.data.entities.expiry import is_past
from machinami.data.matching import matches
from machinami.data.matching.conditions import NOTHING_LINKED, Linked
from machinami.kernel.change import Change, ChangeKind, InstanceChange
from machinami.kernel.clock import iso
from machinami.kernel.entity import NGSI_LD_NULL, VALUE_MEMBER, Attributes, Instance
from machinami.standards.ngsi_ld.notifications import Told
from machinami.standards.ngsi_ld.subscription_model import Subscription, Trigger

_ENTITY_TRIGGERS: Final = {
    ChangeKind.CREATED: Trigger.ENTITY_CREATED,
    ChangeKind.UPDATED: Trigger.ENTITY_UPDATED,
    ChangeKind.DELETED: Trigger.ENTITY_DELETED,
}
_PREVIOUS: Final = {
    "value": "previousValue",
    "object": "previousObject",
    "languageMap": "previousLanguageMap",
    "vocab": "previousVocab",
    "valueList": "previousValueList",
    "objectList": "previousObjectList",
    "json": "previousJson",
}


def status_of(subscription: Subscription, now_text: str) -> str:
    """`active`, `paused` or `expired` (5.2.12)."""
    if is_past(subscription.expires_at, now_text):
        return "expired"
    return "active" if subscription.active else "paused"


def fires(subscription: Subscription, change: Change, now_text: str, linked: Linked = NOTHING_LINKED) -> bool:
    """Whether a change is one that the subscription waits for and the entity matches its query.

    `linked` are the entities behind the links of its query's condition.
    """
    return awaited(subscription, change, now_text) and answers(subscription, change, now_text, linked)


def awaited(subscription: Subscription, change: Change, now_text: str) -> bool:
    """Whether the subscription is active and waits for what happened."""
    if status_of(subscription, now_text) != "active":
        return False
    watched = relevant(subscription, change)
    by_entity = _ENTITY_TRIGGERS[change.kind] in subscription.triggers and (bool(watched) or not subscription.watched)
    return by_entity or any(_attribute_trigger(one) in subscription.triggers for one in watched)


def answers(subscription: Subscription, change: Change, now_text: str, linked: Linked = NOTHING_LINKED) -> bool:
    """Whether the entity matches the subscription's query as it stands, or as it stood when it was deleted."""
    entity = replace(change.entity, expires_at=None) if change.kind is ChangeKind.DELETED else change.entity
    return matches(entity, subscription.query, now_text, linked)


def relevant(subscription: Subscription, change: Change) -> list[InstanceChange]:
    """The changed instances of watched attributes (all, if none are named)."""
    return [one for one in change.instances if not subscription.watched or one.attribute in subscription.watched]


def told(subscription: Subscription, change: Change) -> Told:
    """The entity as the notification shows it: removed attributes as NGSI-LD Null, previous values if asked for.

    Of an entity that was deleted only the attributes whose deletion was waited for are shown, all with `showChanges`.
    """
    at, show_changes = iso(change.at), subscription.notification.show_changes
    if change.kind is ChangeKind.DELETED:
        shown = show_changes or Trigger.ATTRIBUTE_DELETED in subscription.triggers
        gone = _by_attribute(relevant(subscription, change) if shown else [])
        stones = {name: _stones(changes, at, show_changes, entity_gone=True) for name, changes in gone.items()}
        return Told(replace(change.entity, attributes=stones, expires_at=None), at)
    attributes: Attributes = dict(change.entity.attributes)
    for name, changes in _by_attribute(relevant(subscription, change)).items():
        standing = attributes.get(name, [])
        if show_changes:
            standing = [_with_previous(one, changes) for one in standing]
        attributes[name] = standing + _joined(_stones(changes, at, show_changes), bool(standing) or show_changes)
    return Told(replace(change.entity, attributes={name: found for name, found in attributes.items() if found}))


def _by_attribute(changes: list[InstanceChange]) -> dict[str, list[InstanceChange]]:
    found: dict[str, list[InstanceChange]] = {}
    for one in changes:
        found.setdefault(one.attribute, []).append(one)
    return found


def _attribute_trigger(change: InstanceChange) -> Trigger:
    if change.before is None:
        return Trigger.ATTRIBUTE_CREATED
    return Trigger.ATTRIBUTE_DELETED if change.after is None else Trigger.ATTRIBUTE_UPDATED


def _with_previous(instance: Instance, changes: list[InstanceChange]) -> Instance:
    for one in changes:
        if one.before is not None and one.after == instance:
            return {**instance, **_previous(one.before)}
    return instance


def _stones(changes: list[InstanceChange], at: str, show_changes: bool, *, entity_gone: bool = False) -> list[Instance]:
    """An instance of NGSI-LD Null for each one that was deleted."""
    gone = [one.before for one in changes if one.after is None and one.before is not None]
    stones = [_stone(one, at, entity_gone) for one in gone]
    return [stone | _previous(one) for stone, one in zip(stones, gone, strict=True)] if show_changes else stones


def _joined(stones: list[Instance], several: bool) -> list[Instance]:
    """One Null says it when an attribute went with all its instances, unless something is to be told of each."""
    if several or len(stones) < 2:
        return stones
    default = next((one for one in stones if "datasetId" not in one), stones[0])
    return [{member: value for member, value in default.items() if member != "datasetId"}]


def _stone(before: Instance, at: str, entity_gone: bool) -> Instance:
    """NGSI-LD Null in the place of the value; a language map keeps its shape while the entity stands (4.5.18)."""
    member = VALUE_MEMBER[before["type"]]
    value: Any = {"@none": NGSI_LD_NULL} if member == "languageMap" and not entity_gone else NGSI_LD_NULL
    kept: Instance = {name: before[name] for name in ("datasetId", "createdAt", "modifiedAt") if name in before}
    return {"type": before["type"], member: value, **kept, "deletedAt": at}


def _previous(before: Instance) -> dict[str, Any]:
    member = VALUE_MEMBER[before["type"]]
    return {_PREVIOUS[member]: before.get(member)}
