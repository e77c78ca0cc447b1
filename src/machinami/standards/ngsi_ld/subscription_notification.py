"""The `notification` member of a subscription: endpoint and representation (CIM 009 5.2.14, 5.2.15)."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.render import ENTITY_MEMBERS, Format, Representation
from machinami.standards.ngsi_ld.subscription_model import Endpoint, Notification

_FORMATS: Final = {
    "normalized": Format.NORMALIZED,
    "concise": Format.CONCISE,
    "simplified": Format.SIMPLIFIED,
    "keyValues": Format.SIMPLIFIED,
}
_ACCEPTED: Final = ("application/json", "application/ld+json", "application/geo+json")
_MEMBERS: Final = frozenset({"attributes", "pick", "omit", "sysAttrs", "format", "showChanges", "endpoint"})
_NOT_YET: Final = frozenset({"join", "joinLevel"})
_SYSTEM: Final = frozenset({"status", "timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})


def refuse(member: str, reason: str) -> Refusal:
    """The refusal of a subscription's member."""
    return Refusal("ngsi_ld.subscription.not_valid", member=member, reason=reason)


def notification_part(value: Any, context: Context) -> Notification:
    """The typed `notification`; names expanded. Raises Refusal `ngsi_ld.subscription.not_valid` or `.not_supported`."""
    if not isinstance(value, dict):
        raise refuse("notification", "it must be an object")
    for member in value.keys() - _MEMBERS - _SYSTEM:
        if member in _NOT_YET:
            raise Refusal("ngsi_ld.subscription.not_supported", member=f"notification.{member}")
        raise refuse(f"notification.{member}", "a notification has no such member")
    shown_as = value.get("format", "normalized")
    if not isinstance(shown_as, str) or shown_as not in _FORMATS:
        raise refuse("notification.format", f"it must be one of {', '.join(_FORMATS)}")
    attributes, pick, omit = (_names(value, member, context) for member in ("attributes", "pick", "omit"))
    if attributes is not None and (pick is not None or omit is not None):
        raise refuse("notification.attributes", "it can't go with pick or omit")
    if pick is not None and omit is not None and pick & omit:
        raise refuse("notification.pick", "a member can't be both in pick and in omit")
    representation = Representation(
        format=_FORMATS[shown_as],
        sys_attrs=_switch(value, "sysAttrs"),
        attributes=attributes,
        pick=pick,
        omit=omit or frozenset(),
    )
    if "endpoint" not in value:
        raise refuse("notification.endpoint", "it is missing")
    show_changes = _switch(value, "showChanges")
    if show_changes and representation.format is Format.SIMPLIFIED:
        raise refuse("notification.showChanges", "it can't go with the simplified format, which has no place for changes")
    return Notification(_endpoint(value["endpoint"]), representation, show_changes)


def _endpoint(value: Any) -> Endpoint:
    known = {"uri", "accept", "receiverInfo", "notifierInfo", "timeout", "cooldown"}
    if not isinstance(value, dict) or not value.keys() <= known:
        raise refuse("notification.endpoint", f"it must be an object with {', '.join(sorted(known))} only")
    uri = value.get("uri")
    accept = value.get("accept", "application/json")
    if accept not in _ACCEPTED:
        raise refuse("notification.endpoint.accept", f"it must be one of {', '.join(_ACCEPTED)}")
    _check_uri(uri)
    receiver = _pairs(value, "receiverInfo")
    for name, text in receiver:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FORBIDDEN_HEADERS or any(sign in text for sign in "\r\n\0"):
            raise refuse("notification.endpoint.receiverInfo", f"{name!r} can't be sent as a header")
    return Endpoint(
        str(uri),
        accept,
        receiver,
        _pairs(value, "notifierInfo"),
        _milliseconds(value, "timeout"),
        _milliseconds(value, "cooldown"),
    )


def _check_uri(uri: Any) -> None:
    member = "notification.endpoint.uri"
    try:
        parts = urlsplit(uri) if isinstance(uri, str) else None
        port_is_right = parts is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, port_is_right = None, False
    if parts is not None and parts.scheme in ("mqtt", "mqtts"):
        raise Refusal("ngsi_ld.subscription.not_supported", member=f"{member} ({parts.scheme})")
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or not port_is_right or len(uri) > 2048:
        raise refuse(member, "it must be an http or https URL")


def _pairs(value: dict[str, Any], member: str) -> tuple[tuple[str, str], ...]:
    found = []
    listed = value.get(member, [])
    if not isinstance(listed, list) or len(listed) > 100:
        raise refuse(f"notification.endpoint.{member}", "it must be an array of at most 100 key-value pairs")
    for one in listed:
        if not isinstance(one, dict) or not all(isinstance(one.get(each), str) for each in ("key", "value")):
            raise refuse(f"notification.endpoint.{member}", 'each item must be {"key": text, "value": text}')
        found.append((one["key"], one["value"]))
    return tuple(found)


def _milliseconds(value: dict[str, Any], member: str) -> float | None:
    number = value.get(member)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number <= 86_400_000:
        raise refuse(f"notification.endpoint.{member}", "it must be a number of milliseconds above 0, at most a day")
    return float(number)


def _switch(value: dict[str, Any], member: str) -> bool:
    state = value.get(member, False)
    if not isinstance(state, bool):
        raise refuse(f"notification.{member}", "it must be true or false")
    return state


def _names(value: dict[str, Any], member: str, context: Context) -> frozenset[str] | None:
    if member not in value:
        return None
    names = value[member]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise refuse(f"notification.{member}", "it must be an array of names that is not empty")
    if member == "attributes":
        return frozenset(context.expanded[name] for name in names)
    return frozenset(name if name in ENTITY_MEMBERS else context.expanded[name] for name in names)
