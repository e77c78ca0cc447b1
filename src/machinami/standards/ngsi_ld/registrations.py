"""Reading and writing context source registrations (CIM 009 5.2.8-5.2.11, 5.2.34, 5.9.2, 5.9.3).

A member that the standard does not name is a Context Source Property, by its expanded name. Read-only members (`status`,
`timesSent` …) are ignored in input (table 5.2.9-2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import NGSI_LD_NULL
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.attributes import is_date_time, is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.durations import parse_duration
from machinami.standards.ngsi_ld.entities import parse_scopes
from machinami.standards.ngsi_ld.geojson import check_geometry
from machinami.standards.ngsi_ld.operations import (
    AUXILIARY_OPERATIONS,
    GROUPS,
    OPERATIONS,
    expanded_operations,
)
from machinami.standards.ngsi_ld.q import check_pattern
from machinami.standards.ngsi_ld.query_json import from_json, to_json
from machinami.standards.ngsi_ld.registration_model import (
    GEOMETRY_MEMBERS,
    EntityInfo,
    Interval,
    Management,
    Mode,
    Registration,
    RegistrationInfo,
    RegistrationLimits,
)

READ_ONLY: Final = frozenset(
    {"status", "timesSent", "timesFailed", "lastSuccess", "lastFailure", "createdAt", "modifiedAt"}  # table 5.2.9-2
)
_OUTSIDE: Final = READ_ONLY | {"@context", "type", "id"}
_MANDATORY: Final = frozenset({"information", "endpoint"})
_TYPE_NAMES: Final = ("ContextSourceRegistration", "https://uri.etsi.org/ngsi-ld/ContextSourceRegistration")
_RECORD_CLASSES: Final = {one.__name__: one for one in (Registration, RegistrationInfo, EntityInfo, Interval, Management, Mode)}
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_MEDIA_TYPES: Final = ("application/json", "application/ld+json")
_ENDPOINT = re.compile(r"https?://[^\s/?#]+[^\s?#]*", re.IGNORECASE)


def parse_registration(
    document: Any, context: Context, limits: RegistrationLimits | None = None, *, new_id: str = ""
) -> Registration:
    """The registration that a document holds; `new_id` is its id if the document has none.

    Whether `expiresAt` has passed is for the caller to judge, who has the clock. Raises Refusal
    `ngsi_ld.registration.not_valid` (member, reason), `ngsi_ld.query.pattern_not_valid`, `ngsi_ld.geometry.*`,
    `ngsi_ld.name.*`.
    """
    if document.__class__ is not dict:
        raise refuse("body", "it must be a JSON object")
    _check_type(document)
    for member in sorted(_MANDATORY - document.keys()):
        raise refuse(member, "it is missing")
    registration_id = document.get("id", new_id)
    if not is_uri(registration_id):
        raise refuse("id", "it must be a URI")
    return _applied(Registration(str(registration_id), ""), document, context, limits or RegistrationLimits())


def patch_registration(
    current: Registration, document: Any, context: Context, limits: RegistrationLimits | None = None
) -> Registration:
    """`current` with the members of a fragment (5.9.3, 5.5.8); JSON null and NGSI-LD Null remove a member."""
    if document.__class__ is not dict:
        raise refuse("body", "it must be a JSON object")
    if "type" in document:
        _check_type(document)
    if document.get("id", current.id) != current.id:
        raise refuse("id", "it can't be changed")
    return _applied(current, document, context, limits or RegistrationLimits())


def to_record(registration: Registration) -> dict[str, Any]:
    """JSON for storage, independent of any @context; `from_record` reads it back."""
    record: dict[str, Any] = to_json(registration, _RECORD_CLASSES)
    return record


def from_record(record: Mapping[str, Any]) -> Registration:
    """What `to_record` wrote."""
    registration: Registration = from_json(dict(record), _RECORD_CLASSES)
    return registration


def render_registration(
    registration: Registration,
    context: Context,
    *,
    information: Sequence[RegistrationInfo] | None = None,
    figures: Mapping[str, Any] | None = None,
    times: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The registration as a document, names compacted, without `@context`.

    `information` shows only these elements (5.10.2.5); `figures` are the read-only members, `times` `createdAt` and
    `modifiedAt` if wanted.
    """
    names = context.compacted
    shown = registration.information if information is None else information
    document: dict[str, Any] = {
        "id": registration.id,
        "type": "ContextSourceRegistration",
        "endpoint": registration.endpoint,
        "information": [_info_document(one, context) for one in shown],
        "mode": registration.mode.value,
        "operations": list(registration.mode.default_operations),
    }
    document |= registration.document
    document |= {names[iri]: value for iri, value in registration.properties.items()}
    return document | dict(figures or {}) | dict(times or {})


