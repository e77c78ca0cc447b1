"""Documents of type and attribute discovery, from counted uses of names (CIM 009 5.2.24-5.2.28)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from machinami.kernel.ids import stable_urn
from machinami.kernel.name_use import NameUse
from machinami.standards.ngsi_ld.contexts import Context

Document = dict[str, Any]


def entity_type_list(uses: Iterable[NameUse], context: Context, tenant: str) -> Document:
    """The types in use (5.2.24)."""
    names = _names({one.type for one in uses if one.type}, context)
    return {"id": stable_urn("EntityTypeList", tenant, *names), "type": "EntityTypeList", "typeList": names}


def entity_types(uses: Iterable[NameUse], context: Context) -> list[Document]:
    """Each type in use with the names of its attributes (5.2.25)."""
    attributes: defaultdict[str, set[str]] = defaultdict(set)
    for one in uses:
        if one.type:
            names = attributes[one.type]
            if one.attribute:
                names.add(one.attribute)
    return [
        {
            "id": iri,
            "type": "EntityType",
            "typeName": context.compacted[iri],
            "attributeNames": _names(attributes[iri], context),
        }
        for iri in sorted(attributes)
    ]


def entity_type_info(iri: str, uses: Iterable[NameUse], context: Context) -> Document | None:
    """One type with its number of entities and the kinds of its attributes (5.2.26); None if it isn't in use."""
    count = 0
    kinds: dict[str, list[str]] = {}
    for one in uses:
        if not one.attribute:
            count = one.count
        else:
            kinds.setdefault(one.attribute, []).append(one.kind)
    if not count:
        return None
    details = [{**_attribute(name, context), "attributeTypes": sorted(kinds[name])} for name in sorted(kinds)]
    return {
        "id": iri,
        "type": "EntityTypeInfo",
        "typeName": context.compacted[iri],
        "entityCount": count,
        "attributeDetails": details,
    }


def attribute_list(uses: Iterable[NameUse], context: Context, tenant: str) -> Document:
    """The attributes in use (5.2.27)."""
    names = _names({one.attribute for one in uses if one.attribute}, context)
    return {"id": stable_urn("AttributeList", tenant, *names), "type": "AttributeList", "attributeList": names}


def attributes(uses: Iterable[NameUse], context: Context) -> list[Document]:
    """Each attribute in use with the types that have it (5.2.28)."""
    types: defaultdict[str, set[str]] = defaultdict(set)
    for one in uses:
        if one.attribute:
            kinds = types[one.attribute]
            if one.type:
                kinds.add(context.compacted[one.type])
    return [{**_attribute(iri, context), "typeNames": sorted(types[iri])} for iri in sorted(types)]


def attribute_info(iri: str, uses: Iterable[NameUse], context: Context) -> Document | None:
    """One attribute with its number of instances, their kinds and the types that have it (5.2.28); None if it isn't in use."""
    found = list(uses)
    overall = [one for one in found if not one.type]
    if not overall:
        return None
    return {
        **_attribute(iri, context),
        "attributeCount": sum(one.count for one in overall),
        "attributeTypes": sorted(one.kind for one in overall),
        "typeNames": _names({one.type for one in found if one.type}, context),
    }


def _attribute(iri: str, context: Context) -> Document:
    return {"id": iri, "type": "Attribute", "attributeName": context.compacted[iri]}


def _names(iris: set[str], context: Context) -> list[str]:
    return sorted([context.compacted[iri] for iri in iris])
