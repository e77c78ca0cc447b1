"""Context source registration subscriptions and their notifications (CIM 009 5.2.12, 5.3.2, 5.3.3, 5.11).

They are subscriptions with two members more: `temporalQ` and `csf` are about the sources. With `timeInterval` all sources
that match are told again and again. `q` stays with the sources: nothing about values can be seen in a registration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from machinami.kernel.entity import NGSI_LD_NULL
from machinami.kernel.query import Condition
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.query_json import CLASSES, from_json, to_json
from machinami.standards.ngsi_ld.subscription_model import Subscription, SubscriptionLimits
from machinami.standards.ngsi_ld.subscription_notification import refuse
from machinami.standards.ngsi_ld.subscriptions import (
    from_record as subscription_from_record,
)
from machinami.standards.ngsi_ld.subscriptions import (
    parse_csf,
    parse_subscription,
    patch_subscription,
    render_subscription,
)
from machinami.standards.ngsi_ld.subscriptions import (
    to_record as subscription_to_record,
)
from machinami.standards.ngsi_ld.temporal import TemporalQuery, TimeRelation, parse_temporal_query

_RECORD_CLASSES: Final = CLASSES | {one.__name__: one for one in (TemporalQuery, TimeRelation)}


class TriggerReason(StrEnum):
    """Why a registration is told (5.3.3)."""

    NEWLY_MATCHING = "newlyMatching"
    UPDATED = "updated"
    NO_LONGER_MATCHING = "noLongerMatching"


@dataclass(frozen=True, slots=True)
class RegistrationSubscription:
    """`subscription` has the members that all subscriptions share. `document` keeps the client's own text of the others."""

    subscription: Subscription
    temporal: TemporalQuery | None = None
    csf: Condition | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The subscription's id."""
        return self.subscription.id

    @property
    def interval_s(self) -> float | None:
        """Seconds between notifications that no change causes."""
        return self.subscription.interval_s

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes that sources must offer any of: watched and notified ones, if there are both (5.11.2.4)."""
        notified = self.subscription.notification.representation.attributes
        if not notified or not self.subscription.watched:
            return frozenset()
        return frozenset((*notified, *self.subscription.watched))


def parse_registration_subscription(
    document: Any, context: Context, limits: SubscriptionLimits, *, new_id: str = ""
) -> RegistrationSubscription:
    """The subscription that a document holds (5.11.2). Raises the refusals of `parse_subscription`."""
    own, common = _parted(document)
    subscription = parse_subscription(common, context, limits, new_id=new_id)
    return _applied(RegistrationSubscription(subscription), own, context, limits)


def patch_registration_subscription(
    current: RegistrationSubscription, document: Any, context: Context, limits: SubscriptionLimits
) -> RegistrationSubscription:
    """`current` with the members of a fragment (5.11.3)."""
    own, common = _parted(document)
    patched = replace(current, subscription=patch_subscription(current.subscription, common, context, limits))
    return _applied(patched, own, context, limits)


def to_record(one: RegistrationSubscription) -> dict[str, Any]:
    """JSON for storage, independent of any @context; `from_record` reads it back."""
    return {
        "subscription": subscription_to_record(one.subscription),
        "temporal": to_json(one.temporal, _RECORD_CLASSES),
        "csf": to_json(one.csf, _RECORD_CLASSES),
        "document": one.document,
    }


def from_record(record: Mapping[str, Any]) -> RegistrationSubscription:
    """What `to_record` wrote."""
    return RegistrationSubscription(
        subscription_from_record(record["subscription"]),
        from_json(record["temporal"], _RECORD_CLASSES),
        from_json(record["csf"], _RECORD_CLASSES),
        record["document"],
    )


def render_registration_subscription(
    one: RegistrationSubscription,
    context: Context,
    *,
    status: str,
    delivery: Mapping[str, Any] | None = None,
    times: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The subscription as a document, without `@context`; triggers are shown if they were given, as no change of an
    entity plays a part."""
    document = render_subscription(one.subscription, context, status=status, delivery=delivery, times=times)
    if "notificationTrigger" not in one.subscription.document:
        document.pop("notificationTrigger", None)
    return one.document | document


def render_source_notification(
    subscription_id: str, notification_id: str, reason: TriggerReason, registrations: Sequence[Any], now_text: str
) -> dict[str, Any]:
    """The CSourceNotification (5.3.2) about registrations that are documents already, without `@context`."""
    return {
        "id": notification_id,
        "type": "ContextSourceNotification",
        "subscriptionId": subscription_id,
        "notifiedAt": now_text,
        "triggerReason": reason.value,
        "data": list(registrations),
    }


def _parted(document: Any) -> tuple[dict[str, Any], Any]:
    """The members of registration subscriptions alone, and the document without them."""
    if document.__class__ is not dict:
        return {}, document
    own = {name: value for name, value in document.items() if name in _PARTS}
    return own, {name: value for name, value in document.items() if name not in _PARTS}


def _applied(
    current: RegistrationSubscription, own: Mapping[str, Any], context: Context, limits: SubscriptionLimits
) -> RegistrationSubscription:
    kept = dict(current.document)
    for member, value in own.items():
        removed = value is None or value == NGSI_LD_NULL
        current = _PARTS[member](current, None if removed else value, context, limits)
        if removed:
            kept.pop(member, None)
        else:
            kept[member] = value
    if current.subscription.notification.endpoint.accept == "application/geo+json":
        raise refuse("notification.endpoint.accept", "registrations are told as application/json or application/ld+json")
    return replace(current, document=kept)


def _temporal(
    current: RegistrationSubscription, value: Any, context: Context, limits: SubscriptionLimits
) -> RegistrationSubscription:
    if value is None:
        return replace(current, temporal=None)
    known = ("timerel", "timeAt", "endTimeAt", "timeproperty")
    if not isinstance(value, dict) or not value.keys() <= {*known, "lastN"} or not value.keys() >= {"timerel", "timeAt"}:
        raise refuse("temporalQ", f"it must be an object of {', '.join(known)} and lastN")
    if not all(isinstance(one, str) for name, one in value.items() if name in known):
        raise refuse("temporalQ", "times and their relation are texts")
    last = value.get("lastN", 1)  # about what is read of a source, not about which source: it only has to be valid
    if isinstance(last, bool) or not isinstance(last, int) or last < 1:
        raise refuse("temporalQ.lastN", "it must be a whole number above 0")
    return replace(current, temporal=parse_temporal_query(*(value.get(name) for name in known)))


def _csf(
    current: RegistrationSubscription, value: Any, context: Context, limits: SubscriptionLimits
) -> RegistrationSubscription:
    return replace(current, csf=parse_csf(value, context, limits))


_PARTS: Final = {"temporalQ": _temporal, "csf": _csf}
