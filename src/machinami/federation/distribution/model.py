"""What is asked of a source and what it says; all names in an `Ask` are already those of its @context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from machinami.federation.registrations.model import Registered
from machinami.kernel.errors import MachinamiError
from machinami.standards.ngsi_ld.contexts import Context


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of distributed operations (settings `federation_*`)."""

    timeout_s: float = 5.0
    timeout_s_max: float = 30.0
    in_flight_max: int = 64
    answer_bytes_max: int = 16_000_000
    json_depth_max: int = 64
    entities_max: int = 5_000
    instances_max: int = 100_000
    page_entities: int = 100
    cached_answers_max: int = 1_000
    via_max: int = 20
    credentials_conveyed: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that is being served: for whom, and the headers it came with (lower-case names)."""

    tenant: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A registered source, and the @context to speak with it (4.3.6.6)."""

    registered: Registered
    context: Context
    media_type: str = ""
    accept: str = "application/json"

    @property
    def id(self) -> str:
        """The registration's id: the name under which people know the source."""
        return self.registered.registration.id


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a source: `path` is below `/ngsi-ld/v1`, encoded; `document` None means no body."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    document: Any = None
    reads: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What a source answered: a complete answer with any status."""

    status: int
    document: Any = None
    context: Context | None = None
    warnings: tuple[str, ...] = ()
    content_range: str = ""

    @property
    def well(self) -> bool:
        """Whether all that was asked for happened."""
        return 200 <= self.status < 300 and self.status != 207


Said = Reply | MachinamiError
"""An answer, or why there is none (`federation.source.*`)."""
