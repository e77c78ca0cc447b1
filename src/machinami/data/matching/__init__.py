"""Whether an entity answers a query: one plain evaluator for subscriptions, rules and the in-memory store (CIM 009 4.9-4.19).

It is written from the standard's text and knows no SQL, so that it can stand as the reference for the store's queries.
"""

from __future__ import annotations

from machinami.data.entities.expiry import living
from machinami.data.matching.conditions import NOTHING_LINKED, Linked, holds
from machinami.data.matching.selectors import scope_holds, selects
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery


def matches(entity: Entity, query: EntityQuery, now: str, linked: Linked = NOTHING_LINKED) -> bool:
    """Whether `entity` is found by `query` at `now` (ISO 8601 UTC); what has expired is not there (4.22).

    `linked` are the living entities behind the links of the query's condition (`linking.linked_entities`).

    Cheap parts come first: selectors, scope and attribute names before conditions and geometry. `dataset_ids` only choose
    which instances are shown of what was found (5.7.2.4), so they play no part here.
    """
    if query.selectors and not selects(query.selectors, entity):
        return False
    if query.scope is not None and not scope_holds(query.scope, entity.scopes):
        return False
    shown = living(entity, now)
    if shown is None:
        return False
    if query.attributes and not any(name in shown.attributes for name in query.attributes):
        return False
    if query.condition is not None and not holds(query.condition, shown, linked):
        return False
    if query.geo is None:
        return True
    from machinami.data.matching.geometry import geo_holds  # shapely and numpy: loaded for the first geo-query

    return geo_holds(query.geo, shown)


__all__ = ["matches"]
