"""A notification as an HTTP message: body and headers in the endpoint's media type (CIM 009 6.3.8)."""

from __future__ import annotations

import json
from typing import Any

from machinami.kernel.entity import Entity
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context, core_context, core_version
from machinami.standards.ngsi_ld.subscription_model import Subscription
from machinami.standards.ngsi_ld.subscriptions import render_notification


def notification_message(
    subscription: Subscription, notification_id: str, entity: Entity, now_text: str, context: Context, source: Any
) -> tuple[bytes, dict[str, str]]:
    """(body, headers): `@context` in the body for ld+json and geo+json, in a Link header for json.

    `source` is the user's @context as given. A Link header can name one document only: for json with another @context,
    names are written under the core context. Headers of receiverInfo replace none of ours.
    """
    accept = subscription.notification.endpoint.accept
    ours = {"Content-Type": accept}
    if accept == "application/json":
        url = _only_document(source)
        if url is None:
            url, context = CORE_CONTEXT_URL, core_context()
        ours["Link"] = f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    document = render_notification(subscription, notification_id, [entity], now_text, context)
    if accept != "application/json":
        document["@context"] = source
    taken = {name.lower() for name in ours}
    theirs = {name: text for name, text in subscription.notification.endpoint.receiver_info if name.lower() not in taken}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), theirs | ours


def _only_document(source: Any) -> str | None:
    """The URL that alone, with the core context that is always there, stands for an @context; None if there is none."""
    parts = source if isinstance(source, list) else [source]
    if not all(isinstance(one, str) for one in parts):
        return None
    others = [one for one in parts if core_version(one) is None]
    if len(others) > 1:
        return None
    return str(others[0]) if others else CORE_CONTEXT_URL
