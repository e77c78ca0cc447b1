"""Which types and attributes sources have, as uses of names like our own (CIM 009 5.7.5-5.7.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from machinami.federation.distribution.model import Ask
from machinami.federation.registrations.model import RegistrationInfo
from machinami.kernel.name_use import NameUse
from machinami.standards.ngsi_ld.contexts import Context

PATHS: Final = {
    "retrieveEntityTypes": "/types",
    "retrieveEntityTypeDetails": "/types",
    "retrieveEntityTypeInfo": "/types",
    "retrieveAttrTypes": "/attributes",
    "retrieveAttrTypeDetails": "/attributes",
    "retrieveAttrTypeInfo": "/attributes",
}
DETAILED: Final = frozenset({"retrieveEntityTypeDetails", "retrieveAttrTypeDetails"})


def discovery(operation: str, name: str, context: Context) -> Ask:
    """The request; `name` is the expanded type or attribute that is asked about, empty for all."""
    path = PATHS[operation]
    if name:
        path += f"/{quote(context.compacted[name], safe=':')}"
    return Ask("GET", path, (("details", "true"),) if operation in DETAILED else (), reads=True)


def uses_of(operation: str, document: Any, context: Context) -> list[NameUse]:
    """The uses that an answer tells of; TypeError, ValueError or Refusal if it is none."""
    return list(_READERS[operation](document, context))


def fitting(uses: Iterable[NameUse], information: Iterable[RegistrationInfo]) -> list[NameUse]:
    """Those that the source is registered for."""
    infos = tuple(information)
    return [use for use in uses if any(_fits(use, info) for info in infos)]


def _fits(use: NameUse, info: RegistrationInfo) -> bool:
    types = {one for entity in info.entities for one in entity.types}
    return (not use.type or not types or use.type in types) and (
        not use.attribute or not info.attributes or use.attribute in info.attributes
    )


def together(uses: Iterable[NameUse]) -> list[NameUse]:
    """Each use once, with the sum of its counts."""
    counts: dict[tuple[str, str, str], int] = {}
    for one in uses:
        key = (one.type, one.attribute, one.kind)
        counts[key] = counts.get(key, 0) + one.count
    return [NameUse(*key, count) for key, count in counts.items()]


def _types(document: Any, context: Context) -> Iterator[NameUse]:
    for name in _texts(document["typeList"]):
        yield NameUse(context.expanded[name], "", "", 1)


def _type_details(document: Any, context: Context) -> Iterator[NameUse]:
    for one in _objects(document):
        kind = context.expanded[one["typeName"]]
        yield NameUse(kind, "", "", 1)
        for name in _texts(one.get("attributeNames", [])):
            yield NameUse(kind, context.expanded[name], "", 1)


def _type_info(document: Any, context: Context) -> Iterator[NameUse]:
    kind = context.expanded[document["typeName"]]
    yield NameUse(kind, "", "", int(document.get("entityCount", 1)))
    for one in _objects(document.get("attributeDetails", [])):
        for form in _texts(one.get("attributeTypes", [])):
            yield NameUse(kind, context.expanded[one["attributeName"]], form, 1)


def _attributes(document: Any, context: Context) -> Iterator[NameUse]:
    for name in _texts(document["attributeList"]):
        yield NameUse("", context.expanded[name], "", 1)


def _attribute_details(document: Any, context: Context) -> Iterator[NameUse]:
    for one in _objects(document):
        name = context.expanded[one["attributeName"]]
        yield NameUse("", name, "", 1)
        for kind in _texts(one.get("typeNames", [])):
            yield NameUse(context.expanded[kind], name, "", 1)


def _attribute_info(document: Any, context: Context) -> Iterator[NameUse]:
    name = context.expanded[document["attributeName"]]
    count = int(document.get("attributeCount", 1))
    for form in _texts(document.get("attributeTypes", [])):
        yield NameUse("", name, form, count)
        count = 0
    for kind in _texts(document.get("typeNames", [])):
        yield NameUse(context.expanded[kind], name, "", 1)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("no list of names")
    return value


def _objects(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TypeError("no list of objects")
    return value


_READERS: Final[dict[str, Callable[[Any, Context], Iterator[NameUse]]]] = {
    "retrieveEntityTypes": _types,
    "retrieveEntityTypeDetails": _type_details,
    "retrieveEntityTypeInfo": _type_info,
    "retrieveAttrTypes": _attributes,
    "retrieveAttrTypeDetails": _attribute_details,
    "retrieveAttrTypeInfo": _attribute_info,
}
