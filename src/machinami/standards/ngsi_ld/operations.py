"""The names of the API's operations and operation groups that a registration may list (CIM 009 4.20)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_PROVISION: Final = frozenset(
    (
        *("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity", "createBatch"),
        *("upsertBatch", "updateBatch", "deleteBatch", "mergeEntity", "replaceEntity", "replaceAttrs", "mergeBatch"),
        *("purgeEntity", "upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "updateAttrInstanceTemporal"),
        *("deleteAttrInstanceTemporal", "deleteTemporal"),
    )
)
_DISCOVERY: Final = frozenset(
    (
        *("retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo"),
        *("retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo"),
    )
)
_SUBSCRIPTION: Final = frozenset(
    ("createSubscription", "updateSubscription", "retrieveSubscription", "querySubscription", "deleteSubscription")
)
_ENTITY_MAP: Final = frozenset(("retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createEntityMapQueryEntity"))
_ASSOCIATION: Final = (
    frozenset(("retrieveEntity", "queryEntity", "queryBatch", "retrieveContextSourceIdentity")) | _DISCOVERY | _SUBSCRIPTION
)

OPERATIONS: Final = (
    _PROVISION | _ASSOCIATION | _ENTITY_MAP | frozenset(("retrieveTemporal", "queryTemporal", "createEntityMapQueryTemporal"))
)
"""Every single operation name (table 4.20-1)."""

GROUPS: Final[dict[str, frozenset[str]]] = {
    "federationOps": _ASSOCIATION | _ENTITY_MAP,
    "associationOps": _ASSOCIATION,
    "updateOps": frozenset(("updateEntity", "updateAttrs", "replaceEntity", "replaceAttrs")),
    "retrieveOps": frozenset(("retrieveEntity", "queryEntity")),
    "redirectionOps": frozenset(
        (
            *("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity", "mergeEntity"),
            *("replaceEntity", "replaceAttrs", "retrieveEntity", "queryEntity", "purgeEntity"),
            "retrieveContextSourceIdentity",
        )
    )
    | _DISCOVERY
    | _ENTITY_MAP,
}
"""What a group's name stands for (table 4.20-2)."""

DEFAULT_OPERATIONS: Final = ("federationOps",)
AUXILIARY_DEFAULT: Final = ("retrieveOps",)
AUXILIARY_OPERATIONS: Final = frozenset({"retrieveOps", "retrieveEntity", "queryEntity"})
"""All that an auxiliary registration may offer (5.9.2.4)."""


def expanded_operations(names: Iterable[str]) -> frozenset[str]:
    """The single operations that names of operations and groups stand for; KeyError for an unknown name."""
    found: set[str] = set()
    for name in names:
        found |= {name} if name in OPERATIONS else GROUPS[name]
    return frozenset(found)