def refuse(member: str, reason: str) -> Refusal:
    """The refusal of a registration's member."""
    return Refusal("ngsi_ld.registration.not_valid", member=member, reason=reason)


def _check_type(document: Mapping[str, Any]) -> None:
    if document.get("type") not in _TYPE_NAMES:
        raise refuse("type", "it must be ContextSourceRegistration")


def _applied(current: Registration, document: dict[str, Any], context: Context, limits: RegistrationLimits) -> Registration:
    """`current` changed by each member of the document in turn, then checked as a whole."""
    kept, properties = dict(current.document), dict(current.properties)
    for member, value in document.items():
        if member in _OUTSIDE:
            continue
        removed = value is None or value == NGSI_LD_NULL
        if removed and member in _MANDATORY:
            raise refuse(member, "it can't be removed")
        part = _PARTS.get(member)
        if part is None:
            _keep(properties, context.expanded[member], value, removed=removed)
            continue
        current = part(current, member, None if removed else value, context, limits)
        if member not in _MANDATORY:
            _keep(kept, member, value, removed=removed)
    if len(properties) > limits.names_max:
        raise refuse("body", f"it has more than {limits.names_max} Context Source Properties")
    current = replace(current, document=kept, properties=properties)
    _check_mode(current)
    if "operations" not in kept:
        current = replace(current, operations=expanded_operations(current.mode.default_operations))
    return current


def _keep(members: dict[str, Any], name: str, value: Any, *, removed: bool) -> None:
    if removed:
        members.pop(name, None)
    else:
        members[name] = value


def _check_mode(registration: Registration) -> None:
    """What a mode asks of the other members (4.3.6.3, 5.9.2.4).

    5.9.2.4 refuses an auxiliary registration that offers more than retrieval and query. One that names no operations is taken:
    4.3.6.2 says that auxiliary ones always are and limits by itself what they are asked.
    """
    if registration.mode is Mode.EXCLUSIVE:
        for info in registration.information:
            if not info.entities or any(one.id is None for one in info.entities):
                raise refuse("information", "an exclusive registration is about entities by id, without idPattern")
            if not info.attributes:
                raise refuse("information", "an exclusive registration names the attributes it is about")
    if registration.mode is Mode.AUXILIARY:
        given = frozenset(registration.document.get("operations", ()))
        if not given <= AUXILIARY_OPERATIONS:
            raise refuse("operations", f"an auxiliary registration offers {', '.join(sorted(AUXILIARY_OPERATIONS))} only")


