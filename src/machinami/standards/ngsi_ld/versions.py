"""Entities as earlier versions of the standard know them (CIM 009 4.3.6.8), for receivers that ask by `Prefer: ngsi-ld=1.5`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from machinami.kernel.entity import VALUE_MEMBER, Attributes, Entity, Instance
from machinami.kernel.relationships import objects_of
from machinami.standards.ngsi_ld.contexts import Context

Version = tuple[int, int]
NEWEST: Final[Version] = (1, 9)
_PREFERENCE: Final = re.compile(r"(?:^|[,;\s])ngsi-ld\s*=\s*\"?([0-9]{1,3})\.([0-9]{1,3})\"?")
_KINDS: Final[dict[str, Version]] = {
    "LanguageProperty": (1, 4),
    "JsonProperty": (1, 8),
    "VocabProperty": (1, 8),
    "ListProperty": (1, 8),
    "ListRelationship": (1, 8),
}
_MEMBERS: Final[dict[str, Version]] = {
    "datasetId": (1, 3),
    "observedAt": (1, 3),
    "unitCode": (1, 3),
    "objectType": (1, 8),
    "expiresAt": (1, 9),
    "valueType": (1, 9),
}
_SEVERAL: Final[Version] = (1, 3)
_SCOPE: Final[Version] = (1, 4)
_EXPIRY: Final[Version] = (1, 9)


def preferred_version(header: str) -> Version | None:
    """The version that a Prefer header names, at most the newest; None if it names none."""
    match = _PREFERENCE.search(header)
    return min((int(match[1]), int(match[2])), NEWEST) if match else None


def conforming(entity: Entity, version: Version | None, context: Context) -> Entity:
    """The entity with what came later left out, or written as the plainer attribute that there was; None is the newest."""
    if version is None or version >= NEWEST:
        return entity
    return replace(
        entity,
        types=entity.types if version >= _SEVERAL else entity.types[:1],
        attributes=_attributes(entity.attributes, version, context),
        scopes=entity.scopes if version >= _SCOPE else (),
        expires_at=entity.expires_at if version >= _EXPIRY else None,
    )


def conforming_series(
    instances: Sequence[Instance], version: Version | None, context: Context, keeping: str = ""
) -> list[Instance]:
    """A time series likewise: where there was only one dataset, the default one is left, else the first.

    `keeping` is a member that stays: the time of a value in `temporalValues`.
    """
    if version is None or version >= NEWEST:
        return list(instances)
    chosen = next((one for one in instances if "datasetId" not in one), instances[0] if instances else {}).get("datasetId")
    several = version >= _SEVERAL
    return [
        _instance(one, version, context) | {name: one[name] for name in (keeping,) if name in one}
        for one in instances
        if several or one.get("datasetId") == chosen
    ]


def conforming_kind(kind: str, version: Version | None) -> str:
    """The type that an attribute of a type is written as."""
    if version is None or version >= _KINDS.get(kind, (0, 0)):
        return kind
    return "Relationship" if kind == "ListRelationship" else "Property"


def knows_scope(version: Version | None) -> bool:
    """Whether a version has scopes."""
    return version is None or version >= _SCOPE


def _attributes(attributes: Attributes, version: Version, context: Context) -> Attributes:
    found: Attributes = {}
    for name, instances in attributes.items():
        default = [one for one in instances if "datasetId" not in one]
        chosen = instances if version >= _SEVERAL else (default or instances)[:1]
        found[name] = [_instance(one, version, context) for one in chosen]
    return found


def _instance(instance: Instance, version: Version, context: Context) -> Instance:
    kind = instance["type"]
    kept = {name: value for name, value in instance.items() if version >= _MEMBERS.get(name, (0, 0))}
    if "attributes" in kept:
        kept["attributes"] = _attributes(kept["attributes"], version, context)
    if version >= _KINDS.get(kind, (0, 0)):
        return kept
    plain = {**kept, "type": conforming_kind(kind, version)}
    if VALUE_MEMBER[kind] not in kept:
        return plain
    value = plain.pop(VALUE_MEMBER[kind])
    if kind == "ListRelationship":
        return {**plain, "object": objects_of(instance)}
    return {**plain, "value": _plain(kind, value, context)}


def _plain(kind: str, value: Any, context: Context) -> Any:
    if kind != "VocabProperty":
        return value
    return [context.compacted[one] for one in value] if isinstance(value, list) else context.compacted[value]
