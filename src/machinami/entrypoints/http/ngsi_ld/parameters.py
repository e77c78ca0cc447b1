"""Query parameters of the NGSI-LD API → query tree, page and representation (CIM 009 6.3.10-6.3.13, 6.4.3.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from machinami.entrypoints.http.messages import Call, boolean, integer
from machinami.kernel.entity import LOCATION
from machinami.kernel.errors import Refusal
from machinami.kernel.query import EntityQuery, Page, Selector, TypeSelection
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_date_time
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.geo import parse_geo_query
from machinami.standards.ngsi_ld.q import parse_q
from machinami.standards.ngsi_ld.render import NORMALIZED, Format, Representation, parse_projection
from machinami.standards.ngsi_ld.scope import parse_scope_query
from machinami.standards.ngsi_ld.types import parse_type_selection

SELECTION: Final = frozenset(
    "id type idPattern attrs q georel geometry coordinates geoproperty scopeQ datasetId".split()  # noqa: SIM905
)
REPRESENTATION: Final = frozenset("attrs pick omit lang datasetId geometryProperty format options".split())  # noqa: SIM905
PAGING: Final = frozenset({"limit", "offset", "count"})
LOCAL: Final = frozenset({"local"})
FORMATS: Final = {
    "normalized": Format.NORMALIZED,
    "concise": Format.CONCISE,
    "simplified": Format.SIMPLIFIED,
    "keyValues": Format.SIMPLIFIED,
}
_OPTIONS: Final = frozenset({"sysAttrs", *FORMATS})


def entity_query(values: Mapping[str, Any], context: Context, settings: Settings) -> EntityQuery:
    """The query tree of selection parameters (of a URL, or of a Query body in the same words)."""
    types = values.get("type")
    ids = values.get("id")
    pattern = values.get("idPattern")
    selection = type_selection(types, context, settings) if types else None
    chosen: tuple[Selector, ...] = ()
    if selection is not None or ids or pattern:
        listed = frozenset(one.strip() for one in ids.split(",")) if ids else None
        chosen = (Selector(selection, listed, _pattern(pattern, settings) if pattern else None),)
    geo = None
    if any(name in values for name in ("georel", "geometry", "coordinates")):
        missing = [name for name in ("georel", "geometry", "coordinates") if name not in values]
        if missing:
            raise Refusal("http.query.incomplete", missing=", ".join(missing), given="geo-query")
        geo = parse_geo_query(
            values["georel"], values["geometry"], values["coordinates"], values.get("geoproperty"), context,
            settings.integer("geometry_vertices_max"),
        )  # fmt: skip
    attrs = values.get("attrs")
    return EntityQuery(
        selectors=chosen,
        attributes=tuple(context.expanded[name.strip()] for name in attrs.split(",")) if attrs else (),
        condition=parse_q(
            values["q"], context,
            nodes_max=settings.integer("query_nodes_max"),
            pattern_characters_max=settings.integer("pattern_characters_max"),
        ) if values.get("q") else None,
        geo=geo,
        scope=parse_scope_query(values["scopeQ"], settings.integer("query_nodes_max")) if values.get("scopeQ") else None,
        dataset_ids=tuple(values["datasetId"].split(",")) if values.get("datasetId") else (),
    )  # fmt: skip


def type_selection(text: str, context: Context, settings: Settings) -> TypeSelection:
    """The `type` parameter (4.17)."""
    return parse_type_selection(text, context, settings.integer("query_nodes_max"))


def where_type(call: Call, context: Context, settings: Settings) -> TypeSelection | None:
    """The optional `type` of an operation on one entity."""
    text = call.query.get("type")
    return type_selection(text, context, settings) if text else None


def has_filter(query: EntityQuery) -> bool:
    """Whether a query asks for anything in particular: without, it would list the whole city (5.7.2 refuses that)."""
    return bool(query.selectors or query.attributes or query.condition or query.geo or query.scope or query.dataset_ids)


def page(call: Call, settings: Settings) -> Page:
    """limit, offset and count (6.3.10, 6.3.13). `limit=0` is allowed only with count."""
    count = boolean(call, "count")
    least = 0 if count else 1
    limit = integer(call, "limit", settings.integer("page_limit_default"), least, settings.integer("page_limit_max"))
    return Page(limit=limit, offset=integer(call, "offset", 0, 0, 100_000_000), count=count)


def representation(call: Call, context: Context) -> Representation:
    """format/options, sysAttrs, lang, attrs, pick, omit and datasetId."""
    if not call.query:
        return NORMALIZED
    chosen = Format.NORMALIZED
    options = [one for one in call.query.get("options", "").split(",") if one]
    unknown = [one for one in options if one not in _OPTIONS]
    if unknown:
        raise Refusal("http.query.not_valid", name="options", value=unknown[0][:50], wanted=", ".join(sorted(_OPTIONS)))
    for option in options:
        chosen = FORMATS.get(option, chosen)
    wanted = call.query.get("format")
    if wanted is not None:
        if wanted not in FORMATS:
            raise Refusal("http.query.not_valid", name="format", value=wanted[:50], wanted=", ".join(FORMATS))
        chosen = FORMATS[wanted]
    query = call.query
    if "pick" in query and ("omit" in query or "attrs" in query):
        raise Refusal("http.query.exclusive", one="pick", other="omit or attrs")
    return Representation(
        format=chosen,
        sys_attrs="sysAttrs" in options,
        language=query.get("lang"),
        attributes=parse_projection(query["attrs"], context) if query.get("attrs") else None,
        pick=parse_projection(query["pick"], context) if query.get("pick") else None,
        omit=parse_projection(query["omit"], context) if query.get("omit") else frozenset(),
        dataset_ids=frozenset(query["datasetId"].split(",")) if query.get("datasetId") else None,
    )


def geometry_property(call: Call, context: Context) -> str:
    """The expanded property whose geometry a GeoJSON answer shows."""
    name = call.query.get("geometryProperty")
    return context.expanded[name] if name else LOCATION


def observed_at(call: Call) -> str | None:
    """The common `observedAt` of an update, checked here because the rules take it as it is."""
    text = call.query.get("observedAt")
    if text is not None and not is_date_time(text):
        raise Refusal("ngsi_ld.entity.time_not_valid", member="observedAt", value=text[:50])
    return text


def query_body(document: Any) -> dict[str, Any]:
    """A Query document (5.2.23) in the words of URL parameters."""
    if not isinstance(document, dict) or document.get("type") != "Query":
        raise Refusal("http.body.not_a_query")
    known = {"type", "@context", "entities", "attrs", "pick", "omit", "q", "geoQ", "scopeQ", "lang", "datasetId", "id"}
    unknown = sorted(set(document) - known)
    if unknown:
        raise Refusal("http.body.unknown_member", member=unknown[0][:100])
    values: dict[str, Any] = {name: _text(name, document[name]) for name in ("q", "scopeQ", "lang") if name in document}
    for name in ("attrs", "pick", "omit", "datasetId"):
        if name in document:
            listed = document[name] if isinstance(document[name], list) else [document[name]]
            values[name] = ",".join(_text(name, one) for one in listed)
    geo = document.get("geoQ")
    if geo is not None:
        if not isinstance(geo, dict):
            raise Refusal("http.query.not_valid", name="geoQ", value=str(geo)[:50], wanted="an object")
        values |= {name: _text(name, geo[name]) for name in ("georel", "geometry", "geoproperty") if name in geo}
        if "coordinates" in geo:
            coordinates = geo["coordinates"]
            values["coordinates"] = coordinates if isinstance(coordinates, str) else json.dumps(coordinates)
    return values


def selectors(entities: Any, context: Context, settings: Settings) -> tuple[Selector, ...]:
    """The EntitySelectors (5.2.33) of a Query document."""
    if entities is None:
        return ()
    if not isinstance(entities, list) or not all(isinstance(one, dict) for one in entities):
        raise Refusal("http.query.not_valid", name="entities", value="…", wanted="an array of objects")
    found = []
    for one in entities:
        unknown = sorted(one.keys() - {"id", "type", "idPattern"})
        if unknown:
            raise Refusal("http.body.unknown_member", member=unknown[0][:100])
        ids = one.get("id")
        listed = [] if ids is None else ids if isinstance(ids, list) else [ids]
        pattern = None if one.get("idPattern") is None else _pattern(_text("idPattern", one["idPattern"]), settings)
        kind = None if one.get("type") is None else type_selection(_text("type", one["type"]), context, settings)
        found.append(Selector(kind, frozenset(_text("id", each) for each in listed) or None, pattern))
    return tuple(found)


def _pattern(text: str, settings: Settings) -> str:
    if len(text) > settings.integer("pattern_characters_max"):
        raise Refusal("http.query.not_valid", name="idPattern", value="…", wanted="a shorter pattern")
    return text


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Refusal("http.query.not_valid", name=name, value=str(value)[:50], wanted="a text that is not empty")
    return value
