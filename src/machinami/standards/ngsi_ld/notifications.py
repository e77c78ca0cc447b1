"""A notification as an HTTP message: body and headers in the endpoint's media type (CIM 009 6.3.8)."""

from __future__ import annotations

import json
from typing import Any

from machinami.kernel.entity import Entity
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context
from machinami.standards.ngsi_ld.subscription_model import Subscription
from machinami.standards.ngsi_ld.subscriptions import render_notification


def notification_message(
    subscription: Subscription, notification_id: str, entity: Entity, now_text: str, context: Context, source: Any
) -> tuple[bytes, dict[str, str]]:
    """(body, headers): `@context` in the body for ld+json and geo+json, in a Link header for json.

    `source` is the user's @context as given; receiverInfo headers come last and may replace none of ours.
    """
    accept = subscription.notification.endpoint.accept
    document = render_notification(subscription, notification_id, [entity], now_text, context)
    headers = dict(subscription.notification.endpoint.receiver_info)
    headers["Content-Type"] = accept
    if accept == "application/json":
        url = source if isinstance(source, str) else CORE_CONTEXT_URL
        headers["Link"] = f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    else:
        document["@context"] = source
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), headers
