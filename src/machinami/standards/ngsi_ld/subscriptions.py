"""Reading and writing subscriptions (CIM 009 5.2.12, 5.8.1, 5.8.2).

A member that is not known is refused, never stored and forgotten. System members (`status`, `timesSent` …) are ignored in
input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from machinami.kernel.entity import NGSI_LD_NULL
from machinami.kernel.query import Condition, Selector, TypeSelection, chains
from machinami.standards.ngsi_ld.attributes import is_date_time, is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.geo import parse_geo_query
from machinami.standards.ngsi_ld.projection import ENTITY_MEMBERS, Projection
from machinami.standards.ngsi_ld.q import check_pattern, parse_q
from machinami.standards.ngsi_ld.query_json import CLASSES, from_json, to_json
from machinami.standards.ngsi_ld.render import Format, Representation
from machinami.standards.ngsi_ld.scope import parse_scope_query
from machinami.standards.ngsi_ld.subscription_model import (
    DEFAULT_TRIGGERS,
    Endpoint,
    Notification,
    Subscription,
    SubscriptionLimits,
    Trigger,
)
from machinami.standards.ngsi_ld.subscription_notification import JOIN_LEVEL_MAX, notification_part, refuse
from machinami.standards.ngsi_ld.types import parse_type_selection

_VERSION: Final = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})")
SECONDS_MAX: Final = 10 * 366 * 24 * 3600
_SYSTEM: Final = frozenset({"status", "createdAt", "modifiedAt", "@context", "type", "id"})
_RECORD_CLASSES: Final = CLASSES | {
    one.__name__: one for one in (Subscription, Notification, Endpoint, Representation, Projection, Format, Trigger)
}


def parse_subscription(
    document: Any, context: Context, limits: SubscriptionLimits | None = None, *, new_id: str = ""
) -> Subscription:
    """The subscription that a document holds; `new_id` is its id if the document has none.

    Whether `expiresAt` lies in the past is for the caller to judge, who has the clock. Raises Refusal
    `ngsi_ld.subscription.not_valid` (member, reason), and those of the query parsers.
    """
    if document.__class__ is not dict:
        raise refuse("body", "it must be a JSON object")
    _check_type(document)
    if "notification" not in document:
        raise refuse("notification", "it is missing")
    subscription_id = document.get("id", new_id)
    if not is_uri(subscription_id):
        raise refuse("id", "it must be a URI")
    blank = Subscription(str(subscription_id), Notification(Endpoint("")))
    return _applied(blank, document, context, limits or SubscriptionLimits())


def patch_subscription(
    current: Subscription, document: Any, context: Context, limits: SubscriptionLimits | None = None
) -> Subscription:
    """`current` with the members of a fragment (5.8.2); JSON null and NGSI-LD Null remove a member."""
    if document.__class__ is not dict:
        raise refuse("body", "it must be a JSON object")
    if "type" in document:
        _check_type(document)
    if document.get("id", current.id) != current.id:
        raise refuse("id", "it can't be changed")
    return _applied(current, document, context, limits or SubscriptionLimits())


def to_record(subscription: Subscription) -> dict[str, Any]:
    """JSON for storage, independent of any @context; `from_record` reads it back."""
    record: dict[str, Any] = to_json(subscription, _RECORD_CLASSES)
    return record


def from_record(record: Mapping[str, Any]) -> Subscription:
    """What `to_record` wrote."""
    subscription: Subscription = from_json(dict(record), _RECORD_CLASSES)
    return subscription


def render_subscription(
    subscription: Subscription,
    context: Context,
    *,
    status: str,
    delivery: Mapping[str, Any] | None = None,
    times: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The subscription as a document, names compacted, without `@context`.

    `status` is `active`, `paused` or `expired`; `delivery` holds the notification's own figures (`status`, `timesSent`,
    `timesFailed`, `lastNotification`, `lastSuccess`, `lastFailure`), `times` `createdAt` and `modifiedAt` if wanted.
    """
    names = context.compacted
    document: dict[str, Any] = {"id": subscription.id, "type": "Subscription"}
    given = subscription.document
    for member, value in given.items():
        if member == "entities":
            document[member] = [_selector_document(one, context) for one in subscription.query.selectors]
        elif member == "watchedAttributes":
            document[member] = [names[iri] for iri in subscription.watched]
        elif member == "geoQ" and subscription.query.geo and "geoproperty" in value:
            document[member] = {**value, "geoproperty": names[subscription.query.geo.property_name]}
        elif member == "notification":
            document[member] = _notification_document(value, subscription.notification, context) | dict(delivery or {})
        else:
            document[member] = value
    document.setdefault("notificationTrigger", sorted(subscription.triggers))
    document["status"] = status
    return document | dict(times or {})


