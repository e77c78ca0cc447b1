"""How a request to a source is put: its names, headers and body, and how its answer is read (CIM 009 4.3.6.4-4.3.6.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from machinami.federation.distribution.model import Ask, Origin, Target
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, Context
from machinami.standards.ngsi_ld.entities import parse_entity
from machinami.standards.ngsi_ld.render import render_entity
from machinami.standards.ngsi_ld.versions import conforming

JSON: Final = "application/json"
LD_JSON: Final = "application/ld+json"
FROM_REQUEST: Final = "urn:ngsi-ld:request"
CONTEXT_RELATION: Final = "http://www.w3.org/ns/json-ld#context"
_DIRECTIVES: Final = frozenset({"accept", "contenttype", "jsonldcontext", "ngsildconformance"})
# What belongs to the connection or to us: never taken from a registration (4.3.6.5).
_OURS: Final = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"),
        *("proxy-authorization", "proxy-connection", "accept-encoding", "content-type", "link", "via", "ngsild-tenant"),
    )
)
_TYPE_NAME: Final = re.compile(r"[^,;|()]+")
_CREDENTIALS: Final = frozenset({"authorization", "cookie"})
_ENTITY_MEMBERS: Final = frozenset({"id", "type", "scope", "expiresAt", "createdAt", "modifiedAt", "deletedAt", "@context"})
_INSTANCE_MEMBERS: Final = frozenset(
    (
        *("type", "value", "object", "languageMap", "json", "valueList", "objectList", "datasetId", "observedAt", "unitCode"),
        *("valueType", "lang", "expiresAt", "createdAt", "modifiedAt", "deletedAt", "instanceId", "ngsildproof", "@context"),
        *("vocab", "objectType", "entity", "entityList"),
    )
)
_NAMING_MEMBERS: Final = frozenset({"vocab", "objectType", "valueType"})


def directive(target: Target, key: str) -> str:
    """The value of one of the keys that have a meaning of their own (4.3.6.6), empty if it is not given."""
    pairs = target.registered.registration.source_info
    return next((value for name, value in pairs if name.lower() == key.lower()), "")


def headers_for(target: Target, ask: Ask, origin: Origin, via: str, *, credentials: bool = False) -> dict[str, str]:
    """The headers of a request to a source.

    `credentials`: a registration may have the caller's own login conveyed. Else whoever may register a source could
    collect the keys of everybody who asks.
    """
    registration = target.registered.registration
    headers: dict[str, str] = {}
    for name, value in registration.source_info:
        known = name.lower()
        if known in _DIRECTIVES or known in _OURS:
            continue
        if value == FROM_REQUEST and known in _CREDENTIALS and not credentials:
            continue
        text = origin.headers.get(known) if value == FROM_REQUEST else value
        if text is not None:
            headers[name] = text
    headers["Accept"] = target.accept
    headers["Via"] = via
    if registration.source_tenant:
        headers["NGSILD-Tenant"] = registration.source_tenant
    embedded = ask.document is not None and _embeds(ask.document)
    if ask.document is not None:
        headers["Content-Type"] = LD_JSON if embedded else JSON
    link = target.context.source
    if isinstance(link, str) and not embedded:
        headers["Link"] = f'<{link}>; rel="{CONTEXT_RELATION}"; type="{LD_JSON}"'
    return headers


def _embeds(document: Any) -> bool:
    items = document if isinstance(document, list) else [document]
    return any(isinstance(one, dict) and "@context" in one for one in items)


def dressed(document: Any, target: Target, given: Context) -> Any:
    """An entity, fragment or array of them in the source's @context and media type."""
    if isinstance(document, list):
        return [dressed(one, target, given) for one in document]
    if not isinstance(document, dict):
        return document
    bare = {name: value for name, value in document.items() if name != "@context"}
    if target.context is not given:
        bare = renamed_entity(bare, given, target.context)
    source = target.context.source
    wanted = target.media_type or (LD_JSON if "@context" in document and target.context is given else JSON)
    if wanted == LD_JSON or (source is not None and not isinstance(source, str)):
        return {**bare, "@context": CORE_CONTEXT_URL if source is None else source}
    return bare


def plain_entity(document: Any, target: Target, given: Context) -> Any:
    """A whole entity in the normalized form, which every source reads (4.3.6.1), of the version it wants (4.3.6.8)."""
    version = conformance(target)
    entity = conforming(parse_entity(document, given), version, given)
    own = {"@context": document["@context"]} if "@context" in document else {}
    return {**render_entity(entity, given), **own}


def conformance(target: Target) -> tuple[int, int] | None:
    """The version of the standard that a source keeps to, None if it doesn't say."""
    major, _, minor = directive(target, "ngsildConformance").partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def dressed_attribute(body: Any, target: Target, given: Context) -> Any:
    """The body of an operation on one attribute, likewise; it is an instance or an array of them."""
    if isinstance(body, dict) and ("@context" in body or target.context is not given):
        context = body.get("@context")
        bare = {name: value for name, value in body.items() if name != "@context"}
        if target.context is not given:
            return _renamed_instance(bare, given, target.context)
        return bare if context is None or target.media_type == JSON else {**bare, "@context": context}
    if isinstance(body, list) and target.context is not given:
        return [_renamed_instance(one, given, target.context) if isinstance(one, dict) else one for one in body]
    return body


def renamed_types(text: str, given: Context, wanted: Context) -> str:
    """A selection of types (4.17) in the names of another @context."""
    rename = _renamer(given, wanted)
    return _TYPE_NAME.sub(lambda found: rename(found[0].strip()), text)


def renamed_entity(document: Mapping[str, Any], given: Context, wanted: Context) -> dict[str, Any]:
    """An entity or fragment whose names of one @context are replaced by those of another (JSON-LD compaction)."""
    rename = _renamer(given, wanted)
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name == "type":
            found[name] = _each(value, rename)
        elif name in _ENTITY_MEMBERS:
            found[name] = value
        else:
            found[rename(name)] = _renamed_instances(value, given, wanted)
    return found


def _renamed_instances(value: Any, given: Context, wanted: Context) -> Any:
    if isinstance(value, list):
        return [_renamed_instances(one, given, wanted) for one in value]
    return _renamed_instance(value, given, wanted) if isinstance(value, dict) else value


def _renamed_instance(body: Mapping[str, Any], given: Context, wanted: Context) -> dict[str, Any]:
    rename = _renamer(given, wanted)
    found: dict[str, Any] = {}
    for name, value in body.items():
        if name in _NAMING_MEMBERS:
            found[name] = _each(value, lambda text: wanted.compacted[given.expand_value(text)])
        elif name == "ngsildproof" and isinstance(value, dict) and "entityTypeSealed" in value:
            found[name] = {**value, "entityTypeSealed": _each(value["entityTypeSealed"], rename)}
        elif name in _INSTANCE_MEMBERS:
            found[name] = value
        else:
            found[rename(name)] = _renamed_instances(value, given, wanted)
    return found


def _renamer(given: Context, wanted: Context) -> Callable[[str], str]:
    return lambda name: wanted.compacted[given.expanded[name]]


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [change(one) if isinstance(one, str) else one for one in value]
    return change(value) if isinstance(value, str) else value
