"""Query parameters of the NGSI-LD API → query tree, page and representation (CIM 009 6.3.10-6.3.13, 6.4.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from machinami.entrypoints.http.messages import GEO_JSON, Call, boolean, integer
from machinami.kernel.entity import LOCATION
from machinami.kernel.errors import Refusal
from machinami.kernel.query import Condition, EntityQuery, Ordering, Page, Selector, TypeSelection, conditions
from machinami.kernel.settings import Settings
from machinami.standards.ngsi_ld.attributes import is_date_time, is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import check_entity_id
from machinami.standards.ngsi_ld.geo import parse_geo_query
from machinami.standards.ngsi_ld.ordering import parse_ordering
from machinami.standards.ngsi_ld.projection import ENTITY_MEMBERS, Projection, parse_projection_tree
from machinami.standards.ngsi_ld.q import parse_q
from machinami.standards.ngsi_ld.render import NORMALIZED, Format, Representation, parse_projection
from machinami.standards.ngsi_ld.scope import parse_scope_query
from machinami.standards.ngsi_ld.types import parse_type_selection

SELECTION: Final = frozenset(
    "id type idPattern attrs q georel geometry coordinates geoproperty scopeQ datasetId".split()  # noqa: SIM905
)
REPRESENTATION: Final = frozenset("attrs pick omit lang datasetId geometryProperty format options".split())  # noqa: SIM905
LINKED: Final = frozenset({"join", "joinLevel", "containedBy"})
ORDERING: Final = frozenset({"orderBy", "collation", "orderFrom", "orderGeometry"})
HINTS: Final = frozenset({"expandValues", "jsonKeys", "csf", "splitEntities"})
"""What else a query of entities takes: how values of `q` are read, and what only matters where sources are asked."""
PAGING: Final = frozenset({"limit", "offset", "count"})
LOCAL: Final = frozenset({"local"})
FORMATS: Final = {
    "normalized": Format.NORMALIZED,
    "concise": Format.CONCISE,
    "simplified": Format.SIMPLIFIED,
    "keyValues": Format.SIMPLIFIED,
}
_OPTIONS: Final = frozenset({"sysAttrs", *FORMATS})
JOIN_LEVEL_MAX: Final = 100
_SYSTEM_NAMES: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "expiresAt", "observedAt"})
_CORE: Final = "https://uri.etsi.org/ngsi-ld/"


@dataclass(frozen=True, slots=True)
class Joining:
    """Linked Entity retrieval (4.5.23): `shape` is `inline`, `flat` or empty; `known` are ids not to be followed."""

    shape: str = ""
    levels: int = 0
    known: frozenset[str] = frozenset()


NOT_JOINED: Final = Joining()


def entity_query(values: Mapping[str, Any], context: Context, settings: Settings) -> EntityQuery:
    """The query tree of selection parameters (of a URL, or of a Query body in the same words)."""
    types = values.get("type") if values.get("type") != "*" else None
    ids = values.get("id")
    pattern = values.get("idPattern")
    selection = type_selection(types, context, settings) if types else None
    chosen: tuple[Selector, ...] = ()
    if selection is not None or ids or pattern:
        listed = frozenset(check_entity_id(one.strip()) for one in ids.split(",")) if ids else None
        chosen = (Selector(selection, listed, id_pattern(pattern, settings) if pattern else None),)
    geo = None
    if any(name in values for name in ("georel", "geometry", "coordinates")):
        missing = [name for name in ("georel", "geometry", "coordinates") if name not in values]
        if missing:
            raise Refusal("http.query.incomplete", missing=", ".join(missing), given="geo-query")
        geo = parse_geo_query(
            values["georel"], values["geometry"], values["coordinates"], values.get("geoproperty"), context,
            settings.integer("geometry_vertices_max"),
        )  # fmt: skip
    names = {name: _names(values[name], context) for name in ("attrs", "expandValues", "jsonKeys") if values.get(name)}
    if values.get("csf"):
        condition(values["csf"], context, settings)
    asked = None
    if values.get("q"):
        expanded = frozenset(names.get("expandValues", ()))
        asked = condition(values["q"], context, settings, expand_values=expanded, links_max=joining(values).levels)
    return EntityQuery(
        selectors=chosen,
        attributes=names.get("attrs", ()),
        condition=asked,
        geo=geo,
        scope=parse_scope_query(values["scopeQ"], settings.integer("query_nodes_max")) if values.get("scopeQ") else None,
        dataset_ids=tuple(sorted(_dataset_ids(values["datasetId"]))) if values.get("datasetId") else (),
    )  # fmt: skip


def condition(
    text: str, context: Context, settings: Settings, *, expand_values: frozenset[str] = frozenset(), links_max: int = 0
) -> Condition:
    """A `q` or `csf` (4.9) within the bounds of the settings."""
    return parse_q(
        text, context, nodes_max=settings.integer("query_nodes_max"),
        pattern_characters_max=settings.integer("pattern_characters_max"), expand_values=expand_values, links_max=links_max,
    )  # fmt: skip


def type_selection(text: str, context: Context, settings: Settings) -> TypeSelection:
    """The `type` parameter (4.17)."""
    return parse_type_selection(text, context, settings.integer("query_nodes_max"))


def where_type(call: Call, context: Context, settings: Settings) -> TypeSelection | None:
    """The optional `type` of an operation on one entity."""
    text = call.query.get("type")
    return type_selection(text, context, settings) if text else None


def local_scope(values: Mapping[str, Any]) -> bool:
    """Whether the operation is limited to what is held here (5.5.13); `type=*` says so too (6.4.3.2)."""
    local = values.get("local")
    if values.get("type") == "*" and local == "false":
        raise Refusal("http.query.exclusive", one="type=*", other="local=false")
    return local == "true" or values.get("type") == "*"


def check_width(query: EntityQuery, *, local: bool) -> None:
    """Refuse a query that asks for nothing in particular, unless it is limited to what is held here (5.7.2.4, 5.5.13)."""
    if not local and not has_filter(query):
        raise Refusal("http.query.no_filter")


def has_filter(query: EntityQuery) -> bool:
    """Whether a query is narrow enough to be sent on (5.7.2.4): by types, by an attribute of the users' own, or by place."""
    own = [name for name in query.attributes if name.removeprefix(_CORE) not in _SYSTEM_NAMES]
    asked = [one for one in conditions(query.condition) if one.path.name.removeprefix(_CORE) not in _SYSTEM_NAMES]
    typed = bool(query.selectors) and all(one.types is not None for one in query.selectors)
    return bool(typed or own or asked or query.geo)