def _check_type(document: Mapping[str, Any]) -> None:
    if document.get("type") not in ("Subscription", "https://uri.etsi.org/ngsi-ld/Subscription"):
        raise refuse("type", "it must be Subscription")


def _applied(current: Subscription, document: dict[str, Any], context: Context, limits: SubscriptionLimits) -> Subscription:
    """`current` changed by each member of the document in turn, then checked as a whole."""
    kept = dict(current.document)
    if "expandValues" in document and "q" not in document:
        raise refuse("expandValues", "it needs the q whose values it expands beside it")
    for member, value in sorted(document.items(), key=lambda item: item[0] != "expandValues"):
        if member in _SYSTEM:
            continue
        if member == "temporalQ":
            raise refuse(member, "it is for subscriptions to registrations: /csourceSubscriptions")
        part = _PARTS.get(member)
        if part is None:
            raise refuse(member, "a subscription has no such member")
        removed = value is None or value == NGSI_LD_NULL
        if removed and member == "notification":
            raise refuse(member, "it can't be removed")
        current = part(current, None if removed else value, context, limits)
        if removed:
            kept.pop(member, None)
        else:
            kept[member] = value
    language = kept.get("lang")
    datasets = frozenset(current.query.dataset_ids) or None
    shown = replace(current.notification.representation, language=language, dataset_ids=datasets)
    current = replace(current, notification=replace(current.notification, representation=shown), document=kept)
    _check_whole(current)
    return current


def _check_whole(subscription: Subscription) -> None:
    """What members say together (5.2.12): something to watch unless it is local, and an interval or changes but not both."""
    if not subscription.query.selectors and not subscription.watched and not subscription.local_only:
        raise refuse("entities", "a subscription needs entities, watchedAttributes or localOnly")
    if subscription.local_only and subscription.csf is not None:
        raise refuse("csf", "it chooses among context sources, and localOnly leaves them all out")
    document = subscription.document
    if document.get("localOnly") is False and any(one.get("type") == "*" for one in document.get("entities", ())):
        raise refuse("localOnly", "it can't be false when entities of all types are wanted (5.2.33)")
    notification = subscription.notification
    levels = notification.join_level if notification.join else 0
    if any(len(links) > levels for links in chains(subscription.query.condition)):
        raise refuse("q", "it looks behind more Relationships than notification.join retrieves")
    if subscription.interval_s is not None:
        for member, given in (("watchedAttributes", subscription.watched), ("throttling", subscription.throttling_s)):
            if given:
                raise refuse("timeInterval", f"it can't go with {member}")


def _query(current: Subscription, **changes: Any) -> Subscription:
    return replace(current, query=replace(current.query, **changes))


