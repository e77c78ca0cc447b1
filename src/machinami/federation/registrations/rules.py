"""Which registrations a specification of entities and attributes concerns, and which get in each other's way: pure.

Clauses 5.12 and 5.10.2 (matching), 4.3.6.3 and 5.9.2 (conflicts of proxied registrations) of CIM 009.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from machinami.federation.registrations.model import (
    EntityInfo,
    Interest,
    Interval,
    Match,
    Mode,
    Registered,
    Registration,
    RegistrationInfo,
    Wanted,
)
from machinami.federation.registrations.patterns import pattern_finds
from machinami.federation.registrations.ports import Evaluate
from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import Attributes, Entity
from machinami.kernel.query import And, Condition, EntityQuery, GeoQuery, GeoRelation, Or, Selector, TypeSelection
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.temporal import TemporalQuery, TimeRelation

LATEST_READS: Final = frozenset({"retrieveEntity", "queryEntity", "queryBatch"})
_EVERYTHING: Final = frozenset({"Polygon", "MultiPolygon", "LineString", "MultiLineString", "MultiPoint", "GeometryCollection"})


def has_expired(registration: Registration, now_text: str) -> bool:
    """Whether its `expiresAt` has been reached (5.2.9)."""
    return registration.expires_at is not None and _instant(registration.expires_at) <= _instant(now_text)


_instant = lru_cache(maxsize=4_096)(parse_instant)


def matching(registered: Registered, wanted: Wanted) -> Match | None:
    """The match of a registration with a specification, None if no element of its information matches (5.12)."""
    registration = registered.registration
    if registration.source_alias is not None and registration.source_alias in wanted.previous_sources:
        return None
    datasets = registration.dataset_ids
    if datasets and wanted.dataset_ids and wanted.dataset_ids.isdisjoint(datasets):
        return None
    found = tuple(one for one in registration.information if info_matches(one, wanted.selectors, wanted.attributes))
    return Match(registered, found) if found else None


def in_time(registration: Registration, temporal: TemporalQuery | None) -> bool:
    """Whether a source can answer for a time; none means the latest state, which sources with intervals don't have (5.10.2.4).

    A source is meant if its interval overlaps the time asked for (table 5.2.9-1): none with data of that time is missed.
    """
    if temporal is None:
        return not registration.temporal
    observed = temporal.time_property == "observedAt"
    interval = registration.observation_interval if observed else registration.management_interval
    return interval is not None and (temporal.relation is None or _overlaps(interval, temporal))


def _overlaps(interval: Interval, temporal: TemporalQuery) -> bool:
    at = parse_instant(str(temporal.at))
    begins_in_time = temporal.relation is TimeRelation.AFTER or parse_instant(interval.start) <= (
        parse_instant(str(temporal.end_at)) if temporal.relation is TimeRelation.BETWEEN else at
    )
    ends_in_time = temporal.relation is TimeRelation.BEFORE or interval.end is None or parse_instant(interval.end) >= at
    return begins_in_time and ends_in_time


def offers(registration: Registration, operation: str, wanted: Wanted) -> bool:
    """Whether a source may be asked for an operation at all, entities and attributes apart (5.2.9)."""
    if operation not in registration.operations:
        return False
    if operation in LATEST_READS:
        return not registration.temporal
    return wanted.temporal is None or not registration.temporal or in_time(registration, wanted.temporal)


def discovered(registered: Registered, interest: Interest, evaluate: Evaluate, now_text: str) -> Match | None:
    """The match of a registration that is looked for, None if it is not meant or has expired."""
    if has_expired(registered.registration, now_text):
        return None
    return meant(registered, interest, evaluate, now_text)


def meant(registered: Registered, interest: Interest, evaluate: Evaluate, now_text: str) -> Match | None:
    """The match of a registration that is looked for, expired or not (5.10.2.4, 5.11.2.4)."""
    if not in_time(registered.registration, interest.wanted.temporal):
        return None
    match = matching(registered, interest.wanted)
    if match is None or (interest.csf is None and interest.geo is None and interest.scope is None):
        return match
    query = EntityQuery(condition=interest.csf, scope=interest.scope)
    shown = as_entity(registered)
    if interest.geo is not None and not may_hold(interest.geo, shown, evaluate, now_text):
        return None
    return match if evaluate(shown, query, now_text) else None


def may_hold(geo: GeoQuery, shown: Entity, evaluate: Evaluate, now_text: str) -> bool:
    """Whether the area of a source stands in the relation, or may hold something that does (5.10.2.4).

    What stands in a relation to a geometry touches it, except what is away from it.
    """
    instances = shown.attributes.get(geo.property_name, ())
    if not instances:
        return False
    extended = instances[0]["value"].get("type") in _EVERYTHING
    if geo.relation is GeoRelation.DISJOINT:
        inside = replace(geo, relation=GeoRelation.WITHIN)
        return not evaluate(shown, EntityQuery(geo=inside), now_text)
    if geo.relation is GeoRelation.NEAR:
        if extended and geo.distance_m_min is not None:
            geo = replace(geo, distance_m_min=None)
        return (geo.distance_m_max is None and extended) or evaluate(shown, EntityQuery(geo=geo), now_text)
    return evaluate(shown, EntityQuery(geo=replace(geo, relation=GeoRelation.INTERSECTS)), now_text)


def as_entity(registered: Registered) -> Entity:
    """A registration in the shape of an entity, so that queries about entities can be asked about it.

    Its Context Source Properties and its own members with a plain value become Properties, its geometries GeoProperties.
    """
    registration = registered.registration
    expanded = core_context().expanded
    told = {**registration.document, "endpoint": registration.endpoint, "mode": registration.mode.value}
    attributes: Attributes = {
        expanded[name]: [{"type": "Property", "value": value}]
        for name, value in told.items()
        if name not in registration.geometries and isinstance(value, str | int | float | bool)
    }
    attributes |= {name: [_property(value)] for name, value in registration.properties.items()}
    attributes |= {
        expanded[name]: [{"type": "GeoProperty", "value": geometry}] for name, geometry in registration.geometries.items()
    }
    return Entity(registration.id, (), attributes, registration.scopes, registered.created_at, registered.modified_at)


def _property(value: Any) -> dict[str, Any]:
    """A Context Source Property, which may be given as a value or in the form of a Property."""
    if isinstance(value, dict) and value.get("type") == "Property" and "value" in value:
        return {"type": "Property", "value": value["value"]}
    return {"type": "Property", "value": value}


def attribute_names(condition: Condition | None) -> Iterator[str]:
    """The attributes of the entities themselves that a query asks about (5.10.2.4): of a chain, its first Relationship."""
    if condition is None:
        return
    if isinstance(condition, And | Or):
        for item in condition.items:
            yield from attribute_names(item)
    else:
        path = condition.path
        yield path.links[0].name if path.links else path.name


def local_queries(registration: Registration) -> Iterator[EntityQuery]:
    """What must not be held here beside a proxied registration (5.9.2.4)."""
    for info in registration.information:
        if registration.mode is Mode.EXCLUSIVE:
            selectors = tuple(Selector(ids=frozenset({str(one.id)})) for one in info.entities)
        else:
            selectors = tuple(
                Selector(TypeSelection((one.types,)), frozenset({one.id}) if one.id else None, one.id_pattern)
                for one in info.entities
            )
        yield EntityQuery(selectors=selectors, attributes=tuple(sorted(info.attributes)))


def info_matches(info: RegistrationInfo, selectors: Iterable[Selector], attributes: frozenset[str]) -> bool:
    """Whether one element may hold any of the entities with any of the attributes; what is not given matches (5.12)."""
    if attributes and info.attributes and attributes.isdisjoint(info.attributes):
        return False
    asked = tuple(selectors)
    if not asked or not info.entities:
        return True
    return any(_entities_match(one, selector) for selector in asked for one in info.entities)


def _entities_match(info: EntityInfo, selector: Selector) -> bool:
    if selector.types is not None and not any(one <= info.types for one in selector.types.any_of):
        return False
    if info.id is None and info.id_pattern is None:
        return True
    if selector.ids is None and selector.id_pattern is None:
        return True
    if selector.ids is not None:
        return any(_id_fits(info, one) for one in selector.ids)
    if info.id is not None:
        return pattern_finds(str(selector.id_pattern), info.id)
    return True


def _id_fits(info: EntityInfo, entity_id: str) -> bool:
    if info.id is not None:
        return info.id == entity_id
    return info.id_pattern is None or pattern_finds(info.id_pattern, entity_id)


def conflict(candidate: Registration, others: Iterable[Registration]) -> Registration | None:
    """A registration that stands in the way of a proxied one (4.3.6.3, 5.9.2.4).

    For the same entity and attributes there is one exclusive registration and no redirect beside it; redirects may overlap.
    """
    if not candidate.proxied:
        return None
    for other in others:
        alone = Mode.EXCLUSIVE in (candidate.mode, other.mode)
        if other.id != candidate.id and other.proxied and alone and _overlap(candidate, other):
            return other
    return None


def _overlap(one: Registration, other: Registration) -> bool:
    exclusive, second = (one, other) if one.mode is Mode.EXCLUSIVE else (other, one)
    return any(_same_data(mine, theirs) for mine in exclusive.information for theirs in second.information)


def _same_data(exclusive: RegistrationInfo, other: RegistrationInfo) -> bool:
    """Whether an exclusive element (entities by id, attributes by name) shares data with another."""
    if other.attributes and exclusive.attributes.isdisjoint(other.attributes):
        return False
    return not other.entities or any(_same_entity(mine, theirs) for mine in exclusive.entities for theirs in other.entities)


def _same_entity(exclusive: EntityInfo, other: EntityInfo) -> bool:
    """Whether another element is about the entity of an exclusive one: by its id, else as one of its type."""
    if other.id is not None:
        return other.id == exclusive.id
    return not other.types.isdisjoint(exclusive.types) and _id_fits(other, str(exclusive.id))
