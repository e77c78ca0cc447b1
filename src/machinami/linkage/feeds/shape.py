"""Build attributes of entities in the shape of `kernel.entity`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from machinami.kernel.clock import iso
from machinami.kernel.entity import LOCATION, Attributes, Instance
from machinami.standards.alerts import LABEL, term


def prop(
    value: Any, observed_at: datetime | None = None, unit: str = "", sub: Mapping[str, Instance] | None = None
) -> Instance:
    """A Property instance; `unit` is a UN/CEFACT code, `sub` maps short names to sub-attributes."""
    instance: Instance = {"type": "Property", "value": value}
    if observed_at is not None:
        instance["observedAt"] = iso(observed_at)
    if unit:
        instance["unitCode"] = unit
    if sub:
        instance["attributes"] = {term(name): [one] for name, one in sub.items()}
    return instance


def point(longitude: float, latitude: float, observed_at: datetime | None = None) -> Instance:
    """A GeoProperty instance of one point, WGS84 degrees."""
    instance: Instance = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}}
    if observed_at is not None:
        instance["observedAt"] = iso(observed_at)
    return instance


def relationship(entity_id: str) -> Instance:
    """A Relationship instance to one entity."""
    return {"type": "Relationship", "object": entity_id}


def attributes(named: Mapping[str, Instance | None], label: str | None = None) -> Attributes:
    """Attributes by short name; None values are left out. `label` is `replay`, `simulation` or `snapshot`."""
    found: Attributes = {term(name): [instance] for name, instance in named.items() if instance is not None}
    if label:
        found[LABEL] = [prop(label)]
    return found


__all__ = ["LOCATION", "attributes", "point", "prop", "relationship"]
