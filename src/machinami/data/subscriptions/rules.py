"""When a subscription fires, and what its notification says: pure (CIM 009 5.8.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from machinami.data.entities.expiry import is_past
from machinami.data.matching import matches
from machinami.kernel.change import Change, ChangeKind, InstanceChange
from machinami.kernel.entity import NGSI_LD_NULL, VALUE_MEMBER, Attributes, Entity, Instance
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


def fires(subscription: Subscription, change: Change, now_text: str) -> bool:
    """Whether a change is one that the subscription waits for and the entity matches its query."""
    if status_of(subscription, now_text) != "active":
        return False
    watched = relevant(subscription, change)
    by_entity = _ENTITY_TRIGGERS[change.kind] in subscription.triggers and (bool(watched) or not subscription.watched)
    if not by_entity and not any(_attribute_trigger(one) in subscription.triggers for one in watched):
        return False
    entity = replace(change.entity, expires_at=None) if change.kind is ChangeKind.DELETED else change.entity
    return matches(entity, subscription.query, now_text)


def relevant(subscription: Subscription, change: Change) -> list[InstanceChange]:
    """The changed instances of watched attributes (all, if none are named)."""
    return [one for one in change.instances if not subscription.watched or one.attribute in subscription.watched]


def told(subscription: Subscription, change: Change) -> Entity:
    """The entity as the notification shows it: removed attributes as NGSI-LD Null, previous values if asked for."""
    entity = change.entity
    if change.kind is ChangeKind.DELETED:
        return replace(entity, attributes={}, expires_at=None)
    attributes: Attributes = dict(entity.attributes)
    for one in relevant(subscription, change):
        if one.after is None and one.before is not None:
            stone = _null(one.before)
            if subscription.notification.show_changes:
                stone |= _previous(one.before)
            attributes[one.attribute] = [*attributes.get(one.attribute, []), stone]
        elif one.after is not None and one.before is not None and subscription.notification.show_changes:
            attributes[one.attribute] = [
                {**instance, **_previous(one.before)} if instance == one.after else instance
                for instance in attributes.get(one.attribute, [])
            ]
    return replace(entity, attributes=attributes)


def _attribute_trigger(change: InstanceChange) -> Trigger:
    if change.before is None:
        return Trigger.ATTRIBUTE_CREATED
    return Trigger.ATTRIBUTE_DELETED if change.after is None else Trigger.ATTRIBUTE_UPDATED


def _null(before: Instance) -> Instance:
    member = VALUE_MEMBER[before["type"]]
    value: Any = NGSI_LD_NULL
    if member == "languageMap":
        value = {"@none": NGSI_LD_NULL}
    stone: Instance = {"type": before["type"], member: value}
    if "datasetId" in before:
        stone["datasetId"] = before["datasetId"]
    return stone


def _previous(before: Instance) -> dict[str, Any]:
    member = VALUE_MEMBER[before["type"]]
    return {_PREVIOUS[member]: before.get(member)}
