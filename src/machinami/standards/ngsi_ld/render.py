"""Writing entities: normalized, concise, simplified and GeoJSON (CIM 009 4.5.1-4.5.4, 4.5.16, 4.5.17), and time series.

Members come in the order id, type, scope, attributes, system times. One value is written bare, several as an array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from machinami.kernel.entity import VALUE_MEMBER, Entity, Instance
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.geojson import looks_like_geometry
from machinami.standards.ngsi_ld.language import chosen_text
from machinami.standards.ngsi_ld.projection import ENTITY_MEMBERS as ENTITY_MEMBERS
from machinami.standards.ngsi_ld.projection import Projection


class Format(StrEnum):
    """Representations of an entity."""

    NORMALIZED = "normalized"
    CONCISE = "concise"
    SIMPLIFIED = "simplified"


@dataclass(frozen=True, slots=True)
class Representation:
    """How to write entities.

    `attributes`, `pick`, `omit` hold expanded attribute names; `pick` and `omit` also the entity members `id`, `type`,
    `scope`, `createdAt`, `modifiedAt`, `expiresAt`. `attributes` keeps all entity members; `pick` keeps only what it
    names. `dataset_ids` keeps instances of these datasets (`@none` = the default instance). `language` is a language
    range as in `Accept-Language`: LanguageProperties are written as the text chosen by it. `pick_linked` and
    `omit_linked` say what `pick` and `omit` name of linked entities (4.21).
    """

    format: Format = Format.NORMALIZED
    sys_attrs: bool = False
    language: str | None = None
    attributes: frozenset[str] | None = None
    pick: frozenset[str] | None = None
    omit: frozenset[str] = frozenset()
    dataset_ids: frozenset[str] | None = None
    pick_linked: frozenset[tuple[str, Projection]] = frozenset()
    omit_linked: frozenset[tuple[str, Projection]] = frozenset()

    def projected(self, pick: Projection | None, omit: Projection | None) -> Representation:
        """The same with these members only: a Relationship named with braces stays itself, whether picked or omitted."""
        pick_linked = pick.linked if pick is not None else frozenset()
        omit_linked = omit.linked if omit is not None else frozenset()
        picked = pick.all_names if pick is not None else None
        omitted = omit.names if omit is not None else frozenset()
        return replace(self, pick=picked, omit=omitted, pick_linked=pick_linked, omit_linked=omit_linked)

    def behind(self, relationship: str) -> Representation:
        """How entities behind a Relationship are written; `attrs` and `datasetId` speak of the target entity alone."""
        picks, omits = dict(self.pick_linked), dict(self.omit_linked)
        base = (
            self if self.attributes is None and self.dataset_ids is None else replace(self, attributes=None, dataset_ids=None)
        )
        return base.projected(picks.get(relationship), omits.get(relationship))


NORMALIZED: Final = Representation()
_METADATA: Final = (
    *("observedAt", "unitCode", "datasetId", "objectType", "ngsildproof", "previousLanguageMap"),
    *("previousVocab", "previousValueList", "previousObjectList", "previousJson"),
)
_VOCABULARY: Final = frozenset({"objectType", "previousVocab"})
_SYSTEM: Final = ("expiresAt", "createdAt", "modifiedAt", "deletedAt", "instanceId")
"""Shown with `sysAttrs` only (6.3.11)."""
_HIDDEN: Final = frozenset({*_SYSTEM, "attributes", "type"})


def parse_projection(text: str, context: Context) -> frozenset[str]:
    """The members named by a `pick`, `omit` or `attrs` list, names expanded. Refusal `ngsi_ld.name.not_valid` for an
    empty or impossible name."""
    names = (name.strip() for name in text.split(","))
    return frozenset(name if name in ENTITY_MEMBERS else context.expanded[name] for name in names)


def render_entity(entity: Entity, context: Context, representation: Representation = NORMALIZED) -> dict[str, Any]:
    """The JSON-ready document of an entity, without `@context`, which the caller adds where the media type wants it."""
    compacted = context.compacted
    types = entity.types
    document: dict[str, Any] = {
        "id": entity.id,
        "type": compacted[types[0]] if len(types) == 1 else [compacted[one] for one in types],
    }
    if entity.scopes:
        document["scope"] = _one_or_many(entity.scopes)
    writer = _WRITERS[representation.format]
    chosen = _selected(entity, representation)
    if chosen is None:
        for iri, instances in entity.attributes.items():
            document[compacted[iri]] = writer(instances, context, representation)
    else:
        for iri in chosen:
            instances = _datasets(entity.attributes[iri], representation)
            if instances:
                document[compacted[iri]] = writer(instances, context, representation)
    if representation.sys_attrs:
        if entity.expires_at:
            document["expiresAt"] = entity.expires_at
        document["createdAt"] = entity.created_at
        document["modifiedAt"] = entity.modified_at
    if representation.pick is not None or representation.omit:
        _project(document, representation)
    return document


def geojson_feature(
    entity: Entity, document: dict[str, Any], representation: Representation, geometry_property: str
) -> dict[str, Any]:
    """The Feature of an entity whose `document` is written already. Of several instances of the geometry the default one
    is shown, or the one that `datasetId` asks for (4.5.16.1)."""
    instances = _datasets(entity.attributes.get(geometry_property, []), representation)
    shown = [one for one in instances if "datasetId" not in one] or (instances if representation.dataset_ids else [])
    geometry = shown[0]["value"] if shown and shown[0]["type"] == "GeoProperty" else None
    properties = {name: value for name, value in document.items() if name != "id"}
    return {"id": entity.id, "type": "Feature", "geometry": geometry, "properties": properties}


def shown_instances(entity: Entity, representation: Representation) -> Iterator[tuple[str, list[Instance]]]:
    """(attribute, its instances) of all that a representation shows of an entity."""
    chosen = _selected(entity, representation)
    for iri in entity.attributes if chosen is None else chosen:
        instances = _datasets(entity.attributes[iri], representation)
        if instances:
            yield iri, instances


def _selected(entity: Entity, representation: Representation) -> list[str] | None:
    """The attributes to write, None for all of them without a further look."""
    kept, pick, omit = representation.attributes, representation.pick, representation.omit
    if kept is None and pick is None and not omit and representation.dataset_ids is None:
        return None
    return [
        iri for iri in entity.attributes if (kept is None or iri in kept) and (pick is None or iri in pick) and iri not in omit
    ]


def _datasets(instances: list[Instance], representation: Representation) -> list[Instance]:
    wanted = representation.dataset_ids
    return instances if wanted is None else [one for one in instances if one.get("datasetId", "@none") in wanted]


def _project(document: dict[str, Any], representation: Representation) -> None:
    for member in ENTITY_MEMBERS:
        if member in representation.omit or (representation.pick is not None and member not in representation.pick):
            document.pop(member, None)


def _one_or_many(items: Sequence[Any]) -> Any:
    return items[0] if len(items) == 1 else list(items)


def _normalized(instances: list[Instance], context: Context, representation: Representation) -> Any:
    if len(instances) == 1:
        return render_instance(instances[0], context, representation)
    return [render_instance(one, context, representation) for one in instances]


def render_instance(instance: Instance, context: Context, representation: Representation = NORMALIZED) -> dict[str, Any]:
    """One attribute instance in normalized form."""
    kind = instance["type"]
    if kind == "Property" or kind == "GeoProperty" or kind == "Relationship":
        written = {"type": kind} | {member: value for member, value in instance.items() if member not in _HIDDEN}
        for named in ("objectType", "valueType"):
            if named in instance:
                written[named] = _compacted(instance[named], context)
    else:
        written = _special(instance, context, representation)
    if "ngsildproof" in instance:
        written["ngsildproof"] = compacted_seal(instance["ngsildproof"], context)
    if "attributes" in instance:
        for iri, subs in instance["attributes"].items():
            written[context.compacted[iri]] = _normalized(subs, context, representation)
    if representation.sys_attrs:
        for member in _SYSTEM:
            if member in instance:
                written[member] = instance[member]
    return written


def _special(instance: Instance, context: Context, representation: Representation) -> dict[str, Any]:
    """The kinds whose value is not written as it is stored: language filter, compaction of vocabulary."""
    kind = instance["type"]
    member = VALUE_MEMBER[kind]
    value = instance[member]
    written: dict[str, Any] = {"type": kind}
    if kind == "LanguageProperty" and representation.language is not None:
        text, language = chosen_text(value, representation.language)
        written = {"type": "Property", "value": text, "lang": language}
    elif kind == "VocabProperty":
        written[member] = _compacted(value, context)
    else:
        written[member] = value
    for each in _METADATA:
        if each in instance:
            written[each] = _compacted(instance[each], context) if each in _VOCABULARY else instance[each]
    return written


def compacted_seal(seal: Any, context: Context) -> Any:
    """A seal (annex C.11) with the sealed type as the term that it is in this @context."""
    kind = seal.get("entityTypeSealed")
    return seal if kind is None else {**seal, "entityTypeSealed": _compacted(kind, context)}


def _compacted(value: Any, context: Context) -> Any:
    return [context.compacted[one] for one in value] if isinstance(value, list) else context.compacted[value]


def _concise(instances: list[Instance], context: Context, representation: Representation) -> Any:
    if len(instances) == 1:
        return _concise_one(instances[0], context, representation)
    return [_concise_one(one, context, representation, bare=False) for one in instances]


def _concise_one(instance: Instance, context: Context, representation: Representation, *, bare: bool = True) -> Any:
    """The concise form: no type where the value tells it, no object where a value alone says it all (4.5.2.3)."""
    kind = instance["type"]
    base = {key: value for key, value in instance.items() if key != "attributes"}
    written = render_instance(base, context, representation)
    value = written.get("value")
    if written["type"] != "Property" or not looks_like_geometry(value):
        del written["type"]
    for iri, subs in instance.get("attributes", {}).items():
        written[context.compacted[iri]] = _concise(subs, context, representation)
    if bare and len(written) == 1 and "value" in written:
        if kind == "GeoProperty":
            return value
        if not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(one, dict) for one in value)):
            return value
    return written


def _simplified(instances: list[Instance], context: Context, representation: Representation) -> Any:
    if len(instances) == 1 and "datasetId" not in instances[0]:
        return _simplified_one(instances[0], context, representation)
    return {"dataset": {one.get("datasetId", "@none"): _simplified_one(one, context, representation) for one in instances}}


def _simplified_one(instance: Instance, context: Context, representation: Representation) -> Any:
    kind = instance["type"]
    if kind == "Property" or kind == "GeoProperty":
        return instance["value"]
    if kind == "Relationship":
        return instance["object"]
    if kind == "LanguageProperty":
        if representation.language is not None:
            return chosen_text(instance["languageMap"], representation.language)[0]
        return {"languageMap": instance["languageMap"]}
    if kind == "VocabProperty":
        return {"vocab": _compacted(instance["vocab"], context)}
    if kind == "ListRelationship":
        return [one["object"] for one in instance["objectList"]]
    if kind == "ListProperty":
        return instance["valueList"]
    member = VALUE_MEMBER[kind]
    return {member: instance[member]}


_WRITERS: Final = {Format.NORMALIZED: _normalized, Format.CONCISE: _concise, Format.SIMPLIFIED: _simplified}
