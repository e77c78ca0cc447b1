"""An entity map (CIM 009 5.2.39)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EntityMap:
    """Entity ids in the order of the query that made the map, each with its sources: registration ids, or `@none`.

    `linked` names the map that a source made of its own, by registration id.
    """

    id: str
    expires_at: datetime
    entities: tuple[tuple[str, tuple[str, ...]], ...]
    linked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntityMapLimits:
    """`entities_max` in one map, `maps_max` per tenant, lifetimes in seconds."""

    entities_max: int
    maps_max: int
    lifetime_s: float
    lifetime_s_max: float
