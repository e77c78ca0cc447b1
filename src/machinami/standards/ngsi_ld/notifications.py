"""Notifications (CIM 009 5.3.1) and the messages that carry them: HTTP (6.3.8) or MQTT (clause 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from machinami.kernel.entity import LOCATION, Entity
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context, core_context, core_version
from machinami.standards.ngsi_ld.linked import Inliner
from machinami.standards.ngsi_ld.render import Representation, geojson_feature, render_entity
from machinami.standards.ngsi_ld.subscription_model import Endpoint, Subscription
from machinami.standards.ngsi_ld.subscription_notification import MQTT_QOS, MQTT_VERSION
from machinami.standards.ngsi_ld.versions import conforming

_GEO_JSON: Final = "application/geo+json"
_MQTT_DEFAULTS: Final = {MQTT_QOS: "0", MQTT_VERSION: "mqtt5.0"}


@dataclass(frozen=True, slots=True)
class Told:
    """An entity as a notification shows it; `deleted_at` if the change was its deletion (4.5.0, since V1.6.1)."""

    entity: Entity
    deleted_at: str | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The entities behind Relationships that go along (4.5.23), each with how it is written; at most `copies_max` inside
    of others."""

    linked: Sequence[tuple[Entity, Representation]] = ()
    copies_max: int = 0


NOT_JOINED: Final = Joined()


def render_notification(
    subscription: Subscription, notification_id: str, told: Sequence[Told], now_text: str, context: Context,
    joined: Joined = NOT_JOINED,
) -> dict[str, Any]:  # fmt: skip
    """The notification (5.3.1) about entities, without `@context`.

    With `accept: application/geo+json` the data is a FeatureCollection. An attribute that was deleted is shown by an
    instance whose value is NGSI-LD Null in the entity given; previous values (`previousValue` …) likewise. What is
    `joined` stands inside the entities, or behind them.
    """
    version = subscription.conformance
    told = [Told(conforming(one.entity, version, context), one.deleted_at) for one in told]
    linked = [(conforming(one, version, context), way) for one, way in joined.linked]
    written = _written(subscription, told, context, Joined(linked, joined.copies_max))
    data: Any
    if subscription.notification.endpoint.accept == _GEO_JSON:
        data = {"type": "FeatureCollection", "features": [geojson_feature(*one, LOCATION) for one in written]}
    else:
        data = [document for _, document, _ in written]
    return {
        "id": notification_id,
        "type": "Notification",
        "subscriptionId": subscription.id,
        "notifiedAt": now_text,
        "data": data,
    }


def _written(
    subscription: Subscription, told: Sequence[Told], context: Context, joined: Joined
) -> list[tuple[Entity, dict[str, Any], Representation]]:
    """(entity, its document, how it is written) of all that the notification holds."""
    notification = subscription.notification
    shown = notification.representation
    if notification.join == "inline":
        inside = {one.id: one for one, _ in joined.linked}
        inliner = Inliner(context, inside, notification.join_level, (), joined.copies_max)
        documents = [inliner.written(one.entity, shown) for one in told]
    else:
        documents = [render_entity(one.entity, context, shown) for one in told]
    found = [(one.entity, _with_deletion(document, one), shown) for one, document in zip(told, documents, strict=True)]
    if notification.join == "flat":
        others = {one.id: (one, way) for one, way in joined.linked if all(one.id != each.entity.id for each in told)}
        found += [(one, render_entity(one, context, way), way) for one, way in others.values()]
    return found


def notification_message(
    subscription: Subscription,
    notification_id: str,
    told: Sequence[Told],
    now_text: str,
    context: Context,
    source: Any,
    extra: Mapping[str, str] | None = None,
    joined: Joined = NOT_JOINED,
) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of the notification under the @context `context`, whose text `source` is; `extra` headers go along.

    ld+json carries `@context` in the body, on the whole and on each entity; geo+json in the FeatureCollection, unless
    receiverInfo has `Prefer: body=json` (5.3.1); json in a Link header. A Link header can name one document only: with
    another @context, names are then written under the core context.
    """
    endpoint = subscription.notification.endpoint
    source = source[0] if isinstance(source, list) and len(source) == 1 else source
    link = None
    if endpoint.accept == "application/json" or (endpoint.accept == _GEO_JSON and _prefers_json(endpoint)):
        link = only_document(source)
        if link is None:
            link, context = CORE_CONTEXT_URL, core_context()
    document = render_notification(subscription, notification_id, told, now_text, context, joined)
    if link is None and endpoint.accept == _GEO_JSON:
        document["data"]["@context"] = source
    elif link is None:
        document["data"] = [{**one, "@context": source} for one in document["data"]]
        document["@context"] = source
    return message(endpoint, document, link, extra)


def message(
    endpoint: Endpoint, document: Mapping[str, Any], link: str | None, extra: Mapping[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    """(body, headers) that carry a notification's document to an endpoint; `link` is the @context of a Link header.

    Headers of receiverInfo replace none of ours. Over MQTT headers are `metadata` beside the `body`, and what is returned
    as headers are the parameters of the transport (MQTT-QoS, MQTT-Version).
    """
    ours = {"Content-Type": endpoint.accept, **(extra or {})}
    if link is not None:
        ours["Link"] = f'<{link}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    taken = {name.lower() for name in ours}
    headers = {name: text for name, text in endpoint.receiver_info if name.lower() not in taken} | ours
    if not endpoint.over_mqtt:
        return _dumped(document), headers
    chosen = {name: text for name, text in endpoint.notifier_info if name in _MQTT_DEFAULTS}
    return _dumped({"metadata": headers, "body": document}), _MQTT_DEFAULTS | chosen


def _with_deletion(document: dict[str, Any], one: Told) -> dict[str, Any]:
    return document if one.deleted_at is None else {**document, "deletedAt": one.deleted_at}


def _prefers_json(endpoint: Endpoint) -> bool:
    return any(name.lower() == "prefer" and text.replace(" ", "") == "body=json" for name, text in endpoint.receiver_info)


def only_document(source: Any) -> str | None:
    """The URL that alone, with the core context that is always there, stands for an @context; None if there is none."""
    parts = source if isinstance(source, list) else [source]
    if not all(isinstance(one, str) for one in parts):
        return None
    others = [one for one in parts if core_version(one) is None]
    if len(others) > 1:
        return None
    return str(others[0]) if others else CORE_CONTEXT_URL


def _dumped(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