def _entities(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    if value is None:
        return _query(current, selectors=())
    if not isinstance(value, list) or not value or len(value) > limits.entities_max:
        raise refuse("entities", f"it must be an array of 1 to {limits.entities_max} selectors")
    return _query(current, selectors=tuple(_selector(one, context, limits) for one in value))


def _selector(value: Any, context: Context, limits: SubscriptionLimits) -> Selector:
    if not isinstance(value, dict) or not value or not value.keys() <= {"id", "idPattern", "type"}:
        raise refuse("entities", "a selector has type, id and idPattern only")
    types, pattern = value.get("type"), value.get("idPattern")
    selection: TypeSelection | None = None
    if "type" in value and types != "*":
        if not isinstance(types, str) or not types:
            raise refuse("entities", "type must be a type selection")
        selection = parse_type_selection(types, context, limits.query_nodes_max)
    ids = None
    if "id" in value:
        listed = value["id"] if isinstance(value["id"], list) else [value["id"]]
        if not listed or not all(map(is_uri, listed)):
            raise refuse("entities", "id must be a URI or an array of URIs")
        ids = frozenset(listed)
    if "idPattern" in value:
        if not isinstance(pattern, str) or not pattern:
            raise refuse("entities", "idPattern must be a regular expression")
        check_pattern(pattern, limits.pattern_characters_max)
    return Selector(selection, ids, None if ids else pattern)


def _watched(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    if value is None:
        return replace(current, watched=())
    named = isinstance(value, list) and all(isinstance(name, str) for name in value)
    if not named or not value or len(value) > limits.entities_max:
        raise refuse("watchedAttributes", "it must be an array of attribute names that is not empty")
    return replace(current, watched=tuple(dict.fromkeys(context.expanded[name] for name in value)))


def _triggers(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    if value is None:
        return replace(current, triggers=DEFAULT_TRIGGERS)
    if not isinstance(value, list) or not value or not all(one in tuple(Trigger) for one in value):
        raise refuse("notificationTrigger", f"it must be an array of {', '.join(Trigger)}")
    return replace(current, triggers=frozenset(map(Trigger, value)))


def _q(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    """The query, which clients also write percent-encoded as in a URL (suite case 046_05, Stellio)."""
    if value is None:
        return _query(current, condition=None)
    condition = parse_q(
        unquote(_text("q", value)), context,
        nodes_max=limits.query_nodes_max, pattern_characters_max=limits.pattern_characters_max,
        expand_values=current.expand_values, links_max=JOIN_LEVEL_MAX,
    )  # fmt: skip
    return _query(current, condition=condition)


def _expanding(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(isinstance(name, str) and name for name in listed):
        raise refuse("expandValues", "it must be an array of attribute names")
    return replace(current, expand_values=frozenset(context.expanded[name] for name in listed))


def _json_keys(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    """Attributes whose inner names are no terms (4.9): `q` reads names inside of values as they are, so all are."""
    if value is not None and not (isinstance(value, list) and all(isinstance(name, str) and name for name in value)):
        raise refuse("jsonKeys", "it must be an array of attribute names")
    return current


def _geo(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    if value is None:
        return _query(current, geo=None)
    if not isinstance(value, dict) or not value.keys() <= {"georel", "geometry", "coordinates", "geoproperty"}:
        raise refuse("geoQ", "it must be an object of georel, geometry, coordinates and perhaps geoproperty")
    parts = (value.get("georel"), value.get("geometry"), value.get("coordinates"), value.get("geoproperty"))
    return _query(current, geo=parse_geo_query(*parts, context, limits.geometry_vertices_max))


def _scope(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    scope = None if value is None else parse_scope_query(_text("scopeQ", value), limits.query_nodes_max)
    return _query(current, scope=scope)


def _datasets(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    listed = [] if value is None else value if isinstance(value, list) else [value]
    if not all(one == "@none" or is_uri(one) for one in listed):
        raise refuse("datasetId", "it must be an array of URIs or @none")
    return _query(current, dataset_ids=tuple(listed))


def _active(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    return replace(current, active=_boolean("isActive", value) is not False)


def _expires(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    if value is not None and not is_date_time(value):
        raise refuse("expiresAt", "it must be an ISO 8601 date-time with offset or Z")
    return replace(current, expires_at=value)


def _throttling(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    return replace(current, throttling_s=_seconds("throttling", value))


def _interval(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    return replace(current, interval_s=_seconds("timeInterval", value))


def _seconds(member: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= SECONDS_MAX:
        raise refuse(member, f"it must be a number of seconds above 0, at most {SECONDS_MAX}")
    return float(value)


def _jsonld_context(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    if value is not None and not is_uri(value):
        raise refuse("jsonldContext", "it must be a URI")
    return replace(current, jsonld_context=value)


def _conformance(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    if value is None:
        return replace(current, conformance=None)
    match = _VERSION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refuse("ngsildConformance", "it must be a version as major.minor, such as 1.5")
    return replace(current, conformance=(int(match[1]), int(match[2])))


def _notification(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    return replace(current, notification=notification_part(value, context))


def _told(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    """Members that are only told again: names and descriptions, `lang` (read with the representation)."""
    if value is not None:
        _text("subscriptionName, description and lang", value)
    return current


def parse_csf(value: Any, context: Context, limits: SubscriptionLimits) -> Condition | None:
    """The context source filter (5.2.12): a query in the language of 4.9; None if there is none."""
    if value is None:
        return None
    return parse_q(
        _text("csf", value), context,
        nodes_max=limits.query_nodes_max, pattern_characters_max=limits.pattern_characters_max,
    )  # fmt: skip


def _csf(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    return replace(current, csf=parse_csf(value, context, limits))


def _local(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    return replace(current, local_only=_boolean("localOnly", value) or False)


def _split(current: Subscription, value: Any, context: Context, limits: SubscriptionLimits) -> Subscription:
    return replace(current, split=_boolean("splitEntities", value))


def _boolean(member: str, value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise refuse(member, "it must be true or false")
    return value


_PARTS: Final = {
    "entities": _entities,
    "watchedAttributes": _watched,
    "notificationTrigger": _triggers,
    "expandValues": _expanding,
    "jsonKeys": _json_keys,
    "q": _q,
    "geoQ": _geo,
    "scopeQ": _scope,
    "datasetId": _datasets,
    "isActive": _active,
    "expiresAt": _expires,
    "throttling": _throttling,
    "timeInterval": _interval,
    "jsonldContext": _jsonld_context,
    "ngsildConformance": _conformance,
    "notification": _notification,
    "subscriptionName": _told,
    "name": _told,
    "description": _told,
    "lang": _told,
    "csf": _csf,
    "localOnly": _local,
    "splitEntities": _split,
}


def _text(member: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise refuse(member, "it must be a text that is not empty")
    return value


def _selector_document(selector: Selector, context: Context) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if selector.ids is not None:
        ids = sorted(selector.ids)
        document["id"] = ids[0] if len(ids) == 1 else ids
    if selector.id_pattern is not None:
        document["idPattern"] = selector.id_pattern
    if selector.types is None:
        document["type"] = "*"
    else:
        sets = [[context.compacted[iri] for iri in sorted(one)] for one in selector.types.any_of]
        written = [one[0] if len(one) == 1 else ";".join(one) if len(sets) == 1 else f"({';'.join(one)})" for one in sets]
        document["type"] = "|".join(written)
    return document


def _notification_document(given: Mapping[str, Any], notification: Notification, context: Context) -> dict[str, Any]:
    """The client's notification member with its name lists compacted by the context of this answer."""
    document = dict(given)
    shown = notification.representation
    if "attributes" in document and shown.attributes is not None:
        document["attributes"] = sorted(context.compacted[one] for one in shown.attributes)
    if "pick" in document and shown.pick is not None:
        behind = frozenset(name for name, _ in shown.pick_linked)
        document["pick"] = _projection(Projection(shown.pick - behind, shown.pick_linked), context)
    if "omit" in document:
        document["omit"] = _projection(Projection(shown.omit, shown.omit_linked), context)
    return document


def _projection(projection: Projection, context: Context) -> list[str]:
    """The terms of a projection: `name`, or `relationship{name,…}`."""
    names = [one if one in ENTITY_MEMBERS else context.compacted[one] for one in projection.names]
    behind = [f"{context.compacted[one]}{{{','.join(_projection(inner, context))}}}" for one, inner in projection.linked]
    return sorted(names) + sorted(behind)
