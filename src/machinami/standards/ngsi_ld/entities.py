"""Reading entities, fragments of entities and single attributes (CIM 009 5.2.4, 5.2.5, 5.2.6, 5.6.1-5.6.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from machinami.kernel.entity import NGSI_LD_NULL, Attributes, Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.attributes import AttributeReader, is_date_time, is_uri, not_reified, refuse
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.fragment import Fragment

_SCOPE = re.compile(r"/?[^/\s+#,;|()\x00-\x1f]+(?:/[^/\s+#,;|()\x00-\x1f]+)*")
_ENTITY_MEMBERS = frozenset({"id", "type", "scope", "expiresAt", "@context", "createdAt", "modifiedAt", "deletedAt"})


def parse_entity(document: Any, context: Context, *, simplified: bool = False, repeats: bool = False) -> Entity:
    """The entity that a normalized, concise or mixed document holds; `simplified` reads the simplified form (4.5.4).

    `repeats` allows several instances with one datasetId (temporal representation, 4.5.6). `@context` is skipped: the
    caller has built `context` from it. System times in the document are ignored; `createdAt`, `modifiedAt`, `version`
    and `sequence` of the result are unset.

    Raises Refusal: `ngsi_ld.entity.not_an_object`, `.id_missing`, `.id_not_valid`, `.type_missing`, `.type_not_valid`,
    `.scope_not_valid`, `.time_not_valid`; `ngsi_ld.attribute.*`, `ngsi_ld.geometry.*`, `ngsi_ld.name.*`.
    """
    document = _object(document, context)
    entity_id = document.get("id")
    if entity_id is None:
        raise Refusal("ngsi_ld.entity.id_missing")
    kinds = document.get("type")
    if kinds is None:
        raise Refusal("ngsi_ld.entity.type_missing")
    reader = AttributeReader(context, simplified=simplified, repeats=repeats)
    return Entity(
        id=check_entity_id(entity_id),
        types=_types(kinds, context),
        attributes=_attributes(document, reader),
        scopes=parse_scopes(document["scope"]) if "scope" in document else (),
        expires_at=_expiry(document["expiresAt"]) if "expiresAt" in document else None,
    )


def parse_fragment(
    document: Any, context: Context, *, nulls: bool, partial: bool = False, simplified: bool = False, repeats: bool = False
) -> Fragment:
    """The fragment that an append, update or merge-patch body holds.

    | operation | nulls | partial |
    |---|---|---|
    | append attributes (5.6.3), batch update, upsert | False | False |
    | update attributes (5.6.2) | True | False |
    | merge (5.6.17, 5.6.20) | True | True |
    | append to the temporal representation (5.6.12), with `repeats` | False | False |

    `id`, when present, is checked and returned: the caller compares it with the entity of the request. Raises Refusal as
    `parse_entity` does, except that nothing is required.
    """
    document = _object(document, context)
    scope = document.get("scope")
    expiry = document.get("expiresAt")
    for member, value in (("scope", scope), ("expiresAt", expiry)):
        if value == NGSI_LD_NULL and not nulls:
            raise Refusal("ngsi_ld.attribute.null", attribute=member)
    merging = nulls and partial
    reader = AttributeReader(context, nulls=nulls, partial=partial, simplified=simplified, repeats=repeats, merging=merging)
    return Fragment(
        types=_types(document["type"], context) if "type" in document else (),
        scopes=None if "scope" not in document else () if scope == NGSI_LD_NULL else parse_scopes(scope),
        expires_at=None if "expiresAt" not in document else "" if expiry == NGSI_LD_NULL else _expiry(expiry),
        attributes=_attributes(document, reader),
        id=check_entity_id(document["id"]) if "id" in document else None,
    )


def parse_attribute(
    name: str, body: Any, context: Context, *, nulls: bool = False, partial: bool = False, simplified: bool = False
) -> tuple[str, list[Instance]]:
    """(expanded name, partial instances) of the body of `/attrs/{attr}`.

    Partial update (5.6.4): `nulls=True, partial=True`, the type may be omitted, see `attributes.complete`; replace
    (5.6.19): both False. The body is one instance (or an array of them); `@context` inside is skipped.
    """
    iri = context.expanded[name]
    if body.__class__ is not dict and body.__class__ is not list and not simplified:
        raise refuse(name, "the body must be a JSON object")
    if body.__class__ is dict:
        body = _without_context(body)
    elif body.__class__ is list:
        body = [_without_context(one) if one.__class__ is dict else one for one in body]
    instances = AttributeReader(context, nulls=nulls, partial=partial, simplified=simplified).instances(name, body)
    return iri, instances


def _without_context(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "@context"} if "@context" in document else document


def check_entity_id(value: Any) -> str:
    """The id, if it is a URI; Refusal `ngsi_ld.entity.id_not_valid` otherwise."""
    if not is_uri(value) or value == NGSI_LD_NULL:
        raise Refusal("ngsi_ld.entity.id_not_valid", id=str(value)[:200])
    return str(value)


def parse_scopes(value: Any) -> tuple[str, ...]:
    """Scopes (4.18) with a leading slash: `Madrid/Gardens` and `/Madrid/Gardens` are the same. One, or an array."""
    scopes = value if isinstance(value, list) else [value]
    found: dict[str, None] = {}
    for scope in scopes:
        if not isinstance(scope, str) or scope == NGSI_LD_NULL or not _SCOPE.fullmatch(scope):
            raise Refusal("ngsi_ld.entity.scope_not_valid", scope=str(scope)[:200])
        found[scope if scope.startswith("/") else f"/{scope}"] = None
    return tuple(found)


def _object(document: Any, context: Context) -> Mapping[str, Any]:
    """The document with `@id`, `@type` and the user's aliases of them under their NGSI-LD names."""
    if document.__class__ is not dict:
        raise Refusal("ngsi_ld.entity.not_an_object")
    if context.aliases.keys().isdisjoint(document):
        return document
    renamed: dict[str, Any] = {context.aliases.get(str(name), str(name)): value for name, value in document.items()}
    if len(renamed) != len(document):
        raise refuse("id", "id or type is given twice")
    return renamed


def _types(value: Any, context: Context) -> tuple[str, ...]:
    if value.__class__ is str:
        return (_type(value, context),)
    if not isinstance(value, list) or not value:
        raise Refusal("ngsi_ld.entity.type_not_valid", type=str(value)[:200])
    return tuple(dict.fromkeys(_type(one, context) for one in value))


def _type(name: Any, context: Context) -> str:
    if name.__class__ is not str or not name:
        raise Refusal("ngsi_ld.entity.type_not_valid", type=str(name)[:200])
    return context.expanded[name]


def _expiry(value: Any) -> str:
    if not is_date_time(value):
        raise Refusal("ngsi_ld.entity.time_not_valid", member="expiresAt", value=str(value)[:100])
    return str(value)


def _attributes(document: Mapping[str, Any], reader: AttributeReader) -> Attributes:
    expanded = reader.context.expanded
    attributes: Attributes = {}
    reserved = not_reified()
    for name, body in document.items():
        if name in _ENTITY_MEMBERS:
            continue
        iri = expanded[name]
        if iri in reserved:
            raise refuse(name, "this name of the core @context is no attribute's")
        if iri in attributes:
            raise refuse(name, "it is given twice, under two names of the same meaning")
        attributes[iri] = reader.instances(name, body)
    return attributes
