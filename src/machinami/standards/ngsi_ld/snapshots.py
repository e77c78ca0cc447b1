"""Snapshot documents as clients send them (CIM 009 5.2.41): which members they may give, and what those may say."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final

from machinami.kernel.entity import NGSI_LD_NULL
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.durations import parse_duration

MEMBERS: Final = (
    "id", "type", "snapshotQueries", "snapshotTemporalQueries", "snapshotLifetime", "snapshotPriority", "endpoint",
    "receiverInfo",
)  # fmt: skip
OUTPUT: Final = (
    "snapshotStatus", "snapshotQueriesDetails", "snapshotTemporalQueriesDetails", "createdAt", "modifiedAt", "expiresAt",
    "lastUsedAt",
)  # fmt: skip
"""Written by the broker only; ignored in input (table 5.2.41-2)."""
QUERIES: Final = ("snapshotQueries", "snapshotTemporalQueries")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})


class Use(StrEnum):
    """What a Snapshot document is sent for."""

    CREATE = "create"
    CLONE = "clone"
    UPDATE = "update"


def read_snapshot(document: Any, use: Use) -> dict[str, Any]:
    """The members that count, checked. With `UPDATE` a member may be the NGSI-LD Null. Raises Refusal `ngsi_ld.snapshot.*`."""
    if not isinstance(document, dict):
        raise refuse("document", "it must be an object")
    given = {name: value for name, value in document.items() if name not in (*OUTPUT, "@context")}
    unknown = sorted(given.keys() - set(MEMBERS))
    if unknown:
        raise refuse(unknown[0][:100], "a snapshot has no such member")
    if given.get("type", "Snapshot" if use is Use.UPDATE else None) != "Snapshot":
        raise refuse("type", 'it must be "Snapshot"')
    _check_queries(given, use)
    for name, check in (("id", _id), ("snapshotLifetime", _lifetime), ("snapshotPriority", _priority),
                        ("endpoint", _endpoint), ("receiverInfo", _receiver_info)):  # fmt: skip
        if name in given and not (use is Use.UPDATE and name != "id" and given[name] == NGSI_LD_NULL):
            check(given[name])
    given.pop("type", None)
    return given


def refuse(member: str, reason: str) -> Refusal:
    """The refusal of a member."""
    return Refusal("ngsi_ld.snapshot.not_valid", member=member, reason=reason)


def _check_queries(given: dict[str, Any], use: Use) -> None:
    if use is not Use.CREATE:
        for name in QUERIES:
            if name in given:
                raise refuse(name, "it can only be set when the snapshot is created")
        if use is Use.UPDATE and "id" in given:
            raise refuse("id", "it can't be changed")
        return
    if not any(name in given for name in QUERIES):
        raise refuse(", ".join(QUERIES), "one of them must be there")
    for name in QUERIES:
        queries = given.get(name)
        if queries is None and name not in given:
            continue
        if not isinstance(queries, list) or not queries:
            raise refuse(name, "it must be an array of queries that is not empty")
        for one in queries:
            temporal = isinstance(one, dict) and "temporalQ" in one
            if not isinstance(one, dict) or temporal != (name == "snapshotTemporalQueries"):
                raise refuse(name, "queries of the past carry temporalQ, the others don't")


def _id(value: Any) -> None:
    if not is_uri(value):
        raise refuse("id", "it must be a URI")


def _lifetime(value: Any) -> None:
    parse_duration("snapshotLifetime", value)


def _priority(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not 1 <= value <= 10:
        raise refuse("snapshotPriority", "it must be a whole number from 1 to 10")


def _endpoint(value: Any) -> None:
    if not is_uri(value) or not str(value).lower().startswith(("http://", "https://")):
        raise refuse("endpoint", "it must be an http or https URI")


def _receiver_info(value: Any) -> None:
    if not isinstance(value, list):
        raise refuse("receiverInfo", "it must be an array of objects with key and value")
    for one in value:
        if (
            not isinstance(one, dict)
            or one.keys() != {"key", "value"}
            or not all(isinstance(text, str) for text in one.values())
        ):
            raise refuse("receiverInfo", "it must be an array of objects with key and value")
        name, text = one["key"], one["value"]
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS or any(sign in text for sign in "\r\n\0"):
            raise refuse("receiverInfo", f"{name!r} can't be sent as a header")
