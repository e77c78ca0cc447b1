"""Query documents (CIM 009 5.2.23) → the words of URL parameters, and the query tree that they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from machinami.entrypoints.http.ngsi_ld.parameters import check_width, entity_query, id_pattern, type_selection
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Selector
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id

_TEXTS: Final = ("q", "scopeQ", "lang", "csf", "expandValues", "jsonKeys", "join", "geometryProperty")
_LISTS: Final = ("attrs", "pick", "omit", "datasetId", "containedBy")
_MEMBERS: Final = frozenset(
    {"type", "@context", "entities", "geoQ", "ordering", "joinLevel", "splitEntities", *_TEXTS, *_LISTS}
)


def words_of(document: Any) -> dict[str, Any]:
    """A Query document (5.2.23) in the words of URL"""
    if not isinstance(document, dict) or document.get("type") != "Query":
        raise Refusal("http.body.not_a_query")
    unknown = sorted(document.keys() - _MEMBERS)
    if unknown:
        raise Refusal("http.body.unknown_member", member=unknown[0][:100])
    values: dict[str, Any] = {name: _listed_text(name, document[name]) for name in _TEXTS if name in document}
    values |= {name: _joined_text(name, document[name]) for name in _LISTS if name in document}
    if "joinLevel" in document:
        level = document["joinLevel"]
        values["joinLevel"] = str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)
    if "splitEntities" in document:
        values["splitEntities"] = _switch("splitEntities", document["splitEntities"])
    if "geoQ" in document:
        values |= _renamed("geoQ", document["geoQ"], {one: one for one in ("georel", "geometry", "geoproperty", "coordinates")})
    if "ordering" in document:
        names = {"orderBy": "orderBy", "collation": "collation", "coordinates": "orderFrom", "geometry": "orderGeometry"}
        values |= _renamed("ordering", document["ordering"], names)
    return values


def query_of(document: Mapping[str, Any], words: Mapping[str, Any], context: Context, settings: Settings) -> EntityQuery:
    """The query tree of a Query document and its words."""
    plain = entity_query(words, context, settings)
    return replace(plain, selectors=_selectors(document.get("entities"), context, settings))


def read_query(document: Any, context: Context, settings: Settings, *, local: bool = False) -> EntityQuery:
    """The query tree of a Query document; one that asks for nothing in particular is refused unless it is local (5.14.4.4)."""
    query = query_of(document, words_of(document), context, settings)
    check_width(query, local=local or any_type(document.get("entities")))
    return query


def _renamed(member: str, value: Any, names: Mapping[str, str]) -> dict[str, str]:
    """The members of a GeoQuery (5.2.13) or OrderingParams (5.2.43) under the names of URL"""
    if not isinstance(value, dict):
        raise Refusal("http.query.not_valid", name=member, value=str(value)[:50], wanted="an object")
    unknown = sorted(value.keys() - names.keys())
    if unknown:
        raise Refusal("http.body.unknown_member", member=f"{member}.{unknown[0]}"[:100])
    found = {}
    for name, each in value.items():
        if name == "coordinates":
            found[names[name]] = each if isinstance(each, str) else json.dumps(each)
        else:
            found[names[name]] = _joined_text(name, each) if name == "orderBy" else _text(name, each)
    return found


def _joined_text(name: str, value: Any) -> str:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise Refusal("http.query.not_valid", name=name, value="[]", wanted="an array that is not empty")
    return ",".join(_text(name, one) for one in listed)


def _listed_text(name: str, value: Any) -> str:
    """A text; names in `expandValues` and `jsonKeys` may also come as an array."""
    return _joined_text(name, value) if name in ("expandValues", "jsonKeys") else _text(name, value)


def _switch(name: str, value: Any) -> str:
    if value is not True and value is not False:
        raise Refusal("http.query.not_valid", name=name, value=str(value)[:50], wanted="true or false")
    return "true" if value else "false"


def any_type(entities: Any) -> bool:
    """Whether an EntitySelector asks for entities of all types (5.2.33), which limits the query to what is held here."""
    return isinstance(entities, list) and any(isinstance(one, dict) and one.get("type") == "*" for one in entities)


def _selectors(entities: Any, context: Context, settings: Settings) -> tuple[Selector, ...]:
    """The EntitySelectors (5.2.33) of a Query document; an id takes precedence over an idPattern."""
    if entities is None:
        return ()
    if not isinstance(entities, list) or not entities or not all(isinstance(one, dict) for one in entities):
        raise Refusal("http.query.not_valid", name="entities", value="…", wanted="an array of objects that is not empty")
    return tuple(_selector(one, context, settings) for one in entities)


def _selector(one: Mapping[str, Any], context: Context, settings: Settings) -> Selector:
    unknown = sorted(one.keys() - {"id", "type", "idPattern"})
    if unknown:
        raise Refusal("http.body.unknown_member", member=unknown[0][:100])
    ids = one.get("id")
    listed = [] if ids is None else ids if isinstance(ids, list) else [ids]
    pattern = None if one.get("idPattern") is None else id_pattern(_text("idPattern", one["idPattern"]), settings)
    kind = None if one.get("type") in (None, "*") else type_selection(_text("type", one["type"]), context, settings)
    return Selector(kind, frozenset(check_entity_id(each) for each in listed) or None, None if listed else pattern)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Refusal("http.query.not_valid", name=name, value=str(value)[:50], wanted="a text that is not empty")
    return value
