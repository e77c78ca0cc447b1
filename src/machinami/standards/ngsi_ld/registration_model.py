"""A context source registration as federation uses it (CIM 009 5.2.8-5.2.11, 5.2.34): all names are expanded."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from machinami.standards.ngsi_ld.operations import AUXILIARY_DEFAULT, DEFAULT_OPERATIONS, expanded_operations

GEOMETRY_MEMBERS: Final = ("location", "observationSpace", "operationSpace")


class Mode(StrEnum):
    """How operations are shared with the source (4.3.6.2, 4.3.6.3)."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"
    REDIRECT = "redirect"
    AUXILIARY = "auxiliary"

    @property
    def default_operations(self) -> tuple[str, ...]:
        """What a registration offers that names no operations (4.20); an auxiliary one all that it may (4.3.6.2)."""
        return AUXILIARY_DEFAULT if self is Mode.AUXILIARY else DEFAULT_OPERATIONS


@dataclass(frozen=True, slots=True)
class RegistrationLimits:
    """Budgets of one registration (settings of the same names, except the two counts)."""

    pattern_characters_max: int = 512
    geometry_vertices_max: int = 2_000
    information_max: int = 200
    names_max: int = 1_000


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """Entities that a source may have: all with these `types`, or the one with `id`, or those that `id_pattern` finds."""

    types: frozenset[str]
    id: str | None = None
    id_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class RegistrationInfo:
    """Entities and attributes that a source may have; no entities: of any entity, no names: any attribute."""

    entities: tuple[EntityInfo, ...] = ()
    property_names: tuple[str, ...] = ()
    relationship_names: tuple[str, ...] = ()

    @property
    def attributes(self) -> frozenset[str]:
        """Properties and Relationships together."""
        return frozenset((*self.property_names, *self.relationship_names))


@dataclass(frozen=True, slots=True)
class Interval:
    """A TimeInterval (5.2.11) as ISO 8601 text; without `end` it goes on."""

    start: str
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Management:
    """How to treat the source (5.2.34); durations in seconds, None where the broker decides."""

    timeout_s: float | None = None
    cooldown_s: float | None = None
    cache_duration_s: float | None = None
    local_only: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """One context source and what it may be asked.

    `operations` are single names, groups already expanded. `source_tenant` is the tenant at the source, `source_info` the
    key-value pairs to convey when it is contacted (4.3.6.5), `source_alias` its own pseudonym, which tells loops. `geometries`
    has GeoJSON by member name. `properties` are additional Context Source Properties by expanded name. `document` keeps the
    client's own text of the members that hold no names to expand, shown again as it came.
    """

    id: str
    endpoint: str
    information: tuple[RegistrationInfo, ...] = ()
    mode: Mode = Mode.INCLUSIVE
    operations: frozenset[str] = field(default_factory=lambda: expanded_operations(DEFAULT_OPERATIONS))
    source_tenant: str | None = None
    source_info: tuple[tuple[str, str], ...] = ()
    source_alias: str | None = None
    management: Management = field(default_factory=Management)
    dataset_ids: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    geometries: dict[str, Any] = field(default_factory=dict)
    observation_interval: Interval | None = None
    management_interval: Interval | None = None
    expires_at: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def proxied(self) -> bool:
        """Whether registered data are held at the source alone (4.3.6.3)."""
        return self.mode in (Mode.EXCLUSIVE, Mode.REDIRECT)

    @property
    def temporal(self) -> bool:
        """Whether the source offers histories and not the latest state (5.2.9)."""
        return self.observation_interval is not None or self.management_interval is not None
