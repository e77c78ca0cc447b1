"""What a client sends to change an entity: the parsed form of append, update, replace and merge bodies.

The pure merge rules (`data`) apply a `Fragment` to an `Entity`. A *partial instance* is an `Instance` of
`kernel.entity` with these liberties:

- `{"deleted": True}` or `{"deleted": True, "datasetId": …}`: remove that instance (NGSI-LD Null, CIM 009 4.5.1);
- a member whose value is `NGSI_LD_NULL`: remove the member (`observedAt`, `unitCode`, a language of `languageMap`,
  a key inside a JSON `value` or `json`); such texts stay in place;
- only where the fragment was read as partial (PATCH of one attribute, merge): `type` and the value member may be
  missing, and `{"simplified": value}` carries a bare value (beside it `expanded`, the same text as IRIs, for the case
  that a VocabProperty is meant). `attributes.complete` finds the type they stand for.

The same holds inside `attributes` (sub-attributes) of a partial instance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from machinami.kernel.entity import VALUE_MEMBER, Attributes, Instance

VALUE_MEMBERS = frozenset(VALUE_MEMBER.values())
KIND_OF_MEMBER = {
    "value": "Property",
    "object": "Relationship",
    "languageMap": "LanguageProperty",
    "vocab": "VocabProperty",
    "valueList": "ListProperty",
    "objectList": "ListRelationship",
    "json": "JsonProperty",
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """Part of an entity. `types` are to be added; `scopes` None = not mentioned, `()` = remove them all;
    `expires_at` None = not mentioned, `""` = remove it. `attributes` holds partial instances by expanded name."""

    types: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    expires_at: str | None = None
    attributes: Attributes = field(default_factory=dict)
    id: str | None = None


def is_deletion(instance: Instance) -> bool:
    """Whether a partial instance asks to remove the stored one."""
    return "deleted" in instance


def deletion(dataset_id: str | None = None) -> Instance:
    """The partial instance that removes the stored one with `dataset_id` (None: the default instance)."""
    return {"deleted": True} if dataset_id is None else {"deleted": True, "datasetId": dataset_id}