def joining(values: Mapping[str, Any]) -> Joining:
    """join, joinLevel (1 if not given) and containedBy (4.5.23); the latter two count only with the first."""
    shape = values.get("join", "@none")
    if shape not in ("flat", "inline", "@none"):
        raise Refusal("http.query.not_valid", name="join", value=str(shape)[:50], wanted="flat, inline or @none")
    text = str(values.get("joinLevel", "1"))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= JOIN_LEVEL_MAX):
        wanted = f"a whole number from 1 to {JOIN_LEVEL_MAX}"
        raise Refusal("http.query.not_valid", name="joinLevel", value=text[:50], wanted=wanted)
    listed = values["containedBy"].split(",") if values.get("containedBy") else ()
    known = frozenset(check_entity_id(one.strip()) for one in listed)
    return NOT_JOINED if shape == "@none" else Joining(shape, int(text), known)


def ordering(values: Mapping[str, Any], context: Context, settings: Settings) -> Ordering | None:
    """orderBy, collation, orderFrom and orderGeometry (4.23), which only what is held here can follow (5.7.2.4)."""
    if not values.get("orderBy"):
        return None
    if values.get("local") == "false":
        raise Refusal("http.query.exclusive", one="orderBy", other="local=false")
    return parse_ordering(
        values["orderBy"], context, collation=values.get("collation", ""), coordinates=values.get("orderFrom"),
        geometry=values.get("orderGeometry", "Point"), nodes_max=settings.integer("query_nodes_max"),
        vertices_max=settings.integer("geometry_vertices_max"),
    )  # fmt: skip


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
    query = call.query
    options = [one for one in query.get("options", "").split(",") if one]
    for option in options:
        if option not in _OPTIONS:
            raise Refusal("http.query.option_unknown", name="options", value=option[:50], wanted=", ".join(sorted(_OPTIONS)))
        chosen = FORMATS.get(option, chosen)
    wanted = query.get("format")
    if wanted is not None:
        if wanted not in FORMATS:
            raise Refusal("http.query.option_unknown", name="format", value=wanted[:50], wanted=", ".join(FORMATS))
        chosen = FORMATS[wanted]
    shown = Representation(
        format=chosen,
        sys_attrs="sysAttrs" in options,
        language=query.get("lang"),
        attributes=parse_projection(query["attrs"], context) if query.get("attrs") else None,
        dataset_ids=_dataset_ids(query["datasetId"]) if query.get("datasetId") else None,
    )
    if not (query.get("pick") or query.get("omit")):
        return shown
    levels = joining(query).levels
    return _projected(shown, *(_projection(query.get(name), name, context, levels) for name in ("pick", "omit")))