def _information(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    if not isinstance(value, list) or not 0 < len(value) <= limits.information_max:
        raise refuse(member, f"it must be an array of 1 to {limits.information_max} RegistrationInfo objects")
    return replace(current, information=tuple(_info(one, context, limits) for one in value))


def _info(value: Any, context: Context, limits: RegistrationLimits) -> RegistrationInfo:
    known = {"entities", "propertyNames", "relationshipNames"}
    if not isinstance(value, dict) or not value or not value.keys() <= known:
        raise refuse("information", f"each element is an object with {', '.join(sorted(known))}")
    entities: tuple[EntityInfo, ...] = ()
    if "entities" in value:
        listed = value["entities"]
        if not isinstance(listed, list) or not 0 < len(listed) <= limits.names_max:
            raise refuse("information.entities", f"it must be an array of 1 to {limits.names_max} EntityInfo objects")
        entities = tuple(_entity_info(one, context, limits) for one in listed)
    return RegistrationInfo(
        entities, _names(value, "propertyNames", context, limits), _names(value, "relationshipNames", context, limits)
    )


def _entity_info(value: Any, context: Context, limits: RegistrationLimits) -> EntityInfo:
    where = "information.entities"
    if not isinstance(value, dict) or not value.keys() <= {"id", "idPattern", "type"}:
        raise refuse(where, "an EntityInfo has type, id and idPattern only")
    types = value.get("type")
    listed = types if isinstance(types, list) else [types]
    if not listed or len(listed) > limits.names_max or not all(isinstance(one, str) and one for one in listed):
        raise refuse(where, "type must be the name of an entity type or an array of names")
    entity_id, pattern = value.get("id"), value.get("idPattern")
    if "id" in value and not is_uri(entity_id):
        raise refuse(where, "id must be a URI")
    if "idPattern" in value:
        if not isinstance(pattern, str) or not pattern:
            raise refuse(where, "idPattern must be a regular expression")
        check_pattern(pattern, limits.pattern_characters_max)
    return EntityInfo(frozenset(context.expanded[str(one)] for one in listed), entity_id, None if entity_id else pattern)


def _names(value: dict[str, Any], member: str, context: Context, limits: RegistrationLimits) -> tuple[str, ...]:
    names = value.get(member, [])
    if not isinstance(names, list) or len(names) > limits.names_max or not all(isinstance(one, str) for one in names):
        raise refuse(f"information.{member}", f"it must be an array of at most {limits.names_max} names")
    return tuple(dict.fromkeys(context.expanded[one] for one in names))


def _endpoint(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    if not is_uri(value) or not _ENDPOINT.fullmatch(value):
        raise refuse(member, "it must be an http or https URL without query or fragment")
    return replace(current, endpoint=value)


def _mode(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    if value is not None and value not in tuple(Mode):
        raise refuse(member, f"it must be one of {', '.join(Mode)}")
    return replace(current, mode=Mode(value or Mode.INCLUSIVE))


def _operations(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    if value is None:
        return current
    known = OPERATIONS | GROUPS.keys()
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one in known for one in value):
        raise refuse(member, "it must be an array of names of operations and operation groups")
    return replace(current, operations=expanded_operations(value))


def _source_info(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    listed = [] if value is None else value
    if not isinstance(listed, list) or len(listed) > limits.names_max:
        raise refuse(member, "it must be an array of key-value pairs")
    pairs = []
    for one in listed:
        if not isinstance(one, dict) or not all(isinstance(one.get(each), str) and one[each] for each in ("key", "value")):
            raise refuse(member, 'each item must be {"key": text, "value": text}')
        _check_pair(one["key"], one["value"])
        pairs.append((one["key"], one["value"]))
    return replace(current, source_info=tuple(pairs))


def _check_pair(key: str, value: str) -> None:
    """The keys with a meaning of their own (4.3.6.6)."""
    member = f"contextSourceInfo.{key}"[:80]
    if any(sign in key + value for sign in "\r\n\0"):
        raise refuse(member, "it can't be sent")
    if key in ("accept", "contentType") and value not in _MEDIA_TYPES:
        raise refuse(member, f"it must be {' or '.join(_MEDIA_TYPES)}")
    if key == "jsonldContext" and not is_uri(value):
        raise refuse(member, "it must be a URL")
    if key == "ngsildConformance" and not _VERSION.fullmatch(value):
        raise refuse(member, "it must be a version such as 1.5")


def _management(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    given = {} if value is None else value
    if not isinstance(given, dict) or not given.keys() <= {"timeout", "cooldown", "cacheDuration", "localOnly"}:
        raise refuse(member, "it must be an object of timeout, cooldown, cacheDuration and localOnly")
    local_only = given.get("localOnly", False)
    if not isinstance(local_only, bool):
        raise refuse("management.localOnly", "it must be true or false")
    cache = given.get("cacheDuration")
    managed = Management(
        _seconds(given, "timeout"),
        _seconds(given, "cooldown"),
        None if cache is None else parse_duration("management.cacheDuration", cache).seconds,
        local_only,
    )
    return replace(current, management=managed)


def _seconds(given: dict[str, Any], name: str) -> float | None:
    number = given.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number <= 86_400_000:
        raise refuse(f"management.{name}", "it must be a number of milliseconds above 0, at most a day")
    return float(number) / 1000


def _refresh_rate(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    if value is not None:
        parse_duration(member, value)
    return current


def _geometry(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    geometries = {name: one for name, one in current.geometries.items() if name != member}
    if value is not None:
        check_geometry(member, value, limits.geometry_vertices_max)
        geometries[member] = value
    return replace(current, geometries=geometries)


def _interval(member: str, value: Any) -> Interval | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not value.keys() <= {"startAt", "endAt"} or not is_date_time(value.get("startAt")):
        raise refuse(member, "it must be an object of startAt and perhaps endAt, ISO 8601 date-times with offset or Z")
    start, end = str(value["startAt"]), value.get("endAt")
    if end is not None and (not is_date_time(end) or parse_instant(end) < parse_instant(start)):
        raise refuse(member, "endAt must be an ISO 8601 date-time that is not before startAt")
    return Interval(start, end)


def _observed(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    return replace(current, observation_interval=_interval(member, value))


def _managed(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    return replace(current, management_interval=_interval(member, value))


def _scopes(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    return replace(current, scopes=() if value is None else parse_scopes(value))


def _datasets(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    listed = [] if value is None else value if isinstance(value, list) else [value]
    if len(listed) > limits.names_max or not all(one == "@none" or is_uri(one) for one in listed):
        raise refuse(member, "it must be an array of URIs or @none")
    return replace(current, dataset_ids=tuple(listed))


def _expires(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    if value is not None and not is_date_time(value):
        raise refuse(member, "it must be an ISO 8601 date-time with offset or Z")
    return replace(current, expires_at=value)


def _tenant(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    _check_line(member, value)
    return replace(current, source_tenant=value)


def _alias(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    _check_line(member, value)
    return replace(current, source_alias=value)


def _told(current: Registration, member: str, value: Any, context: Context, limits: RegistrationLimits) -> Registration:
    """Members that are only told again."""
    if value is not None and (not isinstance(value, str) or not value):
        raise refuse(member, "it must be a text that is not empty")
    return current


def _check_line(member: str, value: Any) -> None:
    """Texts that travel in headers."""
    if value is not None and (not isinstance(value, str) or not value or any(sign in value for sign in "\r\n\0")):
        raise refuse(member, "it must be a text of one line that is not empty")


_PARTS: Final = {
    "information": _information,
    "endpoint": _endpoint,
    "mode": _mode,
    "operations": _operations,
    "contextSourceInfo": _source_info,
    "contextSourceAlias": _alias,
    "management": _management,
    "refreshRate": _refresh_rate,
    "observationInterval": _observed,
    "managementInterval": _managed,
    "scope": _scopes,
    "datasetId": _datasets,
    "expiresAt": _expires,
    "tenant": _tenant,
    "registrationName": _told,
    "description": _told,
    **dict.fromkeys(GEOMETRY_MEMBERS, _geometry),
}


def _info_document(info: RegistrationInfo, context: Context) -> dict[str, Any]:
    names = context.compacted
    document: dict[str, Any] = {}
    if info.entities:
        document["entities"] = [_entity_document(one, context) for one in info.entities]
    if info.property_names:
        document["propertyNames"] = [names[iri] for iri in info.property_names]
    if info.relationship_names:
        document["relationshipNames"] = [names[iri] for iri in info.relationship_names]
    return document


def _entity_document(entity: EntityInfo, context: Context) -> dict[str, Any]:
    types = sorted(context.compacted[iri] for iri in entity.types)
    document: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if entity.id is not None:
        document["id"] = entity.id
    if entity.id_pattern is not None:
        document["idPattern"] = entity.id_pattern
    return document
