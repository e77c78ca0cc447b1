"""The one entity model: NGSI-LD's information model with expanded names (CIM 009 4.2, 4.5; ADR 0003).

An `Entity` holds attributes as plain JSON-ready dictionaries, because they are what is stored, logged and sent; the
shape is fixed here and checked where data enters (`standards.ngsi_ld`).

`attributes` maps an expanded attribute name to its instances, the default instance first, at most one per
`datasetId` (4.5.5). An *instance* is a dictionary with

- `type`: one of `VALUE_MEMBER`'s keys;
- the value under the member that `VALUE_MEMBER` names for the type (`vocab`, `objectType` and `valueType` hold expanded IRIs,
  `value` is JSON kept verbatim, a GeoProperty's is a GeoJSON geometry);
- optionally `datasetId`, `observedAt`, `unitCode`, `valueType`, `objectType`, `expiresAt`, `ngsildproof`;
- `createdAt`, `modifiedAt`: ISO 8601 UTC text set by the store's rules, never by a client;
- optionally `attributes`: sub-attributes in the same shape as the entity's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

Instance = dict[str, Any]
Attributes = dict[str, list[Instance]]

VALUE_MEMBER: Final[dict[str, str]] = {
    "Property": "value",
    "Relationship": "object",
    "GeoProperty": "value",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
    "JsonProperty": "json",
}

NGSI_LD_NULL: Final = "urn:ngsi-ld:null"
DEFAULT_VOCABULARY: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION: Final = "https://uri.etsi.org/ngsi-ld/location"


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of one tenant. Treat the dictionaries inside as immutable: build new ones to change them.

    `version` rises by one with each committed change; `sequence` is the order of creation within the store. Both are
    0 until stored. Times are ISO 8601 UTC text.
    """

    id: str
    types: tuple[str, ...]
    attributes: Attributes = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    created_at: str = ""
    modified_at: str = ""
    expires_at: str | None = None
    version: int = 0
    sequence: int = 0

    def with_attributes(self, attributes: Attributes) -> Entity:
        """The same entity with other attributes."""
        return replace(self, attributes=attributes)


def value_of(instance: Instance) -> Any:
    """The value an instance carries, whatever its type calls it."""
    return instance.get(VALUE_MEMBER[instance["type"]])


def default_instance(entity: Entity, name: str) -> Instance | None:
    """The instance of an attribute that has no `datasetId`, or the first one."""
    instances = entity.attributes.get(name)
    if not instances:
        return None
    return next((one for one in instances if "datasetId" not in one), instances[0])


def to_document(entity: Entity) -> dict[str, Any]:
    """The JSON document that is stored and logged; `from_document` reads it back."""
    document: dict[str, Any] = {
        "id": entity.id,
        "type": list(entity.types),
        "attributes": entity.attributes,
        "createdAt": entity.created_at,
        "modifiedAt": entity.modified_at,
    }
    if entity.scopes:
        document["scope"] = list(entity.scopes)
    if entity.expires_at:
        document["expiresAt"] = entity.expires_at
    return document


def from_document(document: dict[str, Any], version: int = 0, sequence: int = 0) -> Entity:
    """Read what `to_document` wrote."""
    return Entity(
        id=document["id"],
        types=tuple(document["type"]),
        attributes=document["attributes"],
        scopes=tuple(document.get("scope", ())),
        created_at=document["createdAt"],
        modified_at=document["modifiedAt"],
        expires_at=document.get("expiresAt"),
        version=version,
        sequence=sequence,
    )
