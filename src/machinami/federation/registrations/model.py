"""What federation keeps of a registration, and what an operation asks of the live set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from machinami.kernel.query import Condition, GeoQuery, ScopeQuery, Selector
from machinami.standards.ngsi_ld.registration_model import (
    EntityInfo,
    Interval,
    Management,
    Mode,
    Registration,
    RegistrationInfo,
    RegistrationLimits,
)
from machinami.standards.ngsi_ld.temporal import TemporalQuery

__all__ = [
    "EntityInfo",
    "Figures",
    "Interest",
    "Interval",
    "Letter",
    "Management",
    "Match",
    "Mode",
    "Registered",
    "Registration",
    "RegistrationInfo",
    "RegistrationLimits",
    "Tries",
    "Wanted",
    "Write",
]


@dataclass(frozen=True, slots=True)
class Registered:
    """A stored registration of one of our tenants, with the @context it was made under and its times.

    `number` is its place in the order of creation.
    """

    tenant: str
    registration: Registration
    context_source: Any
    created_at: str
    modified_at: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of the operations that a registration triggered (table 5.2.9-2)."""

    times_sent: int = 0
    times_failed: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None
    failed: bool = False

    def plus(self, tries: Tries) -> Figures:
        """The figures after some more tries."""
        newest_failure = max(filter(None, (self.last_failure, tries.last_failure)), default=None)
        newest_success = max(filter(None, (self.last_success, tries.last_success)), default=None)
        return Figures(
            self.times_sent + tries.sent, self.times_failed + tries.failed, newest_success, newest_failure, tries.ends_failed
        )


@dataclass(frozen=True, slots=True)
class Tries:
    """Operations that a registration triggered since they were last counted; `ends_failed`: the last one failed."""

    tenant: str
    registration_id: str
    sent: int
    failed: int
    last_success: datetime | None
    last_failure: datetime | None
    ends_failed: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A specification of entities and attributes (5.12): any selector, any of the attributes; empty parts match all.

    `previous_sources` are the pseudonyms of the sources that the request has already passed through (4.3.6.4). `temporal`
    is the time that a request for histories asks about.
    """

    selectors: tuple[Selector, ...] = ()
    attributes: frozenset[str] = frozenset()
    dataset_ids: frozenset[str] = frozenset()
    previous_sources: frozenset[str] = frozenset()
    temporal: TemporalQuery | None = None


@dataclass(frozen=True, slots=True)
class Interest:
    """Which registrations are looked for (5.10.2.4, 5.11.2.4): those for `wanted` whose own members meet the rest.

    `csf` is about Context Source Properties. Without `wanted.temporal` only sources of latest information are meant.
    """

    wanted: Wanted = field(default_factory=Wanted)
    csf: Condition | None = None
    geo: GeoQuery | None = None
    scope: ScopeQuery | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A registration that may concern an operation, and the elements of its information that do."""

    registered: Registered
    information: tuple[RegistrationInfo, ...]

    @property
    def registration(self) -> Registration:
        """The registration itself."""
        return self.registered.registration


@dataclass(frozen=True, slots=True)
class Write:
    """A change of one record; without `document` it is removed. `new`: only if there is none yet, else only if there is."""

    tenant: str
    kind: str
    key: str
    document: dict[str, Any] | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """One notification on its way to a subscriber; `order_key` is what must arrive in order."""

    tenant: str
    subscription_id: str
    order_key: str
    notification_id: str
    url: str
    body: bytes
    headers: Mapping[str, str]
    created_at: datetime
    timeout_s: float | None = None
    cooldown_s: float | None = None