def _projection(text: str | None, name: str, context: Context, levels: int) -> Projection | None:
    """What a pick or omit names, no farther away than linked entities are retrieved (5.7.1.4)."""
    if not text:
        return None
    projection = parse_projection_tree(text, context, name)
    if projection.depth > levels:
        raise Refusal("ngsi_ld.query.too_deep", language=name, levels=levels)
    return projection


def _projected(shown: Representation, pick: Projection | None, omit: Projection | None) -> Representation:
    if shown.attributes is not None:
        raise Refusal("http.query.exclusive", one="attrs", other="pick or omit")
    twice = pick.all_names & omit.names if pick is not None and omit is not None else frozenset()
    if twice:
        raise Refusal("http.query.exclusive", one=f"pick={min(twice)}"[:200], other="the same in omit")
    return shown.projected(pick, omit)


def system_times(call: Call) -> bool:
    """Whether `options=sysAttrs` is asked for, the only option of these resources (6.3.11)."""
    options = call.query.get("options", "")
    if options not in ("", "sysAttrs"):
        raise Refusal("http.query.not_valid", name="options", value=options[:50], wanted="sysAttrs")
    return bool(options)


def geometry_property(call: Call, context: Context, media_type: str = GEO_JSON) -> str:
    """The expanded property whose geometry a GeoJSON answer shows; other answers have no place for one (5.7.1.4)."""
    name = call.query.get("geometryProperty")
    if name and media_type != GEO_JSON:
        raise Refusal("http.query.exclusive", one="geometryProperty", other=f"Accept: {media_type}")
    return context.expanded[name] if name else LOCATION


def observed_at(call: Call) -> str | None:
    """The common `observedAt` of an update, checked here because the rules take it as it is."""
    text = call.query.get("observedAt")
    if text is not None and not is_date_time(text):
        raise Refusal("ngsi_ld.entity.time_not_valid", member="observedAt", value=text[:50])
    return text


def _names(text: str, context: Context) -> tuple[str, ...]:
    """The expanded names of a list of attributes, which members of the entity are not."""
    names = tuple(name.strip() for name in text.split(","))
    members = [name for name in names if name in ENTITY_MEMBERS and name not in _SYSTEM_NAMES]
    if members:
        raise Refusal("http.query.not_valid", name="attrs", value=members[0], wanted="names of attributes")
    return tuple(context.expanded[name] for name in names)


def _dataset_ids(text: str) -> frozenset[str]:
    """URIs, and `@none` for the default instance (4.5.5)."""
    names = frozenset(one.strip() for one in text.split(","))
    for one in names:
        if one != "@none" and not is_uri(one):
            raise Refusal("http.query.not_valid", name="datasetId", value=one[:50], wanted="URIs or @none")
    return names


def id_pattern(text: str, settings: Settings) -> str:
    """An `idPattern` that is not too long; RE2 reads it later."""
    if len(text) > settings.integer("pattern_characters_max"):
        raise Refusal("http.query.not_valid", name="idPattern", value="…", wanted="a shorter pattern")
    return text
