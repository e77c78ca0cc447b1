"""The `notification` member of a subscription: endpoint and representation (CIM 009 5.2.14, 5.2.15)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.projection import parse_projection_tree
from machinami.standards.ngsi_ld.render import Format, Representation
from machinami.standards.ngsi_ld.subscription_model import Endpoint, Notification

_FORMATS: Final = {
    "normalized": Format.NORMALIZED,
    "concise": Format.CONCISE,
    "simplified": Format.SIMPLIFIED,
    "keyValues": Format.SIMPLIFIED,
}
_ACCEPTED: Final = ("application/json", "application/ld+json", "application/geo+json")
_MEMBERS: Final = frozenset(
    {"attributes", "pick", "omit", "sysAttrs", "format", "showChanges", "endpoint", "join", "joinLevel"}
)
_JOINS: Final = {"flat": "flat", "inline": "inline", "@none": ""}
JOIN_LEVEL_MAX: Final = 10
MQTT_QOS: Final = "MQTT-QoS"
MQTT_VERSION: Final = "MQTT-Version"
_MQTT_CHOICES: Final = {MQTT_QOS: ("0", "1", "2"), MQTT_VERSION: ("mqtt3.1.1", "mqtt5.0")}
TOPIC_BYTES_MAX: Final = 1_024
_SYSTEM: Final = frozenset({"status", "timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})


def refuse(member: str, reason: str) -> Refusal:
    """The refusal of a subscription's member."""
    return Refusal("ngsi_ld.subscription.not_valid", member=member, reason=reason)


def notification_part(value: Any, context: Context) -> Notification:
    """The typed `notification`; names expanded. Raises Refusal `ngsi_ld.subscription.not_valid`."""
    if not isinstance(value, dict):
        raise refuse("notification", "it must be an object")
    for member in value.keys() - _MEMBERS - _SYSTEM:
        raise refuse(f"notification.{member}", "a notification has no such member")
    shown_as = value.get("format", "normalized")
    if not isinstance(shown_as, str) or shown_as not in _FORMATS:
        raise refuse("notification.format", f"it must be one of {', '.join(_FORMATS)}")
    representation = _projected(Representation(format=_FORMATS[shown_as], sys_attrs=_switch(value, "sysAttrs")), value, context)
    if "endpoint" not in value:
        raise refuse("notification.endpoint", "it is missing")
    show_changes = _switch(value, "showChanges")
    if show_changes and representation.format is Format.SIMPLIFIED:
        raise refuse("notification.showChanges", "it can't go with the simplified format, which has no place for changes")
    join = value.get("join", "@none")
    if not isinstance(join, str) or join not in _JOINS:
        raise refuse("notification.join", f"it must be one of {', '.join(_JOINS)}")
    level = value.get("joinLevel", 1)
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= JOIN_LEVEL_MAX:
        raise refuse("notification.joinLevel", f"it must be an integer of 1 to {JOIN_LEVEL_MAX}")
    deepest = max((1 + one.depth for _, one in representation.pick_linked | representation.omit_linked), default=0)
    if deepest > (level if _JOINS[join] else 0):
        raise refuse("notification.pick and omit", "they name entities behind more Relationships than join retrieves")
    return Notification(_endpoint(value["endpoint"]), representation, show_changes, _JOINS[join], level)


def _projected(shown: Representation, value: dict[str, Any], context: Context) -> Representation:
    """The representation with what `attributes`, or `pick` and `omit` (4.21), leave of an entity."""
    listed = {member: _names(value, member) for member in ("attributes", "pick", "omit")}
    if listed["attributes"] and (listed["pick"] or listed["omit"]):
        raise refuse("notification.attributes", "it can't go with pick or omit")
    if listed["attributes"]:
        return replace(shown, attributes=frozenset(context.expanded[name] for name in listed["attributes"]))
    pick, omit = (
        parse_projection_tree(",".join(listed[member]), context, member) if listed[member] else None
        for member in ("pick", "omit")
    )
    if pick is not None and omit is not None and pick.all_names & omit.names:
        raise refuse("notification.pick", "a member can't be both in pick and in omit")
    return shown.projected(pick, omit)


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
    notifier = _pairs(value, "notifierInfo")
    for name, text in notifier:
        if name in _MQTT_CHOICES and text not in _MQTT_CHOICES[name]:
            raise refuse("notification.endpoint.notifierInfo", f"{name} must be one of {', '.join(_MQTT_CHOICES[name])}")
    return Endpoint(
        str(uri),
        accept,
        receiver,
        notifier,
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
    if parts is None or not parts.hostname or not port_is_right or len(uri) > 2048:
        raise refuse(member, "it must be an http, https, mqtt or mqtts URL")
    if parts.scheme in ("mqtt", "mqtts"):
        _check_topic(parts, uri)
    elif parts.scheme not in ("http", "https"):
        raise refuse(member, "it must be an http, https, mqtt or mqtts URL")


def _check_topic(parts: SplitResult, uri: str) -> None:
    """A topic to publish on (MQTT 5.0, 4.7): not empty, no wildcards; it is the URL's path, so nothing may follow it."""
    topic = unquote(parts.path.removeprefix("/"))
    if not topic or "?" in uri or "#" in uri or len(topic.encode()) > TOPIC_BYTES_MAX:
        raise refuse("notification.endpoint.uri", "an mqtt URL needs a topic after the host, and nothing behind it")
    if any(sign in topic for sign in "+#\0") or topic.startswith("$"):
        raise refuse("notification.endpoint.uri", "a topic to publish on has neither wildcards nor a leading $")


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


def _names(value: dict[str, Any], member: str) -> list[str]:
    """The names that a member lists, [] if it is not there."""
    if member not in value:
        return []
    names = value[member]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise refuse(f"notification.{member}", "it must be an array of names that is not empty")
    return names
